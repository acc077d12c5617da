/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that die at any step of writing series: nothing is lost, counted twice or seen half. */

#include "base/mix.h"
#include "dying.h"
#include "series_common.h"

#define N_CUTS    400u
#define N_SENDERS 24u /* more than there are series of addresses: some join, some leave */

TestSuite(series_crash, .init = setup, .fini = teardown);

static uint64_t random_state = 20261121; /* any: the run is the same each time */

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(ipacct_mix64(++random_state) % n);
}

/* Those of a cut that series take part in, in its order. */
static const char *const steps[] = { "taken_back", "claimed", "unstamped", "added", "stamped",
				     "series",     "applied", "totals",    "facts", "committed" };
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* The geo worker goes on while collectors die: the next one attributes otherwise. */
static void worker_goes_on(void)
{
	static const char *const countries[] = { "DE", "FR", "US", "JP", "BR", "" };
	uint32_t n = bench.publisher.ledger.header->n_addresses;

	for (uint32_t i = 0; i < n; i++)
		if (!random_below(8))
			geo_put(i, countries[random_below(6)], 64500 + random_below(8),
				random_below(2) ? "office" : "home");
	geo_store();
}

static uint64_t traffic(uint32_t busy)
{
	uint64_t sent = 0;

	for (uint32_t i = 0; i < N_SENDERS; i++) {
		unsigned int n = random_below(i == busy ? 60 : 6);

		send_many(A + i, B + random_below(4), n, 100);
		sent += n;
	}
	return sent;
}

/* A collector that begins and applies the cut. */
static int begin_and_apply(void)
{
	struct ipacct_ledger_cut facts = { .cut = cut + 1, .cut_time_ns = 1000000000u * (cut + 1) };

	restart();
	return publisher_apply(&bench.publisher, &bench.epoch, facts);
}

/* What a reader sees at this moment is one cut, and all of it. */
static void expect_sent(uint64_t sent)
{
	expect_closed();
	for (enum ipacct_series_kind kind = 1; kind < IPACCT_SERIES_KINDS; kind++)
		cr_assert_eq(sum_of(kind).tx_packets, sent, "kind %d at cut %llu", kind,
			     (unsigned long long)publisher_cut(&bench.publisher));
}

Test(series_crash, deaths_at_any_step_change_no_sum, .timeout = 100)
{
	uint64_t n_deaths[N_STEPS] = {}, sent = 0, before;

	geo_store();
	for (uint32_t i = 0; i < N_CUTS; i++) {
		epoch_begin(&bench);
		before = sent;
		sent += traffic(i / 40 % N_SENDERS);
		for (uint32_t n = random_below(4); n; n--) {
			uint32_t step = random_below(N_STEPS);

			if (publisher_cut(&bench.publisher) > cut)
				break; /* the one before died after its commit */
			n_deaths[step] += dies_at(steps[step], 1 + random_below(n % 2 ? 12 : 2),
						  begin_and_apply);
			expect_sent(publisher_cut(&bench.publisher) > cut ? sent : before);
			worker_goes_on();
		}
		restart();
		if (publisher_cut(&bench.publisher) == cut)
			apply(&bench, cut + 1);
		cut++;
		expect_sent(sent);
	}
	for (uint32_t step = 0; step < N_STEPS; step++)
		cr_assert(n_deaths[step], "nobody died at %s", steps[step]);
}
