/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What series are called in the ledger, and what a value is in memory. */
#ifndef IPACCT_DAEMON_SERIES_NAMES_H
#define IPACCT_DAEMON_SERIES_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "ipacct/ipacct.h"

/* Where counts go that belong to no single value. */
enum series_collective {
	COLLECTIVE_OTHER = 0, /* values without a series of their own */
	COLLECTIVE_PENDING,   /* no geo record yet */
	COLLECTIVE_ROLLED_UP, /* no address: counted for a prefix */
	COLLECTIVE_UNKNOWN,   /* looked up, and nothing is known */
	COLLECTIVE_EARLIER,   /* from before the series of this kind were kept */
	COLLECTIVE_CLASS,     /* special-purpose space, by class (the first one is not used) */
	COLLECTIVES = COLLECTIVE_CLASS + IPACCT_GEO_CLASSES
};

const char *series_collective_name(unsigned int collective);
/* COLLECTIVES: it is the name of a value. */
unsigned int series_collective_find(const char *name);

/* Octets of a text that fit into a name of `room` octets with its NUL, cut between characters. */
size_t series_name_fit(const char *text, size_t room);

/* The octets by which a value is known: two letters, __u32, struct ipacct_key (and one
 * more, the prefix length, when that is not 128), or the name itself.
 * bytes: room for IPACCT_SERIES_NAME_BYTES. Returns how many; 0: it is no such name. */
size_t series_identity_read(enum ipacct_series_kind kind, const char *name, char *bytes);

/* The name of such a value. name: IPACCT_SERIES_NAME_BYTES, filled up with NULs. */
void series_name_write(enum ipacct_series_kind kind, const char *bytes, size_t n, char *name);

#endif
