/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readings that meet the program half-way: an address between its hot line and its record, some
 * counters of it there and others not, a record or a prefix that was told and is not there yet. The
 * program is on another CPU then; here its steps are made by hand, on the real maps, in its order
 * (hot_set.bpf.h, lru.bpf.h), before the look that has to find them. Packets are real ones, and in
 * the end each is told once. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "calls.h"
#include "config_groups.h"
#include "displace.h"
#include "groups_file.h"
#include "listener.h"
#include "reader.h"

#define LRU_ENTRIES 1024u
#define LRU_LARGE   (1u << 14)  /* nearly empty: keys are looked up one by one */
#define N_COUNTERS  4u          /* of struct ipacct_counters */
#define GUEST       0xcb007100u /* RFC 5737 */

static struct listener listener;
static struct crowd *const crowd = &listener.crowd;

static struct ipacct_part *part_now(void)
{
	return &crowd->stage.maps.parts[displace_index(crowd)];
}

static int lru_now(void)
{
	return crowd->stage.maps.lru_fds[displace_index(crowd)];
}

/* As the reader sees it. */
static int reader_lru(void)
{
	return crowd->reader->maps.lru_fds[displace_index(crowd)];
}

static void goes(void *context)
{
	displace(crowd, *(const struct ipacct_key *)context);
}

/* The honest addresses of this number. */
static void displace_both(uint32_t i)
{
	displace(crowd, crowd_key(false, i));
	displace(crowd, crowd_key(true, i));
}

/* Packets of all, and a record in either family, so that reading begins with records. */
static void begin(void)
{
	listener_open(&listener, true, LRU_LARGE);
	for (int i = 0; i < 3; i++)
		crowd_honest(crowd);
	displace_both(2);
}

static int read_snapshot(void)
{
	struct ipacct_snapshot *snapshot;
	int ret = ipacct_snapshot_read(crowd->reader, IPACCT_SNAPSHOT_LIVE, &snapshot, NULL);

	if (!ret)
		crowd_expect_snapshot(crowd, snapshot, 0);
	return ret;
}

/* Of a reader that begins now: what it looks at does not depend on what it read before. */
static int read_step(void)
{
	int ret = listener_step(&listener);

	if (ret)
		return ret;
	crowd_expect(&listener.told, crowd->sent - listener.sent_before, "all", 0);
	for (int i = 0; i < 2; i++)
		crowd_expect(&listener.told_honest[i],
			     (crowd->honest - listener.honest_before) * CROWD_HONEST, "honest", 0);
	return 0;
}

static int (*const readings[])(void) = { read_step, read_snapshot };
#define N_READINGS (sizeof(readings) / sizeof(readings[0]))

/* ---- An address of which a part has arrived -------------------------------------------------- */

static struct halves {
	struct displaced displaced[2]; /* one of each family */
	uint32_t lacking;              /* this counter arrives last */
	bool known;                    /* they have a record already */
	void (*arrive)(void *context); /* when the programs are waited for */
} halves;

static void others_go(void *context)
{
	(void)context;
	displace_both(1);
}

static void halves_arrive(void *context)
{
	(void)context;
	for (int i = 0; i < 2; i++)
		displaced_put(crowd, &halves.displaced[i], &halves.displaced[i].record);
}

static void halves_go(void *context)
{
	(void)context;
	displace_both(3); /* these as a whole */
	for (int i = 0; i < 2; i++) {
		struct displaced *displaced = &halves.displaced[i];
		struct ipacct_key key = crowd_key(i, 0);
		struct ipacct_counters had = {}, seen;

		cr_assert_eq(!bpf_map_lookup_elem(lru_now(), &key, &had), halves.known);
		displaced_take(displaced, crowd, key);
		seen = displaced->record;
		((uint64_t *)&seen)[halves.lacking] = ((uint64_t *)&had)[halves.lacking];
		displaced_put(crowd, displaced, &seen);
	}
	calls_before_wait(1, halves.arrive, NULL);
}

/* Others are displaced while lines are read, so that records are read again. Before that two more
 * addresses begin to go, which were read in their lines. */
static int read_half_done(int (*read)(void), uint32_t lacking, void (*arrive)(void *context))
{
	int ret;

	halves.lacking = lacking;
	halves.arrive = arrive;
	calls_before_look(crowd->reader->maps.hot4_fd, 1, others_go, NULL);
	calls_before_look(reader_lru(), 2, halves_go, NULL);
	ret = read();
	cr_assert(calls_end(), "nothing was half done");
	return ret;
}

/* Records of everybody are gone, lines are there again. */
static void begin_again(void)
{
	listener_begin(&listener);
	crowd_honest(crowd);
	displace_both(2);
	if (halves.known)
		displace_both(0);
	crowd_honest(crowd);
}

Test(live_halves, whichever_counter_of_a_record_lacks, .timeout = 120)
{
	begin();
	for (uint32_t i = 0; i < 2 * N_READINGS * N_COUNTERS; i++) {
		halves.known = i % 2;
		begin_again();
		cr_assert_eq(read_half_done(readings[i / 2 % N_READINGS], i / 2 / N_READINGS,
					    halves_arrive),
			     0);
		listener_expect_all(&listener, i);
	}
	listener_close(&listener);
}

static void arrive_and_cut(void *context)
{
	halves_arrive(context);
	stage_cut(&crowd->stage);
	stage_cut(&crowd->stage); /* and that epoch counts again */
}

Test(live_halves, a_cut_takes_the_record_away_that_is_looked_up_again, .timeout = 120)
{
	begin();
	for (uint32_t i = 0; i < N_READINGS; i++) {
		begin_again();
		cr_assert_eq(read_half_done(readings[i], 0, arrive_and_cut), 0);
		cr_assert_eq(readings[i](), 0);
	}
	listener_close(&listener);
}

static void arrive_and_fail(void *context)
{
	halves_arrive(context);
	calls_fail(CALLS_BPF, 1, EIO);
}

static void look_fails(void *context)
{
	(void)context;
	calls_fail(CALLS_BPF, 1, EIO);
}

Test(live_halves, the_record_cannot_be_looked_up_again, .timeout = 120)
{
	begin();
	for (uint32_t i = 0; i < N_READINGS; i++) {
		begin_again();
		cr_assert_eq(read_half_done(readings[i], 0, arrive_and_fail), -EIO);
		cr_assert_eq(readings[i](), 0);
		listener_expect_all(&listener, i);
		begin_again();
		calls_before_look(crowd->reader->maps.hot4_fd, 1, others_go, NULL);
		calls_before_look(reader_lru(), 2, look_fails, NULL);
		cr_assert_eq(readings[i](), -EIO);
		cr_assert(calls_end());
		cr_assert_eq(readings[i](), 0);
	}
	listener_close(&listener);
}

/* Each allocation of a reader that begins and reads records twice. */
Test(live_halves, memory_is_short_while_records_are_read_again, .timeout = 120)
{
	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	begin();
	for (uint32_t i = 0; i < N_READINGS; i++) {
		unsigned int at = 1;
		bool failed = true;

		for (; at < CALLS_MAX && failed; at++) {
			int ret;

			begin_again();
			calls_before_look(crowd->reader->maps.hot4_fd, 1, others_go, NULL);
			calls_fail(CALLS_ALLOCATION, at, ENOMEM);
			ret = readings[i]();
			failed = ret != 0;
			(void)calls_end(); /* fewer than wanted: the last time */
			cr_assert_eq(ret, failed ? -ENOMEM : 0);
			cr_assert_eq(readings[i](), 0);
			crowd_reader(crowd); /* with no memory yet */
		}
		cr_assert_geq(at, 4);
	}
	listener_close(&listener);
}

/* ---- A whole address that went --------------------------------------------------------------- */

/* The first one of the ledger, too: its number is that of lines which nobody has. */
Test(live_halves, whoever_is_displaced_between_line_and_record, .timeout = 120)
{
	begin();
	for (uint32_t i = 0; i < 2 * CROWD_HONEST; i++) {
		struct ipacct_key key = crowd_key(i % 2, i / 2),
				  first = crowd_key(i % 2, (i / 2 + 2) % CROWD_HONEST),
				  second = crowd_key(i % 2, (i / 2 + 3) % CROWD_HONEST);

		listener_begin(&listener);
		crowd_honest(crowd);
		displace_both((i / 2 + 1) % CROWD_HONEST);
		calls_before_look(crowd->reader->maps.hot4_fd, 1 + i / 2 % 2, goes, &key);
		cr_assert_eq(read_step(), 0);
		cr_assert(calls_end());
		/* their lines are known now: one goes before, one behind the first copy */
		crowd_honest(crowd);
		calls_before_look(crowd->reader->maps.hot4_fd, 1, goes, &first);
		calls_before_look(crowd->reader->maps.hot4_fd, 2, goes, &second);
		cr_assert_eq(read_step(), 0);
		cr_assert(calls_end());
		listener_expect_all(&listener, i);
	}
	listener_close(&listener);
}

static struct ipacct_key guest_key(uint32_t i)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff), htonl(GUEST + i) } };

	return key;
}

static void guests(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		stage_send(&crowd->stage, GUEST + i, GUEST + i);
	crowd->sent += n;
}

Test(live_halves, the_table_of_the_other_family_is_empty)
{
	struct ipacct_key key = guest_key(0);

	listener_open(&listener, true, LRU_LARGE);
	guests(50);
	calls_before_look(crowd->reader->maps.hot4_fd, 1, goes, &key);
	cr_assert_eq(read_step(), 0);
	cr_assert(calls_end());
	guests(50);
	listener_expect_all(&listener, 1);
	listener_close(&listener);
}

static void stranger(void *context)
{
	uint32_t *n = context;

	stage_send(&crowd->stage, GUEST + *n, GUEST + *n + 1);
	*n += 2;
	crowd->sent++;
}

/* Half of the LRU tier is taken, and many have sent one packet: another one of these takes the line
 * of a single, which is rolled up. Nothing is displaced. */
Test(live_halves, a_single_packet_is_rolled_up_between_two_readings)
{
	struct ipacct_part before;
	uint32_t n = 0;

	listener_open(&listener, true, LRU_ENTRIES);
	while (part_now()->lru_inserts < part_now()->lru_budget / 2) {
		crowd_flood(crowd);
		crowd_honest(crowd);
	}
	for (int i = 0; i < 2000; i++)
		stranger(&n);
	cr_assert_eq(listener_step(&listener), 0);
	before = *part_now();
	calls_before_look(crowd->reader->maps.hot4_fd, 1, stranger, &n);
	cr_assert_eq(listener_step(&listener), 0);
	cr_assert(calls_end());
	cr_assert_gt(part_now()->hot_rolled, before.hot_rolled);
	cr_assert_eq(part_now()->hot_displaced, before.hot_displaced);
	cr_assert_leq(listener.told.tx_packets, crowd->sent - listener.sent_before);
	stage_cut(&crowd->stage); /* now it is known where each single packet stays */
	listener_expect_all(&listener, 1);
	listener_close(&listener);
}

/* ---- Told, and not there yet ----------------------------------------------------------------- */

/* A program that was held up between telling and doing. It goes on when it is waited for, at the
 * latest between this step and the next. */
static void held_up(void (*arrive)(void *context), void *context)
{
	calls_before_wait(1, arrive, context);
	cr_assert_eq(listener_step(&listener), 0);
	if (!calls_end())
		arrive(context);
	listener_expect_all(&listener, 1);
}

static void record_arrives(void *context)
{
	const struct displaced *guest = context;

	cr_assert_eq(bpf_map_update_elem(lru_now(), &guest->key, &guest->record, BPF_NOEXIST), 0);
}

Test(live_halves, a_record_that_was_told_and_is_not_there_yet)
{
	struct displaced guest = { .key = guest_key(0) };

	listener_open(&listener, false, LRU_LARGE);
	crowd_honest(crowd);
	cr_assert_eq(listener_step(&listener), 0);
	guests(1);
	cr_assert_eq(bpf_map_lookup_elem(lru_now(), &guest.key, &guest.record), 0);
	cr_assert_eq(bpf_map_delete_elem(lru_now(), &guest.key), 0);
	held_up(record_arrives, &guest);
	listener_close(&listener);
}

struct line_of_prefix {
	struct ipacct_counters *line, counters;
};

static void prefix_arrives(void *context)
{
	const struct line_of_prefix *prefix = context;

	ipacct_counters_add(prefix->line, &prefix->counters);
}

Test(live_halves, a_roll_up_that_was_told_and_is_not_there_yet)
{
	struct line_of_prefix prefix = {};
	struct ipacct_counters before;
	const struct ipacct_snapshot *delta;

	listener_open(&listener, false, LRU_ENTRIES);
	while (!part_now()->rollup_updates)
		crowd_flood(crowd);
	guests(1);
	cr_assert_eq(listener_step(&listener), 0);
	prefix.line =
		&crowd->stage.maps.roll[displace_index(crowd) * IPACCT_ROLL_LINES + (GUEST >> 16)];
	before = *prefix.line;
	guests(1);
	prefix.counters = ipacct_counters_minus(prefix.line, &before);
	cr_assert_eq(prefix.counters.tx_packets, 1);
	*prefix.line = before;
	held_up(prefix_arrives, &prefix);
	guests(1);
	cr_assert_eq(listener_step(&listener), 0);
	delta = &listener.moves->delta;
	cr_expect_eq(delta->n_rollups, 1, "others did not move");
	cr_expect_eq(delta->rollups[0].counters.tx_packets, 1);
	cr_expect_eq(delta->n_addresses, 0);
	listener_close(&listener);
}

/* ---- Addresses that share a record ----------------------------------------------------------- */

/* As the supervisor does it with a list, and the collector at its next cuts. */
static void groups_set(const char *text)
{
	struct cut_mask *mask = &crowd->stage.cutter.mask;
	struct group_image image;
	char error[512] = "";
	int fd;

	cr_assert_eq(config_groups_parse("list", text, strlen(text), &image, error, sizeof(error)),
		     0, "%s", error);
	cr_assert_eq(groups_file_write(crowd->stage.dir_fd, getuid(), getgid(), &image), 0);
	cr_assert_eq(groups_file_publish(crowd->stage.dir_fd), 0);
	group_image_finish(&image);
	fd = groups_file_open(crowd->stage.dir_fd, NULL);
	cr_assert_geq(fd, 0);
	cut_mask_init(mask, fd, -ENOENT);
	close(fd);
	stage_cut(&crowd->stage);
}

static void one_record_begin(void)
{
	listener_open(&listener, true, LRU_LARGE);
	groups_set("2001:db8::/64 all ipv6_len=64");
	listener_begin(&listener);
	crowd_honest(crowd);
	displace_both(0);
}

static void expect_all_shared(void)
{
	crowd_expect(&listener.told, crowd->sent - listener.sent_before, "all", 0);
	crowd_expect(&listener.told_honest[0],
		     (crowd->honest - listener.honest_before) * CROWD_HONEST, "IPv4", 0);
	cr_expect_eq(listener.moves->n_addresses, CROWD_HONEST + 1);
}

static void one_record_end(void)
{
	groups_file_remove_all(crowd->stage.dir_fd);
	listener_close(&listener);
}

/* One of them is displaced: the lines of the others stay theirs. */
Test(live_halves, one_of_many_that_share_a_record_is_displaced)
{
	one_record_begin();
	calls_before_look(crowd->reader->maps.hot6_fd, 1, others_go, NULL);
	cr_assert_eq(listener_step(&listener), 0);
	cr_assert(calls_end());
	expect_all_shared();
	crowd_honest(crowd);
	stage_cut(&crowd->stage);
	cr_assert_eq(listener_step(&listener), 0);
	expect_all_shared();
	one_record_end();
}

Test(live_halves, memory_is_short_for_shared_records, .timeout = 120)
{
	unsigned int at = 1;
	bool failed = true;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	one_record_begin();
	for (; at < CALLS_MAX && failed; at++) {
		int ret;

		crowd_reader(crowd);
		listener_begin(&listener);
		crowd_honest(crowd);
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		ret = listener_step(&listener);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -ENOMEM : 0, "call %u", at);
		if (ret)
			cr_assert_eq(listener_step(&listener), 0);
		expect_all_shared();
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u calls", at);
	one_record_end();
}
