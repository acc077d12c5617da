/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program at a tc hook: through a pinned bpf_link (tcx, Linux 6.6), or as a filter of the clsact qdisc
 * (before). Either way ours is asked first and passes every packet on to the others. */
#ifndef IPACCT_DAEMON_ATTACH_TC_H
#define IPACCT_DAEMON_ATTACH_TC_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "ipacct/ipacct.h"

/* linux/bpf.h of 6.6 and newer: enum bpf_link_type, enum bpf_attach_type, BPF_F_BEFORE */
#define TCX_LINK_TYPE 11
#define TCX_INGRESS   46
#define TCX_EGRESS    47
#define TCX_BEFORE    (1u << 3)

/* A link on the hook, before what others have there: a descriptor; −EOPNOTSUPP: no tcx in this kernel;
 * else a negative errno. hook: IPACCT_HOOK_TC_*. Not pinned. */
int tcx_create(int prog_fd, uint32_t ifindex, uint8_t hook);

/* Does this kernel have tcx? */
bool tcx_known(uint32_t ifindex);

/* The filter: preference 1, this handle, "ipac". */
#define FILTER_PREFERENCE 1u
#define FILTER_HANDLE     0x69706163u

/* Add our filter, and the qdisc when there is none. ret_clsact: the qdisc was made for it.
 * −EEXIST: a filter of this preference and handle is there already. */
int filter_create(int prog_fd, uint32_t ifindex, uint8_t hook, bool *ret_clsact);
/* The program in it takes the place of the old one in one step. */
int filter_replace(int prog_fd, uint32_t ifindex, uint8_t hook);
/* ifindex 0 in the answer: the filter is gone, or has another program than prog_fd. Returns 0, or a
 * negative errno when the kernel does not tell. */
int filter_facts(int prog_fd, uint32_t ifindex, uint8_t hook, struct link_facts *ret_facts);
void filter_remove(uint32_t ifindex, uint8_t hook);
/* Is there a qdisc for filters (clsact, or ingress)? When the kernel does not tell: yes. */
bool clsact_there(uint32_t ifindex);
/* Remove the qdisc unless somebody's filter is on it. */
void clsact_remove_if_empty(uint32_t ifindex);

#endif
