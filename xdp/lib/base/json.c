/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write JSON value by value (RFC 8259). */
#include "json.h"

#include <string.h>

#include "text.h"

static void put(struct json_writer *json, const char *text, size_t n)
{
	if (json->buffer)
		buffer_bytes(json->buffer, text, n);
	else
		fwrite_unlocked(text, 1, n, json->file);
}

static void put_text(struct json_writer *json, const char *text)
{
	put(json, text, strlen(text));
}

static void newline(struct json_writer *json)
{
	if (!json->pretty)
		return;
	put(json, "\n", 1);
	for (unsigned int i = 0; i < json->depth; i++)
		put(json, "\t", 1);
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

static void write_text(struct json_writer *json, const char *text)
{
	char escaped[8];

	put(json, "\"", 1);
	for (;;) {
		size_t n = plain_bytes(text);
		unsigned char c;

		put(json, text, n);
		text += n;
		if (!*text)
			break;
		n = text_utf8_bytes(text);
		c = (unsigned char)*text;
		if (n == 0) {
			put_text(json, "\\ufffd"); /* U+FFFD REPLACEMENT CHARACTER */
		} else if (c == '"' || c == '\\') {
			put(json, "\\", 1);
			put(json, text, 1);
		} else if (c < 0x20 || c == 0x7f) {
			/* RFC 8259 7; DEL for the terminal's sake */
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x", c);
			put_text(json, escaped);
		} else {
			put(json, text, n);
		}
		text += n ? n : 1;
	}
	put(json, "\"", 1);
}

/* Keys are names of ours, free of what needs escaping. */
static void before_value(struct json_writer *json, const char *key)
{
	if (json->filled)
		put(json, ",", 1);
	if (json->depth)
		newline(json);
	json->filled = true;
	if (!key)
		return;
	put(json, "\"", 1);
	put_text(json, key);
	put_text(json, json->pretty ? "\": " : "\":");
}

void json_open(struct json_writer *json, const char *key, char bracket)
{
	before_value(json, key);
	put(json, &bracket, 1);
	json->depth++;
	json->filled = false;
}

void json_close(struct json_writer *json, char bracket)
{
	bool filled = json->filled;

	json->depth--;
	if (filled)
		newline(json);
	put(json, &bracket, 1);
	json->filled = json->depth > 0;
	if (json->depth == 0)
		put(json, "\n", 1);
}

void json_u64(struct json_writer *json, const char *key, uint64_t value)
{
	char digits[U64_DIGITS_MAX];

	before_value(json, key);
	put(json, digits, (size_t)(u64_write(digits, value) - digits));
}

void json_i64(struct json_writer *json, const char *key, int64_t value)
{
	char digits[U64_DIGITS_MAX];
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	before_value(json, key);
	if (value < 0)
		put(json, "-", 1);
	put(json, digits, (size_t)(u64_write(digits, magnitude) - digits));
}

void json_bool(struct json_writer *json, const char *key, bool value)
{
	before_value(json, key);
	put_text(json, value ? "true" : "false");
}

void json_text(struct json_writer *json, const char *key, const char *value)
{
	before_value(json, key);
	if (value)
		write_text(json, value);
	else
		put_text(json, "null");
}

void json_verbatim(struct json_writer *json, const char *key, const char *value)
{
	before_value(json, key);
	put_text(json, value);
}

void json_time(struct json_writer *json, const char *key, uint64_t time_ns)
{
	char text[TEXT_TIME_BYTES];

	json_text(json, key, time_ns ? text_rfc3339(time_ns, text) : NULL);
}
