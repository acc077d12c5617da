// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of a frame, cut to its width by columns, not octets. */
#include "top_frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"

#define PIECE_BYTES 1024u /* of one call; the longest name has 255 octets */

void top_frame_begin(struct top_frame *frame, size_t width, size_t height)
{
	frame->width = width < 1 ? 1 : width > TOP_COLUMNS_MAX ? TOP_COLUMNS_MAX : width;
	frame->height = height > TOP_LINES_MAX ? TOP_LINES_MAX : height;
	frame->n_lines = 0;
}

size_t top_frame_left(const struct top_frame *frame)
{
	return (frame->height ? frame->height : TOP_LINES_MAX) - frame->n_lines;
}

struct top_line *top_frame_line(struct top_frame *frame)
{
	struct top_line *line;

	if (top_frame_left(frame) == 0)
		return NULL;
	line = &frame->lines[frame->n_lines++];
	line->text[0] = '\0';
	line->n_bytes = line->columns = line->n_spans = 0;
	return line;
}

/* The columns of the character at text; what a terminal would not show as one or two is '?'. */
static size_t character(const char *text, bool ascii, size_t *ret_bytes, bool *ret_shown)
{
	size_t bytes = text_utf8_bytes(text);
	mbstate_t state = { 0 };
	wchar_t wide;
	int columns;

	*ret_bytes = bytes ? bytes : 1;
	*ret_shown = bytes == 1;
	if (bytes <= 1 || ascii || mbrtowc(&wide, text, bytes, &state) != bytes)
		return 1;
	columns = wcwidth(wide);
	*ret_shown = columns > 0;
	return columns > 0 ? (size_t)columns : 1;
}

static size_t columns_of(const char *text, bool ascii)
{
	size_t columns = 0, bytes;
	bool shown;

	for (; *text; text += bytes)
		columns += character(text, ascii, &bytes, &shown);
	return columns;
}

static void blanks(const struct top_frame *frame, struct top_line *line, size_t n)
{
	for (; n && line->columns < frame->width; n--) {
		line->text[line->n_bytes++] = ' ';
		line->columns++;
	}
}

/* As many characters as fit into `room` columns. */
static void characters(const struct top_frame *frame, struct top_line *line, const char *text,
		       size_t room)
{
	while (*text) {
		size_t bytes;
		bool shown;
		size_t columns = character(text, frame->ascii, &bytes, &shown);

		if (columns > room || line->columns + columns > frame->width)
			return;
		if (shown) {
			memcpy(line->text + line->n_bytes, text, bytes);
			line->n_bytes += bytes;
		} else {
			line->text[line->n_bytes++] = '?';
		}
		line->columns += columns;
		room -= columns;
		text += bytes;
	}
}

void top_mark(struct top_line *line, size_t at, size_t columns, enum top_style style)
{
	if (!line || columns == 0 || at >= line->columns || line->n_spans == TOP_SPANS_MAX)
		return;
	if (at + columns > line->columns)
		columns = line->columns - at;
	line->spans[line->n_spans].at = at;
	line->spans[line->n_spans].columns = columns;
	line->spans[line->n_spans++].style = style;
}

void top_put(const struct top_frame *frame, struct top_line *line, int width, enum top_style style,
	     const char *text)
{
	size_t want = (size_t)abs(width), at, columns;
	char piece[PIECE_BYTES];

	if (!line)
		return;
	(void)snprintf(piece, sizeof(piece), "%s", text);
	(void)text_make_safe(piece);
	at = line->columns;
	columns = columns_of(piece, frame->ascii);
	if (width == 0)
		want = columns;
	if (width > 0 && columns < want)
		blanks(frame, line, want - columns);
	if (columns > want && want > 0) {
		characters(frame, line, piece, want - 1);
		characters(frame, line, "~", 1);
	} else {
		characters(frame, line, piece, want);
	}
	if (at + want > line->columns)
		blanks(frame, line, at + want - line->columns);
	line->text[line->n_bytes] = '\0';
	if (style != TOP_PLAIN)
		top_mark(line, at, want, style);
}

void top_putf(const struct top_frame *frame, struct top_line *line, int width, enum top_style style,
	      const char *format, ...)
{
	char piece[PIECE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	top_put(frame, line, width, style, piece);
}
