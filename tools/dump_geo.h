/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-dump: what the geo file adds to rows, what rows are grouped by and chosen by. */
#ifndef IPACCT_TOOLS_DUMP_GEO_H
#define IPACCT_TOOLS_DUMP_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#define DUMP_WANTED_MAX  64u  /* values of one filter; each row is compared with each */
#define DUMP_LABEL_BYTES 256u /* the longest name of libipacct; an IPv6 prefix takes 44 */
#define DUMP_BY_LEN4     24u /* --by prefix: what most networks announce at least (RFC 7454 6.1.3) */
#define DUMP_BY_LEN6     48u

/* What rows can be grouped by and chosen by. */
enum dump_axis {
	DUMP_AXIS_NONE = 0,
	DUMP_AXIS_COUNTRY,
	DUMP_AXIS_ASN,
	DUMP_AXIS_NAME,   /* the operator's name for a prefix */
	DUMP_AXIS_PREFIX, /* by address alone: needs no geo file */
	DUMP_AXIS_GROUP, /* the ledger has their totals, the list of groups says whose an address is */
};

/* In the order in which groups of equal counts are listed. */
enum dump_label_kind {
	DUMP_LABEL_VALUE = 0, /* a country, an AS, a name, a prefix */
	DUMP_LABEL_CLASS,     /* special-purpose space that nobody named: "private", … */
	DUMP_LABEL_UNKNOWN,   /* looked up, and nothing is known */
	DUMP_LABEL_PENDING,   /* not looked up yet */
	DUMP_LABEL_ROLLED_UP, /* counts without an address */
	DUMP_LABEL_EARLIER,   /* from before there were groups */
	DUMP_LABEL_OTHER,     /* of groups whose records were given up */
};

/* The group that an address belongs to on one axis. Every address has exactly one. */
struct dump_label {
	enum dump_label_kind kind;
	uint8_t address_class; /* of a class */
	char country[3];       /* of a value, by axis: this, … */
	uint32_t asn;
	uint8_t prefix_len;
	struct ipacct_key prefix;
	const char *name; /* the name itself, or what a country or AS is called ("" = not known) */
};

struct dump_wanted {
	size_t n; /* 0 = everything */
	struct dump_label labels[DUMP_WANTED_MAX];
};

struct dump_by {
	enum dump_axis axis;
	uint8_t len4; /* of an IPv4 prefix, 0 … 32 */
	uint8_t len6;
};

/* A row of --by. */
struct dump_group {
	struct dump_label label;
	struct ipacct_entry sum; /* counters: sums; last_seen_ns: the latest; key: of a prefix */
	size_t n_addresses;
	size_t n_rollups;
};

struct dump_settings;
struct dump_view;

/* "country", "asn", "name", "prefix", "prefix=LEN4", "prefix=LEN4,LEN6". Returns 0 or −EINVAL. */
int dump_by_parse(const char *text, struct dump_by *ret_by);

/* Add the words of a comma-separated list. Returns 0 or −EINVAL after a message. */
int dump_wanted_add(enum dump_axis axis, char *list, struct dump_wanted *wanted);

/* Open the geo file. Returns 0 or, after one message, the exit code. */
int dump_geo_open(const struct dump_settings *settings, struct ipacct_geo **ret_geo);

/* What is known about an entry. False: nothing yet. geo may be NULL. */
bool dump_geo_find(struct ipacct_geo *geo, const struct ipacct_entry *e,
		   struct ipacct_geo_info *ret_info);

/* The group of an entry. */
void dump_label_of(const struct dump_by *by, struct ipacct_geo *geo, const struct ipacct_entry *e,
		   struct dump_label *ret_label);
bool dump_label_equal(enum dump_axis axis, const struct dump_label *a, const struct dump_label *b);

/* Whether the geo filters want an entry. A roll-up has no country: no geo filter wants it. */
bool dump_geo_wanted(const struct dump_settings *settings, struct ipacct_geo *geo,
		     const struct ipacct_entry *e);

/* "country", "class", "unknown", … */
const char *dump_label_kind_name(enum dump_axis axis, const struct dump_label *label);
/* "DE", "64500", "192.0.2.0/24", "private", "unknown", …: what the filters take. Returns buffer. */
char *dump_label_text(enum dump_axis axis, const struct dump_label *label,
		      char buffer[DUMP_LABEL_BYTES]);
/* For people: "DE", "(private)", "(rolled up)". Returns buffer. */
char *dump_label_words(enum dump_axis axis, const struct dump_label *label,
		       char buffer[DUMP_LABEL_BYTES]);

/* Open the list of groups. Returns 0 or, after one message, the exit code. */
int dump_groups_open(const struct dump_settings *settings, struct ipacct_groups **ret_groups);

/* The name of the group of settings->group_list that an address is of. False: of none, a roll-up is of
 * none either. */
bool dump_group_of(const struct dump_settings *settings, const struct ipacct_entry *e,
		   char ret_name[IPACCT_SERIES_NAME_BYTES]);

/* Whether --group wants an entry. A roll-up is of no group. */
bool dump_group_wanted(const struct dump_settings *settings, const struct ipacct_entry *e);

/* The totals of groups as the snapshot has them, in no order: to be freed. -ENOMEM. */
int dump_groups_listed(const struct dump_settings *settings, const struct dump_view *view,
		       struct dump_group **ret_groups, size_t *ret_n);

/* Sum the chosen rows of a view up by settings->by, sorted. Returns 0 or −ENOMEM. */
int dump_groups_make(const struct dump_settings *settings, struct dump_view *view);

#endif
