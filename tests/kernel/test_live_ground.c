/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a live reader stands on changes below it: the ledger's file, the maps and their sizes,
 * interfaces, the clock, the first cut, addresses that leave the ledger and come back. All is told
 * once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "base/clock.h"
#include "calls.h"
#include "listener.h"
#include "maps_make.h"
#include "reader.h"

#define LRU_LARGE (1u << 14)
#define HOUR_NS   3600000000000ull

static struct listener listener;
static struct crowd *const crowd = &listener.crowd;

/* ---- When ------------------------------------------------------------------------------------ */

Test(live_ground, before_the_first_cut_ever)
{
	crowd_open(crowd, true, LRU_LARGE);
	crowd_honest(crowd);
	listener_expect_all(&listener, 1);
	cr_expect(listener.moves->first);
	cr_expect_eq(listener.moves->covered_ns, 0);
	cr_expect_eq(listener.moves->delta.cut, 0);
	crowd_honest(crowd);
	listener_expect_all(&listener, 2);
	cr_expect_not(listener.moves->first);
	cr_expect_gt(listener.moves->covered_ns, 0);
	listener_close(&listener);
}

/* The last cut was an hour ahead of now: nothing is covered, and not nearly 2^64 ns. */
Test(live_ground, a_clock_that_was_set_back)
{
	uint64_t before_ns;

	crowd_open(crowd, true, LRU_LARGE);
	crowd->stage.cutter.time_ns = ipacct_clock_ns(CLOCK_REALTIME) + HOUR_NS;
	listener_begin(&listener);
	crowd_honest(crowd);
	before_ns = ipacct_clock_ns(CLOCK_REALTIME);
	listener_expect_all(&listener, 1);
	cr_expect_eq(listener.moves->covered_ns, 0);
	cr_expect_not(listener.moves->first);
	cr_expect(listener.moves->delta.read_time_ns >= before_ns &&
		  listener.moves->delta.read_time_ns < before_ns + HOUR_NS);
	crowd_honest(crowd);
	listener_expect_all(&listener, 2);
	cr_expect(listener.moves->covered_ns > 0 && listener.moves->covered_ns < HOUR_NS);
	listener_close(&listener);
}

/* ---- Interfaces ------------------------------------------------------------------------------ */

static uint64_t moved_at(uint32_t slot)
{
	const struct ipacct_snapshot *delta = &listener.moves->delta;

	for (size_t i = 0; i < delta->n_interfaces; i++)
		if (delta->interfaces[i].slot == slot)
			return delta->interfaces[i].totals.seen.packets;
	return UINT64_MAX;
}

Test(live_ground, an_interface_that_comes_between_others)
{
	static const uint32_t slots[] = { 0, 5, 3 }; /* in the order in which they come */
	struct ipacct_interface interface = { .ifname = "other", .hook = IPACCT_HOOK_XDP };
	int first;

	listener_open(&listener, true, LRU_LARGE);
	first = crowd->stage.prog_fd;
	for (unsigned int n = 1; n <= 3; n++) {
		cr_assert_eq(bpf_map_update_elem(crowd->stage.maps.ifs_fd, &slots[n - 1],
						 &interface, BPF_ANY),
			     0);
		for (unsigned int i = 0; i < n; i++) {
			crowd->stage.prog_fd =
				i ? program_load(&crowd->stage.maps, slots[i], 0, 0, 0) : first;
			for (unsigned int k = 0; k <= i; k++)
				crowd_honest(crowd);
			if (i)
				close(crowd->stage.prog_fd);
		}
		crowd->stage.prog_fd = first;
		listener_expect_all(&listener, n);
		cr_expect_eq(listener.moves->delta.n_interfaces, n);
		for (unsigned int i = 0; i < n; i++)
			cr_expect_eq(moved_at(slots[i]), 2 * CROWD_HONEST * (i + 1));
	}
	listener_close(&listener);
}

/* ---- Ledger and maps ------------------------------------------------------------------------- */

Test(live_ground, a_file_that_is_no_ledger_has_its_name)
{
	int dir, fd;

	listener_open(&listener, true, LRU_LARGE);
	crowd_honest(crowd);
	listener_expect_all(&listener, 1);
	crowd_honest(crowd);
	dir = crowd->stage.dir_fd;
	cr_assert_eq(renameat(dir, IPACCT_LEDGER_NAME, dir, "kept"), 0);
	fd = openat(dir, IPACCT_LEDGER_NAME, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && write(fd, "ledger", 6) == 6 && !close(fd));
	cr_assert_eq(listener_step(&listener), -EBADMSG);
	cr_expect_neq(listener.problem.text[0], '\0');
	cr_assert_eq(renameat(dir, "kept", dir, IPACCT_LEDGER_NAME), 0);
	listener_expect_all(&listener, 2);
	cr_expect_eq(listener.problem.text[0], '\0');
	listener_close(&listener);
}

Test(live_ground, pins_that_are_gone_for_a_while)
{
	listener_open(&listener, true, LRU_LARGE);
	crowd_honest(crowd);
	listener_expect_all(&listener, 1);
	crowd_honest(crowd);
	crowd_unpin();
	cr_assert_eq(listener_step(&listener), -ENOENT);
	cr_expect_neq(listener.problem.text[0], '\0');
	crowd_pin(&crowd->stage.maps);
	crowd_honest(crowd);
	listener_expect_all(&listener, 2);
	listener_close(&listener);
}

static void fds_swap(int *a, int *b)
{
	int kept = *a;

	*a = *b;
	*b = kept;
}

/* From now on the crowd is on the maps of the other stage; its collector cuts into the crowd's
 * ledger. */
static void maps_join(struct stage *next)
{
	struct stage *stage = &crowd->stage;
	struct ipacct_maps maps = stage->maps;

	cutter_finish(&stage->cutter);
	cutter_finish(&next->cutter);
	stage->maps = next->maps;
	next->maps = maps;
	fds_swap(&stage->prog_fd, &next->prog_fd);
	cr_assert_eq(cutter_init(&stage->cutter, &stage->maps, stage->ledger_fd, NULL), 0);
	cr_assert_eq(cutter_recover(&stage->cutter), 0);
}

/* As a start does when sizes changed: the old maps are in the ledger, other ones are pinned, and
 * the collector has not joined them to the ledger yet. */
static void maps_anew(uint32_t hot4_sets, uint32_t hot6_sets)
{
	struct stage_setup setup = { .memory_bytes = 48 << 20,
				     .hot = true,
				     .lru_entries = LRU_LARGE,
				     .hot_sets = hot4_sets,
				     .hot6_sets = hot6_sets };
	struct stage next = {};

	stage_cut(&crowd->stage);
	stage_open_setup(&next, &setup);
	crowd_pin(&next.maps);
	cr_assert_eq(listener_step(&listener), -EAGAIN);
	cr_expect(strstr(listener.problem.text, "do not belong together yet"), "%s",
		  listener.problem.text);
	maps_join(&next);
	stage_close(&next);
}

Test(live_ground, maps_of_other_sizes, .timeout = 60)
{
	static const uint32_t sizes[][2] = { { 128, 64 }, { 128, 256 }, { 64, 64 } };

	listener_open(&listener, true, LRU_LARGE);
	crowd_honest(crowd);
	listener_expect_all(&listener, 0);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		maps_anew(sizes[i][0], sizes[i][1]);
		crowd_honest(crowd);
		listener_expect_all(&listener, i);
		crowd_all(crowd);
		listener_expect_all(&listener, i);
	}
	listener_close(&listener);
}

/* Another ledger and its maps, after the reader looked at both and before it reads. */
static void all_anew(void *context)
{
	struct stage *next = context, *stage = &crowd->stage;
	char from[sizeof(next->dir) + 8], to[sizeof(from)];

	crowd_pin(&next->maps);
	(void)snprintf(from, sizeof(from), "%s/" IPACCT_LEDGER_NAME, next->dir); /* room for it */
	(void)snprintf(to, sizeof(to), "%s/" IPACCT_LEDGER_NAME, stage->dir);
	cr_assert_eq(rename(from, to), 0);
	fds_swap(&stage->ledger_fd, &next->ledger_fd);
	maps_join(next);
	listener.sent_before = crowd->sent;
	listener.honest_before = crowd->honest;
	crowd_honest(crowd);
}

static const struct stage_setup small = { .memory_bytes = 48 << 20, .hot = true, .hot_sets = 64 };

Test(live_ground, a_ledger_that_begins_anew_between_two_looks)
{
	struct stage next = {};

	crowd_open(crowd, true, LRU_LARGE);
	crowd_honest(crowd);
	stage_open_setup(&next, &small);
	calls_before_look(crowd->reader->maps.ctl_fd, 1, all_anew, &next);
	listener_expect_all(&listener, 1);
	cr_assert(calls_end());
	crowd_honest(crowd);
	stage_cut(&crowd->stage);
	listener_expect_all(&listener, 2);
	stage_close(&next);
	listener_close(&listener);
}

static void cut_and_all_anew(void *context)
{
	crowd_cut(crowd);
	calls_before_allocation(1, all_anew, context);
}

/* The race for the maps is lost, the ledger has all, and then another one has its name. */
Test(live_ground, a_ledger_that_begins_anew_behind_a_cut)
{
	struct stage next = {};

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	listener_open(&listener, true, LRU_LARGE);
	crowd_honest(crowd);
	listener_expect_all(&listener, 0);
	memset(&listener.told, 0, sizeof(listener.told)); /* of the other ledger */
	memset(listener.told_honest, 0, sizeof(listener.told_honest));
	listener.told_seen = 0;
	stage_open_setup(&next, &small);
	calls_before_look(crowd->reader->maps.ctl_fd, 2, cut_and_all_anew, &next);
	listener_expect_all(&listener, 1);
	cr_assert(calls_end());
	stage_close(&next);
	listener_close(&listener);
}

/* ---- A full ledger --------------------------------------------------------------------------- */

/* Honest addresses of the ledger. */
static uint32_t n_honest(uint64_t *ret_first_seen_ns)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(&crowd->stage);
	struct ipacct_counters all = {}, honest[2] = {};
	uint32_t n = 0;

	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		uint64_t before = honest[0].tx_packets + honest[1].tx_packets;

		crowd_sum(&snapshot->addresses[i], 1, &all, honest);
		if (honest[0].tx_packets + honest[1].tx_packets == before)
			continue;
		n++;
		*ret_first_seen_ns = snapshot->addresses[i].first_seen_ns;
	}
	ipacct_snapshot_destroy(snapshot);
	return n;
}

/* They were told of with one record, leave the ledger for their prefix and come back with another
 * one, all between two steps. */
Test(live_ground, addresses_that_were_folded_and_came_back, .timeout = 60)
{
	struct stage_setup setup = { .hot = true,
				     .lru_entries = LRU_LARGE,
				     .n_addresses_max = 1024 };
	uint64_t first_ns = 0, now_ns = 0;

	crowd_open_setup(crowd, setup);
	listener_begin(&listener);
	listener_expect_all(&listener, 0);
	for (int i = 0; i < 3; i++) /* more than they have when they come back */
		crowd_honest(crowd);
	stage_cut(&crowd->stage);
	listener_expect_all(&listener, 1);
	cr_assert_eq(n_honest(&first_ns), 2 * CROWD_HONEST);
	for (int i = 0; n_honest(&now_ns); i++) {
		cr_assert_lt(i, 100);
		crowd_flood(crowd);
		stage_cut(&crowd->stage);
	}
	for (int i = 0; !n_honest(&now_ns); i++) {
		cr_assert_lt(i, 100);
		crowd_honest(crowd);
		stage_cut(&crowd->stage);
	}
	cr_assert_gt(now_ns, first_ns);
	cr_assert_eq(listener_step(&listener), 0);
	crowd_expect(&listener.told, crowd->sent - listener.sent_before, "all", 2);
	crowd_honest(crowd);
	cr_assert_eq(listener_step(&listener), 0);
	crowd_expect(&listener.told, crowd->sent - listener.sent_before, "all", 3);
	listener_close(&listener);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

struct short_memory {
	unsigned int at; /* this allocation fails */
};

static void cut_and_fail(void *context)
{
	const struct short_memory *memory = context;

	crowd_cut(crowd);
	calls_fail(CALLS_ALLOCATION, memory->at, ENOMEM);
}

/* The race for the maps is lost, and the ledger alone is read. */
Test(live_ground, memory_is_short_behind_a_cut, .timeout = 60)
{
	struct short_memory memory = { .at = 1 };
	int ret = -ENOMEM;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	listener_open(&listener, true, LRU_LARGE);
	for (; ret && memory.at < CALLS_MAX; memory.at++) {
		crowd_honest(crowd);
		calls_before_look(crowd->reader->maps.ctl_fd, 2, cut_and_fail, &memory);
		ret = listener_step(&listener);
		cr_assert_eq(calls_end(), ret != 0);
		cr_assert(!ret || ret == -ENOMEM);
		listener_expect_all(&listener, memory.at);
	}
	cr_assert(memory.at > 5 && memory.at < CALLS_MAX, "%u", memory.at);
	listener_close(&listener);
}

/* Told by the maps alone; then everything is taken anew, and the ledger has none of them yet. */
Test(live_ground, memory_is_short_for_those_whom_no_ledger_has, .timeout = 60)
{
	unsigned int at = 1;
	int ret = -ENOMEM;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	listener_open(&listener, true, LRU_LARGE);
	for (; ret && at < CALLS_MAX; at++) {
		crowd_honest(crowd);
		listener_expect_all(&listener, at);
		crowd_pin(&crowd->stage.maps);
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		ret = listener_step(&listener);
		cr_assert_eq(calls_end(), ret != 0);
		cr_assert(!ret || ret == -ENOMEM);
		listener_expect_all(&listener, at);
	}
	cr_assert(at > 5 && at < CALLS_MAX, "%u", at);
	listener_close(&listener);
}

static void displacement_is_told(void *context)
{
	(void)context;
	crowd->stage.maps.parts[IPACCT_EPOCHS + (crowd->stage.maps.ctl->epoch & 1)].hot_displaced++;
}

/* A reader that begins, nobody is in the ledger, and all are in lines. */
static void short_for_lines(bool displaced)
{
	unsigned int at = 1;
	int ret = -ENOMEM;

	if (!calls_allocations_counted)
		cr_skip_test("needs glibc's malloc");
	listener_open(&listener, true, LRU_LARGE);
	crowd_honest(crowd);
	for (; ret && at < CALLS_MAX; at++) {
		ipacct_live_close(listener.live);
		listener.live = NULL;
		crowd_reader(crowd);
		if (displaced)
			calls_before_look(crowd->reader->maps.hot4_fd, 1, displacement_is_told,
					  NULL);
		calls_fail(CALLS_ALLOCATION, at, ENOMEM);
		ret = listener_step(&listener);
		(void)calls_end(); /* it may have failed before */
		cr_assert(!ret || ret == -ENOMEM);
		if (ret)
			listener_expect_all(&listener, at);
		memset(&listener.told, 0, sizeof(listener.told));
		memset(listener.told_honest, 0, sizeof(listener.told_honest));
		listener.told_seen = 0;
	}
	cr_assert(at > 10 && at < CALLS_MAX, "%u", at);
	listener_close(&listener);
}

Test(live_ground, memory_is_short_for_lines, .timeout = 60)
{
	short_for_lines(false);
}

Test(live_ground, memory_is_short_for_lines_that_change_hands, .timeout = 60)
{
	short_for_lines(true);
}
