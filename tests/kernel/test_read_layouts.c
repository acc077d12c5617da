/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of another layout: whether they fit what they say they are, what a slot of them has that is
 * not in the ledger, and what of them is carried into new ones. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "calls.h"
#include "crowd.h"
#include "drain_read.h"

#define LRU_ENTRIES 1024u

static struct crowd crowd;
static struct ipacct_maps unmapped; /* as a reader has them */

static void setup(void)
{
	crowd_open(&crowd, true, LRU_ENTRIES);
	unmapped = crowd_unmapped(&crowd);
	crowd_all(&crowd);
}

static void teardown(void)
{
	if (crowd.reader)
		crowd_close(&crowd);
}

TestSuite(read_layouts, .init = setup, .fini = teardown, .timeout = 240);

static void expect_no_fit(struct drain_set set, int *fd, int instead)
{
	int kept = *fd;

	*fd = instead;
	cr_assert_not(drain_set_fits(&set));
	*fd = kept;
}

Test(read_layouts, maps_of_other_sizes_do_not_fit)
{
	struct drain_set set = { unmapped, layout_of(IPACCT_ABI_VERSION) }, other;
	struct layout layout = *set.layout;
	int wrong[] = { -1, crowd.stage.ledger_fd, unmapped.lru_fds[0], unmapped.ctl_fd };

	cr_assert(drain_set_fits(&set));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		other = set;
		other.maps.ifs_fd = wrong[i];
		cr_assert_not(drain_set_fits(&other), "%zu", i);
		other = set;
		other.maps.hot4_fd = wrong[i];
		cr_assert_not(drain_set_fits(&other));
		other = set;
		other.maps.hot6_fd = wrong[i];
		cr_assert_not(drain_set_fits(&other));
	}
	expect_no_fit(set, &set.maps.lru_fds[1], unmapped.ctl_fd);
	layout.ifs_max++;
	other = (struct drain_set){ unmapped, &layout };
	cr_assert_not(drain_set_fits(&other));
	other = set;
	other.maps.meta.hot4_sets = other.maps.meta.hot6_sets = 0;
	other.maps.hot4_fd = other.maps.hot6_fd = -1;
	cr_assert(drain_set_fits(&other), "no hot tier");
	other = set;
	other.maps.meta.n_parts = 1;
	other.maps.hot4_fd = other.maps.hot6_fd = -1;
	cr_assert(drain_set_fits(&other), "nobody has a hot tier");
}

Test(read_layouts, a_slot_of_another_layout_has_what_is_not_in_the_ledger)
{
	struct ipacct_ledger_header header = *crowd.stage.cutter.publisher.ledger.header;
	struct drain_set set = { unmapped, layout_of(IPACCT_ABI_VERSION) };
	struct ipacct_ctl *ctl = crowd.stage.maps.ctl;
	struct ipacct_totals sum = {};
	unsigned int at = 1;

	cr_assert_eq(drain_slot_pending(&set, &header, 0, &sum), 0);
	cr_assert_eq(sum.seen.packets, crowd.sent);
	for (; at < 3; at++) { /* the control record, and one epoch */
		calls_fail(CALLS_BPF, at, EIO);
		cr_assert_eq(drain_slot_pending(&set, &header, 0, &sum), -EIO);
		cr_assert(calls_end());
	}
	if (calls_allocations_counted) {
		calls_fail(CALLS_ALLOCATION, 1, ENOMEM);
		cr_assert_eq(drain_slot_pending(&set, &header, 0, &sum), -ENOMEM);
		cr_assert(calls_end());
	}
	sum = (struct ipacct_totals){};
	ctl->cut[1 - (ctl->epoch & 1)] = ctl->cut[ctl->epoch & 1] + 1; /* prepared: empty */
	header.instance++;                                             /* a ledger of others */
	header.cut = UINT64_MAX;
	cr_assert_eq(drain_slot_pending(&set, &header, 0, &sum), 0);
	cr_assert_eq(sum.seen.packets, crowd.sent);
	header.instance--;
	cr_assert_eq(drain_slot_pending(&set, &header, 0, &sum), 0);
	cr_assert_eq(sum.seen.packets, crowd.sent, "all of it is in the ledger");
}

Test(read_layouts, slots_are_carried_or_refused)
{
	struct drain_set set = { unmapped, layout_of(IPACCT_ABI_VERSION) }, large = set;
	const unsigned int n_domains = set.layout->domains_max, n_ifs = set.layout->ifs_max;
	const unsigned int failing[] = { 1,
					 2,
					 2 * n_domains + 1,
					 2 * n_domains + 2,
					 2 * (n_domains + n_ifs) + 1,
					 2 * (n_domains + n_ifs) + 2 };
	struct ipacct_domain domain = { .domain = 7, .in_use = 1 }, found = {};
	struct layout layout = *set.layout;
	struct ipacct_interface interface;
	struct ipacct_epoch epoch = {};
	struct stage to = {};
	uint32_t slot = 3;

	stage_open(&to, 48 << 20, false);
	cr_assert_eq(bpf_map_update_elem(unmapped.doms_fd, &slot, &domain, BPF_ANY), 0);
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		calls_fail(CALLS_BPF, failing[i], EIO);
		cr_assert_eq(drain_carry(&set, &to.maps), -EIO);
		cr_assert(calls_end());
	}
	if (calls_allocations_counted) {
		calls_fail(CALLS_ALLOCATION, 1, ENOMEM);
		cr_assert_eq(drain_carry(&set, &to.maps), -ENOMEM);
		cr_assert(calls_end());
	}
	cr_assert_eq(drain_carry(&set, &to.maps), 0);
	cr_assert_eq(bpf_map_lookup_elem(to.maps.doms_fd, &slot, &found), 0);
	cr_assert_arr_eq(&found, &domain, sizeof(domain));
	set.maps = to.maps;
	cr_assert_eq(drain_interface(&set, 0, &interface), 0);
	cr_assert_str_eq(interface.ifname, "test");
	large.layout = &layout;
	layout.ifs_max = IPACCT_IFS_MAX + 1;
	cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
	cr_assert_eq(drain_carry(&large, &to.maps), -E2BIG);
	cr_assert_eq(drain_read(&epoch, &large, 0), -E2BIG);
	layout.ifs_max = IPACCT_IFS_MAX;
	layout.domains_max = IPACCT_DOMAINS_MAX + 1;
	cr_assert_eq(drain_carry(&large, &to.maps), -E2BIG);
	cr_assert_eq(drain_read(&epoch, &large, 0), -E2BIG);
	ipacct_epoch_finish(&epoch);
	stage_close(&to);
}
