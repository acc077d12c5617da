/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small writer of MaxMind DB files (format 2.0, maxmind.github.io/MaxMind-DB), by hand so that wrong
 * ones can be made, too. */
#ifndef IPACCT_TESTS_MMDB_MAKE_H
#define IPACCT_TESTS_MMDB_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz/lsan_maxminddb.h"

#define MMDB_NODES_MAX 65536u
#define MMDB_EMPTY     UINT32_MAX
#define MMDB_DATA      0x80000000u /* the rest is an offset in the data section */

struct mmdb_make {
	uint32_t (*nodes)[2]; /* another node, MMDB_EMPTY, or MMDB_DATA | offset */
	uint32_t n_nodes;
	uint8_t *data;
	size_t n_data, n_data_max;
	/* of the metadata */
	const char *type;
	uint16_t ip_version;
	uint16_t record_size;
	uint64_t build_s;
};

static inline void mmdb_init(struct mmdb_make *mmdb)
{
	*mmdb = (struct mmdb_make){
		.nodes = malloc(MMDB_NODES_MAX * sizeof(*mmdb->nodes)),
		.n_nodes = 1,
		.type = "Test",
		.ip_version = 6,
		.record_size = 24,
		.build_s = 1700000000,
	};
	mmdb->nodes[0][0] = mmdb->nodes[0][1] = MMDB_EMPTY;
}

static inline void mmdb_finish(struct mmdb_make *mmdb)
{
	free(mmdb->nodes);
	free(mmdb->data);
}

/* ---- Values; each appends to the data section ------------------------------------------------ */

static inline uint32_t mmdb_here(const struct mmdb_make *mmdb)
{
	return (uint32_t)mmdb->n_data;
}

static inline void mmdb_bytes(struct mmdb_make *mmdb, const void *bytes, size_t n)
{
	while (mmdb->n_data + n > mmdb->n_data_max) {
		mmdb->n_data_max = 2 * mmdb->n_data_max + 4096;
		mmdb->data = realloc(mmdb->data, mmdb->n_data_max);
	}
	memcpy(mmdb->data + mmdb->n_data, bytes, n);
	mmdb->n_data += n;
}

static inline void mmdb_byte(struct mmdb_make *mmdb, unsigned int byte)
{
	uint8_t one = (uint8_t)byte;

	mmdb_bytes(mmdb, &one, 1);
}

/* Control byte: type in the upper three bits (extended ones in a second byte), size in the others. */
static inline void mmdb_control(struct mmdb_make *mmdb, unsigned int type, uint32_t size)
{
	unsigned int low = size < 29 ? size : size < 29 + 256 ? 29 : size < 285 + 65536 ? 30 : 31;

	mmdb_byte(mmdb, (type < 8 ? type << 5 : 0) | low);
	if (type >= 8)
		mmdb_byte(mmdb, type - 7);
	if (low == 29) {
		mmdb_byte(mmdb, size - 29);
	} else if (low == 30) {
		mmdb_byte(mmdb, (size - 285) >> 8);
		mmdb_byte(mmdb, (size - 285) & 0xff);
	} else if (low == 31) {
		mmdb_byte(mmdb, (size - 65821) >> 16);
		mmdb_byte(mmdb, (size - 65821) >> 8 & 0xff);
		mmdb_byte(mmdb, (size - 65821) & 0xff);
	}
}

static inline void mmdb_map(struct mmdb_make *mmdb, uint32_t n_pairs)
{
	mmdb_control(mmdb, 7, n_pairs);
}

static inline void mmdb_array(struct mmdb_make *mmdb, uint32_t n)
{
	mmdb_control(mmdb, 11, n);
}

static inline void mmdb_text(struct mmdb_make *mmdb, const char *text)
{
	mmdb_control(mmdb, 2, (uint32_t)strlen(text));
	mmdb_bytes(mmdb, text, strlen(text));
}

static inline void mmdb_uint(struct mmdb_make *mmdb, unsigned int type, uint64_t value)
{
	uint32_t n = 0;

	while (n < 8 && value >> 8 * n)
		n++;
	mmdb_control(mmdb, type, n);
	while (n--)
		mmdb_byte(mmdb, value >> 8 * n & 0xff);
}

static inline void mmdb_uint16(struct mmdb_make *mmdb, uint16_t value)
{
	mmdb_uint(mmdb, 5, value);
}

static inline void mmdb_uint32(struct mmdb_make *mmdb, uint32_t value)
{
	mmdb_uint(mmdb, 6, value);
}

static inline void mmdb_uint64(struct mmdb_make *mmdb, uint64_t value)
{
	mmdb_uint(mmdb, 9, value);
}

static inline void mmdb_pointer(struct mmdb_make *mmdb, uint32_t to)
{
	mmdb_byte(mmdb, 1 << 5 | 3 << 3); /* four octets follow */
	for (int shift = 24; shift >= 0; shift -= 8)
		mmdb_byte(mmdb, to >> shift & 0xff);
}

/* ---- The search tree ------------------------------------------------------------------------- */

static inline uint32_t mmdb_node_new(struct mmdb_make *mmdb, uint32_t both)
{
	if (mmdb->n_nodes == MMDB_NODES_MAX)
		abort();
	mmdb->nodes[mmdb->n_nodes][0] = mmdb->nodes[mmdb->n_nodes][1] = both;
	return mmdb->n_nodes++;
}

/* address: 16 octets, or 4 for an IPv4 tree. A longer prefix may be inserted into a shorter one. */
static inline void mmdb_insert(struct mmdb_make *mmdb, const uint8_t *address,
			       unsigned int prefix_len, uint32_t data)
{
	uint32_t at = 0;

	for (unsigned int bit = 0; bit < prefix_len; bit++) {
		uint32_t *next = &mmdb->nodes[at][address[bit / 8] >> (7 - bit % 8) & 1];

		if (bit + 1 == prefix_len) {
			*next = MMDB_DATA | data;
			return;
		}
		if (*next == MMDB_EMPTY || *next & MMDB_DATA)
			*next = mmdb_node_new(mmdb, *next);
		at = *next;
	}
}

/* IPv4 in an IPv6 tree: ::a.b.c.d. */
static inline void mmdb_insert4(struct mmdb_make *mmdb, uint32_t address, unsigned int prefix_len,
				uint32_t data)
{
	uint8_t bytes[16] = {};
	unsigned int from = mmdb->ip_version == 6 ? 12 : 0;

	for (unsigned int i = 0; i < 4; i++)
		bytes[from + i] = (uint8_t)(address >> (24 - 8 * i));
	mmdb_insert(mmdb, bytes, prefix_len + 8 * from, data);
}

static inline uint32_t mmdb_record(const struct mmdb_make *mmdb, uint32_t to)
{
	if (to == MMDB_EMPTY)
		return mmdb->n_nodes;
	return to & MMDB_DATA ? mmdb->n_nodes + 16 + (to & ~MMDB_DATA) : to;
}

static inline void mmdb_put_be(FILE *file, uint32_t value, unsigned int n)
{
	while (n--)
		fputc((int)(value >> 8 * n & 0xff), file);
}

static inline void mmdb_put_node(const struct mmdb_make *mmdb, FILE *file, uint32_t i)
{
	uint32_t left = mmdb_record(mmdb, mmdb->nodes[i][0]);
	uint32_t right = mmdb_record(mmdb, mmdb->nodes[i][1]);

	if (mmdb->record_size == 28) {
		mmdb_put_be(file, left & 0xffffff, 3);
		fputc((int)((left >> 24 & 0xf) << 4 | (right >> 24 & 0xf)), file);
		mmdb_put_be(file, right & 0xffffff, 3);
	} else {
		mmdb_put_be(file, left, mmdb->record_size / 8);
		mmdb_put_be(file, right, mmdb->record_size / 8);
	}
}

/* ---- The file -------------------------------------------------------------------------------- */

static inline void mmdb_metadata_begin(FILE *file)
{
	fputs("\xab\xcd\xefMaxMind.com", file);
}

/* The usual metadata. */
static inline void mmdb_metadata_put(const struct mmdb_make *mmdb, FILE *file)
{
	struct mmdb_make m = {};

	mmdb_map(&m, 9);
	mmdb_text(&m, "binary_format_major_version");
	mmdb_uint16(&m, 2);
	mmdb_text(&m, "binary_format_minor_version");
	mmdb_uint16(&m, 0);
	mmdb_text(&m, "build_epoch");
	mmdb_uint64(&m, mmdb->build_s);
	mmdb_text(&m, "database_type");
	mmdb_text(&m, mmdb->type);
	mmdb_text(&m, "description");
	mmdb_map(&m, 0);
	mmdb_text(&m, "ip_version");
	mmdb_uint16(&m, mmdb->ip_version);
	mmdb_text(&m, "languages");
	mmdb_array(&m, 0);
	mmdb_text(&m, "node_count");
	mmdb_uint32(&m, mmdb->n_nodes);
	mmdb_text(&m, "record_size");
	mmdb_uint16(&m, mmdb->record_size);
	mmdb_metadata_begin(file);
	fwrite(m.data, 1, m.n_data, file);
	free(m.data);
}

static inline void mmdb_body_put(const struct mmdb_make *mmdb, FILE *file)
{
	static const uint8_t separator[16];

	for (uint32_t i = 0; i < mmdb->n_nodes; i++)
		mmdb_put_node(mmdb, file, i);
	fwrite(separator, 1, sizeof(separator), file);
	fwrite(mmdb->data, 1, mmdb->n_data, file);
}

/* The whole file in memory; the caller frees it. */
static inline char *mmdb_build(const struct mmdb_make *mmdb, size_t *ret_bytes)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_bytes);

	mmdb_body_put(mmdb, file);
	mmdb_metadata_put(mmdb, file);
	fclose(file);
	return text;
}

#endif
