// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet table: IPv6 and its extension headers. */
#include "cases.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ETH6 ETH(ETH_P_IPV6)

/* IANA protocol numbers, "IPv6 Extension Header Types" among them */
#define HOP        0
#define ROUTE      43
#define FRAGMENT   44
#define AUTH       51
#define NO_NEXT    59
#define DEST       60
#define MOBILITY   135
#define HIP        139
#define SHIM6      140
#define EXPERIMENT 253 /* RFC 3692: its format is not known, so the chain ends */

#define M 1 /* RFC 8200 4.5: more fragments */

#define DEST4 EXT(DEST, 0), EXT(DEST, 0), EXT(DEST, 0), EXT(DEST, 0)

/* Laid out by hand: layers in a row, as on the wire. */
/* clang-format off */
const struct packet_case cases_ipv6[] = {
	/* protocol classes */
	{ "v6_tcp", 74, { ETH6, IP6(20, IPPROTO_TCP), TCP_HEADER }, V6(TCP, 60) },
	{ "v6_tcp_data", 174, { ETH6, IP6(120, IPPROTO_TCP), TCP_HEADER, FILL(100) }, V6(TCP, 160) },
	{ "v6_udp", 62, { ETH6, IP6(8, IPPROTO_UDP), UDP_HEADER }, V6(UDP, 48) },
	{ "v6_icmpv6", 118, { ETH6, IP6(64, IPPROTO_ICMPV6), FILL(64) }, V6(ICMP, 104) },
	{ "v6_icmpv4", 62, { ETH6, IP6(8, IPPROTO_ICMP), ICMP_HEADER }, V6(ICMP, 48) },
	{ "v6_esp", 90, { ETH6, IP6(36, IPPROTO_ESP), FILL(36) }, V6(OTHER, 76) },
	{ "v6_no_next", 54, { ETH6, IP6(0, NO_NEXT) }, V6(OTHER, 40) },
	{ "v6_no_next_data", 62, { ETH6, IP6(8, NO_NEXT), FILL(8) }, V6(OTHER, 48) },
	{ "v6_sctp", 82, { ETH6, IP6(28, IPPROTO_SCTP), FILL(28) }, V6(OTHER, 68) },
	{ "v6_ospf", 90, { ETH6, IP6(36, 89), FILL(36) }, V6(OTHER, 76) },
	{ "v6_experiment", 62, { ETH6, IP6(8, EXPERIMENT), EXT(IPPROTO_TCP, 0) }, V6(OTHER, 48) },
	{ "v6_header_255", 62, { ETH6, IP6(8, 255), FILL(8) }, V6(OTHER, 48) },
	{ "v6_header_42", 62, { ETH6, IP6(8, 42), FILL(8) }, V6(OTHER, 48) },
	{ "v6_header_45", 62, { ETH6, IP6(8, 45), FILL(8) }, V6(OTHER, 48) },

	/* tunnels: only the outer header counts; cases_tunnel.c has the rest */
	{ "v6_gre", 86, { ETH6, IP6(32, IPPROTO_GRE), BYTES("\0\0\x08\0"), IP4(28, IPPROTO_UDP),
	  UDP_HEADER }, V6(OTHER, 72), INNER(4, UDP, 28) },
	{ "v6_4in6", 82, { ETH6, IP6(28, IPPROTO_IPIP), IP4(28, IPPROTO_UDP), UDP_HEADER },
	  V6(OTHER, 68), INNER(4, UDP, 28) },
	{ "v6_6in6", 102, { ETH6, IP6(48, IPPROTO_IPV6),
	  IP6(8, IPPROTO_UDP, .source = "2001:db8:7::7"), UDP_HEADER }, V6(OTHER, 88),
	  INNER(6, UDP, 48, .source = "2001:db8:7::7") },
	{ "v6_vxlan", 112, { ETH6, IP6(58, IPPROTO_UDP), BYTES("\xc0\0\x12\xb5\0\x3a\0\0"),
	  BYTES("\x08\0\0\0\0\0\x2a\0"), ETH(ETH_P_IP), IP4(28, IPPROTO_TCP), UDP_HEADER }, V6(UDP, 98),
	  INNER(4, TCP, 28) },

	/* one extension header of each kind */
	{ "v6_hop", 70, { ETH6, IP6(16, HOP), EXT(IPPROTO_UDP, 0), UDP_HEADER }, V6(UDP, 56) },
	{ "v6_mld", 90, { ETH6, IP6(36, HOP), EXT(IPPROTO_ICMPV6, 0), FILL(28) }, V6(ICMP, 76) },
	{ "v6_route", 82, { ETH6, IP6(28, ROUTE), EXT(IPPROTO_TCP, 0), TCP_HEADER }, V6(TCP, 68) },
	{ "v6_segment_routing", 114, /* RFC 8754 2: two segments, length 4 */
	  { ETH6, IP6(60, ROUTE), EXT(IPPROTO_TCP, 4), TCP_HEADER }, V6(TCP, 100) },
	{ "v6_dest", 82, { ETH6, IP6(28, DEST), EXT(IPPROTO_TCP, 0), TCP_HEADER }, V6(TCP, 68) },
	{ "v6_mobility", 62, { ETH6, IP6(8, MOBILITY), EXT(NO_NEXT, 0) }, V6(OTHER, 48) },
	{ "v6_mobility_tcp", 82, { ETH6, IP6(28, MOBILITY), EXT(IPPROTO_TCP, 0), TCP_HEADER },
	  V6(TCP, 68) },
	{ "v6_hip", 94, { ETH6, IP6(40, HIP), EXT(NO_NEXT, 4) }, V6(OTHER, 80) },
	{ "v6_hip_udp", 70, { ETH6, IP6(16, HIP), EXT(IPPROTO_UDP, 0), UDP_HEADER }, V6(UDP, 56) },
	{ "v6_shim6", 70, { ETH6, IP6(16, SHIM6), EXT(IPPROTO_UDP, 0), UDP_HEADER }, V6(UDP, 56) },
	{ "v6_ah_shortest", 82, { ETH6, IP6(28, AUTH), AH(IPPROTO_TCP, 0), TCP_HEADER }, V6(TCP, 68) },
	{ "v6_ah_odd", 86, { ETH6, IP6(32, AUTH), AH(IPPROTO_TCP, 1), TCP_HEADER }, V6(TCP, 72) },
	{ "v6_ah_icv96", 98, { ETH6, IP6(44, AUTH), AH(IPPROTO_TCP, 4), TCP_HEADER }, V6(TCP, 84) },
	{ "v6_ah_then_dest", 90, { ETH6, IP6(36, AUTH), AH(DEST, 4), EXT(IPPROTO_ICMPV6, 0), FILL(4) },
	  V6(ICMP, 76) },
	{ "v6_hop_longest", 2126, { ETH6, IP6(2072, HOP), EXT(IPPROTO_TCP, 255), FILL(24) },
	  V6(TCP, 2112) },
	{ "v6_ah_longest", 1114, { ETH6, IP6(1060, AUTH), AH(IPPROTO_UDP, 255), FILL(32) },
	  V6(UDP, 1100) },

	/* chains */
	{ "v6_hop_dest", 78, { ETH6, IP6(24, HOP), EXT(DEST, 0), EXT(IPPROTO_UDP, 0), UDP_HEADER },
	  V6(UDP, 64) },
	{ "v6_recommended_order", 154, /* RFC 8200 4.1 */
	  { ETH6, IP6(100, HOP), EXT(DEST, 0), EXT(ROUTE, 1), EXT(FRAGMENT, 2), FRAG6(AUTH, 0),
	    AH(DEST, 4), EXT(IPPROTO_TCP, 0), FILL(12) }, V6(TCP, 140) },
	{ "v6_dest_esp", 94, { ETH6, IP6(40, DEST), EXT(IPPROTO_ESP, 0), FILL(32) }, V6(OTHER, 80) },
	{ "v6_8_headers", 126, { ETH6, IP6(72, DEST), DEST4, EXT(DEST, 0), EXT(DEST, 0), EXT(DEST, 0),
	  EXT(IPPROTO_UDP, 0), UDP_HEADER }, V6(UDP, 112) },
	{ "v6_8_headers_esp", 126, { ETH6, IP6(72, DEST), DEST4, EXT(DEST, 0), EXT(DEST, 0),
	  EXT(DEST, 0), EXT(IPPROTO_ESP, 0), FILL(8) }, V6(OTHER, 112) },
	{ "v6_8_headers_all_kinds", 122,
	  { ETH6, IP6(68, HOP), EXT(ROUTE, 0), EXT(DEST, 0), EXT(MOBILITY, 0), EXT(HIP, 0),
	    EXT(SHIM6, 0), EXT(AUTH, 0), AH(FRAGMENT, 0), FRAG6(IPPROTO_UDP, 0), FILL(4) },
	  V6(UDP, 108) },
	{ "v6_9_headers", 134, { ETH6, IP6(80, DEST), DEST4, DEST4, EXT(IPPROTO_UDP, 0), UDP_HEADER },
	  IGNORED(IPV6_EXT_DEPTH) },
	{ "v6_9_headers_announced", 118, { ETH6, IP6(64, DEST), DEST4, DEST4 },
	  IGNORED(IPV6_EXT_DEPTH) },
	{ "v6_8_headers_fragment", 126, { ETH6, IP6(72, DEST), DEST4, EXT(DEST, 0), EXT(DEST, 0),
	  EXT(DEST, 0), EXT(FRAGMENT, 0), FRAG6(IPPROTO_UDP, M) }, IGNORED(IPV6_EXT_DEPTH) },
	{ "v6_8_headers_ah", 126, { ETH6, IP6(72, HOP), EXT(DEST, 0), DEST4, EXT(DEST, 0),
	  EXT(DEST, 0), EXT(AUTH, 0), AH(IPPROTO_UDP, 0) }, IGNORED(IPV6_EXT_DEPTH) },
	{ "v6_hop_not_first", 78, { ETH6, IP6(24, DEST), EXT(HOP, 0), EXT(IPPROTO_UDP, 0), UDP_HEADER },
	  V6(UDP, 64) },

	/* fragments */
	{ "v6_first_fragment", 1514, { ETH6, IP6(1460, FRAGMENT), FRAG6(IPPROTO_UDP, M), FILL(1452) },
	  V6(UDP, 1500, FIRST) },
	{ "v6_middle_fragment", 1514,
	  { ETH6, IP6(1460, FRAGMENT), FRAG6(IPPROTO_UDP, 181 << 3 | M), FILL(1452) },
	  V6(UDP, 1500, OTHER_FRAGMENT) },
	{ "v6_last_fragment", 86, { ETH6, IP6(32, FRAGMENT), FRAG6(IPPROTO_UDP, 362 << 3), FILL(24) },
	  V6(UDP, 72, OTHER_FRAGMENT) },
	{ "v6_last_fragment_tcp", 70, { ETH6, IP6(16, FRAGMENT), FRAG6(IPPROTO_TCP, 1 << 3), FILL(8) },
	  V6(TCP, 56, OTHER_FRAGMENT) },
	{ "v6_last_fragment_icmp", 62, { ETH6, IP6(8, FRAGMENT), FRAG6(IPPROTO_ICMPV6, 0xfff8) },
	  V6(ICMP, 48, OTHER_FRAGMENT) },
	{ "v6_atomic_fragment", 70, { ETH6, IP6(16, FRAGMENT), FRAG6(IPPROTO_UDP, 0), UDP_HEADER },
	  V6(UDP, 56) }, /* RFC 6946 */
	{ "v6_fragment_reserved_bits", 70, { ETH6, IP6(16, FRAGMENT), FRAG6(IPPROTO_UDP, 6), UDP_HEADER },
	  V6(UDP, 56) }, /* RFC 8200 4.5: ignored on reception */
	{ "v6_hop_first_fragment", 78, { ETH6, IP6(24, HOP), EXT(FRAGMENT, 0), FRAG6(IPPROTO_UDP, M),
	  UDP_HEADER }, V6(UDP, 64, FIRST) },
	{ "v6_first_fragment_dest", 78, { ETH6, IP6(24, FRAGMENT), FRAG6(DEST, M),
	  EXT(IPPROTO_TCP, 0), FILL(8) }, V6(TCP, 64, FIRST) },
	{ "v6_other_fragment_dest", 78, { ETH6, IP6(24, FRAGMENT), FRAG6(DEST, 8 | M),
	  EXT(IPPROTO_TCP, 0), FILL(8) }, V6(OTHER, 64, OTHER_FRAGMENT) },
	{ "v6_other_fragment_depth", 126, /* the chain stops before the ninth header */
	  { ETH6, IP6(72, DEST), DEST4, EXT(DEST, 0), EXT(DEST, 0), EXT(FRAGMENT, 0),
	    FRAG6(DEST, 8), UDP_HEADER }, V6(OTHER, 112, OTHER_FRAGMENT) },
	{ "v6_first_fragment_cut_chain", 62, { ETH6, IP6(8, FRAGMENT), FRAG6(DEST, M) },
	  IGNORED(TRUNCATED_L3) },
	{ "v6_other_fragment_end", 62, { ETH6, IP6(8, FRAGMENT), FRAG6(DEST, 8) },
	  V6(OTHER, 48, OTHER_FRAGMENT) },
	{ "v6_fragment_header_cut", 61, { ETH6, IP6(8, FRAGMENT), BYTES("\x11\0\0\1\0\0\0") },
	  IGNORED(TRUNCATED_L3) },
	{ "v6_fragment_header_missing", 54, { ETH6, IP6(8, FRAGMENT) }, IGNORED(TRUNCATED_L3) },

	/* the frame ends in the chain */
	{ "v6_hop_missing", 54, { ETH6, IP6(8, HOP) }, IGNORED(TRUNCATED_L3) },
	{ "v6_dest_cut", 55, { ETH6, IP6(8, DEST), BYTES("\x06") }, IGNORED(TRUNCATED_L3) },
	{ "v6_dest_two_bytes", 56, { ETH6, IP6(8, DEST), BYTES("\x06\0") }, V6(TCP, 42) },
	{ "v6_ah_two_bytes", 56, { ETH6, IP6(24, AUTH), BYTES("\x11\x04") }, V6(UDP, 42) },
	{ "v6_long_ext_beyond_frame", 62, { ETH6, IP6(8, DEST), BYTES("\x06\xff"), FILL(6) },
	  V6(TCP, 48) },
	{ "v6_long_ext_then_ext", 62, { ETH6, IP6(8, DEST), BYTES("\x3c\xff"), FILL(6) },
	  IGNORED(TRUNCATED_L3) },

	/* payload length */
	{ "v6_payload_0", 74, { ETH6, IP6(0, IPPROTO_TCP), TCP_HEADER }, V6(TCP, 40) },
	{ "v6_payload_trailer", 74, { ETH6, IP6(8, IPPROTO_UDP), UDP_HEADER, FILL(12) }, V6(UDP, 48) },
	{ "v6_payload_beyond_frame", 74, { ETH6, IP6(21, IPPROTO_TCP), TCP_HEADER }, V6(TCP, 60) },
	{ "v6_payload_65535", 74, { ETH6, IP6(65535, IPPROTO_TCP), TCP_HEADER }, V6(TCP, 60) },
	{ "v6_payload_inside_ext", 82, { ETH6, IP6(4, DEST), EXT(IPPROTO_TCP, 0), TCP_HEADER },
	  V6(TCP, 44) },
	{ "v6_jumbogram", 82, /* RFC 2675 2 */
	  { ETH6, IP6(0, HOP), BYTES("\x06\0\xc2\x04\0\1\0\0"), TCP_HEADER }, V6(TCP, 68) },
	{ "v6_payload_0_dest", 82, { ETH6, IP6(0, DEST), EXT(IPPROTO_TCP, 0), TCP_HEADER }, V6(TCP, 40) },

	/* version and short headers */
	{ "v6_version_0", 62, { ETH6, BYTES("\0"), FILL(47) }, IGNORED(BAD_IP_VERSION) },
	{ "v6_version_4", 62, { ETH6, IP6(8, IPPROTO_UDP, .first = 0x45), UDP_HEADER },
	  IGNORED(BAD_IP_VERSION) },
	{ "v6_version_7", 62, { ETH6, IP6(8, IPPROTO_UDP, .first = 0x70), UDP_HEADER },
	  IGNORED(BAD_IP_VERSION) },
	{ "v6_is_ipv4", 60, { ETH6, IP4(46, IPPROTO_UDP), FILL(26) }, IGNORED(BAD_IP_VERSION) },
	{ "v6_is_short_ipv4", 50, { ETH6, IP4(36, IPPROTO_UDP), FILL(16) }, IGNORED(TRUNCATED_L3) },
	{ "v6_header_only", 54, { ETH6, IP6(0, IPPROTO_UDP) }, V6(UDP, 40) },
	{ "v6_header_cut", 53, { ETH6, BYTES("\x60"), FILL(38) }, IGNORED(TRUNCATED_L3) },
	{ "v6_traffic_class", 62, { ETH6, IP6(8, IPPROTO_UDP, .first = 0x6f), UDP_HEADER }, V6(UDP, 48) },

	/* addresses */
	{ "v6_same_address", 62,
	  { ETH6, IP6(8, IPPROTO_UDP, .source = "3fff:f::9", .destination = "3fff:f::9"), UDP_HEADER },
	  V6(UDP, 48, .source = "3fff:f::9", .destination = "3fff:f::9") },
	{ "v6_neighbour_solicitation", 86,
	  { ETH6, IP6(32, IPPROTO_ICMPV6, .source = "fe80::1", .destination = "ff02::1:ff00:2"),
	    FILL(32) },
	  V6(ICMP, 72, .source = "fe80::1", .destination = "ff02::1:ff00:2") },
	{ "v6_duplicate_address_detection", 78,
	  { ETH6, IP6(24, IPPROTO_ICMPV6, .source = "::"), FILL(24) }, V6(ICMP, 64, .source = "::") },
	/* the v4-mapped form on the wire is the IPv4 address's own key */
	{ "v6_mapped_address", 62, { ETH6, IP6(8, IPPROTO_UDP, .source = "::ffff:192.0.2.1"), UDP_HEADER },
	  V6(UDP, 48, .source = "::ffff:192.0.2.1") },
	{ "v6_low_bits_differ", 62,
	  { ETH6, IP6(8, IPPROTO_UDP, .source = "2001:db8::1:0:0:1",
		      .destination = "2001:db8:0:1::1"), UDP_HEADER },
	  V6(UDP, 48, .source = "2001:db8::1:0:0:1", .destination = "2001:db8:0:1::1") },

	/* several buffers */
	{ "v6_jumbo_9000", 9014, { ETH6, IP6(8960, IPPROTO_TCP), FILL(8960) }, V6(TCP, 9000) },
	{ "v6_jumbogram_9000", 9014,
	  { ETH6, IP6(0, HOP), BYTES("\x06\0\xc2\x04\0\0\x23\0"), FILL(8952) }, V6(TCP, 9000) },
	{ "v6_chain_over_buffers", 8254, /* the 4th header lies beyond the first buffer */
	  { ETH6, IP6(8200, HOP), EXT(DEST, 255), EXT(DEST, 255), EXT(DEST, 255),
	    EXT(IPPROTO_UDP, 255), UDP_HEADER }, V6(UDP, 8240) },
	{ "v6_65000", 65000, { ETH6, IP6(64946, IPPROTO_UDP), FILL(64946) }, V6(UDP, 64986) },
};
/* clang-format on */

const size_t n_cases_ipv6 = sizeof(cases_ipv6) / sizeof(cases_ipv6[0]);
