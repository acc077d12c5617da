/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the list of groups.
 *
 *     # comment
 *     192.0.2.0/24       customer-a
 *     2001:db8:1::/48    "Customer A"  domain=7 protect=yes    # the rest of the line
 *     2001:db8:2::/48    "Customer B"  ipv6_len=56             # a record for each /56
 *
 * One prefix a line and the group that it is of, white space between; a group has as many lines as it
 * has prefixes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/mix.h"
#include "base/num.h"
#include "base/text.h"
#include "config_check.h"
#include "config_file.h"
#include "config_groups.h"
#include "config_prefix.h"
#include "group_list.h"

#define UTF8_BOM     "\xef\xbb\xbf"           /* RFC 3629 6 */
#define NAME_SLOTS   (4u * IPACCT_GROUPS_MAX) /* at most a quarter full */
#define DOMAIN_BITS  16u
#define PREFIXES_MIN 1024u
#define NAMES_MIN    64u
#define NS_PER_S     1000000000u

struct reading {
	struct config_error error;
	size_t line;
	char text[CONFIG_GROUPS_LINE_MAX + 1]; /* of the line, NUL-terminated */
	const char *at;                        /* what comes next in it */
	struct ipacct_groups_prefix *prefixes; /* `parent` is the line until they are sorted */
	uint32_t n_prefixes, prefixes_room;
	struct ipacct_groups_name *names;
	uint32_t n_names, names_room;
	uint32_t *slots; /* NAME_SLOTS: number of a name + 1, 0: free */
	uint32_t n_protected;
	uint32_t n_masked;
};

#define FAIL(reading, where, ...)                           \
	config_error_at(&(reading)->error, (reading)->line, \
			(size_t)((where) - (reading)->text) + 1, __VA_ARGS__)

/* ---- Words of a line ------------------------------------------------------------------------- */

static void blanks_skip(struct reading *reading)
{
	reading->at += strspn(reading->at, " \t");
}

/* The next word into a buffer of CONFIG_GROUPS_LINE_MAX + 1; its length. */
static size_t word_take(struct reading *reading, char *word)
{
	size_t n = strcspn(reading->at, " \t");

	memcpy(word, reading->at, n);
	word[n] = '\0';
	reading->at += n;
	blanks_skip(reading);
	return n;
}

/* Cut off the comment (not inside a quoted name), the blanks before it and the CR of CR LF. */
static void line_trim(char *line)
{
	bool quoted = false;
	size_t n = 0;

	for (; line[n] && (quoted || line[n] != '#'); n++)
		quoted ^= line[n] == '"';
	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	line[n] = '\0';
}

/* ---- Names ----------------------------------------------------------------------------------- */

static uint32_t name_slot(const struct reading *reading, const char *name)
{
	uint64_t hash = 0;

	for (const char *c = name; *c; c++)
		hash = ipacct_mix64(hash ^ (unsigned char)*c);
	while (reading->slots[hash % NAME_SLOTS] &&
	       strcmp(reading->names[reading->slots[hash % NAME_SLOTS] - 1].name, name))
		hash++;
	return (uint32_t)(hash % NAME_SLOTS);
}

static int name_add(struct reading *reading, const char *where, const char *name,
		    uint32_t *ret_group)
{
	uint32_t slot = name_slot(reading, name);

	if (!reading->slots[slot]) {
		if (reading->n_names == IPACCT_GROUPS_MAX)
			return FAIL(reading, where, "more than %u groups", IPACCT_GROUPS_MAX);
		if (reading->n_names == reading->names_room) {
			reading->names_room = 2 * reading->names_room + NAMES_MIN;
			if (array_resize(&reading->names, sizeof(*reading->names),
					 reading->names_room))
				return -ENOMEM;
		}
		memset(&reading->names[reading->n_names], 0, sizeof(*reading->names));
		(void)snprintf(reading->names[reading->n_names].name, IPACCT_SERIES_NAME_BYTES,
			       "%s", name); /* its length was checked */
		reading->slots[slot] = ++reading->n_names;
	}
	*ret_group = reading->slots[slot] - 1;
	return 0;
}

static int name_parse(struct reading *reading, uint32_t *ret_group)
{
	char name[IPACCT_SERIES_NAME_BYTES], safe[IPACCT_SERIES_NAME_BYTES];
	const char *where = reading->at, *from = where + (*where == '"');
	size_t n = *where == '"' ? strcspn(from, "\"") : strcspn(from, " \t");

	if (!*where)
		return FAIL(reading, where, "no name behind the prefix: CIDR NAME");
	if (*where == '"' && from[n] != '"')
		return FAIL(reading, where, "a quoted name without an end");
	if (!n || n >= sizeof(name))
		return FAIL(reading, where, "a name has 1 to %zu octets, this has %zu",
			    sizeof(name) - 1, n);
	memcpy(name, from, n);
	name[n] = '\0';
	memcpy(safe, name, n + 1);
	if (strcmp(text_make_safe(safe), name))
		return FAIL(reading, where, "a name that is not UTF-8, or has a control character");
	if (*where != '"' && strpbrk(name, "\"="))
		return FAIL(reading, where,
			    "a name with a blank, '=' or '#' is quoted: \"Customer A\"");
	if (group_name_is_collective(name))
		return FAIL(reading, where, "'%s' is what ipacct calls addresses of no group",
			    name);
	from += n;
	if (*where == '"' && *++from && !strchr(" \t", *from))
		return FAIL(reading, from, "a blank is missing behind the name");
	reading->at = from;
	blanks_skip(reading);
	return name_add(reading, where, name, ret_group);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

struct options {
	char domain[CONFIG_GROUPS_LINE_MAX + 1]; /* "domain=7", "" */
	const char *domain_at;
	bool protect, protect_given;
	char ipv6_len[CONFIG_GROUPS_LINE_MAX + 1]; /* "56", "" */
	const char *ipv6_len_at;
};

static int options_parse(struct reading *reading, struct options *options)
{
	char word[CONFIG_GROUPS_LINE_MAX + 1], quoted[SETTING_QUOTE_SIZE];

	while (*reading->at) {
		const char *where = reading->at;
		size_t n = word_take(reading, word);

		if (!strncmp(word, "domain=", 7) && !options->domain_at) {
			memcpy(options->domain, word, n + 1);
			options->domain_at = where;
		} else if (!options->protect_given &&
			   (!strcmp(word, "protect=yes") || !strcmp(word, "protect=no"))) {
			options->protect = word[8] == 'y';
			options->protect_given = true;
		} else if (!strncmp(word, "ipv6_len=", 9) && !options->ipv6_len_at) {
			memcpy(options->ipv6_len, word + 9, n - 8);
			options->ipv6_len_at = where;
		} else {
			setting_quote(word, n, quoted);
			return FAIL(reading, where,
				    "'%s' behind the name; legal, each once: domain=N, "
				    "protect=yes|no, ipv6_len=N",
				    quoted);
		}
	}
	return 0;
}

/* ret_mask_len: 0: each address has its own record. */
static int ipv6_len_parse(struct reading *reading, const struct options *options,
			  const struct config_prefix *prefix, uint8_t *ret_mask_len)
{
	uint32_t prefix_len = prefix->key.prefixlen - DOMAIN_BITS;
	char quoted[SETTING_QUOTE_SIZE];
	uint64_t n = 128;

	*ret_mask_len = 0;
	if (!options->ipv6_len_at)
		return 0;
	setting_quote(options->ipv6_len, strlen(options->ipv6_len), quoted);
	if (group_prefix_is_ipv4(prefix->key.address, (uint8_t)prefix_len))
		return FAIL(reading, options->ipv6_len_at,
			    "ipv6_len is for IPv6: an IPv4 address always has a record of its own");
	if (parse_u64(options->ipv6_len, IPACCT_MASK_LEN_MIN, 128, &n))
		return FAIL(reading, options->ipv6_len_at,
			    "ipv6_len '%s' is not a whole number from %u to 128", quoted,
			    IPACCT_MASK_LEN_MIN);
	if (n < prefix_len)
		return FAIL(reading, options->ipv6_len_at,
			    "ipv6_len '%s' is less than the /%u of the prefix", quoted, prefix_len);
	*ret_mask_len = n == 128 ? 0 : (uint8_t)n;
	return 0;
}

static int prefix_add(struct reading *reading, const struct config_prefix *from, uint32_t group,
		      bool protect, uint8_t mask_len)
{
	struct ipacct_groups_prefix *prefix;

	if (reading->n_prefixes == IPACCT_GROUP_PREFIXES_MAX)
		return FAIL(reading, reading->text, "more than %u prefixes",
			    IPACCT_GROUP_PREFIXES_MAX);
	if (reading->n_prefixes == reading->prefixes_room) {
		reading->prefixes_room = 2 * reading->prefixes_room + PREFIXES_MIN;
		if (array_resize(&reading->prefixes, sizeof(*reading->prefixes),
				 reading->prefixes_room))
			return -ENOMEM;
	}
	prefix = &reading->prefixes[reading->n_prefixes++];
	*prefix = (struct ipacct_groups_prefix){
		.domain = from->every_domain ? IPACCT_GROUPS_EVERY_DOMAIN
					     : ntohs(from->key.domain_be),
		.group = group,
		.parent = (uint32_t)reading->line,
		.prefix_len = (uint8_t)(from->key.prefixlen - DOMAIN_BITS),
		.flags = protect ? GROUPS_PREFIX_PROTECTED : 0,
		.mask_len = mask_len,
	};
	memcpy(prefix->addr_be, from->key.address, sizeof(prefix->addr_be));
	reading->names[group].n_prefixes++;
	reading->n_protected += protect;
	reading->n_masked += mask_len != 0;
	return 0;
}

static int line_parse(struct reading *reading)
{
	char cidr[2 * CONFIG_GROUPS_LINE_MAX + 2], why[SETTING_WHY_BYTES];
	struct options options = { .domain_at = NULL };
	const char *where;
	struct config_prefix prefix;
	uint32_t group = 0;
	uint8_t mask_len = 0;
	size_t n, at;
	int ret;

	line_trim(reading->text);
	reading->at = reading->text;
	blanks_skip(reading);
	if (!*reading->at)
		return 0;
	where = reading->at;
	n = word_take(reading, cidr);
	ret = config_prefix_parse(cidr, &prefix, &at, why);
	if (ret)
		return FAIL(reading, where, "%s", why);
	ret = name_parse(reading, &group);
	if (!ret)
		ret = options_parse(reading, &options);
	if (!ret && options.domain_at) {
		(void)snprintf(cidr + n, sizeof(cidr) - n, " %s",
			       options.domain); /* both are parts of one line */
		ret = config_prefix_parse(cidr, &prefix, &at, why);
		if (ret)
			return FAIL(reading, options.domain_at, "%s", why);
	}
	if (!ret)
		ret = ipv6_len_parse(reading, &options, &prefix, &mask_len);
	return ret ? ret : prefix_add(reading, &prefix, group, options.protect, mask_len);
}

static int lines_parse(struct reading *reading, const char *text, size_t text_bytes)
{
	const char *end = text + text_bytes, *line = text;
	int ret = 0;

	if (text_bytes >= strlen(UTF8_BOM) && !memcmp(text, UTF8_BOM, strlen(UTF8_BOM)))
		line += strlen(UTF8_BOM);
	for (; line < end && !ret; reading->line++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((newline ? newline : end) - line);

		if (n > CONFIG_GROUPS_LINE_MAX)
			return config_error_at(
				&reading->error, reading->line, CONFIG_GROUPS_LINE_MAX + 1,
				"a line of more than %u octets", CONFIG_GROUPS_LINE_MAX);
		memcpy(reading->text, line, n);
		reading->text[n] = '\0';
		if (strlen(reading->text) != n)
			return config_error_at(&reading->error, reading->line,
					       strlen(reading->text) + 1, "a NUL");
		ret = line_parse(reading);
		line += n + 1;
	}
	return ret;
}

/* ---- The whole list -------------------------------------------------------------------------- */

/* Sort, and give each prefix the one around it: that was sorted before it, and so was what lies around
 * that. */
static int prefixes_nest(struct reading *reading)
{
	struct ipacct_groups_prefix *prefixes = reading->prefixes;

	if (reading->n_prefixes)
		qsort(prefixes, reading->n_prefixes, sizeof(*prefixes), group_prefix_compare);
	for (uint32_t i = 0; i < reading->n_prefixes; i++) {
		uint32_t at = i ? i - 1 : IPACCT_GROUPS_NO_PARENT;

		if (i && prefixes[i].domain == prefixes[at].domain &&
		    prefixes[i].prefix_len == prefixes[at].prefix_len &&
		    group_prefix_around(&prefixes[at], &prefixes[i]))
			return config_error_at(&reading->error, prefixes[i].parent, 1,
					       "this prefix was given before, for '%s'",
					       reading->names[prefixes[at].group].name);
		while (at != IPACCT_GROUPS_NO_PARENT &&
		       !group_prefix_around(&prefixes[at], &prefixes[i]))
			at = prefixes[at].parent;
		prefixes[i].parent = at;
	}
	return 0;
}

static uint64_t digest_of(const char *text, size_t n)
{
	uint64_t digest = n;

	for (; n; n -= n < 8 ? n : 8, text += 8) {
		uint64_t word = 0;

		memcpy(&word, text, n < 8 ? n : 8);
		digest = ipacct_mix64(digest ^ word) + 1;
	}
	return digest;
}

static int image_make(const struct reading *reading, uint64_t digest, struct group_image *ret_image)
{
	uint64_t bytes = ipacct_group_list_bytes(reading->n_names, reading->n_prefixes);
	struct ipacct_groups_header *header = calloc(1, bytes);

	if (!header)
		return -ENOMEM;
	*header = (struct ipacct_groups_header){
		.magic = IPACCT_GROUPS_MAGIC,
		.abi_version = IPACCT_GROUPS_VERSION,
		.header_bytes = sizeof(*header),
		.name_bytes = sizeof(struct ipacct_groups_name),
		.prefix_bytes = sizeof(struct ipacct_groups_prefix),
		.n_groups = reading->n_names,
		.n_prefixes = reading->n_prefixes,
		.file_bytes = bytes,
		.digest = digest,
		.n_protected = reading->n_protected,
		.n_masked = reading->n_masked,
	};
	*ret_image = (struct group_image){ .header = header,
					   .names = (struct ipacct_groups_name *)(header + 1) };
	ret_image->prefixes = (struct ipacct_groups_prefix *)(ret_image->names + reading->n_names);
	if (reading->n_names)
		memcpy(ret_image->names, reading->names,
		       reading->n_names * sizeof(*reading->names));
	if (reading->n_prefixes)
		memcpy(ret_image->prefixes, reading->prefixes,
		       reading->n_prefixes * sizeof(*reading->prefixes));
	return 0;
}

int config_groups_parse(const char *name, const char *text, size_t text_bytes,
			struct group_image *ret_image, char *ret_error, size_t error_bytes)
{
	struct reading reading = {
		.error = { .name = name, .text = ret_error, .text_bytes = error_bytes },
		.line = 1,
		.slots = calloc(NAME_SLOTS, sizeof(*reading.slots)),
	};
	int ret = reading.slots ? 0 : -ENOMEM;

	if (text_bytes > CONFIG_GROUPS_FILE_BYTES_MAX) {
		(void)config_error_at(&reading.error, 1, 1, "the file is larger than %u bytes",
				      CONFIG_GROUPS_FILE_BYTES_MAX); /* always -EINVAL */
		ret = -EFBIG;
	}
	if (!ret)
		ret = lines_parse(&reading, text, text_bytes);
	if (!ret)
		ret = prefixes_nest(&reading);
	if (!ret)
		ret = image_make(&reading, digest_of(text, text_bytes), ret_image);
	if (ret == -ENOMEM)
		(void)snprintf(ret_error, error_bytes, "%s: out of memory", name); /* may cut */
	free(reading.slots);
	free(reading.names);
	free(reading.prefixes);
	return ret;
}

int config_groups_take(const char *name, int fd, struct group_image *ret_image, char *ret_error,
		       size_t error_bytes)
{
	char *text __cleanup(cleanup_free) = NULL;
	struct stat st;
	size_t text_bytes;
	int ret;

	*ret_image = (struct group_image){};
	ret = config_file_take(fd, name, CONFIG_GROUPS_FILE_BYTES_MAX, &text, &text_bytes,
			       ret_error, error_bytes);
	if (!ret)
		ret = config_groups_parse(name, text, text_bytes, ret_image, ret_error,
					  error_bytes);
	if (!ret && !fstat(fd, &st))
		ret_image->header->source_ns =
			(uint64_t)st.st_mtim.tv_sec * NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
	return ret;
}

int config_groups_read(const struct config *config, struct group_image *ret_image, char *ret_error,
		       size_t error_bytes)
{
	const char *path = config->groups_file;
	int fd __cleanup(cleanup_fd) = -1;

	*ret_image = (struct group_image){};
	if (!path[0])
		return 0;
	fd = config_file_open(path, ret_error, error_bytes);
	return fd < 0 ? fd : config_groups_take(path, fd, ret_image, ret_error, error_bytes);
}
