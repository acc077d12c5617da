// SPDX-License-Identifier: GPL-2.0-or-later
/* Write JSON value by value (RFC 8259). */
#include "common_json.h"

#include <inttypes.h>
#include <string.h>

#include "common_text.h"

static void newline(struct json_writer *json)
{
	if (!json->pretty)
		return;
	putc('\n', json->file);
	for (unsigned int i = 0; i < json->depth; i++)
		putc('\t', json->file);
}

/* Octets up to the first one that JSON or a terminal needs told differently: nearly always all. */
static size_t plain_bytes(const char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] >= 0x20 && (unsigned char)text[n] < 0x7f && text[n] != '"' &&
	       text[n] != '\\')
		n++;
	return n;
}

static void write_text(FILE *file, const char *text)
{
	putc_unlocked('"', file);
	for (;;) {
		size_t n = plain_bytes(text);
		unsigned char c;

		fwrite_unlocked(text, 1, n, file);
		text += n;
		if (!*text)
			break;
		n = text_utf8_bytes(text);
		c = (unsigned char)*text;
		if (n == 0)
			fputs("\\ufffd", file); /* U+FFFD REPLACEMENT CHARACTER */
		else if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(file, "\\u%04x", c); /* RFC 8259 7; DEL for the terminal's sake */
		else
			fwrite_unlocked(text, 1, n, file);
		text += n ? n : 1;
	}
	putc_unlocked('"', file);
}

/* Keys are names of ours, free of what needs escaping. */
static void before_value(struct json_writer *json, const char *key)
{
	if (json->filled)
		putc_unlocked(',', json->file);
	if (json->depth)
		newline(json);
	json->filled = true;
	if (!key)
		return;
	putc_unlocked('"', json->file);
	fputs_unlocked(key, json->file);
	fputs_unlocked(json->pretty ? "\": " : "\":", json->file);
}

void json_open(struct json_writer *json, const char *key, char bracket)
{
	before_value(json, key);
	putc(bracket, json->file);
	json->depth++;
	json->filled = false;
}

void json_close(struct json_writer *json, char bracket)
{
	bool filled = json->filled;

	json->depth--;
	if (filled)
		newline(json);
	putc(bracket, json->file);
	json->filled = json->depth > 0;
	if (json->depth == 0)
		putc('\n', json->file);
}

void json_u64(struct json_writer *json, const char *key, uint64_t value)
{
	char digits[20]; /* 2^64 - 1 has 20 */
	size_t at = sizeof(digits);

	before_value(json, key);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	fwrite_unlocked(digits + at, 1, sizeof(digits) - at, json->file);
}

void json_i64(struct json_writer *json, const char *key, int64_t value)
{
	before_value(json, key);
	fprintf(json->file, "%" PRId64, value);
}

void json_bool(struct json_writer *json, const char *key, bool value)
{
	before_value(json, key);
	fputs(value ? "true" : "false", json->file);
}

void json_text(struct json_writer *json, const char *key, const char *value)
{
	before_value(json, key);
	if (value)
		write_text(json->file, value);
	else
		fputs("null", json->file);
}

void json_verbatim(struct json_writer *json, const char *key, const char *value)
{
	before_value(json, key);
	fputs(value, json->file);
}

void json_time(struct json_writer *json, const char *key, uint64_t time_ns)
{
	char text[TEXT_TIME_BYTES];

	json_text(json, key, time_ns ? text_rfc3339(time_ns, text) : NULL);
}
