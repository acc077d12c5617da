/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records as JSON, schema ipacct.dump/1: the same from ipacct-dump and from the daemon's HTTP endpoint.
 * The shape is pinned by tests/golden: keys are only appended. Each writes keys into an object that
 * is open. */
#ifndef IPACCT_LIB_JSON_RECORDS_H
#define IPACCT_LIB_JSON_RECORDS_H

#include "base/json.h"
#include "ipacct/ipacct.h"

#define IPACCT_SCHEMA_DUMP "ipacct.dump/1"

void json_counters(struct json_writer *json, const struct ipacct_counters *counters);

/* name: what to show as the interface's; NULL = its own. totals: also what ipacct-dump --totals adds. */
void json_interface(struct json_writer *json, const char *name,
		    const struct ipacct_interface *interface, const struct ipacct_totals *t,
		    bool totals);

void json_address(struct json_writer *json, const struct ipacct_entry *entry);
void json_rollup(struct json_writer *json, const struct ipacct_entry *entry);

/* A text that is "" where nothing is known: then null. */
void json_known(struct json_writer *json, const char *key, const char *text);

/* The object "conservation". */
void json_conservation(struct json_writer *json, uint64_t error_packets, uint64_t error_l3_bytes);

#endif
