/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rates over a ledger that folds: what came in between, wherever it is now, and nothing old. */
#include "fold_model.h"

#include "ipacct/ipacct.h"

#define KEPT 32u

static struct bench bench;
static struct model model;
static struct ipacct_reader *reader;
static struct ipacct_snapshot *kept[KEPT]; /* of the last cuts */

static void setup(void)
{
	bench_init_sized(&bench, 100, MODEL_ROLLUPS);
	model_init(&model, &bench, 20261122);
	cr_assert_eq(ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL), 0);
}

static void teardown(void)
{
	for (uint32_t i = 0; i < KEPT; i++)
		ipacct_snapshot_destroy(kept[i]);
	ipacct_reader_close(reader);
	model_finish(&model);
	bench_finish(&bench);
}

TestSuite(delta, .init = setup, .fini = teardown);

static void cut_kept(void)
{
	uint32_t at = ++model.cut % KEPT;

	apply(&bench, model.cut);
	ipacct_snapshot_destroy(kept[at]);
	cr_assert_eq(ipacct_snapshot_read(reader, 0, &kept[at], NULL), 0);
	model_check(&model, kept[at]);
}

static struct ipacct_counters came_between(uint32_t number, uint64_t older, uint64_t newer)
{
	const struct ipacct_counters *was = &model.history[older][number];
	const struct ipacct_counters *now = &model.history[newer][number];

	return (struct ipacct_counters){ now->tx_packets - was->tx_packets,
					 now->tx_l3_bytes - was->tx_l3_bytes,
					 now->rx_packets - was->rx_packets,
					 now->rx_l3_bytes - was->rx_l3_bytes };
}

static void prefix_add(struct ipacct_table *sums, struct ipacct_key key, uint8_t prefix_len,
		       const struct ipacct_counters *counters)
{
	if (prefix_len == 128)
		prefix_len = ipacct_key_prefix(&key, 0, &key);
	cr_assert_eq(ipacct_table_add(sums, &key, prefix_len, counters), 0);
}

static void tables_must_be_equal(const struct ipacct_table *a, const struct ipacct_table *b)
{
	for (uint32_t i = 0; i < a->n_entries; i++) {
		const struct ipacct_table_entry *entry = &a->entries[i];
		uint32_t at = ipacct_table_find(b, &entry->key, entry->prefix_len);
		struct ipacct_counters other = {};

		if (at != IPACCT_TABLE_NONE)
			other = b->entries[at].counters;
		cr_assert_eq(memcmp(&entry->counters, &other, sizeof(other)), 0,
			     "a prefix: %lu and %lu tx packets",
			     (unsigned long)entry->counters.tx_packets,
			     (unsigned long)other.tx_packets);
	}
}

static void delta_check(uint64_t older, uint64_t newer)
{
	struct ipacct_table expected = { .seed = 1 }, got = { .seed = 2 };
	struct ipacct_snapshot *delta;

	cr_assert_eq(ipacct_snapshot_delta(kept[newer % KEPT], kept[older % KEPT], &delta), 0);
	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		struct ipacct_counters between = came_between(i, older, newer);

		prefix_add(&expected, model_key(i), 128, &between);
	}
	for (size_t i = 0; i < delta->n_addresses; i++) {
		const struct ipacct_entry *entry = &delta->addresses[i];
		struct ipacct_counters most = came_between(model_number(&entry->key), older, newer);

		cr_assert_leq(entry->counters.tx_packets, most.tx_packets);
		cr_assert_leq(entry->counters.rx_l3_bytes, most.rx_l3_bytes);
		prefix_add(&got, entry->key, 128, &entry->counters);
	}
	for (size_t i = 0; i < delta->n_rollups; i++)
		prefix_add(&got, delta->rollups[i].key, delta->rollups[i].prefix_len,
			   &delta->rollups[i].counters);
	tables_must_be_equal(&expected, &got);
	tables_must_be_equal(&got, &expected);
	ipacct_table_finish(&expected);
	ipacct_table_finish(&got);
	ipacct_snapshot_destroy(delta);
}

Test(delta, of_any_two_cuts_is_what_came_in_between_prefix_by_prefix, .timeout = 60)
{
	for (uint32_t i = 0; i < 1000; i++) {
		model_traffic(&model, i / 2, 1 + model_random(&model, 130),
			      model_random(&model, 150));
		cut_kept();
		for (uint32_t k = 0; k < 3 && model.cut > KEPT; k++)
			delta_check(model.cut - model_random(&model, KEPT), model.cut);
	}
	cr_assert_gt(model.facts.folded_records, 500);
}

Test(delta, fold_is_no_traffic)
{
	struct ipacct_snapshot *delta;

	epoch_begin(&bench);
	for (uint32_t i = 0; i < MODEL_KEYS && bench.epoch.addresses.n_entries < 99; i++)
		if (i % 7) /* IPv4 */
			model_packet(&model, i, i);
	cut_kept();
	epoch_begin(&bench);
	model_packet(&model, 7, 14); /* IPv6: one more than there is room for */
	cut_kept();
	cr_assert_gt(model.facts.folded_records, 0);
	cr_assert_eq(ipacct_snapshot_delta(kept[2], kept[1], &delta), 0);
	cr_assert_eq(delta->n_addresses + delta->n_rollups, 2);
	for (size_t i = 0; i < delta->n_addresses; i++)
		cr_assert(!ipacct_key_is_ipv4(&delta->addresses[i].key));
	for (size_t i = 0; i < delta->n_rollups; i++)
		cr_assert(!ipacct_key_is_ipv4(&delta->rollups[i].key));
	ipacct_snapshot_destroy(delta);
}

Test(delta, address_that_returned_counts_whole_and_its_prefix_not)
{
	struct ipacct_snapshot *delta;
	uint64_t older;

	epoch_begin(&bench);
	model_packet(&model, 1, 3); /* both in 198.18.0.0/16 */
	cut_kept();
	older = model.cut;
	for (uint32_t i = 0; model.present[1]; i++) { /* others push it out */
		cr_assert_lt(i, KEPT - 2);
		epoch_begin(&bench);
		for (uint32_t k = 0; k < 10; k++)
			model_packet(&model, 10 + (10 * i + k) % 380, 3);
		cut_kept();
	}
	epoch_begin(&bench);
	model_packet(&model, 1, 3);
	model_packet(&model, 1, 3);
	cut_kept();
	cr_assert(model.present[1]);
	cr_assert_eq(ipacct_snapshot_delta(kept[model.cut % KEPT], kept[older % KEPT], &delta), 0);
	for (size_t i = 0; i < delta->n_addresses; i++)
		if (model_number(&delta->addresses[i].key) == 1)
			cr_assert_eq(delta->addresses[i].counters.tx_packets, 2);
	delta_check(older, model.cut);
	ipacct_snapshot_destroy(delta);
}

/* Two live snapshots: a key that only the maps had has no record's time yet. */
Test(delta, key_that_was_not_cut_yet_goes_on)
{
	struct ipacct_snapshot *delta, newer, older;
	struct ipacct_entry was = { .key = model_key(1), .prefix_len = 128 }, now = was,
			    prefix = was;

	was.counters = (struct ipacct_counters){ 5, 500, 1, 100 };
	now.counters = (struct ipacct_counters){ 8, 800, 1, 100 };
	was.first_seen_ns = 7000;
	now.first_seen_ns = 6500; /* of the switch that it was counted before */
	prefix.prefix_len = ipacct_key_prefix(&was.key, 0, &prefix.key);
	prefix.counters = (struct ipacct_counters){ 100, 100, 100, 100 };
	older = (struct ipacct_snapshot){ .live = true,
					  .cut = 1,
					  .read_time_ns = 7000,
					  .n_addresses = 1,
					  .addresses = &was,
					  .n_rollups = 1,
					  .rollups = &prefix };
	newer = (struct ipacct_snapshot){ .live = true,
					  .cut = 2,
					  .read_time_ns = 8000,
					  .n_addresses = 1,
					  .addresses = &now,
					  .n_rollups = 1,
					  .rollups = &prefix };
	cr_assert_eq(ipacct_snapshot_delta(&newer, &older, &delta), 0);
	cr_assert_eq(delta->n_addresses, 1);
	cr_assert_eq(delta->addresses[0].counters.tx_packets, 3);
	cr_assert_eq(delta->n_rollups, 0);
	ipacct_snapshot_destroy(delta);
	/* it was given no record and began again: what it had went to its prefix */
	now.counters.tx_packets = 2;
	struct ipacct_entry grown = prefix;

	grown.counters.tx_packets += 5;
	newer.rollups = &grown;
	cr_assert_eq(ipacct_snapshot_delta(&newer, &older, &delta), 0);
	cr_assert_eq(delta->addresses[0].counters.tx_packets, 2);
	cr_assert_eq(delta->n_rollups, 0);
	ipacct_snapshot_destroy(delta);
}
