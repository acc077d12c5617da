/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program with one planted fault, to see that ipacct-replay --prove finds it: built once for each
 * MUTANT_* of meson.build from the program's own source. */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "ipacct/abi.h"

#if defined(MUTANT_LENGTH) /* frames are one octet shorter than they are */
static __always_inline __u64 buff_len(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx) - 1;
}
#define bpf_xdp_get_buff_len buff_len
#elif defined(MUTANT_REASON) /* IEEE 802.3 frames are taken for ARP */
#define IPACCT_IGNORED_LLC IPACCT_IGNORED_ARP
#elif defined(MUTANT_CLASS) /* UDP is no class of its own */
#define IPACCT_PROTOCOL_UDP IPACCT_PROTOCOL_OTHER
#elif defined(MUTANT_LRU) /* new records of the LRU tier are forgotten */
static __always_inline long update(void *map, const void *key, const void *value, __u64 flags)
{
	return map && key && value && flags == BPF_NOEXIST ? 0 : -1;
}
#define bpf_map_update_elem update
#elif defined(MUTANT_VERDICT) /* packets are dropped */
#define XDP_PASS XDP_DROP
#elif defined(MUTANT_SETTING) /* the object of a release with one setting more */
const volatile __u32 cfg_another = 0;
#else
#error "which fault?"
#endif

#include "../../xdp/bpf/ipacct.bpf.c"
