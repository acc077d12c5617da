/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The contract: every record that the XDP program, the daemon and readers share.
 *
 * Compiles as C11 and as BPF C. Fixed-width fields only, no implicit padding, reserved fields are
 * zero when written and ignored when read. Fields are only ever appended, into `reserved` or at the
 * end, with a new IPACCT_ABI_VERSION and the row of the one before in daemon/layout.c, by which an
 * upgrade converts pinned maps and the ledger. All integers are in host order unless the name ends
 * in _be.
 *
 * What a reader may not assume: the fields of a record in the *active* epoch are not one instant.
 * Records of an epoch at rest and of the ledger at one cut are. */
#ifndef IPACCT_ABI_H
#define IPACCT_ABI_H

#include <linux/types.h>

#define IPACCT_ABI_MAGIC    0x69706163u /* "ipac" */
#define IPACCT_ABI_VERSION  1u
#define IPACCT_IFS_MAX      64u /* interface slots; the reader's buffers are sized by it */
#define IPACCT_DOMAINS_MAX  64u /* accounting domains known at one time; slot 0 is domain 0 */
#define IPACCT_IFNAME_BYTES 16u /* linux/if.h IFNAMSIZ */
#define IPACCT_EPOCHS       2u  /* one counts while the other is read */
#define IPACCT_REASONS_MAX \
	32u /* room to grow without a new layout; a power of two for the verifier */
#define IPACCT_PROTOCOLS_MAX 8u
#define IPACCT_SIZE_BINS     8u /* RFC 2819 etherStats: undersize, 64 … 1024to1518, oversize */

/* The roll-up array of one partition and epoch: one line for each IPv4 /16 of domain 0, then two
 * lines (0.0.0.0/0 and ::/0) for each domain slot. */
#define IPACCT_ROLL4_LINES 65536u
#define IPACCT_ROLL_LINES  (IPACCT_ROLL4_LINES + 2u * IPACCT_DOMAINS_MAX)
#define IPACCT_ROLL6_LINES 4096u /* IPv6 /32 lines of one partition and epoch … */
#define IPACCT_ROLL6_WAYS  4u    /* … in sets of this many */

/* The hot tier: sets of 256 octets, a key may live in either of two. */
#define IPACCT_HOT_SET_BYTES 256u
#define IPACCT_HOT4_WAYS     8u
#define IPACCT_HOT6_WAYS     4u
#define IPACCT_HOT_USED      1u /* the line holds a key */
#define IPACCT_HOT_WARM      2u /* it carried two packets or more in the last epoch: kept over the cut */
#define IPACCT_HOT_PROTECTED 4u /* of the operator's own prefixes: never displaced by others */
#define IPACCT_HOT_SURE      8u /* even a single packet stays with the address: it is never rolled up */
#define IPACCT_HOT_STAYS     (IPACCT_HOT_WARM | IPACCT_HOT_PROTECTED | IPACCT_HOT_SURE)
#define IPACCT_HOT_BEYOND    16u /* the line is home of a key that is in none of its places */
#define IPACCT_HOT_STRAY     32u /* the key of this line is in none of its places */

/* Names of the pins inside the bpffs directory; also the map names (at most 15 characters, the
 * kernel cuts longer ones). lru_<partition>_<epoch> are the inner maps of ipacct_lru. */
#define IPACCT_PIN_CTL      "ipacct_ctl"
#define IPACCT_PIN_META     "ipacct_meta"
#define IPACCT_PIN_IFS      "ipacct_ifs"
#define IPACCT_PIN_DOMS     "ipacct_doms"
#define IPACCT_PIN_VLANS    "ipacct_vlans"
#define IPACCT_PIN_CPUS     "ipacct_cpus"
#define IPACCT_PIN_PARTS    "ipacct_parts"
#define IPACCT_PIN_TOTALS   "ipacct_totals"
#define IPACCT_PIN_LRU      "ipacct_lru"
#define IPACCT_PIN_ROLL     "ipacct_roll"
#define IPACCT_PIN_ROLL6    "ipacct_roll6"
#define IPACCT_PIN_HOT4     "ipacct_hot4"
#define IPACCT_PIN_HOT6     "ipacct_hot6"
#define IPACCT_PIN_HOTMAP   "ipacct_hotmap"
#define IPACCT_PIN_GUARD    "ipacct_guard"
#define IPACCT_PIN_GUARDMAP "ipacct_guardmap"
#define IPACCT_PIN_TURN     "ipacct_turn"

/* Why a packet was seen and not accounted (IPFIX ignoredPacketTotalCount, 164). Slots of
 * ipacct_totals.ignored; append only. Names for output are in counters.h. */
enum ipacct_ignored_reason {
	IPACCT_IGNORED_ARP = 0, /* IANA ethertype 0x0806 */
	IPACCT_IGNORED_LLC,     /* IEEE 802.3 length field (below 0x0600): STP, IS-IS, … */
	IPACCT_IGNORED_OTHER_ETHERTYPE, /* anything else above Ethernet: LLDP, LACP, PPPoE discovery */
	IPACCT_IGNORED_TRUNCATED_L2,    /* frame ends inside Ethernet, VLAN, PPPoE or MPLS */
	IPACCT_IGNORED_VLAN_DEPTH,      /* more tags than the parser follows */
	IPACCT_IGNORED_PPPOE_CONTROL,  /* PPPoE session frame that carries no IP: LCP, IPCP, … */
	IPACCT_IGNORED_MPLS_DEPTH,     /* more labels than the parser follows */
	IPACCT_IGNORED_MPLS_PAYLOAD,   /* below the last label neither IPv4 nor IPv6: pseudowire */
	IPACCT_IGNORED_BAD_IP_VERSION, /* version field contradicts the ethertype */
	IPACCT_IGNORED_TRUNCATED_L3,   /* frame ends inside the IP header or its extension chain */
	IPACCT_IGNORED_BAD_IHL,        /* RFC 791 3.1: IHL below 5 */
	IPACCT_IGNORED_BAD_LENGTH,     /* IPv4 total length below its own header length */
	IPACCT_IGNORED_IPV6_EXT_DEPTH, /* more extension headers than the parser follows */
	IPACCT_IGNORED_INTERNAL,       /* a map of ours did not answer: always 0, alarm if not */
	IPACCT_IGNORED_REASONS
};

/* Protocol class of an accounted packet; slots of ipacct_totals.protocol. */
enum ipacct_protocol {
	IPACCT_PROTOCOL_TCP = 0, /* IANA protocol 6 */
	IPACCT_PROTOCOL_UDP,     /* 17 */
	IPACCT_PROTOCOL_ICMP,    /* 1 and 58 */
	IPACCT_PROTOCOL_OTHER,
	IPACCT_PROTOCOLS
};

enum ipacct_hook {
	IPACCT_HOOK_XDP = 1,        /* arrivals, before the stack */
	IPACCT_HOOK_TC_EGRESS = 2,  /* departures, before the device */
	IPACCT_HOOK_TC_INGRESS = 3, /* arrivals, in the stack: of devices without XDP */
	IPACCT_HOOKS                /* one more than the last */
};

enum ipacct_mode {
	IPACCT_MODE_NATIVE = 1,
	IPACCT_MODE_GENERIC = 2, /* after GRO: packets are not the wire's; outputs say so */
	IPACCT_MODE_REPLAY = 3,  /* frames of a capture, no device: ipacct-replay(1) */
	IPACCT_MODE_STACK = 4, /* packets of the stack, super-packets as the wire's: the tc hooks */
};

enum ipacct_attach {
	IPACCT_ATTACH_NONE = 0,       /* IPACCT_MODE_REPLAY */
	IPACCT_ATTACH_LINK = 1,       /* one pinned bpf_link, exclusive */
	IPACCT_ATTACH_DISPATCHER = 2, /* beside others, through libxdp's dispatcher */
	IPACCT_ATTACH_TCX = 3,        /* one pinned bpf_link, first of those on the hook */
	IPACCT_ATTACH_TC = 4,         /* a filter of the clsact qdisc: kernels before 6.6 */
};

enum ipacct_if_state {
	IPACCT_IF_FREE = 0,     /* slot never used */
	IPACCT_IF_ATTACHED = 1, /* counting */
	IPACCT_IF_GONE = 2,     /* device vanished; counting resumes when it returns */
	IPACCT_IF_DETACHED = 3, /* removed by the operator; its totals stay */
};

/* Bits of ipacct_interface.flags. */
#define IPACCT_IFFLAG_NO_ETHERNET 1u /* its frames begin with IP: tun, ppp, wireguard */
#define IPACCT_IFFLAG_CLSACT      2u /* the qdisc that holds our filter is ours as well */
#define IPACCT_IFFLAG_INNER       4u /* tunnels count for the innermost addresses that can be read */
#define IPACCT_IFFLAG_VLANS       8u /* VLAN ids have domains of their own: ipacct_vlans */

/* Key of a per-address record. */
struct ipacct_key {
	__be32 addr_be[4]; /* IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2) */
	__u16 domain;
	__u16 reserved;
};

/* Counters of one address or prefix in one epoch. tx: it is the source; rx: the destination.
 * l3_bytes is IP header + payload (IPFIX octetTotalCount, 85), bounded by the frame. */
struct ipacct_counters {
	__u64 tx_packets;
	__u64 tx_l3_bytes;
	__u64 rx_packets;
	__u64 rx_l3_bytes;
};

/* Lines of the hot tier. Packet counters have 32 bits because they live one epoch; a line is
 * displaced at 2^31. flags 0: free. In a v4 line address, domain and flags are one aligned word. */
struct ipacct_hot4_line {
	__be32 addr_be;
	__u16 domain;
	__u16 flags; /* IPACCT_HOT_*; 0 also while the line changes hands */
	__u32 tx_packets;
	__u32 rx_packets;
	__u64 tx_l3_bytes;
	__u64 rx_l3_bytes;
};

struct ipacct_hot6_line {
	__be32 addr_be[4];
	__u16 domain;
	__u16 flags;
	__u32 tx_packets;
	__u32 rx_packets;
	__u32 reserved0;
	__u64 tx_l3_bytes;
	__u64 rx_l3_bytes;
	__u64 reserved[2];
};

struct ipacct_hot4_set {
	struct ipacct_hot4_line line[IPACCT_HOT4_WAYS];
};

struct ipacct_hot6_set {
	struct ipacct_hot6_line line[IPACCT_HOT6_WAYS];
};

/* Key of ipacct_guard, an LPM trie of the operator's own prefixes (the value is not used). The map
 * has room for twice as many, so that a list can be added before the one that it replaces goes. */
#define IPACCT_GUARD_MAX 65536u /* entries: a prefix takes one for each domain it is protected in */
struct ipacct_guard_key {
	__u32 prefixlen; /* of domain and address: 16 + 0 … 128 */
	__u16 domain_be;
	__u8 address[16]; /* as struct ipacct_key, in network order */
	__u8 reserved[2];
};

/* The one element of ipacct_guardmap: where a bit is 0, ipacct_guard need not be asked. A bit for each
 * IPv4 /16, then 65,536 for the first 32 bits of an IPv6 address (host order), in every domain. */
#define IPACCT_GUARD_BITS          131072u
#define IPACCT_GUARD_BIT4(address) ((__u32)(address) >> 16)
#define IPACCT_GUARD_BIT6(first32) (65536u + (((first32) ^ (first32) >> 16) & 0xffff))

struct ipacct_guard_bits {
	__u64 word[IPACCT_GUARD_BITS / 64];
};

/* Behind libxdp's dispatcher: which of our two programs runs first, and which of them counts
 * (ipacct_turn). For the supervisor and the program only. */
enum ipacct_turn {
	IPACCT_TURN_ALONE = 0, /* not behind a dispatcher: nobody is asked */
	IPACCT_TURN_FIRST = 1,
	IPACCT_TURN_SECOND = 2,
};

#define IPACCT_TURN_WANTED(slot)  (2 * (slot))     /* key of what the supervisor wants … */
#define IPACCT_TURN_DECIDED(slot) (2 * (slot) + 1) /* … and of what holds for the packet at hand */

/* What need not be asked of each packet: the program's setting cfg_plain. For the supervisor and the
 * program only. */
enum ipacct_plain {
	IPACCT_PLAIN_ASK =
		0, /* tunnels, VLAN ids and frames without Ethernet count, or no hot tier is */
	IPACCT_PLAIN_BY_TABLE = 1, /* there is a hot tier and nothing else of these … */
	IPACCT_PLAIN_BY_CPU = 2,   /* … and the partition of every CPU is its number + 1 */
};

/* A line of ipacct_roll6. key = prefix32_be | domain << 32 | 1 << 48, 0 when the line is free. */
struct ipacct_roll6_line {
	__u64 key;
	struct ipacct_counters counters;
	__u64 reserved[3];
};

#define IPACCT_ROLL6_KEY(prefix32_be, domain) \
	((__u64)(prefix32_be) | (__u64)(domain) << 32 | 1ULL << 48)

struct ipacct_packets_l2 {
	__u64 packets;
	__u64 l2_bytes; /* frame without FCS (IPFIX layer2OctetTotalCount, 353) */
};

struct ipacct_packets_l3 {
	__u64 packets;
	__u64 l3_bytes;
};

/* Totals of one interface slot in one epoch (per CPU in ipacct_totals; summed elsewhere).
 * Always, in packets and in l2 bytes: seen = accounted + sum of ignored. */
struct ipacct_totals {
	struct ipacct_packets_l2 seen;
	struct ipacct_packets_l2 accounted;
	struct ipacct_packets_l3 ipv4; /* accounted.packets = ipv4.packets + ipv6.packets */
	struct ipacct_packets_l3 ipv6;
	__u64 size_histogram[IPACCT_SIZE_BINS]; /* by l2_bytes + 4 (FCS), sums to seen.packets */
	struct ipacct_packets_l3 protocol[IPACCT_PROTOCOLS_MAX]; /* sums to ipv4 + ipv6 */
	__u64 first_fragments; /* accounted packets that are the first of several */
	__u64 other_fragments;
	struct ipacct_packets_l2 ignored[IPACCT_REASONS_MAX];
	/* Super-packets (GSO, GRO) at a tc hook. All of the above counts what they are on the wire. */
	__u64 bundles;                /* super-packets … */
	__u64 bundled_packets;        /* … the packets that they are … */
	__u64 bundled_added_l2_bytes; /* … and the octets that the headers of these add */
	/* with IPACCT_IFFLAG_INNER, of the accounted packets: */
	__u64 inner_packets;        /* counted for the addresses inside a tunnel */
	__u64 tunnel_outer_packets; /* a tunnel, but nothing in it can be read: its own addresses */
	__u64 reserved[1];
};

/* The pinned one-entry control record. The daemon writes it, every program version reads it.
 * cut[e] is the number of the cut that epoch e belongs to. */
struct ipacct_ctl {
	__u32 epoch; /* the epoch that counts now: 0 or 1 */
	__u32 doors; /* bit e: in epoch e a stranger gets a line with its second packet only */
	__u64 cut[IPACCT_EPOCHS];
	__u64 seed;     /* random and odd, keys every hash of ours */
	__u64 instance; /* random, names this set of maps; the ledger repeats it */
	__u64 reserved[3];
};

/* The pinned one-entry description: readers check it before anything else. */
struct ipacct_meta {
	__u32 magic;
	__u32 abi_version;
	__u32 key_bytes;
	__u32 counters_bytes;
	__u32 totals_bytes;
	__u32 interface_bytes;
	__u32 n_parts;     /* partitions: 0 is shared by all CPUs without one of their own */
	__u32 n_cpus;      /* entries of ipacct_cpus: possible CPUs when the maps were made */
	__u32 lru_entries; /* capacity of each inner LRU map of partitions 1 … n_parts − 1 */
	__u32 lru_shared;  /* capacity of each inner LRU map of partition 0 */
	__u64 created_ns;  /* CLOCK_REALTIME */
	char build[64];    /* version of the daemon that made the maps, NUL-terminated */
	__u32 hot4_sets;   /* of one partition (not 0) and epoch, a power of two; 0 = no hot tier */
	__u32 hot6_sets;
	__u32 reserved[2];
};

/* One interface slot (ipacct_ifs). Written by the supervisor only. */
struct ipacct_interface {
	char ifname[IPACCT_IFNAME_BYTES];
	__u32 ifindex; /* 0 while the device is gone */
	__u16 domain;
	__u8 hook;         /* enum ipacct_hook, 0 = slot never used */
	__u8 mode;         /* enum ipacct_mode */
	__u8 attach;       /* enum ipacct_attach */
	__u8 state;        /* enum ipacct_if_state */
	__u16 flags;       /* IPACCT_IFFLAG_* */
	__u32 n_attached;  /* how many times a link was created for this slot */
	__u64 attached_ns; /* CLOCK_REALTIME of the last attach */
	/* Second witness: kernel counters (rtnl_link_stats64) around the moment of the last attach,
	 * and our own seen totals before it. The attach fell between `before` and `after`.
	 * At IPACCT_HOOK_TC_EGRESS these are the device's tx counters. */
	__u64 base_rx_packets_before;
	__u64 base_rx_packets_after;
	__u64 base_rx_bytes_before;
	__u64 base_rx_bytes_after;
	__u64 base_seen_packets; /* what the slot had seen before this attach (cumulative) */
	__u64 base_seen_l2_bytes;
	__u64 reserved[3];
};

/* One accounting domain slot (ipacct_doms); slots are only ever added. */
struct ipacct_domain {
	__u16 domain;
	__u16 in_use;
	__u32 reserved;
};

/* The domain of every VLAN id on one interface slot (ipacct_vlans), used with IPACCT_IFFLAG_VLANS: that
 * of the outermost tag counts. An id without a domain of its own has the interface's, and so have 0,
 * which stands for no VLAN, and 4095. */
#define IPACCT_VLAN_IDS 4096u /* IEEE 802.1Q 9.6: 12 bits */
struct ipacct_vlans {
	__u16 domain[IPACCT_VLAN_IDS];
};

/* State of one partition in one epoch (ipacct_parts[2 * partition + epoch]). */
struct ipacct_part {
	__u64 lru_budget;     /* inserts allowed in one epoch; set once, never cleared */
	__u64 lru_inserts;    /* of it used in this epoch */
	__u64 lru_refused;    /* inserts over budget: rolled up */
	__u64 rollup_updates; /* updates that went to a roll-up line */
	__u64 hot_rolled;     /* one-packet lines displaced from the hot tier into the roll-up */
	__u64 hot_displaced;  /* other lines, displaced into the LRU tier */
	__u64 guard_rolled;   /* packets of protected addresses that were rolled up all the same */
	__u64 hot_sure;       /* lines that were given IPACCT_HOT_SURE */
};

/* ---- The ledger: cumulative counters since it began, in an mmap file ----------------------
 *
 * header page | n_interfaces_max interfaces | n_series_max series | n_rollups_max records |
 * n_addresses_max records | n_groups_max series records, one for each group of prefixes.
 * Each record has two versions. A reader takes the newest version whose cut is ≤ header.cut and
 * != 0, and starts over if header.cut has changed when it is done: version cut H is overwritten
 * only after H + 1 was committed. Only the collector writes.
 *
 * A full ledger folds address records that were idle longest into the roll-up of their prefix: at one
 * cut their counts move there. So sums over addresses and roll-ups never fall, but the counters of an
 * address that returns begin again at 0, with a new first_seen_ns. A record whose version at
 * header.cut has last_seen_ns 0 is free: nothing else in it means anything, and its key may be
 * changing. */
#define IPACCT_LEDGER_NAME         "ledger"
#define IPACCT_LEDGER_MAGIC        0x6c65646765726970ULL /* "ipledger" */
#define IPACCT_LEDGER_HEADER_BYTES 4096u
#define IPACCT_SERIES_MAX          2048u
#define IPACCT_SERIES_NAME_BYTES   56u

struct ipacct_ledger_version {
	__u64 cut; /* 0: never written, or being written */
	struct ipacct_counters counters;
	__u64 last_seen_ns; /* CLOCK_REALTIME of the last cut that moved the counters; 0: folded at
			     * this cut, the record is free from the next one on */
};

/* Address (prefix_len 128) or roll-up record. IPv4 prefix lengths count from bit 96: /16 is 112,
 * 0.0.0.0/0 is 96; ::/0 is 0. IPv6 addresses of a group with mask_len share an address record: its key
 * is masked and prefix_len, 33 … 127, says how far; a roll-up has 32 or 0. */
struct ipacct_ledger_record {
	struct ipacct_key key;
	__u8 prefix_len;
	__u8 reserved[3];
	__u64 first_seen_ns;
	struct ipacct_ledger_version version[2];
};

struct ipacct_ledger_totals {
	__u64 cut;
	struct ipacct_interface interface; /* as it was at that cut */
	struct ipacct_totals totals;
};

struct ipacct_ledger_interface {
	struct ipacct_ledger_totals version[2];
};

/* What the addresses of one country, AS or group sent and received, or the busiest addresses: the
 * series of /metrics. At each cut the counts of an address go to exactly one series of each kind, its
 * own or a collective one ("other", "pending", …), as its geo record says then; so the series of a
 * kind sum to what was accounted, and none ever falls. One that leaves adds its amount to "other" and
 * is zero from that cut on: a record whose newest version is zero is nobody's, whatever its name, and
 * may get another kind and name later. A kind that is not configured (any more) is not updated. */
enum ipacct_series_kind {
	IPACCT_SERIES_FREE = 0,
	IPACCT_SERIES_COUNTRY, /* name: ISO 3166-1 alpha-2, or a collective name */
	IPACCT_SERIES_ASN,     /* name: decimal number, or a collective name */
	IPACCT_SERIES_GROUP,   /* name: of the prefix group, or a collective name */
	IPACCT_SERIES_ADDRESS, /* name: "192.0.2.1@DOMAIN", or a collective name */
	IPACCT_SERIES_KINDS
};

struct ipacct_ledger_series {
	__u8 kind; /* enum ipacct_series_kind; set after the rest */
	__u8 reserved[7];
	__u64 created_ns;                    /* CLOCK_REALTIME: it counts from there on */
	char name[IPACCT_SERIES_NAME_BYTES]; /* NUL-terminated */
	struct ipacct_ledger_version version[2];
};

/* Groups: customers as lists of prefixes. Each group has a record of its own at the end of the ledger,
 * a struct ipacct_ledger_series of IPACCT_SERIES_GROUP whose name never changes: it is cumulative and
 * stays when the group leaves the list. At each cut the counts of every address go to the group of the
 * longest prefix that holds it, or to "unknown"; what has no address goes to "rolled_up"; what was
 * counted before there were groups is "earlier"; "other" is what groups had whose records were given
 * up for room. So the records sum to what was accounted, at every cut that had groups.
 *
 * Which addresses they are is in a file of its own, made anew for each list and renamed into place:
 * header | n_groups names | n_prefixes prefixes, sorted by domain, address, length. */
#define IPACCT_GROUPS_NAME         "groups"
#define IPACCT_GROUPS_VERSION      1u /* of the file; made anew where it is another one */
#define IPACCT_GROUPS_MAGIC        0x7370756f72677069ULL /* "ipgroups" */
#define IPACCT_GROUPS_MAX          65536u                /* names in a list */
#define IPACCT_GROUP_PREFIXES_MAX  (1u << 20)
#define IPACCT_GROUP_RECORDS_MAX   (2u * IPACCT_GROUPS_MAX) /* of the ledger, with those that left */
#define IPACCT_GROUPS_EVERY_DOMAIN 65536u                   /* a prefix without a domain */
#define IPACCT_GROUPS_NO_PARENT    0xffffffffu
#define IPACCT_GROUPS_WAS_NAME     "groups.was" /* the list before, while cuts are masked by it */
#define IPACCT_MASK_LEN_MIN        33u          /* /32 is the roll-up, which must stay apart */

struct ipacct_groups_header {
	__u64 magic;
	__u32 abi_version; /* IPACCT_GROUPS_VERSION */
	__u32 header_bytes;
	__u32 name_bytes;
	__u32 prefix_bytes;
	__u32 n_groups;
	__u32 n_prefixes;
	__u64 file_bytes;
	__u64 digest;      /* of the text it was made from */
	__u64 source_ns;   /* CLOCK_REALTIME: when that was last changed … */
	__u64 made_ns;     /* … and when this was made */
	__u32 n_protected; /* prefixes that are protected, too */
	__u32 n_masked;    /* prefixes with mask_len */
	__u64 reserved[7];
};

struct ipacct_groups_name {
	char name[IPACCT_SERIES_NAME_BYTES]; /* UTF-8, NUL-terminated */
	__u32 n_prefixes;
	__u32 reserved;
};

struct ipacct_groups_prefix {
	__be32 addr_be[4]; /* as struct ipacct_key */
	__u32 domain;      /* 0 … 65535, or IPACCT_GROUPS_EVERY_DOMAIN */
	__u32 group;
	__u32 parent;    /* the longest shorter prefix around it, before it; or _NO_PARENT */
	__u8 prefix_len; /* of 128 bits: IPv4 /16 is 112 */
	__u8 flags;
	__u8 mask_len; /* IPv6: its addresses share a record for each so many bits; 0: one for each */
	__u8 reserved;
};

/* Facts of one cut. */
struct ipacct_ledger_cut {
	__u64 cut;
	__u64 cut_time_ns;   /* CLOCK_REALTIME of the epoch switch */
	__u64 error_packets; /* sum over all cuts of |difference| where a cut did not close */
	__u64 error_l3_bytes;
	__u64 unrecorded_keys; /* keys (counted once a cut) that found the ledger full: rolled up */
	__u64 lru_refused;     /* cumulative, all partitions */
	__u64 rollup_updates;  /* cumulative, all partitions */
	__u64 duration_ns;     /* reading and folding it took so long */
	__u64 guard_rolled; /* cumulative: packets of protected addresses in roll-ups of the maps */
	__u64 guard_unrecorded; /* of unrecorded_keys, those that are protected */
	__u64 folded_records;   /* cumulative: address records folded into their prefix */
	/* cumulative: what they had. Sum over roll-ups − this is what never was on an address */
	struct ipacct_counters folded;
};

/* From that cut on, until the other one begins, IPv6 addresses are masked by the list of groups with
 * that digest (ipacct_group_list_mask() in the library). */
struct ipacct_ledger_mask {
	__u64 from_cut; /* UINT64_MAX: being written */
	__u64 digest;   /* 0: nothing is masked */
};

struct ipacct_ledger_header {
	__u64 magic;
	__u32 abi_version;
	__u32 header_bytes;
	__u32 record_bytes;
	__u32 interface_bytes;
	__u32 n_interfaces_max;
	__u32 n_rollups_max;
	__u32 n_addresses_max;
	__u32 n_series_max;
	__u64 file_bytes;
	__u64 instance;   /* of the maps (ipacct_ctl.instance) whose cuts it holds */
	__u64 created_ns; /* CLOCK_REALTIME: counters began then */
	__u64 cut;        /* the last committed cut; written last, with release order */
	__u32 n_rollups;  /* records claimed so far */
	__u32 n_addresses;
	struct ipacct_ledger_cut version[2];
	__u64 interval_ns;  /* what the collector aims at now; 0 when it has stopped */
	__u64 fold_cut;     /* it is decided which records this cut folds; for the collector */
	__u32 n_groups_max; /* records of groups behind the addresses */
	__u32 n_groups;     /* claimed so far */
	struct ipacct_ledger_mask mask[2];
	__u64 reserved[3];
};

#define IPACCT_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
IPACCT_ASSERT_SIZE(struct ipacct_key, 20);
IPACCT_ASSERT_SIZE(struct ipacct_counters, 32);
IPACCT_ASSERT_SIZE(struct ipacct_hot4_line, 32);
IPACCT_ASSERT_SIZE(struct ipacct_hot6_line, 64);
IPACCT_ASSERT_SIZE(struct ipacct_hot4_set, IPACCT_HOT_SET_BYTES);
IPACCT_ASSERT_SIZE(struct ipacct_hot6_set, IPACCT_HOT_SET_BYTES);
IPACCT_ASSERT_SIZE(struct ipacct_roll6_line, 64);
IPACCT_ASSERT_SIZE(struct ipacct_totals, 4 * 16 + 8 * 8 + 8 * 16 + 2 * 8 + 32 * 16 + 5 * 8 + 8);
IPACCT_ASSERT_SIZE(struct ipacct_ctl, 64);
IPACCT_ASSERT_SIZE(struct ipacct_meta, 128);
IPACCT_ASSERT_SIZE(struct ipacct_interface, 112);
IPACCT_ASSERT_SIZE(struct ipacct_vlans, 8192); /* a multiple of the page: it is mapped */
IPACCT_ASSERT_SIZE(struct ipacct_part, 64);
IPACCT_ASSERT_SIZE(struct ipacct_ledger_version, 48);
IPACCT_ASSERT_SIZE(struct ipacct_ledger_record, 128);
IPACCT_ASSERT_SIZE(struct ipacct_ledger_series, 168);
IPACCT_ASSERT_SIZE(struct ipacct_groups_header, 128);
IPACCT_ASSERT_SIZE(struct ipacct_groups_name, 64);
IPACCT_ASSERT_SIZE(struct ipacct_groups_prefix, 32);
IPACCT_ASSERT_SIZE(struct ipacct_ledger_cut, 120);
IPACCT_ASSERT_SIZE(struct ipacct_ledger_header, 400);
_Static_assert(IPACCT_IGNORED_REASONS <= IPACCT_REASONS_MAX, "reasons outgrew their array");

#endif
