/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of the geo file: right answers, also while it is changed. */
#include "geofile_common.h"

TestSuite(geofile, .init = geofile_setup, .fini = geofile_teardown);

Test(geofile, answer_has_every_field_in_every_chunk)
{
	static const uint32_t at[] = { 0, GEO_CHUNK_RECORDS - 1, GEO_CHUNK_RECORDS, N_RECORDS - 1 };
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		put(at[i], "DE", 64500 + at[i], "Example Networks");
		image.records[at[i]].country_name = geo_image_text(&image, "Germany");
		image.records[at[i]].region = geo_image_text(&image, "Hessen");
		image.records[at[i]].city = geo_image_text(&image, "Frankfurt am Main");
		image.records[at[i]].name = geo_image_text(&image, "customers");
		image.records[at[i]].flags |= IPACCT_GEO_OVERRIDE;
	}
	store();
	geo = open_geo();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		cr_assert_eq(find(geo, at[i], &info), 0);
		cr_expect_str_eq(info.country, "DE");
		cr_expect_eq(info.address_class, IPACCT_GEO_GLOBAL);
		cr_expect_eq(info.flags, IPACCT_GEO_KNOWN | IPACCT_GEO_OVERRIDE);
		cr_expect_eq(info.asn, 64500 + at[i]);
		cr_expect_str_eq(info.country_name, "Germany");
		cr_expect_str_eq(info.region, "Hessen");
		cr_expect_str_eq(info.city, "Frankfurt am Main");
		cr_expect_str_eq(info.as_org, "Example Networks");
		cr_expect_str_eq(info.name, "customers");
	}
	ipacct_geo_close(geo);
}

Test(geofile, what_was_not_looked_up_is_no_answer)
{
	struct ipacct_geo_info info;
	struct ipacct_key other_key = key_of(1);
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_expect_eq(find(geo, 1, &info), -ENOENT, "never written");
	cr_expect_eq(ipacct_geo_find(geo, 0, &other_key, &info), -ENOENT, "of another address");
	other_key = key_of(0);
	other_key.domain = 1;
	cr_expect_eq(ipacct_geo_find(geo, 0, &other_key, &info), -ENOENT, "of another domain");
	cr_expect_eq(find(geo, N_RECORDS, &info), -ENOENT, "the file is smaller than the ledger");
	cr_expect_eq(find(geo, IPACCT_INDEX_NONE, &info), -ENOENT, "not in the ledger");
	ipacct_geo_close(geo);
}

Test(geofile, negative_answer_is_an_answer_without_fields)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.records[0].flags = 0;
	image.records[0].address_class = IPACCT_GEO_PRIVATE;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_eq(info.flags, 0);
	cr_expect_eq(info.address_class, IPACCT_GEO_PRIVATE);
	cr_expect_str_eq(info.country, "");
	cr_expect_str_eq(info.as_org, "");
	cr_expect_eq(info.asn, 0);
	ipacct_geo_close(geo);
}

Test(geofile, record_being_written_is_not_read)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.records[0].sequence = 3;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), -EAGAIN);
	image.records[0].sequence = 4;
	store();
	cr_assert_eq(find(geo, 0, &info), -EAGAIN, "one answer between two refreshes");
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	ipacct_geo_close(geo);
}

Test(geofile, refresh_takes_in_new_records_and_names)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_assert_eq(find(geo, 1, &info), -ENOENT);
	put(1, "NL", 64501, "Another");
	image.header->lookups = 2;
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(ipacct_geo_header(geo)->lookups, 2);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.as_org, "Another");
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

/* Names are published before the records that point at them: whoever sees one has the other. */
Test(geofile, name_is_there_when_its_record_is)
{
	struct ipacct_geo *geo = open_geo();
	struct ipacct_geo_info info;

	put(0, "DE", 64500, "Example");
	store();
	cr_assert_eq(find(geo, 0, &info), 0, "its chunk was not read before");
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

Test(geofile, new_databases_replace_the_answer_and_the_old_one_serves_meanwhile)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	put(1, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_assert_eq(find(geo, 1, &info), 0);
	image.header->generation = 2;
	put(0, "AT", 64502, "Third");
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.country, "AT");
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.country, "DE");
	put(1, "AT", 64502, "Third");
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.country, "AT");
	ipacct_geo_close(geo);
}

Test(geofile, larger_file_under_the_same_name_is_followed)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	geo_image_finish(&image);
	geo_image_init(&image, 2 * N_RECORDS, 2 * STRINGS_BYTES);
	put(0, "NL", 64501, "Another");
	put(2 * N_RECORDS - 1, "FR", 64502, "Third");
	cr_assert_eq(geo_image_write(&image, other), 0);
	cr_assert_eq(rename(other, path), 0);
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.country, "NL");
	cr_assert_eq(find(geo, 2 * N_RECORDS - 1, &info), 0);
	cr_expect_str_eq(info.as_org, "Third");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(ipacct_geo_refresh(geo), 0, "without the name the open file still answers");
	cr_assert_eq(find(geo, 0, &info), 0);
	ipacct_geo_close(geo);
}

Test(geofile, names_are_safe_and_bounded)
{
	char text[GEO_TEXT_BYTES + 8];
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	memset(text, 'a', sizeof(text));
	text[GEO_TEXT_BYTES - 1] = '\0';
	put(0, "DE", 1, text); /* just fits */
	text[GEO_TEXT_BYTES - 1] = 'a';
	text[GEO_TEXT_BYTES] = '\0';
	put(1, "DE", 1, text); /* one too long */
	memcpy(text + GEO_TEXT_BYTES - 2, "\xe2\x82\xac", 4);
	put(2, "DE", 1, text); /* cut inside a character */
	put(3, "DE", 1, "a\033[31m\xff\n\xc3\xa4");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 1);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 1);
	cr_assert_eq(find(geo, 2, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 2);
	cr_assert_eq(find(geo, 3, &info), 0);
	cr_expect_str_eq(info.as_org, "a?[31m??\xc3\xa4");
	ipacct_geo_close(geo);
}

/* The table's end is written with the text before it; a name that is not ended yet waits. */
Test(geofile, unfinished_name_is_not_read)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.header->strings_bytes -= 3;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), -ENOENT);
	image.header->strings_bytes += 3;
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

Test(geofile, every_class_has_a_name)
{
	for (unsigned int i = 0; i < IPACCT_GEO_CLASSES; i++)
		cr_expect_not_null(ipacct_geo_class_name(i));
	cr_expect_null(ipacct_geo_class_name(IPACCT_GEO_CLASSES));
	cr_expect_str_eq(ipacct_geo_class_name(IPACCT_GEO_RESERVED), "reserved");
}
