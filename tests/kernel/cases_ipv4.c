// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet table: IPv4. Histogram edges are here too, they only depend on the size. */
#include "cases.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ETH4 ETH(ETH_P_IP)

/* RFC 791 3.1, RFC 3514 for the reserved bit */
#define RESERVED 0x8000
#define DF       0x4000
#define MF       0x2000

#define IPPROTO_OSPF 89 /* IANA protocol numbers that netinet/in.h lacks */
#define IPPROTO_VRRP 112

/* Laid out by hand: layers in a row, as on the wire. */
/* clang-format off */
const struct packet_case cases_ipv4[] = {
	/* protocol classes */
	{ "v4_tcp", 54, { ETH4, IP4(40, IPPROTO_TCP), TCP_HEADER }, V4(TCP, 40) },
	{ "v4_tcp_padded", 60, { ETH4, IP4(40, IPPROTO_TCP), TCP_HEADER, FILL(6) }, V4(TCP, 40) },
	{ "v4_tcp_data", 154, { ETH4, IP4(140, IPPROTO_TCP), TCP_HEADER, FILL(100) }, V4(TCP, 140) },
	{ "v4_udp", 42, { ETH4, IP4(28, IPPROTO_UDP), UDP_HEADER }, V4(UDP, 28) },
	{ "v4_udp_padded", 60, { ETH4, IP4(28, IPPROTO_UDP), UDP_HEADER, FILL(18) }, V4(UDP, 28) },
	{ "v4_icmp", 98, { ETH4, IP4(84, IPPROTO_ICMP), ICMP_HEADER, FILL(56) }, V4(ICMP, 84) },
	{ "v4_icmpv6", 62, { ETH4, IP4(48, IPPROTO_ICMPV6), ICMP_HEADER, FILL(20) }, V4(ICMP, 48) },
	{ "v4_protocol_0", 60, { ETH4, IP4(46, 0), FILL(26) }, V4(OTHER, 46) },
	{ "v4_igmp", 46, { ETH4, IP4(32, IPPROTO_IGMP, .first = 0x46), ICMP_HEADER }, V4(OTHER, 32) },
	{ "v4_esp", 90, { ETH4, IP4(76, IPPROTO_ESP), FILL(56) }, V4(OTHER, 76) },
	{ "v4_ah", 66, { ETH4, IP4(52, IPPROTO_AH), AH(IPPROTO_TCP, 1), TCP_HEADER }, V4(OTHER, 52) },
	{ "v4_sctp", 62, { ETH4, IP4(48, IPPROTO_SCTP), FILL(28) }, V4(OTHER, 48) },
	{ "v4_dccp", 50, { ETH4, IP4(36, IPPROTO_DCCP), FILL(16) }, V4(OTHER, 36) },
	{ "v4_udplite", 42, { ETH4, IP4(28, IPPROTO_UDPLITE), UDP_HEADER }, V4(OTHER, 28) },
	{ "v4_ospf", 78, { ETH4, IP4(64, IPPROTO_OSPF), FILL(44) }, V4(OTHER, 64) },
	{ "v4_vrrp", 60, { ETH4, IP4(40, IPPROTO_VRRP), FILL(26) }, V4(OTHER, 40) },
	{ "v4_pim", 60, { ETH4, IP4(46, IPPROTO_PIM), FILL(26) }, V4(OTHER, 46) },
	{ "v4_protocol_255", 60, { ETH4, IP4(46, IPPROTO_RAW), FILL(26) }, V4(OTHER, 46) },

	/* tunnels: only the outer header counts; cases_tunnel.c has the rest */
	{ "v4_gre_ipv4", 66, { ETH4, IP4(52, IPPROTO_GRE), BYTES("\0\0\x08\0"),
	  IP4(28, IPPROTO_UDP, .source = "203.0.113.7", .destination = "203.0.113.8"), UDP_HEADER },
	  V4(OTHER, 52), INNER(4, UDP, 28, .source = "203.0.113.7", .destination = "203.0.113.8") },
	{ "v4_gre_erspan", 92, { ETH4, IP4(78, IPPROTO_GRE), BYTES("\x10\0\x88\xbe\0\0\0\1"),
	  ETH4, IP4(36, IPPROTO_UDP), UDP_HEADER, FILL(8) }, V4(OTHER, 78), OPAQUE(4, OTHER, 78) },
	{ "v4_ipip", 62, { ETH4, IP4(48, IPPROTO_IPIP),
	  IP4(28, IPPROTO_UDP, .source = "203.0.113.7", .destination = "203.0.113.8"), UDP_HEADER },
	  V4(OTHER, 48), INNER(4, UDP, 28, .source = "203.0.113.7", .destination = "203.0.113.8") },
	{ "v4_6in4", 82, { ETH4, IP4(68, IPPROTO_IPV6), IP6(8, IPPROTO_UDP), UDP_HEADER }, V4(OTHER, 68),
	  INNER(6, UDP, 48) },
	{ "v4_mpls_in_ip", 66, { ETH4, IP4(52, IPPROTO_MPLS), LABEL(1), IP4(28, IPPROTO_UDP), UDP_HEADER },
	  V4(OTHER, 52) },
	{ "v4_vxlan", 92, { ETH4, IP4(78, IPPROTO_UDP), BYTES("\xc0\0\x12\xb5\0\x3a\0\0"),
	  BYTES("\x08\0\0\0\0\0\x2a\0"), ETH4, IP4(28, IPPROTO_TCP, .source = "203.0.113.7"), UDP_HEADER },
	  V4(UDP, 78), INNER(4, TCP, 28, .source = "203.0.113.7") },
	{ "v4_geneve", 92, { ETH4, IP4(78, IPPROTO_UDP), BYTES("\xc0\0\x17\xc1\0\x3a\0\0"),
	  BYTES("\0\0\x65\x58\0\0\x2a\0"), ETH4, IP4(28, IPPROTO_TCP), UDP_HEADER }, V4(UDP, 78),
	  INNER(4, TCP, 28) },
	{ "v4_gtp", 78, { ETH4, IP4(64, IPPROTO_UDP), BYTES("\x08\x68\x08\x68\0\x2c\0\0"),
	  BYTES("\x30\xff\0\x1c\0\0\0\1"), IP4(28, IPPROTO_TCP), UDP_HEADER }, V4(UDP, 64) },

	/* header length */
	{ "v4_ihl_6", 46, { ETH4, IP4(32, IPPROTO_UDP, .first = 0x46), UDP_HEADER }, V4(UDP, 32) },
	{ "v4_ihl_7", 62, { ETH4, IP4(48, IPPROTO_TCP, .first = 0x47), TCP_HEADER }, V4(TCP, 48) },
	{ "v4_ihl_15", 94, { ETH4, IP4(80, IPPROTO_TCP, .first = 0x4f), TCP_HEADER }, V4(TCP, 80) },
	{ "v4_ihl_15_exact", 74, { ETH4, IP4(60, IPPROTO_TCP, .first = 0x4f) }, V4(TCP, 60) },
	{ "v4_ihl_6_cut", 37, { ETH4, BYTES("\x46\0\0\x18\0\0\0\0\x40\x11\0\0"),
	  BYTES("\xc0\0\2\1\xc6\x33\x64\2"), FILL(3) }, IGNORED(TRUNCATED_L3) },
	{ "v4_ihl_15_cut", 73, { ETH4, BYTES("\x4f\0\0\x3c\0\0\0\0\x40\x06\0\0"),
	  BYTES("\xc0\0\2\1\xc6\x33\x64\2"), FILL(39) }, IGNORED(TRUNCATED_L3) },
	{ "v4_ihl_15_cut_at_20", 34, { ETH4, BYTES("\x4f\0\0\x3c\0\0\0\0\x40\x06\0\0"),
	  BYTES("\xc0\0\2\1\xc6\x33\x64\2") }, IGNORED(TRUNCATED_L3) },
	{ "v4_ihl_0", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x40), FILL(26) },
	  IGNORED(BAD_IHL) },
	{ "v4_ihl_1", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x41), FILL(26) },
	  IGNORED(BAD_IHL) },
	{ "v4_ihl_4", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x44), FILL(26) },
	  IGNORED(BAD_IHL) },
	{ "v4_ihl_4_length_too", 60, { ETH4, IP4(8, IPPROTO_UDP, .first = 0x44), FILL(26) },
	  IGNORED(BAD_IHL) },
	{ "v4_header_only", 34, { ETH4, IP4(20, IPPROTO_UDP) }, V4(UDP, 20) },
	{ "v4_header_cut", 33, { ETH4, BYTES("\x45"), FILL(18) }, IGNORED(TRUNCATED_L3) },
	{ "v4_one_byte", 15, { ETH4, BYTES("\x45") }, IGNORED(TRUNCATED_L3) },

	/* version */
	{ "v4_version_0", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x05), FILL(26) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_version_5", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x55), FILL(26) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_version_6", 62, { ETH4, IP6(8, IPPROTO_UDP), UDP_HEADER }, IGNORED(BAD_IP_VERSION) },
	{ "v4_version_15", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0xf5), FILL(26) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_version_6_ihl_1", 60, { ETH4, IP4(46, IPPROTO_UDP, .first = 0x61), FILL(26) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_version_3_cut_options", 34, { ETH4, BYTES("\x3f"), FILL(19) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_all_zero", 60, { ETH4, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), FILL(26) },
	  IGNORED(BAD_IP_VERSION) },
	{ "v4_bad_version_cut", 33, { ETH4, BYTES("\x65"), FILL(18) }, IGNORED(TRUNCATED_L3) },

	/* total length */
	{ "v4_length_0", 60, { ETH4, IP4(0, IPPROTO_TCP), FILL(26) }, V4(TCP, 46) },
	{ "v4_length_0_ihl_15", 94, { ETH4, IP4(0, IPPROTO_TCP, .first = 0x4f), TCP_HEADER },
	  V4(TCP, 80) },
	{ "v4_length_1", 60, { ETH4, IP4(1, IPPROTO_TCP), FILL(26) }, IGNORED(BAD_LENGTH) },
	{ "v4_length_19", 60, { ETH4, IP4(19, IPPROTO_TCP), FILL(26) }, IGNORED(BAD_LENGTH) },
	{ "v4_length_20", 60, { ETH4, IP4(20, IPPROTO_TCP), FILL(26) }, V4(TCP, 20) },
	{ "v4_length_23_ihl_6", 60, { ETH4, IP4(23, IPPROTO_TCP, .first = 0x46), FILL(22) },
	  IGNORED(BAD_LENGTH) },
	{ "v4_length_24_ihl_6", 60, { ETH4, IP4(24, IPPROTO_TCP, .first = 0x46), FILL(22) },
	  V4(TCP, 24) },
	{ "v4_length_59_ihl_15", 94, { ETH4, IP4(59, IPPROTO_TCP, .first = 0x4f), TCP_HEADER },
	  IGNORED(BAD_LENGTH) },
	{ "v4_length_beyond_frame", 60, { ETH4, IP4(47, IPPROTO_UDP), FILL(26) }, V4(UDP, 46) },
	{ "v4_length_65535", 60, { ETH4, IP4(65535, IPPROTO_UDP), FILL(26) }, V4(UDP, 46) },
	{ "v4_length_swapped", 60, { ETH4, IP4(0x2e00, IPPROTO_UDP), FILL(26) }, V4(UDP, 46) },
	{ "v4_trailer", 100, { ETH4, IP4(28, IPPROTO_UDP), UDP_HEADER, FILL(58) }, V4(UDP, 28) },

	/* fragments: the class comes from the protocol field in every one */
	{ "v4_first_fragment", 1514, { ETH4, IP4(1500, IPPROTO_UDP, .fragment = MF), FILL(1480) },
	  V4(UDP, 1500, FIRST) },
	{ "v4_middle_fragment", 1514,
	  { ETH4, IP4(1500, IPPROTO_UDP, .fragment = MF | 185), FILL(1480) },
	  V4(UDP, 1500, OTHER_FRAGMENT) },
	{ "v4_last_fragment", 60, { ETH4, IP4(36, IPPROTO_UDP, .fragment = 370), FILL(26) },
	  V4(UDP, 36, OTHER_FRAGMENT) },
	{ "v4_last_fragment_tcp", 60, { ETH4, IP4(46, IPPROTO_TCP, .fragment = 1), FILL(26) },
	  V4(TCP, 46, OTHER_FRAGMENT) },
	{ "v4_last_fragment_icmp", 60, { ETH4, IP4(46, IPPROTO_ICMP, .fragment = 0x1fff), FILL(26) },
	  V4(ICMP, 46, OTHER_FRAGMENT) },
	{ "v4_first_fragment_tiny", 42, { ETH4, IP4(28, IPPROTO_TCP, .fragment = MF), FILL(8) },
	  V4(TCP, 28, FIRST) },
	{ "v4_first_fragment_esp", 60, { ETH4, IP4(46, IPPROTO_ESP, .fragment = MF), FILL(26) },
	  V4(OTHER, 46, FIRST) },
	{ "v4_fragment_mf_df", 60, { ETH4, IP4(46, IPPROTO_UDP, .fragment = MF | DF), FILL(26) },
	  V4(UDP, 46, FIRST) },
	{ "v4_fragment_offset_df", 60, { ETH4, IP4(46, IPPROTO_UDP, .fragment = DF | 2), FILL(26) },
	  V4(UDP, 46, OTHER_FRAGMENT) },
	{ "v4_fragment_empty", 34, { ETH4, IP4(20, IPPROTO_UDP, .fragment = MF | 3) },
	  V4(UDP, 20, OTHER_FRAGMENT) },
	{ "v4_dont_fragment", 60, { ETH4, IP4(46, IPPROTO_UDP, .fragment = DF), FILL(26) },
	  V4(UDP, 46) },
	{ "v4_reserved_bit", 60, { ETH4, IP4(46, IPPROTO_UDP, .fragment = RESERVED), FILL(26) },
	  V4(UDP, 46) },
	{ "v4_fragment_with_options", 74,
	  { ETH4, IP4(60, IPPROTO_UDP, .first = 0x46, .fragment = MF), FILL(36) },
	  V4(UDP, 60, FIRST) },

	/* addresses */
	{ "v4_same_address", 42,
	  { ETH4, IP4(28, IPPROTO_UDP, .source = "203.0.113.9", .destination = "203.0.113.9"),
	    UDP_HEADER },
	  V4(UDP, 28, .source = "203.0.113.9", .destination = "203.0.113.9") },
	{ "v4_dhcp_discover", 342,
	  { ETH4, IP4(328, IPPROTO_UDP, .source = "0.0.0.0", .destination = "255.255.255.255"), UDP_HEADER,
	    FILL(300) },
	  V4(UDP, 328, .source = "0.0.0.0", .destination = "255.255.255.255") },
	{ "v4_multicast", 60, { ETH4, IP4(46, IPPROTO_UDP, .destination = "233.252.0.1"), FILL(26) },
	  V4(UDP, 46, .destination = "233.252.0.1") }, /* RFC 6676 */
	{ "v4_other_addresses", 60,
	  { ETH4, IP4(46, IPPROTO_TCP, .source = "198.51.100.255", .destination = "203.0.113.0"),
	    FILL(26) },
	  V4(TCP, 46, .source = "198.51.100.255", .destination = "203.0.113.0") },
	{ "v4_reversed", 60,
	  { ETH4, IP4(46, IPPROTO_TCP, .source = "198.51.100.2", .destination = "192.0.2.1"),
	    FILL(26) },
	  V4(TCP, 46, .source = "198.51.100.2", .destination = "192.0.2.1") },

	/* both sides of each edge of the size histogram: frame + 4 = 63 64 65, 127 128, … */
	{ "v4_size_63", 59, { ETH4, IP4(45, IPPROTO_UDP), FILL(25) }, V4(UDP, 45) },
	{ "v4_size_64", 60, { ETH4, IP4(46, IPPROTO_UDP), FILL(26) }, V4(UDP, 46) },
	{ "v4_size_65", 61, { ETH4, IP4(47, IPPROTO_UDP), FILL(27) }, V4(UDP, 47) },
	{ "v4_size_127", 123, { ETH4, IP4(109, IPPROTO_UDP), FILL(89) }, V4(UDP, 109) },
	{ "v4_size_128", 124, { ETH4, IP4(110, IPPROTO_UDP), FILL(90) }, V4(UDP, 110) },
	{ "v4_size_255", 251, { ETH4, IP4(237, IPPROTO_UDP), FILL(217) }, V4(UDP, 237) },
	{ "v4_size_256", 252, { ETH4, IP4(238, IPPROTO_UDP), FILL(218) }, V4(UDP, 238) },
	{ "v4_size_511", 507, { ETH4, IP4(493, IPPROTO_UDP), FILL(473) }, V4(UDP, 493) },
	{ "v4_size_512", 508, { ETH4, IP4(494, IPPROTO_UDP), FILL(474) }, V4(UDP, 494) },
	{ "v4_size_1023", 1019, { ETH4, IP4(1005, IPPROTO_UDP), FILL(985) }, V4(UDP, 1005) },
	{ "v4_size_1024", 1020, { ETH4, IP4(1006, IPPROTO_UDP), FILL(986) }, V4(UDP, 1006) },
	{ "v4_size_1518", 1514, { ETH4, IP4(1500, IPPROTO_TCP), FILL(1480) }, V4(TCP, 1500) },
	{ "v4_size_1519", 1515, { ETH4, IP4(1501, IPPROTO_TCP), FILL(1481) }, V4(TCP, 1501) },

	/* several buffers */
	{ "v4_jumbo_9000", 9014, { ETH4, IP4(9000, IPPROTO_TCP), FILL(8980) }, V4(TCP, 9000) },
	{ "v4_frame_9000", 9000, { ETH4, IP4(8986, IPPROTO_TCP), FILL(8966) }, V4(TCP, 8986) },
	{ "v4_jumbo_short_length", 9014, { ETH4, IP4(100, IPPROTO_TCP), FILL(8980) }, V4(TCP, 100) },
	{ "v4_jumbo_length_0", 9014, { ETH4, IP4(0, IPPROTO_TCP), FILL(8980) }, V4(TCP, 9000) },
	{ "v4_65000", 65000, { ETH4, IP4(64986, IPPROTO_TCP), FILL(64966) }, V4(TCP, 64986) },
};
/* clang-format on */

const size_t n_cases_ipv4 = sizeof(cases_ipv4) / sizeof(cases_ipv4[0]);
