/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: a frame through the program's own parser, compiled for this machine, and through the
 * second implementation of the rules. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check(const struct outcome *outcome, size_t n_bytes)
{
	require(outcome->ignored >= OUTCOME_ACCOUNTED &&
		outcome->ignored < (int)IPACCT_IGNORED_REASONS);
	if (outcome->ignored != OUTCOME_ACCOUNTED)
		return;
	require(outcome->family == 4 || outcome->family == 6);
	require(outcome->protocol >= 0 && outcome->protocol < (int)IPACCT_PROTOCOLS);
	require(outcome->l3_bytes > 0 && outcome->l3_bytes < n_bytes);
}

static void compare(const struct outcome *native, const struct outcome *reference, size_t n_bytes)
{
	require(native->ignored == reference->ignored && native->family == reference->family &&
		native->protocol == reference->protocol &&
		native->fragment == reference->fragment && native->tunnel == reference->tunnel &&
		native->l3_bytes == reference->l3_bytes);
	require(!memcmp(native->source, reference->source, sizeof(native->source)));
	require(!memcmp(native->destination, reference->destination, sizeof(native->destination)));
	check(native, n_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct outcome native, reference;

	native_account(data, n_bytes, &native);
	reference_account(data, n_bytes, &reference);
	compare(&native, &reference, n_bytes);
	require(native.tunnel == OUTCOME_NO_TUNNEL);
	native_account_inner(data, n_bytes, &native);
	reference_account_inner(data, n_bytes, &reference);
	compare(&native, &reference, n_bytes);
	return 0;
}
