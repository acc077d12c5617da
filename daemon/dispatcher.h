/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our program beside those of others, behind libxdp's dispatcher (IPACCT_ATTACH_DISPATCHER).
 *
 * libxdp replaces a dispatcher by a new one with one program more or less, in one step of the kernel.
 * It keeps programs by pins below the bpffs that all its users share, not below ours. `fd` is the link
 * between our program and the dispatcher. Everything here takes CAP_SYS_ADMIN. */
#ifndef IPACCT_DAEMON_DISPATCHER_H
#define IPACCT_DAEMON_DISPATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "attach.h"
#include "dispatcher_find.h"
#include "maps.h"

/* Is there a dispatcher to join? */
bool dispatcher_on(uint32_t ifindex);

/* The link of our program on record->ifindex: a descriptor, or −ENOENT. */
int dispatcher_open(const struct ipacct_maps *maps, const struct ipacct_interface *record);

/* Attach to record->ifindex, which has no program or a dispatcher. Returns a descriptor. */
int dispatcher_attach(const struct ipacct_maps *maps, uint32_t slot,
		      const struct ipacct_interface *record, struct ipacct_problem *ret_problem);

/* Make what counts there this version with these settings: leave it alone if it is, else exchange it as
 * turn.h says. *fd may become another descriptor. On failure the old program goes on counting.
 * Returns 1 if it was exchanged, 0 if not, or a negative errno. */
int dispatcher_update(const struct ipacct_maps *maps, uint32_t slot,
		      const struct ipacct_interface *record, int *fd,
		      struct ipacct_problem *ret_problem);

/* Is it still there? Others may have exchanged the dispatcher: *fd follows. ret_facts->ifindex is 0 if
 * the device or our program is gone. */
int dispatcher_look(const struct ipacct_maps *maps, const struct ipacct_interface *record, int *fd,
		    struct link_facts *ret_facts);

/* Take ours away; programs of others stay, an empty dispatcher goes. */
int dispatcher_remove(const struct ipacct_maps *maps, const struct ipacct_interface *record,
		      int *fd, struct ipacct_problem *ret_problem);

#endif
