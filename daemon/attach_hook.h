/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program at one hook of one interface, however it is kept there.
 *
 * xdp and tcx: a bpf_link, pinned as link_<slot>. A tc filter (IPACCT_ATTACH_TC) needs nobody to keep it;
 * its program is pinned as tc_<slot>, which says that the filter is ours. `fd` is the link or the
 * program, record->attach says which. Behind libxdp's dispatcher: dispatcher.h; here only where its
 * pins are. */
#ifndef IPACCT_DAEMON_ATTACH_HOOK_H
#define IPACCT_DAEMON_ATTACH_HOOK_H

#include <stddef.h>
#include <stdint.h>

#include "attach.h"
#include "ipacct/ipacct.h"

int hook_pin_path(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		  char *buffer, size_t buffer_bytes);
/* Open what is pinned for the slot: descriptor, or −ENOENT. */
int hook_open(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record);
/* ifindex 0 in the answer: it counts nothing any more. */
int hook_facts(int fd, const struct ipacct_interface *record, struct link_facts *ret_facts);

/* Attach at record->hook of record->ifname and pin. record: attach becomes IPACCT_ATTACH_TC where the
 * kernel has no tcx; flags get IPACCT_IFFLAG_CLSACT with a new qdisc. On failure ret_problem has words. */
int hook_create(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		struct ipacct_interface *record, struct ipacct_problem *ret_problem);
/* Replace the program in one step. *fd may become another descriptor. */
int hook_replace(const char *bpffs_dir, uint32_t slot, int prog_fd,
		 const struct ipacct_interface *record, int *fd);
/* Remove the pin and close the descriptor: the interface is as before, but for a qdisc of ours. */
void hook_remove(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		 int *fd);
/* Pin it again if somebody removed the pin: 1 then, else 0 or a negative errno. */
int hook_pin_missing(const char *bpffs_dir, uint32_t slot, const struct ipacct_interface *record,
		     int fd);

#endif
