/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The durable series of the ledger: what each country, AS, prefix group and busy address sent and
 * received. Kept by the thread that cuts, as a part of the cut. */
#ifndef IPACCT_DAEMON_SERIES_H
#define IPACCT_DAEMON_SERIES_H

#include <stdint.h>

#include "epoch.h"
#include "ledger.h"
#include "series_limits.h"

struct groups;

struct series_settings {
	const char *runtime_dir;           /* where the geo file is, once somebody writes it */
	uint32_t top[IPACCT_SERIES_KINDS]; /* by kind; 0: no series of that kind */
	uint64_t seed;                     /* any number nobody outside knows */
	/* The publisher's: groups by the list. NULL: by the names of the geo file. */
	const struct groups *groups;
};

/* What AS members are called. */
#define SERIES_ORG_BYTES 52u
struct series_org {
	uint32_t asn; /* 0: not used */
	char org[SERIES_ORG_BYTES];
};

/* Facts for /metrics, nothing but 64-bit words. Since this process began unless it says otherwise. */
struct series_facts {
	uint64_t members[IPACCT_SERIES_KINDS];
	uint64_t joined[IPACCT_SERIES_KINDS];
	uint64_t left[IPACCT_SERIES_KINDS];
	uint64_t active[IPACCT_SERIES_KINDS]; /* the kind is kept now */
	uint64_t geo_found;   /* addresses, once a cut, whose geo record was there */
	uint64_t geo_missing; /* … was not */
	uint64_t geo_open;    /* the rest is of the geo file's writer; 0: there is no such file */
	uint64_t geo_generation;
	uint64_t geo_updated_ns;
	uint64_t geo_lookups;
	uint64_t geo_known;
	uint64_t geo_negative;
	uint64_t geo_pending;
	uint64_t geo_strings_full;
	uint64_t geo_state[IPACCT_GEO_DATABASES_MAX];
	uint64_t geo_build_s[IPACCT_GEO_DATABASES_MAX];
	struct series_org orgs[SERIES_ASNS_MAX];
};

struct series;

/* ledger: the publisher's, must outlive it. Returns 0 or −ENOMEM. */
int series_init(struct ipacct_ledger *ledger, const struct series_settings *settings,
		struct series **ret_series);
void series_finish(struct series *series);

/* Attribute the counts of a cut: after all records have their place, before the cut is committed. May be
 * done again after a crash, with other geo records: what was written before is taken back.
 * address_records: the ledger record of each address of the epoch, or RECORD_NONE. */
void series_apply(struct series *series, const struct ipacct_epoch *epoch,
		  const uint32_t *address_records, const struct ipacct_ledger_cut *facts);

/* Any thread, without a lock. False: no whole state could be had, *ret_facts is then garbage. */
bool series_facts_read(const struct series *series, struct series_facts *ret_facts);

#endif
