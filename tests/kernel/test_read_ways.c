/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One epoch read in every way that there is: mapped, by system calls, key by key, as if it counted, and as
 * maps of another layout. Each says the same; each tells which call failed, and says the same after that. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "calls.h"
#include "crowd.h"
#include "drain_read.h"
#include "hot_lines.h"

#define LRU_ENTRIES 1024u
#define ROLL6_LINES 3000u /* more than the first sizes of a table */

static struct crowd crowd;
static struct ipacct_maps unmapped; /* as a reader has them */

static int read_mapped(struct ipacct_epoch *epoch)
{
	return ipacct_epoch_read(epoch, &crowd.stage.maps, 0);
}

static int read_by_calls(struct ipacct_epoch *epoch)
{
	return ipacct_epoch_read(epoch, &unmapped, 0);
}

static int read_per_key(struct ipacct_epoch *epoch)
{
	epoch->batch.per_key = true;
	return read_by_calls(epoch);
}

static int read_as_live(struct ipacct_epoch *epoch)
{
	epoch->live = true;
	return read_by_calls(epoch);
}

static int read_as_live_mapped(struct ipacct_epoch *epoch)
{
	epoch->live = true;
	return read_mapped(epoch);
}

static int read_drained(struct ipacct_epoch *epoch)
{
	struct drain_set set = { unmapped, layout_of(IPACCT_ABI_VERSION) };

	return drain_read(epoch, &set, 0);
}

/* An epoch with something in every tier: prefixes of many, records, lines of both families. */
static void setup(void)
{
	struct ipacct_maps *maps = &crowd.stage.maps;
	uint32_t index;

	crowd_open(&crowd, true, LRU_ENTRIES);
	unmapped = crowd_unmapped(&crowd);
	for (int i = 0; i < 6; i++)
		crowd_all(&crowd);
	for (index = 2; !maps->parts[index].rollup_updates; index += IPACCT_EPOCHS)
		cr_assert_lt(index, maps->meta.n_parts * IPACCT_EPOCHS);
	for (uint32_t i = 0; i < ROLL6_LINES; i++)
		maps->roll6[index * IPACCT_ROLL6_LINES + i] =
			(struct ipacct_roll6_line){ .key = 1 + i, .counters = { .tx_packets = i } };
	maps->roll[index * IPACCT_ROLL_LINES + IPACCT_ROLL4_LINES].rx_packets = 5; /* 0.0.0.0/0 */
	maps->roll[index * IPACCT_ROLL_LINES + IPACCT_ROLL4_LINES + 1].rx_packets = 6; /* ::/0 */
}

static void teardown(void)
{
	if (crowd.reader)
		crowd_close(&crowd);
}

TestSuite(read_ways, .init = setup, .fini = teardown, .timeout = 240);

static void expect_equal(const struct ipacct_table *a, const struct ipacct_table *b)
{
	cr_assert_eq(a->n_entries, b->n_entries);
	for (uint32_t i = 0; i < a->n_entries; i++) {
		uint32_t at = ipacct_table_find(b, &a->entries[i].key, a->entries[i].prefix_len);

		cr_assert_neq(at, IPACCT_TABLE_NONE);
		cr_assert_arr_eq(&a->entries[i].counters, &b->entries[at].counters,
				 sizeof(a->entries[i].counters));
	}
}

static void expect_read(int (*read)(struct ipacct_epoch *), struct ipacct_epoch *epoch,
			const struct ipacct_epoch *wanted)
{
	ipacct_epoch_reset(epoch);
	cr_assert_eq(read(epoch), 0);
	expect_equal(&wanted->addresses, &epoch->addresses);
	expect_equal(&wanted->rollups, &epoch->rollups);
	cr_assert_arr_eq(wanted->totals, epoch->totals, sizeof(wanted->totals));
	cr_assert_eq(wanted->hot_displaced, epoch->hot_displaced);
	cr_assert_eq(wanted->lru_inserts, epoch->lru_inserts);
	cr_assert_eq(wanted->rollup_updates, epoch->rollup_updates);
}

/* Where there are thousands of one kind: the first 20, then from `from` on every so-many-th. */
static void some_fail(int (*read)(struct ipacct_epoch *), enum calls_kind kind, int error,
		      unsigned int from, unsigned int step)
{
	struct ipacct_epoch wanted;
	unsigned int n = 0;
	bool failed = true;

	if (kind == CALLS_ALLOCATION && !calls_allocations_counted)
		return;
	cr_assert_eq(ipacct_epoch_init(&wanted, false), 0);
	cr_assert_eq(read_mapped(&wanted), 0);
	cr_assert(wanted.hot_displaced && wanted.lru_inserts);
	cr_assert_eq(wanted.rollups.n_entries > ROLL6_LINES, true);
	for (unsigned int at = 1; failed; at = at < 20 ? at + 1 : at < from ? from : at + step) {
		struct ipacct_epoch epoch;
		int ret;

		cr_assert_eq(ipacct_epoch_init(&epoch, read == read_mapped), 0);
		calls_fail(kind, at, error);
		ret = read(&epoch);
		failed = calls_end();
		n += failed;
		cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
		expect_read(read, &epoch, &wanted);
		ipacct_epoch_finish(&epoch);
	}
	cr_assert_geq(n, 4, "%u calls", n);
	ipacct_epoch_finish(&wanted);
}

static void whichever_fails(int (*read)(struct ipacct_epoch *), enum calls_kind kind, int error)
{
	some_fail(read, kind, error, 0, 1);
}

Test(read_ways, mapped)
{
	whichever_fails(read_mapped, CALLS_BPF, EIO);
	whichever_fails(read_mapped, CALLS_ALLOCATION, ENOMEM);
}

Test(read_ways, by_system_calls)
{
	whichever_fails(read_by_calls, CALLS_BPF, EIO);
	whichever_fails(read_by_calls, CALLS_ALLOCATION, ENOMEM);
}

Test(read_ways, key_by_key)
{
	some_fail(read_per_key, CALLS_BPF, EIO, 0, 97);
	whichever_fails(read_per_key, CALLS_ALLOCATION, ENOMEM);
}

Test(read_ways, as_if_it_counted)
{
	whichever_fails(read_as_live, CALLS_BPF, EIO);
	whichever_fails(read_as_live, CALLS_ALLOCATION, ENOMEM);
	whichever_fails(read_as_live_mapped, CALLS_ALLOCATION, ENOMEM);
}

Test(read_ways, as_another_layout)
{
	const unsigned int n_slots = IPACCT_IFS_MAX + IPACCT_DOMAINS_MAX; /* one like the other */

	some_fail(read_drained, CALLS_BPF, EIO, n_slots - 2, 1);
	some_fail(read_drained, CALLS_ALLOCATION, ENOMEM, n_slots - 2, 1);
}

static void flood(void *context)
{
	for (int i = 0; i < 10; i++)
		crowd_flood(context);
}

/* Lines are displaced between two readings of the records; what they had is added from the second, and
 * memory is short then. */
Test(read_ways_live, what_came_to_the_records_meanwhile, .timeout = 240)
{
	unsigned int call = 1, at = 1;
	struct ipacct_epoch epoch;
	bool failed = true;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	crowd_open(&crowd, true, 1u << 14);
	unmapped = crowd_unmapped(&crowd);
	for (bool found = false; !found; call++) { /* before which call the second has more */
		cr_assert_lt(call, CALLS_MAX);
		crowd_all(&crowd);
		cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
		calls_between(call, flood, &crowd);
		cr_assert_eq(read_as_live(&epoch), 0);
		cr_assert(calls_end());
		found = epoch.again.n_allocated >
			epoch.first.n_allocated; /* the last partition has none */
		ipacct_epoch_finish(&epoch);
		stage_cut(&crowd.stage);
		stage_cut(&crowd.stage); /* the same epoch again */
	}
	call--;
	for (; failed; at++) {
		int ret;

		crowd_all(&crowd);
		cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
		calls_between(call, flood, &crowd);
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		ret = read_as_live(&epoch);
		failed = calls_end() || ret;
		cr_assert_eq(ret, failed ? -ENOMEM : 0);
		ipacct_epoch_finish(&epoch);
		stage_cut(&crowd.stage);
		stage_cut(&crowd.stage);
	}
	cr_assert_gt(at, 5);
	crowd_close(&crowd);
}

/* A line that has a key and no counts, a partition without a budget. */
Test(read_ways, what_is_empty_adds_nothing)
{
	struct ipacct_maps *maps = &crowd.stage.maps;
	struct drain_set set = { unmapped, layout_of(IPACCT_ABI_VERSION) };
	struct ipacct_roll6_line empty = { .key = 7 };
	struct ipacct_epoch epoch;
	uint32_t n_entries;

	cr_assert_eq(ipacct_epoch_init(&epoch, false), 0);
	cr_assert_eq(ipacct_epoch_roll6_add(&epoch, &empty), 0);
	cr_assert_eq(epoch.rollups.n_entries, 0);
	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS; i++)
		maps->parts[i].lru_budget = 0;
	cr_assert_eq(read_mapped(&epoch), 0);
	cr_assert_gt(epoch.lru_inserts, 0);
	cr_assert_eq(epoch.lru_fullest_ppm, 0);
	n_entries = epoch.addresses.n_entries;
	set.maps.meta.hot4_sets = set.maps.meta.hot6_sets = 0;
	ipacct_epoch_reset(&epoch);
	cr_assert_eq(drain_read(&epoch, &set, 0), 0);
	cr_assert_lt(epoch.addresses.n_entries, n_entries, "none of a tier that is not there");
	ipacct_epoch_finish(&epoch);
}

/* libbpf asks only once; a process of its own, and no CPU is listed. */
Test(read_ways_begin, without_a_list_of_cpus_nothing_is_read)
{
	struct drain_set set = { .layout = layout_of(IPACCT_ABI_VERSION) };
	struct ipacct_ledger_header header = {};
	struct ipacct_totals totals = {};
	struct ipacct_epoch epoch;

	if (geteuid())
		cr_skip_test("needs root");
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("tmpfs", "/sys/devices/system/cpu", "tmpfs", 0, NULL), 0);
	cr_assert_eq(ipacct_epoch_init(&epoch, false), -ENOENT);
	cr_assert_eq(drain_slot_pending(&set, &header, 0, &totals), -ENOENT);
}

Test(read_ways_begin, lines_of_other_domains_are_others)
{
	struct ipacct_hot4_line a4 = { .addr_be = 1, .domain = 1 }, b4 = a4;
	struct ipacct_hot6_line a6 = { .addr_be = { 1 }, .domain = 1 }, b6 = a6;

	cr_assert(hot_line_keys_equal(&a4, &b4, false) && hot_line_keys_equal(&a6, &b6, true));
	b4.domain = b6.domain = 2;
	cr_assert_not(hot_line_keys_equal(&a4, &b4, false));
	cr_assert_not(hot_line_keys_equal(&a6, &b6, true));
}

/* ---- The whole of a map, where the kernel answers as it seldom does --------------------------- */

static int count(const void *keys, const void *values, uint32_t n, void *context)
{
	(void)keys;
	(void)values;
	*(uint32_t *)context += n;
	return 0;
}

static int lru_fd(void)
{
	return crowd.stage.maps.lru_fds[2]; /* that of CPU 0 */
}

static int lru_count(struct ipacct_batch *batch, uint32_t *ret_n)
{
	*ret_n = 0;
	return ipacct_batch_read(batch, lru_fd(), sizeof(struct ipacct_key),
				 sizeof(struct ipacct_counters), count, ret_n);
}

Test(read_ways, a_kernel_without_batches_is_read_key_by_key)
{
	static const int errors[] = { EINVAL, EOPNOTSUPP, 524 }; /* linux/errno.h ENOTSUPP */
	struct ipacct_batch batch = {};
	uint32_t n, n_all;

	cr_assert_eq(lru_count(&batch, &n_all), 0);
	cr_assert_gt(n_all, 100);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		calls_fail(CALLS_BPF, 1, errors[i]);
		cr_assert_eq(lru_count(&batch, &n), 0);
		cr_assert(calls_end());
		cr_assert_eq(n, n_all);
	}
	ipacct_batch_finish(&batch);
	batch.n_entries = 64;
	calls_fail(CALLS_BPF, 2, EINVAL); /* it had them before */
	cr_assert_eq(lru_count(&batch, &n), -EINVAL);
	cr_assert(calls_end());
	ipacct_batch_finish(&batch);
}

Test(read_ways, a_bucket_larger_than_the_batch)
{
	struct ipacct_batch batch = {};
	uint32_t n, n_all;

	cr_assert_eq(lru_count(&batch, &n_all), 0);
	calls_fail(CALLS_BPF, 1, ENOSPC);
	cr_assert_eq(lru_count(&batch, &n), 0);
	cr_assert(calls_end());
	cr_assert_eq(n, n_all);
	cr_assert_eq(batch.n_entries, 2 * IPACCT_BATCH_ENTRIES);
	if (calls_allocations_counted) {
		calls_fail(CALLS_BPF, 1, ENOSPC);
		calls_fail(CALLS_ALLOCATION, 1, ENOMEM);
		cr_assert_eq(lru_count(&batch, &n), -ENOMEM);
		cr_assert(calls_end());
	}
	ipacct_batch_finish(&batch);
	for (unsigned int at = 1; at < 3 && calls_allocations_counted; at++) {
		batch.per_key = true; /* needs more for one entry than a batch does */
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		cr_assert_eq(lru_count(&batch, &n), -ENOMEM);
		cr_assert(calls_end());
		ipacct_batch_finish(&batch);
	}
	batch.n_entries = 1u << 22; /* BATCH_ENTRIES_MAX: larger than any of ours */
	calls_fail(CALLS_BPF, 1, ENOSPC);
	cr_assert_eq(lru_count(&batch, &n), -ENOSPC);
	cr_assert(calls_end());
	ipacct_batch_finish(&batch);
}

static void all_delete(void *context)
{
	struct ipacct_key key;

	(void)context;
	while (!bpf_map_get_next_key(lru_fd(), NULL, &key))
		cr_assert_eq(bpf_map_delete_elem(lru_fd(), &key), 0);
}

Test(read_ways, a_key_that_goes_away_between_two_calls)
{
	struct ipacct_batch batch = { .per_key = true };
	uint32_t n;

	calls_between(2, all_delete, NULL); /* between its number and its value */
	cr_assert_eq(lru_count(&batch, &n), 0);
	cr_assert(calls_end());
	cr_assert_eq(n, 0);
	ipacct_batch_finish(&batch);
}

static int refuse(const void *keys, const void *values, uint32_t n, void *context)
{
	(void)keys;
	(void)values;
	(void)n;
	(void)context;
	return -ECANCELED;
}

Test(read_ways, whoever_is_told_may_end_it)
{
	struct ipacct_batch batch = { .per_key = true };

	cr_assert_eq(ipacct_batch_read(&batch, lru_fd(), sizeof(struct ipacct_key),
				       sizeof(struct ipacct_counters), refuse, NULL),
		     -ECANCELED);
	cr_assert_eq(ipacct_batch_read_array(&batch, crowd.stage.maps.ctl_fd,
					     sizeof(struct ipacct_ctl), 1, 1, count, NULL),
		     -ENOENT, "behind its end");
	ipacct_batch_finish(&batch);
}
