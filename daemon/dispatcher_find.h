/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies behind libxdp's dispatcher on a device, by the pins that libxdp documents: each dispatcher
 * has a directory `dispatch-IFINDEX-ID` with progN-prog and progN-link for every program. */
#ifndef IPACCT_DAEMON_DISPATCHER_FIND_H
#define IPACCT_DAEMON_DISPATCHER_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "attach.h"
#include "maps.h"

/* Priorities below those of everybody else (libxdp's default is 50, xdp-filter has 10): what others drop
 * was counted. Programs of one priority run in the order of their names, so each of ours has its own. */
#define DISPATCHER_PRIORITY(turn) (turn) /* enum ipacct_turn: 1 and 2 */
#define DISPATCHER_OURS_MAX       2

/* A program of ours. */
struct dispatched {
	int link_fd; /* keeps it attached to this dispatcher; the finder's to close */
	uint32_t link_id;
	uint32_t prog_id;
	uint32_t turn;     /* enum ipacct_turn */
	uint32_t position; /* 0: runs first … */
	uint32_t n;        /* … of so many */
	uint32_t dispatcher_id;
	char name[BPF_OBJ_NAME_LEN];
	uint8_t tag[BPF_TAG_SIZE];
};

/* The directory of the dispatcher on the device: 0, or −ENOENT when there is none (or its pins are not
 * where libxdp of this process looks). ret_mode: enum ipacct_mode, may be NULL. */
int dispatcher_dir(uint32_t ifindex, char *buffer, size_t buffer_bytes, uint8_t *ret_mode);

/* The programs on it that count into these maps, however they are called. Takes CAP_SYS_ADMIN.
 * Returns how many, or a negative errno. */
int dispatcher_find(const struct ipacct_maps *maps, uint32_t ifindex,
		    struct dispatched ret_found[DISPATCHER_OURS_MAX]);
void dispatched_close(struct dispatched found[DISPATCHER_OURS_MAX]); /* accepts link_fd −1 */

/* The devices and hooks at which, say the maps pinned there, slots of theirs count without a link of their
 * own: attach is IPACCT_ATTACH_DISPATCHER or IPACCT_ATTACH_TC. Returns how many. */
size_t slots_without_link(const char *bpffs_dir, uint8_t attach,
			  struct link_facts ret_found[IPACCT_IFS_MAX]);

/* Did the program get these settings (its section of constants)? */
bool dispatched_has_settings(const struct dispatched *found, const void *settings, size_t bytes);

#endif
