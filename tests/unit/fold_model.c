/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model: sums by key for ever, and what follows from them for records and roll-ups. */
#include "fold_model.h"

void model_init(struct model *model, struct bench *bench, uint64_t seed)
{
	memset(model, 0, sizeof(*model));
	model->bench = bench;
	model->random = seed;
	model->history = calloc(MODEL_CUTS_MAX, sizeof(*model->history));
	cr_assert_not_null(model->history);
}

void model_finish(struct model *model)
{
	free(model->history);
}

/* 198.18.0.0/15 (RFC 2544), 192.0.2.0/24 (RFC 5737) and 3fff::/20 (RFC 9637) are for such things. */
struct ipacct_key model_key(uint32_t number)
{
	struct ipacct_key key = key4((number % 2 ? 0xc6120000 : 0xc6130000) + number);

	if (number % 5 == 0)
		key = key4(0xc0000000 + number);
	if (number % 7 == 0)
		key = key6(0x3fff0001, number);
	if (number % 11 == 0 && number % 7)
		key.domain = 5;
	return key;
}

uint32_t model_number(const struct ipacct_key *key)
{
	return ntohl(key->addr_be[3]) % 0x10000;
}

/* Marsaglia's xorshift64. */
uint32_t model_random(struct model *model, uint32_t below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (uint32_t)(model->random >> 32) % below;
}

void model_packet(struct model *model, uint32_t from, uint32_t to)
{
	uint64_t l3_bytes = 20 + model_random(model, 1480);

	packet(model->bench, model_key(from), model_key(to), l3_bytes);
	model->now[from].tx_packets++;
	model->now[from].tx_l3_bytes += l3_bytes;
	model->now[to].rx_packets++;
	model->now[to].rx_l3_bytes += l3_bytes;
	model->moved[from] = model->moved[to] = model->cut + 1;
}

void model_traffic(struct model *model, uint32_t first, uint32_t n, uint32_t n_packets)
{
	epoch_begin(model->bench);
	for (uint32_t i = 0; i < n_packets; i++)
		model_packet(model, (first + model_random(model, n)) % MODEL_KEYS,
			     (first + model_random(model, n)) % MODEL_KEYS);
}

bool model_protected(const void *context, const struct ipacct_key *key, uint8_t prefix_len)
{
	const struct model *model = context;

	(void)prefix_len; /* all are addresses */
	return model->protects && model_number(key) % 10 == 1;
}

static struct ipacct_counters minus(struct ipacct_counters a, struct ipacct_counters b)
{
	return (struct ipacct_counters){ a.tx_packets - b.tx_packets, a.tx_l3_bytes - b.tx_l3_bytes,
					 a.rx_packets - b.rx_packets,
					 a.rx_l3_bytes - b.rx_l3_bytes };
}

static void must_equal(struct ipacct_counters got, struct ipacct_counters expected,
		       const char *what, uint64_t cut, uint32_t number)
{
	cr_assert_eq(memcmp(&got, &expected, sizeof(got)), 0,
		     "cut %lu, %s %u: tx %lu/%lu rx %lu/%lu, expected %lu/%lu %lu/%lu",
		     (unsigned long)cut, what, number, (unsigned long)got.tx_packets,
		     (unsigned long)got.tx_l3_bytes, (unsigned long)got.rx_packets,
		     (unsigned long)got.rx_l3_bytes, (unsigned long)expected.tx_packets,
		     (unsigned long)expected.tx_l3_bytes, (unsigned long)expected.rx_packets,
		     (unsigned long)expected.rx_l3_bytes);
}

/* Each address has exactly what came since the cut that gave it its record. */
static void addresses_check(struct model *model, const struct ipacct_snapshot *snapshot,
			    bool *present, struct ipacct_counters *own)
{
	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		const struct ipacct_entry *entry = &snapshot->addresses[i];
		uint32_t number = model_number(&entry->key);
		uint64_t since = entry->first_seen_ns / 1000000000u;
		struct ipacct_key key = model_key(number);

		cr_assert_eq(memcmp(&entry->key, &key, sizeof(key)), 0, "a key nobody used");
		cr_assert(!present[number], "key %u twice", number);
		cr_assert(since >= 1 && since <= model->cut);
		must_equal(entry->counters,
			   minus(model->now[number], model->history[since - 1][number]), "key",
			   model->cut, number);
		cr_assert_eq(entry->last_seen_ns, model->moved[number] * 1000000000u);
		present[number] = true;
		own[number] = entry->counters;
	}
}

/* Each prefix has exactly what its addresses ever had and do not have on a record. */
static void rollups_check(const struct model *model, const struct ipacct_snapshot *snapshot,
			  const struct ipacct_counters *own)
{
	struct ipacct_table expected = { .seed = 1 };

	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		struct ipacct_counters rest = minus(model->now[i], own[i]);
		struct ipacct_key key = model_key(i);
		uint8_t prefix_len = ipacct_key_prefix(&key, 0, &key);

		if (rest.tx_packets || rest.rx_packets)
			cr_assert_eq(ipacct_table_add(&expected, &key, prefix_len, &rest), 0);
	}
	cr_assert_eq(snapshot->n_rollups, expected.n_entries);
	for (size_t i = 0; i < snapshot->n_rollups; i++) {
		const struct ipacct_entry *entry = &snapshot->rollups[i];
		uint32_t at = ipacct_table_find(&expected, &entry->key, entry->prefix_len);

		cr_assert_neq(at, IPACCT_TABLE_NONE);
		must_equal(entry->counters, expected.entries[at].counters, "roll-up", model->cut,
			   (uint32_t)i);
	}
	ipacct_table_finish(&expected);
}

/* Who went was idle, not protected, and idle at least as long as who stayed. */
static void folds_check(const struct model *model, const struct ipacct_snapshot *snapshot,
			const bool *present)
{
	uint64_t least_gone = UINT64_MAX, most_stayed = 0, n_gone = 0;
	struct ipacct_counters gone = {};

	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		uint64_t idle = model->cut - model->moved[i];
		struct ipacct_key key = model_key(i);

		if (!model->present[i])
			continue;
		if (present[i]) {
			if (idle > most_stayed && !model_protected(model, &key, 128))
				most_stayed = idle;
			continue;
		}
		cr_assert_gt(idle, 0, "key %u moved and was folded", i);
		cr_assert(!model_protected(model, &key, 128), "key %u is protected", i);
		least_gone = idle < least_gone ? idle : least_gone;
		ipacct_counters_add(&gone, &model->own[i]);
		n_gone++;
	}
	if (n_gone && !model->any_idle_may) /* idle times are told apart by eighths, see fold.c */
		cr_assert_leq(most_stayed, least_gone < 16 ? least_gone : least_gone * 9 / 8,
			      "cut %lu: %lu stayed, %lu went", (unsigned long)model->cut,
			      (unsigned long)most_stayed, (unsigned long)least_gone);
	cr_assert_eq(snapshot->facts.folded_records, model->facts.folded_records + n_gone);
	ipacct_counters_add(&gone, &model->facts.folded);
	must_equal(snapshot->facts.folded, gone, "folded", model->cut, 0);
}

void model_check(struct model *model, const struct ipacct_snapshot *snapshot)
{
	struct ipacct_counters own[MODEL_KEYS] = {};
	bool present[MODEL_KEYS] = {};

	cr_assert_eq(snapshot->cut, model->cut);
	cr_assert_eq(snapshot->conservation.error_packets, 0, "cut %lu", (unsigned long)model->cut);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0);
	memcpy(model->history[model->cut], model->now, sizeof(model->now));
	addresses_check(model, snapshot, present, own);
	rollups_check(model, snapshot, own);
	folds_check(model, snapshot, present);
	memcpy(model->present, present, sizeof(present));
	memcpy(model->own, own, sizeof(own));
	model->facts = snapshot->facts;
}
