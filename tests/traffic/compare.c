// SPDX-License-Identifier: GPL-2.0-or-later
/* Hold a dump against the account of what was sent.
 *
 * Strict: the same addresses with the same counters, and no roll-ups.
 * With roll-ups: no address may count more than was sent, and what it lacks must be in its roll-up:
 * of an IPv4 /16 or IPv6 /32 at most what its addresses lack, the rest in 0.0.0.0/0 or ::/0 of the
 * domain, and nothing over at the end. */
#include "gen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_PRINTED 10u
#define LINE_BYTES_MAX      512u
#define WHOLE               128u /* prefix length of an address */

/* Counters as a signed array, so that what is missing can be added up. */
enum {
	TX_PACKETS,
	TX_BYTES,
	RX_PACKETS,
	RX_BYTES,
	N_VALUES
};

static const char *const value_names[N_VALUES] = { "tx_packets", "tx_l3_bytes", "rx_packets",
						   "rx_l3_bytes" };

struct entry {
	uint8_t domain_be[2]; /* first: entries sort by domain, address, prefix length */
	uint8_t address[16];
	uint8_t prefix_len; /* of 128 bits */
	int64_t values[N_VALUES];
};

#define KEY_BYTES 19u /* domain, address, prefix length: one block without padding */
_Static_assert(offsetof(struct entry, prefix_len) == KEY_BYTES - 1, "key of entries");

struct list {
	struct entry *entries;
	size_t n, n_allocated;
};

static uint64_t n_differences;

static bool difference(void)
{
	return n_differences++ < DIFFERENCES_PRINTED;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, KEY_BYTES);
}

static bool list_add(struct list *list, const struct entry *entry)
{
	if (list->n == list->n_allocated) {
		size_t n = list->n_allocated ? 2 * list->n_allocated : 1024;
		struct entry *entries = realloc(list->entries, n * sizeof(*entries));

		if (!entries)
			return false;
		list->entries = entries;
		list->n_allocated = n;
	}
	list->entries[list->n++] = *entry;
	return true;
}

/* "192.0.2.1" or, with a prefix, "192.0.0.0/16" */
static bool parse_address(char *text, struct entry *entry)
{
	char *slash = strchr(text, '/'), *end;
	unsigned long length, most;
	bool v4 = !strchr(text, ':');

	if (slash)
		*slash++ = '\0';
	if (v4)
		memset(entry->address + 10, 0xff, 2);
	if (inet_pton(v4 ? AF_INET : AF_INET6, text, entry->address + (v4 ? 12 : 0)) != 1)
		return false;
	most = v4 ? 32 : 128;
	length = slash ? strtoul(slash, &end, 10) : most;
	if (length > most || (slash && (end == slash || *end)))
		return false;
	entry->prefix_len = (uint8_t)(length + WHOLE - most);
	return true;
}

static bool parse_value(const char *text, int64_t *ret_value)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value > INT64_MAX)
		return false;
	*ret_value = (int64_t)value;
	return true;
}

/* fields: address, domain, four counters. */
static bool parse_entry(char **fields, struct entry *ret_entry)
{
	struct entry entry = { 0 };
	int64_t domain;

	if (!parse_address(fields[0], &entry) || !parse_value(fields[1], &domain) ||
	    domain > UINT16_MAX)
		return false;
	entry.domain_be[0] = (uint8_t)(domain >> 8);
	entry.domain_be[1] = (uint8_t)domain;
	for (int i = 0; i < N_VALUES; i++)
		if (!parse_value(fields[2 + i], &entry.values[i]))
			return false;
	*ret_entry = entry;
	return true;
}

static size_t split(char *line, char separator, char **fields, size_t n_max)
{
	size_t n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *at = line; at && n < n_max; n++) {
		fields[n] = at;
		at = strchr(at, separator);
		if (at)
			*at++ = '\0';
	}
	return n;
}

/* Takes one line apart. Returns false when it is not of that form. */
typedef bool line_fn(char *line, struct list *list);

static bool account_line(char *line, struct list *list)
{
	char *fields[7];
	size_t n = split(line, '\t', fields, 7);
	struct entry entry;

	if (!strcmp(fields[0], "total") || !strcmp(fields[0], "ignored"))
		return true;
	return n == 6 && parse_entry(fields, &entry) && list_add(list, &entry);
}

static bool dump_line(char *line, struct list *list)
{
	char *fields[9];
	size_t n = split(line, ',', fields, 9);
	struct entry entry;

	if (!strcmp(fields[0], "type"))
		return true;
	if (strcmp(fields[0], "address") && strcmp(fields[0], "rollup"))
		return false;
	return n >= 7 && parse_entry(fields + 1, &entry) && list_add(list, &entry);
}

static bool read_file(const char *path, line_fn *take_line, struct list *list)
{
	char line[LINE_BYTES_MAX];
	FILE *file = fopen(path, "re");
	size_t n_line = 0;
	bool ok = true;

	if (!file) {
		fprintf(stderr, "ipacct-gen: %s: %s\n", path, strerror(errno));
		return false;
	}
	while (ok && fgets(line, sizeof(line), file)) {
		n_line++;
		ok = take_line(line, list);
	}
	if (!ok)
		fprintf(stderr, "ipacct-gen: %s:%zu: not a line of this kind of file\n", path,
			n_line);
	if (ferror(file)) {
		fprintf(stderr, "ipacct-gen: %s: cannot be read\n", path);
		ok = false;
	}
	fclose(file);
	return ok;
}

/* Sort, and add up what has the same key (accounts of several generators). Returns how many
 * entries had a key that was there already. */
static size_t list_fold(struct list *list)
{
	size_t n = 0, n_before = list->n;

	if (!list->n)
		return 0;
	qsort(list->entries, list->n, sizeof(*list->entries), compare_keys);
	for (size_t i = 1; i < list->n; i++) {
		if (compare_keys(&list->entries[n], &list->entries[i])) {
			list->entries[++n] = list->entries[i];
			continue;
		}
		for (int v = 0; v < N_VALUES; v++)
			list->entries[n].values[v] += list->entries[i].values[v];
	}
	list->n = n + 1;
	return n_before - list->n;
}

/* RFC 4291 2.5.5.2 */
static bool is_mapped(const struct entry *entry)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return entry->prefix_len >= 96 && !memcmp(entry->address, mapped, 12);
}

static void print_key(const struct entry *entry)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = is_mapped(entry);

	(void)inet_ntop(v4 ? AF_INET : AF_INET6, entry->address + (v4 ? 12 : 0), text,
			sizeof(text)); /* fails only for a short buffer */
	printf("%s", text);
	if (entry->prefix_len != WHOLE)
		printf("/%d", entry->prefix_len - (v4 ? 96 : 0));
	printf(" domain %d", entry->domain_be[0] << 8 | entry->domain_be[1]);
}

static void print_values(const struct entry *entry, const int64_t *sent, const int64_t *counted)
{
	if (!difference())
		return;
	print_key(entry);
	printf(":");
	for (int v = 0; v < N_VALUES; v++)
		if (sent[v] != counted[v])
			printf(" %s sent %" PRId64 " counted %" PRId64, value_names[v], sent[v],
			       counted[v]);
	printf("\n");
}

static const int64_t zeros[N_VALUES];

/* Walk both sorted lists; every entry of the sent list afterwards holds what is missing of it. */
static void match_addresses(struct list *sent, const struct list *dump, bool rollup)
{
	size_t d = 0;

	for (size_t s = 0; s < sent->n || d < dump->n;) {
		struct entry *want = s < sent->n ? &sent->entries[s] : NULL;
		const struct entry *have = d < dump->n ? &dump->entries[d] : NULL;
		int order = !want ? 1 : !have ? -1 : compare_keys(want, have);
		bool bad = false;

		if (order > 0) {
			print_values(have, zeros, have->values);
			d++;
			continue;
		}
		for (int v = 0; v < N_VALUES; v++) {
			int64_t counted = order ? 0 : have->values[v];

			bad |= rollup ? counted > want->values[v] : counted != want->values[v];
		}
		if (bad)
			print_values(want, want->values, order ? zeros : have->values);
		for (int v = 0; v < N_VALUES && !order; v++)
			want->values[v] -= have->values[v];
		s++;
		d += order == 0;
	}
}

/* Bits of the address only: ::/0 also holds the mapped IPv4 addresses here. */
static bool is_inside(const struct entry *entry, const struct entry *prefix)
{
	unsigned int bytes = prefix->prefix_len / 8; /* all lengths in use are whole bytes */

	return !memcmp(entry->domain_be, prefix->domain_be, 2) &&
	       !memcmp(entry->address, prefix->address, bytes);
}

/* Does the line stand for that address? ::/0 does for IPv6 only. */
static bool covers(const struct entry *rollup, const struct entry *entry)
{
	return rollup->prefix_len || !is_mapped(entry);
}

/* Index of the first entry that a prefix could hold. */
static size_t prefix_start(const struct list *list, const struct entry *prefix)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		/* The prefix's own bits, then zeros and the shortest length: before its addresses. */
		if (compare_keys(&list->entries[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Take what a roll-up counted off what its addresses lack. */
static void settle_prefix(struct list *missing, const struct entry *rollup)
{
	int64_t lacking[N_VALUES] = { 0 }, left[N_VALUES];
	size_t start = prefix_start(missing, rollup), end = start;
	bool bad = false;

	for (; end < missing->n && is_inside(&missing->entries[end], rollup); end++)
		for (int v = 0; v < N_VALUES && covers(rollup, &missing->entries[end]); v++)
			lacking[v] += missing->entries[end].values[v];
	for (int v = 0; v < N_VALUES; v++) {
		left[v] = rollup->values[v];
		bad |= rollup->values[v] > lacking[v];
	}
	if (bad)
		print_values(rollup, lacking, rollup->values);
	/* Address by address, so that the line of the whole family sees what is left. */
	for (size_t i = start; i < end; i++)
		for (int v = 0; v < N_VALUES && covers(rollup, &missing->entries[i]); v++) {
			int64_t *value = &missing->entries[i].values[v];
			int64_t taken = *value < left[v] ? *value : left[v];

			*value -= taken;
			left[v] -= taken;
		}
}

/* What no roll-up made up for. */
static void report_missing(const struct list *missing)
{
	for (size_t i = 0; i < missing->n; i++)
		if (memcmp(missing->entries[i].values, zeros, sizeof(zeros)))
			print_values(&missing->entries[i], missing->entries[i].values, zeros);
}

static void sums(const struct list *list, int64_t *ret_sums)
{
	memset(ret_sums, 0, sizeof(zeros));
	for (size_t i = 0; i < list->n; i++)
		for (int v = 0; v < N_VALUES; v++)
			ret_sums[v] += list->entries[i].values[v];
}

/* Move the roll-ups of a dump to a list of their own. */
static bool take_rollups(struct list *dump, struct list *rollups)
{
	size_t n = 0;

	for (size_t i = 0; i < dump->n; i++) {
		if (dump->entries[i].prefix_len == WHOLE)
			dump->entries[n++] = dump->entries[i];
		else if (!list_add(rollups, &dump->entries[i]))
			return false;
	}
	dump->n = n;
	return true;
}

static bool is_default(const struct entry *rollup)
{
	return rollup->prefix_len == 0 || rollup->prefix_len == 96;
}

static void compare_lists(struct list *sent, struct list *dump, struct list *rollups, bool rollup)
{
	match_addresses(sent, dump, rollup);
	if (!rollup) {
		for (size_t i = 0; i < rollups->n; i++)
			print_values(&rollups->entries[i], zeros, rollups->entries[i].values);
		return;
	}
	/* The lines of whole families take what is left by the others. */
	for (size_t i = 0; i < rollups->n; i++)
		if (!is_default(&rollups->entries[i]))
			settle_prefix(sent, &rollups->entries[i]);
	for (size_t i = 0; i < rollups->n; i++)
		if (is_default(&rollups->entries[i]))
			settle_prefix(sent, &rollups->entries[i]);
	report_missing(sent);
}

static int report(const struct list *sent, const struct list *dump, const struct list *rollups,
		  const int64_t *sent_sums)
{
	int64_t counted[N_VALUES], rolled[N_VALUES];

	sums(dump, counted);
	sums(rollups, rolled);
	for (int v = 0; v < N_VALUES; v++) {
		if (sent_sums[v] != counted[v] + rolled[v])
			n_differences++;
		printf("%s: sent %" PRId64 ", counted %" PRId64 " on addresses and %" PRId64
		       " in roll-ups\n",
		       value_names[v], sent_sums[v], counted[v], rolled[v]);
	}
	printf("addresses: sent %zu, counted %zu, roll-ups %zu, differences %" PRIu64 "\n", sent->n,
	       dump->n, rollups->n, n_differences);
	return n_differences ? GEN_EXIT_DIFFER : GEN_EXIT_OK;
}

int gen_compare(char *const *account_paths, size_t n_accounts, const char *dump_path, bool rollup)
{
	struct list sent = { 0 }, dump = { 0 }, rollups = { 0 };
	int64_t sent_sums[N_VALUES];
	int exit_code = GEN_EXIT_ERROR;
	bool ok = true;
	size_t n_twice;

	for (size_t i = 0; i < n_accounts && ok; i++)
		ok = read_file(account_paths[i], account_line, &sent);
	if (ok && read_file(dump_path, dump_line, &dump)) {
		(void)list_fold(&sent); /* the same address in two accounts is no error … */
		n_twice = list_fold(&dump);
		if (n_twice && difference())
			printf("%zu lines of the dump repeat an address or a prefix\n", n_twice);
		sums(&sent, sent_sums);
		if (take_rollups(&dump, &rollups)) {
			compare_lists(&sent, &dump, &rollups, rollup);
			exit_code = report(&sent, &dump, &rollups, sent_sums);
		}
	}
	free(sent.entries);
	free(dump.entries);
	free(rollups.entries);
	return exit_code;
}
