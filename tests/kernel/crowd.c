// SPDX-License-Identifier: GPL-2.0-or-later
/* Pinned maps and traffic for readers. */
#include "crowd.h"

#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "counters_math.h"
#include "maps_make.h"

#define HOT_SETS 64u
#define HONEST4  0xc0000200u /* RFC 5737 */
#define HONEST6  0x0001000000000000ull
#define FLOOD4   0x0a000000u
#define BPFFS    "/mnt" /* in a mount namespace of this process */

void crowd_unpin(void)
{
	(void)umount2(BPFFS, MNT_DETACH); /* there may be none */
}

void crowd_pin(const struct ipacct_maps *maps)
{
	crowd_unpin();
	cr_assert_eq(mount("bpf", BPFFS, "bpf", 0, NULL), 0);
	cr_assert_eq(maps_pin(maps, BPFFS, 0), 0);
}

void crowd_open_setup(struct crowd *crowd, struct stage_setup setup)
{
	setup.memory_bytes = 48 << 20;
	if (setup.hot && !setup.hot_sets)
		setup.hot_sets = HOT_SETS;
	memset(crowd, 0, sizeof(*crowd));
	stage_pin_to(0); /* one partition */
	stage_open_setup(&crowd->stage, &setup);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	crowd_pin(&crowd->stage.maps);
	crowd_reader(crowd);
}

void crowd_open(struct crowd *crowd, bool hot, uint32_t lru_entries)
{
	crowd_open_setup(crowd, (struct stage_setup){ .hot = hot, .lru_entries = lru_entries });
}

void crowd_reader(struct crowd *crowd)
{
	struct ipacct_problem problem = {};

	ipacct_reader_close(crowd->reader);
	cr_assert_eq(ipacct_reader_open(crowd->stage.dir, BPFFS, &crowd->reader, &problem), 0, "%s",
		     problem.text);
}

void crowd_close(struct crowd *crowd)
{
	ipacct_reader_close(crowd->reader);
	crowd_unpin();
	stage_close(&crowd->stage);
}

struct ipacct_key crowd_key(bool ipv6, uint32_t i)
{
	struct ipacct_key key = { .addr_be = { 0, 0, htonl(0xffff), htonl(HONEST4 + i) } };

	if (ipv6)
		key = (struct ipacct_key){ .addr_be = { htonl(0x20010db8), 0,
							htonl((uint32_t)(HONEST6 >> 32)),
							htonl((uint32_t)HONEST6 + i) } };
	return key;
}

struct ipacct_maps crowd_unmapped(const struct crowd *crowd)
{
	struct ipacct_maps maps = crowd->stage.maps;

	maps.hotmap = NULL;
	maps.parts = NULL;
	maps.roll = NULL;
	maps.roll6 = NULL;
	return maps;
}

void crowd_honest(struct crowd *crowd)
{
	for (uint32_t i = 0; i < CROWD_HONEST; i++) {
		stage_send(&crowd->stage, HONEST4 + i, HONEST4 + i);
		stage_send6(&crowd->stage, HONEST6 + i, HONEST6 + i);
	}
	crowd->sent += 2 * CROWD_HONEST;
	crowd->honest++;
}

void crowd_flood(struct crowd *crowd)
{
	for (uint32_t i = 0; i < CROWD_FLOOD / 2; i++) {
		uint64_t at = crowd->flooded++;

		stage_send(&crowd->stage, FLOOD4 + (uint32_t)at, FLOOD4 + (uint32_t)at);
		stage_send6(&crowd->stage, at, at);
	}
	crowd->sent += CROWD_FLOOD;
}

void crowd_all(void *context)
{
	crowd_honest(context);
	crowd_flood(context);
	crowd_honest(context);
}

void crowd_cut(void *context)
{
	struct crowd *crowd = context;

	crowd_honest(crowd);
	stage_cut(&crowd->stage);
	crowd_honest(crowd);
}

static bool is_honest(const struct ipacct_entry *entry, int *ret_ipv6)
{
	const uint32_t *address = entry->key.addr_be;
	uint32_t low = ntohl(address[3]);

	*ret_ipv6 = address[2] != htonl(0xffff);
	if (!*ret_ipv6)
		return low - HONEST4 < CROWD_HONEST;
	return ntohl(address[2]) == HONEST6 >> 32 && low < CROWD_HONEST;
}

void crowd_sum(const struct ipacct_entry *entries, size_t n, struct ipacct_counters *all,
	       struct ipacct_counters honest[2])
{
	int ipv6;

	for (size_t i = 0; i < n; i++) {
		ipacct_counters_add(all, &entries[i].counters);
		if (is_honest(&entries[i], &ipv6))
			ipacct_counters_add(&honest[ipv6], &entries[i].counters);
	}
}

void crowd_expect(const struct ipacct_counters *counters, uint64_t n, const char *of,
		  unsigned int at)
{
	cr_assert_eq(counters->tx_packets, n, "call %u: %s: %llu sent, not %llu", at, of,
		     (unsigned long long)counters->tx_packets, (unsigned long long)n);
	cr_assert_eq(counters->rx_packets, n, "call %u: %s: %llu received, not %llu", at, of,
		     (unsigned long long)counters->rx_packets, (unsigned long long)n);
	cr_assert_eq(counters->tx_l3_bytes, n * STAGE_L3_BYTES, "call %u: %s", at, of);
	cr_assert_eq(counters->rx_l3_bytes, n * STAGE_L3_BYTES, "call %u: %s", at, of);
}

void crowd_expect_snapshot(const struct crowd *crowd, struct ipacct_snapshot *snapshot,
			   unsigned int at)
{
	struct ipacct_counters all = {}, honest[2] = {}, none[2] = {};

	crowd_sum(snapshot->addresses, snapshot->n_addresses, &all, honest);
	crowd_sum(snapshot->rollups, snapshot->n_rollups, &all, none);
	crowd_expect(&all, crowd->sent, "all", at);
	crowd_expect(&honest[0], crowd->honest * CROWD_HONEST, "IPv4", at);
	crowd_expect(&honest[1], crowd->honest * CROWD_HONEST, "IPv6", at);
	cr_assert_eq(snapshot->n_interfaces, 1);
	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, crowd->sent, "call %u", at);
	ipacct_snapshot_destroy(snapshot);
}
