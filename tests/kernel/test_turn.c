/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two programs behind one dispatcher: each packet is counted once, whenever the supervisor changes its
 * mind. A dispatcher is played by running both programs on the same frame, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "epoch.h"
#include "ipacct.skel.h"
#include "maps_make.h"
#include "stage.h"
#include "turn.h"

#define MEMORY (48u << 20)
#define SLOT   3u

struct pair {
	struct stage stage;
	int fd[3]; /* by enum ipacct_turn */
	uint64_t sent;
};

static int turn_load(const struct ipacct_maps *maps, uint32_t turn)
{
	struct ipacct_bpf *skeleton = NULL;
	int fd;

	cr_assert_eq(program_open(NULL, maps, SLOT, 0, 0, 0, &skeleton), 0);
	skeleton->rodata->cfg_turn = turn;
	cr_assert_eq(ipacct_bpf__load(skeleton), 0);
	fd = fcntl(bpf_program__fd(skeleton->progs.ipacct_xdp), F_DUPFD_CLOEXEC, 3);
	cr_assert_geq(fd, 0);
	ipacct_bpf__destroy(skeleton);
	return fd;
}

static void pair_open(struct pair *pair)
{
	*pair = (struct pair){};
	stage_open(&pair->stage, MEMORY, false);
	for (uint32_t turn = IPACCT_TURN_ALONE; turn <= IPACCT_TURN_SECOND; turn++)
		pair->fd[turn] = turn_load(&pair->stage.maps, turn);
}

static void pair_close(struct pair *pair)
{
	for (unsigned int i = 0; i < 3; i++)
		close_fd(&pair->fd[i]);
	stage_close(&pair->stage);
}

static void run_one(const struct pair *pair, uint32_t turn)
{
	unsigned char frame[64] = { [12] = 0x08, [14] = 0x45, [17] = 50, [22] = 64, [23] = 17 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	cr_assert_eq(bpf_prog_test_run_opts(pair->fd[turn], &opts), 0);
	cr_expect_eq(opts.retval, (uint32_t)XDP_PASS);
}

static uint64_t seen(const struct pair *pair)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct ipacct_totals *totals __cleanup(cleanup_free) =
		calloc((size_t)n_cpus, sizeof(*totals));
	uint64_t sum = 0;

	cr_assert(totals);
	for (uint32_t epoch = 0; epoch < IPACCT_EPOCHS; epoch++) {
		uint32_t key = IPACCT_EPOCHS * SLOT + epoch;

		cr_assert_eq(bpf_map_lookup_elem(pair->stage.maps.totals_fd, &key, totals), 0);
		for (int cpu = 0; cpu < n_cpus; cpu++)
			sum += totals[cpu].seen.packets;
	}
	return sum;
}

static void sent_is_seen(struct pair *pair, const char *what)
{
	pair->sent++;
	cr_assert_eq(seen(pair), pair->sent, "%s: %llu of %llu", what,
		     (unsigned long long)seen(pair), (unsigned long long)pair->sent);
}

static void packet_alone(struct pair *pair, uint32_t turn, int cpu)
{
	stage_pin_to(cpu);
	run_one(pair, turn);
	sent_is_seen(pair, turn == IPACCT_TURN_FIRST ? "first alone" : "second alone");
}

/* change: what the supervisor wants from between the two programs on; 0 = nothing new. */
static void packet_both(struct pair *pair, uint32_t change, int cpu)
{
	stage_pin_to(cpu);
	run_one(pair, IPACCT_TURN_FIRST);
	if (change)
		cr_assert_eq(turn_want(&pair->stage.maps, SLOT, change), 0);
	run_one(pair, IPACCT_TURN_SECOND);
	sent_is_seen(pair, "both");
}

/* One upgrade as turn.h has it; the last CPU has packets only before and after it. */
static void upgrade(struct pair *pair, uint32_t from, uint32_t to, int quiet_cpu)
{
	const struct ipacct_maps *maps = &pair->stage.maps;

	packet_alone(pair, from, 0);
	packet_alone(pair, from, quiet_cpu);
	cr_assert_eq(turn_want(maps, SLOT, from), 0);
	cr_assert_eq(turn_decide(maps, SLOT, from), 0);
	packet_alone(pair, from, 0);
	packet_both(pair, 0, 0);
	packet_alone(pair, from,
		     0); /* another queue of the same CPU, where the old dispatcher is still */
	packet_both(pair, 0, 0);
	packet_both(pair, to, 0); /* the change falls into this packet */
	packet_both(pair, 0, 0);
	cr_assert_eq(turn_decide(maps, SLOT, to), 0);
	packet_both(pair, 0, 0);
	packet_alone(pair, to, 0);
	packet_both(pair, 0, 0); /* and a queue where both are still */
	packet_alone(pair, to, quiet_cpu);
	packet_alone(pair, to, 0);
}

Test(turn, upgrades_count_each_packet_once)
{
	int n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct pair pair;

	pair_open(&pair);
	for (int i = 0; i < 3; i++) {
		upgrade(&pair, IPACCT_TURN_FIRST, IPACCT_TURN_SECOND, n_cpus - 1);
		upgrade(&pair, IPACCT_TURN_SECOND, IPACCT_TURN_FIRST, n_cpus - 1);
	}
	cr_expect_geq(pair.sent, 72);
	pair_close(&pair);
}

Test(turn, an_upgrade_that_is_taken_back_counts_each_packet_once)
{
	struct pair pair;

	pair_open(&pair);
	for (uint32_t from = IPACCT_TURN_FIRST; from <= IPACCT_TURN_SECOND; from++) {
		const struct ipacct_maps *maps = &pair.stage.maps;
		uint32_t to = IPACCT_TURN_FIRST + IPACCT_TURN_SECOND - from;

		cr_assert_eq(turn_want(maps, SLOT, from), 0);
		cr_assert_eq(turn_decide(maps, SLOT, from), 0);
		packet_alone(&pair, from, 0);
		packet_both(&pair, to, 0);
		packet_both(&pair, 0, 0);
		packet_both(&pair, from, 0);
		packet_both(&pair, 0, 0);
		cr_assert_eq(turn_decide(maps, SLOT, from), 0);
		packet_alone(&pair, from, 0);
	}
	pair_close(&pair);
}

Test(turn, a_link_of_our_own_asks_nobody)
{
	struct pair pair;

	pair_open(&pair);
	cr_assert_eq(turn_want(&pair.stage.maps, SLOT, IPACCT_TURN_SECOND), 0);
	run_one(&pair, IPACCT_TURN_ALONE);
	sent_is_seen(&pair, "alone");
	pair_close(&pair);
}
