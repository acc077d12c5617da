/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A frame: lines of text with marked stretches, for a terminal or a pipe. No line is wider than the
 * frame, whatever is put into it. */
#ifndef IPACCT_TOOLS_TOP_FRAME_H
#define IPACCT_TOOLS_TOP_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define TOP_LINES_MAX   512u  /* rows of a terminal that is taller stay empty */
#define TOP_COLUMNS_MAX 400u  /* columns of one that is wider, too */
#define TOP_LINE_BYTES  1604u /* four octets for each of them (RFC 3629) and the end */
#define TOP_SPANS_MAX   16u

enum top_style {
	TOP_PLAIN = 0,
	TOP_DIM,
	TOP_BOLD,
	TOP_HEAD, /* the line of column names */
	TOP_GOOD,
	TOP_BAD,
	TOP_WARN,
	TOP_BAR, /* under the text of a row: its share */
	TOP_STYLES
};

struct top_line {
	char text[TOP_LINE_BYTES];
	size_t n_bytes;
	size_t columns;
	size_t n_spans;
	struct {
		size_t at, columns;
		enum top_style style;
	} spans[TOP_SPANS_MAX];
};

struct top_frame {
	size_t width, height; /* height 0: as many lines as it takes, for batch */
	bool ascii;
	size_t n_lines;
	struct top_line *lines; /* TOP_LINES_MAX */
};

/* Begin an empty frame. lines are kept from frame to frame; width and height are bounded here. */
void top_frame_begin(struct top_frame *frame, size_t width, size_t height);

/* A new empty line; NULL when the frame is full. Every function below accepts NULL. */
struct top_line *top_frame_line(struct top_frame *frame);
/* How many more lines fit. */
size_t top_frame_left(const struct top_frame *frame);

/* Append text. width > 0: right-aligned in so many columns, < 0: left-aligned, 0: as long as it is. What
 * does not fit is cut; in a column of its own it ends in "~" then. Control characters and what
 * is not UTF-8 become '?', in an ASCII frame everything that is not ASCII. */
void top_put(const struct top_frame *frame, struct top_line *line, int width, enum top_style style,
	     const char *text);
void top_putf(const struct top_frame *frame, struct top_line *line, int width, enum top_style style,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Mark columns that have text already. */
void top_mark(struct top_line *line, size_t at, size_t columns, enum top_style style);

#endif
