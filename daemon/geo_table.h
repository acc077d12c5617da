/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo file seen by its one writer: records by ledger index, a table of strings that only grows. */
#ifndef IPACCT_DAEMON_GEO_TABLE_H
#define IPACCT_DAEMON_GEO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geofile.h"
#include "ipacct/geo.h"
#include "ipacct/ipacct.h"

#define GEO_STRING_BYTES 128u /* of one string with its NUL; longer ones are cut */

struct geo_table {
	void *at; /* the mapped file, NULL when closed */
	size_t bytes;
	struct ipacct_geo_header *header;
	struct ipacct_geo_record *records;
	char *strings;
	/* copied and checked once */
	uint32_t n_records_max;
	uint32_t strings_bytes_max;
	/* private: what is in the file is for readers */
	uint32_t strings_bytes;
	uint32_t *index; /* open addressing: offsets of strings, 0 = free */
	uint32_t n_slots;
	uint32_t n_strings;
	uint64_t seed;
	uint64_t n_known;
	uint64_t n_negative;
};

/* Is it a header of ours for this layout, in a file of so many octets? */
bool geo_header_fits(const struct ipacct_geo_header *header, uint64_t bytes);

/* Map the file behind fd (the descriptor stays the caller's), take up its strings, and empty the
 * records that a killed writer left half written.
 * Errors: -EBADMSG not a geo file, or one whose strings make no sense; -ENOMEM; -errno. */
int geo_table_map(int fd, struct geo_table *ret_table);
/* Accepts a zeroed one. */
void geo_table_unmap(struct geo_table *table);

/* Offset of this text in the string table, added when it is new; made safe to show and cut to
 * GEO_STRING_BYTES before. 0: empty, or the table is full (counted in header.strings_full). */
uint32_t geo_table_intern(struct geo_table *table, const char *text, size_t text_bytes);

/* Has record i an answer of this generation for the key? */
bool geo_table_current(const struct geo_table *table, uint32_t i, const struct ipacct_key *key,
		       uint32_t generation);

/* Write record i; content->sequence is not used. A reader sees the old one or the new one. */
void geo_table_write(struct geo_table *table, uint32_t i, const struct ipacct_geo_record *content);

#endif
