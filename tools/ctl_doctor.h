/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacctctl doctor: facts that probes gather, and rules that are pure functions of them.
 *
 * A probe writes facts and decides nothing; a rule decides and looks at nothing else. What could not be
 * looked at stays as doctor_facts_init() made it: unknown. */
#ifndef IPACCT_TOOLS_CTL_DOCTOR_H
#define IPACCT_TOOLS_CTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ipacct/ipacct.h>

#define DOCTOR_DEVICES_MAX 256u /* links of this network namespace that are looked at */
#define DOCTOR_CPUS_MAX    1024u
#define DOCTOR_TEXT_BYTES  320u
#define UNKNOWN            UINT64_MAX /* of a counter or size */

/* Of a switch: */
enum doctor_switch {
	SWITCH_UNKNOWN = 0,
	SWITCH_OFF,
	SWITCH_ON
};

enum doctor_level {
	DOCTOR_OK = 0,
	DOCTOR_UNKNOWN, /* could not look */
	DOCTOR_INFO,
	DOCTOR_WARN, /* a figure can be wrong */
	DOCTOR_ERROR /* a figure is wrong, or nothing is counted */
};

enum doctor_xdp_mode {
	XDP_MODE_NONE = 0,
	XDP_MODE_NATIVE,
	XDP_MODE_GENERIC,
	XDP_MODE_OTHER /* in hardware, or several at once */
};

struct doctor_device {
	char ifname[IPACCT_IFNAME_BYTES];
	char kind[32];  /* rtnl link kind: "veth", "bridge", …; "" of hardware */
	bool asked_for; /* rules of devices look at it */
	uint32_t ifindex;
	uint32_t master; /* ifindex of the bridge or bond that it is a port of, 0 = none */
	char master_kind[32];
	uint32_t lower; /* ifindex of the device that feeds it (VLAN, macvlan …), 0 = none */
	bool up;
	bool counted;                 /* the ledger says that a slot is attached to it: XDP … */
	bool counted_in, counted_out; /* … or a tc hook, for arrivals or departures */
	uint8_t counted_mode;
	uint64_t mtu;
	enum doctor_xdp_mode xdp_mode;
	uint32_t xdp_prog_id;
	char xdp_prog_name[17]; /* "" = unknown, takes root */
	uint32_t our_prog_id;   /* of the daemon or the pinned link, 0 = unknown */
	uint64_t xdp_features;  /* linux/netdev.h NETDEV_XDP_ACT_*, UNKNOWN before 6.3 */
	enum doctor_switch rxvlan, lro, gro_hw, tc_offload, flow_offload;
	uint64_t n_tc_programs; /* in tcx and clsact hooks */
	uint64_t n_rx_queues, n_rx_queues_max;
	uint64_t ring, ring_max; /* receive descriptors */
	/* struct rtnl_link_stats64 */
	uint64_t rx_packets, rx_missed, rx_over, rx_fifo, rx_crc, rx_nohandler;
	uint64_t xdp_drops; /* sum of the driver's own counters by that name, UNKNOWN: has none */
	uint64_t blind_packets;
	uint64_t cpu_seen[DOCTOR_CPUS_MAX]; /* since the last cut; n_cpus below, 0 = unknown */
	uint32_t n_cpus;
};

struct doctor_facts {
	/* kernel and machine */
	uint32_t kernel_major, kernel_minor; /* 0.0 unknown */
	uint64_t page_bytes;
	uint32_t n_cpus_online;
	enum doctor_switch jit, membarrier, cgroup;
	enum doctor_switch clock_synchronised;
	int64_t clock_ahead_ns; /* how far the ledger's newest time lies ahead of the clock */
	uint64_t softnet_dropped, softnet_squeezed;
	/* memory cgroup of the daemon, else of this process */
	uint64_t cgroup_bytes, cgroup_max_bytes; /* max UNKNOWN: none */
	/* runtime directory */
	char runtime_dir[128], bpffs_dir[128];
	int runtime_error; /* errno of looking, 0 = there */
	uint32_t runtime_mode, runtime_uid;
	bool runtime_tmpfs;
	uint64_t runtime_free_bytes, runtime_total_bytes;
	/* bpffs */
	int bpffs_error;
	bool bpffs_is_bpf;
	uint32_t bpffs_mode;
	enum doctor_switch same_mount_namespace; /* as that of PID 1 */
	/* what is counted */
	int ledger_error; /* negative errno, 0 = read */
	char ledger_problem[256];
	int maps_error;
	char maps_problem[256];
	uint64_t cut, cut_age_ns, interval_ns;
	uint64_t error_packets, error_l3_bytes;
	uint64_t accounted_packets, rolled_packets; /* rolled: tx and rx, never on an address */
	uint64_t n_addresses, n_addresses_max;
	uint64_t unrecorded_keys, folded_records, lru_refused, guard_rolled;
	uint64_t hot_displaced, hot_rolled, lru_inserts, lru_entries; /* since the cut, daemon's */
	uint64_t hot_lines[2], hot_used[2]; /* IPv4, IPv6: of all CPUs, at the last cut */
	/* the daemon */
	enum doctor_switch daemon;
	uint64_t interval_wanted_ns, interval_effective_ns; /* 0 = not told */
	uint64_t daemon_pid, pins_restored;
	/* every link; rules of devices look at those asked for */
	int links_error; /* negative errno, 0 = read */
	size_t n_devices;
	bool devices_left_out; /* there are more than DOCTOR_DEVICES_MAX */
	struct doctor_device devices[DOCTOR_DEVICES_MAX];
};

struct doctor_finding {
	enum doctor_level level;
	char saw[DOCTOR_TEXT_BYTES];
	char mend[DOCTOR_TEXT_BYTES]; /* in place of the rule's, "" = that one */
};

/* device: NULL for a rule of the machine. Leaves *finding as it is (ok) or sets level and text. */
typedef void doctor_check(const struct doctor_facts *facts, const struct doctor_device *device,
			  struct doctor_finding *finding);

struct doctor_rule {
	const char *id;
	const char *title;
	bool per_device;
	doctor_check *check;
	const char *why;  /* a figure can be wrong */
	const char *mend; /* IFACE stands for the device */
	bool hint;        /* mend is a sysctl or ethtool line: --fix-hints prints it */
};

/* The rules by family, in the order they are printed; the end of each is a rule without id. */
extern const struct doctor_rule doctor_offload_rules[];
extern const struct doctor_rule doctor_attach_rules[];
extern const struct doctor_rule doctor_stacked_rules[];
extern const struct doctor_rule doctor_receive_rules[];
extern const struct doctor_rule doctor_machine_rules[];
extern const struct doctor_rule doctor_place_rules[];
extern const struct doctor_rule doctor_counts_rules[];

/* The i-th rule of all families; NULL after the last. */
const struct doctor_rule *doctor_rule_at(size_t i);

/* Apply one rule. ret_finding: level and both texts, mend with IFACE filled in; why a thing could not
 * be seen is in `saw`. Cannot fail. */
void doctor_rule_apply(const struct doctor_rule *rule, const struct doctor_facts *facts,
		       const struct doctor_device *device, struct doctor_finding *ret_finding);

void doctor_found(struct doctor_finding *finding, enum doctor_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_mend(struct doctor_finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* NULL when there is no such link. */
const struct doctor_device *doctor_device_find(const struct doctor_facts *facts, uint32_t ifindex);

/* Everything unknown. */
void doctor_facts_init(struct doctor_facts *facts);

/* ---- Probes ---------------------------------------------------------------------------------- */

struct tool_paths;

/* Each fills its part, in this order; none changes anything. */
void doctor_probe_links(struct doctor_facts *facts);
void doctor_probe_counts(struct doctor_facts *facts, const struct tool_paths *paths);
void doctor_probe_ethtool(struct doctor_facts *facts);
void doctor_probe_filters(struct doctor_facts *facts);
void doctor_probe_programs(struct doctor_facts *facts);
void doctor_probe_machine(struct doctor_facts *facts);
void doctor_probe_place(struct doctor_facts *facts, const struct tool_paths *paths);

#endif
