/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each rule of the doctor has facts that trigger it, and says nothing of a healthy machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "ctl_doctor.h"

static struct doctor_facts facts;
static struct doctor_device *const port = &facts.devices[0];
static struct doctor_device *const upper = &facts.devices[1];

/* A router with one counted port, and a device that has nothing to do with it. */
static void healthy(void)
{
	doctor_facts_init(&facts);
	facts.kernel_major = 6;
	facts.kernel_minor = 1;
	facts.page_bytes = 4096;
	facts.n_cpus_online = 4;
	facts.jit = facts.membarrier = facts.cgroup = facts.clock_synchronised = SWITCH_ON;
	facts.softnet_dropped = facts.softnet_squeezed = 0;
	facts.runtime_error = facts.bpffs_error = facts.ledger_error = facts.maps_error = 0;
	facts.runtime_mode = 0755;
	facts.runtime_tmpfs = facts.bpffs_is_bpf = true;
	facts.runtime_free_bytes = 100 << 20;
	facts.runtime_total_bytes = 200 << 20;
	facts.bpffs_mode = 0750;
	facts.same_mount_namespace = SWITCH_ON;
	facts.daemon = SWITCH_ON;
	facts.interval_wanted_ns = facts.interval_effective_ns = 1000000000;
	facts.interval_ns = facts.cut_age_ns = 1000000000;
	facts.accounted_packets = 1000000;
	facts.lru_entries = 1000;
	facts.links_error = 0;
	facts.n_devices = 2;
	*port = (struct doctor_device){ .ifname = "lan0", .asked_for = true, .ifindex = 2 };
	port->up = port->counted = true;
	port->mtu = 9000;
	port->xdp_mode = XDP_MODE_NATIVE;
	port->xdp_prog_id = port->our_prog_id = 7;
	port->xdp_features = 0x7f;
	port->rxvlan = port->lro = port->gro_hw = port->tc_offload = port->flow_offload =
		SWITCH_OFF;
	port->n_rx_queues = port->n_rx_queues_max = 4;
	port->ring = port->ring_max = 4096;
	port->rx_packets = 1000000;
	port->n_cpus = 4;
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		port->cpu_seen[cpu] = 250000;
	*upper = (struct doctor_device){ .ifname = "above0", .ifindex = 3, .kind = "dummy" };
}

static const struct doctor_rule *rule_named(const char *id)
{
	const struct doctor_rule *rule;

	for (size_t i = 0; (rule = doctor_rule_at(i)); i++)
		if (strcmp(rule->id, id) == 0)
			return rule;
	return NULL;
}

#define CHANGE(name, ...)      \
	static void name(void) \
	{                      \
		__VA_ARGS__;   \
	}
CHANGE(tag_stripped, port->rxvlan = SWITCH_ON)
CHANGE(switch_unread, port->rxvlan = SWITCH_UNKNOWN)
CHANGE(lro_on, port->lro = SWITCH_ON)
CHANGE(gro_hw_on, port->gro_hw = SWITCH_ON)
CHANGE(flowtable, port->flow_offload = SWITCH_ON)
CHANGE(tc_offload, port->tc_offload = SWITCH_ON)
CHANGE(flowtable_hidden, port->flow_offload = SWITCH_UNKNOWN)
CHANGE(generic, port->xdp_mode = XDP_MODE_GENERIC)
static void detached(void)
{
	port->xdp_mode = XDP_MODE_NONE;
	port->xdp_prog_id = port->our_prog_id = 0;
	port->counted = false;
}
CHANGE(no_native, detached(); port->xdp_features = 0)
CHANGE(features_untold, detached(); port->xdp_features = UNKNOWN)
CHANGE(no_frags, detached(); port->xdp_features = 1)
CHANGE(just_above_page, detached(); port->xdp_features = 1; port->mtu = 3503)
CHANGE(foreign_first, detached(); port->xdp_prog_id = 9; strcpy(port->xdp_prog_name, "firewall"))
CHANGE(foreign_later, port->xdp_prog_id = 9)
CHANGE(foreign_untold, port->our_prog_id = 0)
CHANGE(program_gone, port->xdp_prog_id = 0; port->xdp_mode = XDP_MODE_NONE)
CHANGE(device_down, port->up = false)
CHANGE(blind, port->blind_packets = 12)
CHANGE(tcx, port->n_tc_programs = 2)
static void bond_half(void)
{
	strcpy(upper->kind, "bond");
	facts.n_devices = 3;
	facts.devices[2] = (struct doctor_device){ .ifname = "lan1", .ifindex = 4, .master = 3 };
	port->master = 3;
	strcpy(port->master_kind, "bond");
}
static void bridge_twice(void)
{
	strcpy(upper->kind, "bridge");
	strcpy(port->master_kind, "bridge");
	port->master = 3;
	upper->counted = true;
}
static void vlan_above(void)
{
	strcpy(upper->kind, "vlan");
	upper->lower = 2;
}
CHANGE(vlan_twice, vlan_above(); upper->counted = true)
CHANGE(missed, port->rx_missed = 1000)
CHANGE(bad_cable, port->rx_crc = 3)
CHANGE(dropped_by_xdp, port->xdp_drops = 5)
CHANGE(ring_short, port->ring = 512)
CHANGE(ring_short_and_lost, port->ring = 2048; port->rx_fifo = 1)
CHANGE(one_queue, port->n_rx_queues = 1)
CHANGE(skewed, port->cpu_seen[2] = 4000000)
CHANGE(cpus_hidden, port->n_cpus = 0)
CHANGE(softnet, facts.softnet_dropped = 4)
CHANGE(kernel_old, facts.kernel_major = 5; facts.kernel_minor = 19)
CHANGE(kernel_6_0, facts.kernel_minor = 0)
CHANGE(no_membarrier, facts.membarrier = SWITCH_OFF)
CHANGE(no_cgroup, facts.cgroup = SWITCH_OFF)
CHANGE(jit_off, facts.jit = SWITCH_OFF)
CHANGE(jit_hidden, facts.jit = SWITCH_UNKNOWN)
CHANGE(clock_back, facts.clock_ahead_ns = 60000000000)
CHANGE(clock_free, facts.clock_synchronised = SWITCH_OFF)
CHANGE(group_full, facts.cgroup_max_bytes = 100 << 20; facts.cgroup_bytes = 95 << 20)
CHANGE(stretched, facts.interval_effective_ns = 1500000000)
CHANGE(pins_open, facts.bpffs_mode = 0755)
CHANGE(pins_elsewhere, facts.bpffs_is_bpf = false)
CHANGE(maps_missing, facts.maps_error = -ENOENT)
CHANGE(pins_closed, facts.maps_error = -EACCES)
CHANGE(not_installed, facts.bpffs_error = facts.runtime_error = ENOENT;
       facts.ledger_error = -ENOENT)
CHANGE(namespace, facts.same_mount_namespace = SWITCH_OFF)
CHANGE(runtime_open, facts.runtime_mode = 0777)
CHANGE(runtime_full, facts.runtime_free_bytes = 1 << 20)
CHANGE(runtime_disk, facts.runtime_tmpfs = false)
CHANGE(apart, facts.error_packets = 1)
CHANGE(other_abi, facts.ledger_error = -EPROTO; strcpy(facts.ledger_problem, "version 2, not 1"))
CHANGE(stalled, facts.cut_age_ns = 6000000000)
CHANGE(stopped, facts.interval_ns = 0)
CHANGE(rolled, facts.rolled_packets = 20000)
CHANGE(rolled_little, facts.rolled_packets = 19999)
CHANGE(lru_full, facts.lru_inserts = 950)
CHANGE(only_ipv4, facts.hot_lines[0] = 1000; facts.hot_lines[1] = 500; facts.hot_used[0] = 900;
       facts.hot_used[1] = 125)
CHANGE(mostly_ipv6, facts.hot_lines[0] = 1000; facts.hot_lines[1] = 500; facts.hot_used[0] = 250;
       facts.hot_used[1] = 450)
CHANGE(ledger_full, facts.unrecorded_keys = 1)
CHANGE(ledger_folds, facts.folded_records = 1)
CHANGE(pins_removed, facts.pins_restored = 1)

static const struct {
	const char *rule;
	void (*change)(void);
	enum doctor_level level;
	const char *saw; /* a part of it */
	const char *mend;
} fixtures[] = {
	{ "vlan-strip", tag_stripped, DOCTOR_WARN, "before XDP", "ethtool -K lan0 rxvlan off" },
	{ "vlan-strip", switch_unread, DOCTOR_UNKNOWN, "does not tell", "" },
	{ "lro", lro_on, DOCTOR_ERROR, "large-receive-offload on", "ethtool -K lan0 lro off" },
	{ "lro", gro_hw_on, DOCTOR_ERROR, "rx-gro-hw on", "ethtool -K lan0 rx-gro-hw off" },
	{ "flow-offload", flowtable, DOCTOR_ERROR, "flowtable", "nft list flowtables" },
	{ "flow-offload", tc_offload, DOCTOR_WARN, "hw-tc-offload", "ethtool -K lan0 hw-tc" },
	{ "flow-offload", flowtable_hidden, DOCTOR_UNKNOWN, "root", "" },
	{ "generic-mode", generic, DOCTOR_WARN, "program 7", "ipacctctl detach lan0" },
	{ "native-xdp", no_native, DOCTOR_WARN, "no native XDP", "show dev lan0" },
	{ "native-xdp", features_untold, DOCTOR_UNKNOWN, "6.3", "" },
	{ "mtu-frags", no_frags, DOCTOR_WARN, "MTU 9000 is above 3502", "mtu 1500" },
	{ "mtu-frags", just_above_page, DOCTOR_WARN, "MTU 3503", "mtu 1500" },
	{ "mtu-frags", features_untold, DOCTOR_UNKNOWN, "multi-buffer", "" },
	{ "foreign-xdp", foreign_first, DOCTOR_ERROR, "9 (firewall)", "xdpdrv off" },
	{ "foreign-xdp", foreign_later, DOCTOR_ERROR, "ours is 7", "lan0 xdpdrv off" },
	{ "foreign-xdp", foreign_untold, DOCTOR_UNKNOWN, "root only", "" },
	{ "silent", program_gone, DOCTOR_ERROR, "no XDP program", "restart ipacctd" },
	{ "silent", device_down, DOCTOR_INFO, "down", "ip link set dev lan0 up" },
	{ "silent", blind, DOCTOR_WARN, "12 packets", "verify" },
	{ "tc-programs", tcx, DOCTOR_INFO, "2 tc", "tc filter show dev lan0" },
	{ "bond", bond_half, DOCTOR_WARN, "lan1", "interfaces" },
	{ "bridge-double", bridge_twice, DOCTOR_ERROR, "above0 (bridge) and lan0",
	  "detach above0" },
	{ "vlan-above", vlan_above, DOCTOR_INFO, "above0 above it", "do not add" },
	{ "vlan-above", vlan_twice, DOCTOR_ERROR, "both counted", "detach above0" },
	{ "rx-drops", missed, DOCTOR_WARN, "1000 packets (0.100 % of 1001000)", "ethtool -S lan0" },
	{ "rx-drops", bad_cable, DOCTOR_INFO, "3 frames", "" },
	{ "xdp-drops", dropped_by_xdp, DOCTOR_WARN, "5 packets", "bpftool net" },
	{ "ring-size", ring_short, DOCTOR_INFO, "512 of 4096", "ethtool -G lan0 rx 4096" },
	{ "ring-size", ring_short_and_lost, DOCTOR_WARN, "2048 of 4096", "ethtool -G lan0 rx" },
	{ "queues", one_queue, DOCTOR_INFO, "1 receive queues", "ethtool -L lan0 combined 4" },
	{ "rss-skew", skewed, DOCTOR_WARN, "CPU 2 took 84.2 %", "ethtool -X lan0" },
	{ "rss-skew", cpus_hidden, DOCTOR_UNKNOWN, "pinned maps", "" },
	{ "softnet-drops", softnet, DOCTOR_WARN, "4 packets", "netdev_max_backlog" },
	{ "kernel", kernel_old, DOCTOR_ERROR, "5.19 is older than 6.1", "" },
	{ "kernel", kernel_6_0, DOCTOR_ERROR, "6.0", "" },
	{ "kernel", no_membarrier, DOCTOR_WARN, "membarrier", "" },
	{ "kernel", no_cgroup, DOCTOR_INFO, "cgroup", "" },
	{ "bpf-jit", jit_off, DOCTOR_ERROR, "is 0", "sysctl -w net.core.bpf_jit_enable=1" },
	{ "bpf-jit", jit_hidden, DOCTOR_UNKNOWN, "cannot be read", "" },
	{ "clock", clock_back, DOCTOR_ERROR, "60.0 s in the future", "" },
	{ "clock", clock_free, DOCTOR_INFO, "not synchronised", "set-ntp" },
	{ "memory-limit", group_full, DOCTOR_WARN, "95.0 of 100.0 MiB", "MemoryMax" },
	{ "stretched", stretched, DOCTOR_INFO, "each 1.50 s in place of 1.00 s", "interval" },
	{ "bpffs", pins_open, DOCTOR_WARN, "mode 0755", "chmod 0750" },
	{ "bpffs", pins_elsewhere, DOCTOR_ERROR, "no bpffs", "mount -t bpf" },
	{ "bpffs", maps_missing, DOCTOR_ERROR, "maps are not", "" },
	{ "bpffs", pins_closed, DOCTOR_UNKNOWN, "closed", "" },
	{ "bpffs", not_installed, DOCTOR_INFO, "not there", "" },
	{ "mount-namespace", namespace, DOCTOR_WARN, "another mount namespace", "nsenter" },
	{ "runtime-dir", runtime_open, DOCTOR_ERROR, "mode 0777", "chmod 0755" },
	{ "runtime-dir", runtime_full, DOCTOR_WARN, "1.0 of 200.0 MiB", "remount" },
	{ "runtime-dir", runtime_disk, DOCTOR_INFO, "tmpfs", "" },
	{ "runtime-dir", not_installed, DOCTOR_INFO, "No such", "" },
	{ "conservation", apart, DOCTOR_ERROR, "by 1 packets", "ipacctctl verify" },
	{ "conservation", other_abi, DOCTOR_ERROR, "version 2", "" },
	{ "conservation", not_installed, DOCTOR_INFO, "no ledger", "start ipacctd" },
	{ "collector", stalled, DOCTOR_ERROR, "6.0 s old", "restart ipacctd" },
	{ "collector", stopped, DOCTOR_WARN, "does not run", "restart ipacctd" },
	{ "map-pressure", rolled, DOCTOR_WARN, "1.00 %", "ipacctctl plan" },
	{ "map-pressure", rolled_little, DOCTOR_INFO, "(19999)", "" },
	{ "map-pressure", lru_full, DOCTOR_WARN, "950 of 1000", "memory" },
	{ "family-share", only_ipv4, DOCTOR_INFO, "IPv4 used 900 of 1000", "ipv6_share" },
	{ "family-share", mostly_ipv6, DOCTOR_INFO, "IPv6 450 of 500", "ipv6_share" },
	{ "ledger-full", ledger_full, DOCTOR_WARN, "1 times", "ledger_addresses" },
	{ "ledger-full", ledger_folds, DOCTOR_INFO, "1 idle", "" },
	{ "pins-removed", pins_removed, DOCTOR_WARN, "1 pins", "" },
};
#define N_FIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))

Test(doctor, healthy_machine_has_nothing_to_mend)
{
	struct doctor_finding finding;
	const struct doctor_rule *rule;
	size_t n = 0;

	for (; (rule = doctor_rule_at(n)); n++) {
		healthy();
		doctor_rule_apply(rule, &facts, rule->per_device ? port : NULL, &finding);
		cr_expect_eq(finding.level, DOCTOR_OK, "%s: %s", rule->id, finding.saw);
	}
	cr_expect_geq(n, 18);
}

Test(doctor, families_that_are_both_full_or_nearly_idle_share_well)
{
	static const uint64_t used[][2] = { { 1000, 126 }, { 899, 0 }, { 251, 450 }, { 250, 449 } };
	struct doctor_finding finding;

	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		only_ipv4();
		memcpy(facts.hot_used, used[i], sizeof(used[i]));
		doctor_rule_apply(rule_named("family-share"), &facts, NULL, &finding);
		cr_expect_eq(finding.level, DOCTOR_OK, "%zu: %s", i, finding.saw);
	}
}

Test(doctor, each_fixture_triggers_its_rule)
{
	for (size_t i = 0; i < N_FIXTURES; i++) {
		const struct doctor_rule *rule = rule_named(fixtures[i].rule);
		struct doctor_finding finding;

		cr_assert_not_null(rule, "%s", fixtures[i].rule);
		healthy();
		fixtures[i].change();
		doctor_rule_apply(rule, &facts, rule->per_device ? port : NULL, &finding);
		cr_expect_eq(finding.level, fixtures[i].level, "%s (%zu): %d %s", rule->id, i,
			     finding.level, finding.saw);
		cr_expect_not_null(strstr(finding.saw, fixtures[i].saw), "%s (%zu): '%s'", rule->id,
				   i, finding.saw);
		cr_expect_not_null(strstr(finding.mend, fixtures[i].mend), "%s (%zu): '%s'",
				   rule->id, i, finding.mend);
		cr_expect_null(strstr(finding.mend, "IFACE"), "%s: %s", rule->id, finding.mend);
	}
}

Test(doctor, each_rule_has_a_fixture_above_unknown)
{
	const struct doctor_rule *rule;

	for (size_t n = 0; (rule = doctor_rule_at(n)); n++) {
		size_t found = 0;

		for (size_t i = 0; i < N_FIXTURES; i++)
			found += strcmp(fixtures[i].rule, rule->id) == 0 &&
				 fixtures[i].level > DOCTOR_UNKNOWN;
		cr_expect_gt(found, 0, "%s", rule->id);
		cr_expect(rule->title && rule->why && rule->mend, "%s", rule->id);
	}
}

/* A name as long as it can be, in a text as long as it can be. */
Test(doctor, texts_end_where_their_storage_does)
{
	struct doctor_finding finding;

	healthy();
	detached();
	strcpy(port->ifname, "abcdefghijklmno");
	port->xdp_prog_id = 1;
	memset(port->xdp_prog_name, 'x', sizeof(port->xdp_prog_name) - 1);
	for (size_t i = 0; doctor_rule_at(i); i++) {
		doctor_rule_apply(doctor_rule_at(i), &facts, port, &finding);
		cr_expect_lt(strlen(finding.saw), sizeof(finding.saw));
		cr_expect_lt(strlen(finding.mend), sizeof(finding.mend));
	}
	facts.n_devices = DOCTOR_DEVICES_MAX;
	for (size_t i = 1; i < DOCTOR_DEVICES_MAX; i++)
		facts.devices[i] = (struct doctor_device){ .ifname = "abcdefghijklmno",
							   .ifindex = 100,
							   .lower = port->ifindex };
	doctor_rule_apply(rule_named("vlan-above"), &facts, port, &finding);
	cr_expect_eq(finding.level, DOCTOR_INFO);
}
