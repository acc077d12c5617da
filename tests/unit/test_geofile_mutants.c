/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 100,000 geo files, each with something broken in it, through fuzz/fuzz_geofile.c. */
#include <arpa/inet.h>
#include <stddef.h>

#include <criterion/criterion.h>

#include "../fuzz/fuzz_geofile.h"
#include "../geo_image.h"
#include "base/mix.h"

#define MUTANTS       100000u
#define N_RECORDS     24u
#define STRINGS_BYTES 512u
#define SEED          20260101u /* any: the run is the same each time */

static uint64_t random_state = SEED;

static uint32_t random_below(uint32_t n)
{
	random_state++;
	return (uint32_t)(ipacct_mix64(random_state) % n);
}

static void fill(struct geo_image *image)
{
	static const char *const texts[] = { "Germany",          "Hessen",    "Frankfurt am Main",
					     "Example Networks", "customers", "\xc3\x96sterreich" };
	uint32_t offsets[6];

	geo_image_init(image, N_RECORDS, STRINGS_BYTES);
	for (unsigned int i = 0; i < 6; i++)
		offsets[i] = geo_image_text(image, texts[i]);
	strcpy(image->header->databases[0].path, "/var/lib/ipacct/country.mmdb");
	for (uint32_t i = 0; i < N_RECORDS; i++)
		image->records[i] = (struct ipacct_geo_record){
			.sequence = 2 * (i % 5),
			.key.addr_be = { 0, 0, htonl(0xffff), htonl(0xc0000200 + i) },
			.country = { 'D', 'E' },
			.address_class = i % IPACCT_GEO_CLASSES,
			.flags = i % 4,
			.asn = 64500 + i,
			.country_name = offsets[i % 6],
			.region = offsets[(i + 1) % 6],
			.city = offsets[(i + 2) % 6],
			.as_org = offsets[(i + 3) % 6],
			.name = offsets[(i + 4) % 6],
			.generation = i % 2,
		};
}

/* Somewhere in the file: the header's used part, the records and the strings equally often. */
static size_t place(const struct geo_image *image)
{
	switch (random_below(3)) {
	case 0:
		return random_below(offsetof(struct ipacct_geo_header, databases) + 288);
	case 1:
		return IPACCT_GEO_HEADER_BYTES + random_below(N_RECORDS * 64);
	default:
		return image->bytes - 1 - random_below(STRINGS_BYTES);
	}
}

static void mutate(const struct geo_image *image, uint8_t *data, size_t *bytes)
{
	static const uint32_t values[] = { 0,          1,          255,        4096,
					   0x7fffffff, 0x80000000, UINT32_MAX, UINT32_MAX - 1 };
	size_t at = place(image);
	uint32_t value;

	switch (random_below(6)) {
	case 0:
		data[at] ^= (uint8_t)(1u << random_below(8));
		break;
	case 1:
		data[at] = (uint8_t)random_below(256);
		break;
	case 2:
		data[at] = 0;
		break;
	case 3: /* a field: near its value, or at the end of its range */
		at &= ~(size_t)3;
		memcpy(&value, data + at, sizeof(value));
		value = random_below(2) ? value + random_below(5) - 2 : values[random_below(8)];
		memcpy(data + at, &value, sizeof(value));
		break;
	case 4: /* a piece of it elsewhere */
		memmove(data + at, data + place(image) / 2, image->bytes - at < 16 ? 1 : 16);
		break;
	default:
		if (random_below(4) == 0)
			*bytes = random_below((uint32_t)image->bytes + 1);
	}
}

Test(geofile_mutants, no_broken_file_hurts_or_deceives)
{
	struct geo_image image;
	uint8_t *data;

	fill(&image);
	data = malloc(image.bytes);
	cr_assert_not_null(data);
	for (uint32_t i = 0; i < MUTANTS; i++) {
		size_t bytes = image.bytes;
		uint32_t n = 1 + random_below(4);

		memcpy(data, image.at, image.bytes);
		while (n--)
			mutate(&image, data, &bytes);
		(void)LLVMFuzzerTestOneInput(data, bytes);
	}
	/* else the mutants are too dull or too wild */
	cr_expect_gt(fuzz_geo_seen.opened, MUTANTS / 4);
	cr_expect_gt(fuzz_geo_seen.refused, MUTANTS / 10);
	cr_expect_gt(fuzz_geo_seen.answers, MUTANTS);
	cr_expect_gt(fuzz_geo_seen.no_answers, MUTANTS);
	free(data);
	geo_image_finish(&image);
}
