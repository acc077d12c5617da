/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes in the map that the program asks. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "guard.h"

#define DOMAIN_BITS    16u
#define IPV4_FIRST_BIT 96u /* of an address as ::ffff:a.b.c.d, RFC 4291 2.5.5.2 */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ipacct_guard_key));
}

static int compare_prefixes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct config_prefix));
}
_Static_assert(sizeof(struct config_prefix) == sizeof(struct ipacct_guard_key) + 4, "no padding");

/* Sort, and keep one of equal ones; returns how many are left. */
static size_t unique(void *elements, size_t n, size_t bytes,
		     int (*compare)(const void *a, const void *b))
{
	char *at = elements;
	size_t kept = 0;

	if (n)
		qsort(elements, n, bytes, compare);
	for (size_t i = 0; i < n; i++)
		if (!i || compare(at + i * bytes, at + (kept - 1) * bytes))
			memmove(at + kept++ * bytes, at + i * bytes, bytes);
	return kept;
}

int guard_set_make(struct config_prefix *prefixes, size_t n, const uint16_t *domains,
		   size_t n_domains, struct guard_set *ret_set, struct ipacct_problem *ret_problem)
{
	struct guard_set set = { .n_prefixes =
					 unique(prefixes, n, sizeof(*prefixes), compare_prefixes) };
	size_t most = set.n_prefixes * (n_domains ? n_domains : 1);

	set.keys = calloc(most + 1, sizeof(*set.keys));
	if (!set.keys)
		return -ENOMEM;
	for (size_t i = 0; i < set.n_prefixes; i++) {
		for (size_t k = 0; k < n_domains && prefixes[i].every_domain; k++) {
			set.keys[set.n] = prefixes[i].key;
			set.keys[set.n++].domain_be = htons(domains[k]);
		}
		if (!prefixes[i].every_domain)
			set.keys[set.n++] = prefixes[i].key;
	}
	set.n = unique(set.keys, set.n, sizeof(*set.keys), compare_keys);
	if (set.n > IPACCT_GUARD_MAX) {
		ipacct_problem_set(ret_problem,
				   "%zu protected prefixes in %zu domains make %zu entries, more "
				   "than %u: name the domain of those that need only one",
				   set.n_prefixes, n_domains, set.n, IPACCT_GUARD_MAX);
		guard_set_finish(&set);
		return -E2BIG;
	}
	*ret_set = set;
	return 0;
}

int guard_set_read(int guard_fd, struct guard_set *ret_set)
{
	struct ipacct_guard_key *keys __cleanup(cleanup_free) = NULL;
	size_t n = 0, room = 2 * IPACCT_GUARD_MAX; /* as many as the map takes */

	keys = malloc(room * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	while (n < room && !bpf_map_get_next_key(guard_fd, n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	if (n < room && errno != ENOENT)
		return -errno;
	*ret_set = (struct guard_set){ .n = unique(keys, n, sizeof(*keys), compare_keys) };
	ret_set->keys = take_ptr(keys);
	return 0;
}

void guard_set_finish(struct guard_set *set)
{
	free(set->keys);
	memset(set, 0, sizeof(*set));
}

bool guard_set_equal(const struct guard_set *a, const struct guard_set *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->keys, b->keys, a->n * sizeof(*a->keys)));
}

static bool is_in(const struct guard_set *set, const struct ipacct_guard_key *key)
{
	return set->n && bsearch(key, set->keys, set->n, sizeof(*key), compare_keys);
}

static void bits_set(struct ipacct_guard_bits *bits, uint32_t bit)
{
	bits->word[bit / 64] |= 1ULL << (bit % 64);
}

/* Every bit that a key in the prefix may have. */
static void bits_add(struct ipacct_guard_bits *bits, const struct ipacct_guard_key *key)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	uint32_t length = key->prefixlen - DOMAIN_BITS, first, n;
	bool ipv4 = length >= IPV4_FIRST_BIT && !memcmp(key->address, mapped, sizeof(mapped));

	memcpy(&first, key->address + (ipv4 ? sizeof(mapped) : 0), sizeof(first));
	first = ntohl(first);
	if (ipv4) {
		length -= IPV4_FIRST_BIT;
		n = length < 16 ? 1u << (16 - length) : 1;
		for (uint32_t i = 0; i < n; i++)
			bits_set(bits, IPACCT_GUARD_BIT4(first) + i);
		return;
	}
	/* below 16 bits: all 65,536 */
	n = length < 16 ? 1u << 16 : length < 32 ? 1u << (32 - length) : 1;
	for (uint32_t i = 0; i < n; i++)
		bits_set(bits, IPACCT_GUARD_BIT6(first + i));
}

static int bits_write(const struct ipacct_maps *maps, const struct guard_set *a,
		      const struct guard_set *b)
{
	struct ipacct_guard_bits bits = {};
	uint32_t zero = 0;

	for (size_t i = 0; i < a->n; i++)
		bits_add(&bits, &a->keys[i]);
	for (size_t i = 0; i < b->n; i++)
		bits_add(&bits, &b->keys[i]);
	return bpf_map_update_elem(maps->guardmap_fd, &zero, &bits, BPF_ANY) ? -errno : 0;
}

/* The bits go before the prefixes that need them, and stay until those are gone. */
int guard_add(const struct ipacct_maps *maps, const struct guard_set *have,
	      const struct guard_set *wanted, struct ipacct_problem *ret_problem)
{
	int ret = bits_write(maps, have, wanted);
	uint32_t value = 1;
	size_t i;

	for (i = 0; i < wanted->n && !ret; i++)
		if (!is_in(have, &wanted->keys[i]) &&
		    bpf_map_update_elem(maps->guard_fd, &wanted->keys[i], &value, BPF_ANY))
			ret = -errno;
	if (!ret)
		return 0;
	ipacct_problem_set(ret_problem,
			   "cannot protect prefix %zu of %zu (%s): the list stays as it was", i,
			   wanted->n, strerror(-ret));
	while (i--)
		if (!is_in(have, &wanted->keys[i])) /* what fails protects more than was asked */
			(void)bpf_map_delete_elem(maps->guard_fd, &wanted->keys[i]);
	return ret;
}

int guard_remove(const struct ipacct_maps *maps, const struct guard_set *have,
		 const struct guard_set *wanted, struct ipacct_problem *ret_problem)
{
	int ret = 0;

	for (size_t i = 0; i < have->n; i++)
		if (!is_in(wanted, &have->keys[i]) &&
		    bpf_map_delete_elem(maps->guard_fd, &have->keys[i]) && errno != ENOENT)
			ret = -errno;
	if (!ret)
		ret = bits_write(maps, wanted, &(struct guard_set){});
	if (ret)
		ipacct_problem_set(ret_problem,
				   "prefixes that are no longer in the list stay protected: %s",
				   strerror(-ret));
	return ret;
}

bool guard_any(int guard_fd)
{
	struct ipacct_guard_key key;

	return !bpf_map_get_next_key(guard_fd, NULL, &key);
}
