/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Count every packet that leaves (or arrives, where there is no XDP) and pass it on. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <stdbool.h>

typedef struct __sk_buff ipacct_ctx;

/* Fixed before load. */
const volatile __u32 cfg_no_ethernet = 0; /* frames of the device begin with IP: tun, ppp, … */

#define TAG_BYTES   4u      /* IEEE 802.1Q 9.6 */
#define TAG_ID_MASK 0x0fffu /* of the TCI */

static __always_inline long ipacct_load_bytes(ipacct_ctx *ctx, __u32 off, void *to, __u32 bytes)
{
	return bpf_skb_load_bytes(ctx, off, to, bytes);
}

static __always_inline __u32 ipacct_first_type(ipacct_ctx *ctx)
{
	return cfg_no_ethernet ? __builtin_bswap16((__u16)ctx->protocol) : 0;
}

/* A tag that the stack keeps beside the frame (the device writes it, or has taken it off): it is on
 * the wire. */
static __always_inline __u32 ipacct_hidden_bytes(ipacct_ctx *ctx)
{
	return ctx->vlan_present ? TAG_BYTES : 0;
}

static __always_inline int ipacct_hidden_vlan(ipacct_ctx *ctx)
{
	return ctx->vlan_present ? (int)(ctx->vlan_tci & TAG_ID_MASK) : -1;
}

#include "count.bpf.h"
#include "bundle.bpf.h"

static __always_inline bool ipacct_bundle(ipacct_ctx *ctx, struct ipacct_totals *totals, __u32 len,
					  __u32 epoch)
{
	if (!ctx->gso_size)
		return false;
	ipacct_count_bundle(ctx, totals, len, epoch);
	return true;
}

/* Never OK: the hooks after ours, tcx programs and filters, are asked too. */
SEC("tc")
int ipacct_tc(struct __sk_buff *ctx)
{
	count(ctx, ctx->len + ipacct_hidden_bytes(ctx));
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
