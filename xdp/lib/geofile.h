/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside a struct ipacct_geo: a private copy of the geo file, taken piece by piece.
 *
 * The file's writer is not trusted and may do anything to it, so nothing here is mapped: a mapping
 * of a file that somebody cuts short kills its reader with SIGBUS, and a library has no handler for
 * that. pread() of a piece that is gone returns less. */
#ifndef IPACCT_LIB_GEOFILE_H
#define IPACCT_LIB_GEOFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipacct/geo.h"
#include "ipacct/ipacct.h"

#define GEO_CHUNK_RECORDS 1024u /* of 64 octets: one pread of a page-cache run, within L2 */
#define GEO_READ_TRIES    4u /* of a chunk that is being written; its writer needs < 1 µs a record */
#define GEO_PATH_BYTES    1100u /* as reader.h */
#define GEO_TEXT_BYTES    256u  /* of one name, with its NUL; longer ones are cut */

struct ipacct_geo_file {
	int fd; /* -1: closed */
	dev_t device;
	ino_t inode;
	struct ipacct_geo_header header;   /* of the last refresh, checked */
	struct ipacct_geo_record *records; /* n_records_max, zero until their chunk was read */
	uint64_t *chunk_refresh;           /* at which refresh each chunk was read, 0: never */
	char *strings;                     /* strings_bytes_max; names are safe to show */
	uint32_t strings_used;             /* ends behind a NUL */
};

struct ipacct_geo {
	char path[GEO_PATH_BYTES];
	uint64_t refresh; /* number of the current one, from 1 */
	struct ipacct_geo_file file;
	struct ipacct_geo_record scratch[GEO_CHUNK_RECORDS];
};

/* Take a file over. fd: becomes the file's on success.
 * Errors: -EBADMSG, -EPROTO, -ENOMEM, -errno; ret_file is then not written. */
int ipacct_geo_file_open(int fd, struct ipacct_geo_file *ret_file,
			 struct ipacct_problem *ret_problem);

/* Accepts a closed one (fd −1). */
void ipacct_geo_file_close(struct ipacct_geo_file *file);

/* Read the header again, and the strings that are new. -EBADMSG: it is no longer what was opened;
 * what has been read stays. */
int ipacct_geo_file_refresh(struct ipacct_geo_file *file);

/* Read one chunk of records: each is whole, or has an odd sequence (being written), or sequence 0
 * (never written, or not what a worker writes). scratch: GEO_CHUNK_RECORDS records. Where the file ends too early the records stay as they were. */
void ipacct_geo_file_read_chunk(struct ipacct_geo_file *file, uint32_t chunk,
				struct ipacct_geo_record *scratch);

/* The record itself, as ipacct_geo_find() finds it: for callers inside that need few fields of very
 * many. The next refresh may change it. */
int ipacct_geo_record_find(struct ipacct_geo *geo, uint32_t ledger_index,
			   const struct ipacct_key *key,
			   const struct ipacct_geo_record **ret_record);

/* A text of a record that was found. */
static inline const char *ipacct_geo_file_text(const struct ipacct_geo_file *file, uint32_t offset)
{
	return offset ? file->strings + offset : "";
}

/* A record that was read, with an even sequence that is not 0, as an answer. */
void ipacct_geo_file_info(const struct ipacct_geo_file *file,
			  const struct ipacct_geo_record *record, struct ipacct_geo_info *ret_info);

/* Where the strings begin, and how large the file is. */
static inline uint64_t geo_strings_at(uint32_t n_records_max)
{
	return IPACCT_GEO_HEADER_BYTES + (uint64_t)n_records_max * sizeof(struct ipacct_geo_record);
}

static inline uint64_t geo_file_bytes(uint32_t n_records_max, uint32_t strings_bytes_max)
{
	return geo_strings_at(n_records_max) + strings_bytes_max;
}

#endif
