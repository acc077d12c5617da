/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The set of pinned maps: open, check, and where the descriptor allows it, map into memory. */
#ifndef IPACCT_LIB_MAPS_H
#define IPACCT_LIB_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/abi.h"
#include "ipacct/ipacct.h"

/* X(member, pin name) */
#define IPACCT_MAPS(X)                   \
	X(ctl, IPACCT_PIN_CTL)           \
	X(meta, IPACCT_PIN_META)         \
	X(ifs, IPACCT_PIN_IFS)           \
	X(doms, IPACCT_PIN_DOMS)         \
	X(vlans, IPACCT_PIN_VLANS)       \
	X(cpus, IPACCT_PIN_CPUS)         \
	X(parts, IPACCT_PIN_PARTS)       \
	X(totals, IPACCT_PIN_TOTALS)     \
	X(lru, IPACCT_PIN_LRU)           \
	X(roll, IPACCT_PIN_ROLL)         \
	X(roll6, IPACCT_PIN_ROLL6)       \
	X(hot4, IPACCT_PIN_HOT4)         \
	X(hot6, IPACCT_PIN_HOT6)         \
	X(hotmap, IPACCT_PIN_HOTMAP)     \
	X(guard, IPACCT_PIN_GUARD)       \
	X(guardmap, IPACCT_PIN_GUARDMAP) \
	X(turn, IPACCT_PIN_TURN)

struct ipacct_maps {
#define MEMBER(member, pin) int member##_fd;
	IPACCT_MAPS(MEMBER)
#undef MEMBER
	int *lru_fds; /* inner maps, [2 * partition + epoch], meta.n_parts * 2 of them */
	struct ipacct_meta meta;
	/* read-write mappings, NULL for a reader */
	struct ipacct_ctl *ctl;
	struct ipacct_part *parts;
	struct ipacct_counters *roll;
	struct ipacct_roll6_line *roll6;
	struct ipacct_hot4_set *hot4;
	struct ipacct_hot6_set *hot6;
	__u64 *hotmap;
};

/* All descriptors −1: must come before anything else. */
void ipacct_maps_init(struct ipacct_maps *maps);
void ipacct_maps_finish(struct ipacct_maps *maps);

/* Open every pin below dir_path. writable: read-write descriptors (needs write permission on the
 * pins), else read-only. Checks magic, ABI version and sizes first.
 * Errors: -ENOENT no maps there; -EBADMSG one of them is missing; -EACCES; -EPROTO with both versions in ret_problem. */
int ipacct_maps_open(const char *dir_path, bool writable, struct ipacct_maps *maps,
		     struct ipacct_problem *ret_problem);

/* The same for maps of any version, read-write, unchecked but for magic and n_parts: their values
 * are laid out as meta.abi_version says. What is not there, but for ipacct_meta and the inner maps, is
 * −1. */
int ipacct_maps_open_any(const char *dir_path, struct ipacct_maps *maps,
			 struct ipacct_problem *ret_problem);

/* Map ctl, parts, roll and roll6 read-write; needs writable descriptors. */
int ipacct_maps_mmap(struct ipacct_maps *maps);

/* What a map of that name says, of whatever version: only its size is looked at. Returns 0, -EPROTO with
 * words, or -errno. ret_problem may be NULL. */
int ipacct_meta_read(int fd, struct ipacct_meta *ret_meta, struct ipacct_problem *ret_problem);

/* Check magic, version and sizes; on -EPROTO ret_problem says both versions. */
int ipacct_meta_check(const struct ipacct_meta *meta, struct ipacct_problem *ret_problem);

/* Path of the pin of inner map [2 * partition + epoch] relative to the bpffs directory. */
void ipacct_lru_pin_name(uint32_t index, char *buffer, size_t buffer_bytes);

#define IPACCT_LRU_PIN_BYTES  24u
#define IPACCT_PIN_PATH_BYTES 1200u /* directory of at most 1,024 octets plus a name */

/* One line for a person; cut when it is too long. */
void ipacct_problem_set(struct ipacct_problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
