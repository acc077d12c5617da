// SPDX-License-Identifier: GPL-2.0-or-later
/* The program's own parser, compiled for this machine: what it says without a kernel. */
#include "native.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct ipacct_cursor {
	const uint8_t *frame;
	uint32_t len;
	uint32_t n_tags; /* none: a capture has them all */
};

/* A function: inlined, its branches would be counted with those of each line of the parser. */
static __attribute__((noinline)) const void *ipacct_pull(struct ipacct_cursor *cur, uint32_t off,
							 uint32_t bytes, void *scratch)
{
	if (off > cur->len || bytes > cur->len - off)
		return NULL;
	/* A copy, as bpf_xdp_load_bytes() makes it: nothing but these octets can be looked at. */
	return memcpy(scratch, cur->frame + off, bytes);
}

/* So are those: each branch of the parser is here once. */
#undef __always_inline
#define __always_inline inline

#include "parse.h"
#include "tunnel.h"

static __always_inline int ipacct_chain(struct ipacct_cursor *cur, __u32 off, __u32 next,
					struct ipacct_packet *pkt)
{
	return parse_ipv6_chain(cur, off, next, pkt);
}

static __always_inline int ipacct_inside(struct ipacct_cursor *cur, struct ipacct_packet *pkt)
{
	return tunnel_inside(cur, pkt);
}

/* The program's plain way must leave every tunnel to the parser. */
static void plain_check(struct ipacct_cursor *cursor)
{
	static const __u32 families[] = { ETH_P_IP, ETH_P_IPV6 };

	for (size_t i = 0; i < 2; i++) {
		struct ipacct_packet packet = { 0 };

		if (!tunnel_maybe_plain(cursor, 0, families[i]) &&
		    !ipacct_parse_plain(cursor, 0, families[i], &packet) &&
		    ipacct_innermost(cursor, &packet) != TUNNEL_NONE)
			abort(); /* a test of its own: no caller would go on */
	}
}

static void packet_tell(const struct ipacct_packet *packet, struct outcome *ret_outcome)
{
	static const int fragments[] = {
		[IPACCT_FRAGMENT_NONE] = OUTCOME_WHOLE,
		[IPACCT_FRAGMENT_FIRST] = OUTCOME_FIRST_FRAGMENT,
		[IPACCT_FRAGMENT_OTHER] = OUTCOME_OTHER_FRAGMENT,
	};

	ret_outcome->ignored = OUTCOME_ACCOUNTED;
	ret_outcome->family = packet->family;
	ret_outcome->protocol = packet->protocol;
	ret_outcome->fragment = fragments[packet->fragment];
	ret_outcome->l3_bytes = packet->l3_bytes;
	memcpy(ret_outcome->source, packet->source.addr_be, 16);
	memcpy(ret_outcome->destination, packet->destination.addr_be, 16);
}

static void account(const uint8_t *frame, size_t n_bytes, uint32_t type, bool inner,
		    struct outcome *ret_outcome)
{
	static const int tunnels[] = {
		[TUNNEL_NONE] = OUTCOME_NO_TUNNEL,
		[TUNNEL_READ] = OUTCOME_INNER,
		[TUNNEL_OPAQUE] = OUTCOME_TUNNEL_OUTER,
	};
	struct ipacct_cursor cursor = { .frame = frame, .len = (uint32_t)n_bytes };
	struct ipacct_packet packet = { 0 };
	int verdict = ipacct_parse(&cursor, type, &packet);

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	if (verdict < 0) {
		ret_outcome->ignored = (int)PARSE_REASON(verdict);
		return;
	}
	if (inner) {
		plain_check(&cursor);
		ret_outcome->tunnel = tunnels[ipacct_innermost(&cursor, &packet)];
	}
	packet_tell(&packet, ret_outcome);
}

void native_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome)
{
	account(frame, n_bytes, 0, false, ret_outcome);
}

void native_account_inner(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome)
{
	account(frame, n_bytes, 0, true, ret_outcome);
}

void native_account_bare(const uint8_t *octets, size_t n_bytes, uint32_t type,
			 struct outcome *ret_outcome)
{
	account(octets, n_bytes, type, false, ret_outcome);
}

bool native_account_plain(const uint8_t *octets, size_t n_bytes, uint32_t type, uint32_t wanted,
			  struct outcome *ret_outcome)
{
	struct ipacct_cursor cursor = { .frame = octets, .len = (uint32_t)n_bytes };
	struct ipacct_packet packet = { 0 };

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	if (ipacct_parse_plain(&cursor, type, wanted, &packet))
		return false;
	packet_tell(&packet, ret_outcome);
	return true;
}

bool native_maybe_tunnel(const uint8_t *octets, size_t n_bytes, uint32_t type, uint32_t wanted)
{
	struct ipacct_cursor cursor = { .frame = octets, .len = (uint32_t)n_bytes };

	return tunnel_maybe_plain(&cursor, type, wanted);
}
