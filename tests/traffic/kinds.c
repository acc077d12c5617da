// SPDX-License-Identifier: GPL-2.0-or-later
/* The kinds of frames, and how one is written. */
#include "gen.h"

#include <netinet/in.h>
#include <string.h>

#define L2(text)          .l2 = (text), .l2_bytes = sizeof(text) - 1
#define CHAIN(next, text) .chain_next = (next), .chain = (text), .chain_bytes = sizeof(text) - 1

#define T4 "\x08\x00"
#define T6 "\x86\xdd"
/* One tag and what it needs before: 802.1Q VLAN 10, 802.1ad VLAN 20 */
#define Q  "\x81\x00\x00\x0a"
#define AD "\x88\xa8\x00\x14"
/* 802.1ad, four times 802.1Q: one tag more than ipacct follows */
#define TAGS5   AD Q Q Q Q
#define PPPOE   "\x88\x64\x11\x00\x0a\xbc\x05\xd4"
#define LABELS3 "\x88\x47\x00\x06\x40\x40\x00\x06\x50\x40"
/* destination options that name themselves as what follows */
#define DEST "\x3c\0\1\4\0\0\0\0"

/* Laid out by hand. */
/* clang-format off */
const struct gen_kind gen_kinds[] = {
	{ "v4", "IPv4", .family = 4, L2(T4) },
	{ "v6", "IPv6", .family = 6, L2(T6) },
	{ "vlan", "IPv4 in 802.1Q", .family = 4, L2(Q T4) },
	{ "vlan6", "IPv6 in 802.1Q", .family = 6, L2(Q T6) },
	{ "qinq", "IPv4 in 802.1Q in 802.1ad", .family = 4, L2(AD Q T4) },
	{ "qinq6", "IPv6 in 802.1Q in 802.1ad", .family = 6, L2(AD Q T6) },
	{ "pppoe", "IPv4 in PPPoE", .family = 4, L2(PPPOE "\x00\x21") },
	{ "pppoe6", "IPv6 in PPPoE", .family = 6, L2(PPPOE "\x00\x57") },
	{ "mpls", "IPv4 below three labels", .family = 4, L2(LABELS3 "\x00\x07\x01\x40") },
	{ "mpls6", "IPv6 below three labels", .family = 6, L2(LABELS3 "\x00\x07\x01\x40") },
	{ "frag", "IPv4 fragments, first and other", .family = 4, .fragment = true, L2(T4) },
	{ "frag6", "IPv6 fragments, first and other", .family = 6, .fragment = true, L2(T6),
	  CHAIN(44, "\x11\0\0\0\0\0\0\1") },
	{ "options", "IPv4 with 12 bytes of options", .family = 4, .options_bytes = 12, L2(T4) },
	{ "chain", "IPv6 with hop-by-hop, destination, AH", .family = 6, L2(T6),
	  CHAIN(0, "\x3c\0\1\4\0\0\0\0" "\x33\0\1\4\0\0\0\0" "\x06\1\0\0\0\0\0\0\0\0\0\0") },
	{ "pad", "IPv4 of 28 bytes padded to a frame of 60", .family = 4, .protocol = 17, L2(T4),
	  .l2_total = 60, .l3_total = 28 },
	{ "jumbo", "IPv4 in frames of 9000", .family = 4, L2(T4), .l2_total = 9000 },
	{ "jumbo6", "IPv6 in frames of 9000", .family = 6, L2(T6), .l2_total = 9000 },
	{ "arp", "ARP", .reason = "arp", L2("\x08\x06\0\1" T4 "\6\4\0\1"), .l2_total = 60 },
	{ "llc", "spanning tree", .reason = "llc", L2("\0\x26\x42\x42\3"), .l2_total = 60 },
	{ "lldp", "LLDP", .reason = "other_ethertype", L2("\x88\xcc\2\7\4"), .l2_total = 120 },
	{ "short2", "frame that ends in its tag", .reason = "truncated_l2", L2(Q "\x08"),
	  .l2_total = 17 },
	{ "vlan5", "five tags", .reason = "vlan_depth", L2(TAGS5 T4), .l2_total = 80 },
	{ "lcp", "PPP link control", .reason = "pppoe_control", L2(PPPOE "\xc0\x21"),
	  .l2_total = 60 },
	{ "mpls9", "nine labels", .reason = "mpls_depth",
	  L2(LABELS3 "\0\6\x60\x40" "\0\6\x60\x40" "\0\6\x60\x40" "\0\6\x60\x40" "\0\6\x60\x40"
	     "\0\6\x60\x40" "\0\6\x61\x40"), .l2_total = 100 },
	{ "pseudowire", "MPLS with a control word", .reason = "mpls_payload",
	  L2(LABELS3 "\x00\x07\x01\x40\0\0\0\1"), .l2_total = 100 },
	{ "version", "ethertype of IPv4, header of IPv6", .reason = "bad_ip_version",
	  L2(T4 "\x60"), .l2_total = 60 },
	{ "short3", "frame that ends in its IPv4 header", .reason = "truncated_l3", L2(T4 "\x45"),
	  .l2_total = 33 },
	{ "ihl", "IPv4 header length 16", .reason = "bad_ihl", L2(T4 "\x44"), .l2_total = 60 },
	{ "length", "IPv4 total length 19", .reason = "bad_length", L2(T4 "\x45\0\0\x13"),
	  .l2_total = 60 },
	{ "chain9", "nine extension headers", .reason = "ipv6_ext_depth",
	  L2(T6 "\x60\0\0\0\0\x48\x3c\x40" "3fff3fff3fff3fff3fff3fff3fff3fff"
	     DEST DEST DEST DEST DEST DEST DEST DEST DEST), .l2_total = 140 },
};
/* clang-format on */

const size_t gen_n_kinds = sizeof(gen_kinds) / sizeof(gen_kinds[0]);

_Static_assert(sizeof(gen_kinds) / sizeof(gen_kinds[0]) <= GEN_KINDS_MAX, "too many kinds");

#define MAC_BYTES 12u /* both addresses */

uint32_t gen_kind_bytes_min(const struct gen_kind *kind)
{
	uint32_t l2_bytes = MAC_BYTES + kind->l2_bytes;

	if (kind->l2_total)
		return kind->l2_total;
	if (kind->family == 4)
		return l2_bytes + 20 + kind->options_bytes;
	if (kind->family == 6)
		return l2_bytes + 40 + kind->chain_bytes;
	return l2_bytes;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t draw_protocol(const struct gen_packet *packet)
{
	static const uint8_t protocols[4] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE };

	if (packet->kind->protocol)
		return packet->kind->protocol;
	return protocols[packet->random % 4];
}

/* RFC 1071 */
static uint16_t checksum(const uint8_t *at, uint32_t n_bytes)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n_bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void write_ip4(const struct gen_packet *packet, uint8_t *at)
{
	const struct gen_kind *kind = packet->kind;
	uint32_t header_bytes = 20u + kind->options_bytes;
	uint8_t address[16];

	memset(at, 0, 20);
	at[0] = (uint8_t)(0x40 | header_bytes / 4);
	put16(at + 2, packet->l3_bytes);
	put16(at + 4, (uint32_t)(packet->random >> 16)); /* identification */
	if (kind->fragment)
		put16(at + 6, packet->random & 256 ? 0x2000 : 185); /* first (MF), or the last */
	at[8] = 64;                                                 /* TTL */
	at[9] = draw_protocol(packet);
	gen_address(4, packet->flood, packet->source, address);
	memcpy(at + 12, address + 12, 4);
	gen_address(4, false, packet->destination, address);
	memcpy(at + 16, address + 12, 4);
	memset(at + 20, 1, kind->options_bytes); /* RFC 791 3.1: no operation */
	put16(at + 10, checksum(at, header_bytes));
}

static void write_ip6(const struct gen_packet *packet, uint8_t *at)
{
	const struct gen_kind *kind = packet->kind;

	memset(at, 0, 8);
	at[0] = 0x60;
	put16(at + 4, packet->l3_bytes - 40);
	at[6] = draw_protocol(packet) == IPPROTO_ICMP ? IPPROTO_ICMPV6 : draw_protocol(packet);
	at[7] = 64; /* hop limit */
	gen_address(6, packet->flood, packet->source, at + 8);
	gen_address(6, false, packet->destination, at + 24);
	if (!kind->chain)
		return;
	at[6] = kind->chain_next;
	memcpy(at + 40, kind->chain, kind->chain_bytes);
	if (kind->fragment) /* M, or an offset of 1448 bytes */
		put16(at + 40 + kind->chain_bytes - 6, packet->random & 256 ? 1 : 181 << 3);
}

void gen_frame_write(struct gen_packet *packet, const uint8_t destination_mac[6], uint8_t *frame)
{
	static const uint8_t source_mac[6] = { 2, 0, 0, 0, 0, 1 }; /* locally administered */
	const struct gen_kind *kind = packet->kind;
	uint32_t l2_bytes = MAC_BYTES + kind->l2_bytes;
	uint32_t bytes_min = gen_kind_bytes_min(kind);

	memcpy(frame, destination_mac, 6);
	memcpy(frame + 6, source_mac, 6);
	memcpy(frame + MAC_BYTES, kind->l2, kind->l2_bytes);
	if (kind->l2_total || packet->l2_bytes < bytes_min)
		packet->l2_bytes = bytes_min;
	packet->l3_bytes = kind->l3_total ? kind->l3_total : packet->l2_bytes - l2_bytes;
	if (kind->family == 4)
		write_ip4(packet, frame + l2_bytes);
	else if (kind->family == 6)
		write_ip6(packet, frame + l2_bytes);
	else if (packet->l2_bytes > l2_bytes)
		memset(frame + l2_bytes, 0, packet->l2_bytes - l2_bytes);
}
