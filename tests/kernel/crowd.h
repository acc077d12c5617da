/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stage whose maps are pinned, a reader of it, and two kinds of traffic: honest addresses, of which every
 * count must be known, and floods of others that take their lines. Each packet goes from an address to
 * itself: so none is ever there once, and none may move to its prefix for that. */
#ifndef IPACCT_TESTS_CROWD_H
#define IPACCT_TESTS_CROWD_H

#include "stage.h"

#define CROWD_HONEST 40u   /* of either family */
#define CROWD_FLOOD  400u  /* a few of them fill hot tier and LRU tier */
#define CALLS_MAX    2000u /* far more than any reading makes */

struct crowd {
	struct stage stage;
	struct ipacct_reader *reader;
	uint64_t sent;    /* packets */
	uint64_t honest;  /* packets of each honest address */
	uint64_t flooded; /* addresses */
};

/* Skips the test when not root. Without sizes of its own a setup has the smallest hot tier. */
void crowd_open(struct crowd *crowd, bool hot, uint32_t lru_entries);
void crowd_open_setup(struct crowd *crowd, struct stage_setup setup);
void crowd_close(struct crowd *crowd);

/* Open the reader anew. */
void crowd_reader(struct crowd *crowd);

/* Pin other maps in the place of those that are there, as a start does whose sizes are others. */
void crowd_pin(const struct ipacct_maps *maps);
void crowd_unpin(void);

/* An honest address. */
struct ipacct_key crowd_key(bool ipv6, uint32_t i);

/* The maps as one has them who may only read: by system calls. They stay the stage's. */
struct ipacct_maps crowd_unmapped(const struct crowd *crowd);

/* A packet of each honest address. */
void crowd_honest(struct crowd *crowd);

/* Addresses that nobody saw before, in both families. */
void crowd_flood(struct crowd *crowd);

/* Honest ones before and behind a flood. As what comes between two calls: context is the crowd. */
void crowd_all(void *context);

/* A cut between packets of honest ones. */
void crowd_cut(void *context);

/* Add what entries have to `all`, and what the honest ones of them have to `honest`, by family. */
void crowd_sum(const struct ipacct_entry *entries, size_t n, struct ipacct_counters *all,
	       struct ipacct_counters honest[2]);

/* n packets sent and received; `at` and `of` name what was looked at. */
void crowd_expect(const struct ipacct_counters *counters, uint64_t n, const char *of,
		  unsigned int at);

/* The snapshot has all that was sent. Destroys it. */
void crowd_expect_snapshot(const struct crowd *crowd, struct ipacct_snapshot *snapshot,
			   unsigned int at);

#endif
