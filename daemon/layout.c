/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where each field lay. A row is never changed: pins and ledgers of its version are out there. */
#include <stddef.h>
#include <string.h>

#include "layout.h"

/* Octets as they are; a record, or n of them in a row. */
#define OCTETS(record, member, at, octets)                                       \
	{                                                                        \
		.there = (at), .here = offsetof(struct ipacct_##record, member), \
		.bytes = (octets), .n = 1                                        \
	}
#define RECORDS(record, member, at, octets, count, inner)                        \
	{                                                                        \
		.there = (at), .here = offsetof(struct ipacct_##record, member), \
		.bytes = (octets), .n = (count), .of = &layout_1.inner           \
	}

static const struct layout layout_1;

static const struct layout_field key_1[] = {
	OCTETS(key, addr_be, 0, 16),
	OCTETS(key, domain, 16, 2),
};

static const struct layout_field counters_1[] = {
	OCTETS(counters, tx_packets, 0, 8),
	OCTETS(counters, tx_l3_bytes, 8, 8),
	OCTETS(counters, rx_packets, 16, 8),
	OCTETS(counters, rx_l3_bytes, 24, 8),
};

static const struct layout_field totals_1[] = {
	OCTETS(totals, seen, 0, 16),
	OCTETS(totals, accounted, 16, 16),
	OCTETS(totals, ipv4, 32, 16),
	OCTETS(totals, ipv6, 48, 16),
	OCTETS(totals, size_histogram, 64, 64),
	OCTETS(totals, protocol, 128, 128),
	OCTETS(totals, first_fragments, 256, 8),
	OCTETS(totals, other_fragments, 264, 8),
	OCTETS(totals, ignored, 272, 512),
	OCTETS(totals, bundles, 784, 8),
	OCTETS(totals, bundled_packets, 792, 8),
	OCTETS(totals, bundled_added_l2_bytes, 800, 8),
	OCTETS(totals, inner_packets, 808, 8),
	OCTETS(totals, tunnel_outer_packets, 816, 8),
};

static const struct layout_field interface_1[] = {
	OCTETS(interface, ifname, 0, 16),
	OCTETS(interface, ifindex, 16, 4),
	OCTETS(interface, domain, 20, 2),
	OCTETS(interface, hook, 22, 1),
	OCTETS(interface, mode, 23, 1),
	OCTETS(interface, attach, 24, 1),
	OCTETS(interface, state, 25, 1),
	OCTETS(interface, flags, 26, 2),
	OCTETS(interface, n_attached, 28, 4),
	OCTETS(interface, attached_ns, 32, 8),
	OCTETS(interface, base_rx_packets_before, 40, 8),
	OCTETS(interface, base_rx_packets_after, 48, 8),
	OCTETS(interface, base_rx_bytes_before, 56, 8),
	OCTETS(interface, base_rx_bytes_after, 64, 8),
	OCTETS(interface, base_seen_packets, 72, 8),
	OCTETS(interface, base_seen_l2_bytes, 80, 8),
};

static const struct layout_field domain_1[] = {
	OCTETS(domain, domain, 0, 2),
	OCTETS(domain, in_use, 2, 2),
};

static const struct layout_field vlans_1[] = {
	OCTETS(vlans, domain, 0, 8192),
};

static const struct layout_field part_1[] = {
	OCTETS(part, lru_budget, 0, 8),    OCTETS(part, lru_inserts, 8, 8),
	OCTETS(part, lru_refused, 16, 8),  OCTETS(part, rollup_updates, 24, 8),
	OCTETS(part, hot_rolled, 32, 8),   OCTETS(part, hot_displaced, 40, 8),
	OCTETS(part, guard_rolled, 48, 8), OCTETS(part, hot_sure, 56, 8),
};

static const struct layout_field hot4_line_1[] = {
	OCTETS(hot4_line, addr_be, 0, 4),      OCTETS(hot4_line, domain, 4, 2),
	OCTETS(hot4_line, flags, 6, 2),        OCTETS(hot4_line, tx_packets, 8, 4),
	OCTETS(hot4_line, rx_packets, 12, 4),  OCTETS(hot4_line, tx_l3_bytes, 16, 8),
	OCTETS(hot4_line, rx_l3_bytes, 24, 8),
};

static const struct layout_field hot6_line_1[] = {
	OCTETS(hot6_line, addr_be, 0, 16),     OCTETS(hot6_line, domain, 16, 2),
	OCTETS(hot6_line, flags, 18, 2),       OCTETS(hot6_line, tx_packets, 20, 4),
	OCTETS(hot6_line, rx_packets, 24, 4),  OCTETS(hot6_line, tx_l3_bytes, 32, 8),
	OCTETS(hot6_line, rx_l3_bytes, 40, 8),
};

static const struct layout_field roll6_line_1[] = {
	OCTETS(roll6_line, key, 0, 8),
	RECORDS(roll6_line, counters, 8, 32, 1, counters),
};

static const struct layout_field ledger_version_1[] = {
	OCTETS(ledger_version, cut, 0, 8),
	RECORDS(ledger_version, counters, 8, 32, 1, counters),
	OCTETS(ledger_version, last_seen_ns, 40, 8),
};

static const struct layout_field ledger_record_1[] = {
	RECORDS(ledger_record, key, 0, 20, 1, key),
	OCTETS(ledger_record, prefix_len, 20, 1),
	OCTETS(ledger_record, first_seen_ns, 24, 8),
	RECORDS(ledger_record, version, 32, 48, 2, ledger_version),
};

static const struct layout_field ledger_totals_1[] = {
	OCTETS(ledger_totals, cut, 0, 8),
	RECORDS(ledger_totals, interface, 8, 112, 1, interface),
	RECORDS(ledger_totals, totals, 120, 832, 1, totals),
};

static const struct layout_field ledger_interface_1[] = {
	RECORDS(ledger_interface, version, 0, 952, 2, ledger_totals),
};

static const struct layout_field ledger_series_1[] = {
	OCTETS(ledger_series, kind, 0, 1),
	OCTETS(ledger_series, created_ns, 8, 8),
	OCTETS(ledger_series, name, 16, 56),
	RECORDS(ledger_series, version, 72, 48, 2, ledger_version),
};

static const struct layout_field ledger_cut_1[] = {
	OCTETS(ledger_cut, cut, 0, 8),
	OCTETS(ledger_cut, cut_time_ns, 8, 8),
	OCTETS(ledger_cut, error_packets, 16, 8),
	OCTETS(ledger_cut, error_l3_bytes, 24, 8),
	OCTETS(ledger_cut, unrecorded_keys, 32, 8),
	OCTETS(ledger_cut, lru_refused, 40, 8),
	OCTETS(ledger_cut, rollup_updates, 48, 8),
	OCTETS(ledger_cut, duration_ns, 56, 8),
	OCTETS(ledger_cut, guard_rolled, 64, 8),
	OCTETS(ledger_cut, guard_unrecorded, 72, 8),
	OCTETS(ledger_cut, folded_records, 80, 8),
	RECORDS(ledger_cut, folded, 88, 32, 1, counters),
};

/* Without what says how large records are: whoever makes a ledger writes that. */
static const struct layout_field ledger_header_1[] = {
	OCTETS(ledger_header, n_rollups_max, 28, 4),
	OCTETS(ledger_header, n_addresses_max, 32, 4),
	OCTETS(ledger_header, instance, 48, 8),
	OCTETS(ledger_header, created_ns, 56, 8),
	OCTETS(ledger_header, cut, 64, 8),
	OCTETS(ledger_header, n_rollups, 72, 4),
	OCTETS(ledger_header, n_addresses, 76, 4),
	RECORDS(ledger_header, version, 80, 120, 2, ledger_cut),
	OCTETS(ledger_header, interval_ns, 320, 8),
	OCTETS(ledger_header, fold_cut, 328, 8),
	OCTETS(ledger_header, n_groups_max, 336, 4),
	OCTETS(ledger_header, n_groups, 340, 4),
	OCTETS(ledger_header, mask, 344, 32),
};

#define RECORD(record, octets)                                              \
	.record = { .bytes = (octets),                                      \
		    .bytes_here = sizeof(struct ipacct_##record),           \
		    .n_fields = sizeof(record##_1) / sizeof(record##_1[0]), \
		    .fields = record##_1 }

static const struct layout layout_1 = {
	.abi_version = 1,
	RECORD(key, 20),
	RECORD(counters, 32),
	RECORD(totals, 832),
	RECORD(interface, 112),
	RECORD(domain, 8),
	RECORD(vlans, 8192),
	RECORD(part, 64),
	RECORD(hot4_line, 32),
	RECORD(hot6_line, 64),
	RECORD(roll6_line, 64),
	RECORD(ledger_version, 48),
	RECORD(ledger_record, 128),
	RECORD(ledger_totals, 952),
	RECORD(ledger_interface, 1904),
	RECORD(ledger_series, 168),
	RECORD(ledger_cut, 120),
	RECORD(ledger_header, 400),
	.ifs_max = 64,
	.domains_max = 64,
	.roll_lines = 65536 + 2 * 64,
	.roll6_lines = 4096,
	.hot4_ways = 8,
	.hot6_ways = 4,
	.hot_set_bytes = 256,
	.series_max = 2048,
	.ledger_header_bytes = 4096,
};

static const struct layout *const layouts[] = { &layout_1 };

const struct layout *layout_of(uint32_t abi_version)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i]->abi_version == abi_version)
			return layouts[i];
	return NULL;
}

void layout_convert(const struct layout_record *record, const void *from, void *to)
{
	memset(to, 0, record->bytes_here);
	for (uint32_t i = 0; i < record->n_fields; i++) {
		const struct layout_field *field = &record->fields[i];
		const char *there = (const char *)from + field->there;
		char *here = (char *)to + field->here;

		if (!field->of)
			memcpy(here, there, (size_t)field->bytes * field->n);
		for (uint32_t k = 0; field->of && k < field->n; k++)
			layout_convert(field->of, there + (size_t)k * field->bytes,
				       here + (size_t)k * field->of->bytes_here);
	}
}
