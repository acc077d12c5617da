/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The BPF object: the one that is built in, or another file in its place. */
#ifndef IPACCT_DAEMON_PROGRAM_OBJECT_H
#define IPACCT_DAEMON_PROGRAM_OBJECT_H

#include <stddef.h>

#include "ipacct/ipacct.h"

struct ipacct_bpf;

struct program_object {
	const void *elf;
	size_t elf_bytes;
};

/* The built-in one, octet for octet what the build made of xdp/bpf/ipacct.bpf.c. Static storage. */
void program_object_built_in(struct program_object *ret_object);

/* Open an object for loading. object: NULL = the built-in one; its memory must outlive the skeleton.
 * Another one is refused when its maps hold other records or its settings lie elsewhere.
 * ret_skeleton: to be ended with ipacct_bpf__destroy().
 * Errors: -EPROTO not an object of this ABI; else a negative errno. */
int program_object_open(const struct program_object *object, struct ipacct_bpf **ret_skeleton,
			struct ipacct_problem *ret_problem);

#endif
