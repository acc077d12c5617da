/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose turn is it to count? Behind libxdp's dispatcher nothing is replaced in one step: during an
 * upgrade the old program and the new one both run for every packet, one after the other on the same
 * CPU. The first one (enum ipacct_turn) reads once who is to count and leaves that decision to the
 * second: so exactly one of them counts each packet, whenever the supervisor changes its mind.
 * daemon/turn.h says in which order it does. */
#ifndef IPACCT_TURN_BPF_H
#define IPACCT_TURN_BPF_H

/* Fixed before load: enum ipacct_turn. Behind a link of our own there is one program, and no question. */
const volatile __u32 cfg_turn = IPACCT_TURN_ALONE;

static __always_inline bool turn_is_ours(void)
{
	__u64 *from, *to, turn;
	__u32 at;

	if (cfg_turn == IPACCT_TURN_ALONE)
		return true; /* and no key is made for nothing */
	at = IPACCT_TURN_DECIDED(cfg_slot);
	to = bpf_map_lookup_elem(&ipacct_turn, &at);
	if (!to)
		return true; /* cannot happen: an array */
	if (cfg_turn == IPACCT_TURN_SECOND)
		return *(volatile __u64 *)to == IPACCT_TURN_SECOND;
	at = IPACCT_TURN_WANTED(cfg_slot);
	from = bpf_map_lookup_elem(&ipacct_turn, &at);
	if (!from)
		return true;            /* likewise */
	turn = *(volatile __u64 *)from; /* once: it may change any time */
	*(volatile __u64 *)to = turn;
	return turn != IPACCT_TURN_SECOND;
}

#endif
