/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that die at any step of writing groups, and lists that change in between: nothing is lost,
 * counted twice or seen half. */

#include "base/mix.h"
#include "dying.h"
#include "groups_common.h"

#define N_CUTS    400u
#define N_SENDERS 24u

TestSuite(groups_crash, .init = setup, .fini = teardown);

static const char *const lists[] = {
	"192.0.2.0/28 a\n192.0.2.16/28 b\n",
	"192.0.2.0/29 a\n192.0.2.8/29 c\n198.51.100.0/24 b\n",
	"192.0.2.0/24 d\n",
};
#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static const char *const steps[] = { "claimed", "unstamped", "added", "stamped",  "group",
				     "applied", "totals",    "facts", "committed" };
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static uint64_t random_state = 20261121; /* any: the run is the same each time */

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(ipacct_mix64(++random_state) % n);
}

static void traffic(void)
{
	for (uint32_t i = 0; i < N_SENDERS; i++)
		send_many(key4(A + i), key4(B + random_below(4)), random_below(6));
}

/* A collector that begins and applies the cut. */
static int begin_and_apply(void)
{
	struct ipacct_ledger_cut facts = { .cut = cut + 1, .cut_time_ns = 1000000000u * (cut + 1) };

	restart(NULL);
	return publisher_apply(&bench.publisher, &bench.epoch, facts);
}

/* What each group must have by the list that committed the cut. */
static void account(const char *list, uint64_t expected[5])
{
	static const char *const names[] = { "a", "b", "c", "d", "unknown" };

	for (uint32_t i = 0; i < bench.epoch.addresses.n_entries; i++) {
		const struct ipacct_table_entry *entry = &bench.epoch.addresses.entries[i];
		uint32_t address = ntohl(entry->key.addr_be[3]), host = address & 0xff;
		const char *name = "unknown";

		if (list == lists[0] && address >> 8 == A >> 8)
			name = host < 16 ? "a" : host < 32 ? "b" : "unknown";
		else if (list == lists[1])
			name = address >> 8 == B >> 8 ? "b"
			       : host < 8             ? "a"
			       : host < 16            ? "c"
						      : "unknown";
		else if (list == lists[2] && address >> 8 == A >> 8)
			name = "d";
		for (unsigned int k = 0; k < 5; k++)
			if (!strcmp(names[k], name))
				expected[k] +=
					entry->counters.tx_packets + entry->counters.rx_packets;
	}
	for (unsigned int k = 0; k < 5; k++) {
		struct ipacct_counters amount = group_amount(names[k]);

		cr_assert_eq(amount.tx_packets + amount.rx_packets, expected[k], "%s at cut %llu",
			     names[k], (unsigned long long)cut);
	}
}

Test(groups_crash, deaths_at_any_step_leave_every_group_exact, .timeout = 100)
{
	uint64_t n_deaths[N_STEPS] = {}, expected[5] = {};
	const char *list = lists[0], *committed_by;

	list_set(list);
	restart(NULL);
	for (uint32_t i = 0; i < N_CUTS; i++) {
		epoch_begin(&bench);
		traffic();
		committed_by = list;
		for (uint32_t n = random_below(4); n; n--) {
			uint32_t step = random_below(N_STEPS);

			if (publisher_cut(&bench.publisher) > cut)
				break; /* the one before died after its commit */
			committed_by = list;
			n_deaths[step] += dies_at(steps[step], 1 + random_below(n % 2 ? 12 : 2),
						  begin_and_apply);
			expect_closed();
			if (publisher_cut(&bench.publisher) == cut && !random_below(3)) {
				list = lists[random_below(N_LISTS)];
				restart(list); /* a reload finds a cut half applied */
			}
		}
		restart(NULL);
		if (publisher_cut(&bench.publisher) == cut) {
			committed_by = list;
			apply(&bench, cut + 1);
		}
		cut++;
		expect_closed();
		account(committed_by, expected);
	}
	for (uint32_t step = 0; step < N_STEPS; step++)
		cr_assert(n_deaths[step], "nobody died at %s", steps[step]);
}
