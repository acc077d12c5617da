/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hot tier where it is weakest: addresses that all meet in one pair of sets, counters that are
 * full, and hosts that never keep an address. */
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "epoch.h"
#include "hot_lines.h"
#include "hot_stage.h"

/* ---- Addresses that meet ----------------------------------------------------------------------- */

#define N_MEETING 1000u

struct meeting {
	uint32_t sets[2];
	uint64_t addresses[N_MEETING];
};

/* With the seed at hand: addresses that may live in these two sets and nowhere else. */
static void meeting_find(const struct stage *stage, bool ipv6, struct meeting *meeting)
{
	uint64_t low = 0x0a000000;

	hot_stage_sets(stage, ipv6, low, meeting->sets);
	for (uint32_t n = 0; n < N_MEETING; low++) {
		uint32_t sets[2];

		hot_stage_sets(stage, ipv6, low, sets);
		if (sets[0] == meeting->sets[0] && sets[1] == meeting->sets[1])
			meeting->addresses[n++] = low;
	}
}

/* Sets of the family with a key in the epoch that counts. */
static uint32_t n_sets_used(const struct stage *stage, bool ipv6)
{
	uint32_t n = 0;

	for (uint32_t set = 0; set < HOT_SETS; set++) {
		bool used = false;

		for (uint32_t way = 0; way < IPACCT_HOT6_WAYS && ipv6; way++)
			used |= stage->maps.hot6[set].line[way].flags != 0;
		for (uint32_t way = 0; way < IPACCT_HOT4_WAYS && !ipv6; way++)
			used |= stage->maps.hot4[set].line[way].flags != 0;
		n += used;
	}
	return n;
}

static uint64_t run_time_ns(const struct stage *stage)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(stage->prog_fd, &info, &bytes), 0);
	return info.run_time_ns;
}

/* The least of several rounds, in ns a packet: the machine has other work. */
static uint64_t cost_ns(const struct stage *stage, bool ipv6, const struct meeting *meeting)
{
	uint32_t n_packets = stage_scaled(20000, 4000);
	uint64_t least = UINT64_MAX, state = 11;

	for (int round = 0; round < 7; round++) {
		uint64_t begun = run_time_ns(stage), took;

		for (uint32_t i = 0; i < n_packets; i++) {
			uint64_t from = stage_random(&state), to = stage_random(&state);

			if (meeting)
				hot_stage_send(stage, ipv6, meeting->addresses[from % N_MEETING],
					       meeting->addresses[to % N_MEETING]);
			else
				hot_stage_send(stage, ipv6, from, to);
		}
		took = (run_time_ns(stage) - begun) / n_packets;
		least = took < least ? took : least;
	}
	return least;
}

static void one_pair_of_sets_attacked(bool ipv6)
{
	int stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	static struct meeting meeting;
	uint64_t honest = 0x0c000000, attack_ns, flood_ns;
	struct stage stage = {};
	uint32_t sets[2];

	hot_stage_open(&stage, 1024);
	cr_assert_geq(stats_fd, 0);
	meeting_find(&stage, ipv6, &meeting);
	do /* somebody else, elsewhere */
		hot_stage_sets(&stage, ipv6, ++honest, sets);
	while (sets[0] == meeting.sets[0] || sets[0] == meeting.sets[1] ||
	       sets[1] == meeting.sets[0] || sets[1] == meeting.sets[1]);
	for (uint32_t i = 0; i < N_MEETING; i++)
		hot_stage_send(&stage, ipv6, meeting.addresses[i], meeting.addresses[i]);
	cr_assert_eq(n_sets_used(&stage, ipv6), meeting.sets[0] == meeting.sets[1] ? 1 : 2,
		     "the test's sets are not the program's");
	attack_ns = cost_ns(&stage, ipv6, &meeting);
	hot_stage_send(&stage, ipv6, honest, honest);
	(void)cost_ns(&stage, ipv6, &meeting);
	cr_expect_leq(n_sets_used(&stage, ipv6), 3);
	stage_cut(&stage); /* and closes */
	cr_expect_eq(hot_stage_counters(&stage, hot_stage_key(ipv6, honest)).tx_packets, 1);
	cr_expect_gt(stage.cutter.epoch.rollup_updates, 0, "there was room for all");
	/* the price of an address that has no line: two sets looked through, LRU tier, roll-up */
	flood_ns = cost_ns(&stage, ipv6, NULL);
	cr_log_info("ns a packet: %lu attacked, %lu in a flood of random addresses",
		    (unsigned long)attack_ns, (unsigned long)flood_ns);
	cr_expect_leq(attack_ns, 3 * flood_ns, "%lu ns a packet, %lu in a flood",
		      (unsigned long)attack_ns, (unsigned long)flood_ns);
	stage_cut(&stage);
	stage_close(&stage);
	close(stats_fd);
}

Test(hot, ipv4_addresses_that_meet_in_one_pair_of_sets_cost_no_more_than_a_flood, .timeout = 240)
{
	one_pair_of_sets_attacked(false);
}

Test(hot, ipv6_addresses_that_meet_in_one_pair_of_sets_cost_no_more_than_a_flood, .timeout = 240)
{
	one_pair_of_sets_attacked(true);
}

/* ---- Counters that are full -------------------------------------------------------------------- */

#define HALF (1ull << 31) /* what a line's packet counter may hold */

/* As if so many packets more had come: in the totals of CPU 0, so that the cut closes. */
static void totals_inject(const struct stage *stage, bool ipv6, uint64_t n_packets)
{
	uint32_t zero = 0;
	struct ipacct_epoch scratch;
	struct ipacct_totals *totals;

	cr_assert_eq(ipacct_epoch_init(&scratch, false), 0);
	totals = scratch.per_cpu;
	cr_assert_eq(bpf_map_lookup_elem(stage->maps.totals_fd, &zero, totals), 0);
	totals->seen.packets += n_packets;
	totals->seen.l2_bytes += n_packets * STAGE_FRAME_BYTES;
	totals->accounted.packets += n_packets;
	totals->accounted.l2_bytes += n_packets * STAGE_FRAME_BYTES;
	(ipv6 ? &totals->ipv6 : &totals->ipv4)->packets += n_packets;
	(ipv6 ? &totals->ipv6 : &totals->ipv4)->l3_bytes += n_packets * STAGE_L3_BYTES;
	cr_assert_eq(bpf_map_update_elem(stage->maps.totals_fd, &zero, totals, BPF_ANY), 0);
	ipacct_epoch_finish(&scratch);
}

/* Counters of the line that holds the key in epoch 0 of the first partition of a CPU. */
static void line_of(const struct stage *stage, struct ipacct_key key, bool ipv6, uint32_t **ret_tx,
		    uint32_t **ret_rx, __u64 **ret_tx_bytes, __u64 **ret_rx_bytes)
{
	*ret_tx = NULL;
	for (uint32_t i = 0; i < HOT_SETS * IPACCT_HOT4_WAYS && !ipv6; i++) {
		struct ipacct_hot4_line *line =
			&stage->maps.hot4[i / IPACCT_HOT4_WAYS].line[i % IPACCT_HOT4_WAYS];

		if (!line->flags || line->addr_be != key.addr_be[3])
			continue;
		*ret_tx = &line->tx_packets, *ret_rx = &line->rx_packets;
		*ret_tx_bytes = &line->tx_l3_bytes, *ret_rx_bytes = &line->rx_l3_bytes;
	}
	for (uint32_t i = 0; i < HOT_SETS * IPACCT_HOT6_WAYS && ipv6; i++) {
		struct ipacct_hot6_line *line =
			&stage->maps.hot6[i / IPACCT_HOT6_WAYS].line[i % IPACCT_HOT6_WAYS];

		if (!line->flags || memcmp(line->addr_be, key.addr_be, sizeof(line->addr_be)))
			continue;
		*ret_tx = &line->tx_packets, *ret_rx = &line->rx_packets;
		*ret_tx_bytes = &line->tx_l3_bytes, *ret_rx_bytes = &line->rx_l3_bytes;
	}
	cr_assert_not_null(*ret_tx);
}

static void full_counters_spill(bool ipv6)
{
	const uint64_t from = 0xc0000201, to = 0xc6336401, before = HALF - 3;
	__u64 *from_tx_bytes, *from_rx_bytes, *to_tx_bytes, *to_rx_bytes;
	uint32_t *from_tx, *from_rx, *to_tx, *to_rx;
	struct ipacct_counters sent, received;
	struct stage stage = {};

	hot_stage_open(&stage, 1024);
	for (int cut = 0; cut < 3; cut += 2) { /* epoch 0, twice */
		hot_stage_send(&stage, ipv6, from, to);
		line_of(&stage, hot_stage_key(ipv6, from), ipv6, &from_tx, &from_rx, &from_tx_bytes,
			&from_rx_bytes);
		line_of(&stage, hot_stage_key(ipv6, to), ipv6, &to_tx, &to_rx, &to_tx_bytes,
			&to_rx_bytes);
		/* a whole epoch's traffic of nobody else: both counters nearly half full */
		*from_tx += before;
		*from_tx_bytes += before * STAGE_L3_BYTES;
		*to_rx += before;
		*to_rx_bytes += before * STAGE_L3_BYTES;
		totals_inject(&stage, ipv6, before);
		for (int i = 0; i < 9; i++) {
			hot_stage_send(&stage, ipv6, from, to);
			cr_assert_leq(*from_tx, HALF, "packet %d", i);
			cr_assert_leq(*to_rx, HALF, "packet %d", i);
		}
		cr_expect_lt(*from_tx, 9, "the line gave nothing away");
		cr_expect_lt(*to_rx, 9, "the line gave nothing away");
		stage_cut(&stage);
		cr_expect_eq(stage.cutter.epoch.lru_inserts, 2, "one record for each of them");
		stage_cut(&stage);
	}
	sent = hot_stage_counters(&stage, hot_stage_key(ipv6, from));
	received = hot_stage_counters(&stage, hot_stage_key(ipv6, to));
	cr_expect_eq(sent.tx_packets, 2 * (before + 10));
	cr_expect_eq(sent.tx_l3_bytes, 2 * (before + 10) * STAGE_L3_BYTES);
	cr_expect_eq(received.rx_packets, 2 * (before + 10));
	cr_expect_eq(received.rx_l3_bytes, 2 * (before + 10) * STAGE_L3_BYTES);
	stage_close(&stage);
}

Test(hot, ipv4_line_of_2_to_the_31_packets_spills_and_goes_on)
{
	full_counters_spill(false);
}

Test(hot, ipv6_line_of_2_to_the_31_packets_spills_and_goes_on)
{
	full_counters_spill(true);
}

/* ---- Hosts that change their address ----------------------------------------------------------- */

/* RFC 8981 temporary addresses, exchanged as fast as cuts are made: every host has another random
 * interface identifier in each. All are exact, and the table does not fill with what is gone. */
Test(hot, ipv6_privacy_addresses_that_change_at_each_cut_stay_exact, .timeout = 240)
{
	const uint32_t n_hosts = 100, n_cuts = 30, n_packets = 20;
	const uint64_t server = 0x0db8;
	struct ipacct_snapshot *snapshot;
	struct stage stage = {};
	uint64_t state = 17;
	uint32_t n_exact = 0;

	hot_stage_open(&stage, 1024);
	for (uint32_t cut = 0; cut < n_cuts; cut++) {
		uint64_t hosts[100];

		for (uint32_t host = 0; host < n_hosts; host++)
			hosts[host] = stage_random(&state);
		for (uint32_t i = 0; i < n_packets; i++)
			for (uint32_t host = 0; host < n_hosts; host++)
				stage_send6(&stage, hosts[host], server);
		stage_cut(&stage);
		/* what is kept: the last ones of this epoch, idle ones went when it was cleared */
		uint32_t n_kept = 0;

		for (uint32_t set = 0; set < 2 * HOT_SETS; set++)
			for (uint32_t way = 0; way < IPACCT_HOT6_WAYS; way++)
				n_kept += stage.maps.hot6[set].line[way].flags != 0;
		cr_expect_leq(n_kept, 2 * (n_hosts + 1), "cut %u: %u keys are kept", cut, n_kept);
	}
	snapshot = stage_snapshot(&stage);
	cr_expect_eq(snapshot->n_addresses, n_hosts * n_cuts + 1);
	cr_expect_eq(snapshot->n_rollups, 0);
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		n_exact += snapshot->addresses[i].counters.tx_packets == n_packets;
	cr_expect_eq(n_exact, n_hosts * n_cuts);
	cr_expect_eq(snapshot->conservation.error_packets, 0);
	ipacct_snapshot_destroy(snapshot);
	cr_expect_eq(hot_stage_counters(&stage, hot_stage_key(true, server)).rx_packets,
		     (uint64_t)n_hosts * n_cuts * n_packets);
	stage_close(&stage);
}
