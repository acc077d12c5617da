/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where databases have what we want to know: the layouts of MaxMind, DB-IP and IPinfo. */
#ifndef IPACCT_DAEMON_GEO_FIELDS_H
#define IPACCT_DAEMON_GEO_FIELDS_H

#include <maxminddb.h>
#include <stdbool.h>
#include <stdint.h>

#include "geo_settings.h"

struct geo_text {
	const char *at; /* in the database, not NUL-terminated; any bytes */
	uint32_t n;     /* 0: unknown */
};

/* What one entry of a database says. */
struct geo_facts {
	char country[2]; /* upper case; zero: unknown */
	uint32_t asn;    /* 0: unknown */
	struct geo_text country_name;
	struct geo_text region;
	struct geo_text city;
	struct geo_text as_org;
};

/* Read an entry. A field that is not there, or not of a fitting kind, is unknown.
 * Returns 0, or -EBADMSG when the database is damaged there. */
int geo_fields_read(const struct geo_settings *settings, MMDB_entry_s entry,
		    struct geo_facts *ret_facts);

/* Does it say anything? */
bool geo_facts_any(const struct geo_facts *facts);

#endif
