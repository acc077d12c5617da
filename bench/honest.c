/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Honest sources in a spoofed flood: how many of their packets stay on their own address. */
#include <string.h>

#include <bpf/bpf.h>

#include "datapath.h"

#define EPOCH_PACKETS 2000000u /* one second at 2 Mpps */
#define FLOOD_SOURCES 10000000u
#define LINES         65536u
#define N_HONEST      5000u
#define HONEST_PPS    200000u /* N_HONEST times 40 */
#define GUARDED_SHARE 10u     /* one in so many honest sources is in a protected prefix */

struct setup {
	int family;
	uint32_t n_sources;
	double pps; /* of each source */
	uint32_t lru_entries;
	bool forget; /* without warm keys: what stays over a cut is taken away */
};

static uint32_t lru_wanted; /* for sizes_fix(), which takes no context */

static void sizes_fix(struct sizing *sizing)
{
	sizing->hot4_sets = LINES / IPACCT_HOT4_WAYS;
	sizing->hot6_sets = LINES / IPACCT_HOT6_WAYS;
	sizing->lru_entries = lru_wanted;
	sizing->n_addresses_max = 1u << 20; /* the ledger is not what is measured here */
}

/* The epoch at rest was cleared by the cut and still holds the keys of busy lines. */
static void warm_forget(const struct stage *stage)
{
	const struct ipacct_meta *meta = &stage->maps.meta;
	uint32_t rest = 1 - (stage->maps.ctl->epoch & 1);

	for (uint32_t part = 1; part < meta->n_parts; part++) {
		uint32_t index = IPACCT_EPOCHS * part + rest, at = index - IPACCT_EPOCHS;

		memset(stage->maps.hot4 + (size_t)at * meta->hot4_sets, 0,
		       (size_t)meta->hot4_sets * sizeof(*stage->maps.hot4));
		memset(stage->maps.hot6 + (size_t)at * meta->hot6_sets, 0,
		       (size_t)meta->hot6_sets * sizeof(*stage->maps.hot6));
		memset(stage->maps.hotmap + ipacct_hotmap_first(meta, index, false) / 64, 0,
		       meta->hot4_sets / 8);
		memset(stage->maps.hotmap + ipacct_hotmap_first(meta, index, true) / 64, 0,
		       meta->hot6_sets / 8);
	}
}

/* Packets that the ledger has on the addresses of honest sources: protected ones and others. */
struct kept {
	uint64_t guarded, others;
};

static struct kept kept_read(const struct stage *stage, uint32_t n_sources)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	struct ipacct_table table = { .seed = 1 };
	struct kept kept = {};

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		if (ipacct_table_add(&table, &snapshot->addresses[i].key, 128,
				     &snapshot->addresses[i].counters))
			die("table", 0);
	for (uint32_t i = 0; i < n_sources; i++) {
		bool guarded = i < stage->load.guarded;
		struct ipacct_key key = stage_key(
			stage->load.family, guarded ? BENCH_KIND_GUARDED : BENCH_KIND_SOURCE, i);
		uint32_t at = ipacct_table_find(&table, &key, 128);

		if (at == IPACCT_TABLE_NONE)
			continue;
		if (guarded)
			kept.guarded += table.entries[at].counters.tx_packets;
		else
			kept.others += table.entries[at].counters.tx_packets;
	}
	ipacct_table_finish(&table);
	ipacct_snapshot_destroy(snapshot);
	return kept;
}

struct shares {
	struct samples guarded, others; /* % of an epoch's packets, cut by cut */
	double guarded_sum, others_sum; /* % of all */
	double cold;                    /* of the others, before anything was warm */
};

/* Where sender and ledger stand. */
struct mark {
	struct bench_state sent;
	struct kept kept;
};

static struct mark mark_take(const struct stage *stage, const struct setup *setup)
{
	return (struct mark){ stage_state(stage), kept_read(stage, setup->n_sources) };
}

static double guarded_share(const struct mark *from, const struct mark *to)
{
	return 100 * ((double)to->kept.guarded - (double)from->kept.guarded) /
	       (double)(to->sent.n_guarded - from->sent.n_guarded);
}

static double others_share(const struct mark *from, const struct mark *to)
{
	uint64_t sent = to->sent.n_honest - to->sent.n_guarded -
			(from->sent.n_honest - from->sent.n_guarded);

	return 100 * ((double)to->kept.others - (double)from->kept.others) / (double)sent;
}

static void epoch_run(struct stage *stage, const struct setup *setup)
{
	(void)stage_run(stage, 1, EPOCH_PACKETS);
	stage_cut(stage);
	if (setup->forget)
		warm_forget(stage);
}

/* The first two epochs are told apart: each of the two buffers meets the honest ones in them. */
static void epochs_run(struct stage *stage, const struct setup *setup, int n_epochs,
		       struct shares *ret_shares)
{
	struct mark begun = mark_take(stage, setup), before, now;

	epoch_run(stage, setup);
	epoch_run(stage, setup);
	before = mark_take(stage, setup);
	ret_shares->cold = others_share(&begun, &before);
	begun = before;
	for (int i = 0; i < n_epochs; i++) {
		epoch_run(stage, setup);
		now = mark_take(stage, setup);
		samples_add(&ret_shares->guarded, guarded_share(&before, &now));
		samples_add(&ret_shares->others, others_share(&before, &now));
		before = now;
	}
	ret_shares->guarded_sum = guarded_share(&begun, &now);
	ret_shares->others_sum = others_share(&begun, &now);
}

static void honest(struct bench *bench, const char *label, const struct setup *setup, int n_epochs)
{
	struct stage_options options = { .memory_bytes = MEMORY_DEFAULT,
					 .hot = true,
					 .size = sizes_fix };
	static struct shares shares;
	static struct stage stage;
	char name[FIGURE_NAME_BYTES];

	if (!wanted(bench, label))
		return;
	memset(&shares, 0, sizeof(shares));
	lru_wanted = setup->lru_entries;
	options.load = (struct load){
		.name = "honest",
		.family = setup->family,
		.sources = setup->n_sources,
		.destinations = 256,
		.flood_sources = FLOOD_SOURCES,
		.flood_share = 1 - setup->n_sources * setup->pps / EPOCH_PACKETS,
		.guarded = setup->n_sources / GUARDED_SHARE,
		.honest_count = true,
	};
	stage_open(&stage, bench, &options);
	epochs_run(&stage, setup, n_epochs, &shares);
	figure_value(bench->json, name_of(name, label, "own"), "% on own address",
		     shares.others_sum);
	figure(bench->json, name_of(name, label, "own_by_cut"), "% on own address", &shares.others,
	       NULL, NULL);
	figure_value(bench->json, name_of(name, label, "own_first_cuts"), "% on own address",
		     shares.cold);
	figure_value(bench->json, name_of(name, label, "protected"), "% on own address",
		     shares.guarded_sum);
	(void)stage_verify(&stage, label);
	stage_close(&stage);
}

/* The curve over the rate of each source: with as many sources, then with as many honest packets. */
static void curve(struct bench *bench, bool same_total, int n_epochs)
{
	static const double rates[] = { 1, 2, 5, 10, 20, 40, 100 };
	char label[FIGURE_NAME_BYTES];

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct setup setup = { .family = 4,
				       .n_sources = same_total ? (uint32_t)(HONEST_PPS / rates[i])
							       : N_HONEST,
				       .pps = rates[i],
				       .lru_entries = LINES };

		(void)snprintf(label, sizeof(label), "honest/%s/%gpps",
			       same_total ? "200kpps" : "5000", rates[i]);
		if (!same_total || setup.n_sources != N_HONEST)
			honest(bench, label, &setup, n_epochs);
	}
}

void honest_cases(struct bench *bench)
{
	struct setup setup = {
		.family = 4, .n_sources = N_HONEST, .pps = 40, .lru_entries = LINES
	};

	if (bench->quick) {
		honest(bench, "honest/5000/40pps", &setup, 5);
		return;
	}
	curve(bench, false, 20);
	curve(bench, true, 10);
	setup.forget = true;
	honest(bench, "honest/no_warm_keys/40pps", &setup, 20);
	setup.pps = 5;
	honest(bench, "honest/no_warm_keys/5pps", &setup, 20);
	setup.forget = false;
	setup.pps = 40;
	setup.lru_entries = 1024;
	honest(bench, "honest/lru_of_1024/40pps", &setup, 20);
	setup.lru_entries = LINES;
	setup.family = 6;
	honest(bench, "honest/ipv6/40pps", &setup, 20);
}
