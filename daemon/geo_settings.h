/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operator says about geo: databases, languages, overrides, where the fields are. */
#ifndef IPACCT_DAEMON_GEO_SETTINGS_H
#define IPACCT_DAEMON_GEO_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/geo.h"

#define GEO_DATABASE_PATH_BYTES 224u /* struct ipacct_geo_database.path */
#define GEO_LANGUAGES_MAX       8u
#define GEO_LANGUAGE_BYTES      16u /* RFC 5646 tags as databases use them: "en", "pt-BR" */
#define GEO_WORDS_MAX           6u  /* of a lookup path: subdivisions, 0, names and some to spare */
#define GEO_WORD_BYTES          48u

_Static_assert(GEO_DATABASE_PATH_BYTES == sizeof(((struct ipacct_geo_database *)0)->path),
	       "one length");

/* What a database can tell about an address. */
enum geo_field {
	GEO_COUNTRY = 0, /* ISO 3166-1 alpha-2 */
	GEO_COUNTRY_NAME,
	GEO_REGION,
	GEO_CITY,
	GEO_ASN,
	GEO_AS_ORG,
	GEO_FIELDS
};

/* Where a field is: keys of maps and indexes of arrays, from the top of an entry. */
struct geo_path {
	size_t n; /* 0: wherever the layouts we know have it */
	char words[GEO_WORDS_MAX][GEO_WORD_BYTES];
};

struct geo_settings {
	size_t n_databases;
	char databases[IPACCT_GEO_DATABASES_MAX]
		      [GEO_DATABASE_PATH_BYTES]; /* the first that knows wins */
	size_t n_languages;
	char languages[GEO_LANGUAGES_MAX][GEO_LANGUAGE_BYTES]; /* of names, the first found wins */
	char overrides[GEO_DATABASE_PATH_BYTES];               /* "": none */
	struct geo_path paths[GEO_FIELDS];
};

/* Is there anything to ask? Without it no worker runs and no geo file is there. */
static inline bool geo_wanted(const struct geo_settings *settings)
{
	return settings->n_databases || settings->overrides[0];
}

#endif
