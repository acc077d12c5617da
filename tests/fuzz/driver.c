// SPDX-License-Identifier: GPL-2.0-or-later
/* A libFuzzer target without libFuzzer, for continuous integration: driver N FILE... runs each file as
 * it is and N times damaged, always in the same way. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1u << 20)
#define CHANGES_MAX    8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Marsaglia, Xorshift RNGs (2003), the 64-bit triple 13, 7, 17 and its example seed. */
static uint64_t state = 88172645463325252ULL;

static uint64_t draw(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

/* One place of the file: another octet, a length that is at an edge, or the end. */
static size_t damage(uint8_t *octets, size_t n_bytes)
{
	static const uint32_t edges[] = { 0,          1,          11,         12,
					  0x7fffffff, 0xffffffff, 0x80000000, 0x00040000,
					  0x00040001, 0x10000 };
	size_t at = draw(n_bytes);
	uint32_t edge = edges[draw(sizeof(edges) / sizeof(edges[0]))];

	switch (draw(8)) {
	case 0:
		return at + 1;
	case 1:
	case 2:
		at &= ~(size_t)3; /* where lengths lie */
		if (draw(2))
			edge = __builtin_bswap32(edge);
		if (at + sizeof(edge) <= n_bytes)
			memcpy(octets + at, &edge, sizeof(edge));
		return n_bytes;
	default:
		octets[at] = (uint8_t)(draw(2) ? octets[at] ^ 1u << draw(8) : draw(256));
		return n_bytes;
	}
}

static size_t file_read(const char *path, uint8_t *octets)
{
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(octets, 1, FILE_BYTES_MAX, file) : 0;

	if (n)
		(void)fclose(file);
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t file[FILE_BYTES_MAX], damaged[FILE_BYTES_MAX];
	long n_runs = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

	for (int i = 2; i < argc; i++) {
		size_t n_bytes = file_read(argv[i], file);

		if (!n_bytes) {
			(void)fprintf(stderr, "driver: cannot read %s\n", argv[i]);
			return 1;
		}
		(void)LLVMFuzzerTestOneInput(file, n_bytes); /* always 0 */
		for (long run = 0; run < n_runs; run++) {
			uint64_t n_changes = 1 + draw(CHANGES_MAX);
			size_t n = n_bytes;

			memcpy(damaged, file, n_bytes);
			while (n_changes--)
				n = damage(damaged, n);
			(void)LLVMFuzzerTestOneInput(damaged, n); /* always 0 */
		}
		printf("%s: %ld damaged copies read\n", argv[i], n_runs);
	}
	return argc > 2 && n_runs > 0 ? 0 : 2;
}
