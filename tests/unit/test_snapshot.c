/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public reader over a ledger: one cut, sums that close, and deltas. */
#include <errno.h>
#include <sys/mman.h>

#include "ipacct/ipacct.h"
#include "ledger_common.h"
#include "reader.h"

static struct bench bench;

static void setup(void)
{
	bench_init(&bench, 100);
}

static void teardown(void)
{
	bench_finish(&bench);
}

TestSuite(snapshot, .init = setup, .fini = teardown);

static struct ipacct_reader *reader_of(void)
{
	struct ipacct_problem problem;
	struct ipacct_reader *reader;

	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, &problem), 0, "%s",
		     problem.text);
	return reader;
}

static struct ipacct_snapshot *snapshot_of(struct ipacct_reader *reader)
{
	struct ipacct_snapshot *snapshot;

	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	return snapshot;
}

Test(snapshot, sums_close_at_a_cut)
{
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *snapshot;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	packet(&bench, key4(0xc0000201), key4(0xc6336402), 200);
	apply(&bench, 1);
	snapshot = snapshot_of(reader);
	cr_assert_eq(snapshot->cut, 1);
	cr_assert_eq(snapshot->cut_time_ns, 1000000000u);
	cr_assert_eq(snapshot->n_addresses, 3);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	cr_assert_eq(snapshot->conservation.error_l2_bytes, 0);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, ledger_in_memory_copied_into_a_larger_one_reads_the_same)
{
	int fd = memfd_create("ledger", MFD_CLOEXEC);
	struct ipacct_reader *reader;
	struct ipacct_snapshot *snapshot;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	packet(&bench, key4(0xc0000201), key4(0xc6336402), 200);
	apply(&bench, 2);
	cr_assert_eq(ledger_file_init(fd, ROLLUPS_MAX + 1, 101), 0);
	cr_assert_eq(ledger_file_copy(fd, &bench.publisher.ledger), 0);
	cr_assert_eq(ipacct_reader_of_ledger(fd, &reader, NULL), 0);
	cr_assert_eq(close(fd), 0, "the mapping needs no descriptor");
	cr_assert_eq(ipacct_reader_cut(reader), 2);
	snapshot = snapshot_of(reader);
	cr_assert_eq(snapshot->n_addresses, 3);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, 3); /* the epoch was not reset */
	cr_assert_eq(reader->ledger.n_addresses_max, 101);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, missing_packet_is_an_error_in_both_directions)
{
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *snapshot;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	bench.epoch.addresses.entries[0].counters.tx_packets = 0;
	bench.epoch.addresses.entries[1].counters.rx_l3_bytes -= 7;
	apply(&bench, 1);
	snapshot = snapshot_of(reader);
	cr_assert_eq(snapshot->conservation.error_packets, 1);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 7);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, uncommitted_cut_is_not_seen)
{
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *snapshot;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	epoch_begin(&bench);
	packet(&bench, key4(0xcb007101), key4(0xc6336401), 100);
	apply(&bench, 2);
	bench.publisher.ledger.header->cut = 1;
	snapshot = snapshot_of(reader);
	cr_assert_eq(snapshot->n_addresses, 2, "the key of cut 2 is claimed, not counted");
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, 1);
	cr_assert_eq(snapshot->conservation.error_packets, 0);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, delta_is_what_came_between)
{
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *older, *newer, *delta, *unused;

	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	older = snapshot_of(reader);
	epoch_begin(&bench);
	packet(&bench, key4(0xcb007101), key4(0xc6336401), 70);
	apply(&bench, 2);
	newer = snapshot_of(reader);
	cr_assert_eq(ipacct_snapshot_delta(newer, older, &delta), 0);
	cr_assert_eq(delta->n_addresses, 2, "192.0.2.1 did not move");
	cr_assert_eq(delta->interfaces[0].totals.seen.packets, 1);
	for (size_t i = 0; i < delta->n_addresses; i++)
		cr_assert_eq(delta->addresses[i].counters.tx_l3_bytes +
				     delta->addresses[i].counters.rx_l3_bytes,
			     70);
	newer->instance++;
	cr_assert_eq(ipacct_snapshot_delta(newer, older, &unused), -ESTALE);
	ipacct_snapshot_destroy(delta);
	ipacct_snapshot_destroy(older);
	ipacct_snapshot_destroy(newer);
	ipacct_reader_close(reader);
}

/* What joins other files to the ledger: it must name the record that holds the key. */
Test(snapshot, address_names_its_ledger_record)
{
	struct ipacct_counters one = { .rx_packets = 1 };
	struct ipacct_key prefix = key4(0xc6330000);
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *older, *newer, *delta;

	cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &prefix, 112, &one), 0);
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	older = snapshot_of(reader);
	epoch_begin(&bench);
	packet(&bench, key4(0xcb007101), key4(0xc6336401), 70);
	apply(&bench, 2);
	newer = snapshot_of(reader);
	cr_assert_eq(ipacct_snapshot_delta(newer, older, &delta), 0);
	cr_assert_eq(delta->n_addresses, 2);
	for (size_t i = 0; i < delta->n_addresses; i++) {
		uint32_t at = delta->addresses[i].ledger_index;

		cr_assert_lt(at, 3);
		cr_assert_arr_eq(&bench.publisher.ledger.addresses[at].key,
				 &delta->addresses[i].key, sizeof(struct ipacct_key));
	}
	cr_assert_eq(older->n_rollups, 1);
	cr_assert_eq(older->rollups[0].ledger_index, IPACCT_INDEX_NONE);
	ipacct_snapshot_destroy(delta);
	ipacct_snapshot_destroy(older);
	ipacct_snapshot_destroy(newer);
	ipacct_reader_close(reader);
}

Test(snapshot, live_without_pinned_maps_says_so)
{
	struct ipacct_reader *reader = reader_of();
	struct ipacct_snapshot *snapshot = NULL;
	struct ipacct_problem problem;

	cr_assert_eq(ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_LIVE, &snapshot, &problem),
		     -ENOENT);
	cr_assert_str_eq(problem.text, "no pinned maps in /nonexistent: No such file or directory");
	cr_assert_null(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, larger_file_under_the_same_name_is_followed)
{
	struct ipacct_reader *reader = reader_of();
	uint32_t n_rollups = ROLLUPS_MAX, n_addresses = 4000;
	struct ipacct_snapshot *snapshot;

	cr_assert_eq(ledger_file_prepare(bench.dir_fd, getuid(), getgid(), &n_rollups, &n_addresses,
					 NULL),
		     0);
	bench_close(&bench);
	bench_open(&bench);
	packet(&bench, key4(0xc0000201), key4(0xc6336401), 100);
	apply(&bench, 1);
	cr_assert_eq(ipacct_reader_cut(reader), 1);
	snapshot = snapshot_of(reader);
	cr_assert_eq(snapshot->n_addresses, 2);
	ipacct_snapshot_destroy(snapshot);
	ipacct_reader_close(reader);
}

Test(snapshot, no_ledger_is_named)
{
	struct ipacct_reader *reader;
	struct ipacct_problem problem;

	cr_assert_eq(ipacct_reader_open("/nonexistent", "/nonexistent", &reader, &problem),
		     -ENOENT);
	cr_assert_str_eq(problem.text,
			 "cannot open /nonexistent/ledger: No such file or directory");
}
