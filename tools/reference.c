// SPDX-License-Identifier: GPL-2.0-or-later
/* Second implementation of what is accounted and what is ignored, for comparison only.
 *
 * Deliberately unlike the program under test: one position in an array of bytes, numbers read one
 * byte at a time, tail calls from layer to layer, no struct of any header, nothing shared with it
 * but the names of the reasons. Where RFCs leave a choice the comment says what was chosen. */
#include "outcome.h"

#include <stdbool.h>
#include <string.h>

struct scan {
	const uint8_t *frame;
	size_t n_bytes;
	struct outcome *outcome;
	int tunnels_left; /* how many more may be opened */
};

static void enter_tunnel(const struct scan *scan, unsigned int protocol, size_t position);

static bool has(const struct scan *scan, size_t position, size_t n_bytes)
{
	return position <= scan->n_bytes && n_bytes <= scan->n_bytes - position;
}

static unsigned int number(const struct scan *scan, size_t position, size_t n_bytes)
{
	unsigned int value = 0;

	for (size_t i = 0; i < n_bytes; i++)
		value = value * 256 + scan->frame[position + i];
	return value;
}

static void ignore(const struct scan *scan, enum ipacct_ignored_reason reason)
{
	memset(scan->outcome, 0, sizeof(*scan->outcome));
	scan->outcome->ignored = (int)reason;
}

static int protocol_class(unsigned int protocol)
{
	if (protocol == 6)
		return IPACCT_PROTOCOL_TCP;
	if (protocol == 17)
		return IPACCT_PROTOCOL_UDP;
	/* ICMP of the other family is still ICMP to an operator. */
	if (protocol == 1 || protocol == 58)
		return IPACCT_PROTOCOL_ICMP;
	return IPACCT_PROTOCOL_OTHER;
}

static uint32_t smaller(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static void mapped_address(const struct scan *scan, size_t position, uint8_t *ret_address)
{
	memset(ret_address, 0, 10);
	memset(ret_address + 10, 0xff, 2);
	memcpy(ret_address + 12, scan->frame + position, 4);
}

static void ipv4(const struct scan *scan, size_t start)
{
	struct outcome *outcome = scan->outcome;

	if (!has(scan, start, 20))
		return ignore(scan, IPACCT_IGNORED_TRUNCATED_L3);

	unsigned int version = number(scan, start, 1) / 16;
	unsigned int header_bytes = number(scan, start, 1) % 16 * 4;
	unsigned int total_bytes = number(scan, start + 2, 2);
	unsigned int fragment = number(scan, start + 6, 2);

	if (version != 4)
		return ignore(scan, IPACCT_IGNORED_BAD_IP_VERSION);
	if (header_bytes < 20)
		return ignore(scan, IPACCT_IGNORED_BAD_IHL);
	if (!has(scan, start, header_bytes))
		return ignore(scan, IPACCT_IGNORED_TRUNCATED_L3);
	if (total_bytes != 0 && total_bytes < header_bytes)
		return ignore(scan, IPACCT_IGNORED_BAD_LENGTH);
	/* Segmentation offload leaves 0: then the frame is all there is to go by. */
	if (total_bytes == 0)
		total_bytes = 0xffffffff;

	outcome->ignored = OUTCOME_ACCOUNTED;
	outcome->family = 4;
	outcome->protocol = protocol_class(number(scan, start + 9, 1));
	outcome->l3_bytes = smaller(total_bytes, scan->n_bytes - start);
	if (fragment % 8192 != 0)
		outcome->fragment = OUTCOME_OTHER_FRAGMENT;
	else if (fragment & 0x2000)
		outcome->fragment = OUTCOME_FIRST_FRAGMENT;
	mapped_address(scan, start + 12, outcome->source);
	mapped_address(scan, start + 16, outcome->destination);
	enter_tunnel(scan, number(scan, start + 9, 1), start + header_bytes);
}

/* IANA "IPv6 Extension Header Types" without ESP (nothing readable follows) and experiments. */
static bool is_extension(unsigned int header)
{
	static const uint8_t headers[] = { 0, 43, 44, 51, 60, 135, 139, 140 };

	for (size_t i = 0; i < sizeof(headers); i++)
		if (headers[i] == header)
			return true;
	return false;
}

/* Follow the chain from *at. Returns the header number that ends it, or -1 - reason; *at is then
 * where that header begins. */
static int ipv6_chain(const struct scan *scan, size_t *at, unsigned int header)
{
	struct outcome *outcome = scan->outcome;
	size_t position = *at;
	int n_headers = 0;

	while (is_extension(header)) {
		if (n_headers == 8)
			return -1 - (int)IPACCT_IGNORED_IPV6_EXT_DEPTH;
		if (!has(scan, position, header == 44 ? 8 : 2))
			return -1 - (int)IPACCT_IGNORED_TRUNCATED_L3;
		n_headers++;

		unsigned int next = number(scan, position, 1);
		unsigned int length = number(scan, position + 1, 1);

		if (header == 44) {
			unsigned int bits = number(scan, position + 2, 2);

			if (bits / 8 != 0) {
				outcome->fragment = OUTCOME_OTHER_FRAGMENT;
				return (int)next; /* what follows is data from the middle */
			}
			/* An atomic fragment (RFC 6946) does not undo an earlier M. */
			if (bits % 2 == 1)
				outcome->fragment = OUTCOME_FIRST_FRAGMENT;
			position += 8;
		} else if (header == 51) {
			position += (length + 2) * 4;
		} else {
			position += (length + 1) * 8;
		}
		header = next;
	}
	*at = position;
	return (int)header;
}

static void ipv6(const struct scan *scan, size_t start)
{
	struct outcome *outcome = scan->outcome;

	if (!has(scan, start, 40))
		return ignore(scan, IPACCT_IGNORED_TRUNCATED_L3);
	if (number(scan, start, 1) / 16 != 6)
		return ignore(scan, IPACCT_IGNORED_BAD_IP_VERSION);

	unsigned int payload_bytes = number(scan, start + 4, 2);
	unsigned int header = number(scan, start + 6, 1);
	size_t end = start + 40;
	int last = ipv6_chain(scan, &end, header);

	if (last < 0)
		return ignore(scan, (enum ipacct_ignored_reason)(-1 - last));

	size_t l3_bytes = 40 + payload_bytes;

	/* RFC 2675 2: a jumbogram says 0 and starts with hop-by-hop options. */
	if (payload_bytes == 0 && header == 0)
		l3_bytes = scan->n_bytes - start;
	outcome->ignored = OUTCOME_ACCOUNTED;
	outcome->family = 6;
	outcome->protocol = protocol_class((unsigned int)last);
	outcome->l3_bytes = smaller(l3_bytes, scan->n_bytes - start);
	memcpy(outcome->source, scan->frame + start + 8, 16);
	memcpy(outcome->destination, scan->frame + start + 24, 16);
	enter_tunnel(scan, (unsigned int)last, end);
}

static void pppoe(const struct scan *scan, size_t position)
{
	if (!has(scan, position, 8))
		return ignore(scan, IPACCT_IGNORED_TRUNCATED_L2);

	unsigned int protocol = number(scan, position + 6, 2);

	if (protocol == 0x0021)
		return ipv4(scan, position + 8);
	if (protocol == 0x0057)
		return ipv6(scan, position + 8);
	ignore(scan, IPACCT_IGNORED_PPPOE_CONTROL);
}

static void mpls(const struct scan *scan, size_t position)
{
	for (int n_labels = 0; n_labels < 8; n_labels++) {
		if (!has(scan, position, 4))
			return ignore(scan, IPACCT_IGNORED_TRUNCATED_L2);

		unsigned int bottom = number(scan, position + 2, 1) & 1;

		position += 4;
		if (!bottom)
			continue;
		if (!has(scan, position, 1))
			return ignore(scan, IPACCT_IGNORED_TRUNCATED_L2);
		switch (number(scan, position, 1) / 16) {
		case 4:
			return ipv4(scan, position);
		case 6:
			return ipv6(scan, position);
		}
		return ignore(scan, IPACCT_IGNORED_MPLS_PAYLOAD);
	}
	ignore(scan, IPACCT_IGNORED_MPLS_DEPTH);
}

/* position: of the ethertype. */
static void ethernet(const struct scan *scan, size_t position, int n_tags)
{
	if (!has(scan, position, 2))
		return ignore(scan, IPACCT_IGNORED_TRUNCATED_L2);

	unsigned int type = number(scan, position, 2);

	if (type < 0x600)
		return ignore(scan, IPACCT_IGNORED_LLC);
	switch (type) {
	case 0x8100:
	case 0x88a8:
	case 0x9100:
		/* Whether the fifth tag is all there does not matter. */
		if (n_tags == 4)
			return ignore(scan, IPACCT_IGNORED_VLAN_DEPTH);
		return ethernet(scan, position + 4, n_tags + 1);
	case 0x0806:
		return ignore(scan, IPACCT_IGNORED_ARP);
	case 0x0800:
		return ipv4(scan, position + 2);
	case 0x86dd:
		return ipv6(scan, position + 2);
	case 0x8864:
		return pppoe(scan, position + 2);
	case 0x8847:
	case 0x8848:
		return mpls(scan, position + 2);
	}
	ignore(scan, IPACCT_IGNORED_OTHER_ETHERTYPE);
}

/* What the tunnels of these RFCs carry, by its ethertype. false: nothing that is read here. */
static bool carried(const struct scan *scan, unsigned int type, size_t position)
{
	switch (type) {
	case 0x0800:
		ipv4(scan, position);
		return true;
	case 0x86dd:
		ipv6(scan, position);
		return true;
	case 0x6558: /* RFC 1701 "transparent Ethernet bridging": both addresses, then the type */
		ethernet(scan, position + 12, 0);
		return true;
	case 0x8847: /* RFC 4023 */
	case 0x8848:
		mpls(scan, position);
		return true;
	}
	return false;
}

/* RFC 2784, RFC 2890. */
static bool gre(const struct scan *scan, size_t position)
{
	if (!has(scan, position, 4))
		return false;

	unsigned int first = number(scan, position, 1);
	unsigned int second = number(scan, position + 1, 1);
	unsigned int type = number(scan, position + 2, 2);

	/* 2.3 "a receiver must discard": bits 1, 4, 5 without RFC 1701; 2.2.1: the version is 0 */
	if (first & 0x40 || first & 0x08 || first & 0x04 || second % 8 != 0)
		return false;
	position += 4;
	if (first & 0x80)
		position += 4; /* checksum and reserved1 */
	if (first & 0x20)
		position += 4; /* key */
	if (first & 0x10)
		position += 4; /* sequence number */
	return carried(scan, type, position);
}

/* RFC 7348 5: the I bit says that there is a network identifier, and there must be one. */
static bool vxlan(const struct scan *scan, size_t position)
{
	if (!has(scan, position, 1) || !(number(scan, position, 1) & 8))
		return false;
	return carried(scan, 0x6558, position + 8);
}

/* RFC 8926 3.4: two bits version, six bits length of the options; then O, C and six reserved bits. */
static bool geneve(const struct scan *scan, size_t position)
{
	if (!has(scan, position, 4) || number(scan, position, 1) >= 64)
		return false;
	/* 3.4 O: a control message is for the tunnel's end, not for anybody behind it */
	if (number(scan, position + 1, 1) >= 128)
		return false;
	return carried(scan, number(scan, position + 2, 2),
		       position + 8 + number(scan, position, 1) * 4);
}

/* The tunnel that an IP header with this protocol holds at position. *ret_tunnel: whether it is one
 * at all. Returns whether something in it was looked at: then it is in the scan's outcome. */
static bool tunnel_contents(const struct scan *scan, unsigned int protocol, size_t position,
			    bool is_middle, bool *ret_tunnel)
{
	*ret_tunnel = protocol == 4 || protocol == 41 || protocol == 47;
	if (is_middle) /* RFC 791, RFC 8200 4.5: data, and no port to know a UDP tunnel by */
		return false;
	switch (protocol) {
	case 4: /* RFC 2003 */
		return carried(scan, 0x0800, position);
	case 41: /* RFC 4213, RFC 2473 */
		return carried(scan, 0x86dd, position);
	case 47:
		return gre(scan, position);
	}
	if (protocol != 17 || !has(scan, position, 4))
		return false;

	unsigned int port = number(scan, position + 2, 2);

	*ret_tunnel = port == 4789 || port == 6081; /* IANA service names: vxlan, geneve */
	if (port == 4789)
		return vxlan(scan, position + 8);
	return port == 6081 && geneve(scan, position + 8);
}

/* After an IP header was accounted: if it is a tunnel's, try the packet inside, which may be a tunnel
 * again. What fails inside leaves the outcome as it was. */
static void enter_tunnel(const struct scan *scan, unsigned int protocol, size_t position)
{
	struct outcome outside = *scan->outcome, inside = { .ignored = OUTCOME_ACCOUNTED };
	struct scan deeper = *scan;
	bool is_tunnel;

	if (scan->tunnels_left == 0)
		return;
	deeper.tunnels_left--;
	deeper.outcome = &inside;
	if (tunnel_contents(&deeper, protocol, position, outside.fragment == OUTCOME_OTHER_FRAGMENT,
			    &is_tunnel) &&
	    inside.ignored == OUTCOME_ACCOUNTED) {
		inside.tunnel = OUTCOME_INNER;
		*scan->outcome = inside;
	} else if (is_tunnel) {
		scan->outcome->tunnel = OUTCOME_TUNNEL_OUTER;
	}
}

void reference_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome)
{
	struct scan scan = { .frame = frame, .n_bytes = n_bytes, .outcome = ret_outcome };

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	ethernet(&scan, 12, 0);
}

void reference_account_inner(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome)
{
	/* as many as the program follows; a deeper one counts by the addresses of the last */
	struct scan scan = {
		.frame = frame, .n_bytes = n_bytes, .outcome = ret_outcome, .tunnels_left = 4
	};

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	ethernet(&scan, 12, 0);
}
