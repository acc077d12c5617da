// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet table: Ethernet, tags, PPPoE, MPLS, and what is not IP at all. */
#include "cases.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ETH_P_QINQ_OLD 0x9100 /* pre-standard QinQ tag of many switches */
#define PPP_IPV4       0x0021 /* IANA PPP DLL protocol numbers */
#define PPP_IPV6       0x0057
#define PPP_MPLS       0x0281
#define PPP_IPCP       0x8021
#define PPP_IPV6CP     0x8057
#define PPP_LCP        0xc021
#define PPP_PAP        0xc023
#define PPP_CHAP       0xc223

/* What most rows carry: 36 bytes of IPv4, 48 of IPv6. */
#define UDP4    IP4(36, IPPROTO_UDP), UDP_HEADER, FILL(8)
#define UDP6    IP6(8, IPPROTO_UDP), UDP_HEADER
#define UDP4_OK V4(UDP, 36)
#define UDP6_OK V6(UDP, 48)
#define LABELS2 LABEL(0), LABEL(0)
#define LABELS7 LABELS2, LABELS2, LABELS2, LABEL(0)

/* Laid out by hand: layers in a row, as on the wire. */
/* clang-format off */
const struct packet_case cases_ethernet[] = {
	{ "eth_ipv4", 50, { ETH(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "eth_ipv6", 62, { ETH(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "eth_only_ipv4_type", 14, { ETH(ETH_P_IP) }, IGNORED(TRUNCATED_L3) },
	{ "eth_only_ipv6_type", 14, { ETH(ETH_P_IPV6) }, IGNORED(TRUNCATED_L3) },

	/* 802.1Q, 802.1ad and the old QinQ tag: up to four of any kind */
	{ "q_ipv4", 54, { ETH(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "q_ipv6", 66, { ETH(ETH_P_8021Q), TAG(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "ad_ipv4", 54, { ETH(ETH_P_8021AD), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "ad_ipv6", 66, { ETH(ETH_P_8021AD), TAG(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "9100_ipv4", 54, { ETH(ETH_P_QINQ_OLD), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "9100_ipv6", 66, { ETH(ETH_P_QINQ_OLD), TAG(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "ad_q_ipv4", 58, { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "ad_q_ipv6", 70, { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "q_q_ipv4", 58, { ETH(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "q_ad_ipv4", 58, { ETH(ETH_P_8021Q), TAG(ETH_P_8021AD), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "9100_q_ipv6", 70, { ETH(ETH_P_QINQ_OLD), TAG(ETH_P_8021Q), TAG(ETH_P_IPV6), UDP6 },
	  UDP6_OK },
	{ "ad_ad_q_ipv4", 62,
	  { ETH(ETH_P_8021AD), TAG(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "four_tags_ipv4", 66,
	  { ETH(ETH_P_8021AD), TAG(ETH_P_8021AD), TAG(ETH_P_QINQ_OLD), TAG(ETH_P_8021Q),
	    TAG(ETH_P_IP), UDP4 }, UDP4_OK },
	{ "four_tags_ipv6", 78,
	  { ETH(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q),
	    TAG(ETH_P_IPV6), UDP6 }, UDP6_OK },
	{ "five_tags", 70,
	  { ETH(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q),
	    TAG(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 }, IGNORED(VLAN_DEPTH) },
	{ "five_tags_mixed", 70,
	  { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_8021AD), TAG(ETH_P_QINQ_OLD),
	    TAG(ETH_P_8021AD), TAG(ETH_P_IP), UDP4 }, IGNORED(VLAN_DEPTH) },
	{ "seven_tags", 78,
	  { ETH(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q),
	    TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_IP), UDP4 },
	  IGNORED(VLAN_DEPTH) },
	{ "fifth_tag_announced", 30,
	  { ETH(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q),
	    TAG(ETH_P_8021Q) }, IGNORED(VLAN_DEPTH) },
	{ "q_priority_tag", 54, { ETH(ETH_P_8021Q), BYTES("\xe0\x00\x08\x00"), UDP4 }, UDP4_OK },
	{ "q_vid_4095", 54, { ETH(ETH_P_8021Q), BYTES("\x0f\xff\x08\x00"), UDP4 }, UDP4_OK },
	{ "q_arp", 46, { ETH(ETH_P_8021Q), TAG(ETH_P_ARP), FILL(28) }, IGNORED(ARP) },
	{ "ad_q_arp", 50, { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_ARP), FILL(28) },
	  IGNORED(ARP) },
	{ "q_llc", 57, { ETH(ETH_P_8021Q), TAG(39), FILL(39) }, IGNORED(LLC) },
	{ "q_lldp", 64, { ETH(ETH_P_8021Q), TAG(ETH_P_LLDP), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "tpid_9200", 54, { ETH(0x9200), TAG(ETH_P_IP), UDP4 }, IGNORED(OTHER_ETHERTYPE) },
	{ "q_cut_at_once", 14, { ETH(ETH_P_8021Q) }, IGNORED(TRUNCATED_L2) },
	{ "q_cut_in_tci", 15, { ETH(ETH_P_8021Q), FILL(1) }, IGNORED(TRUNCATED_L2) },
	{ "q_cut_before_type", 16, { ETH(ETH_P_8021Q), FILL(2) }, IGNORED(TRUNCATED_L2) },
	{ "q_cut_in_type", 17, { ETH(ETH_P_8021Q), FILL(3) }, IGNORED(TRUNCATED_L2) },
	{ "ad_q_cut", 20, { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), FILL(2) }, IGNORED(TRUNCATED_L2) },
	{ "q_cut_after_tag", 18, { ETH(ETH_P_8021Q), TAG(ETH_P_IP) }, IGNORED(TRUNCATED_L3) },

	/* PPPoE session: RFC 2516 */
	{ "pppoe_ipv4", 58, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV4), UDP4 }, UDP4_OK },
	{ "pppoe_ipv4_padded", 60,
	  { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV4), IP4(28, IPPROTO_UDP), UDP_HEADER, FILL(10) },
	  V4(UDP, 28) },
	{ "pppoe_ipv6", 70, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV6), UDP6 }, UDP6_OK },
	{ "q_pppoe_ipv4", 62, { ETH(ETH_P_8021Q), TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV4), UDP4 },
	  UDP4_OK },
	{ "ad_q_pppoe_ipv6", 78,
	  { ETH(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_PPP_SES), PPPOE(PPP_IPV6), UDP6 },
	  UDP6_OK },
	{ "pppoe_lcp", 60, { ETH(ETH_P_PPP_SES), PPPOE(PPP_LCP), FILL(38) }, IGNORED(PPPOE_CONTROL) },
	{ "pppoe_ipcp", 60, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPCP), FILL(38) },
	  IGNORED(PPPOE_CONTROL) },
	{ "pppoe_ipv6cp", 60, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV6CP), FILL(38) },
	  IGNORED(PPPOE_CONTROL) },
	{ "pppoe_pap", 60, { ETH(ETH_P_PPP_SES), PPPOE(PPP_PAP), FILL(38) }, IGNORED(PPPOE_CONTROL) },
	{ "pppoe_chap", 60, { ETH(ETH_P_PPP_SES), PPPOE(PPP_CHAP), FILL(38) },
	  IGNORED(PPPOE_CONTROL) },
	{ "pppoe_mpls", 62, { ETH(ETH_P_PPP_SES), PPPOE(PPP_MPLS), LABEL(1), UDP4 },
	  IGNORED(PPPOE_CONTROL) },
	/* RFC 1661 6.5 protocol field compression is forbidden on PPPoE (RFC 2516 7) */
	{ "pppoe_compressed_protocol", 57,
	  { ETH(ETH_P_PPP_SES), BYTES("\x11\x00\x0a\xbc\x00\x24\x21"), UDP4 },
	  IGNORED(PPPOE_CONTROL) },
	{ "pppoe_discovery", 60, { ETH(ETH_P_PPP_DISC), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "pppoe_cut_at_once", 14, { ETH(ETH_P_PPP_SES) }, IGNORED(TRUNCATED_L2) },
	{ "pppoe_cut_before_protocol", 20, { ETH(ETH_P_PPP_SES), FILL(6) }, IGNORED(TRUNCATED_L2) },
	{ "pppoe_cut_in_protocol", 21, { ETH(ETH_P_PPP_SES), FILL(7) }, IGNORED(TRUNCATED_L2) },
	{ "pppoe_ipv4_cut", 41, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV4), FILL(19) },
	  IGNORED(TRUNCATED_L3) },
	{ "pppoe_ipv4_with_ipv6_in", 70, { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV4), UDP6 },
	  IGNORED(BAD_IP_VERSION) },
	{ "pppoe_ipv6_with_ipv4_in", 66,
	  { ETH(ETH_P_PPP_SES), PPPOE(PPP_IPV6), IP4(44, IPPROTO_UDP), UDP_HEADER, FILL(16) },
	  IGNORED(BAD_IP_VERSION) },

	/* MPLS: RFC 3032, payload by first nibble (RFC 4928 3) */
	{ "mpls_ipv4", 54, { ETH(ETH_P_MPLS_UC), LABEL(1), UDP4 }, UDP4_OK },
	{ "mpls_ipv6", 66, { ETH(ETH_P_MPLS_UC), LABEL(1), UDP6 }, UDP6_OK },
	{ "mpls_multicast_ipv4", 54, { ETH(ETH_P_MPLS_MC), LABEL(1), UDP4 }, UDP4_OK },
	{ "mpls_multicast_ipv6", 66, { ETH(ETH_P_MPLS_MC), LABEL(1), UDP6 }, UDP6_OK },
	{ "mpls_2_ipv4", 58, { ETH(ETH_P_MPLS_UC), LABEL(0), LABEL(1), UDP4 }, UDP4_OK },
	{ "mpls_3_ipv6", 74, { ETH(ETH_P_MPLS_UC), LABELS2, LABEL(1), UDP6 }, UDP6_OK },
	{ "mpls_8_ipv4", 82, { ETH(ETH_P_MPLS_UC), LABELS7, LABEL(1), UDP4 }, UDP4_OK },
	{ "mpls_8_ipv6", 94, { ETH(ETH_P_MPLS_UC), LABELS7, LABEL(1), UDP6 }, UDP6_OK },
	{ "mpls_9", 86, { ETH(ETH_P_MPLS_UC), LABELS7, LABELS2, UDP4 }, IGNORED(MPLS_DEPTH) },
	{ "mpls_9_bottom", 86, { ETH(ETH_P_MPLS_UC), LABELS7, LABEL(0), LABEL(1), UDP4 },
	  IGNORED(MPLS_DEPTH) },
	{ "mpls_9_announced", 46, { ETH(ETH_P_MPLS_UC), LABELS7, LABEL(0) }, IGNORED(MPLS_DEPTH) },
	{ "mpls_explicit_null_4", 54, { ETH(ETH_P_MPLS_UC), BYTES("\x00\x00\x01\x40"), UDP4 },
	  UDP4_OK },
	{ "mpls_explicit_null_6", 66, { ETH(ETH_P_MPLS_UC), BYTES("\x00\x00\x21\x40"), UDP6 },
	  UDP6_OK },
	{ "mpls_entropy_label", 62, /* RFC 6790: label 7, then the entropy, TTL 0 */
	  { ETH(ETH_P_MPLS_UC), LABEL(0), BYTES("\x00\x00\x70\x40\xab\xcd\xe1\x00"), UDP4 },
	  UDP4_OK },
	{ "q_mpls_ipv4", 58, { ETH(ETH_P_8021Q), TAG(ETH_P_MPLS_UC), LABEL(1), UDP4 }, UDP4_OK },
	{ "four_tags_8_labels_ipv6", 110,
	  { ETH(ETH_P_8021AD), TAG(ETH_P_8021AD), TAG(ETH_P_8021Q), TAG(ETH_P_8021Q),
	    TAG(ETH_P_MPLS_UC), LABELS7, LABEL(1), UDP6 }, UDP6_OK },
	{ "mpls_pseudowire_control_word", 82, /* RFC 4385 3: nibble 0 */
	  { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\0\0\0\x01"), ETH(ETH_P_IP), UDP4, FILL(10) },
	  IGNORED(MPLS_PAYLOAD) },
	{ "mpls_associated_channel", 32, /* RFC 4385 5: nibble 1 */
	  { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\x10\0\0\x21"), FILL(10) }, IGNORED(MPLS_PAYLOAD) },
	{ "mpls_nibble_5", 54, { ETH(ETH_P_MPLS_UC), LABEL(1), IP4(36, IPPROTO_UDP, .first = 0x55),
	  FILL(16) }, IGNORED(MPLS_PAYLOAD) },
	{ "mpls_nibble_15", 19, { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\xff") },
	  IGNORED(MPLS_PAYLOAD) },
	/* A pseudowire without control word whose MAC address starts with 4 passes for IPv4 … */
	{ "mpls_pseudowire_looks_like_4", 60, { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\x40"),
	  FILL(41) }, IGNORED(BAD_IHL) },
	/* … and one with 6 for IPv6, its ethertype for part of an address */
	{ "mpls_pseudowire_looks_like_6", 57, { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\x60"),
	  FILL(38) }, IGNORED(TRUNCATED_L3) },
	{ "mpls_cut_at_once", 14, { ETH(ETH_P_MPLS_UC) }, IGNORED(TRUNCATED_L2) },
	{ "mpls_cut_in_label", 17, { ETH(ETH_P_MPLS_UC), FILL(3) }, IGNORED(TRUNCATED_L2) },
	{ "mpls_cut_in_second_label", 21, { ETH(ETH_P_MPLS_UC), LABEL(0), FILL(3) },
	  IGNORED(TRUNCATED_L2) },
	{ "mpls_cut_before_nibble", 18, { ETH(ETH_P_MPLS_UC), LABEL(1) }, IGNORED(TRUNCATED_L2) },
	{ "mpls_8_cut_before_nibble", 46, { ETH(ETH_P_MPLS_UC), LABELS7, LABEL(1) },
	  IGNORED(TRUNCATED_L2) },
	{ "mpls_ipv4_cut", 37, { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\x45"), FILL(18) },
	  IGNORED(TRUNCATED_L3) },
	{ "mpls_ipv6_cut", 19, { ETH(ETH_P_MPLS_UC), LABEL(1), BYTES("\x60") },
	  IGNORED(TRUNCATED_L3) },

	/* not IP */
	{ "arp", 42, { ETH(ETH_P_ARP), FILL(28) }, IGNORED(ARP) },
	{ "arp_padded", 60, { ETH(ETH_P_ARP), FILL(46) }, IGNORED(ARP) },
	{ "arp_empty", 14, { ETH(ETH_P_ARP) }, IGNORED(ARP) },
	{ "rarp", 60, { ETH(ETH_P_RARP), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "llc_stp", 60, { ETH(38), BYTES("\x42\x42\x03"), FILL(43) }, IGNORED(LLC) },
	{ "llc_isis_padded", 1514, { ETH(1500), BYTES("\xfe\xfe\x03"), FILL(1497) }, IGNORED(LLC) },
	{ "llc_snap_ipv4", 58, { ETH(44), BYTES("\xaa\xaa\x03\0\0\0\x08\x00"), UDP4 },
	  IGNORED(LLC) },
	{ "llc_length_0", 60, { ETH(0), FILL(46) }, IGNORED(LLC) },
	{ "llc_length_1501", 60, { ETH(0x05dd), FILL(46) }, IGNORED(LLC) },
	{ "llc_length_1535", 60, { ETH(0x05ff), FILL(46) }, IGNORED(LLC) },
	{ "llc_empty", 14, { ETH(0) }, IGNORED(LLC) },
	{ "ethertype_0600", 60, { ETH(0x0600), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "ethertype_0801", 50, { ETH(0x0801), UDP4 }, IGNORED(OTHER_ETHERTYPE) },
	{ "ethertype_ipv4_swapped", 50, { ETH(0x0008), UDP4 }, IGNORED(LLC) },
	{ "ethertype_ipv6_swapped", 62, { ETH(0xdd86), UDP6 }, IGNORED(OTHER_ETHERTYPE) },
	{ "wake_on_lan", 116, { ETH(0x0842), FILL(102) }, IGNORED(OTHER_ETHERTYPE) },
	{ "ipx", 60, { ETH(ETH_P_IPX), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "lacp", 124, { ETH(ETH_P_SLOW), FILL(110) }, IGNORED(OTHER_ETHERTYPE) },
	{ "eapol", 60, { ETH(ETH_P_PAE), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "lldp", 200, { ETH(ETH_P_LLDP), FILL(186) }, IGNORED(OTHER_ETHERTYPE) },
	{ "macsec", 70, { ETH(ETH_P_MACSEC), FILL(6), ETH(ETH_P_IP), UDP4 },
	  IGNORED(OTHER_ETHERTYPE) },
	{ "provider_backbone_bridge", 68, { ETH(ETH_P_8021AH), FILL(4), ETH(ETH_P_IP), UDP4 },
	  IGNORED(OTHER_ETHERTYPE) },
	{ "ptp", 60, { ETH(ETH_P_1588), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "cfm", 105, { ETH(0x8902), FILL(91) }, IGNORED(OTHER_ETHERTYPE) },
	{ "trill", 60, { ETH(0x22f3), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "nsh", 60, { ETH(ETH_P_NSH), FILL(46) }, IGNORED(OTHER_ETHERTYPE) },
	{ "all_ones", 16, { ETH(0xffff), BYTES("\xff\xff") }, IGNORED(OTHER_ETHERTYPE) },
};
/* clang-format on */

const size_t n_cases_ethernet = sizeof(cases_ethernet) / sizeof(cases_ethernet[0]);
