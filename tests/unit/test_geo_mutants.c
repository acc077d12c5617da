/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 10,000 mutated databases: opened and asked, or refused; never more than that. */
#include <criterion/criterion.h>

#include "../fuzz/fuzz_mmdb.h"
#include "mmdb_make.h"

#define N_MUTANTS 10000u

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth, MMIX */
	return *state >> 33;
}

static void put_nested(struct mmdb_make *m, uint32_t i)
{
	char code[3] = { (char)('A' + i % 26), (char)('A' + i / 26 % 26), '\0' };

	mmdb_map(m, 3);
	mmdb_text(m, "country");
	mmdb_map(m, 2);
	mmdb_text(m, "iso_code");
	mmdb_text(m, code);
	mmdb_text(m, "names");
	mmdb_map(m, 2);
	mmdb_text(m, "de");
	mmdb_text(m, "Land");
	mmdb_text(m, "en");
	mmdb_text(m, "Country");
	mmdb_text(m, "subdivisions");
	mmdb_array(m, 1);
	mmdb_map(m, 1);
	mmdb_text(m, "names");
	mmdb_map(m, 1);
	mmdb_text(m, "en");
	mmdb_text(m, "Region");
	mmdb_text(m, "autonomous_system_number");
	mmdb_uint32(m, 64500 + i);
}

static void put_flat(struct mmdb_make *m, uint32_t i)
{
	char asn[16];

	(void)snprintf(asn, sizeof(asn), "AS%u", 64500 + i);
	mmdb_map(m, 4);
	mmdb_text(m, "country");
	mmdb_text(m, "Country");
	mmdb_text(m, "country_code");
	mmdb_text(m, "CC");
	mmdb_text(m, "asn");
	mmdb_text(m, asn);
	mmdb_text(m, "as_name");
	mmdb_text(m, "Name");
}

/* Small, so that a mutation often hits something that matters; with pointers, as real ones have. */
static char *seed_make(bool flat, uint16_t record_size, size_t *ret_bytes)
{
	struct mmdb_make make;
	char *bytes;

	mmdb_init(&make);
	make.record_size = record_size;
	for (uint32_t i = 0; i < 6; i++) {
		uint8_t v6[16] = { 0x20, (uint8_t)(i * 16) };
		uint32_t at = mmdb_here(&make);

		(flat ? put_flat : put_nested)(&make, i);
		mmdb_insert4(&make, i << 26, 6, at);
		at = mmdb_here(&make);
		mmdb_map(&make, 1);
		mmdb_text(&make, "country");
		mmdb_pointer(&make, 9); /* the value of the first entry */
		mmdb_insert(&make, v6, 12, at);
	}
	bytes = mmdb_build(&make, ret_bytes);
	mmdb_finish(&make);
	return bytes;
}

/* In place; returns the new length. */
static size_t mutate(char *bytes, size_t n, uint64_t *state)
{
	static const uint8_t spice[] = { 0, 1, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xe0, 0xff };
	size_t n_changes = 1 + next_random(state) % 4;

	while (n_changes--) {
		size_t at = next_random(state) % n, other = next_random(state) % n;
		size_t length = next_random(state) % 16;

		switch (next_random(state) % 8) {
		case 0: /* a shorter file */
			n = 1 + at;
			break;
		case 1: /* a piece of itself at another place */
			length = length < n - at ? length : n - at;
			length = length < n - other ? length : n - other;
			memmove(bytes + at, bytes + other, length);
			break;
		case 2:
			bytes[at] = (char)next_random(state);
			break;
		case 3:
			bytes[at] = (char)(bytes[at] + (next_random(state) % 2 ? 1 : -1));
			break;
		default:
			bytes[at] = (char)spice[next_random(state) % sizeof(spice)];
		}
	}
	return n;
}

Test(geo_mutants, are_answered_or_refused, .timeout = 120)
{
	uint64_t state = 5;
	unsigned int n_of[3] = {};

	for (unsigned int i = 0; i < N_MUTANTS; i++) {
		size_t n;
		char *bytes = seed_make(i % 2, (uint16_t)(24 + i % 3 * 4), &n), *exact;

		if (i < 6)
			cr_assert_eq(fuzz_mmdb((uint8_t *)bytes, n), FUZZ_MMDB_ANSWERED, "seed %u",
				     i);
		n = mutate(bytes, n, &state);
		exact = malloc(n); /* of that size: the sanitizer sees a read beyond it */
		memcpy(exact, bytes, n);
		n_of[fuzz_mmdb((uint8_t *)exact, n)]++;
		free(exact);
		free(bytes);
	}
	/* Each outcome must have been seen often, or the loop proves little. */
	cr_expect_gt(n_of[FUZZ_MMDB_REFUSED], N_MUTANTS / 10);
	cr_expect_gt(n_of[FUZZ_MMDB_ANSWERED], N_MUTANTS / 10);
}
