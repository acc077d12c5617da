/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live readers that lose every race: a whole cut is made, with packets before and after it, each time
 * before they look at the control record. They tell what there was all the same. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "reader.h"
#include "stage.h"

#define FROM       0xc0000201u /* RFC 5737 */
#define TO         0xc6336401u
#define N_READINGS 20u

static struct stage stage;
static struct ipacct_reader *reader;
static uint64_t n_sent;
static uint32_t n_cuts;
static bool racing;

static void send_one(void)
{
	stage_send(&stage, FROM, TO);
	n_sent++;
}

int __real_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value);

/* libipacct's only look-up of the control record is by this function. */
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	if (racing && fd == stage.maps.ctl_fd) {
		send_one();
		stage_cut(&stage);
		send_one();
		n_cuts++;
	}
	return __real_bpf_map_lookup_elem(fd, key, value);
}

/* The stage pins nothing: its maps are given to the reader by hand, with a file in the place of the pin that
 * tells whether they were made anew. They are read by system calls, as a member of the group does. */
static void setup(void)
{
	struct stat st;
	int fd;

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = 48 << 20, .hot = true });
	stage_pin_to(0);
	fd = openat(stage.dir_fd, IPACCT_PIN_META, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && !fstat(fd, &st) && !close(fd));
	cr_assert_eq(ipacct_reader_open(stage.dir, stage.dir, &reader, NULL), 0);
	reader->maps = stage.maps;
	reader->maps.hotmap = NULL;
	reader->maps.parts = NULL;
	reader->maps.roll = NULL;
	reader->maps.roll6 = NULL;
	reader->maps_open = true;
	reader->meta_inode = st.st_ino;
	send_one();
	stage_cut(&stage);
}

static void teardown(void)
{
	if (!reader)
		return;                  /* skipped */
	ipacct_maps_init(&reader->maps); /* they are the stage's */
	ipacct_reader_close(reader);
	(void)unlinkat(stage.dir_fd, IPACCT_PIN_META, 0);
	stage_close(&stage);
}

TestSuite(live_cuts, .init = setup, .fini = teardown);

static uint64_t packets_of(const struct ipacct_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].key.addr_be[3] == htonl(FROM))
			return entries[i].counters.tx_packets;
	return 0;
}

/* What is counted during a reading may be in it; what was counted before is. */
Test(live_cuts, snapshot_that_loses_each_race_has_what_was_there)
{
	struct ipacct_snapshot *snapshot;

	racing = true;
	for (uint32_t i = 0; i < N_READINGS; i++) {
		uint64_t n_before = n_sent, n_packets;

		cr_assert_eq(ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_LIVE, &snapshot, NULL),
			     0);
		n_packets = packets_of(snapshot->addresses, snapshot->n_addresses);
		cr_expect(n_packets >= n_before && n_packets <= n_sent,
			  "%lu packets told, %lu before, %lu after", (unsigned long)n_packets,
			  (unsigned long)n_before, (unsigned long)n_sent);
		cr_expect(snapshot->live);
		cr_expect_eq(snapshot->interfaces[0].totals.seen.packets, n_packets);
		cr_expect_eq(snapshot->conservation.error_packets, 0);
		ipacct_snapshot_destroy(snapshot);
	}
	cr_expect_geq(n_cuts, 2 * N_READINGS, "no race was run");
}

Test(live_cuts, snapshot_between_cuts_is_of_the_maps)
{
	struct ipacct_snapshot *snapshot;

	send_one();
	cr_assert_eq(ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_LIVE, &snapshot, NULL), 0);
	cr_expect_eq(packets_of(snapshot->addresses, snapshot->n_addresses), n_sent);
	cr_expect_eq(snapshot->cut, ipacct_reader_cut(reader));
	ipacct_snapshot_destroy(snapshot);
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	cr_expect_eq(packets_of(snapshot->addresses, snapshot->n_addresses), n_sent - 1);
	ipacct_snapshot_destroy(snapshot);
}

/* Each packet is told once: over steps that lose, and over the one at the end that does not. */
Test(live_cuts, steps_that_lose_each_race_tell_every_packet_once)
{
	const struct ipacct_moves *moves;
	struct ipacct_live *live;
	uint64_t n_told, n_seen;

	cr_assert_eq(ipacct_live_open(reader, &live), 0);
	cr_assert_eq(ipacct_live_step(live, &moves, NULL), 0);
	n_told = n_seen = n_sent; /* what is in the ledger at the first step was before */
	racing = true;
	for (uint32_t i = 0; i <= N_READINGS; i++) {
		uint64_t n_before = n_sent;

		racing = i < N_READINGS;
		cr_assert_eq(ipacct_live_step(live, &moves, NULL), 0);
		n_told += packets_of(moves->delta.addresses, moves->delta.n_addresses);
		n_seen += moves->delta.interfaces[0].totals.seen.packets;
		cr_expect(n_told >= n_before && n_told <= n_sent,
			  "%lu packets told, %lu before, %lu after", (unsigned long)n_told,
			  (unsigned long)n_before, (unsigned long)n_sent);
		cr_expect_eq(n_seen, n_told);
		cr_expect(moves->delta.live && !moves->first);
	}
	cr_expect_eq(n_told, n_sent);
	cr_expect_geq(n_cuts, 2 * N_READINGS, "no race was run");
	ipacct_live_close(live);
}
