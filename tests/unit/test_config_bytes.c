/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file: whatever its bytes, a whole configuration or one line with a position. */
#include "config_common.h"

#define N_MUTATIONS 10000

Test(config_bytes, every_malformed_utf8_sequence_is_refused_where_it_begins)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[32], expected[64];

		(void)snprintf(text, sizeof(text), "# a\n# \xc3\xa9%s", bad[i]);
		(void)snprintf(expected, sizeof(expected), "f.yaml:2:4: byte 0x%02x is not UTF-8",
			       (unsigned char)bad[i][0]);
		expect_bad(text, expected);
	}
}

Test(config_bytes, every_well_formed_character_is_legal_in_a_comment)
{
	struct config config;

	expect_good("# \xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 "
		    "\xf4\x8f\xbf\xbf\t\ninterval: 5s\n",
		    &config);
	cr_expect_eq(config.interval_ns, 5 * S_NS);
}

/* T-RELOAD: whatever the bytes, either a whole configuration or one line with a position. */
static void check_mutant(const char *text, size_t text_bytes)
{
	struct config config, before;
	char error[ERROR_BYTES] = "";
	size_t line, column;
	int ret, n = 0;

	memset(&config, 0x5a, sizeof(config));
	before = config;
	ret = parse_bytes(text, text_bytes, &config, error);
	if (!ret) {
		cr_assert_leq(config.n_interfaces, IPACCT_IFS_MAX);
		cr_assert(config.interval_ns >= 100 * MS_NS && config.interval_ns <= 3600 * S_NS);
		return;
	}
	cr_assert_eq(ret, -EINVAL);
	cr_assert_eq(memcmp(&config, &before, sizeof(config)), 0);
	cr_assert_eq(sscanf(error, "f.yaml:%zu:%zu: %n", &line, &column, &n), 2, "%s", error);
	cr_assert(line >= 1 && column >= 1 && n > 0 && error[n], "%s", error);
	cr_assert_null(strpbrk(error, "\n\r\033"), "%s", error);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth, MMIX */
	return *state >> 33;
}

Test(config_bytes, ten_thousand_mutated_files_are_read_whole_or_refused_with_a_position)
{
	static const char spice[] = "\n\t:-[]{},&*!|>'\"%@`#? 0\\\0\xff\xc3";
	size_t text_bytes;
	char *text = golden_read("good_all_keys.yaml", &text_bytes);
	uint64_t state = 2;
	char *mutant = malloc(text_bytes);
	unsigned int n_refused = 0;

	cr_assert_not_null(mutant);
	for (unsigned int i = 0; i < N_MUTATIONS; i++) {
		size_t n_changes = 1 + next_random(&state) % 3;
		struct config config;
		char error[ERROR_BYTES];

		memcpy(mutant, text, text_bytes);
		while (n_changes--)
			mutant[next_random(&state) % text_bytes] =
				spice[next_random(&state) % (sizeof(spice) - 1)];
		check_mutant(mutant, text_bytes);
		n_refused += parse_bytes(mutant, text_bytes, &config, error) != 0;
	}
	/* Both outcomes must have been seen, or the loop proves nothing. */
	cr_expect_gt(n_refused, N_MUTATIONS / 2);
	cr_expect_lt(n_refused, N_MUTATIONS);
	free(mutant);
	free(text);
}

Test(config_bytes, file_cut_anywhere_is_read_whole_or_refused_with_a_position)
{
	size_t text_bytes;
	char *text = golden_read("good_all_keys.yaml", &text_bytes);

	for (size_t n = 0; n <= text_bytes; n++) {
		char *part = malloc(n + 1); /* of that size: the sanitizer sees a read beyond it */

		cr_assert_not_null(part);
		memcpy(part, text, n);
		check_mutant(part, n);
		free(part);
	}
	free(text);
}
