// SPDX-License-Identifier: GPL-2.0-or-later
/* Rows summed up by country, AS, name or prefix. */
#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ipacct/counters.h>

#include "base/array.h"
#include "base/mix.h"

#define GROUPS_MIN 256u /* to begin with: about as many as there are countries */
#define SLOT_FREE  SIZE_MAX

struct builder {
	enum dump_axis axis;
	uint64_t seed; /* prefixes come from strangers: they must not choose who collides */
	struct dump_group *groups;
	size_t n_groups;
	size_t n_allocated;
	size_t *slots; /* open addressing, twice as many as groups: at most half full */
};

static uint64_t text_hash(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = ipacct_mix64(hash ^ (unsigned char)*text);
	return hash;
}

static uint64_t label_hash(const struct builder *b, const struct dump_label *label)
{
	uint64_t hash = b->seed ^ (uint64_t)label->kind << 8 ^ label->address_class;

	if (label->kind != DUMP_LABEL_VALUE)
		return ipacct_mix64(hash);
	switch (b->axis) {
	case DUMP_AXIS_COUNTRY:
		return text_hash(hash, label->country);
	case DUMP_AXIS_ASN:
		return ipacct_mix64(hash ^ (uint64_t)label->asn << 16);
	case DUMP_AXIS_NAME:
		return text_hash(hash, label->name);
	default:
		return ipacct_key_hash(hash, &label->prefix, label->prefix_len);
	}
}

/* The slot that holds the group, or the free one where it belongs. */
static size_t slot_of(const struct builder *b, const struct dump_label *label)
{
	size_t mask = 2 * b->n_allocated - 1;
	size_t at = label_hash(b, label) & mask;

	while (b->slots[at] != SLOT_FREE &&
	       !dump_label_equal(b->axis, &b->groups[b->slots[at]].label, label))
		at = (at + 1) & mask;
	return at;
}

static int builder_grow(struct builder *b)
{
	size_t n = b->n_allocated ? 2 * b->n_allocated : GROUPS_MIN;
	int r = array_resize(&b->groups, sizeof(*b->groups), n);

	if (r == 0)
		r = array_resize(&b->slots, 2 * sizeof(*b->slots), n);
	if (r < 0)
		return r;
	b->n_allocated = n;
	for (size_t i = 0; i < 2 * n; i++)
		b->slots[i] = SLOT_FREE;
	for (size_t i = 0; i < b->n_groups; i++)
		b->slots[slot_of(b, &b->groups[i].label)] = i;
	return 0;
}

static struct dump_group *group_of(struct builder *b, const struct dump_label *label)
{
	struct dump_group *group;
	size_t slot;

	if (b->n_groups == b->n_allocated && builder_grow(b) < 0)
		return NULL;
	slot = slot_of(b, label);
	if (b->slots[slot] == SLOT_FREE) {
		group = &b->groups[b->n_groups];
		*group = (struct dump_group){ .label = *label };
		group->sum.key = label->prefix;
		group->sum.prefix_len = label->prefix_len;
		b->slots[slot] = b->n_groups++;
	}
	group = &b->groups[b->slots[slot]];
	if (!group->label.name[0])
		group->label.name = label->name; /* not every record has the text */
	return group;
}

static int rows_add(const struct dump_settings *settings, struct ipacct_geo *geo,
		    const struct ipacct_entry *const *rows, size_t n, struct builder *b)
{
	for (size_t i = 0; i < n; i++) {
		struct dump_label label;
		struct dump_group *group;

		dump_label_of(&settings->by, geo, rows[i], &label);
		group = group_of(b, &label);
		if (!group)
			return -ENOMEM;
#define ADD(field, element, help) group->sum.counters.field += rows[i]->counters.field;
		IPACCT_COUNTERS(ADD)
#undef ADD
		if (rows[i]->last_seen_ns > group->sum.last_seen_ns)
			group->sum.last_seen_ns = rows[i]->last_seen_ns;
		if (label.kind == DUMP_LABEL_ROLLED_UP)
			group->n_rollups++;
		else
			group->n_addresses++;
	}
	return 0;
}

static int compare_values(enum dump_axis axis, const struct dump_group *a,
			  const struct dump_group *b)
{
	switch (axis) {
	case DUMP_AXIS_COUNTRY:
		return strcmp(a->label.country, b->label.country);
	case DUMP_AXIS_ASN:
		return (a->label.asn > b->label.asn) - (a->label.asn < b->label.asn);
	case DUMP_AXIS_NAME:
	case DUMP_AXIS_GROUP:
		return strcmp(a->label.name, b->label.name);
	default:
		return dump_compare_keys(&a->sum, &b->sum);
	}
}

/* Values first, then what has none; no two groups are equal. */
static int compare_labels(enum dump_axis axis, const struct dump_group *a,
			  const struct dump_group *b)
{
	if (a->label.kind != b->label.kind)
		return a->label.kind < b->label.kind ? -1 : 1;
	if (a->label.kind == DUMP_LABEL_CLASS)
		return a->label.address_class < b->label.address_class ? -1 : 1;
	return compare_values(axis, a, b);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct dump_group *a = left, *b = right;
	const struct dump_settings *s = context;
	uint64_t x = dump_sort_value(s->sort, &a->sum), y = dump_sort_value(s->sort, &b->sum);

	if (x != y)
		return (x > y) == s->reverse ? 1 : -1;
	if (s->sort == DUMP_SORT_ADDRESS && s->reverse)
		return compare_labels(s->by.axis, b, a);
	return compare_labels(s->by.axis, a, b);
}

int dump_groups_make(const struct dump_settings *settings, struct dump_view *view)
{
	struct builder b = { .axis = settings->by.axis, .seed = view->snapshot->instance };
	bool listed = settings->by.axis == DUMP_AXIS_GROUP; /* summed up already */
	int r = listed ? dump_groups_listed(settings, view, &b.groups, &b.n_groups)
		       : builder_grow(&b);

	if (r == 0 && !listed)
		r = rows_add(settings, view->geo, view->addresses, view->n_addresses, &b);
	if (r == 0 && !listed)
		r = rows_add(settings, view->geo, view->rollups, view->n_rollups, &b);
	free(b.slots);
	if (r < 0) {
		free(b.groups);
		return r;
	}
	qsort_r(b.groups, b.n_groups, sizeof(*b.groups), compare, (void *)(uintptr_t)settings);
	view->groups = b.groups;
	view->n_groups = b.n_groups;
	return 0;
}
