// SPDX-License-Identifier: GPL-2.0-or-later
/* Groups of moving rows. Which group a row is in is found once and kept while slots stay where they are:
 * only sums are made anew each time. */
#include "top_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/mix.h"

#define GROUPS_MIN 256u
#define NO_GROUP   UINT32_MAX
#define AGAIN_NS   (10 * NS_PER_S) /* pending answers come in the next seconds */

void top_sum_add(struct top_sum *sum, const struct top_sum *more)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)more;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

void top_sum_subtract(struct top_sum *sum, const struct top_sum *less)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)less;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] -= from[i];
}

enum dump_axis top_axis(const struct top_settings *settings)
{
	static const enum dump_axis axes[] = {
		[TOP_BY_ADDRESS] = DUMP_AXIS_NONE,
		[TOP_BY_NAME] = DUMP_AXIS_NAME,
		[TOP_BY_COUNTRY] = DUMP_AXIS_COUNTRY,
		[TOP_BY_ASN] = DUMP_AXIS_ASN,
		[TOP_BY_PREFIX] = DUMP_AXIS_PREFIX,
		[TOP_BY_DOMAIN] = DUMP_AXIS_ASN, /* a number */
		[TOP_BY_GROUP] = DUMP_AXIS_GROUP,
	};

	return axes[settings->by];
}

void top_label_of(const struct top_settings *settings, struct ipacct_geo *geo,
		  const struct ipacct_entry *entry, char name[IPACCT_SERIES_NAME_BYTES],
		  struct dump_label *ret_label)
{
	struct dump_by by = settings->dump.by;

	if (settings->by == TOP_BY_GROUP) {
		*ret_label = (struct dump_label){ .name = "" };
		if (dump_group_of(&settings->dump, entry, name))
			ret_label->name = name;
		else
			ret_label->kind = !ipacct_key_is_rollup(&entry->key, entry->prefix_len)
						  ? DUMP_LABEL_UNKNOWN
						  : DUMP_LABEL_ROLLED_UP;
		return;
	}
	if (settings->by == TOP_BY_DOMAIN) {
		*ret_label = (struct dump_label){ .asn = entry->key.domain, .name = "" };
		return;
	}
	by.axis = top_axis(settings);
	dump_label_of(&by, geo, entry, ret_label);
}

char *top_label_words(const struct top_settings *settings, const struct dump_label *label,
		      char buffer[DUMP_LABEL_BYTES])
{
	if (settings->by != TOP_BY_DOMAIN)
		return dump_label_words(top_axis(settings), label, buffer);
	(void)snprintf(buffer, DUMP_LABEL_BYTES, "domain %u", label->asn);
	return buffer;
}

char *top_label_text(const struct top_settings *settings, const struct dump_label *label,
		     char buffer[DUMP_LABEL_BYTES])
{
	return dump_label_text(top_axis(settings), label, buffer);
}

static uint64_t label_hash(uint64_t seed, enum dump_axis axis, const struct dump_label *label)
{
	uint64_t hash = seed ^ (uint64_t)label->kind << 8 ^ label->address_class;

	if (label->kind != DUMP_LABEL_VALUE)
		return ipacct_mix64(hash);
	if (axis == DUMP_AXIS_PREFIX)
		return ipacct_key_hash(hash, &label->prefix, label->prefix_len);
	hash ^= (uint64_t)label->asn << 16;
	for (const char *c = label->country; *c && axis == DUMP_AXIS_COUNTRY; c++)
		hash = ipacct_mix64(hash ^ (unsigned char)*c);
	for (const char *c = label->name; *c && (axis == DUMP_AXIS_NAME || axis == DUMP_AXIS_GROUP);
	     c++)
		hash = ipacct_mix64(hash ^ (unsigned char)*c);
	return ipacct_mix64(hash);
}

/* The place that holds the label, or the free one where it belongs. */
static size_t place_of(const struct top_group_table *table, enum dump_axis axis,
		       const struct dump_label *label)
{
	size_t mask = 2 * table->n_room - 1;
	size_t at = label_hash(table->seed, axis, label) & mask;

	while (table->places[at] != NO_GROUP &&
	       !dump_label_equal(axis, &table->groups[table->places[at]].label, label))
		at = (at + 1) & mask;
	return at;
}

static int groups_grow(struct top_group_table *table, enum dump_axis axis)
{
	size_t n = table->n_room ? 2 * table->n_room : GROUPS_MIN;

	if (array_resize(&table->groups, sizeof(*table->groups), n))
		return -ENOMEM;
	if (!table->seed)
		table->seed = tool_realtime_ns() ^ (uintptr_t)table; /* nobody outside knows it */
	for (size_t i = 0; i < table->n; i++)
		table->groups[i].label.name = table->groups[i].name;
	if (array_resize(&table->places, 2 * sizeof(*table->places), n))
		return -ENOMEM;
	table->n_room = n;
	for (size_t i = 0; i < 2 * n; i++)
		table->places[i] = NO_GROUP;
	for (size_t i = 0; i < table->n; i++)
		table->places[place_of(table, axis, &table->groups[i].label)] = (uint32_t)i;
	return 0;
}

static uint32_t group_find(struct top_group_table *table, enum dump_axis axis,
			   const struct dump_label *label)
{
	struct top_group *group;
	size_t at;

	if (table->n == table->n_room && groups_grow(table, axis) < 0)
		return NO_GROUP;
	at = place_of(table, axis, label);
	if (table->places[at] == NO_GROUP) {
		group = &table->groups[table->n];
		*group = (struct top_group){ .label = *label };
		group->label.name = group->name;
		table->places[at] = (uint32_t)table->n++;
	}
	group = &table->groups[table->places[at]];
	if (!group->name[0]) /* not every record has the text */
		(void)snprintf(group->name, sizeof(group->name), "%s", label->name);
	return table->places[at];
}

/* Which group each slot is in. */
static int slots_find(struct top_group_table *table, const struct top_settings *settings,
		      const struct top_rates *rates, struct ipacct_geo *geo)
{
	size_t n = top_rates_n(rates);

	if (n > table->n_slots_room) {
		if (array_resize(&table->group_of, sizeof(*table->group_of), n + n / 2))
			return -ENOMEM;
		table->n_slots_room = n + n / 2;
	}
	table->n = 0;
	for (size_t i = 0; table->places && i < 2 * table->n_room; i++)
		table->places[i] = NO_GROUP;
	for (size_t i = 0; i < n; i++) {
		char name[IPACCT_SERIES_NAME_BYTES];
		struct ipacct_entry entry;
		struct dump_label label;

		top_rates_entry(rates, i, &entry);
		table->group_of[i] = NO_GROUP;
		if (!dump_row_wanted(&settings->dump, geo, &entry))
			continue;
		top_label_of(settings, geo, &entry, name, &label);
		table->group_of[i] = group_find(table, top_axis(settings), &label);
		if (table->group_of[i] == NO_GROUP)
			return -ENOMEM;
	}
	return 0;
}

int top_group_make(struct top_group_table *table, const struct top_settings *settings,
		   const struct top_rates *rates, struct ipacct_geo *geo, struct top_sum *ret_all)
{
	uint64_t now_ns = tool_monotonic_ns();
	struct top_sum all = { 0 };

	if (table->found_ns == 0 || now_ns - table->found_ns > AGAIN_NS ||
	    table->generation != top_rates_generation(rates)) {
		if (slots_find(table, settings, rates, geo) < 0)
			return -ENOMEM;
		table->generation = top_rates_generation(rates);
		table->found_ns = now_ns;
	}
	for (size_t i = 0; i < table->n; i++) {
		table->groups[i].sum = (struct top_sum){ 0 };
		table->groups[i].n_members = 0;
	}
	for (size_t i = 0; i < top_rates_n(rates); i++) {
		struct top_sum sum;

		top_rates_sum(rates, i, &sum);
		top_sum_add(&all, &sum);
		if (table->group_of[i] == NO_GROUP)
			continue;
		top_sum_add(&table->groups[table->group_of[i]].sum, &sum);
		table->groups[table->group_of[i]].n_members++;
	}
	*ret_all = all;
	return 0;
}

void top_group_forget(struct top_group_table *table)
{
	table->found_ns = 0;
}

void top_group_finish(struct top_group_table *table)
{
	free(table->groups);
	free(table->places);
	free(table->group_of);
	*table = (struct top_group_table){ 0 };
}
