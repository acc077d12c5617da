/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins are put back as soon as somebody removes them. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "attach.h"
#include "base/cleanup.h"
#include "log.h"
#include "maps_make.h"
#include "pin_watch.h"

#define EVENTS (IN_DELETE | IN_MOVED_FROM)

void pin_watch_begin(struct pin_watch *watch, const char *bpffs_dir)
{
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd >= 0 && inotify_add_watch(watch->fd, bpffs_dir, EVENTS) >= 0)
		return;
	log_warning("cannot watch %s (%s): pins that are removed there stay away", bpffs_dir,
		    strerror(errno));
	close_fd(&watch->fd);
}

void pin_watch_end(struct pin_watch *watch)
{
	close_fd(&watch->fd);
}

void pin_watch_serve(struct pin_watch *watch, const struct ipacct_maps *maps, struct ports *ports,
		     gid_t gid)
{
	char news[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	const char *dir = ports->config->bpffs_dir;
	int n;

	while (read(watch->fd, news, sizeof(news)) > 0)
		; /* what they say is looked at below, whatever it was */
	n = maps_pin_missing(maps, dir, gid);
	if (n >= 0) {
		int n_links = ports_pin_missing(ports);

		n = n_links < 0 ? n_links : n + n_links;
	}
	if (n < 0)
		log_error("pins in %s were removed and cannot be put back: %s", dir, strerror(-n));
	else if (n)
		log_warning("somebody removed %d pins in %s: they are back", n, dir);
	watch->n_restored += n > 0 ? (uint64_t)n : 0;
}
