/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins that somebody removes while ipacctd runs are put back: without them a later start would not
 * find what counts, and the end of this process would be the end of the program. */
#ifndef IPACCT_DAEMON_PIN_WATCH_H
#define IPACCT_DAEMON_PIN_WATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "maps.h"
#include "ports.h"

struct pin_watch {
	int fd;              /* inotify on the bpffs; −1: not watched */
	uint64_t n_restored; /* pins put back since this process began */
};

/* Watch the directory. Without inotify nothing is watched: a warning says so. */
void pin_watch_begin(struct pin_watch *watch, const char *bpffs_dir);
void pin_watch_end(struct pin_watch *watch);

/* Something was removed there: look at every pin, put back what is missing, and say so. */
void pin_watch_serve(struct pin_watch *watch, const struct ipacct_maps *maps, struct ports *ports,
		     gid_t gid);

#endif
