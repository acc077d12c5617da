/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-top: settings, and what every part of it knows of the others. */
#ifndef IPACCT_TOOLS_TOP_H
#define IPACCT_TOOLS_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#include "common.h"
#include "common_text.h"
#include "dump.h"

/* As iftop has them: the last 2, 10 and 40 seconds. */
#define TOP_WINDOWS 3u

enum top_format {
	TOP_SCREEN = 0,
	TOP_BATCH, /* plain text, frame after frame */
	TOP_JSON,  /* one object a line, ipacct.top/1 */
};

/* In the order of the words of --sort. */
enum top_sort {
	TOP_SORT_BPS = 0, /* rx + tx */
	TOP_SORT_RX_BPS,
	TOP_SORT_TX_BPS,
	TOP_SORT_PPS,
	TOP_SORT_RX_PPS,
	TOP_SORT_TX_PPS,
	TOP_SORT_BYTES,   /* all that was ever counted */
	TOP_SORT_ADDRESS, /* or by the label of a group */
	TOP_SORTS
};

/* In the order in which `t` goes through them, and of the words of --mode. */
enum top_mode {
	TOP_MODE_SPLIT = 0, /* one line: rx and tx, then their sum in each window */
	TOP_MODE_TWO_LINES, /* tx above rx, each in each window */
	TOP_MODE_SUM,
	TOP_MODE_TX,
	TOP_MODE_RX,
	TOP_MODES
};

/* What a row is; axes of ipacct-dump --by and the domain. In the order of the headings. */
enum top_by {
	TOP_BY_ADDRESS = 0,
	TOP_BY_NAME,
	TOP_BY_COUNTRY,
	TOP_BY_ASN,
	TOP_BY_PREFIX,
	TOP_BY_DOMAIN,
	TOP_BY_GROUP, /* of the list of prefixes */
};

struct top_settings {
	struct dump_settings dump; /* paths, filters, limit: as ipacct-dump has them */
	unsigned int format;       /* enum top_format */
	uint64_t interval_ns;      /* between refreshes */
	uint64_t n_frames;         /* 0 = until stopped */
	uint64_t width;            /* of batch frames */
	const char *by_text;
	unsigned int by;     /* enum top_by */
	unsigned int sort;   /* enum top_sort */
	unsigned int window; /* the one that is sorted by */
	unsigned int mode;   /* enum top_mode */
	bool packets;        /* rates in packets/s, else bit/s */
	bool totals;         /* a column of everything that was ever counted */
	bool hide_names;
	bool hide_rx, hide_tx; /* in mode split; never both */
	bool no_bars;
	bool ascii; /* no UTF-8: by locale or by option */
};

/* Read the command line; messages are printed. Returns enum options_outcome. */
int top_options(int argc, char **argv, struct top_settings *ret_settings);

/* "rx_bps", …: the words of --sort. */
const char *top_sort_name(enum top_sort sort);
/* Whether a key sorts by packets; by which directions. */
bool top_sort_is_packets(enum top_sort sort);
/* The same key in the other unit; keys without one stay. */
enum top_sort top_sort_in(enum top_sort sort, bool packets);

#endif
