// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet table: tunnels, by their own addresses and by those inside. */
#include "cases.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ETH4 ETH(ETH_P_IP)
#define ETH6 ETH(ETH_P_IPV6)
#define MF   0x2000 /* RFC 791 3.1 */

#define PPP_IPV4 0x0021 /* IANA PPP DLL protocol numbers */
#define PPP_LCP  0xc021
#define FRAGMENT 44 /* IANA protocol numbers */
#define DEST     60

/* RFC 768: source port, destination port, length, checksum */
#define UDP_VXLAN    BYTES("\xc0\0\x12\xb5\0\x3a\0\0") /* to 4789 */
#define UDP_GENEVE   BYTES("\xc0\0\x17\xc1\0\x3a\0\0") /* to 6081 */
#define VXLAN        UDP_VXLAN, BYTES("\x08\0\0\0\0\0\x2a\0")
#define GENEVE(text) UDP_GENEVE, BYTES(text "\0\0\x2a\0")
#define GRE(text)    BYTES(text)

/* RFC 5737 TEST-NET-3 and a network of RFC 3849: nobody else's here */
#define S4  .source = "203.0.113.7", .destination = "203.0.113.8"
#define S6  .source = "2001:db8:7::7", .destination = "2001:db8:7::8"
#define IN4 IP4(28, IPPROTO_UDP, S4), UDP_HEADER /* 28 bytes */
#define IN6 IP6(8, IPPROTO_UDP, S6), UDP_HEADER  /* 48 bytes */

#define IN4_READ INNER(4, UDP, 28, S4)
#define IN6_READ INNER(6, UDP, 48, S6)

/* Laid out by hand: layers in a row, as on the wire. The first expectation is by outer addresses, the
 * second one by inner addresses; where that is missing there is no tunnel to see. */
/* clang-format off */
const struct packet_case cases_tunnel[] = {
	/* GRE, RFC 2784: checksum, RFC 2890: key and sequence number */
	{ "t_gre_ipv4", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\0\0\x08\0"), IN4 }, V4(OTHER, 52),
	  IN4_READ },
	{ "t_gre_ipv6", 86, { ETH4, IP4(72, IPPROTO_GRE), GRE("\0\0\x86\xdd"), IN6 }, V4(OTHER, 72),
	  IN6_READ },
	{ "t_gre_checksum", 70, { ETH4, IP4(56, IPPROTO_GRE), GRE("\x80\0\x08\0\x12\x34\0\0"), IN4 },
	  V4(OTHER, 56), IN4_READ },
	{ "t_gre_key", 70, { ETH4, IP4(56, IPPROTO_GRE), GRE("\x20\0\x08\0\0\0\0\x2a"), IN4 },
	  V4(OTHER, 56), IN4_READ },
	{ "t_gre_sequence", 70, { ETH4, IP4(56, IPPROTO_GRE), GRE("\x10\0\x08\0\0\0\0\1"), IN4 },
	  V4(OTHER, 56), IN4_READ },
	{ "t_gre_everything", 98, { ETH4, IP4(84, IPPROTO_GRE),
	  GRE("\xb0\0\x86\xdd\x12\x34\0\0\0\0\0\x2a\0\0\0\1"), IN6 }, V4(OTHER, 84), IN6_READ },
	{ "t_gre_reserved_bits", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\x03\xf8\x08\0"), IN4 },
	  V4(OTHER, 52), IN4_READ },
	{ "t_gre_teb", 80, { ETH4, IP4(66, IPPROTO_GRE), GRE("\0\0\x65\x58"), ETH4, IN4 },
	  V4(OTHER, 66), IN4_READ },
	{ "t_gre_key_teb_vlan_pppoe", 96, { ETH4, IP4(82, IPPROTO_GRE), GRE("\x20\0\x65\x58\0\0\0\1"),
	  ETH(ETH_P_8021Q), TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV4), IN4 }, V4(OTHER, 82), IN4_READ },
	{ "t_gre_mpls", 70, { ETH4, IP4(56, IPPROTO_GRE), GRE("\0\0\x88\x47"), LABEL(1), IN4 },
	  V4(OTHER, 56), IN4_READ },
	{ "t_gre_mpls_multicast", 90, { ETH4, IP4(76, IPPROTO_GRE), GRE("\0\0\x88\x48"), LABEL(1), IN6 },
	  V4(OTHER, 76), IN6_READ },
	{ "t_gre_in_ipv6", 86, { ETH6, IP6(32, IPPROTO_GRE), GRE("\0\0\x08\0"), IN4 }, V6(OTHER, 72),
	  IN4_READ },
	{ "t_gre_pptp", 74, { ETH4, IP4(60, IPPROTO_GRE), GRE("\x30\x01\x88\x0b\0\x1c\0\1\0\0\0\1"), IN4 },
	  V4(OTHER, 60), OPAQUE(4, OTHER, 60) },
	{ "t_gre_version_2", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\0\x02\x08\0"), IN4 },
	  V4(OTHER, 52), OPAQUE(4, OTHER, 52) },
	{ "t_gre_routing", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\x40\0\x08\0"), IN4 },
	  V4(OTHER, 52), OPAQUE(4, OTHER, 52) },
	{ "t_gre_strict_route", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\x08\0\x08\0"), IN4 },
	  V4(OTHER, 52), OPAQUE(4, OTHER, 52) },
	{ "t_gre_recursion", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\x04\0\x08\0"), IN4 },
	  V4(OTHER, 52), OPAQUE(4, OTHER, 52) },
	{ "t_gre_keepalive", 38, { ETH4, IP4(24, IPPROTO_GRE), GRE("\0\0\0\0") }, V4(OTHER, 24),
	  OPAQUE(4, OTHER, 24) },
	{ "t_gre_arp", 66, { ETH4, IP4(52, IPPROTO_GRE), GRE("\0\0\x08\x06"), FILL(28) }, V4(OTHER, 52),
	  OPAQUE(4, OTHER, 52) },
	{ "t_gre_vlan_type", 70, { ETH4, IP4(56, IPPROTO_GRE), GRE("\0\0\x81\0"), TAG(ETH_P_IP), IN4 },
	  V4(OTHER, 56), OPAQUE(4, OTHER, 56) },
	{ "t_gre_teb_arp", 80, { ETH4, IP4(66, IPPROTO_GRE), GRE("\0\0\x65\x58"), ETH(ETH_P_ARP),
	  FILL(28) }, V4(OTHER, 66), OPAQUE(4, OTHER, 66) },
	{ "t_gre_teb_stp", 90, { ETH4, IP4(76, IPPROTO_GRE), GRE("\0\0\x65\x58"), ETH(38), FILL(38) },
	  V4(OTHER, 76), OPAQUE(4, OTHER, 76) },
	{ "t_gre_cut", 36, { ETH4, IP4(22, IPPROTO_GRE), FILL(2) }, V4(OTHER, 22),
	  OPAQUE(4, OTHER, 22) },
	{ "t_gre_teb_cut", 51, { ETH4, IP4(37, IPPROTO_GRE), GRE("\0\0\x65\x58"), FILL(13) },
	  V4(OTHER, 37), OPAQUE(4, OTHER, 37) },
	{ "t_gre_inner_cut", 57, { ETH4, IP4(43, IPPROTO_GRE), GRE("\0\0\x08\0"),
	  BYTES("\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xcb\0\x71\x07\xcb\0\x71") }, V4(OTHER, 43),
	  OPAQUE(4, OTHER, 43) },
	{ "t_gre_inner_other_version", 86, { ETH4, IP4(72, IPPROTO_GRE), GRE("\0\0\x08\0"), IN6 },
	  V4(OTHER, 72), OPAQUE(4, OTHER, 72) },

	/* fragments of the tunnel's own packets */
	{ "t_gre_first_fragment", 66, { ETH4, IP4(52, IPPROTO_GRE, .fragment = MF),
	  GRE("\0\0\x08\0"), IN4 }, V4(OTHER, 52, FIRST), IN4_READ },
	{ "t_gre_other_fragment", 66, { ETH4, IP4(52, IPPROTO_GRE, .fragment = 0xb9),
	  GRE("\0\0\x08\0"), IN4 }, V4(OTHER, 52, OTHER_FRAGMENT), OPAQUE(4, OTHER, 52, OTHER_FRAGMENT) },
	{ "t_ipip_middle_fragment", 62, { ETH4, IP4(48, IPPROTO_IPIP, .fragment = MF | 0xb9), IN4 },
	  V4(OTHER, 48, OTHER_FRAGMENT), OPAQUE(4, OTHER, 48, OTHER_FRAGMENT) },
	{ "t_vxlan_first_fragment", 92, { ETH4, IP4(78, IPPROTO_UDP, .fragment = MF), VXLAN, ETH4, IN4 },
	  V4(UDP, 78, FIRST), IN4_READ },
	{ "t_vxlan_other_fragment", 92, { ETH4, IP4(78, IPPROTO_UDP, .fragment = 0xb9), VXLAN, ETH4, IN4 },
	  V4(UDP, 78, OTHER_FRAGMENT) },
	{ "t_6in6_first_fragment", 110, { ETH6, IP6(56, FRAGMENT), FRAG6(IPPROTO_IPV6, 1), IN6 },
	  V6(OTHER, 96, FIRST), IN6_READ },
	{ "t_6in6_other_fragment", 110, { ETH6, IP6(56, FRAGMENT), FRAG6(IPPROTO_IPV6, 0x100), IN6 },
	  V6(OTHER, 96, OTHER_FRAGMENT), OPAQUE(6, OTHER, 96, OTHER_FRAGMENT) },
	{ "t_vxlan_in_ipv6_other_fragment", 120, { ETH6, IP6(66, FRAGMENT), FRAG6(IPPROTO_UDP, 0x100),
	  VXLAN, ETH4, IN4 }, V6(UDP, 106, OTHER_FRAGMENT) },

	/* IP in IP: RFC 2003, RFC 4213, RFC 2473 */
	{ "t_ipip", 62, { ETH4, IP4(48, IPPROTO_IPIP), IN4 }, V4(OTHER, 48), IN4_READ },
	{ "t_ipip_options", 66, { ETH4, IP4(52, IPPROTO_IPIP, .first = 0x46), IN4 }, V4(OTHER, 52),
	  IN4_READ },
	{ "t_ipip_options_inside", 86, { ETH4, IP4(72, IPPROTO_IPIP),
	  IP4(52, IPPROTO_TCP, .first = 0x48, S4), TCP_HEADER }, V4(OTHER, 72), INNER(4, TCP, 52, S4) },
	{ "t_ipip_padded", 72, { ETH4, IP4(48, IPPROTO_IPIP), IN4, FILL(10) }, V4(OTHER, 48), IN4_READ },
	{ "t_ipip_longer_than_frame", 62, { ETH4, IP4(48, IPPROTO_IPIP), IP4(1400, IPPROTO_UDP, S4),
	  UDP_HEADER }, V4(OTHER, 48), IN4_READ },
	{ "t_ipip_segment_to_be", 62, { ETH4, IP4(0, IPPROTO_IPIP), IP4(0, IPPROTO_UDP, S4),
	  UDP_HEADER }, V4(OTHER, 48), IN4_READ },
	{ "t_ipip_bad_ihl", 62, { ETH4, IP4(48, IPPROTO_IPIP), IP4(28, IPPROTO_UDP, .first = 0x44),
	  UDP_HEADER }, V4(OTHER, 48), OPAQUE(4, OTHER, 48) },
	{ "t_ipip_bad_length", 62, { ETH4, IP4(48, IPPROTO_IPIP), IP4(19, IPPROTO_UDP), UDP_HEADER },
	  V4(OTHER, 48), OPAQUE(4, OTHER, 48) },
	{ "t_ipip_inner_first_fragment", 62, { ETH4, IP4(48, IPPROTO_IPIP),
	  IP4(28, IPPROTO_UDP, S4, .fragment = MF), UDP_HEADER }, V4(OTHER, 48),
	  INNER(4, UDP, 28, S4, FIRST) },
	{ "t_ipip_inner_other_fragment", 62, { ETH4, IP4(48, IPPROTO_IPIP),
	  IP4(28, IPPROTO_UDP, S4, .fragment = 1), UDP_HEADER }, V4(OTHER, 48),
	  INNER(4, UDP, 28, S4, OTHER_FRAGMENT) },
	{ "t_6in4", 82, { ETH4, IP4(68, IPPROTO_IPV6), IN6 }, V4(OTHER, 68), IN6_READ },
	{ "t_4in6", 82, { ETH6, IP6(28, IPPROTO_IPIP), IN4 }, V6(OTHER, 68), IN4_READ },
	{ "t_6in6", 102, { ETH6, IP6(48, IPPROTO_IPV6), IN6 }, V6(OTHER, 88), IN6_READ },
	{ "t_4in6_destination_option", 90, { ETH6, IP6(36, DEST), EXT(IPPROTO_IPIP, 0), IN4 },
	  V6(OTHER, 76), IN4_READ },
	{ "t_6in4_chain_inside", 90, { ETH4, IP4(76, IPPROTO_IPV6), IP6(16, DEST, S6),
	  EXT(IPPROTO_UDP, 0), UDP_HEADER }, V4(OTHER, 76), INNER(6, UDP, 56, S6) },
	{ "t_6in4_chain_cut", 74, { ETH4, IP4(60, IPPROTO_IPV6), IP6(16, DEST) }, V4(OTHER, 60),
	  OPAQUE(4, OTHER, 60) },
	{ "t_ipip_nothing_inside", 34, { ETH4, IP4(20, IPPROTO_IPIP) }, V4(OTHER, 20),
	  OPAQUE(4, OTHER, 20) },
	{ "t_ipip_behind_vlan", 66, { ETH(ETH_P_8021Q), TAG(ETH_P_IP), IP4(48, IPPROTO_IPIP), IN4 },
	  V4(OTHER, 48), IN4_READ },
	{ "t_ipip_behind_mpls", 66, { ETH(ETH_P_MPLS_UC), LABEL(1), IP4(48, IPPROTO_IPIP), IN4 },
	  V4(OTHER, 48), IN4_READ },

	/* VXLAN, RFC 7348 */
	{ "t_vxlan_ipv4", 92, { ETH4, IP4(78, IPPROTO_UDP), VXLAN, ETH4, IN4 }, V4(UDP, 78), IN4_READ },
	{ "t_vxlan_ipv6", 112, { ETH4, IP4(98, IPPROTO_UDP), VXLAN, ETH6, IN6 }, V4(UDP, 98), IN6_READ },
	{ "t_vxlan_in_ipv6", 112, { ETH6, IP6(58, IPPROTO_UDP), VXLAN, ETH4, IN4 }, V6(UDP, 98),
	  IN4_READ },
	{ "t_vxlan_behind_options", 96, { ETH4, IP4(82, IPPROTO_UDP, .first = 0x46), VXLAN, ETH4, IN4 },
	  V4(UDP, 82), IN4_READ },
	{ "t_vxlan_vlan", 96, { ETH4, IP4(82, IPPROTO_UDP), VXLAN, ETH(ETH_P_8021Q), TAG(ETH_P_IP), IN4 },
	  V4(UDP, 82), IN4_READ },
	{ "t_vxlan_qinq", 100, { ETH4, IP4(86, IPPROTO_UDP), VXLAN, ETH(ETH_P_8021AD),
	  TAG(ETH_P_8021Q), TAG(ETH_P_IP), IN4 }, V4(UDP, 86), IN4_READ },
	{ "t_vxlan_five_tags", 112, { ETH4, IP4(98, IPPROTO_UDP), VXLAN, ETH(ETH_P_8021Q),
	  TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_IP), IN4 },
	  V4(UDP, 98), OPAQUE(4, UDP, 98) },
	{ "t_vxlan_pppoe", 100, { ETH4, IP4(86, IPPROTO_UDP), VXLAN, ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV4),
	  IN4 }, V4(UDP, 86), IN4_READ },
	{ "t_vxlan_vlan_pppoe", 104, { ETH4, IP4(90, IPPROTO_UDP), VXLAN, ETH(ETH_P_8021Q),
	  TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV4), IN4 }, V4(UDP, 90), IN4_READ },
	{ "t_vlan_pppoe_vxlan_vlan_pppoe", 116, { ETH(ETH_P_8021Q), TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV4),
	  IP4(90, IPPROTO_UDP), VXLAN, ETH(ETH_P_8021Q), TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV4), IN4 },
	  V4(UDP, 90), IN4_READ },
	{ "t_vxlan_mpls", 100, { ETH4, IP4(86, IPPROTO_UDP), VXLAN, ETH(ETH_P_MPLS_UC), LABEL(0), LABEL(1),
	  IN4 }, V4(UDP, 86), IN4_READ },
	{ "t_vxlan_pppoe_lcp", 100, { ETH4, IP4(86, IPPROTO_UDP), VXLAN, ETH(ETH_P_PPP_SES),
	  PPPOE(PPP_LCP), IN4 }, V4(UDP, 86), OPAQUE(4, UDP, 86) },
	{ "t_vxlan_arp", 92, { ETH4, IP4(78, IPPROTO_UDP), VXLAN, ETH(ETH_P_ARP), FILL(28) }, V4(UDP, 78),
	  OPAQUE(4, UDP, 78) },
	{ "t_vxlan_all_flags", 92, { ETH4, IP4(78, IPPROTO_UDP), UDP_VXLAN,
	  BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), ETH4, IN4 }, V4(UDP, 78), IN4_READ },
	{ "t_vxlan_no_identifier", 92, { ETH4, IP4(78, IPPROTO_UDP), UDP_VXLAN,
	  BYTES("\xf7\0\0\0\0\0\x2a\0"), ETH4, IN4 }, V4(UDP, 78), OPAQUE(4, UDP, 78) },
	{ "t_vxlan_cut_in_port", 37, { ETH4, IP4(23, IPPROTO_UDP), BYTES("\xc0\0\x12") }, V4(UDP, 23) },
	{ "t_vxlan_cut_after_port", 38, { ETH4, IP4(24, IPPROTO_UDP), BYTES("\xc0\0\x12\xb5") },
	  V4(UDP, 24), OPAQUE(4, UDP, 24) },
	{ "t_vxlan_nothing_inside", 50, { ETH4, IP4(36, IPPROTO_UDP), VXLAN }, V4(UDP, 36),
	  OPAQUE(4, UDP, 36) },
	{ "t_vxlan_gpe", 92, { ETH4, IP4(78, IPPROTO_UDP), BYTES("\xc0\0\x12\xb6\0\x3a\0\0"),
	  BYTES("\x08\0\0\0\0\0\x2a\0"), ETH4, IN4 }, V4(UDP, 78) },
	{ "t_vxlan_source_port", 92, { ETH4, IP4(78, IPPROTO_UDP), BYTES("\x12\xb5\xc0\0\0\x3a\0\0"),
	  BYTES("\x08\0\0\0\0\0\x2a\0"), ETH4, IN4 }, V4(UDP, 78) },
	{ "t_tcp_to_4789", 92, { ETH4, IP4(78, IPPROTO_TCP), VXLAN, ETH4, IN4 }, V4(TCP, 78) },

	/* GENEVE, RFC 8926 */
	{ "t_geneve_ethernet", 92, { ETH4, IP4(78, IPPROTO_UDP), GENEVE("\0\0\x65\x58"), ETH4, IN4 },
	  V4(UDP, 78), IN4_READ },
	{ "t_geneve_ethernet_vlan", 116, { ETH4, IP4(102, IPPROTO_UDP), GENEVE("\0\0\x65\x58"),
	  ETH(ETH_P_8021Q), TAG(ETH_P_IPV6), IN6 }, V4(UDP, 102), IN6_READ },
	{ "t_geneve_ipv4", 78, { ETH4, IP4(64, IPPROTO_UDP), GENEVE("\0\0\x08\0"), IN4 }, V4(UDP, 64),
	  IN4_READ },
	{ "t_geneve_ipv6", 98, { ETH4, IP4(84, IPPROTO_UDP), GENEVE("\0\0\x86\xdd"), IN6 }, V4(UDP, 84),
	  IN6_READ },
	{ "t_geneve_in_ipv6", 98, { ETH6, IP6(44, IPPROTO_UDP), GENEVE("\0\0\x08\0"), IN4 }, V6(UDP, 84),
	  IN4_READ },
	{ "t_geneve_options", 100, { ETH4, IP4(86, IPPROTO_UDP), GENEVE("\x02\x40\x65\x58"), FILL(8), ETH4,
	  IN4 }, V4(UDP, 86), IN4_READ },
	{ "t_geneve_most_options", 344, { ETH4, IP4(330, IPPROTO_UDP), GENEVE("\x3f\0\x65\x58"), FILL(252),
	  ETH4, IN4 }, V4(UDP, 330), IN4_READ },
	{ "t_geneve_options_cut", 90, { ETH4, IP4(76, IPPROTO_UDP), GENEVE("\x3f\0\x65\x58"), FILL(40) },
	  V4(UDP, 76), OPAQUE(4, UDP, 76) },
	{ "t_geneve_control", 92, { ETH4, IP4(78, IPPROTO_UDP), GENEVE("\0\x80\x65\x58"), ETH4, IN4 },
	  V4(UDP, 78), OPAQUE(4, UDP, 78) },
	{ "t_geneve_version_1", 92, { ETH4, IP4(78, IPPROTO_UDP), GENEVE("\x40\0\x65\x58"), ETH4, IN4 },
	  V4(UDP, 78), OPAQUE(4, UDP, 78) },
	{ "t_geneve_version_2", 92, { ETH4, IP4(78, IPPROTO_UDP), GENEVE("\x80\0\x65\x58"), ETH4, IN4 },
	  V4(UDP, 78), OPAQUE(4, UDP, 78) },
	{ "t_geneve_other_type", 92, { ETH4, IP4(78, IPPROTO_UDP), GENEVE("\0\0\x12\x34"), ETH4, IN4 },
	  V4(UDP, 78), OPAQUE(4, UDP, 78) },
	{ "t_geneve_cut", 45, { ETH4, IP4(31, IPPROTO_UDP), UDP_GENEVE, FILL(3) }, V4(UDP, 31),
	  OPAQUE(4, UDP, 31) },

	/* tunnels in tunnels: four are followed, the innermost readable header counts */
	{ "t_gre_vxlan", 116, { ETH4, IP4(102, IPPROTO_GRE), GRE("\0\0\x08\0"), IP4(78, IPPROTO_UDP), VXLAN,
	  ETH4, IN4 }, V4(OTHER, 102), IN4_READ },
	{ "t_vxlan_geneve_6in4", 168, { ETH4, IP4(154, IPPROTO_UDP), VXLAN, ETH4, IP4(104, IPPROTO_UDP),
	  GENEVE("\0\0\x08\0"), IP4(68, IPPROTO_IPV6), IN6 }, V4(UDP, 154), IN6_READ },
	{ "t_ipip_4_deep", 122, { ETH4, IP4(108, IPPROTO_IPIP), IP4(88, IPPROTO_IPIP),
	  IP4(68, IPPROTO_IPIP), IP4(48, IPPROTO_IPIP), IN4 }, V4(OTHER, 108), IN4_READ },
	{ "t_ipip_5_deep", 142, { ETH4, IP4(128, IPPROTO_IPIP), IP4(108, IPPROTO_IPIP),
	  IP4(88, IPPROTO_IPIP), IP4(68, IPPROTO_IPIP),
	  IP4(48, IPPROTO_IPIP, .source = "203.0.113.5", .destination = "203.0.113.6"), IN4 },
	  V4(OTHER, 128), INNER(4, OTHER, 48, .source = "203.0.113.5", .destination = "203.0.113.6") },
	{ "t_vxlan_pptp", 124, { ETH4, IP4(110, IPPROTO_UDP), VXLAN, ETH4, IP4(60, IPPROTO_GRE, S4),
	  GRE("\x30\x01\x88\x0b\0\x1c\0\1\0\0\0\1"), IN4 }, V4(UDP, 110), INNER(4, OTHER, 60, S4) },
	{ "t_ipip_inner_vxlan_fragment", 112, { ETH4, IP4(98, IPPROTO_IPIP),
	  IP4(78, IPPROTO_UDP, S4, .fragment = 1), VXLAN, ETH4, IN4 }, V4(OTHER, 98),
	  INNER(4, UDP, 78, S4, OTHER_FRAGMENT) },
};
/* clang-format on */

const size_t n_cases_tunnel = sizeof(cases_tunnel) / sizeof(cases_tunnel[0]);
