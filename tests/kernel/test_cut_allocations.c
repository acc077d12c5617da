/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cut allocates nothing once its tables have their size. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "sanitized.h"
#include "stage.h"

#define N_ADDRESSES 3000u /* twice: sources and destinations */
#define N_CUTS      100
#define N_WARM_UP   30 /* until tables have their size and the ledger is full */

#if SANITIZED || !defined(__GLIBC__)
#define CANNOT_COUNT 1
#else
#define CANNOT_COUNT 0
/* glibc's own, under the names it keeps for whoever stands in front of malloc. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);

static unsigned long n_allocations;

void *malloc(size_t bytes)
{
	n_allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	n_allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
	n_allocations++;
	return __libc_realloc(at, bytes);
}
#endif

/* step: by how many addresses the crowd of each cut is another one. */
static void cuts_allocate_nothing(uint32_t n_addresses_max, bool hot, uint32_t step)
{
#if !CANNOT_COUNT
	struct stage_setup setup = { .memory_bytes = 48 << 20,
				     .hot = hot,
				     .n_addresses_max = n_addresses_max };
	struct stage stage = {};
	unsigned long during = 0;

	stage_pin_to(0); /* one partition */
	stage_open_setup(&stage, &setup);
	for (int cut = -N_WARM_UP; cut < N_CUTS; cut++) {
		uint32_t first = step * (uint32_t)(cut + N_WARM_UP);
		unsigned long before;

		for (uint32_t i = first; i < first + N_ADDRESSES; i++)
			stage_send(&stage, 0x0a000000 + i, 0x0b000000 + i);
		before = n_allocations;
		stage_cut(&stage);
		if (cut >= 0)
			during += n_allocations - before;
	}
	cr_assert_gt(n_allocations, 0, "nothing was counted");
	cr_assert_eq(during, 0, "%lu allocations in %d cuts", during, N_CUTS);
	if (n_addresses_max) {
		const struct ipacct_ledger_header *header = stage.cutter.publisher.ledger.header;

		cr_assert_gt(header->version[0].folded_records, 0, "the ledger was not full");
	}
	stage_close(&stage);
#else
	(void)n_addresses_max;
	(void)hot;
	(void)step;
	cr_skip_test("needs glibc's malloc");
#endif
}

Test(cut_allocations, none_with_the_lru_tier_alone, .timeout = 60)
{
	cuts_allocate_nothing(0, false, 0);
}

Test(cut_allocations, none_with_the_hot_tier, .timeout = 60)
{
	cuts_allocate_nothing(0, true, 0);
}

Test(cut_allocations, none_while_a_full_ledger_folds, .timeout = 60)
{
	cuts_allocate_nothing(2 * N_ADDRESSES + 500, true, 20);
}
