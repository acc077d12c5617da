// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known about an address, as a group of an axis and as a filter. */
#include "dump_geo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "dump.h"

#define KIND_UNKNOWN   "unknown"
#define KIND_PENDING   "pending"
#define KIND_ROLLED_UP "rolled_up"

int dump_geo_open(const struct dump_settings *settings, struct ipacct_geo **ret_geo)
{
	const char *dir = settings->paths.runtime_dir;
	struct ipacct_problem problem = { "" };
	int r = ipacct_geo_open(dir, ret_geo, &problem);

	if (r == 0)
		return TOOL_OK;
	if (r == -ENOENT)
		tool_complain("no geo file in %s: no database is configured, or ipacctd has not "
			      "begun one yet",
			      dir ? dir : IPACCT_RUNTIME_DIR_DEFAULT);
	else
		tool_complain("%s", problem.text[0] ? problem.text : strerror(-r));
	return r == -EPROTO ? TOOL_ABI : TOOL_ERROR;
}

bool dump_geo_find(struct ipacct_geo *geo, const struct ipacct_entry *e,
		   struct ipacct_geo_info *ret_info)
{
	return geo && ipacct_geo_find(geo, e->ledger_index, &e->key, ret_info) == 0;
}

/* Clear what is behind the prefix. */
static void prefix_of(const struct dump_by *by, const struct ipacct_entry *e,
		      struct dump_label *label)
{
	label->prefix = e->key;
	label->prefix_len = ipacct_key_is_ipv4(&e->key) ? (uint8_t)(128 - 32 + by->len4) : by->len6;
	if (label->prefix_len > e->prefix_len)
		label->prefix_len = e->prefix_len;
	dump_key_mask(&label->prefix, label->prefix_len);
}

/* The value of an axis, when it is known. */
static bool value_of(enum dump_axis axis, const struct ipacct_geo_info *info,
		     struct dump_label *label)
{
	switch (axis) {
	case DUMP_AXIS_COUNTRY:
		memcpy(label->country, info->country, sizeof(label->country));
		label->name = info->country_name;
		return info->country[0] != '\0';
	case DUMP_AXIS_ASN:
		label->asn = info->asn;
		label->name = info->as_org;
		return info->asn != 0;
	default:
		label->name = info->name;
		return info->name[0] != '\0';
	}
}

void dump_label_of(const struct dump_by *by, struct ipacct_geo *geo, const struct ipacct_entry *e,
		   struct dump_label *ret_label)
{
	struct dump_label label = { .kind = DUMP_LABEL_VALUE, .name = "" };
	struct ipacct_geo_info info;

	if (ipacct_key_is_rollup(&e->key, e->prefix_len)) {
		label.kind = DUMP_LABEL_ROLLED_UP;
	} else if (by->axis == DUMP_AXIS_PREFIX) {
		prefix_of(by, e, &label);
	} else if (!dump_geo_find(geo, e, &info)) {
		label.kind = DUMP_LABEL_PENDING;
	} else if (!value_of(by->axis, &info, &label)) {
		/* a name is the operator's alone: what has none is in no class of its own */
		label.kind = info.address_class == IPACCT_GEO_GLOBAL || by->axis == DUMP_AXIS_NAME
				     ? DUMP_LABEL_UNKNOWN
				     : DUMP_LABEL_CLASS;
		if (label.kind == DUMP_LABEL_CLASS)
			label.address_class = info.address_class;
	}
	*ret_label = label;
}

bool dump_label_equal(enum dump_axis axis, const struct dump_label *a, const struct dump_label *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == DUMP_LABEL_CLASS)
		return a->address_class == b->address_class;
	if (a->kind != DUMP_LABEL_VALUE)
		return true;
	switch (axis) {
	case DUMP_AXIS_COUNTRY:
		return memcmp(a->country, b->country, sizeof(a->country)) == 0;
	case DUMP_AXIS_ASN:
		return a->asn == b->asn;
	case DUMP_AXIS_NAME:
	case DUMP_AXIS_GROUP:
		return strcmp(a->name, b->name) == 0;
	default:
		return a->prefix_len == b->prefix_len &&
		       memcmp(&a->prefix, &b->prefix, sizeof(a->prefix)) == 0;
	}
}

static bool wanted_on(enum dump_axis axis, const struct dump_wanted *wanted, struct ipacct_geo *geo,
		      const struct ipacct_entry *e)
{
	const struct dump_by by = { .axis = axis };
	struct dump_label label;

	if (wanted->n == 0)
		return true;
	dump_label_of(&by, geo, e, &label);
	for (size_t i = 0; i < wanted->n; i++)
		if (dump_label_equal(axis, &label, &wanted->labels[i]))
			return true;
	return false;
}

bool dump_geo_wanted(const struct dump_settings *settings, struct ipacct_geo *geo,
		     const struct ipacct_entry *e)
{
	return wanted_on(DUMP_AXIS_COUNTRY, &settings->countries, geo, e) &&
	       wanted_on(DUMP_AXIS_ASN, &settings->asns, geo, e) &&
	       wanted_on(DUMP_AXIS_NAME, &settings->names, geo, e);
}

const char *dump_label_kind_name(enum dump_axis axis, const struct dump_label *label)
{
	static const char *const values[] = { "none", "country", "asn", "name", "prefix", "group" };

	switch (label->kind) {
	case DUMP_LABEL_VALUE:
		return values[axis];
	case DUMP_LABEL_CLASS:
		return "class";
	case DUMP_LABEL_UNKNOWN:
		return KIND_UNKNOWN;
	case DUMP_LABEL_PENDING:
		return KIND_PENDING;
	case DUMP_LABEL_EARLIER:
		return "earlier";
	case DUMP_LABEL_OTHER:
		return "other";
	default:
		return KIND_ROLLED_UP;
	}
}

static void value_text(enum dump_axis axis, const struct dump_label *label,
		       char buffer[DUMP_LABEL_BYTES])
{
	switch (axis) {
	case DUMP_AXIS_COUNTRY:
		snprintf(buffer, DUMP_LABEL_BYTES, "%s", label->country);
		break;
	case DUMP_AXIS_ASN:
		snprintf(buffer, DUMP_LABEL_BYTES, "%u", label->asn);
		break;
	case DUMP_AXIS_NAME:
	case DUMP_AXIS_GROUP:
		snprintf(buffer, DUMP_LABEL_BYTES, "%s", label->name);
		break;
	default:
		ipacct_key_format(&label->prefix, label->prefix_len, buffer, DUMP_LABEL_BYTES);
	}
}

char *dump_label_text(enum dump_axis axis, const struct dump_label *label,
		      char buffer[DUMP_LABEL_BYTES])
{
	if (label->kind == DUMP_LABEL_VALUE)
		value_text(axis, label, buffer);
	else
		snprintf(buffer, DUMP_LABEL_BYTES, "%s",
			 label->kind == DUMP_LABEL_CLASS
				 ? dump_name(ipacct_geo_class_name(label->address_class))
				 : dump_label_kind_name(axis, label));
	return buffer;
}

char *dump_label_words(enum dump_axis axis, const struct dump_label *label,
		       char buffer[DUMP_LABEL_BYTES])
{
	char word[DUMP_LABEL_BYTES];

	if (label->kind == DUMP_LABEL_VALUE)
		return dump_label_text(axis, label, buffer);
	if (label->kind == DUMP_LABEL_UNKNOWN && axis == DUMP_AXIS_NAME)
		snprintf(word, sizeof(word), "no name");
	else if (label->kind == DUMP_LABEL_UNKNOWN && axis == DUMP_AXIS_GROUP)
		snprintf(word, sizeof(word), "no group");
	else
		dump_label_text(axis, label, word);
	for (char *c = word; *c; c++)
		if (*c == '_')
			*c = ' ';
	snprintf(buffer, DUMP_LABEL_BYTES, "(%.*s)", (int)DUMP_LABEL_BYTES - 3, word);
	return buffer;
}

static int prefix_len_parse(const char *text, uint64_t max, uint8_t *ret_len)
{
	uint64_t value;

	if (parse_u64(text, 0, max, &value) < 0)
		return -EINVAL;
	*ret_len = (uint8_t)value;
	return 0;
}

/* "LEN4" or "LEN4,LEN6". */
static int prefix_lens_parse(const char *text, struct dump_by *by)
{
	char len4[4]; /* two digits fit, more are no length */
	const char *comma = strchr(text, ',');
	size_t n = comma ? (size_t)(comma - text) : strlen(text);

	if (n >= sizeof(len4))
		return -EINVAL;
	memcpy(len4, text, n);
	len4[n] = '\0';
	if (prefix_len_parse(len4, 32, &by->len4) < 0)
		return -EINVAL;
	return comma ? prefix_len_parse(comma + 1, 128, &by->len6) : 0;
}

int dump_by_parse(const char *text, struct dump_by *ret_by)
{
	static const struct {
		const char *word;
		enum dump_axis axis;
	} axes[] = { { "country", DUMP_AXIS_COUNTRY },
		     { "asn", DUMP_AXIS_ASN },
		     { "name", DUMP_AXIS_NAME },
		     { "group", DUMP_AXIS_GROUP },
		     { "prefix", DUMP_AXIS_PREFIX } };
	struct dump_by by = { .len4 = DUMP_BY_LEN4, .len6 = DUMP_BY_LEN6 };

	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++)
		if (strcmp(text, axes[i].word) == 0)
			by.axis = axes[i].axis;
	if (by.axis == DUMP_AXIS_NONE && strncmp(text, "prefix=", strlen("prefix=")) == 0) {
		by.axis = DUMP_AXIS_PREFIX;
		if (prefix_lens_parse(text + strlen("prefix="), &by) < 0)
			return -EINVAL;
	}
	if (by.axis == DUMP_AXIS_NONE)
		return -EINVAL;
	*ret_by = by;
	return 0;
}

/* "unknown", "pending" or the name of a class. */
static bool collective_parse(const char *word, struct dump_label *label)
{
	if (strcmp(word, KIND_UNKNOWN) == 0)
		label->kind = DUMP_LABEL_UNKNOWN;
	else if (strcmp(word, KIND_PENDING) == 0)
		label->kind = DUMP_LABEL_PENDING;
	for (unsigned int i = IPACCT_GEO_GLOBAL + 1; i < IPACCT_GEO_CLASSES; i++) {
		if (strcmp(word, ipacct_geo_class_name(i)) == 0) {
			label->kind = DUMP_LABEL_CLASS;
			label->address_class = (uint8_t)i;
		}
	}
	return label->kind != DUMP_LABEL_VALUE;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool country_parse(const char *word, struct dump_label *label)
{
	if (strlen(word) != 2 || !is_letter(word[0]) || !is_letter(word[1]))
		return collective_parse(word, label);
	label->country[0] = (char)(word[0] & ~0x20); /* ASCII: capitals lack this bit */
	label->country[1] = (char)(word[1] & ~0x20);
	return true;
}

/* RFC 5396: asplain, here also with "AS" before it. AS 0 is none (RFC 7607). */
static bool asn_parse(const char *word, struct dump_label *label)
{
	uint64_t value;

	if (parse_u64(strncasecmp(word, "AS", 2) == 0 ? word + 2 : word, 1, UINT32_MAX, &value) < 0)
		return collective_parse(word, label);
	label->asn = (uint32_t)value;
	return true;
}

static bool word_parse(enum dump_axis axis, const char *word, struct dump_label *label)
{
	switch (axis) {
	case DUMP_AXIS_COUNTRY:
		return country_parse(word, label);
	case DUMP_AXIS_ASN:
		return asn_parse(word, label);
	default:
		label->name = word;
		return word[0] != '\0';
	}
}

int dump_wanted_add(enum dump_axis axis, char *list, struct dump_wanted *wanted)
{
	static const char *const wants[] = {
		[DUMP_AXIS_COUNTRY] = "a country such as DE, private, unknown, pending",
		[DUMP_AXIS_ASN] = "an AS number such as 64500, private, unknown, pending",
		[DUMP_AXIS_NAME] = "a name of a prefix",
		[DUMP_AXIS_GROUP] = "a name of a group",
	};
	char *word;

	while ((word = strsep(&list, ","))) {
		struct dump_label label = { .kind = DUMP_LABEL_VALUE, .name = "" };

		if (!word_parse(axis, word, &label)) {
			tool_complain("'%s' is not %s", word, wants[axis]);
			return -EINVAL;
		}
		if (wanted->n == DUMP_WANTED_MAX) {
			tool_complain("more than %u values of one filter", DUMP_WANTED_MAX);
			return -EINVAL;
		}
		wanted->labels[wanted->n++] = label;
	}
	return 0;
}
