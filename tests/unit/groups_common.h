/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger whose groups are by a list that a test writes. */
#ifndef IPACCT_TESTS_GROUPS_COMMON_H
#define IPACCT_TESTS_GROUPS_COMMON_H

#include "groups.h"
#include "groups_file.h"
#include "ledger_common.h"
#include "series_slots.h"

#define N_ADDRESSES 512u

static struct bench bench;
static struct groups *groups;
static uint32_t records_most = IPACCT_GROUP_RECORDS_MAX;
static uint64_t cut;

/* As the supervisor does it with a new list; then as the collector. */
static inline void list_set(const char *text)
{
	struct group_image image;
	char error[512] = "";

	cr_assert_eq(config_groups_parse("list", text, strlen(text), &image, error, sizeof(error)),
		     0, "%s", error);
	cr_assert_eq(groups_file_write(bench.dir_fd, getuid(), getgid(), &image), 0);
	cr_assert_eq(
		groups_ledger_prepare(bench.dir_fd, getuid(), getgid(), &image, records_most, NULL),
		0);
	cr_assert_eq(groups_file_keep(bench.dir_fd), 0);
	cr_assert_eq(groups_file_publish(bench.dir_fd), 0);
	group_image_finish(&image);
}

static inline void groups_open(void)
{
	int fd = groups_file_open(bench.dir_fd, NULL);

	cr_assert_geq(fd, 0);
	cr_assert_eq(
		groups_init(&bench.publisher.ledger, &bench.publisher.addresses, fd, &groups, NULL),
		0);
	bench.publisher.groups = groups;
	close(fd);
}

static inline void collector_end(void)
{
	groups_finish(groups);
	groups = NULL;
	bench_close(&bench);
}

/* The collector dies, another list may come, it is back. text: NULL: the same list. */
static inline void restart(const char *text)
{
	collector_end();
	if (text)
		list_set(text);
	bench_open(&bench);
	groups_open();
}

static inline void setup(void)
{
	bench_init(&bench, N_ADDRESSES);
	records_most = IPACCT_GROUP_RECORDS_MAX;
	cut = 0;
}

static inline void teardown(void)
{
	groups_finish(groups);
	groups = NULL;
	groups_file_remove_all(bench.dir_fd);
	bench_finish(&bench);
}

/* The committed amount of a record by name; all zero when there is none. */
static inline struct ipacct_counters group_amount(const char *name)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;

	for (uint32_t i = 0; i < ledger->header->n_groups; i++)
		if (!strcmp(ledger->groups[i].name, name))
			return series_record_amount(&ledger->groups[i], ledger->header->cut);
	return (struct ipacct_counters){};
}

static inline void amounts_add(const struct ipacct_ledger_record *records, uint32_t n,
			       struct ipacct_counters *sum)
{
	for (uint32_t i = 0; i < n; i++) {
		int newest =
			ipacct_version_pick(records[i].version[0].cut, records[i].version[1].cut,
					    publisher_cut(&bench.publisher));

		if (newest >= 0)
			ipacct_counters_add(sum, &records[i].version[newest].counters);
	}
}

/* The promise: groups sum to what the ledger holds. */
static inline void expect_closed(void)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;
	struct ipacct_counters all = {}, sum = {};

	amounts_add(ledger->addresses, ledger->header->n_addresses, &all);
	amounts_add(ledger->rollups, ledger->header->n_rollups, &all);
	for (uint32_t i = 0; i < ledger->header->n_groups; i++) {
		struct ipacct_counters amount =
			series_record_amount(&ledger->groups[i], ledger->header->cut);

		ipacct_counters_add(&sum, &amount);
	}
	cr_assert_arr_eq(&sum, &all, sizeof(sum), "at cut %llu: %llu, not %llu",
			 (unsigned long long)ledger->header->cut,
			 (unsigned long long)sum.tx_packets, (unsigned long long)all.tx_packets);
}

static inline void cut_next(void)
{
	apply(&bench, ++cut);
	expect_closed();
	epoch_begin(&bench);
}

static inline void send_many(struct ipacct_key from, struct ipacct_key to, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		packet(&bench, from, to, 100);
}

#define A 0xc0000201u /* 192.0.2.1 and on */
#define B 0xc6336401u /* 198.51.100.1 and on */

#endif
