// SPDX-License-Identifier: GPL-2.0-or-later
/* Play the tiers: homes of keys, displacement, insert budget, warm keys; see xdp/bpf/hot_set.bpf.h. */
#include "plan_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mix.h"
#include "hot_lines.h"
#include "hot_place.h"

#define EPOCHS_PLAYED  3u       /* the third has the warm keys that every later one has */
#define PACKETS_PLAYED 500000.0 /* in each, of one CPU: shares to 0.01 % */
#define FLOOD_SOURCES  1e7      /* DESIGN D3 */
#define RESERVE        128u     /* of an LRU map, by which the insert budget stays below it */
#define FLAG_USED      1u
#define FLAG_WARM      2u
#define FLAG_SURE      4u

struct line {
	uint32_t key; /* number of the address + 1 */
	uint32_t packets;
	uint32_t flags;
};

struct table {
	struct line *lines;
	uint32_t n_sets, ways;
};

struct play {
	struct table hot[2]; /* IPv4, IPv6 */
	uint8_t *in_lru;     /* by key: has a record there in this epoch */
	uint8_t *door;       /* by hash: has knocked, or has a line */
	uint32_t n_door;     /* bits of the program's, octets here */
	bool closed;
	uint64_t lru_budget, lru_inserts, n_sure, n_hot_rolled;
	uint32_t n_honest[2], n_flood;
	uint64_t n_rolled, n_rolled_honest, n_honest_counts, n_displaced, n_refused;
	uint64_t random;
};

static void play_finish(struct play *play)
{
	free(play->hot[0].lines);
	free(play->hot[1].lines);
	free(play->in_lru);
	free(play->door);
}

static uint64_t draw(struct play *play)
{
	play->random ^= play->random << 13; /* xorshift64, Marsaglia 2003 */
	play->random ^= play->random >> 7;
	play->random ^= play->random << 17;
	return play->random;
}

static uint32_t below(struct play *play, uint32_t n)
{
	return (uint32_t)((draw(play) >> 32) * n >> 32);
}

static bool is_honest(const struct play *play, uint32_t key)
{
	return key <= play->n_honest[0] + play->n_honest[1];
}

static void roll(struct play *play, uint32_t key, uint32_t packets)
{
	play->n_rolled += packets;
	play->n_rolled_honest += is_honest(play, key) ? packets : 0;
}

/* A record that has no line: into the LRU tier, or onto its prefix. */
static void to_lru(struct play *play, uint32_t key, uint32_t packets)
{
	if (play->in_lru[key])
		return;
	if (play->lru_inserts < play->lru_budget) {
		play->lru_inserts++;
		play->in_lru[key] = 1;
		return;
	}
	play->n_refused++;
	roll(play, key, packets);
}

static uint32_t weight_of(const struct line *line)
{
	return line->flags & FLAG_WARM ? 2 * line->packets + 2 : line->packets;
}

static bool is_single(const struct line *line)
{
	return line->packets == 1 && !(line->flags & (FLAG_WARM | FLAG_SURE));
}

/* Where a key may be: at home, beside it, away, beside that; or anywhere in the sets of the two. */
struct where {
	struct line *places[HOT_PLACES];
	struct line *sets[2];
};

static struct where where_of(const struct table *table, uint32_t key)
{
	uint64_t hash = ipacct_mix64(key), lines = (uint64_t)table->n_sets * table->ways;
	uint64_t at[2] = { (hash >> 32) * lines >> 32, (hash & UINT32_MAX) * lines >> 32 };
	struct where where;

	for (unsigned int i = 0; i < HOT_PLACES; i++)
		where.places[i] = table->lines + (at[i / 2] ^ (i & 1));
	for (unsigned int i = 0; i < 2; i++)
		where.sets[i] = table->lines + at[i] / table->ways * table->ways;
	return where;
}

/* As the program chooses (hot_set.bpf.h): a free place; a single in one, when it is rolled up anyway; a free
 * line of both sets; the weakest. */
static struct line *victim(const struct where *where, uint32_t ways, bool singles_go)
{
	struct line *weakest = NULL;

	for (unsigned int i = 0; i < HOT_PLACES; i++)
		if (!where->places[i]->flags)
			return where->places[i];
	for (unsigned int i = 0; i < HOT_PLACES && singles_go; i++)
		if (is_single(where->places[i]))
			return where->places[i];
	for (uint32_t i = 0; i < 2 * ways; i++) {
		struct line *line = &where->sets[i / ways][i % ways];

		if (!line->flags)
			return line;
		if (!weakest || weight_of(line) < weight_of(weakest))
			weakest = line;
	}
	return weakest;
}

static void displace(struct play *play, const struct where *where, uint32_t ways, uint32_t key)
{
	bool singles_go = play->lru_inserts >= play->lru_budget / 2;
	struct line *line = victim(where, ways, singles_go);
	bool one = is_single(line), sure = play->n_sure < play->lru_budget / HOT_SURE_SHARE;

	if (line->packets && !one && play->lru_inserts >= play->lru_budget) {
		to_lru(play, key, 1); /* no room for what the line holds: it stays */
		return;
	}
	if (one && singles_go) {
		play->n_hot_rolled++;
		roll(play, line->key, 1);
	} else if (line->packets) {
		play->n_displaced++;
		to_lru(play, line->key, line->packets);
	}
	play->n_sure += sure;
	*line = (struct line){ .key = key,
			       .packets = 1,
			       .flags = FLAG_USED | (sure ? FLAG_SURE : 0) };
}

static struct line *find(struct line *set, uint32_t ways, uint32_t key)
{
	for (uint32_t i = 0; i < ways; i++)
		if (set[i].flags && set[i].key == key)
			return &set[i];
	return NULL;
}

static uint8_t *door_of(struct play *play, uint32_t key)
{
	return &play->door[ipacct_mix64(~(uint64_t)key) % play->n_door];
}

/* A closed door keeps the first packet of who has no line (daemon/door.h). */
static bool is_kept_out(struct play *play, uint32_t key)
{
	uint8_t *door = door_of(play, key);

	if (!play->closed || *door)
		return false;
	*door = 1;
	play->n_hot_rolled++;
	roll(play, key, 1);
	return true;
}

static void count(struct play *play, unsigned int family, uint32_t key)
{
	struct table *table = &play->hot[family];
	struct where where;
	struct line *line;

	play->n_honest_counts += is_honest(play, key);
	if (!table->n_sets) {
		to_lru(play, key, 1);
		return;
	}
	if (is_kept_out(play, key))
		return;
	where = where_of(table, key);
	line = find(where.sets[0], table->ways, key);
	if (!line)
		line = find(where.sets[1], table->ways, key);
	if (line)
		line->packets++;
	else
		displace(play, &where, table->ways, key);
}

static uint32_t n_keys(const struct play *play)
{
	return 1 + play->n_honest[0] + play->n_honest[1] + play->n_flood;
}

static uint64_t n_lines(const struct play *play)
{
	return (uint64_t)play->hot[0].n_sets * play->hot[0].ways +
	       (uint64_t)play->hot[1].n_sets * play->hot[1].ways;
}

/* What a cut leaves of the lines: keys that came back. */
static void clear(struct play *play)
{
	play->closed = play->n_hot_rolled >
		       n_lines(play) / (play->closed ? HOT_DOOR_OPEN_SHARE : HOT_DOOR_CLOSE_SHARE);
	play->n_hot_rolled = 0;
	memset(play->door, 0, play->n_door);
	for (unsigned int family = 0; family < 2; family++)
		for (uint32_t i = 0; i < play->hot[family].n_sets * play->hot[family].ways; i++) {
			struct line *line = &play->hot[family].lines[i];
			bool keep =
				line->packets >= 2 || (line->packets && line->flags & FLAG_WARM);

			line->flags = keep ? FLAG_USED | FLAG_WARM : 0;
			line->packets = 0;
			if (keep)
				*door_of(play, line->key) = 1;
		}
	for (uint32_t key = 0; key < n_keys(play); key++)
		play->in_lru[key] = 0;
	play->lru_inserts = play->n_sure = 0;
	play->n_rolled = play->n_displaced = play->n_refused = 0;
	play->n_rolled_honest = play->n_honest_counts = 0;
}

static uint32_t honest(struct play *play, unsigned int family)
{
	uint32_t n = play->n_honest[family];

	return 1 + (family ? play->n_honest[0] : 0) + below(play, n);
}

/* flood, ipv6: how many of 2^32 packets. */
static void epoch(struct play *play, uint64_t packets, uint64_t flood, uint64_t ipv6)
{
	for (uint64_t i = 0; i < packets; i++) {
		bool forged = draw(play) >> 32 < flood;
		unsigned int family = !forged && draw(play) >> 32 < ipv6;

		if (!play->n_honest[family])
			family = !family;
		count(play, forged ? 0 : family,
		      forged ? n_keys(play) - 1 - below(play, play->n_flood)
			     : honest(play, family));
		count(play, family, honest(play, family));
	}
}

static uint32_t scaled(double n, double scale)
{
	double result = n * scale + 0.5;

	return n <= 0 ? 0 : result < 1 ? 1 : (uint32_t)result;
}

static int prepare(struct play *play, const struct plan_load *load, const struct sizing *sizing,
		   double scale)
{
	static const uint32_t ways[2] = { IPACCT_HOT4_WAYS, IPACCT_HOT6_WAYS };
	const uint32_t sets[2] = { sizing->hot4_sets, sizing->hot6_sets };
	double ipv6 = (double)load->addresses * load->ipv6_percent / 100;
	uint32_t entries = sizing_own_parts(sizing) ? sizing->lru_entries : sizing->lru_shared;

	play->random = 88172645463325252ULL; /* any but 0; fixed, so that a plan is repeatable */
	play->n_honest[0] = scaled((double)load->addresses - ipv6, scale);
	play->n_honest[1] = scaled(ipv6, scale);
	play->n_flood = load->flood_pps ? scaled(FLOOD_SOURCES, scale) : 0;
	play->lru_budget = scaled((double)entries - RESERVE, scale);
	play->in_lru = calloc(n_keys(play), 1);
	play->n_door = scaled(64.0 * hot_door_words(sets[0], sets[1]), scale) + 1;
	play->door = calloc(play->n_door, 1);
	for (unsigned int family = 0; family < 2; family++) {
		struct table *table = &play->hot[family];

		table->ways = ways[family];
		table->n_sets = scaled(sets[family], scale);
		table->lines =
			calloc((size_t)table->n_sets * table->ways + 1, sizeof(*table->lines));
	}
	return play->in_lru && play->door && play->hot[0].lines && play->hot[1].lines ? 0 : -ENOMEM;
}

int plan_play(const struct plan_load *load, const struct sizing *sizing,
	      struct plan_shares *ret_shares)
{
	struct play play __cleanup(play_finish) = { 0 };
	double packets = (double)load->pps * (double)load->interval_ns / 1e9 / load->cpus;
	double scale = packets > PACKETS_PLAYED ? PACKETS_PLAYED / packets : 1;
	uint64_t n = scaled(packets, scale);
	double flood = load->pps ? (double)load->flood_pps / (double)load->pps : 0;
	double counts;
	int r = prepare(&play, load, sizing, scale);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < EPOCHS_PLAYED; i++) {
		clear(&play);
		epoch(&play, n, (uint64_t)(flood * 4294967296.0),
		      (uint64_t)load->ipv6_percent * 42949673u); /* 2^32 / 100 */
	}
	counts = 2 * (double)n;
	*ret_shares = (struct plan_shares){
		.rolled = (double)play.n_rolled / counts,
		.honest = play.n_honest_counts
				  ? (double)play.n_rolled_honest / (double)play.n_honest_counts
				  : 0,
		.displaced = (double)play.n_displaced / counts,
		.refused = (double)play.n_refused / counts,
		.lru_used = (double)play.lru_inserts / (double)play.lru_budget,
	};
	return 0;
}
