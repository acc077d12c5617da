/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Count every packet that arrives and pass it on. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef struct xdp_md ipacct_ctx;

static __always_inline long ipacct_load_bytes(ipacct_ctx *ctx, __u32 off, void *to, __u32 bytes)
{
	return bpf_xdp_load_bytes(ctx, off, to, bytes);
}

/* A frame is as it is on the wire: Ethernet, tags in it, one packet. */
static __always_inline __u32 ipacct_first_type(ipacct_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline __u32 ipacct_hidden_bytes(ipacct_ctx *ctx)
{
	(void)ctx;
	return 0;
}

/* What the device takes off the frame (rxvlan) XDP cannot know. */
static __always_inline int ipacct_hidden_vlan(ipacct_ctx *ctx)
{
	(void)ctx;
	return -1;
}

#include "count.bpf.h"
#include "turn.bpf.h"

static __always_inline bool ipacct_bundle(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
					  __u32 epoch)
{
	(void)ctx, (void)totals, (void)len, (void)epoch;
	return false;
}

SEC("xdp.frags")
int ipacct_xdp(struct xdp_md *ctx)
{
	if (turn_is_ours())
		count(ctx, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
