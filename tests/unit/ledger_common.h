/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger in a directory of its own, and epochs made by hand. */
#ifndef IPACCT_TESTS_LEDGER_COMMON_H
#define IPACCT_TESTS_LEDGER_COMMON_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "ledger_file.h"
#include "publish.h"

#define ROLLUPS_MAX (2 * IPACCT_DOMAINS_MAX + 4)

struct bench {
	char dir[64];
	int dir_fd;
	int ledger_fd;
	struct publisher publisher;
	struct ipacct_epoch epoch;
};

static inline void bench_open(struct bench *bench)
{
	bench->ledger_fd = ledger_file_open(bench->dir_fd);
	cr_assert_geq(bench->ledger_fd, 0);
	cr_assert_eq(publisher_init(&bench->publisher, bench->ledger_fd, 42, NULL), 0);
}

static inline void bench_close(struct bench *bench)
{
	publisher_finish(&bench->publisher);
	close(bench->ledger_fd);
}

static inline void bench_init_sized(struct bench *bench, uint32_t n_addresses_max,
				    uint32_t n_rollups)
{
	memset(bench, 0, sizeof(*bench));
	strcpy(bench->dir, "/tmp/ipacct-unit.XXXXXX");
	cr_assert_not_null(mkdtemp(bench->dir));
	bench->dir_fd = open(bench->dir, O_RDONLY | O_DIRECTORY);
	cr_assert_geq(bench->dir_fd, 0);
	cr_assert_eq(ledger_file_prepare(bench->dir_fd, getuid(), getgid(), &n_rollups,
					 &n_addresses_max, NULL),
		     0);
	bench_open(bench);
}

static inline void bench_init(struct bench *bench, uint32_t n_addresses_max)
{
	bench_init_sized(bench, n_addresses_max, ROLLUPS_MAX);
}

static inline void bench_finish(struct bench *bench)
{
	bench_close(bench);
	ipacct_table_finish(&bench->epoch.addresses);
	ipacct_table_finish(&bench->epoch.rollups);
	(void)unlinkat(bench->dir_fd, IPACCT_LEDGER_NAME, 0);
	(void)unlinkat(bench->dir_fd, "ledger.damaged", 0);
	close(bench->dir_fd);
	rmdir(bench->dir);
}

static inline struct ipacct_key key4(uint32_t address)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(address) } };
}

static inline struct ipacct_key key6(uint32_t first, uint32_t last)
{
	return (struct ipacct_key){ .addr_be = { htonl(first), 0, 0, htonl(last) } };
}

/* A packet of so many octets from one address to another, on slot 0. */
static inline void packet(struct bench *bench, struct ipacct_key from, struct ipacct_key to,
			  uint64_t l3_bytes)
{
	struct ipacct_counters tx = { .tx_packets = 1, .tx_l3_bytes = l3_bytes };
	struct ipacct_counters rx = { .rx_packets = 1, .rx_l3_bytes = l3_bytes };
	struct ipacct_totals *totals = &bench->epoch.totals[0];

	bench->epoch.interfaces[0].hook = IPACCT_HOOK_XDP;
	cr_assert_eq(ipacct_table_add(&bench->epoch.addresses, &from, 128, &tx), 0);
	cr_assert_eq(ipacct_table_add(&bench->epoch.addresses, &to, 128, &rx), 0);
	totals->seen.packets++;
	totals->seen.l2_bytes += l3_bytes + 14;
	totals->accounted.packets++;
	totals->accounted.l2_bytes += l3_bytes + 14;
	totals->ipv4.packets++;
	totals->ipv4.l3_bytes += l3_bytes;
}

static inline void apply(struct bench *bench, uint64_t cut)
{
	struct ipacct_ledger_cut facts = { .cut = cut, .cut_time_ns = 1000000000u * cut };

	cr_assert_eq(publisher_apply(&bench->publisher, &bench->epoch, facts), 0);
}

static inline void epoch_begin(struct bench *bench)
{
	ipacct_epoch_reset(&bench->epoch);
}

/* The committed counters of a record; zero when there is none. */
static inline struct ipacct_counters counters_of(const struct bench *bench,
						 const struct record_index *index,
						 struct ipacct_key key, uint8_t prefix_len)
{
	uint32_t at = record_index_find(index, &key, prefix_len);
	const struct ipacct_ledger_record *record;
	int newest;

	if (at == RECORD_NONE)
		return (struct ipacct_counters){};
	record = &index->records[at];
	newest = ipacct_version_pick(record->version[0].cut, record->version[1].cut,
				     publisher_cut(&bench->publisher));
	return newest < 0 ? (struct ipacct_counters){} : record->version[newest].counters;
}

#endif
