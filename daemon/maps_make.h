/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's side of the maps: make them, pin them, load programs on them. */
#ifndef IPACCT_DAEMON_MAPS_MAKE_H
#define IPACCT_DAEMON_MAPS_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "maps.h"
#include "program_object.h"
#include "sizing.h"

/* Make all maps of these sizes; nothing is pinned. ret_maps owns the descriptors (read-write), ctl is
 * ready: epoch 0, cut 1. Returns 0 or a negative errno. */
int maps_make(const struct sizing *sizing, struct ipacct_maps *ret_maps,
	      struct ipacct_problem *ret_problem);

/* The same maps and program of another object, NULL = the built-in one. */
int maps_make_of(const struct program_object *object, const struct sizing *sizing,
		 struct ipacct_maps *ret_maps, struct ipacct_problem *ret_problem);
int program_load_of(const struct program_object *object, const struct ipacct_maps *maps,
		    uint32_t slot, uint16_t domain, uint32_t domain_slot, uint32_t flags);

/* Pin them into the directory: maps 0640 root:gid. ipacct_meta comes last and says that the set is
 * complete; an incomplete set of before is removed first. */
int maps_pin(const struct ipacct_maps *maps, const char *bpffs_dir, gid_t gid);

/* Pin again what somebody unpinned. Returns how many, or a negative errno. */
int maps_pin_missing(const struct ipacct_maps *maps, const char *bpffs_dir, gid_t gid);

/* One map, 0640 root:gid; the name must be free. Returns 0 or a negative errno. */
int maps_pin_one(int fd, const char *dir, const char *name, gid_t gid);

/* Remove every pin of a set with so many partitions. */
void maps_unpin(const char *bpffs_dir, uint32_t n_parts);

/* The program for one interface on these maps, its settings made, not loaded yet.
 * flags: IPACCT_IFFLAG_*. */
struct ipacct_bpf;
int program_open(const struct program_object *object, const struct ipacct_maps *maps, uint32_t slot,
		 uint16_t domain, uint32_t domain_slot, uint32_t flags,
		 struct ipacct_bpf **ret_skeleton);

/* What a program need not ask of each packet, enum ipacct_plain. flags: IPACCT_IFFLAG_*. */
uint32_t program_plain(const struct ipacct_maps *maps, uint32_t flags);

/* Load the program for one interface on these maps. Returns a descriptor or a negative errno. */
int program_load(const struct ipacct_maps *maps, uint32_t slot, uint16_t domain,
		 uint32_t domain_slot, uint32_t flags);

/* The slot of a domain, a new one if it is new: −ENOSPC when IPACCT_DOMAINS_MAX are in use. */
int domain_slot(const struct ipacct_maps *maps, uint16_t domain);

#endif
