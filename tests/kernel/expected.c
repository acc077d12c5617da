// SPDX-License-Identifier: GPL-2.0-or-later
/* What all frames together must have been counted as. */
#include "expected.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024u /* a power of two, like all later sizes */
#define FCS_BYTES   4u    /* IEEE 802.3 3.2.9 */

/* RFC 2819 etherStatsPkts…Octets: the first size that belongs to the next bin. */
static const uint32_t bin_limits[IPACCT_SIZE_BINS - 1] = { 64, 65, 128, 256, 512, 1024, 1519 };

int expected_init(struct expected *expected)
{
	*expected = (struct expected){ .n_slots = FIRST_SLOTS };
	expected->addresses = calloc(FIRST_SLOTS, sizeof(*expected->addresses));
	return expected->addresses ? 0 : -ENOMEM;
}

void expected_finish(struct expected *expected)
{
	free(expected->addresses);
	*expected = (struct expected){ 0 };
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static size_t hash(const uint8_t address[16])
{
	uint64_t value = 0xcbf29ce484222325ULL;

	for (int i = 0; i < 16; i++)
		value = (value ^ address[i]) * 0x100000001b3ULL;
	return (size_t)(value ^ value >> 32);
}

/* The slot that holds the address, or the free one where it belongs. */
static struct expected_address *find(const struct expected *expected, const uint8_t address[16])
{
	size_t at = hash(address) & (expected->n_slots - 1);

	while (expected->addresses[at].used && memcmp(expected->addresses[at].address, address, 16))
		at = (at + 1) & (expected->n_slots - 1);
	return &expected->addresses[at];
}

static int grow(struct expected *expected)
{
	struct expected larger = *expected;

	larger.n_slots *= 2;
	larger.addresses = calloc(larger.n_slots, sizeof(*larger.addresses));
	if (!larger.addresses)
		return -ENOMEM;
	for (size_t i = 0; i < expected->n_slots; i++)
		if (expected->addresses[i].used)
			*find(&larger, expected->addresses[i].address) = expected->addresses[i];
	free(expected->addresses);
	*expected = larger;
	return 0;
}

static struct ipacct_counters *record(struct expected *expected, const uint8_t address[16])
{
	struct expected_address *slot = find(expected, address);

	if (!slot->used) {
		slot->used = true;
		memcpy(slot->address, address, 16);
		expected->n_addresses++;
	}
	return &slot->counters;
}

static void add_totals(struct ipacct_totals *totals, const struct outcome *outcome, size_t l2_bytes)
{
	struct ipacct_packets_l3 *family = outcome->family == 4 ? &totals->ipv4 : &totals->ipv6;
	unsigned int bin = 0;

	while (bin < IPACCT_SIZE_BINS - 1 && l2_bytes + FCS_BYTES >= bin_limits[bin])
		bin++;
	totals->seen.packets++;
	totals->seen.l2_bytes += l2_bytes;
	totals->size_histogram[bin]++;
	if (outcome->ignored != OUTCOME_ACCOUNTED) {
		totals->ignored[outcome->ignored].packets++;
		totals->ignored[outcome->ignored].l2_bytes += l2_bytes;
		return;
	}
	totals->accounted.packets++;
	totals->accounted.l2_bytes += l2_bytes;
	family->packets++;
	family->l3_bytes += outcome->l3_bytes;
	totals->protocol[outcome->protocol].packets++;
	totals->protocol[outcome->protocol].l3_bytes += outcome->l3_bytes;
	totals->first_fragments += outcome->fragment == OUTCOME_FIRST_FRAGMENT;
	totals->other_fragments += outcome->fragment == OUTCOME_OTHER_FRAGMENT;
	totals->inner_packets += outcome->tunnel == OUTCOME_INNER;
	totals->tunnel_outer_packets += outcome->tunnel == OUTCOME_TUNNEL_OUTER;
}

int expected_add(struct expected *expected, const struct outcome *outcome, size_t l2_bytes)
{
	struct ipacct_counters *counters;

	add_totals(&expected->totals, outcome, l2_bytes);
	if (outcome->ignored != OUTCOME_ACCOUNTED)
		return 0;
	if (2 * (expected->n_addresses + 2) > expected->n_slots && grow(expected))
		return -ENOMEM;
	counters = record(expected, outcome->source);
	counters->tx_packets++;
	counters->tx_l3_bytes += outcome->l3_bytes;
	counters = record(expected, outcome->destination);
	counters->rx_packets++;
	counters->rx_l3_bytes += outcome->l3_bytes;
	return 0;
}

struct ipacct_counters expected_address(const struct expected *expected, const uint8_t address[16])
{
	return find(expected, address)->counters; /* a free slot is all zero */
}

/* ---- comparison ---- */

/* What came less what was counted, per line: first one for each address, then they are added up by
 * prefix. Signed, because a wrong count may be too large. */
struct rest {
	uint8_t address[16];
	int64_t values[4];
};

struct comparison {
	size_t n_differences;
	char *text;
	struct rest *rests;
	size_t n_rests;
};

static void difference(struct comparison *comparison, const uint8_t address[16], int prefix_len,
		       const char *what)
{
	char name[INET6_ADDRSTRLEN];

	if (comparison->n_differences++)
		return;
	(void)inet_ntop(AF_INET6, address, name, sizeof(name)); /* fails only for a short buffer */
	(void)snprintf(comparison->text, EXPECTED_TEXT_BYTES, "%s/%d: %s", name, prefix_len, what);
}

static void subtract(struct rest *rest, const struct ipacct_counters *counters)
{
	rest->values[0] -= (int64_t)counters->tx_packets;
	rest->values[1] -= (int64_t)counters->tx_l3_bytes;
	rest->values[2] -= (int64_t)counters->rx_packets;
	rest->values[3] -= (int64_t)counters->rx_l3_bytes;
}

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static bool rests_init(struct comparison *comparison, const struct expected *expected)
{
	comparison->rests = calloc(expected->n_addresses + 1, sizeof(*comparison->rests));
	if (!comparison->rests)
		return false;
	for (size_t i = 0; i < expected->n_slots; i++) {
		const struct expected_address *slot = &expected->addresses[i];
		struct rest *rest = &comparison->rests[comparison->n_rests];

		if (!slot->used)
			continue;
		memcpy(rest->address, slot->address, 16);
		rest->values[0] = (int64_t)slot->counters.tx_packets;
		rest->values[1] = (int64_t)slot->counters.tx_l3_bytes;
		rest->values[2] = (int64_t)slot->counters.rx_packets;
		rest->values[3] = (int64_t)slot->counters.rx_l3_bytes;
		comparison->n_rests++;
	}
	qsort(comparison->rests, comparison->n_rests, sizeof(*comparison->rests), by_address);
	return true;
}

static void take_records(struct comparison *comparison, const struct machine_dump *dump,
			 uint16_t domain)
{
	for (size_t i = 0; i < dump->n; i++) {
		const struct machine_entry *entry = &dump->entries[i];
		const uint8_t *address = (const uint8_t *)entry->key.addr_be;
		struct rest *rest;

		if (entry->key.domain != domain || entry->key.reserved)
			difference(comparison, address, entry->prefix_len, "in another domain");
		if (entry->prefix_len != 128)
			continue;
		rest = bsearch(address, comparison->rests, comparison->n_rests, sizeof(*rest),
			       by_address);
		if (rest)
			subtract(rest, &entry->counters);
		else
			difference(comparison, address, 128, "never came, but has a record");
	}
}

/* exact: nothing may be left. Otherwise nothing may be negative. */
static void check_rests(struct comparison *comparison, bool exact)
{
	char what[128];

	for (size_t i = 0; i < comparison->n_rests; i++) {
		const int64_t *left = comparison->rests[i].values;
		bool bad = false;

		for (int v = 0; v < 4; v++)
			bad |= exact ? left[v] != 0 : left[v] < 0;
		(void)snprintf(what, sizeof(what),
			       "not counted: tx %" PRId64 " (%" PRId64 " bytes), rx %" PRId64
			       " (%" PRId64 ")",
			       left[0], left[1], left[2], left[3]);
		if (bad)
			difference(comparison, comparison->rests[i].address, 128, what);
	}
}

static bool is_ipv4(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, mapped, sizeof(mapped));
}

/* Octets of the address that name its roll-up: mapped IPv4 /16, else IPv6 /32. */
static size_t prefix_octets(const uint8_t address[16])
{
	return is_ipv4(address) ? 14 : 4;
}

/* Each rest becomes part of the rest of its prefix. */
static void rests_by_prefix(struct comparison *comparison)
{
	struct rest *rests = comparison->rests;
	size_t n = 0;

	for (size_t i = 0; i < comparison->n_rests; i++) {
		size_t octets = prefix_octets(rests[i].address);

		memset(rests[i].address + octets, 0, 16 - octets);
	}
	/* Again: ::ffff:0:0/96 lies inside of ::/32, so the runs of prefixes have moved. */
	qsort(rests, comparison->n_rests, sizeof(*rests), by_address);
	for (size_t i = 1; i < comparison->n_rests; i++) {
		if (by_address(&rests[n], &rests[i])) {
			rests[++n] = rests[i];
			continue;
		}
		for (int v = 0; v < 4; v++)
			rests[n].values[v] += rests[i].values[v];
	}
	comparison->n_rests = comparison->n_rests ? n + 1 : 0;
}

static void take_rollups(struct comparison *comparison, const struct machine_dump *dump,
			 struct rest families[2])
{
	for (size_t i = 0; i < dump->n; i++) {
		const struct machine_entry *entry = &dump->entries[i];
		const uint8_t *address = (const uint8_t *)entry->key.addr_be;
		struct rest *rest = NULL;

		if (entry->prefix_len == 128)
			continue;
		if (entry->prefix_len == 0 || entry->prefix_len == 96)
			rest = &families[entry->prefix_len == 96];
		else
			rest = bsearch(address, comparison->rests, comparison->n_rests,
				       sizeof(*rest), by_address);
		if (rest)
			subtract(rest, &entry->counters);
		else
			difference(comparison, address, entry->prefix_len, "roll-up of nothing");
	}
}

/* What is still left of the prefixes must be in the line of the whole family. */
static void check_families(struct comparison *comparison, struct rest families[2])
{
	static const char *const names[2] = { "::/0 does not make up",
					      "0.0.0.0/0 does not make up" };

	for (size_t i = 0; i < comparison->n_rests; i++)
		for (int v = 0; v < 4; v++)
			families[is_ipv4(comparison->rests[i].address)].values[v] +=
				comparison->rests[i].values[v];
	for (int f = 0; f < 2; f++)
		for (int v = 0; v < 4; v++)
			if (families[f].values[v])
				difference(comparison, families[f].address, 0, names[f]);
}

static void check_parts(struct comparison *comparison, const struct machine_dump *dump, bool exact)
{
	static const struct ipacct_totals no_totals;
	static const uint8_t nobody[16];
	uint64_t rolled = 0;

	for (size_t i = 0; i < dump->n; i++)
		if (dump->entries[i].prefix_len != 128)
			rolled += dump->entries[i].counters.tx_packets +
				  dump->entries[i].counters.rx_packets;
	if (dump->part.rollup_updates != rolled)
		difference(comparison, nobody, 0, "rollup_updates are not the packets rolled up");
	if (exact && (rolled || dump->part.lru_refused))
		difference(comparison, nobody, 0, "roll-ups, and there was room");
	if (exact && dump->part.lru_inserts != dump->n_lru)
		difference(comparison, nobody, 0, "lru_inserts is not the number of records");
	if (memcmp(&dump->other_totals, &no_totals, sizeof(no_totals)))
		difference(comparison, nobody, 0, "totals of another slot or epoch moved");
}

size_t expected_compare(const struct expected *expected, const struct machine_dump *dump,
			uint16_t domain, bool exact, char ret_text[EXPECTED_TEXT_BYTES])
{
	struct comparison comparison = { .text = ret_text };
	struct rest families[2] = { 0 };

	ret_text[0] = '\0';
	if (!rests_init(&comparison, expected)) {
		(void)snprintf(ret_text, EXPECTED_TEXT_BYTES, "no memory to compare");
		return 1;
	}
	take_records(&comparison, dump, domain);
	check_rests(&comparison, exact);
	if (!exact) {
		rests_by_prefix(&comparison);
		take_rollups(&comparison, dump, families);
		check_rests(&comparison, false);
		check_families(&comparison, families);
	}
	check_parts(&comparison, dump, exact);
	free(comparison.rests);
	return comparison.n_differences;
}
