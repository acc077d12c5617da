/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protected prefixes as ranges of keys. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "epoch.h"
#include "guard_index.h"
#include "hot_lines.h"

#define DOMAIN_BITS 16u

/* Domain and address in network order, so that memcmp() orders them. */
struct guard_point {
	uint16_t domain_be;
	uint8_t address[16];
};

struct guard_range {
	struct guard_point first;
	struct guard_point last;
};

static int compare_points(const struct guard_point *a, const struct guard_point *b)
{
	return memcmp(a, b, sizeof(*a));
}

/* By the first key, the wider range first. */
static int compare_ranges(const void *a, const void *b)
{
	const struct guard_range *x = a, *y = b;
	int order = compare_points(&x->first, &y->first);

	return order ? order : compare_points(&y->last, &x->last);
}

static struct guard_range range_of(const struct ipacct_guard_key *key)
{
	struct guard_range range = { .first.domain_be = key->domain_be };
	uint32_t n_bits = key->prefixlen - DOMAIN_BITS;

	memcpy(range.first.address, key->address, sizeof(range.first.address));
	range.last = range.first;
	for (uint32_t i = n_bits / 8; i < sizeof(range.last.address); i++)
		range.last.address[i] |= i == n_bits / 8 ? 0xffu >> n_bits % 8 : 0xff;
	return range;
}

int guard_index_make(struct guard_index *index, const struct guard_set *set)
{
	struct guard_range *ranges = calloc(set->n + 1, sizeof(*ranges));
	size_t n = 0;

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		ranges[i] = range_of(&set->keys[i]);
	qsort(ranges, set->n, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < set->n; i++) /* a prefix is inside the last one, or beside it */
		if (!n || compare_points(&ranges[i].first, &ranges[n - 1].last) > 0)
			ranges[n++] = ranges[i];
	guard_index_finish(index);
	*index = (struct guard_index){ ranges, n };
	return 0;
}

int guard_index_read(struct guard_index *index, int guard_fd)
{
	struct guard_set set = {};
	int ret = guard_set_read(guard_fd, &set);

	if (!ret)
		ret = guard_index_make(index, &set);
	guard_set_finish(&set);
	return ret;
}

void guard_index_finish(struct guard_index *index)
{
	free(index->ranges);
	memset(index, 0, sizeof(*index));
}

bool guard_index_meets(const struct guard_index *index, const struct ipacct_key *key,
		       uint8_t prefix_len)
{
	struct ipacct_guard_key prefix = { .prefixlen = DOMAIN_BITS + prefix_len,
					   .domain_be = htons(key->domain) };
	size_t low = 0, high = index->n; /* ranges before low begin in the prefix or before it */
	struct guard_range range;

	memcpy(prefix.address, key->addr_be, sizeof(prefix.address));
	range = range_of(&prefix);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_points(&index->ranges[middle].first, &range.last) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && compare_points(&range.first, &index->ranges[low - 1].last) <= 0;
}

bool guard_index_holds(const struct guard_index *index, const struct ipacct_key *key)
{
	return guard_index_meets(index, key, 128);
}

static uint16_t flags_of(const struct guard_index *index, const struct ipacct_key *key,
			 uint16_t flags)
{
	if (!flags)
		return 0; /* a free line */
	flags &= (uint16_t)~IPACCT_HOT_PROTECTED;
	return guard_index_holds(index, key) ? flags | IPACCT_HOT_PROTECTED : flags;
}

static void hot4_apply(const struct guard_index *index, struct ipacct_hot4_set *set)
{
	for (uint32_t way = 0; way < IPACCT_HOT4_WAYS; way++) {
		struct ipacct_hot4_line *line = &set->line[way];
		struct ipacct_key key = hot_line_key(line, false);

		line->flags = flags_of(index, &key, line->flags);
	}
}

static void hot6_apply(const struct guard_index *index, struct ipacct_hot6_set *set)
{
	for (uint32_t way = 0; way < IPACCT_HOT6_WAYS; way++) {
		struct ipacct_hot6_line *line = &set->line[way];
		struct ipacct_key key = hot_line_key(line, true);

		line->flags = flags_of(index, &key, line->flags);
	}
}

static void part_apply(const struct guard_index *index, const struct ipacct_maps *maps,
		       uint32_t part, bool ipv6)
{
	uint32_t n_sets = hot_sets(&maps->meta, ipv6);
	uint32_t first = (part - IPACCT_EPOCHS) * n_sets;
	const __u64 *words = maps->hotmap + ipacct_hotmap_first(&maps->meta, part, ipv6) / 64;

	for (uint32_t word = 0; word < n_sets / 64; word++)
		for (__u64 bits = words[word]; bits; bits &= bits - 1) {
			uint32_t set = first + word * 64 + (uint32_t)__builtin_ctzll(bits);

			if (ipv6)
				hot6_apply(index, &maps->hot6[set]);
			else
				hot4_apply(index, &maps->hot4[set]);
		}
}

void guard_index_apply(const struct guard_index *index, const struct ipacct_maps *maps,
		       uint32_t number)
{
	for (uint32_t part = 1; part < maps->meta.n_parts && maps->hotmap; part++) {
		part_apply(index, maps, IPACCT_EPOCHS * part + number, false);
		part_apply(index, maps, IPACCT_EPOCHS * part + number, true);
	}
}
