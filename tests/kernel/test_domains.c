/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounting domains that share one set of maps: what one displaces of another stays the other's. */
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "maps_make.h"
#include "stage.h"

#define N_DOMAINS 3u
#define HOT_SETS  64u
#define LRU_SIZE  1024u
#define N_PACKETS 60000u

static const uint16_t domains[N_DOMAINS] = { 0, 7, 65535 };

/* One program for each domain, as three interfaces have them. */
static void open_domains(struct stage *stage, int fds[N_DOMAINS], bool hot)
{
	stage_open_setup(stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
						       .hot = hot,
						       .lru_entries = LRU_SIZE,
						       .hot_sets = hot ? HOT_SETS : 0 });
	stage_pin_to(0);
	for (uint32_t i = 0; i < N_DOMAINS; i++) {
		struct ipacct_interface interface = { .ifname = "test", .hook = IPACCT_HOOK_XDP };
		int slot = domain_slot(&stage->maps, domains[i]);

		cr_assert_eq(slot, (int)i);
		interface.domain = domains[i];
		cr_assert_eq(bpf_map_update_elem(stage->maps.ifs_fd, &i, &interface, BPF_ANY), 0);
		fds[i] = program_load(&stage->maps, i, domains[i], i);
		cr_assert_geq(fds[i], 0);
	}
}

struct sent {
	uint64_t packets[2]; /* IPv6, IPv4 */
};

/* Both addresses below prefixes all over the global unicast space, RFC 4291 2.4: more of them than
 * there are lines for an IPv6 /32, so that ::/0 of the domain is needed. */
static void send6_scattered(int prog_fd, uint64_t random)
{
	uint8_t frame[STAGE_FRAME_BYTES] = { [12] = 0x86,         0xdd, 0x60, 0, 0, 0, 0,
					     STAGE_L3_BYTES - 40, 17,   64 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);

	memcpy(&frame[22], &random, 8);
	memcpy(&frame[38 + 1], &random, 8);
	frame[22] = frame[38] = 0x20;
	cr_assert_eq(bpf_prog_test_run_opts(prog_fd, &opts), 0);
	cr_assert_eq(opts.retval, XDP_PASS);
}

static bool is_ipv4(const struct ipacct_key *key)
{
	return !key->addr_be[0] && !key->addr_be[1] && key->addr_be[2] == __builtin_bswap32(0xffff);
}

static size_t domain_at(uint16_t domain)
{
	for (size_t i = 0; i < N_DOMAINS; i++)
		if (domains[i] == domain)
			return i;
	cr_assert_fail("domain %u was never used", domain);
	return 0;
}

static void add_all(const struct ipacct_entry *entries, size_t n, struct sent sums[N_DOMAINS])
{
	for (size_t i = 0; i < n; i++) {
		const struct ipacct_counters *c = &entries[i].counters;

		cr_expect_eq(c->tx_l3_bytes, c->tx_packets * STAGE_L3_BYTES);
		cr_expect_eq(c->rx_l3_bytes, c->rx_packets * STAGE_L3_BYTES);
		sums[domain_at(entries[i].key.domain)].packets[is_ipv4(&entries[i].key)] +=
			c->tx_packets + c->rx_packets;
	}
}

/* Every domain's addresses and roll-ups are what it was sent, of each family. */
static void expect_sums(const struct stage *stage, const struct sent sent[N_DOMAINS])
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	struct sent sums[N_DOMAINS] = {};
	uint64_t rolled = 0;

	add_all(snapshot->addresses, snapshot->n_addresses, sums);
	add_all(snapshot->rollups, snapshot->n_rollups, sums);
	for (size_t i = 0; i < snapshot->n_rollups; i++)
		rolled += snapshot->rollups[i].counters.tx_packets;
	cr_expect_eq(snapshot->conservation.error_packets, 0);
	cr_expect_gt(rolled, N_PACKETS / 4, "%llu rolled up", (unsigned long long)rolled);
	for (size_t i = 0; i < N_DOMAINS; i++)
		for (int ipv4 = 0; ipv4 < 2; ipv4++)
			cr_expect_eq(sums[i].packets[ipv4], 2 * sent[i].packets[ipv4],
				     "domain %u, IPv%d: %llu of %llu", domains[i], ipv4 ? 4 : 6,
				     (unsigned long long)sums[i].packets[ipv4],
				     (unsigned long long)(2 * sent[i].packets[ipv4]));
	ipacct_snapshot_destroy(snapshot);
}

/* More addresses than there are records, by turns: lines of one are displaced by another's program. */
static void displace(bool hot)
{
	struct sent sent[N_DOMAINS] = {};
	uint64_t state = 0x69706163;
	int fds[N_DOMAINS], own;
	struct stage stage;

	open_domains(&stage, fds, hot);
	own = stage.prog_fd;
	for (uint32_t i = 0, n = stage_scaled(N_PACKETS, 20000); i < n; i++) {
		uint64_t random = stage_random(&state);
		size_t at = random % N_DOMAINS;
		bool ipv4 = random >> 8 & 1;

		stage.prog_fd = fds[at];
		if (ipv4)
			stage_send(&stage, (uint32_t)(random >> 32), (uint32_t)(random >> 16));
		else
			send6_scattered(fds[at], random);
		sent[at].packets[ipv4]++;
	}
	stage.prog_fd = own;
	stage_cut(&stage);
	expect_sums(&stage, sent);
	for (size_t i = 0; i < N_DOMAINS; i++)
		close(fds[i]);
	stage_close(&stage);
}

Test(domains, what_another_domain_displaces_stays_in_its_own)
{
	displace(true);
}

Test(domains, without_a_hot_tier_too)
{
	displace(false);
}
