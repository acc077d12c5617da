// SPDX-License-Identifier: GPL-2.0-or-later
/* Write a ledger file whose every number is known, and beside it the list of groups, straight from abi.h and without libipacct.
 *
 * make_ledger FILE [VARIANT]: committed (default), next (one cut later: what nobody might see before
 * is committed), uncut, abi, magic, truncated, leaky (a packet is missing),
 * shared (an address is a record of a /56), or a number of addresses
 * to write beside the known ones. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ipacct/abi.h>

#define CUT           2u
#define NS_PER_S      1000000000ULL
#define CREATED_NS    (1767225600ULL * NS_PER_S)                /* 2026-01-01 00:00:00 UTC */
#define CUT_NS        (1767270896ULL * NS_PER_S + 789000000ULL) /* 12:34:56.789 that day */
#define ROLLUPS_MAX   136u /* 128 are kept for 0.0.0.0/0 and ::/0 of each domain */
#define ADDRESSES_MAX 16u  /* beside the extra ones */
#define FIRST_RECORD                                                                            \
	(IPACCT_LEDGER_HEADER_BYTES + IPACCT_IFS_MAX * sizeof(struct ipacct_ledger_interface) + \
	 IPACCT_SERIES_MAX * sizeof(struct ipacct_ledger_series))

struct row {
	const char *address;
	unsigned int prefix_len; /* of 128 bits */
	unsigned int domain;
	struct ipacct_counters counters; /* at the cut, or at cut 1 when `old` */
	unsigned int old;                /* the version of cut 1 is the newest committed one */
	unsigned int uncommitted;        /* also has a version of cut 3, which nobody may see */
	unsigned int unborn;             /* has nothing but that */
	unsigned long long last_seen_s;  /* before the cut */
};

#define SHARED_ROW 4 /* what variant `shared` has as a record of several addresses */
static struct row addresses[] = {
	{ "192.0.2.1", 128, 0, { 1200, 1150000, 800, 412000 }, .uncommitted = 1 },
	{ "192.0.2.2", 128, 0, { 3, 180, 2, 120 }, .old = 1, .last_seen_s = 3600 },
	{ "198.51.100.7", 128, 7, { 40, 52000, 35, 47000 }, .last_seen_s = 1 },
	{ "198.51.100.7", 128, 0, { 0, 0, 1, 1500 }, .last_seen_s = 5 },
	{ "2001:db8::1", 128, 0, { 900, 1200345, 1200, 1350999 } },
	/* past 2^32 packets and 2^53 octets: what a 32-bit or a floating-point number would lose */
	{ "2001:db8:1234:5678:9abc:def0:1234:5678",
	  128,
	  0,
	  { 5000000001, 9007199254740993, 4999999999, 9007199254740991 },
	  .uncommitted = 1 },
	{ "203.0.113.9", 128, 0, { 0 }, .unborn = 1 },
	{ "203.0.113.10", 128, 0, { 10, 999, 20, 1000 }, .old = 1, .last_seen_s = 86400 * 20 },
};

/* The last one is filled up in main() so that tx and rx are equal over all rows. */
static struct row rollups[] = {
	{ "198.18.0.0", 112, 0, { 17, 1020, 4, 240 } },
	{ "3fff:1::", 32, 0, { 5, 400, 0, 0 }, .old = 1 },
	{ "0.0.0.0", 96, 7, { 2, 120, 2, 120 } },
	{ "0.0.0.0", 96, 0, { 0 } },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void add(struct ipacct_counters *sum, const struct ipacct_counters *more)
{
	sum->tx_packets += more->tx_packets;
	sum->tx_l3_bytes += more->tx_l3_bytes;
	sum->rx_packets += more->rx_packets;
	sum->rx_l3_bytes += more->rx_l3_bytes;
}

static __u64 excess(__u64 a, __u64 b)
{
	return a > b ? a - b : 0;
}

static struct ipacct_ledger_record record_of(const struct row *row)
{
	struct ipacct_ledger_record record = {
		.key.domain = (__u16)row->domain,
		.prefix_len = (__u8)row->prefix_len,
		.first_seen_ns = CREATED_NS + 60 * NS_PER_S,
	};
	struct ipacct_ledger_version seen = {
		.cut = row->old ? 1 : CUT,
		.counters = row->counters,
		.last_seen_ns = CUT_NS - row->last_seen_s * NS_PER_S,
	};
	struct ipacct_ledger_version future = {
		.cut = CUT + 1,
		.counters = { 7777777, 7777777, 7777777, 7777777 },
		.last_seen_ns = CUT_NS + NS_PER_S,
	};

	if (inet_pton(AF_INET, row->address, &record.key.addr_be[3]) == 1)
		record.key.addr_be[2] = htonl(0xffff); /* RFC 4291 2.5.5.2 */
	else if (inet_pton(AF_INET6, row->address, record.key.addr_be) != 1)
		abort();
	if (row->unborn)
		record.version[1] = future;
	else
		record.version[0] = seen;
	if (row->uncommitted)
		record.version[1] = future;
	else if (!row->unborn && !row->old)
		record.version[1] =
			(struct ipacct_ledger_version){ .cut = 1, .counters = { 1, 1, 1, 1 } };
	return record;
}

static void totals_fill(struct ipacct_totals *t, __u64 packets4, __u64 l3_bytes4, __u64 packets6,
			__u64 l3_bytes6)
{
	t->ipv4 = (struct ipacct_packets_l3){ packets4, l3_bytes4 };
	t->ipv6 = (struct ipacct_packets_l3){ packets6, l3_bytes6 };
	t->accounted.packets = packets4 + packets6;
	t->accounted.l2_bytes = l3_bytes4 + l3_bytes6 + 14 * t->accounted.packets;
	t->protocol[IPACCT_PROTOCOL_TCP] = (struct ipacct_packets_l3){ packets6, l3_bytes6 };
	t->protocol[IPACCT_PROTOCOL_UDP] = (struct ipacct_packets_l3){ packets4, l3_bytes4 };
	t->ignored[IPACCT_IGNORED_ARP] = (struct ipacct_packets_l2){ 12, 12 * 42 };
	t->ignored[IPACCT_IGNORED_OTHER_ETHERTYPE] = (struct ipacct_packets_l2){ 3, 3 * 120 };
	t->seen.packets = t->accounted.packets + 15;
	t->seen.l2_bytes = t->accounted.l2_bytes + 12 * 42 + 3 * 120;
	t->size_histogram[0] = 12;
	t->size_histogram[2] = 3;
	t->size_histogram[6] = t->accounted.packets;
	t->first_fragments = 1;
	t->other_fragments = 2;
}

static void interface_write(FILE *file, unsigned int slot, const struct ipacct_ledger_totals *now)
{
	struct ipacct_ledger_interface record = { 0 };

	record.version[0].cut = 1;
	record.version[0].interface = now->interface;
	record.version[1] = *now;
	fseek(file, (long)(IPACCT_LEDGER_HEADER_BYTES + slot * sizeof(record)), SEEK_SET);
	fwrite(&record, sizeof(record), 1, file);
}

static void interfaces_write(FILE *file, const struct ipacct_counters *all, int leaky)
{
	struct ipacct_ledger_totals eth0 = {
		.cut = CUT,
		.interface = { .ifname = "eth0",
			       .ifindex = 2,
			       .hook = IPACCT_HOOK_XDP,
			       .mode = IPACCT_MODE_NATIVE,
			       .attach = IPACCT_ATTACH_LINK,
			       .state = IPACCT_IF_ATTACHED,
			       .n_attached = 1,
			       .attached_ns = CREATED_NS },
	};
	struct ipacct_ledger_totals ppp0 = {
		.cut = CUT,
		.interface = { .ifname = "ppp0",
			       .ifindex = 9,
			       .domain = 7,
			       .hook = IPACCT_HOOK_XDP,
			       .mode = IPACCT_MODE_GENERIC,
			       .attach = IPACCT_ATTACH_LINK,
			       .state = IPACCT_IF_DETACHED,
			       .n_attached = 3,
			       .attached_ns = CREATED_NS + 7200 * NS_PER_S },
	};

	totals_fill(&eth0.totals, 1000, 1000000, 4000, 6000000);
	totals_fill(&ppp0.totals, all->tx_packets - 5000, all->tx_l3_bytes - 7000000, 0, 0);
	if (leaky) { /* one packet of 60 octets seen, and neither accounted nor ignored */
		eth0.totals.seen.packets++;
		eth0.totals.seen.l2_bytes += 60;
	}
	interface_write(file, 0, &eth0);
	interface_write(file, 3, &ppp0); /* slots 1 and 2 were never used */
}

static void records_write(FILE *file, size_t n_extra)
{
	fseek(file, (long)FIRST_RECORD, SEEK_SET);
	for (size_t i = 0; i < N(rollups); i++) {
		struct ipacct_ledger_record record = record_of(&rollups[i]);

		fwrite(&record, sizeof(record), 1, file);
	}
	fseek(file, (long)(FIRST_RECORD + ROLLUPS_MAX * sizeof(struct ipacct_ledger_record)),
	      SEEK_SET);
	for (size_t i = 0; i < N(addresses); i++) {
		struct ipacct_ledger_record record = record_of(&addresses[i]);

		fwrite(&record, sizeof(record), 1, file);
	}
	for (size_t i = 0; i < n_extra; i++) {
		struct row row = { "10.0.0.0", 128, 0, { 0 } };
		struct ipacct_ledger_record record;

		row.counters = (struct ipacct_counters){ 1, 100, 1, 100 };
		record = record_of(&row);
		record.key.addr_be[3] = htonl(0x0a000000u + (unsigned int)i);
		fwrite(&record, sizeof(record), 1, file);
	}
}

/* Groups: whose each address is, by the list of groups_write(). */
#define GROUPS_MAX 8u
static const char *const groups[] = { "unknown", "rolled_up", "customer-a", "Customer B",
				      "silent" };
static const unsigned int group_of[] = { 2, 2, 3, 0, 2, 2, 0, 0 }; /* of addresses[] */

static void group_records_write(FILE *file, __u64 at, size_t n_extra)
{
	struct ipacct_ledger_series records[GROUPS_MAX] = { 0 };

	_Static_assert(N(group_of) == N(addresses), "one for each address");
	for (size_t i = 0; i < N(groups); i++) {
		records[i].kind = IPACCT_SERIES_GROUP;
		records[i].created_ns = CREATED_NS;
		(void)snprintf(records[i].name, sizeof(records[i].name), "%s", groups[i]);
		records[i].version[0] =
			(struct ipacct_ledger_version){ .cut = i == N(groups) - 1 ? 0 : CUT,
							.last_seen_ns = CUT_NS };
	}
	for (size_t i = 0; i < N(addresses); i++)
		add(&records[group_of[i]].version[0].counters, &addresses[i].counters);
	add(&records[0].version[0].counters,
	    &(struct ipacct_counters){ n_extra, 100 * n_extra, n_extra, 100 * n_extra });
	for (size_t i = 0; i < N(rollups); i++)
		add(&records[1].version[0].counters, &rollups[i].counters);
	fseek(file, (long)at, SEEK_SET);
	fwrite(records, sizeof(records), 1, file);
}

static int groups_write(const char *ledger_path)
{
	static const struct ipacct_groups_name names[] = { { "customer-a", 2, 0 },
							   { "Customer B", 1, 0 },
							   { "silent", 1, 0 } };
	static const struct {
		const char *address;
		struct ipacct_groups_prefix prefix;
	} prefixes[] = {
		{ "198.51.100.0", { .domain = 7, .group = 1, .prefix_len = 120 } },
		{ "192.0.2.0",
		  { .domain = IPACCT_GROUPS_EVERY_DOMAIN, .group = 0, .prefix_len = 120 } },
		{ "192.0.2.64",
		  { .domain = IPACCT_GROUPS_EVERY_DOMAIN,
		    .group = 2,
		    .parent = 1,
		    .prefix_len = 122 } },
		{ "2001:db8::",
		  { .domain = IPACCT_GROUPS_EVERY_DOMAIN, .group = 0, .prefix_len = 32 } },
	};
	struct ipacct_groups_header header = {
		.magic = IPACCT_GROUPS_MAGIC,
		.abi_version = IPACCT_ABI_VERSION,
		.header_bytes = sizeof(header),
		.name_bytes = sizeof(struct ipacct_groups_name),
		.prefix_bytes = sizeof(struct ipacct_groups_prefix),
		.n_groups = N(names),
		.n_prefixes = N(prefixes),
		.file_bytes = sizeof(header) + sizeof(names) +
			      N(prefixes) * sizeof(struct ipacct_groups_prefix),
		.digest = 0x0123456789abcdefULL,
		.source_ns = CREATED_NS,
		.made_ns = CREATED_NS + NS_PER_S,
	};
	const char *slash = strrchr(ledger_path, '/');
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%.*sgroups", slash ? (int)(slash - ledger_path) + 1 : 0,
		       ledger_path);
	file = fopen(path, "w");
	if (!file)
		return 1;
	fwrite(&header, sizeof(header), 1, file);
	fwrite(names, sizeof(names), 1, file);
	for (size_t i = 0; i < N(prefixes); i++) {
		struct ipacct_groups_prefix prefix = prefixes[i].prefix;

		if (!prefix.parent)
			prefix.parent = IPACCT_GROUPS_NO_PARENT;
		if (inet_pton(AF_INET, prefixes[i].address, &prefix.addr_be[3]) == 1)
			prefix.addr_be[2] = htonl(0xffff);
		else
			inet_pton(AF_INET6, prefixes[i].address, prefix.addr_be);
		fwrite(&prefix, sizeof(prefix), 1, file);
	}
	return fclose(file) ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *variant = argc > 2 ? argv[2] : "committed";
	size_t n_extra = strtoul(variant, NULL, 10);
	struct ipacct_ledger_header header = {
		.magic = IPACCT_LEDGER_MAGIC,
		.abi_version = IPACCT_ABI_VERSION,
		.header_bytes = IPACCT_LEDGER_HEADER_BYTES,
		.record_bytes = sizeof(struct ipacct_ledger_record),
		.interface_bytes = sizeof(struct ipacct_ledger_interface),
		.n_interfaces_max = IPACCT_IFS_MAX,
		.n_series_max = IPACCT_SERIES_MAX,
		.n_rollups_max = ROLLUPS_MAX,
		.n_addresses_max = (__u32)(ADDRESSES_MAX + n_extra),
		.instance = 0x1234,
		.created_ns = CREATED_NS,
		.cut = CUT,
		.n_rollups = N(rollups),
		.n_addresses = (__u32)(N(addresses) + n_extra),
		.n_groups_max = GROUPS_MAX,
		.n_groups = N(groups),
		.version = { { .cut = 1, .cut_time_ns = CUT_NS - NS_PER_S },
			     { .cut = CUT, .cut_time_ns = CUT_NS } },
	};
	struct ipacct_counters all = { n_extra, 100 * n_extra, n_extra, 100 * n_extra };
	struct row *last = &rollups[N(rollups) - 1];
	unsigned long long file_bytes;
	FILE *file = argc > 1 ? fopen(argv[1], "w") : NULL;

	if (!file)
		return 1;
	if (!strcmp(variant, "shared")) {
		addresses[SHARED_ROW].address = "2001:db8:1:200::";
		addresses[SHARED_ROW].prefix_len = 56;
	}
	for (size_t i = 0; i < N(addresses); i++)
		add(&all, &addresses[i].counters);
	for (size_t i = 0; i < N(rollups); i++)
		add(&all, &rollups[i].counters);
	last->counters = (struct ipacct_counters){
		.tx_packets = 100 + excess(all.rx_packets, all.tx_packets),
		.tx_l3_bytes = 10000 + excess(all.rx_l3_bytes, all.tx_l3_bytes),
		.rx_packets = 100 + excess(all.tx_packets, all.rx_packets),
		.rx_l3_bytes = 10000 + excess(all.tx_l3_bytes, all.rx_l3_bytes),
	};
	add(&all, &last->counters);

	file_bytes = FIRST_RECORD +
		     (ROLLUPS_MAX + header.n_addresses_max) * sizeof(struct ipacct_ledger_record);
	file_bytes += GROUPS_MAX * sizeof(struct ipacct_ledger_series);
	header.file_bytes = file_bytes;
	if (!strcmp(variant, "abi"))
		header.abi_version = IPACCT_ABI_VERSION + 1;
	if (!strcmp(variant, "magic"))
		header.magic++;
	if (!strcmp(variant, "uncut"))
		header.cut = 0;
	if (!strcmp(variant, "next")) {
		header.cut = CUT + 1;
		header.version[0].cut = CUT + 1;
		header.version[0].cut_time_ns = CUT_NS + NS_PER_S;
	}
	fwrite(&header, sizeof(header), 1, file);
	if (strcmp(variant, "uncut")) {
		interfaces_write(file, &all, !strcmp(variant, "leaky"));
		records_write(file, n_extra);
		group_records_write(file,
				    file_bytes - GROUPS_MAX * sizeof(struct ipacct_ledger_series),
				    n_extra);
	}
	if (fflush(file) || ftruncate(fileno(file), (off_t)file_bytes))
		return 1;
	if (!strcmp(variant, "truncated") && ftruncate(fileno(file), (off_t)file_bytes / 2))
		return 1;
	return fclose(file) || groups_write(argv[1]);
}
