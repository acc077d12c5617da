/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors with a position, and what is checked before the text is read as settings. Private. */
#ifndef IPACCT_DAEMON_CONFIG_CHECK_H
#define IPACCT_DAEMON_CONFIG_CHECK_H

#include <stddef.h>
#include <yaml.h>

/* Where the one message goes, and how it calls the file. */
struct config_error {
	const char *name;
	char *text;
	size_t text_bytes;
};

/* Write "NAME:LINE:COLUMN: …"; line and column count from 1, columns in characters.
 * Always returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int config_error_at(struct config_error *error, size_t line,
							  size_t column, const char *format, ...);
/* The problem that libyaml met; -ENOMEM if it was that. */
int config_error_parser(struct config_error *error, const yaml_parser_t *parser);

/* Refuse what libyaml would report without a line: bytes that are not UTF-8, NUL and other
 * control characters. Also refuse the separators U+0085, U+2028 and U+2029, which YAML 1.1 counts
 * as line ends and editors do not. */
int config_check_bytes(const char *text, size_t text_bytes, struct config_error *error);

/* Refuse, on the event stream, what the document API would resolve or hide: aliases, anchors, tags,
 * a second document, deep nesting, more values than the schema can use. Finds syntax errors too. */
#define CONFIG_DEPTH_MAX 8u    /* settings nest three deep: mapping, list, mapping */
#define CONFIG_NODES_MAX 4096u /* IPACCT_IFS_MAX interfaces of five settings make about 750 */
int config_check_events(const char *text, size_t text_bytes, struct config_error *error);

/* A parser over the text, which is known to be UTF-8. Returns 0 or -ENOMEM. */
int config_parser_init(yaml_parser_t *parser, const char *text, size_t text_bytes,
		       struct config_error *error);

#endif
