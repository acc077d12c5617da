/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Count every packet that arrives and pass it on. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef struct xdp_md ipacct_ctx;

static __always_inline long ipacct_load_bytes(ipacct_ctx *ctx, __u32 off, void *to, __u32 bytes)
{
	return bpf_xdp_load_bytes(ctx, off, to, bytes);
}

#include "count.bpf.h"

SEC("xdp.frags")
int ipacct_xdp(struct xdp_md *ctx)
{
	count(ctx, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
