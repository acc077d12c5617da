/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write JSON value by value: key order as written, integers exact to 2^64 - 1, no tree in memory. */
#ifndef IPACCT_BASE_JSON_H
#define IPACCT_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

/* Storage of the caller: struct json_writer json = { .file = stdout }; or .buffer = … */
struct json_writer {
	FILE *file;            /* where it goes, … */
	struct buffer *buffer; /* … unless this is set */
	bool pretty;           /* one value a line, indented by a tab */
	unsigned int depth;    /* objects and arrays that are open */
	bool filled;           /* the innermost of them has a value already */
};

/* key: NULL inside an array and for the outermost value. bracket: '{' or '['. */
void json_open(struct json_writer *json, const char *key, char bracket);
/* Ends what json_open() began; after the outermost one the line ends too. */
void json_close(struct json_writer *json, char bracket);

void json_u64(struct json_writer *json, const char *key, uint64_t value);
void json_i64(struct json_writer *json, const char *key, int64_t value);
void json_bool(struct json_writer *json, const char *key, bool value);
/* value: any bytes; what is not UTF-8 becomes U+FFFD. NULL is written as null. */
void json_text(struct json_writer *json, const char *key, const char *value);
/* A finished piece of compact JSON. */
void json_verbatim(struct json_writer *json, const char *key, const char *value);
/* RFC 3339 in UTC with milliseconds; 0 is null. */
void json_time(struct json_writer *json, const char *key, uint64_t time_ns);

#endif
