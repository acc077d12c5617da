// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps, a program, a ledger and cuts of a test's own. */
#include "stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "guard.h"
#include "ledger_file.h"
#include "log.h"
#include "maps_make.h"

static void sizes_override(struct sizing *sizing, const struct stage_setup *setup)
{
	if (setup->lru_entries)
		sizing->lru_entries = setup->lru_entries;
	if (setup->lru_shared)
		sizing->lru_shared = setup->lru_shared;
	if (setup->hot_sets)
		sizing->hot4_sets = sizing->hot6_sets = setup->hot_sets;
	if (setup->hot6_sets)
		sizing->hot6_sets = setup->hot6_sets;
	if (setup->n_addresses_max)
		sizing->n_addresses_max = setup->n_addresses_max;
}

static void ledger_open(struct stage *stage, struct sizing *sizing)
{
	struct ipacct_problem problem = {};

	strcpy(stage->dir, "/tmp/ipacct-stage.XXXXXX");
	cr_assert_not_null(mkdtemp(stage->dir));
	stage->dir_fd = open(stage->dir, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(ledger_file_prepare(stage->dir_fd, getuid(), getgid(), &sizing->n_rollups_max,
					 &sizing->n_addresses_max, &problem),
		     0, "%s", problem.text);
	stage->ledger_fd = ledger_file_open(stage->dir_fd);
	cr_assert_eq(cutter_init(&stage->cutter, &stage->maps, stage->ledger_fd, &problem), 0, "%s",
		     problem.text);
	cr_assert_eq(cutter_recover(&stage->cutter), 0);
}

void stage_program(struct stage *stage)
{
	close_fd(&stage->prog_fd);
	stage->prog_fd = program_load(&stage->maps, 0, 0, 0, 0);
	cr_assert_geq(stage->prog_fd, 0);
}

void stage_open_setup(struct stage *stage, const struct stage_setup *setup)
{
	static struct config config;
	struct ipacct_interface interface = { .ifname = "test", .hook = IPACCT_HOOK_XDP };
	struct ipacct_problem problem = {};
	struct sizing sizing;
	uint32_t slot = 0;

	if (geteuid())
		cr_skip_test("needs root");
	log_libraries_quiet();
	config.memory_bytes = setup->memory_bytes;
	config.receive_cpus_given = setup->shared;
	config.hot = setup->hot;
	cr_assert_eq(sizing_compute(&config, &sizing, &problem), 0, "%s", problem.text);
	sizes_override(&sizing, setup);
	cr_assert_eq(maps_make(&sizing, &stage->maps, &problem), 0, "%s", problem.text);
	cr_assert_eq(bpf_map_update_elem(stage->maps.ifs_fd, &slot, &interface, BPF_ANY), 0);
	cr_assert_eq(ipacct_maps_mmap(&stage->maps), 0);
	stage->prog_fd = -1;
	stage_program(stage);
	ledger_open(stage, &sizing);
}

void stage_open_hot(struct stage *stage, uint64_t memory_bytes, bool shared, bool hot)
{
	stage_open_setup(stage, &(struct stage_setup){ .memory_bytes = memory_bytes,
						       .shared = shared,
						       .hot = hot });
}

void stage_open(struct stage *stage, uint64_t memory_bytes, bool shared)
{
	stage_open_hot(stage, memory_bytes, shared, false);
}

void stage_close(struct stage *stage)
{
	cutter_finish(&stage->cutter);
	ipacct_maps_finish(&stage->maps);
	close(stage->prog_fd);
	close(stage->ledger_fd);
	(void)unlinkat(stage->dir_fd, IPACCT_LEDGER_NAME, 0);
	close(stage->dir_fd);
	rmdir(stage->dir);
}

static void send_bytes(const struct stage *stage, uint8_t *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = STAGE_FRAME_BYTES,
		    .repeat = 1);

	cr_assert_eq(bpf_prog_test_run_opts(stage->prog_fd, &opts), 0);
	cr_assert_eq(opts.retval, XDP_PASS);
}

/* Ethernet II + IPv4 + padding, total length 50. */
void stage_send(const struct stage *stage, uint32_t source, uint32_t destination)
{
	uint8_t frame[STAGE_FRAME_BYTES] = { [12] = 0x08, 0x00,           0x45,      0,
					     0,           STAGE_L3_BYTES, [22] = 64, 17 };
	uint32_t source_be = htonl(source), destination_be = htonl(destination);

	memcpy(&frame[26], &source_be, 4);
	memcpy(&frame[30], &destination_be, 4);
	send_bytes(stage, frame);
}

/* 2001:db8::/32, RFC 3849, and 64 bits behind 2001:db8:0:0. */
static void address6(uint8_t *at, uint64_t low)
{
	static const uint8_t prefix[8] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint64_t low_be = __builtin_bswap64(low);

	memcpy(at, prefix, sizeof(prefix));
	memcpy(at + 8, &low_be, sizeof(low_be));
}

/* Ethernet II + IPv6, payload length 10. */
void stage_send6(const struct stage *stage, uint64_t source, uint64_t destination)
{
	uint8_t frame[STAGE_FRAME_BYTES] = { [12] = 0x86,         0xdd, 0x60, 0, 0, 0, 0,
					     STAGE_L3_BYTES - 40, 17,   64 };

	address6(&frame[22], source);
	address6(&frame[38], destination);
	send_bytes(stage, frame);
}

void stage_cut(struct stage *stage)
{
	cr_assert_eq(cutter_cut(&stage->cutter), 0);
	cr_assert_eq(stage->cutter.last.error_packets, 0);
	cr_assert_eq(stage->cutter.last.error_l3_bytes, 0);
	cr_assert_eq(stage->cutter.last.error_l2_bytes, 0);
}

struct ipacct_snapshot *stage_snapshot(const struct stage *stage)
{
	struct ipacct_reader *reader;
	struct ipacct_snapshot *snapshot;

	cr_assert_eq(ipacct_reader_open(stage->dir, "/nonexistent", &reader, NULL), 0);
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	ipacct_reader_close(reader);
	return snapshot;
}

struct ipacct_counters stage_counters(const struct stage *stage, uint32_t address)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	struct ipacct_counters found = {};

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		if (snapshot->addresses[i].key.addr_be[3] == htonl(address))
			found = snapshot->addresses[i].counters;
	ipacct_snapshot_destroy(snapshot);
	return found;
}

void stage_pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

uint64_t stage_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

uint32_t stage_scaled(uint32_t amount, uint32_t least)
{
	const char *text = getenv("IPACCT_TEST_SLOW");
	int slow = text ? atoi(text) : 1;
	uint32_t scaled = amount / (uint32_t)(slow > 1 ? slow : 1);

	return scaled > least ? scaled : least;
}

static void *load_run(void *context)
{
	struct stage_load *load = context;
	uint32_t seed = 1 + (uint32_t)load->cpu;

	stage_pin_to(load->cpu);
	while (!atomic_load(&load->stop)) {
		seed = seed * 1664525u + 1013904223u; /* Numerical Recipes' generator */
		stage_send(load->stage, 0x0a000000 | (seed >> 16 & (load->n_addresses - 1)),
			   0x0b000000 | (seed >> 20 & (load->n_addresses / 16 - 1)));
		load->sent++;
	}
	return NULL;
}

void stage_load_start(struct stage_load *load, const struct stage *stage, int cpu,
		      uint32_t n_addresses)
{
	*load = (struct stage_load){ .stage = stage, .cpu = cpu, .n_addresses = n_addresses };
	cr_assert_eq(pthread_create(&load->thread, NULL, load_run, load), 0);
}

uint64_t stage_load_stop(struct stage_load *load)
{
	atomic_store(&load->stop, true);
	cr_assert_eq(pthread_join(load->thread, NULL), 0);
	return load->sent;
}

struct ipacct_guard_key stage_prefix4(uint32_t address, uint32_t length)
{
	struct ipacct_guard_key key = { .prefixlen = 16 + 96 + length,
					.address = { [10] = 0xff, 0xff } };
	uint32_t address_be = htonl(address);

	memcpy(key.address + 12, &address_be, 4);
	return key;
}

struct ipacct_guard_key stage_prefix6(uint64_t low, uint32_t length)
{
	struct ipacct_guard_key key = { .prefixlen = 16 + length,
					.address = { 0x20, 0x01, 0x0d, 0xb8 } };
	uint64_t low_be = __builtin_bswap64(low);

	memcpy(key.address + 8, &low_be, 8);
	return key;
}

void stage_protect(struct stage *stage, const struct ipacct_guard_key *keys, size_t n)
{
	struct guard_set have, wanted = { .keys = (struct ipacct_guard_key *)keys, .n = n };
	struct ipacct_problem problem = {};
	bool program;

	cr_assert_eq(guard_set_read(stage->maps.guard_fd, &have), 0);
	program = !have.n != !n;
	cr_assert_eq(guard_add(&stage->maps, &have, &wanted, &problem), 0, "%s", problem.text);
	if (program && n)
		stage_program(stage);
	cr_assert_eq(guard_remove(&stage->maps, &have, &wanted, &problem), 0, "%s", problem.text);
	if (program && !n)
		stage_program(stage);
	guard_set_finish(&have);
	cr_assert_eq(cutter_guard_changed(&stage->cutter), 0);
	stage_cut(stage);
}
