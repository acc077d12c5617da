// SPDX-License-Identifier: GPL-2.0-or-later
/* The program's own parser, compiled for this machine: what it says without a kernel. */
#include "native.h"

#include <stdbool.h>
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

#include "parse.h"

static __always_inline int ipacct_chain(struct ipacct_cursor *cur, __u32 off, __u32 next,
					struct ipacct_packet *pkt)
{
	return parse_ipv6_chain(cur, off, next, pkt);
}

void native_account(const uint8_t *frame, size_t n_bytes, struct outcome *ret_outcome)
{
	static const int fragments[] = {
		[IPACCT_FRAGMENT_NONE] = OUTCOME_WHOLE,
		[IPACCT_FRAGMENT_FIRST] = OUTCOME_FIRST_FRAGMENT,
		[IPACCT_FRAGMENT_OTHER] = OUTCOME_OTHER_FRAGMENT,
	};
	struct ipacct_cursor cursor = { .frame = frame, .len = (uint32_t)n_bytes };
	struct ipacct_packet packet = { 0 };
	int verdict = ipacct_parse(&cursor, 0, &packet);

	memset(ret_outcome, 0, sizeof(*ret_outcome));
	if (verdict < 0) {
		ret_outcome->ignored = (int)PARSE_REASON(verdict);
		return;
	}
	ret_outcome->ignored = OUTCOME_ACCOUNTED;
	ret_outcome->family = packet.family;
	ret_outcome->protocol = packet.protocol;
	ret_outcome->fragment = fragments[packet.fragment];
	ret_outcome->l3_bytes = packet.l3_bytes;
	memcpy(ret_outcome->source, packet.source.addr_be, 16);
	memcpy(ret_outcome->destination, packet.destination.addr_be, 16);
}
