/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator's own list: PREFIX name=TEXT country=CC asn=NUMBER, the longest prefix wins. */
#ifndef IPACCT_DAEMON_GEO_OVERRIDES_H
#define IPACCT_DAEMON_GEO_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"

#define GEO_OVERRIDES_MAX       (1u << 20)   /* prefixes */
#define GEO_OVERRIDES_BYTES_MAX (256u << 20) /* of the file: room for 256 octets a line */
#define GEO_NAME_BYTES          IPACCT_SERIES_NAME_BYTES /* with NUL: it names a series, too */

struct geo_override {
	uint8_t address[16]; /* as struct ipacct_key has it */
	uint32_t parent;    /* the longest shorter prefix around it; index, GEO_NO_OVERRIDE: none */
	uint32_t line;      /* in the file */
	uint32_t asn;       /* 0: not given */
	uint32_t name_at;   /* in names, 0: not given */
	char country[2];    /* zero: not given */
	uint8_t prefix_len; /* of 128 bits */
	uint8_t family;     /* 4 or 6 */
};
#define GEO_NO_OVERRIDE UINT32_MAX

struct geo_overrides {
	struct geo_override *prefixes; /* sorted: by family, address, length */
	uint32_t n_prefixes;
	uint32_t n_ipv4; /* those come first */
	char *names;     /* NUL-terminated one behind the other, "" at 0 */
	size_t names_bytes;
};

/* Read a list.
 * name: how messages call the file. text: its content, any bytes.
 * ret_overrides: on success the caller's, to be given back with geo_overrides_finish().
 * ret_error: on failure "NAME:LINE:COLUMN: what is wrong", one line.
 * Returns 0, or -EINVAL (content), -EFBIG (more than GEO_OVERRIDES_MAX prefixes), -ENOMEM. */
int geo_overrides_parse(const char *name, const char *text, size_t text_bytes,
			struct geo_overrides *ret_overrides, char *ret_error, size_t error_bytes);

/* The same for a file on disk; also -errno of open and read, and -EFBIG for one that is larger than
 * GEO_OVERRIDES_BYTES_MAX. */
int geo_overrides_load(const char *path, struct geo_overrides *ret_overrides, char *ret_error,
		       size_t error_bytes);

/* Could the list be read? "" is no list and fine. Otherwise as geo_overrides_load(). */
int geo_overrides_check(const char *path, char *ret_error, size_t error_bytes);

/* Accepts a zeroed one. */
void geo_overrides_finish(struct geo_overrides *overrides);

/* The longest prefix that holds the address, NULL when there is none. IPv6 prefixes never match
 * IPv4 addresses. */
const struct geo_override *geo_overrides_find(const struct geo_overrides *overrides,
					      const struct ipacct_key *key);

/* Is this the address of a key that stands for IPv4? */
bool geo_is_ipv4(const uint8_t *address);

/* Octets of memory it takes. */
uint64_t geo_overrides_bytes(const struct geo_overrides *overrides);

#endif
