/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors with a position, and what is checked before the text is read as settings. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "config_check.h"

int config_error_at(struct config_error *error, size_t line, size_t column, const char *format, ...)
{
	va_list args;
	int n = snprintf(error->text, error->text_bytes, "%s:%zu:%zu: ", error->name, line, column);

	if (n < 0 || (size_t)n >= error->text_bytes)
		return -EINVAL; /* the caller's buffer is full of the name */
	va_start(args, format);
	(void)vsnprintf(error->text + n, error->text_bytes - (size_t)n, format, args); /* may cut */
	va_end(args);
	return -EINVAL;
}

int config_error_parser(struct config_error *error, const yaml_parser_t *parser)
{
	const yaml_mark_t *mark = &parser->problem_mark;

	/* A word without ':' or a string without an end is noticed lines later: say where it began. */
	if (parser->error == YAML_SCANNER_ERROR && parser->context &&
	    parser->context_mark.line < mark->line)
		mark = &parser->context_mark;
	if (parser->error == YAML_MEMORY_ERROR) {
		(void)config_error_at(error, 1, 1, "out of memory");
		return -ENOMEM;
	}
	if (!parser->context)
		return config_error_at(error, mark->line + 1, mark->column + 1, "%s",
				       parser->problem);
	return config_error_at(error, mark->line + 1, mark->column + 1, "%s (%s)", parser->problem,
			       parser->context);
}

/* Decode one character (RFC 3629 4). Returns its length in bytes, 0 when it is not UTF-8. */
static size_t utf8_decode(const unsigned char *p, size_t n_left, uint32_t *ret_character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t character = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	if (p[0] > 0xf4 || n == 0 || n > n_left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (p[i] & 0x3f);
	}
	if (character < smallest[n] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return n;
}

/* YAML 1.1 5.1 c-printable, less the line ends that only YAML knows, less a byte order mark in the
 * middle. */
static bool is_allowed(uint32_t character)
{
	if (character == '\t' || character == '\n' || character == '\r')
		return true;
	if (character < ' ' || (character >= 0x7f && character < 0xa0))
		return false;
	return character != 0x2028 && character != 0x2029 && character != 0xfeff &&
	       character != 0xfffe && character != 0xffff;
}

int config_check_bytes(const char *text, size_t text_bytes, struct config_error *error)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t line = 1, column = 1, n;

	for (size_t i = 0; i < text_bytes; i += n) {
		uint32_t character;

		n = utf8_decode(p + i, text_bytes - i, &character);
		if (!n)
			return config_error_at(error, line, column, "byte 0x%02x is not UTF-8",
					       p[i]);
		if (!is_allowed(character))
			return config_error_at(error, line, column,
					       "character U+%04X is not allowed", character);
		column++;
		/* A lone CR ends a line for libyaml, so it does here. */
		if (character == '\n' ||
		    (character == '\r' && (i + 1 == text_bytes || p[i + 1] != '\n'))) {
			line++;
			column = 1;
		}
	}
	return 0;
}

int config_parser_init(yaml_parser_t *parser, const char *text, size_t text_bytes,
		       struct config_error *error)
{
	if (!yaml_parser_initialize(parser)) {
		(void)config_error_at(error, 1, 1, "out of memory"); /* always -EINVAL */
		return -ENOMEM;
	}
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text, text_bytes);
	return 0;
}

/* What the event stream has shown so far. */
struct event_check {
	size_t depth;
	size_t n_nodes;
	size_t n_documents;
};

static const char *check_properties(const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return "anchors (&name) are not allowed";
	return tag ? "tags (!name) are not allowed" : NULL;
}

static const char *check_document(struct event_check *check, const yaml_event_t *event)
{
	if (check->n_documents++)
		return "only one document is allowed in a file";
	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		return "tags (%TAG) are not allowed";
	return NULL;
}

/* Returns what is wrong with the event, NULL when nothing is. */
static const char *check_event(struct event_check *check, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return check_document(check, event);
	case YAML_ALIAS_EVENT:
		return "aliases (*name) are not allowed";
	case YAML_SCALAR_EVENT:
		check->n_nodes++;
		return check_properties(event->data.scalar.anchor, event->data.scalar.tag);
	case YAML_SEQUENCE_START_EVENT:
		check->n_nodes++;
		check->depth++;
		return check_properties(event->data.sequence_start.anchor,
					event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		check->n_nodes++;
		check->depth++;
		return check_properties(event->data.mapping_start.anchor,
					event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		check->depth--;
		return NULL;
	default:
		return NULL;
	}
}

static void cleanup_event(yaml_event_t *event)
{
	yaml_event_delete(event);
}

static void cleanup_parser(yaml_parser_t *parser)
{
	yaml_parser_delete(parser);
}

/* One event. Returns 1 at the end of the stream, 0 to go on, or a negative errno. */
static int check_next(yaml_parser_t *parser, struct event_check *check, struct config_error *error)
{
	yaml_event_t event __cleanup(cleanup_event) = { 0 };
	const char *problem;

	if (!yaml_parser_parse(parser, &event))
		return config_error_parser(error, parser);
	problem = check_event(check, &event);
	if (problem)
		return config_error_at(error, event.start_mark.line + 1,
				       event.start_mark.column + 1, "%s", problem);
	if (check->depth > CONFIG_DEPTH_MAX)
		return config_error_at(error, event.start_mark.line + 1,
				       event.start_mark.column + 1, "nested more than %u deep",
				       CONFIG_DEPTH_MAX);
	if (check->n_nodes > CONFIG_NODES_MAX)
		return config_error_at(
			error, event.start_mark.line + 1, event.start_mark.column + 1,
			"more than %u keys and values in the file", CONFIG_NODES_MAX);
	return event.type == YAML_STREAM_END_EVENT;
}

int config_check_events(const char *text, size_t text_bytes, struct config_error *error)
{
	yaml_parser_t parser __cleanup(cleanup_parser) = { 0 };
	struct event_check check = { 0 };
	int ret = config_parser_init(&parser, text, text_bytes, error);

	while (ret == 0)
		ret = check_next(&parser, &check, error);
	return ret < 0 ? ret : 0;
}
