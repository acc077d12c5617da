/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that change how addresses share records, and processes that die in the middle: what a live
 * reader was shown never falls, and every count is in one place. */
#include "base/mix.h"
#include "dying.h"
#include "cut_mask.h"
#include "groups_common.h"

#define N_CUTS  300u
#define N_HOSTS 40u

TestSuite(mask_crash, .init = setup, .fini = teardown);

static const char *const lists[] = {
	"2001:db8:1::/48 a ipv6_len=56\n",
	"2001:db8:1::/48 a\n2001:db8:1:100::/56 b\n",
	"2001:db8:1::/48 a ipv6_len=48\n2001:db8:1:101::/64 b ipv6_len=64\n",
	"2001:db8:1::/48 a ipv6_len=64\n",
	"192.0.2.0/24 c\n",
};
#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static const char *const steps[] = { "mask_open", "masked", "claiming", "claimed",
				     "unstamped", "added",  "stamped",  "group",
				     "applied",   "totals", "facts",    "committed" };
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static uint64_t random_state = 20261121; /* any: the run is the same each time */
static struct cut_mask mask;
static struct ipacct_table shown; /* the most that a reader saw, by entry */
static uint64_t n_sent;

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(ipacct_mix64(++random_state) % n);
}

static void traffic(void)
{
	uint32_t n = 1 + random_below(60);

	for (uint32_t i = 0; i < n; i++) {
		struct ipacct_key from = { .addr_be = { htonl(0x20010db8),
							htonl(0x00010100 + random_below(3)), 0,
							htonl(random_below(N_HOSTS)) } };

		packet(&bench, from, key4(B + random_below(4)), 100);
	}
	n_sent += n;
}

static void table_copy(struct ipacct_table *to, const struct ipacct_table *from)
{
	ipacct_table_reset(to);
	for (uint32_t i = 0; i < from->n_entries; i++)
		cr_assert_eq(ipacct_table_add(to, &from->entries[i].key,
					      from->entries[i].prefix_len,
					      &from->entries[i].counters),
			     0);
}

/* As snapshot.c: the list with the digest that the ledger names, wherever it is. */
static void reader_mask(struct ipacct_table *table, uint64_t digest)
{
	int fds[2] = { groups_file_open(bench.dir_fd, NULL), groups_file_open_kept(bench.dir_fd) };
	struct ipacct_mask scratch = {};
	bool found = !digest;

	for (unsigned int i = 0; i < 2; i++) {
		struct ipacct_group_list list;

		if (fds[i] < 0)
			continue;
		cr_assert_eq(ipacct_group_list_map(fds[i], &list, NULL), 0);
		close(fds[i]);
		if (!found && ipacct_group_list_mask(&list) == digest) {
			cr_assert_geq(ipacct_mask_apply(&scratch, &list, table), 0);
			ipacct_table_reindex(table);
			found = true;
		}
		ipacct_group_list_unmap(&list);
	}
	cr_assert(found, "no list has the digest of cut %llu", (unsigned long long)cut);
	ipacct_mask_finish(&scratch);
}

/* What is in the ledger and what is not cut yet. pending: whether the epoch is not in the ledger. */
static void live_look(bool pending)
{
	const struct ipacct_ledger *ledger = &bench.publisher.ledger;
	struct ipacct_table now = { .seed = 3 };
	uint64_t committed = publisher_cut(&bench.publisher), sum = 0;

	if (pending && bench.epoch.addresses.n_entries) {
		table_copy(&now, &bench.epoch.addresses);
		reader_mask(&now, ipacct_mask_of_cut(ledger->header->mask, committed + 1));
	}
	for (uint32_t i = 0; i < ledger->header->n_addresses; i++) {
		const struct ipacct_ledger_record *record = &ledger->addresses[i];
		int newest = ipacct_version_pick(record->version[0].cut, record->version[1].cut,
						 committed);

		if (newest >= 0)
			cr_assert_eq(ipacct_table_add(&now, &record->key, record->prefix_len,
						      &record->version[newest].counters),
				     0);
	}
	for (uint32_t i = 0; i < shown.n_entries; i++) {
		const struct ipacct_table_entry *was = &shown.entries[i];
		uint32_t at = ipacct_table_find(&now, &was->key, was->prefix_len);

		cr_assert_neq(at, IPACCT_TABLE_NONE, "an entry is gone at cut %llu",
			      (unsigned long long)cut);
		cr_assert_geq(now.entries[at].counters.tx_packets, was->counters.tx_packets,
			      "a counter of /%u fell at cut %llu", was->prefix_len,
			      (unsigned long long)cut);
		cr_assert_geq(now.entries[at].counters.rx_packets, was->counters.rx_packets);
	}
	for (uint32_t i = 0; i < now.n_entries; i++)
		sum += now.entries[i].counters.tx_packets;
	cr_assert_eq(sum, n_sent, "%llu, not %llu at cut %llu", (unsigned long long)sum,
		     (unsigned long long)n_sent, (unsigned long long)cut);
	ipacct_table_finish(&shown);
	shown = now;
}

/* Another collector begins, perhaps by another list. */
static void begin(const char *list)
{
	int now_fd, kept_fd;

	cut_mask_finish(&mask);
	restart(list);
	now_fd = groups_file_open(bench.dir_fd, NULL);
	kept_fd = groups_file_open_kept(bench.dir_fd);
	cut_mask_init(&mask, now_fd, kept_fd);
	close(now_fd);
	if (kept_fd >= 0)
		close(kept_fd);
	cr_assert(cut_mask_known(&mask, bench.publisher.ledger.header, cut + 1));
}

/* The epoch that counts is cut + 1. */
static int one_cut(void)
{
	struct ipacct_ledger_header *header = bench.publisher.ledger.header;
	struct ipacct_ledger_cut facts = { .cut = cut + 1, .cut_time_ns = 1000000000u * (cut + 1) };
	int ret;

	cut_mask_next(&mask, header, cut + 1);
	ret = cut_mask_apply(&mask, header, cut + 1, &bench.epoch.addresses);
	return ret ? ret : publisher_apply(&bench.publisher, &bench.epoch, facts);
}

/* A collector that begins and applies the cut. */
static int begin_and_apply(void)
{
	begin(NULL);
	return one_cut();
}

/* Deaths and reloads, until somebody commits. */
static void cut_with_deaths(uint64_t *n_deaths)
{
	for (uint32_t n = random_below(4); n; n--) {
		uint32_t step = random_below(N_STEPS);

		n_deaths[step] += dies_at(steps[step], 1 + random_below(step > 1 && n % 2 ? 8 : 1),
					  begin_and_apply);
		if (publisher_cut(&bench.publisher) > cut)
			return;
		live_look(true);
		if (random_below(3))
			continue;
		/* the list of a next epoch that never began is nobody's */
		begin(NULL);
		cut_mask_next(&mask, bench.publisher.ledger.header, cut + 1);
		begin(lists[random_below(N_LISTS)]); /* finds a cut half applied */
		live_look(true);
	}
	begin(NULL);
	live_look(true);
	cr_assert_eq(one_cut(), 0);
}

Test(mask_crash, nothing_shown_ever_falls, .timeout = 100)
{
	uint64_t n_deaths[N_STEPS] = {};
	bool lengths[129] = {};

	list_set(lists[0]);
	begin(NULL);
	cut_mask_begin(&mask, bench.publisher.ledger.header);
	for (uint32_t i = 0; i < N_CUTS; i++) {
		epoch_begin(&bench);
		traffic();
		live_look(true);
		if (!random_below(4)) {
			begin(lists[random_below(N_LISTS)]);
			live_look(true);
		}
		traffic();
		live_look(true);
		cut_with_deaths(n_deaths);
		cut++;
		cr_assert_eq(publisher_cut(&bench.publisher), cut);
		begin(NULL);
		live_look(false);
		expect_closed();
	}
	for (uint32_t i = 0; i < shown.n_entries; i++)
		lengths[shown.entries[i].prefix_len] = true;
	cr_expect(lengths[48] && lengths[56] && lengths[64] && lengths[128]);
	for (uint32_t step = 0; step < N_STEPS; step++)
		cr_expect(n_deaths[step], "nobody died at %s", steps[step]);
	cut_mask_finish(&mask);
	ipacct_table_finish(&shown);
}
