/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration is read again while the daemon runs; the list of groups by a child, meanwhile
 * everything else goes on. */
#ifndef IPACCT_DAEMON_RELOAD_H
#define IPACCT_DAEMON_RELOAD_H

#include <stdint.h>

#include <jansson.h>

#include "config.h"
#include "control.h"
#include "groups_reader.h"

struct supervisor;

struct reload_waiters {
	int fd[CONTROL_CLIENTS_MAX];
	size_t n;
};

struct reload {
	struct config *fresh; /* NULL: none goes on */
	struct groups_reader reader;
	struct reload_waiters now;  /* who gets the outcome of this one … */
	struct reload_waiters next; /* … and of the one after it: files may have changed since */
	bool again;                 /* there will be one after it */
};

void reload_init(struct reload *reload);

/* The loop begins: a signal may have asked for one while the list of the start was read. */
void reload_begin(struct supervisor *supervisor);

/* Begin one, or see that another one begins when the list of this one is read: one for all who ask
 * meanwhile.
 * client_fd: the control client that gets the outcome, taken over; −1: nobody. */
void reload_ask(struct supervisor *supervisor, int client_fd);

/* The descriptor to poll, or −1, and when to call reload_serve() in any case; 0: never. */
int reload_fd(const struct reload *reload);
uint64_t reload_due_ms(const struct reload *reload);
void reload_serve(struct supervisor *supervisor);

/* The daemon ends: nobody waits for nothing. */
void reload_end(struct reload *reload);

/* What is going on, or null. */
json_t *reload_status_json(const struct reload *reload);

#endif
