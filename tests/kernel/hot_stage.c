/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stage with the smallest hot tier. */
#include "hot_stage.h"

#include <arpa/inet.h>
#include <string.h>

#include <criterion/criterion.h>

#include "hot_lines.h"
#include "hot_place.h"

void hot_stage_open(struct stage *stage, uint32_t lru_entries)
{
	stage_open_setup(stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
						       .hot = true,
						       .lru_entries = lru_entries,
						       .hot_sets = HOT_SETS });
	stage_pin_to(0);
}

void hot_stage_send(const struct stage *stage, bool ipv6, uint64_t from, uint64_t to)
{
	if (ipv6)
		stage_send6(stage, from, to);
	else
		stage_send(stage, (uint32_t)from, (uint32_t)to);
}

struct ipacct_key hot_stage_key(bool ipv6, uint64_t low)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff), htonl((uint32_t)low) } };

	if (ipv6)
		key = (struct ipacct_key){ .addr_be = { htonl(0x20010db8), 0,
							htonl((uint32_t)(low >> 32)),
							htonl((uint32_t)low) } };
	return key;
}

struct ipacct_counters hot_stage_counters(const struct stage *stage, struct ipacct_key key)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	struct ipacct_counters found = {};

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		if (!memcmp(&snapshot->addresses[i].key, &key, sizeof(key)))
			found = snapshot->addresses[i].counters;
	cr_expect_eq(snapshot->conservation.error_packets, 0);
	ipacct_snapshot_destroy(snapshot);
	return found;
}

void hot_stage_lines(const struct ipacct_key *key, bool ipv6, uint64_t seed, uint32_t n_sets,
		     uint32_t ret_lines[2])
{
	uint64_t hash = hot_key_hash(key, seed, ipv6);

	ret_lines[0] = hot_home(hash, n_sets * hot_ways(ipv6));
	ret_lines[1] = hot_away(hash, n_sets * hot_ways(ipv6));
}

void hot_stage_sets(const struct stage *stage, bool ipv6, uint64_t low, uint32_t ret_sets[2])
{
	struct ipacct_key key = hot_stage_key(ipv6, low);

	hot_stage_lines(&key, ipv6, stage->maps.ctl->seed, HOT_SETS, ret_sets);
	ret_sets[0] /= hot_ways(ipv6);
	ret_sets[1] /= hot_ways(ipv6);
}
