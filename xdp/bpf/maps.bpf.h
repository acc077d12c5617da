/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All maps. One set serves every interface: each load of the program reuses the pinned ones.
 * max_entries given here are the smallest that load; the daemon sets the real ones, and the pins. */
#ifndef IPACCT_MAPS_BPF_H
#define IPACCT_MAPS_BPF_H

/* key: 0. value: which epoch counts, cut numbers, seed. Writer: daemon. Readers: program, tools. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipacct_ctl);
} ipacct_ctl SEC(".maps");

/* The same element where the program reads it: the address is in the instruction, nothing is looked up.
 * libbpf makes a map of such a section; before it loads, it is given ipacct_ctl's descriptor instead. */
const volatile struct ipacct_ctl ipacct_ctl_value SEC(".data.ctl") = {};

/* key: 0. value: magic, ABI version, sizes. Written once by the daemon. Readers: tools. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipacct_meta);
} ipacct_meta SEC(".maps");

/* key: interface slot. value: name, index, how attached. Writer: supervisor. Readers: tools. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IPACCT_IFS_MAX);
	__type(key, __u32);
	__type(value, struct ipacct_interface);
} ipacct_ifs SEC(".maps");

/* key: domain slot. value: the domain. Writer: supervisor, append only. Readers: tools. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IPACCT_DOMAINS_MAX);
	__type(key, __u32);
	__type(value, struct ipacct_domain);
} ipacct_doms SEC(".maps");

/* key: interface slot. value: the domain of each VLAN id. Writer: supervisor. Reader: program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, IPACCT_IFS_MAX);
	__type(key, __u32);
	__type(value, struct ipacct_vlans);
} ipacct_vlans SEC(".maps");

/* key: CPU. value: its partition; 0 (also for a CPU beyond the table) is the shared one.
 * Written once by the daemon. Reader: program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ipacct_cpus SEC(".maps");

/* key: 2 * partition + epoch. value: insert budget and counts. Writers: program; daemon clears the
 * epoch at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct ipacct_part);
} ipacct_parts SEC(".maps");

/* key: 2 * interface slot + epoch. value per CPU: totals. Writers: program; daemon clears the epoch
 * at rest. Readers: daemon, tools. Cannot fill. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * IPACCT_IFS_MAX);
	__type(key, __u32);
	__type(value, struct ipacct_totals);
} ipacct_totals SEC(".maps");

/* Template of the inner maps: the records of one partition and epoch.
 * Full: the insert budget refuses before the map would evict; what is refused is rolled up. */
struct lru_inner {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ipacct_key);
	__type(value, struct ipacct_counters);
};

/* key: 2 * partition + epoch. value: an LRU_HASH (Katran's layout: no memory multiplied by CPUs,
 * no lock shared between them). Writer of the slots: daemon, once. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct lru_inner);
} ipacct_lru SEC(".maps");

/* key: (2 * partition + epoch) * IPACCT_ROLL_LINES + line. value: sums of an IPv4 /16 of domain 0, or
 * of everything else of one family and domain. Direct, cannot fill. Writers: program; daemon clears. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * IPACCT_ROLL_LINES);
	__type(key, __u32);
	__type(value, struct ipacct_counters);
} ipacct_roll SEC(".maps");

/* key: (2 * partition + epoch) * IPACCT_ROLL6_LINES + line. value: sums of an IPv6 /32 of a domain, in
 * sets of 4 lines. A full set: the ::/0 line of the domain. Writers: program; daemon clears. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * IPACCT_ROLL6_LINES);
	__type(key, __u32);
	__type(value, struct ipacct_roll6_line);
} ipacct_roll6 SEC(".maps");

/* key: 2 * (partition − 1) + epoch. value: all its sets of 8 lines of IPv4 addresses, cfg_hot4_sets of
 * them: one look-up serves both addresses of a packet, and the verifier knows the bound. (Their
 * number is not in a type, so the map has no BTF.) Partition 0 has none. Full: displaces, see
 * hot.bpf.h. Writers: program; daemon clears the epoch at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, IPACCT_HOT_SET_BYTES);
} ipacct_hot4 SEC(".maps");

/* The same for IPv6, 4 lines a set. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, IPACCT_HOT_SET_BYTES);
} ipacct_hot6 SEC(".maps");

/* One bit per set of ipacct_hot4, then of ipacct_hot6: set while the set holds a key. Reading and
 * clearing follow it. Then the doors (hot_place.h), cfg_door_words for each partition and epoch. Writers:
 * program sets, daemon clears. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ipacct_hotmap SEC(".maps");

/* key: domain and prefix. The operator's own prefixes, asked for on the miss path only.
 * Writer: supervisor. Reader: program. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * IPACCT_GUARD_MAX);
	__type(key, struct ipacct_guard_key);
	__type(value, __u32);
} ipacct_guard SEC(".maps");

/* key: 0. value: which keys need not be looked for in ipacct_guard. Writer: supervisor. Reader: program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ipacct_guard_bits);
} ipacct_guardmap SEC(".maps");

/* key: IPACCT_TURN_WANTED or IPACCT_TURN_DECIDED of an interface slot. value per CPU: enum ipacct_turn.
 * Only behind libxdp's dispatcher. Writers: supervisor; the first of two programs decides.
 * Readers: program, supervisor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * IPACCT_IFS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} ipacct_turn SEC(".maps");

#endif
