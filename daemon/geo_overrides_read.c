/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the operator's list.
 *
 *     # comment
 *     192.0.2.0/24     name="Customer A" country=DE asn=64500
 *     2001:db8:1::/48  name=servers      # the rest of the line
 *
 * One prefix a line, at least one of the three keys, white space between. A name with a space is
 * quoted; there are no escapes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "base/text.h"
#include "geo_overrides_read.h"

#define LINE_BYTES_MAX 1024u
#define BUFFER_BYTES   65536u         /* read at a time */
#define UTF8_BOM       "\xef\xbb\xbf" /* RFC 3629 6 */

struct reading {
	const char *name;
	uint32_t line;
	char text[LINE_BYTES_MAX + 1]; /* of the line, NUL-terminated */
	struct geo_overrides overrides;
	size_t n_allocated;
	size_t names_allocated;
	char *error;
	size_t error_bytes;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct reading *reading, const char *at,
						      const char *format, ...)
{
	char why[128];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args); /* our own words: they fit */
	va_end(args);
	(void)snprintf(reading->error, reading->error_bytes, "%s:%u:%zu: %s", reading->name,
		       reading->line, (size_t)(at - reading->text) + 1, why);
	return -EINVAL;
}

static int fail_file(const struct reading *reading, int error)
{
	(void)snprintf(reading->error, reading->error_bytes, "%s: %s", reading->name,
		       error == -EINVAL ? "not a regular file" : strerror(-error));
	return error;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* Names are often the same from line to line: the last one is not stored twice. */
static int name_add(struct reading *reading, const char *text, size_t n, uint32_t *ret_at)
{
	struct geo_overrides *o = &reading->overrides;
	const struct geo_override *before = &o->prefixes[o->n_prefixes];

	if (o->n_prefixes && before[-1].name_at &&
	    !strncmp(o->names + before[-1].name_at, text, n) && !o->names[before[-1].name_at + n]) {
		*ret_at = before[-1].name_at;
		return 0;
	}
	if (o->names_bytes + n + 2 > reading->names_allocated) {
		size_t bytes = 2 * (reading->names_allocated + GEO_NAME_BYTES);

		if (array_resize(&o->names, 1, bytes))
			return -ENOMEM;
		reading->names_allocated = bytes;
	}
	if (!o->names_bytes)
		o->names[o->names_bytes++] = '\0'; /* offset 0 is no name */
	*ret_at = (uint32_t)o->names_bytes;        /* the file's limit keeps it far below 2^32 */
	memcpy(o->names + o->names_bytes, text, n);
	o->names_bytes += n + 1;
	o->names[o->names_bytes - 1] = '\0';
	return 0;
}

static int name_parse(struct reading *reading, const char *text, size_t n,
		      struct geo_override *prefix)
{
	char name[GEO_NAME_BYTES], safe[GEO_NAME_BYTES];

	if (!n || n >= GEO_NAME_BYTES)
		return fail(reading, text, "name: 1 to %u octets, this has %zu", GEO_NAME_BYTES - 1,
			    n);
	if (prefix->name_at)
		return fail(reading, text, "name: given twice");
	memcpy(name, text, n);
	name[n] = '\0';
	memcpy(safe, name, n + 1);
	if (strcmp(text_make_safe(safe), name))
		return fail(reading, text, "name: not UTF-8, or a control character in it");
	return name_add(reading, text, n, &prefix->name_at);
}

/* ---- The other keys -------------------------------------------------------------------------- */

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int country_parse(const struct reading *reading, const char *text, size_t n,
			 struct geo_override *prefix)
{
	if (n != 2 || !is_letter(text[0]) || !is_letter(text[1]))
		return fail(reading, text, "country: two letters (ISO 3166-1)");
	if (prefix->country[0])
		return fail(reading, text, "country: given twice");
	for (size_t i = 0; i < 2; i++)
		prefix->country[i] = (char)(text[i] & ~0x20); /* ASCII: upper case */
	return 0;
}

static int asn_parse(const struct reading *reading, const char *text, size_t n,
		     struct geo_override *prefix)
{
	const char *digits = n > 2 && !strncasecmp(text, "AS", 2) ? text + 2 : text;
	char number[sizeof("4294967295")];
	uint64_t asn;

	n -= (size_t)(digits - text);
	if (prefix->asn)
		return fail(reading, text, "asn: given twice");
	if (n < sizeof(number)) {
		memcpy(number, digits, n);
		number[n] = '\0';
		if (!parse_u64(number, 1, UINT32_MAX, &asn)) {
			prefix->asn = (uint32_t)asn;
			return 0;
		}
	}
	return fail(reading, text, "asn: a whole number from 1 to 4294967295");
}

/* One KEY=VALUE at *at, which moves behind it. */
static int key_parse(struct reading *reading, const char **at, struct geo_override *prefix)
{
	const char *key = *at, *equal = key + strcspn(key, "= \t"), *value = equal + 1;
	size_t key_bytes = (size_t)(equal - key), n;

	if (*equal != '=')
		return fail(reading, key, "expected name=TEXT, country=CC or asn=NUMBER");
	if (*value == '"') {
		const char *end = strchr(++value, '"');

		if (!end)
			return fail(reading, value - 1, "a quote that does not end");
		n = (size_t)(end - value);
		*at = end + 1;
		if (**at && !is_space(**at))
			return fail(reading, *at, "a space must follow the quote");
	} else {
		n = strcspn(value, " \t");
		*at = value + n;
	}
	if (key_bytes == 4 && !strncmp(key, "name", 4))
		return name_parse(reading, value, n, prefix);
	if (key_bytes == 7 && !strncmp(key, "country", 7))
		return country_parse(reading, value, n, prefix);
	if (key_bytes == 3 && !strncmp(key, "asn", 3))
		return asn_parse(reading, value, n, prefix);
	return fail(reading, key, "unknown key; there are name, country and asn");
}

/* ---- The prefix ------------------------------------------------------------------------------ */

static bool bits_beyond(const struct geo_override *prefix)
{
	for (size_t bit = prefix->prefix_len; bit < 128; bit++)
		if (prefix->address[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	return false;
}

static int prefix_parse(const struct reading *reading, const char **at,
			struct geo_override *ret_prefix)
{
	const char *text = *at, *end = text + strcspn(text, " \t");
	const char *slash = memchr(text, '/', (size_t)(end - text));
	size_t address_bytes = (size_t)((slash ? slash : end) - text);
	char address[INET6_ADDRSTRLEN], length[sizeof("128")];
	uint64_t prefix_len;
	bool v4;

	*at = end;
	if (address_bytes >= sizeof(address))
		return fail(reading, text, "not an address");
	memcpy(address, text, address_bytes);
	address[address_bytes] = '\0';
	v4 = !strchr(address, ':');
	ret_prefix->family = v4 ? 4 : 6;
	if (v4)
		memset(ret_prefix->address + 10, 0xff, 2); /* RFC 4291 2.5.5.2 */
	if (inet_pton(v4 ? AF_INET : AF_INET6, address, ret_prefix->address + (v4 ? 12 : 0)) != 1)
		return fail(reading, text, "not an address");
	prefix_len = v4 ? 32 : 128;
	if (slash) {
		size_t n = (size_t)(end - slash - 1);

		if (n < sizeof(length))
			(void)snprintf(length, sizeof(length), "%.*s", (int)n, slash + 1);
		if (n >= sizeof(length) || parse_u64(length, 0, prefix_len, &prefix_len))
			return fail(reading, slash + 1, "a length from 0 to %u", v4 ? 32 : 128);
	}
	ret_prefix->prefix_len = (uint8_t)(prefix_len + (v4 ? 96 : 0));
	if (bits_beyond(ret_prefix))
		return fail(reading, text, "the address has bits beyond the prefix length");
	if (!v4 && ret_prefix->prefix_len >= 96 && geo_is_ipv4(ret_prefix->address))
		return fail(reading, text, "an IPv4 prefix is written as one: 192.0.2.0/24");
	return 0;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static int prefix_room(struct reading *reading)
{
	struct geo_overrides *o = &reading->overrides;
	size_t n = reading->n_allocated ? 2 * reading->n_allocated : 256;
	int ret;

	if (o->n_prefixes < reading->n_allocated)
		return 0;
	ret = array_resize(&o->prefixes, sizeof(*o->prefixes), n);
	if (!ret)
		reading->n_allocated = n;
	return ret;
}

static int entry_parse(struct reading *reading, const char *at)
{
	struct geo_override prefix = { .line = reading->line };
	const char *begun = at;
	bool any = false;
	int ret;

	if (reading->overrides.n_prefixes == GEO_OVERRIDES_MAX) {
		(void)fail(reading, at, "more than %u prefixes", GEO_OVERRIDES_MAX);
		return -EFBIG;
	}
	ret = prefix_room(reading);
	if (!ret)
		ret = prefix_parse(reading, &at, &prefix);
	while (!ret) {
		while (is_space(*at))
			at++;
		if (!*at || *at == '#')
			break;
		any = true;
		ret = key_parse(reading, &at, &prefix);
	}
	if (!ret && !any)
		ret = fail(reading, begun, "a prefix without name, country or asn");
	if (!ret)
		reading->overrides.prefixes[reading->overrides.n_prefixes++] = prefix;
	return ret;
}

static int line_parse(struct reading *reading, const char *text, size_t n)
{
	const char *at = reading->text;

	reading->line++;
	if (n && text[n - 1] == '\r')
		n--;
	if (n > LINE_BYTES_MAX)
		return fail(reading, reading->text + LINE_BYTES_MAX,
			    "a line of more than %u octets", LINE_BYTES_MAX);
	memcpy(reading->text, text, n);
	reading->text[n] = '\0';
	if (strlen(reading->text) != n)
		return fail(reading, reading->text + strlen(reading->text), "a NUL");
	while (is_space(*at))
		at++;
	return *at && *at != '#' ? entry_parse(reading, at) : 0;
}

static int lines_parse(struct reading *reading, const char *text, size_t text_bytes)
{
	int ret = 0;

	if (!reading->line && text_bytes >= strlen(UTF8_BOM) &&
	    !memcmp(text, UTF8_BOM, strlen(UTF8_BOM))) {
		text += strlen(UTF8_BOM);
		text_bytes -= strlen(UTF8_BOM);
	}
	while (!ret && text_bytes) {
		const char *end = memchr(text, '\n', text_bytes);
		size_t n = end ? (size_t)(end - text) : text_bytes;

		ret = line_parse(reading, text, n);
		n += end != NULL;
		text += n;
		text_bytes -= n;
	}
	return ret;
}

/* Sort what was read, and hand it over when ret is 0 so far. */
static int reading_end(struct reading *reading, int ret, struct geo_overrides *ret_overrides)
{
	const struct geo_override *prefixes;
	uint32_t twice;

	if (ret == -ENOMEM)
		(void)snprintf(reading->error, reading->error_bytes, "%s: out of memory",
			       reading->name);
	if (!ret) {
		twice = geo_overrides_sort(&reading->overrides);
		prefixes = reading->overrides.prefixes;
		if (twice != GEO_NO_OVERRIDE) {
			reading->line = prefixes[twice].line;
			ret = fail(reading, reading->text, "duplicate prefix, first on line %u",
				   prefixes[twice - 1].line);
		}
	}
	if (ret)
		geo_overrides_finish(&reading->overrides);
	else
		*ret_overrides = reading->overrides;
	return ret;
}

int geo_overrides_parse(const char *name, const char *text, size_t text_bytes,
			struct geo_overrides *ret_overrides, char *ret_error, size_t error_bytes)
{
	struct reading reading = { .name = name, .error = ret_error, .error_bytes = error_bytes };

	return reading_end(&reading, lines_parse(&reading, text, text_bytes), ret_overrides);
}

/* All whole lines of the buffer; what is behind them moves to its front. Returns 0 or an error. */
static int buffer_parse(struct reading *reading, char *buffer, size_t *held)
{
	const char *last = memrchr(buffer, '\n', *held);
	size_t n = last ? (size_t)(last - buffer) + 1 : *held < BUFFER_BYTES ? 0 : *held;
	int ret =
		lines_parse(reading, buffer, n); /* a full buffer without an end: too long a line */

	memmove(buffer, buffer + n, *held - n);
	*held -= n;
	return ret;
}

static int file_parse(struct reading *reading, int fd)
{
	char *buffer __cleanup(cleanup_free) = malloc(BUFFER_BYTES);
	uint64_t n_read = 0;
	size_t held = 0;
	int ret = buffer ? 0 : -ENOMEM;

	while (!ret) {
		ssize_t n = read(fd, buffer + held, BUFFER_BYTES - held);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_file(reading, -errno);
		if (n == 0)
			return lines_parse(reading, buffer, held);
		n_read += (uint64_t)n;
		if (n_read > GEO_OVERRIDES_BYTES_MAX) /* it grows while it is read */
			return fail_file(reading, -EFBIG);
		held += (size_t)n;
		ret = buffer_parse(reading, buffer, &held);
	}
	return ret;
}

int geo_overrides_load(const char *path, struct geo_overrides *ret_overrides, char *ret_error,
		       size_t error_bytes)
{
	struct reading reading = { .name = path, .error = ret_error, .error_bytes = error_bytes };
	/* A FIFO must not block: non-blocking open, then regular files only. */
	int fd __cleanup(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fail_file(&reading, -errno);
	if (!S_ISREG(st.st_mode))
		return fail_file(&reading, -EINVAL);
	if ((uint64_t)st.st_size > GEO_OVERRIDES_BYTES_MAX)
		return fail_file(&reading, -EFBIG);
	return reading_end(&reading, file_parse(&reading, fd), ret_overrides);
}

int geo_overrides_check(const char *path, char *ret_error, size_t error_bytes)
{
	struct geo_overrides overrides;
	int ret = *path ? geo_overrides_load(path, &overrides, ret_error, error_bytes) : 0;

	if (*path && !ret)
		geo_overrides_finish(&overrides);
	return ret;
}
