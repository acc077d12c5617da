/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of groups in the ledger, by name. */
#ifndef IPACCT_DAEMON_GROUPS_RECORDS_H
#define IPACCT_DAEMON_GROUPS_RECORDS_H

#include "ledger.h"

#define GROUP_RECORD_NONE UINT32_MAX

/* Records that are no group's; the same names as of series. */
enum group_collective {
	GROUP_UNKNOWN = 0, /* in no group */
	GROUP_ROLLED_UP,   /* no address: counted for a prefix */
	GROUP_EARLIER,     /* from before there were groups */
	GROUP_OTHER,       /* of groups whose records were given up, or that found no room */
	GROUP_COLLECTIVES
};
const char *group_collective_name(enum group_collective collective);

/* Names in order, to find a record by its own. */
struct group_records {
	struct ipacct_ledger *ledger;
	uint32_t *by_name;
	uint32_t n_sorted; /* what is claimed later is not in it */
};

/* Returns 0 or -ENOMEM. */
int group_records_init(struct ipacct_ledger *ledger, struct group_records *ret_records);
void group_records_finish(struct group_records *records);

/* The record of that name, or GROUP_RECORD_NONE. */
uint32_t group_records_find(const struct group_records *records, const char *name);

/* A new one, for a name that has none; GROUP_RECORD_NONE when there is no room. */
uint32_t group_records_claim(struct group_records *records, const char *name, uint64_t created_ns);

#endif
