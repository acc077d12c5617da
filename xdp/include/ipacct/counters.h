/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of what is counted: field, output name, IPFIX element, help. Expand them; never write
 * a second list. Adding a row touches abi.h, this table, the BPF line that counts, and a test. */
#ifndef IPACCT_COUNTERS_H
#define IPACCT_COUNTERS_H

#include "ipacct/abi.h"

/* X(field of struct ipacct_counters, IPFIX element, help) */
#define IPACCT_COUNTERS(X)                                                             \
	X(tx_packets, 86, "packets with this source address")                          \
	X(tx_l3_bytes, 85, "octets of IP header and payload with this source address") \
	X(rx_packets, 86, "packets with this destination address")                     \
	X(rx_l3_bytes, 85, "octets of IP header and payload with this destination address")

/* X(enum suffix, output name, help) — in the order of enum ipacct_ignored_reason */
#define IPACCT_REASONS(X)                                                                          \
	X(ARP, "arp", "ARP")                                                                       \
	X(LLC, "llc", "IEEE 802.3 length field: STP, IS-IS, ...")                                  \
	X(OTHER_ETHERTYPE, "other_ethertype", "neither IP nor a tag or tunnel that is parsed")     \
	X(TRUNCATED_L2, "truncated_l2", "frame ends inside Ethernet, VLAN, PPPoE or MPLS")         \
	X(VLAN_DEPTH, "vlan_depth", "more VLAN tags than the parser follows")                      \
	X(PPPOE_CONTROL, "pppoe_control", "PPPoE session frame that carries no IP")                \
	X(MPLS_DEPTH, "mpls_depth", "more MPLS labels than the parser follows")                    \
	X(MPLS_PAYLOAD, "mpls_payload", "MPLS payload that is not IP")                             \
	X(BAD_IP_VERSION, "bad_ip_version", "IP version contradicts the ethertype")                \
	X(TRUNCATED_L3, "truncated_l3", "frame ends inside the IP header")                         \
	X(BAD_IHL, "bad_ihl", "IPv4 header length below 20 octets")                                \
	X(BAD_LENGTH, "bad_length", "IPv4 total length below its header length")                   \
	X(IPV6_EXT_DEPTH, "ipv6_ext_depth", "more IPv6 extension headers than the parser follows") \
	X(INTERNAL, "internal", "a map of ipacct did not answer")

/* X(enum suffix, output name) */
#define IPACCT_PROTOCOL_CLASSES(X) \
	X(TCP, "tcp")              \
	X(UDP, "udp")              \
	X(ICMP, "icmp")            \
	X(OTHER, "other")

/* X(first bin size above this one, output name): RFC 2819 etherStats octet counts, FCS included */
#define IPACCT_SIZES(X)      \
	X(64, "0-63")        \
	X(65, "64")          \
	X(128, "65-127")     \
	X(256, "128-255")    \
	X(512, "256-511")    \
	X(1024, "512-1023")  \
	X(1519, "1024-1518") \
	X(0xffffffff, "1519+")

/* Of struct ipacct_totals, for each interface slot.
 * X(field, output name, unit, help) */
#define IPACCT_TOTALS_COUNTERS(X)                                                                \
	X(seen.packets, "seen_packets", "packets", "packets that arrived")                       \
	X(seen.l2_bytes, "seen_l2_bytes", "bytes", "octets of frames that arrived, without FCS") \
	X(accounted.packets, "accounted_packets", "packets",                                     \
	  "packets that were counted for their two addresses")                                   \
	X(accounted.l2_bytes, "accounted_l2_bytes", "bytes",                                     \
	  "octets of accounted frames, without FCS")                                             \
	X(inner_packets, "inner_packets", "packets",                                             \
	  "accounted packets that were counted for the addresses inside a tunnel")               \
	X(tunnel_outer_packets, "tunnel_outer_packets", "packets",                               \
	  "packets of a tunnel counted for its own addresses, since nothing inside can be read")

/* X(field, output name) */
#define IPACCT_FAMILIES(X) \
	X(ipv4, "ipv4")    \
	X(ipv6, "ipv6")

/* X(field, output name): accounted packets that are fragments */
#define IPACCT_FRAGMENTS(X)         \
	X(first_fragments, "first") \
	X(other_fragments, "other")

#define IPACCT_FCS_BYTES 4u /* IEEE 802.3 3.2.9: counted by RMON bins, absent from l2_bytes */

#endif
