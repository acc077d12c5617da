/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator's own list: sorting and looking up. Reading is in geo_overrides_read.c. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "geo_overrides.h"
#include "geo_overrides_read.h"

bool geo_is_ipv4(const uint8_t *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291 2.5.5.2 */

	return !memcmp(address, mapped, sizeof(mapped));
}

static int compare(const void *a, const void *b)
{
	const struct geo_override *x = a, *y = b;
	int order = (int)x->family - (int)y->family;

	if (!order)
		order = memcmp(x->address, y->address, sizeof(x->address));
	if (!order)
		order = (int)x->prefix_len - (int)y->prefix_len;
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static bool holds(const struct geo_override *prefix, const uint8_t *address)
{
	uint8_t whole = prefix->prefix_len / 8, rest = prefix->prefix_len % 8;

	if (memcmp(address, prefix->address, whole))
		return false;
	return !rest || !((address[whole] ^ prefix->address[whole]) >> (8 - rest));
}

/* The nearest prefix around `address`, from `at` upwards. */
static uint32_t around(const struct geo_overrides *overrides, uint32_t at, uint8_t family,
		       const uint8_t *address)
{
	while (at != GEO_NO_OVERRIDE && (overrides->prefixes[at].family != family ||
					 !holds(&overrides->prefixes[at], address)))
		at = overrides->prefixes[at].parent;
	return at;
}

uint32_t geo_overrides_sort(struct geo_overrides *overrides)
{
	struct geo_override *prefixes = overrides->prefixes;

	if (overrides->n_prefixes)
		qsort(prefixes, overrides->n_prefixes, sizeof(*prefixes), compare);
	overrides->n_ipv4 = 0;
	for (uint32_t i = 0; i < overrides->n_prefixes; i++) {
		struct geo_override *here = &prefixes[i];

		overrides->n_ipv4 += here->family == 4;
		if (i && !memcmp(here[-1].address, here->address, sizeof(here->address)) &&
		    here[-1].prefix_len == here->prefix_len && here[-1].family == here->family)
			return i;
		/* what lies around it was sorted before it, and so was what lies around that */
		here->parent = GEO_NO_OVERRIDE;
		if (i)
			here->parent = around(overrides, i - 1, here->family, here->address);
	}
	return GEO_NO_OVERRIDE;
}

/* The last prefix of [from, to) that begins at or before the address. */
static uint32_t last_before(const struct geo_overrides *overrides, uint32_t from, uint32_t to,
			    const uint8_t *address)
{
	uint32_t first = from;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (memcmp(overrides->prefixes[middle].address, address, 16) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from > first ? from - 1 : GEO_NO_OVERRIDE;
}

const struct geo_override *geo_overrides_find(const struct geo_overrides *overrides,
					      const struct ipacct_key *key)
{
	const uint8_t *address = (const uint8_t *)key->addr_be;
	bool v4 = geo_is_ipv4(address);
	uint32_t at =
		v4 ? last_before(overrides, 0, overrides->n_ipv4, address)
		   : last_before(overrides, overrides->n_ipv4, overrides->n_prefixes, address);

	/* Prefixes are nested or apart. The longest around the address began at or before it and is
	 * the one found, or lies around that one. */
	at = around(overrides, at, v4 ? 4 : 6, address);
	return at == GEO_NO_OVERRIDE ? NULL : &overrides->prefixes[at];
}

uint64_t geo_overrides_bytes(const struct geo_overrides *overrides)
{
	return overrides->n_prefixes * sizeof(*overrides->prefixes) + overrides->names_bytes;
}

void geo_overrides_finish(struct geo_overrides *overrides)
{
	free(overrides->prefixes);
	free(overrides->names);
	memset(overrides, 0, sizeof(*overrides));
}
