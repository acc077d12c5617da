/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounting domains that share one set of maps: what one displaces of another stays the other's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "config_vlans.h"
#include "maps_make.h"
#include "stage.h"
#include "vlans.h"

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
		fds[i] = program_load(&stage->maps, i, domains[i], i, 0);
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

/* ---- VLAN ids ------------------------------------------------------------------------------------ */

#define TYPE_8021Q  0x8100 /* linux/if_ether.h ETH_P_8021Q, _8021AD, _QINQ1 */
#define TYPE_8021AD 0x88a8
#define TYPE_QINQ1  0x9100

/* IPv4 from .1 to .2 behind these tags, outermost first. */
static void send_tagged(int prog_fd, const uint16_t *types, const uint16_t *tcis, size_t n_tags)
{
	uint8_t frame[STAGE_FRAME_BYTES + 8] = { 0 }, *at = frame + 12;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = (uint32_t)(STAGE_FRAME_BYTES + 4 * n_tags), .repeat = 1);
	static const uint8_t ip[] = { 0x08, 0x00, 0x45, 0, 0,  STAGE_L3_BYTES,
				      0,    0,    0,    0, 64, 17,
				      0,    0,    192,  0, 2,  1,
				      192,  0,    2,    2 };

	for (size_t i = 0; i < n_tags; i++, at += 4) {
		at[0] = (uint8_t)(types[i] >> 8);
		at[1] = (uint8_t)types[i];
		at[2] = (uint8_t)(tcis[i] >> 8);
		at[3] = (uint8_t)tcis[i];
	}
	memcpy(at, ip, sizeof(ip));
	cr_assert_eq(bpf_prog_test_run_opts(prog_fd, &opts), 0);
	cr_assert_eq(opts.retval, XDP_PASS);
}

static uint64_t sent_in(const struct stage *stage, uint16_t domain)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(stage);
	uint64_t packets = 0;

	for (size_t i = 0; i < snapshot->n_addresses; i++)
		if (snapshot->addresses[i].key.domain == domain)
			packets += snapshot->addresses[i].counters.tx_packets;
	ipacct_snapshot_destroy(snapshot);
	return packets;
}

struct tagged {
	const char *name;
	uint16_t types[2], tcis[2];
	size_t n_tags;
	uint16_t domain;
};

static const struct tagged tagged[] = {
	{ "no tag", { 0 }, { 0 }, 0, 3 },
	{ "listed", { TYPE_8021Q }, { 100 }, 1, 7 },
	{ "with a priority", { TYPE_8021Q }, { 0xe000 | 100 }, 1, 7 },
	{ "802.1ad", { TYPE_8021AD }, { 100 }, 1, 7 },
	{ "old QinQ", { TYPE_QINQ1 }, { 100 }, 1, 7 },
	{ "first of a range", { TYPE_8021Q }, { 200 }, 1, 65535 },
	{ "last of a range", { TYPE_8021Q }, { 299 }, 1, 65535 },
	{ "behind it", { TYPE_8021Q }, { 300 }, 1, 3 },
	{ "highest", { TYPE_8021Q }, { 4094 }, 1, 0 },
	{ "priority only", { TYPE_8021Q }, { 0xe000 }, 1, 3 },
	{ "reserved id", { TYPE_8021Q }, { 4095 }, 1, 3 },
	{ "outermost decides", { TYPE_8021AD, TYPE_8021Q }, { 100, 200 }, 2, 7 },
	{ "unlisted outside", { TYPE_8021AD, TYPE_8021Q }, { 300, 100 }, 2, 3 },
};

static void vlans_of(struct config_interface *ret_interface)
{
	char why[SETTING_WHY_BYTES];

	*ret_interface = (struct config_interface){ .domain = 3 };
	cr_assert_eq(config_vlans_add(ret_interface, "100", "7", why), 0);
	cr_assert_eq(config_vlans_add(ret_interface, "200-299", "65535", why), 0);
	cr_assert_eq(config_vlans_add(ret_interface, "4094", "0", why), 0);
}

static void vlans_count(bool hot)
{
	static struct config config;
	struct ipacct_problem problem = {};
	struct ipacct_vlans *tables;
	struct stage stage;
	int own, fd;

	stage_open_setup(&stage, &(struct stage_setup){ .memory_bytes = 48 << 20,
							.hot = hot,
							.hot_sets = hot ? HOT_SETS : 0 });
	own = stage.prog_fd;
	config.n_interfaces = 1;
	vlans_of(&config.interfaces[0]);
	tables = vlans_map(&stage.maps);
	cr_assert_not_null(tables);
	cr_assert_eq(vlans_domains_take(&stage.maps, &config, &problem), 0, "%s", problem.text);
	vlans_write(&tables[0], &config.interfaces[0]);
	fd = program_load(&stage.maps, 0, 3, (uint32_t)domain_slot(&stage.maps, 3),
			  IPACCT_IFFLAG_VLANS);
	cr_assert_geq(fd, 0);
	stage_pin_to(0);
	for (size_t i = 0; i < sizeof(tagged) / sizeof(tagged[0]); i++) {
		const struct tagged *row = &tagged[i];
		uint64_t before = sent_in(&stage, row->domain);

		send_tagged(fd, row->types, row->tcis, row->n_tags);
		stage_cut(&stage);
		cr_expect_eq(sent_in(&stage, row->domain), before + 1, "%s", row->name);
	}
	/* without the feature a tag is no domain */
	send_tagged(own, tagged[1].types, tagged[1].tcis, 1);
	stage_cut(&stage);
	cr_expect_eq(sent_in(&stage, 0), 2);
	stage.prog_fd = own;
	vlans_unmap(tables);
	close(fd);
	stage_close(&stage);
}

Test(domains, outermost_vlan_id_decides)
{
	vlans_count(true);
}

Test(domains, outermost_vlan_id_decides_without_a_hot_tier)
{
	vlans_count(false);
}

Test(domains, one_more_than_there_are_slots_is_refused)
{
	static struct config config;
	struct ipacct_problem problem = {};
	char why[SETTING_WHY_BYTES], id[8];
	struct stage stage;

	stage_open(&stage, 48 << 20, false);
	config.n_interfaces = 1;
	for (unsigned int i = 1; i < IPACCT_DOMAINS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		cr_assert_eq(config_vlans_add(&config.interfaces[0], id, id, why), 0);
	}
	cr_expect_eq(vlans_domains_take(&stage.maps, &config, &problem), 0, "%s", problem.text);
	config.interfaces[0].vlans[0].domain = 1000; /* as after a reload: 1 keeps its slot */
	cr_expect_eq(vlans_domains_take(&stage.maps, &config, &problem), -ENOSPC);
	cr_expect_not_null(strstr(problem.text, "no room for domain 1000"), "%s", problem.text);
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
