/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows summed up by country, AS, name, prefix or domain. */
#ifndef IPACCT_TOOLS_TOP_GROUP_H
#define IPACCT_TOOLS_TOP_GROUP_H

#include "top.h"
#include "top_rates.h"

struct top_group {
	struct dump_label label;
	char name[DUMP_LABEL_BYTES]; /* what label.name points to: geo texts go with a refresh */
	struct top_sum sum;
	size_t n_members;
};

/* Keeps its memory; zeroed storage is an empty one. */
struct top_group_table {
	struct top_group *groups;
	size_t n;
	size_t n_room;
	uint32_t *places;   /* open addressing by label, twice n_room */
	uint32_t *group_of; /* of each slot of the rates; UINT32_MAX: a filter leaves it out */
	size_t n_slots_room;
	uint64_t seed;       /* prefixes come from strangers: they must not choose who collides */
	uint64_t generation; /* of the rates when group_of was found */
	uint64_t found_ns;   /* CLOCK_MONOTONIC then: the geo file may know more now */
};

/* Sum the rates up by settings->by. *ret_all: Σ of everything, filtered or not.
 * Returns 0 or -ENOMEM. */
int top_group_make(struct top_group_table *table, const struct top_settings *settings,
		   const struct top_rates *rates, struct ipacct_geo *geo, struct top_sum *ret_all);
void top_group_finish(struct top_group_table *table);
/* Filters, axis or geo file are other ones: find each slot's group again. */
void top_group_forget(struct top_group_table *table);

void top_sum_add(struct top_sum *sum, const struct top_sum *more);
void top_sum_subtract(struct top_sum *sum, const struct top_sum *less);

/* The group of an entry; the domain's is a value with the number in asn. name: where that of a group of
 * the list is kept. */
void top_label_of(const struct top_settings *settings, struct ipacct_geo *geo,
		  const struct ipacct_entry *entry, char name[IPACCT_SERIES_NAME_BYTES],
		  struct dump_label *ret_label);
enum dump_axis top_axis(const struct top_settings *settings);
/* For people and for JSON. Returns buffer. */
char *top_label_words(const struct top_settings *settings, const struct dump_label *label,
		      char buffer[DUMP_LABEL_BYTES]);
char *top_label_text(const struct top_settings *settings, const struct dump_label *label,
		     char buffer[DUMP_LABEL_BYTES]);

#endif
