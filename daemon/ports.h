/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface slots: which device each counts, through which link, and keeping it so. */
#ifndef IPACCT_DAEMON_PORTS_H
#define IPACCT_DAEMON_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "config.h"
#include "maps.h"
#include "place.h"
#include "rtnl.h"

struct port {
	struct ipacct_interface record; /* as in ipacct_ifs */
	int link_fd;                    /* −1: none */
	bool created;                   /* this process made the link (to undo a failed start) */
	bool removed;           /* somebody took filter or program away, the device is there */
	bool away;              /* moved to another network namespace: said once */
	int last_error;         /* of attaching: one line per change, not per try */
	uint64_t blind_packets; /* went by before a device that came back was attached to again */
	/* of the program that this process put there: asking by id takes CAP_SYS_ADMIN */
	uint32_t prog_id;
	char prog_name[BPF_OBJ_NAME_LEN];
	uint8_t prog_tag[BPF_TAG_SIZE];
};

/* Whether libxdp's dispatcher can be had here, and why not. */
struct dispatcher_use {
	bool available;
	struct ipacct_problem reason;
};

struct ports {
	struct port port[IPACCT_IFS_MAX]; /* by slot */
	struct ipacct_maps *maps;
	const struct takeover *aside; /* what the ledger does not have yet of earlier maps */
	const struct config *config;
	const struct place *place;
	struct rtnl *rtnl;
	const struct dispatcher_use *dispatcher;
	struct ipacct_vlans *vlans; /* by slot, see vlans.h */
	uint32_t n_replaced;        /* programs of before that this process has replaced */
};

/* attach: dispatcher is configured where it cannot be had: −EOPNOTSUPP with words in ret_problem. */
int ports_check_dispatcher(const struct config *config, const struct dispatcher_use *dispatcher,
			   struct ipacct_problem *ret_problem);

/* Before anything is made: does every configured interface exist, and is none taken by somebody
 * else? own_dir: bpffs directory whose links are ours. -ENODEV, -EBUSY with words in ret_problem. */
int ports_check(const struct config *config, struct ipacct_problem *ret_problem);

/* Read the slots and open their links; devices that were renamed get their new name. */
int ports_load(struct ports *ports);

/* Make every configured interface count: adopt its link and replace the program in one step, or
 * attach. replace_all: also replace programs whose settings are the same (a start brings its own
 * version of the program). All or nothing: after a failure everything is as before. */
int ports_apply(struct ports *ports, bool replace_all, struct ipacct_problem *ret_problem);

/* Replace the programs that ports_apply() has left: of devices in other namespaces, or all of them
 * where it was not called. */
int ports_replace_rest(struct ports *ports, struct ipacct_problem *ret_problem);

/* Undo what this process attached. Returns how many that were. */
int ports_rollback(struct ports *ports);

/* Look at every slot after news of links: renamed, gone, come back. Returns whether a device is
 * there that could not be attached to, so that trying again later makes sense. */
bool ports_reconcile(struct ports *ports);

/* Stop counting on one interface (NULL: on all). Returns how many were detached, 0 = none. */
int ports_detach(struct ports *ports, const char *ifname);
/* Is this interface (NULL: any) counting, or would it be if its device were there? */
bool ports_attached(const struct ports *ports, const char *ifname);

/* Pin links again whose pins somebody removed. Returns how many, or a negative errno. */
int ports_pin_missing(struct ports *ports);

/* Close descriptors, leave everything attached. */
void ports_finish(struct ports *ports);

#endif
