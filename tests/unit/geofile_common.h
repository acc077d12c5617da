/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A geo file as the worker would write it, and its reader. */
#ifndef IPACCT_TESTS_GEOFILE_COMMON_H
#define IPACCT_TESTS_GEOFILE_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "../geo_image.h"
#include "geofile.h"
#include "ipacct/ipacct.h"

#define N_RECORDS     3000u /* three chunks, the last one not full */
#define STRINGS_BYTES 4096u

static struct geo_image image;
static char dir[] = "/dev/shm/ipacct-geo.XXXXXX"; /* tmpfs, as /run is */
static char path[64], other[64];

static inline struct ipacct_key key_of(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(0xc0000200 + i) } };
}

/* Record i as the worker would write it. */
static inline void put(uint32_t i, const char *country, uint32_t asn, const char *as_org)
{
	image.records[i] = (struct ipacct_geo_record){
		.sequence = 2,
		.key = key_of(i),
		.country = { country[0], country[1] },
		.flags = IPACCT_GEO_KNOWN,
		.asn = asn,
		.as_org = geo_image_text(&image, as_org),
		.generation = (uint32_t)image.header->generation,
	};
}

static inline void store(void)
{
	cr_assert_eq(geo_image_write(&image, path), 0);
}

static inline void geofile_setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, IPACCT_GEO_NAME);
	snprintf(other, sizeof(other), "%s/other", dir);
	geo_image_init(&image, N_RECORDS, STRINGS_BYTES);
	store();
}

static inline void geofile_teardown(void)
{
	geo_image_finish(&image);
	(void)unlink(path);
	(void)unlink(other);
	rmdir(dir);
}

static inline struct ipacct_geo *open_geo(void)
{
	struct ipacct_problem problem;
	struct ipacct_geo *geo;

	cr_assert_eq(ipacct_geo_open(dir, &geo, &problem), 0, "%s", problem.text);
	return geo;
}

static inline int find(struct ipacct_geo *geo, uint32_t i, struct ipacct_geo_info *info)
{
	struct ipacct_key key = key_of(i);

	return ipacct_geo_find(geo, i, &key, info);
}

static inline void expect_open(int error, const char *text)
{
	struct ipacct_problem problem;
	struct ipacct_geo *geo = NULL;

	cr_assert_eq(ipacct_geo_open(dir, &geo, &problem), error);
	cr_assert_str_eq(problem.text, text);
	cr_assert_null(geo);
}

#endif
