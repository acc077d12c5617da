/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of the geo file: no answer from a file that is not right. */
#include <sys/stat.h>

#include "geofile_common.h"

TestSuite(geofile_broken, .init = geofile_setup, .fini = geofile_teardown);

Test(geofile_broken, truncated_file_kills_nobody)
{
	static const off_t cuts[] = { 0, IPACCT_GEO_HEADER_BYTES,
				      IPACCT_GEO_HEADER_BYTES + 100 * 64 + 7 };
	struct ipacct_geo_info info;

	put(5, "DE", 64500, "Example");
	put(N_RECORDS - 1, "DE", 64500, "Example");
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct ipacct_geo *geo;

		store();
		geo = open_geo();
		cr_assert_eq(find(geo, 5, &info), 0);
		cr_assert_eq(truncate(path, cuts[i]), 0);
		cr_expect_eq(find(geo, N_RECORDS - 1, &info), -ENOENT);
		cr_expect_eq(ipacct_geo_refresh(geo), -EBADMSG);
		cr_expect_eq(find(geo, 5, &info), 0, "what was read before still answers");
		cr_expect_str_eq(info.as_org, "Example");
		ipacct_geo_close(geo);
		cr_assert_eq(unlink(path), 0);
	}
}

/* Each would be a wrong answer: no field of such a record is believed. */
Test(geofile_broken, record_no_worker_writes_is_no_answer)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	for (uint32_t i = 0; i < 6; i++)
		put(i, "DE", 64500, "Example");
	image.records[1].address_class = IPACCT_GEO_CLASSES;
	image.records[2].city = image.header->strings_bytes;
	image.records[3].region = UINT32_MAX;
	image.records[4].as_org++; /* "xample" */
	image.records[5].country[0] = '<';
	store();
	geo = open_geo();
	cr_expect_eq(find(geo, 0, &info), 0);
	for (uint32_t i = 1; i < 6; i++)
		cr_expect_eq(find(geo, i, &info), -ENOENT, "record %u", i);
	ipacct_geo_close(geo);
}

Test(geofile_broken, file_that_is_none_is_refused_with_the_reason)
{
	char text[256];

	image.header->magic++;
	store();
	expect_open(-EBADMSG, "the geo file does not begin like one");
	image.header->magic--;
	image.header->version = 2;
	store();
	expect_open(-EPROTO, "the geo file has version 2, this program reads version 1");
	image.header->version = IPACCT_GEO_VERSION;
	image.header->record_bytes++;
	store();
	expect_open(-EPROTO, "the geo file claims version 1 but other record sizes");
	image.header->record_bytes--;
	store();
	cr_assert_eq(truncate(path, 100), 0);
	expect_open(-EBADMSG, "the geo file is too short to be one");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_open(-EBADMSG, "the geo file is too short to be one");
	cr_assert_eq(unlink(path), 0);
	snprintf(text, sizeof(text), "cannot open %s: No such file or directory", path);
	expect_open(-ENOENT, text);
}

/* Each size at its limit is taken, one above it is refused. */
Test(geofile_broken, layout_that_does_not_fit_is_refused)
{
	static const char *const why = "the geo file is shorter than its header says";
	struct ipacct_geo_header good = *image.header;

	image.header->file_bytes++;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->n_records_max++;
	store();
	expect_open(-EBADMSG, why);
	image.header->n_records_max = UINT32_MAX;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_bytes_max++;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_at = UINT64_MAX;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_bytes = image.header->strings_bytes_max + 1;
	store();
	expect_open(-EBADMSG, why);
	image.header->strings_bytes = image.header->strings_bytes_max;
	store();
	ipacct_geo_close(open_geo());
}

Test(geofile_broken, path_that_does_not_fit_is_refused)
{
	char long_dir[GEO_PATH_BYTES];
	struct ipacct_geo *geo;

	memset(long_dir, 'd', sizeof(long_dir));
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME) - 1] = '\0';
	cr_expect_neq(ipacct_geo_open(long_dir, &geo, NULL), 0);
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME) - 1] = 'd';
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME)] = '\0';
	cr_expect_eq(ipacct_geo_open(long_dir, &geo, NULL), -ENAMETOOLONG);
}
