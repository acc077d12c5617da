/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cut while memory is short: whichever allocation fails, nothing is added, and the next try adds all. */
#include <errno.h>
#include <sys/mman.h>

#include "ledger_common.h"
#include "reader.h"

#define ADDRESSES   256u  /* four are folded at once */
#define PREFIXES    1500u /* more than the first size of a table */
#define ROLLUPS     20u
#define FAILURES_AT 64u /* far more allocations than a cut has */

static struct bench bench;
static unsigned int n_until_failure; /* 0: none fails */

/* All that these parts allocate comes here. */
void *reallocarray(void *old, size_t n, size_t each)
{
	if (n_until_failure && --n_until_failure == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * each); /* sizes are the test's own */
}

static struct ipacct_snapshot *snapshot_of(void)
{
	struct ipacct_snapshot *snapshot;
	struct ipacct_reader *reader;

	cr_assert_eq(ipacct_reader_of_ledger(bench.ledger_fd, &reader, NULL), 0);
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &snapshot, NULL), 0);
	ipacct_reader_close(reader);
	return snapshot;
}

static void expect(uint64_t cut, uint64_t n_packets)
{
	struct ipacct_snapshot *snapshot = snapshot_of();

	cr_assert_eq(snapshot->cut, cut);
	cr_assert_eq(snapshot->interfaces[0].totals.accounted.packets, n_packets);
	cr_assert_eq(snapshot->conservation.error_packets, 0, "%lu packets apart in cut %lu",
		     (unsigned long)snapshot->conservation.error_packets, (unsigned long)cut);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0);
	ipacct_snapshot_destroy(snapshot);
}

/* One that the maps have rolled up on both sides. */
static void packet_of_prefixes(uint32_t i)
{
	struct ipacct_counters both = { 1, 100, 1, 100 };
	struct ipacct_totals *totals = &bench.epoch.totals[0];
	struct ipacct_key key = key4(0x0b000001 + (i << 16)), prefix;
	uint8_t prefix_len = ipacct_key_prefix(&key, 0, &prefix);

	cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &prefix, prefix_len, &both), 0);
	totals->seen.packets++;
	totals->accounted.packets++;
	totals->ipv4.packets++;
	totals->ipv4.l3_bytes += 100;
}

/* A ledger that is full, and an epoch that begins. */
static void fill_ledger(void)
{
	bench_init(&bench, ADDRESSES);
	for (uint32_t i = 0; i + 1 < ADDRESSES; i++)
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 100);
	apply(&bench, 1);
	epoch_begin(&bench);
}

/* It folds, and the cut needs every table to grow. */
static void fill(void)
{
	fill_ledger();
	for (uint32_t i = 0; i < PREFIXES; i++)
		packet(&bench, key4(0x0a000001 + (i << 16)), key6(0x20010000 + i, 1), 100);
	for (uint32_t i = 0; i < ROLLUPS; i++)
		packet_of_prefixes(i);
}

/* Nothing new comes, and what was idle is folded: the first that needs the table of prefixes. */
static void fill_to_fold(void)
{
	fill_ledger();
	packet(&bench, key4(0xc0000200), key4(0xc6336401), 100);
}

/* Nothing rolled up and nothing old enough to fold: addresses without a record are the first that need the
 * table of prefixes. */
static void fill_to_unrecorded(void)
{
	fill_ledger();
	for (uint32_t i = 0; i < PREFIXES; i++)
		packet(&bench, key4(0x0a000001 + (i << 16)), key4(0x0b000001 + (i << 16)), 100);
}

/* fill: makes a ledger at cut 1 and an epoch, which leave so many packets after cut 1 and 2. */
static void fail_each(void (*fill_bench)(void), uint64_t n_first, uint64_t n_all,
		      unsigned int n_least)
{
	struct ipacct_ledger_cut facts = { .cut = 2, .cut_time_ns = 2000000000u };
	unsigned int n_failures = 0, at = 1;

	for (; at < FAILURES_AT; at++) {
		int ret;

		fill_bench();
		n_until_failure = at;
		ret = publisher_apply(&bench.publisher, &bench.epoch, facts);
		if (n_until_failure) { /* there are not so many */
			n_until_failure = 0;
			cr_assert_eq(ret, 0);
			bench_finish(&bench);
			break;
		}
		n_failures++;
		cr_assert_eq(ret, -ENOMEM, "allocation %u", at);
		expect(1, n_first);
		cr_assert_eq(publisher_apply(&bench.publisher, &bench.epoch, facts), 0);
		expect(2, n_all);
		bench_finish(&bench);
	}
	cr_assert_lt(at, FAILURES_AT);
	cr_assert_geq(n_failures, n_least, "only %u allocations", n_failures);
}

Test(publish_memory, whichever_allocation_fails_the_next_try_adds_all)
{
	fail_each(fill, ADDRESSES - 1, ADDRESSES - 1 + PREFIXES + ROLLUPS, 5);
}

Test(publish_memory, a_fold_that_finds_no_memory_is_made_by_the_next_try)
{
	fail_each(fill_to_fold, ADDRESSES - 1, ADDRESSES, 2);
}

Test(publish_memory, addresses_without_a_record_wait_for_memory)
{
	fail_each(fill_to_unrecorded, ADDRESSES - 1, ADDRESSES - 1 + PREFIXES, 2);
}

Test(publish_memory, more_wide_prefixes_than_domains_can_have_are_refused)
{
	struct ipacct_ledger_cut facts = { .cut = 2, .cut_time_ns = 2000000000u };
	struct ipacct_counters one = { 1, 100, 1, 100 };

	fill();
	epoch_begin(&bench);
	for (uint16_t domain = 0; domain <= ROLLUPS_MAX; domain++) {
		struct ipacct_key key = { .domain = domain };

		cr_assert_eq(ipacct_table_add(&bench.epoch.rollups, &key, 0, &one), 0);
	}
	cr_assert_eq(publisher_apply(&bench.publisher, &bench.epoch, facts), -ENOSPC);
	expect(1, ADDRESSES - 1);
	bench_finish(&bench);
}

/* A crash left more of them than this version folds at once; one was claimed and never counted. */
Test(publish_memory, every_mark_that_was_left_is_folded)
{
	struct ipacct_ledger_record *records;

	fill_to_fold();
	records = bench.publisher.ledger.addresses;
	for (uint32_t i = 1; i + 1 < ADDRESSES; i++) {
		struct ipacct_ledger_version *mark =
			&records[i].version[!records[i].version[1].cut];

		*mark = (struct ipacct_ledger_version){ .cut = 2 };
	}
	bench.publisher.ledger.header->fold_cut = 2;
	memset(&records[1].version, 0, sizeof(records[1].version));
	records[1].version[0].cut = 2;
	bench_close(&bench);
	bench_open(&bench);
	apply(&bench, 2);
	cr_assert_eq(snapshot_of()->n_addresses, 2);
	bench_finish(&bench);
}

Test(publish_memory, a_run_of_addresses_that_finds_no_memory_says_so)
{
	struct ipacct_counters counters[2] = { { 1, 2, 3, 4 } };
	struct ipacct_key keys[2] = { key4(1), key4(2) };
	struct ipacct_table table = {};

	n_until_failure = 1;
	cr_assert_eq(ipacct_table_add_addresses(&table, keys, counters, 2), -ENOMEM);
	n_until_failure = 0;
	cr_assert_eq(ipacct_table_add_addresses(&table, keys, counters, 2), 0);
	cr_assert_eq(table.n_entries, 2);
	ipacct_table_finish(&table);
}

Test(publish_memory, a_start_that_has_none_can_be_tried_again)
{
	unsigned int at = 1;

	fill();
	publisher_finish(&bench.publisher);
	cr_assert_eq(publisher_init(&bench.publisher, -1, 42, NULL), -EBADF);
	for (; at < FAILURES_AT; at++) {
		int ret;

		n_until_failure = at;
		ret = publisher_init(&bench.publisher, bench.ledger_fd, 42, NULL);
		if (n_until_failure)
			break;
		cr_assert_eq(ret, -ENOMEM, "allocation %u", at);
		publisher_finish(&bench.publisher);
	}
	n_until_failure = 0;
	cr_assert(at > 2 && at < FAILURES_AT);
	expect(1, ADDRESSES - 1);
	bench_finish(&bench);
}
