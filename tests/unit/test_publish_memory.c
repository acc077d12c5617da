/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cut while memory is short: whichever allocation fails, nothing is added, and the next try adds all. */
#include <errno.h>
#include <sys/mman.h>

#include "ledger_common.h"
#include "reader.h"

#define ADDRESSES   64u
#define PREFIXES    1500u /* more than the first size of a table */
#define FAILURES_AT 64u   /* far more allocations than a cut has */

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

/* A ledger that is full and folds, and a cut that needs every table to grow. */
static void fill(void)
{
	bench_init(&bench, ADDRESSES);
	for (uint32_t i = 0; i < ADDRESSES; i++)
		packet(&bench, key4(0xc0000200 + i), key4(0xc6336401), 100);
	apply(&bench, 1);
	epoch_begin(&bench);
	for (uint32_t i = 0; i < PREFIXES; i++)
		packet(&bench, key4(0x0a000001 + (i << 16)), key6(0x20010000 + i, 1), 100);
}

Test(publish_memory, whichever_allocation_fails_the_next_try_adds_all)
{
	struct ipacct_ledger_cut facts = { .cut = 2, .cut_time_ns = 2000000000u };
	unsigned int n_failures = 0, at = 1;

	for (; at < FAILURES_AT; at++) {
		int ret;

		fill();
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
		expect(1, ADDRESSES);
		cr_assert_eq(publisher_apply(&bench.publisher, &bench.epoch, facts), 0);
		expect(2, ADDRESSES + PREFIXES);
		bench_finish(&bench);
	}
	cr_assert_lt(at, FAILURES_AT);
	cr_assert_geq(n_failures, 5, "only %u allocations", n_failures);
}

Test(publish_memory, a_start_that_has_none_can_be_tried_again)
{
	unsigned int at = 1;

	fill();
	publisher_finish(&bench.publisher);
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
	expect(1, ADDRESSES);
	bench_finish(&bench);
}
