/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program on one interface, through one pinned bpf_link. */
#ifndef IPACCT_DAEMON_ATTACH_H
#define IPACCT_DAEMON_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "ipacct/ipacct.h"

struct link_facts {
	uint32_t link_id;
	uint32_t prog_id;
	uint32_t ifindex; /* 0: the device is gone (the link is severed) */
	uint8_t hook;     /* enum ipacct_hook */
};

/* Path of the pin of a slot's link: bpffs_dir/link_<slot>. Returns 0 or −ENAMETOOLONG. */
int link_pin_path(const char *bpffs_dir, uint32_t slot, char *buffer, size_t buffer_bytes);

/* Open the pinned link of a slot: descriptor, or −ENOENT. */
int link_open(const char *bpffs_dir, uint32_t slot);
int link_facts(int link_fd, struct link_facts *ret_facts);

/* Attach a new link and pin it with mode 0600 (a group-writable link pin is a detach button).
 * mode: enum ipacct_mode. On failure ret_problem names the probable cause and the next command.
 * Returns the descriptor. */
int link_create(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		const char *ifname, uint8_t mode, struct ipacct_problem *ret_problem);

/* Words for a refused XDP program: the kernel explains it only to netlink users; names what is usual. */
void attach_explain(int error, const char *ifname, uint8_t mode,
		    struct ipacct_problem *ret_problem);

/* Pin it again if somebody removed the pin: 1 then, else 0 or a negative errno. */
int link_pin_missing(const char *bpffs_dir, uint32_t slot, int link_fd);

/* Replace the program behind a link in one step: every packet meets the old one or the new one. */
int link_replace(int link_fd, int prog_fd);

/* Remove the pin and close the descriptor: the interface is as before. */
void link_remove(const char *bpffs_dir, uint32_t slot, int *link_fd);

/* An XDP program that is on the interface: −EBUSY and its name in ret_problem; else 0. */
int foreign_check(uint32_t ifindex, const char *ifname, struct ipacct_problem *ret_problem);

/* Does the device take VLAN tags off frames (rx-vlan-offload)? XDP does not see them then. */
bool device_strips_tags(const char *ifname);

#endif
