/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that a frame shows, and how it becomes lines or JSON. */
#ifndef IPACCT_TOOLS_TOP_DRAW_H
#define IPACCT_TOOLS_TOP_DRAW_H

#include "top_daemon.h"
#include "top_frame.h"
#include "top_history.h"
#include "top_source.h"
#include "top_view.h"

struct top {
	struct top_settings settings;
	struct top_source source;
	struct top_rates *rates;
	struct ipacct_geo *geo; /* NULL = no geo file */
	struct top_view view;
	struct top_history history;
	struct top_daemon daemon;
	struct top_frame frame;
	/* of the last step that moved */
	struct ipacct_snapshot head; /* cut, times, facts, conservation; no entries */
	uint64_t covered_ns;
	size_t n_addresses;
	size_t n_interfaces;
	struct ipacct_interface_totals interfaces[IPACCT_IFS_MAX];
	struct ipacct_interface_totals moved[IPACCT_IFS_MAX];
	bool geo_failed;
	/* its own cost */
	uint64_t cpu_ns, cpu_since_ns;
	uint64_t refresh_ns, refresh_was_ns; /* CPU time of the last two */
	uint64_t pace_ns; /* between refreshes: the interval, or more to take no more than 1 % */
	double cpu_share;
	/* what keys change */
	size_t scroll;
	char device[IPACCT_IFNAME_BYTES]; /* the one interface of the head; "" = all */
	bool paused, help, typing;
	char prefix_text[64]; /* being typed after '/' */
	char message[128];    /* about it */
};

/* The rate that a line of the head calls total: octets of frames on all interfaces. */
double top_total_bits(const struct top *top);

/* The whole frame, of this size. */
void top_draw(struct top *top, size_t width, size_t height);
/* Its parts. */
void top_draw_head(struct top *top);
void top_draw_rows(struct top *top, size_t n_lines);
void top_draw_help(struct top *top);
/* How many rows fit into so many lines below the head. */
size_t top_rows_in(const struct top *top, size_t n_lines);

/* "1.23 G" of bit/s or packets/s, blank for none at all. Returns buffer. */
char *top_rate_text(double per_second, char buffer[TEXT_NUMBER_BYTES]);

/* One object of ipacct.top/1 and the end of its line. */
void top_print_json(const struct top *top);

#endif
