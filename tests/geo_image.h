/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A geo file made by hand, in memory: what the geo worker and the collector make together. */
#ifndef IPACCT_TESTS_GEO_IMAGE_H
#define IPACCT_TESTS_GEO_IMAGE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipacct/geo.h"

struct geo_image {
	size_t bytes;
	char *at;
	struct ipacct_geo_header *header;
	struct ipacct_geo_record *records;
	char *strings;
};

static inline void geo_image_init(struct geo_image *image, uint32_t n_records,
				  uint32_t strings_bytes_max)
{
	size_t strings_at = IPACCT_GEO_HEADER_BYTES + (size_t)n_records * sizeof(*image->records);

	image->bytes = strings_at + strings_bytes_max;
	image->at = calloc(1, image->bytes);
	if (!image->at)
		abort();
	image->header = (struct ipacct_geo_header *)image->at;
	image->records = (struct ipacct_geo_record *)(image->at + IPACCT_GEO_HEADER_BYTES);
	image->strings = image->at + strings_at;
	*image->header = (struct ipacct_geo_header){
		.magic = IPACCT_GEO_MAGIC,
		.version = IPACCT_GEO_VERSION,
		.header_bytes = IPACCT_GEO_HEADER_BYTES,
		.record_bytes = sizeof(struct ipacct_geo_record),
		.n_records_max = n_records,
		.strings_at = strings_at,
		.strings_bytes_max = strings_bytes_max,
		.strings_bytes = 1, /* "" */
		.file_bytes = image->bytes,
		.generation = 1,
	};
}

static inline void geo_image_finish(struct geo_image *image)
{
	free(image->at);
	memset(image, 0, sizeof(*image));
}

/* The offset of a text, appended unless it is there; 0 when there is no room. */
static inline uint32_t geo_image_text(struct geo_image *image, const char *text)
{
	uint32_t used = image->header->strings_bytes;
	size_t bytes = strlen(text) + 1;

	for (uint32_t at = 0; at < used; at += (uint32_t)strlen(image->strings + at) + 1)
		if (!strcmp(image->strings + at, text))
			return at;
	if (bytes > image->header->strings_bytes_max - used)
		return 0;
	memcpy(image->strings + used, text, bytes);
	image->header->strings_bytes += (uint32_t)bytes;
	return used;
}

/* Write the file at path anew, or over itself. Returns 0 or −1. */
static inline int geo_image_write(const struct geo_image *image, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	bool good = fd >= 0 && pwrite(fd, image->at, image->bytes, 0) == (ssize_t)image->bytes;

	if (fd >= 0)
		good = close(fd) == 0 && good;
	return good ? 0 : -1;
}

#endif
