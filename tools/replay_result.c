// SPDX-License-Identifier: GPL-2.0-or-later
/* What a capture holds, in one form. */
#include "replay_result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ipacct/counters.h>
#include <nettle/base16.h>

#include "base/json.h"
#include "common.h"

/* seen, accounted, two families, classes, reasons: of two numbers each; fragments, tunnels, bins */
#define VALUES_MAX (2u * (4u + IPACCT_PROTOCOLS + IPACCT_IGNORED_REASONS) + 4u + IPACCT_SIZE_BINS)

struct value {
	char name[RESULT_NAME_BYTES];
	uint64_t value;
};

struct values {
	struct value value[VALUES_MAX];
	size_t n;
};

static void put(struct values *values, const char *head, const char *name, const char *tail,
		uint64_t value)
{
	struct value *to = &values->value[values->n++];

	(void)snprintf(to->name, sizeof(to->name), "%s%s%s", head, name, tail); /* all fit */
	to->value = value;
}

static void put_l2(struct values *values, const char *head, const char *name,
		   const struct ipacct_packets_l2 *sum)
{
	put(values, head, name, "_packets", sum->packets);
	put(values, head, name, "_l2_bytes", sum->l2_bytes);
}

static void put_l3(struct values *values, const char *name, const struct ipacct_packets_l3 *sum)
{
	put(values, "", name, "_packets", sum->packets);
	put(values, "", name, "_l3_bytes", sum->l3_bytes);
}

/* Every number of the totals, in the order of the canonical text. */
static void values_of(const struct ipacct_totals *totals, struct values *ret_values)
{
	ret_values->n = 0;
	put_l2(ret_values, "", "seen", &totals->seen);
	put_l2(ret_values, "", "accounted", &totals->accounted);
	put_l3(ret_values, "ipv4", &totals->ipv4);
	put_l3(ret_values, "ipv6", &totals->ipv6);
	for (unsigned int i = 0; i < IPACCT_PROTOCOLS; i++)
		put_l3(ret_values, ipacct_protocol_name(i), &totals->protocol[i]);
	put(ret_values, "", "first_fragments", "", totals->first_fragments);
	put(ret_values, "", "other_fragments", "", totals->other_fragments);
	put(ret_values, "", "inner_packets", "", totals->inner_packets);
	put(ret_values, "", "tunnel_outer_packets", "", totals->tunnel_outer_packets);
	for (unsigned int i = 0; i < IPACCT_SIZE_BINS; i++)
		put(ret_values, "size_", ipacct_size_bin_name(i), "_packets",
		    totals->size_histogram[i]);
	for (unsigned int i = 0; i < IPACCT_IGNORED_REASONS; i++)
		put_l2(ret_values, "ignored_", ipacct_reason_name(i), &totals->ignored[i]);
}

static int compare_rows(const void *left, const void *right)
{
	const struct result_row *a = left, *b = right;

	return tool_compare_keys(&a->key, a->prefix_len, &b->key, b->prefix_len);
}

static int result_init(struct result *result, size_t n_rows)
{
	*result = (struct result){ .rows = calloc(n_rows + 1, sizeof(*result->rows)) };
	return result->rows ? 0 : -ENOMEM;
}

static void result_sort(struct result *result)
{
	qsort(result->rows, result->n_rows, sizeof(*result->rows), compare_rows);
}

void result_finish(struct result *result)
{
	free(result->rows);
	*result = (struct result){ .n_rows = 0 };
}

/* Totals are 64-bit counters only: adding them up needs no list of their fields. */
static void totals_add(struct ipacct_totals *sum, const struct ipacct_totals *more)
{
	uint64_t to[sizeof(*sum) / sizeof(uint64_t)], from[sizeof(*sum) / sizeof(uint64_t)];

	memcpy(to, sum, sizeof(to));
	memcpy(from, more, sizeof(from));
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		to[i] += from[i];
	memcpy(sum, to, sizeof(to));
}

int result_of_snapshot(const struct ipacct_snapshot *snapshot, struct result *ret_result)
{
	struct result result;
	int r = result_init(&result, snapshot->n_addresses + snapshot->n_rollups);

	if (r < 0)
		return r;
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		totals_add(&result.totals, &snapshot->interfaces[i].totals);
	for (size_t i = 0; i < snapshot->n_addresses + snapshot->n_rollups; i++) {
		const struct ipacct_entry *entry =
			i < snapshot->n_addresses ? &snapshot->addresses[i]
						  : &snapshot->rollups[i - snapshot->n_addresses];

		result.rows[result.n_rows++] =
			(struct result_row){ entry->key, entry->prefix_len, entry->counters };
	}
	result_sort(&result);
	*ret_result = result;
	return 0;
}

int result_of_witness(const struct witness *witness, struct result *ret_result)
{
	struct result result;
	int r = result_init(&result, witness->n_rows);

	if (r < 0)
		return r;
	result.totals = witness->totals;
	for (size_t i = 0; i < witness->n_rows; i++) {
		const struct witness_row *from = &witness->rows[i];
		struct result_row *to = &result.rows[result.n_rows++];

		memcpy(to->key.addr_be, from->address, sizeof(to->key.addr_be));
		to->prefix_len = 128;
		to->counters.tx_packets = from->sent_packets;
		to->counters.tx_l3_bytes = from->sent_l3_bytes;
		to->counters.rx_packets = from->received_packets;
		to->counters.rx_l3_bytes = from->received_l3_bytes;
	}
	result_sort(&result);
	*ret_result = result;
	return 0;
}

void result_write(const struct result *result, FILE *file)
{
	struct json_writer json = { .file = file };
	struct values values;

	values_of(&result->totals, &values);
	json_open(&json, NULL, '{');
	json_text(&json, "type", "totals");
	for (size_t i = 0; i < values.n; i++)
		json_u64(&json, values.value[i].name, values.value[i].value);
	json_close(&json, '}');
	for (size_t i = 0; i < result->n_rows && !ferror(file); i++) {
		const struct result_row *row = &result->rows[i];
		char text[IPACCT_PREFIX_TEXT_BYTES];
		bool address = !ipacct_key_is_rollup(&row->key, row->prefix_len);

		json_open(&json, NULL, '{');
		json_text(&json, "type", address ? "address" : "rollup");
		json_text(&json, address ? "address" : "prefix",
			  ipacct_key_format(&row->key, row->prefix_len, text, sizeof(text)));
		json_u64(&json, "domain", row->key.domain);
#define WRITE(field, element, help) json_u64(&json, #field, row->counters.field);
		IPACCT_COUNTERS(WRITE)
#undef WRITE
		json_close(&json, '}');
	}
}

static ssize_t hash_write(void *cookie, const char *text, size_t n_bytes)
{
	sha256_update(cookie, n_bytes, (const uint8_t *)text);
	return (ssize_t)n_bytes;
}

int result_hash(const struct result *result, char ret_text[CAPTURE_SHA256_TEXT_BYTES])
{
	struct sha256_ctx hash;
	uint8_t digest[SHA256_DIGEST_SIZE];
	FILE *file = fopencookie(&hash, "w", (cookie_io_functions_t){ .write = hash_write });

	if (!file)
		return -ENOMEM;
	sha256_init(&hash);
	result_write(result, file);
	(void)fclose(file); /* hash_write() takes everything */
	sha256_digest(&hash, sizeof(digest), digest);
	base16_encode_update(ret_text, sizeof(digest), digest);
	ret_text[CAPTURE_SHA256_TEXT_BYTES - 1] = '\0';
	return 0;
}

struct comparison {
	struct result_difference *differences;
	size_t n_max;
	uint64_t n;
};

static void compare_one(struct comparison *comparison, const char *what, const char *counter,
			uint64_t counted, uint64_t expected)
{
	struct result_difference *to;

	if (counted == expected)
		return;
	if (comparison->n++ >= comparison->n_max)
		return;
	to = &comparison->differences[comparison->n - 1];
	(void)snprintf(to->what, sizeof(to->what), "%s", what);
	(void)snprintf(to->counter, sizeof(to->counter), "%s", counter);
	to->counted = counted;
	to->expected = expected;
}

/* counted or expected may be NULL: only the other side has this row. */
static void compare_counters(struct comparison *comparison, const struct result_row *counted,
			     const struct result_row *expected)
{
	static const struct ipacct_counters none;
	const struct result_row *row = counted ? counted : expected;
	const struct ipacct_counters *a = counted ? &counted->counters : &none;
	const struct ipacct_counters *b = expected ? &expected->counters : &none;
	char text[IPACCT_PREFIX_TEXT_BYTES];

	ipacct_key_format(&row->key, row->prefix_len, text, sizeof(text));
#define COMPARE(field, element, help) compare_one(comparison, text, #field, a->field, b->field);
	IPACCT_COUNTERS(COMPARE)
#undef COMPARE
}

uint64_t result_compare(const struct result *counted, const struct result *expected,
			struct result_difference *ret_differences, size_t n_max)
{
	struct comparison comparison = { ret_differences, n_max, 0 };
	struct values a, b;
	size_t i = 0, j = 0;

	values_of(&counted->totals, &a);
	values_of(&expected->totals, &b);
	for (size_t k = 0; k < a.n; k++)
		compare_one(&comparison, "totals", a.value[k].name, a.value[k].value,
			    b.value[k].value);
	while (i < counted->n_rows || j < expected->n_rows) {
		int order = i >= counted->n_rows ? 1
			    : j >= expected->n_rows
				    ? -1
				    : compare_rows(&counted->rows[i], &expected->rows[j]);

		compare_counters(&comparison, order <= 0 ? &counted->rows[i] : NULL,
				 order >= 0 ? &expected->rows[j] : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	return comparison.n;
}
