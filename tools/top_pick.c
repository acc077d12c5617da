// SPDX-License-Identifier: GPL-2.0-or-later
/* The first n of many: a heap of n whose root is the last of them, so that most offers cost one look. */
#include "top_view.h"

static void swap(struct top_pick *a, struct top_pick *b)
{
	struct top_pick held = *a;

	*a = *b;
	*b = held;
}

/* Let the pick at the root sink to where it belongs. */
static void sink(struct top_pick *picks, size_t n, top_before_fn *before, const void *context)
{
	size_t at = 0;

	for (;;) {
		size_t last = at, left = 2 * at + 1, right = left + 1;

		if (left < n && before(context, &picks[last], &picks[left]))
			last = left;
		if (right < n && before(context, &picks[last], &picks[right]))
			last = right;
		if (last == at)
			return;
		swap(&picks[at], &picks[last]);
		at = last;
	}
}

void top_pick_offer(struct top_pick *picks, size_t *n_picks, size_t n, struct top_pick pick,
		    top_before_fn *before, const void *context)
{
	size_t at = *n_picks;

	if (n == 0)
		return;
	if (at == n) {
		if (!before(context, &pick, &picks[0]))
			return;
		picks[0] = pick;
		sink(picks, n, before, context);
		return;
	}
	picks[(*n_picks)++] = pick;
	while (at > 0 && before(context, &picks[(at - 1) / 2], &picks[at])) {
		swap(&picks[at], &picks[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

void top_pick_order(struct top_pick *picks, size_t n_picks, top_before_fn *before,
		    const void *context)
{
	while (n_picks > 1) {
		swap(&picks[0], &picks[--n_picks]);
		sink(picks, n_picks, before, context);
	}
}
