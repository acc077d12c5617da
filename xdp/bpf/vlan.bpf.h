/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The domain of a frame by the id of its outermost VLAN tag.
 *
 * A tag that the kernel keeps beside the frame (ipacct_hidden_vlan) is the outermost one. */
#ifndef IPACCT_VLAN_BPF_H
#define IPACCT_VLAN_BPF_H

#define VLAN_TYPE_OFF 12      /* after both MAC addresses: type, then TCI (IEEE 802.1Q 9.6) */
#define VLAN_ID_MASK  0x0fffu /* the id in the TCI */

/* The id of the outermost tag; 0, which stands for no VLAN, without one. */
static __always_inline __u32 vlan_outermost(ipacct_ctx *ctx)
{
	__u8 tag[4] PARSE_SCRATCH;
	int hidden = ipacct_hidden_vlan(ctx);
	__u32 type;

	if (hidden >= 0)
		return (__u32)hidden;
	if (ipacct_first_type(ctx))
		return 0; /* the frame begins with IP */
	if (ipacct_load_bytes(ctx, VLAN_TYPE_OFF, tag, sizeof(tag)))
		return 0;
	type = parse_be16(tag);
	return type == ETH_P_8021Q || type == ETH_P_8021AD || type == PARSE_ETH_P_QINQ1
		       ? parse_be16(tag + 2) & VLAN_ID_MASK
		       : 0;
}

/* A function of its own, and a leaf: its frame would not fit into its caller's. */
__noinline int ipacct_frame_domain(ipacct_ctx *ctx)
{
	__u32 slot = cfg_slot, id = vlan_outermost(ctx);
	const struct ipacct_vlans *vlans = bpf_map_lookup_elem(&ipacct_vlans, &slot);

	/* the compiler must not mask before it swaps: 6.1 knows no bounds of what was swapped */
	barrier_var(id);
	return vlans ? vlans->domain[id & (IPACCT_VLAN_IDS - 1)] : cfg_domain;
}

static __always_inline __u16 frame_domain(ipacct_ctx *ctx)
{
	return cfg_vlans ? ipacct_frame_domain(ctx) : cfg_domain;
}

/* A frame without a tag in it need not be one without a VLAN. */
static __always_inline bool vlan_is_beside(ipacct_ctx *ctx)
{
	return cfg_vlans && ipacct_hidden_vlan(ctx) >= 0;
}

#endif
