/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a cut finds that the one before it left: half done, not cleared, under a list that is
 * gone, or not closing. What is told is what was sent, once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "calls.h"
#include "config_groups.h"
#include "counters_math.h"
#include "crowd.h"
#include "groups_file.h"

#define LRU_ENTRIES 1024u
#define LIST        "2001:db8::/33 a ipv6_len=48\n" /* all that the crowd has of IPv6 */
#define LIST_LEN    48u

static struct crowd crowd;
static struct cutter *const cutter = &crowd.stage.cutter;

static void setup(void)
{
	crowd_open(&crowd, true, LRU_ENTRIES);
}

static void teardown(void)
{
	if (!crowd.reader)
		return; /* skipped */
	groups_file_remove_all(crowd.stage.dir_fd);
	crowd_close(&crowd);
}

TestSuite(cut_states, .init = setup, .fini = teardown, .timeout = 240);

static uint64_t committed(void)
{
	return publisher_cut(&cutter->publisher);
}

/* The collector is gone and another one begins, by a list of groups or by none. */
static int begin(bool list)
{
	int fd = list ? groups_file_open(crowd.stage.dir_fd, NULL) : -ENOENT;
	int ret;

	cutter_finish(cutter);
	ret = cutter_init(cutter, &crowd.stage.maps, crowd.stage.ledger_fd, NULL);
	cut_mask_init(&cutter->mask, fd, -ENOENT);
	if (fd >= 0)
		close(fd);
	return ret ? ret : cutter_recover(cutter);
}

/* A list that masks, from the epoch after the next cut on. */
static void list_set(void)
{
	struct group_image image;
	char error[256] = "";

	cr_assert_eq(config_groups_parse("list", LIST, strlen(LIST), &image, error, sizeof(error)),
		     0, "%s", error);
	cr_assert_eq(groups_file_write(crowd.stage.dir_fd, getuid(), getgid(), &image), 0);
	cr_assert_eq(groups_file_publish(crowd.stage.dir_fd), 0);
	group_image_finish(&image);
	cr_assert_eq(begin(true), 0);
	stage_cut(&crowd.stage);
}

/* The sums of all entries with such a length; 0: of any. */
static struct ipacct_counters ledger_sum(unsigned int prefix_len)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(&crowd.stage);
	struct ipacct_counters sum = {};

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		if (!prefix_len || snapshot->addresses[i].prefix_len == prefix_len)
			ipacct_counters_add(&sum, &snapshot->addresses[i].counters);
	for (size_t i = 0; i < snapshot->n_rollups && !prefix_len; i++)
		ipacct_counters_add(&sum, &snapshot->rollups[i].counters);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0);
	ipacct_snapshot_destroy(snapshot);
	return sum;
}

/* All that was sent, wherever it is. */
static void expect_all(unsigned int at)
{
	struct ipacct_counters sum = ledger_sum(0);

	crowd_expect(&sum, crowd.sent, "all", at);
}

/* ---- A call fails ---- */

/* Each attempt is one of a collector that has just begun, so that all tables have to grow. Which
 * of them is the last to fail differs a little: keys that stay warm lie in one of two epochs. */
static void whichever_fails(enum calls_kind kind, int error, bool list)
{
	unsigned int n_whole = 0, n_publishing = 0, n_clearing = 0, at = 1;

	for (; at < CALLS_MAX && n_whole < 4; at++) {
		uint64_t before;
		bool failed;
		int ret;

		cr_assert_eq(begin(list), 0);
		crowd_all(&crowd);
		crowd_flood(&crowd);
		crowd_flood(&crowd);
		before = committed();
		calls_fail(kind, at, error);
		ret = cutter_cut(cutter);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -error : 0, "call %u: %d", at, ret);
		n_whole += !failed;
		n_publishing += ret && committed() == before && cutter->read_ns;
		n_clearing += ret && committed() > before;
		crowd_honest(&crowd); /* counts in the other epoch, unless that did not begin */
		stage_cut(&crowd.stage);
		expect_all(at);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	if (kind == CALLS_ALLOCATION)
		cr_assert_gt(n_publishing, 0);
	else
		cr_assert_gt(n_clearing, 1);
}

Test(cut_states, whichever_allocation_fails)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	whichever_fails(CALLS_ALLOCATION, ENOMEM, false);
}

Test(cut_states, whichever_allocation_fails_while_addresses_share_records)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	list_set();
	whichever_fails(CALLS_ALLOCATION, ENOMEM, true);
	cr_assert_gt(ledger_sum(LIST_LEN).tx_packets, 0, "nothing was shared");
}

Test(cut_states, whichever_system_call_fails_while_addresses_share_records)
{
	list_set();
	whichever_fails(CALLS_BPF, EIO, true);
}

/* The first one leaves an epoch at rest; the next one begins with that, and fails at any of its
 * calls. */
Test(cut_states, two_in_a_row_fail)
{
	bool failed = true;
	unsigned int n_refused = 0, at = 1;

	for (; at < CALLS_MAX && failed; at++) {
		uint32_t counting;
		int ret;

		stage_cut(&crowd.stage);
		crowd_all(&crowd);
		calls_fail(CALLS_BPF, 1, EIO);
		cr_assert_eq(cutter_cut(cutter), -EIO);
		cr_assert(calls_end());
		counting = crowd.stage.maps.ctl->epoch;
		crowd_all(&crowd);
		calls_fail(CALLS_BPF, at, EIO);
		ret = cutter_cut(cutter);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -EIO : 0, "call %u: %d", at, ret);
		/* what is at rest is not in the ledger: nothing may count there */
		n_refused += ret && crowd.stage.maps.ctl->epoch == counting;
		crowd_honest(&crowd);
		stage_cut(&crowd.stage);
		expect_all(at);
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	cr_assert_gt(n_refused, 3);
}

/* ---- A collector died in between ---- */

/* At the step `numbered`: the other epoch has its number, and nothing counts there. */
static void number_next(void)
{
	struct ipacct_ctl *ctl = crowd.stage.maps.ctl;

	ctl->cut[1 - (ctl->epoch & 1)] = ctl->cut[ctl->epoch & 1] + 1;
}

Test(cut_states, numbered_and_not_begun)
{
	for (unsigned int at = 0; at < 4;
	     at++) { /* either epoch, and with something in the ledger */
		uint64_t before = committed();

		crowd_all(&crowd);
		number_next();
		cr_assert_eq(begin(false), 0);
		cr_assert_eq(committed(), before, "there was nothing to publish");
		stage_cut(&crowd.stage);
		expect_all(at);
	}
}

/* And it finds a ledger that these maps have never seen: the number is one of before. */
Test(cut_states, numbered_and_not_begun_and_another_ledger)
{
	struct ipacct_ctl *ctl = crowd.stage.maps.ctl;

	for (unsigned int at = 0; at < 4; at++) {
		crowd_all(&crowd);
		number_next();
		cutter->publisher.ledger.header->instance ^= 1;
		cutter->publisher.ledger.header->cut += 1000;
		cr_assert_eq(begin(false), 0);
		cr_assert_eq(ctl->cut[1 - (ctl->epoch & 1)], 0, "nothing is pending there");
		cr_assert_gt(ctl->cut[ctl->epoch & 1], committed());
		stage_cut(&crowd.stage);
		expect_all(at);
	}
}

/* At the step `facts`: all of a cut is in the ledger but its number in the header, and the maps
 * have all of it. The same as when the first call behind the commit fails, but for that number. */
static void die_before_commit(void)
{
	uint64_t before = committed();

	for (unsigned int at = 1; committed() == before; at++) {
		int ret;

		cr_assert_lt(at, CALLS_MAX);
		crowd_all(&crowd);
		calls_fail(CALLS_BPF, at, EIO);
		ret = cutter_cut(cutter);
		cr_assert(calls_end());
		cr_assert_eq(ret, -EIO);
		if (committed() > before)
			break;
		stage_cut(&crowd.stage);
		before = committed();
	}
	cutter->publisher.ledger.header->cut = before;
}

/* What was half added under the list must not stay when addresses get records of their own. */
static void died_before_commit(bool list)
{
	uint64_t before;

	list_set();
	crowd_all(&crowd);
	stage_cut(&crowd.stage);
	die_before_commit();
	before = ledger_sum(LIST_LEN).tx_packets;
	cr_assert_gt(before, 0, "nothing is shared");
	cr_assert_lt(ledger_sum(0).tx_packets, crowd.sent, "nothing is pending");
	cr_assert_eq(begin(list), 0);
	expect_all(0);
	if (list)
		cr_assert_gt(ledger_sum(LIST_LEN).tx_packets, before);
	else
		cr_assert_eq(ledger_sum(LIST_LEN).tx_packets, before);
	crowd_all(&crowd);
	stage_cut(&crowd.stage);
	expect_all(1);
}

Test(cut_states, died_before_the_commit_and_the_list_is_there)
{
	died_before_commit(true);
}

Test(cut_states, died_before_the_commit_and_the_list_is_gone)
{
	died_before_commit(false);
}

/* ---- A cut that does not close ---- */

/* What the daemon says meanwhile. */
static int stderr_take(int *ret_kept_fd)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	*ret_kept_fd = dup(STDERR_FILENO);
	cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
	return fd;
}

static void stderr_give_back(int fd, int kept_fd, char *text, size_t bytes)
{
	ssize_t n = pread(fd, text, bytes - 1, 0);

	cr_assert_geq(n, 0);
	text[n] = '\0';
	cr_assert_geq(dup2(kept_fd, STDERR_FILENO), 0);
	close(kept_fd);
	close(fd);
}

/* The line of an address that has counted in this epoch. */
static struct ipacct_hot4_line *line_used(void)
{
	const struct ipacct_meta *meta = &crowd.stage.maps.meta;

	for (uint32_t i = 0; i < 2 * (meta->n_parts - 1) * meta->hot4_sets; i++)
		for (uint32_t way = 0; way < IPACCT_HOT4_WAYS; way++)
			if (crowd.stage.maps.hot4[i].line[way].tx_packets)
				return &crowd.stage.maps.hot4[i].line[way];
	cr_assert_fail("no address has a line");
	return NULL;
}

/* Octets of frames that no packet had. */
static void frames_grow(uint64_t l2_bytes)
{
	struct ipacct_epoch scratch;
	uint32_t index = crowd.stage.maps.ctl->epoch & 1; /* slot 0 */

	cr_assert_eq(ipacct_epoch_init(&scratch, false), 0);
	cr_assert_eq(bpf_map_lookup_elem(crowd.stage.maps.totals_fd, &index, scratch.per_cpu), 0);
	scratch.per_cpu[0].seen.l2_bytes += l2_bytes;
	cr_assert_eq(
		bpf_map_update_elem(crowd.stage.maps.totals_fd, &index, scratch.per_cpu, BPF_ANY),
		0);
	ipacct_epoch_finish(&scratch);
}

/* A fault in the program, played: what no packet had is counted. The cut is made all the same;
 * it says how far its sums are apart, once, and so does the ledger from then on. */
static void does_not_close(uint32_t packets, uint64_t l3_bytes, uint64_t l2_bytes)
{
	struct ipacct_hot4_line *line;
	struct ipacct_snapshot *snapshot;
	char said[1024], wanted[256];
	int fd, kept_fd;

	crowd_honest(&crowd);
	line = line_used();
	line->tx_packets += packets;
	line->tx_l3_bytes += l3_bytes;
	frames_grow(l2_bytes);
	fd = stderr_take(&kept_fd);
	cr_expect_eq(cutter_cut(cutter), 0);
	cr_expect_eq(cutter->last.error_packets, packets);
	cr_expect_eq(cutter->last.error_l3_bytes, l3_bytes);
	cr_expect_eq(cutter->last.error_l2_bytes, l2_bytes);
	crowd_honest(&crowd);
	stage_cut(&crowd.stage);
	stderr_give_back(fd, kept_fd, said, sizeof(said));
	(void)snprintf(
		wanted, sizeof(wanted),
		"cut %llu does not close: %llu packets, %llu l3 bytes, %llu l2 bytes apart\n",
		(unsigned long long)committed() - 1, (unsigned long long)packets,
		(unsigned long long)l3_bytes, (unsigned long long)l2_bytes);
	cr_assert_not_null(strstr(said, wanted), "%s", said);
	cr_assert_eq(strchr(said, '\n')[1], '\0', "more than that: %s", said);
	snapshot = stage_snapshot(&crowd.stage);
	cr_assert_eq(snapshot->facts.error_packets, packets);
	cr_assert_eq(snapshot->facts.error_l3_bytes, l3_bytes);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, crowd.sent);
	ipacct_snapshot_destroy(snapshot);
}

Test(cut_states, packets_that_were_not_seen)
{
	does_not_close(3, 0, 0);
}

Test(cut_states, octets_that_no_packet_had)
{
	does_not_close(0, 7, 0);
}

Test(cut_states, octets_that_no_frame_had)
{
	does_not_close(0, 0, 9);
}
