// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses by number, and how numbers are drawn. */
#include "gen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 2^32 / golden ratio, odd: multiplying by it permutes the numbers of any power of two and spreads
 * neighbours over all prefixes (Knuth, The Art of Computer Programming 3, 6.4). */
#define SPREAD 0x9e3779b1u

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

void gen_address(int family, bool flood, uint32_t number, uint8_t ret_address[16])
{
	uint32_t spread = number * SPREAD;

	memset(ret_address, 0, 16);
	if (family == 4) {
		memset(ret_address + 10, 0xff, 2);
		/* The documentation blocks of RFC 5737 hold 768 addresses: too few here. RFC 1918
		 * 10.0.0.0/8, and for sources of a flood the reserved 240.0.0.0/4 of RFC 1112 4. */
		if (flood)
			put32(ret_address + 12, 0xf0000000u | (spread & 0x0fffffff));
		else
			put32(ret_address + 12, 0x0a000000u | (spread & 0x00ffffff));
		return;
	}
	/* RFC 9637 3fff::/20: 4096 prefixes of 32 bits */
	put32(ret_address, 0x3fff0000u | spread >> 20);
	ret_address[7] = flood ? 0xf1 : 0xad;
	put32(ret_address + 12, number);
}

uint64_t gen_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Fill alias and keep from weights whose mean is 1 (M. Vose 1991). stack: n numbers. */
static void alias_fill(struct gen_draw *draw, double *weights, uint32_t *stack)
{
	uint32_t n = draw->n, n_small = 0, large = n;

	/* The light ones from the bottom of the stack, the heavy ones from its top. */
	for (uint32_t i = 0; i < n; i++)
		if (weights[i] < 1)
			stack[n_small++] = i;
		else
			stack[--large] = i;
	while (n_small && large < n) {
		uint32_t light = stack[--n_small], heavy = stack[large];

		draw->keep[light] = (uint32_t)(weights[light] * 4294967295.0);
		draw->alias[light] = heavy;
		weights[heavy] -= 1 - weights[light];
		if (weights[heavy] < 1) {
			large++;
			stack[n_small++] = heavy;
		}
	}
	/* What is left has weight 1 but for rounding: its alias is itself. */
	for (uint32_t i = 0; i < n_small; i++)
		draw->alias[stack[i]] = stack[i];
	for (uint32_t i = large; i < n; i++)
		draw->alias[stack[i]] = stack[i];
}

int gen_draw_init(struct gen_draw *draw, uint32_t n, double zipf)
{
	double sum = 0;

	*draw = (struct gen_draw){ .n = n };
	if (zipf <= 0 || !n)
		return 0;

	double *weights = calloc(n, sizeof(*weights));
	uint32_t *stack = calloc(n, sizeof(*stack));

	draw->alias = calloc(n, sizeof(*draw->alias));
	draw->keep = calloc(n, sizeof(*draw->keep));
	if (weights && stack && draw->alias && draw->keep) {
		for (uint32_t i = 0; i < n; i++)
			sum += weights[i] = pow(i + 1.0, -zipf);
		for (uint32_t i = 0; i < n; i++)
			weights[i] *= n / sum;
		alias_fill(draw, weights, stack);
	}

	bool failed = !weights || !stack || !draw->alias || !draw->keep;

	free(weights);
	free(stack);
	if (!failed)
		return 0;
	gen_draw_finish(draw);
	return -ENOMEM;
}

void gen_draw_finish(struct gen_draw *draw)
{
	free(draw->alias);
	free(draw->keep);
	*draw = (struct gen_draw){ 0 };
}

uint32_t gen_draw(const struct gen_draw *draw, uint64_t random)
{
	uint32_t rank = (uint32_t)((random >> 32) * draw->n >> 32);

	if (!draw->alias || (uint32_t)random < draw->keep[rank])
		return rank;
	return draw->alias[rank];
}
