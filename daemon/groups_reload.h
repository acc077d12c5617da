/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups in the supervisor: the list of the settings becomes the file that the collector maps. */
#ifndef IPACCT_DAEMON_GROUPS_RELOAD_H
#define IPACCT_DAEMON_GROUPS_RELOAD_H

#include <stdbool.h>

#include <jansson.h>

#include "config_groups.h"
#include "ipacct/ipacct.h"

struct supervisor;

/* At a start: begin to read the list that the settings name, and wait until it is in
 * supervisor->group_image. While it waits links are followed, if the start has come to them.
 * Return 0 or as groups_reader_serve(); -EINTR: supervisor->stop was set by a signal. */
int groups_begin(struct supervisor *supervisor, struct ipacct_problem *ret_problem);
int groups_wait(struct supervisor *supervisor, struct ipacct_problem *ret_problem);
bool groups_pending(const struct supervisor *supervisor);

/* See that the list of the start has a place in supervisor->sizing, of maps that are there already.
 * Returns 0, or -ENOSPC with the arithmetic. */
int groups_room(struct supervisor *supervisor, struct ipacct_problem *ret_problem);

/* Is there room for this list? Nothing is changed but config->n_groups and its like. */
int groups_check(const struct supervisor *supervisor, struct config *config,
		 const struct group_image *image, struct ipacct_problem *ret_problem);

/* Write it beside the one in use: what can fail comes before anything is changed. */
int groups_prepare(struct supervisor *supervisor, struct group_image *image,
		   struct ipacct_problem *ret_problem);
void groups_drop(struct supervisor *supervisor);

/* Whether it is another list than the one in use. */
bool groups_differ(const struct supervisor *supervisor, const struct group_image *image);

/* Put it in use; no collector runs: the next one has it from its first cut on. Returns whether the
 * ledger is another file now. */
bool groups_commit(struct supervisor *supervisor, const struct group_image *image);

/* All of it at a start. */
int groups_start(struct supervisor *supervisor, struct ipacct_problem *ret_problem);

json_t *groups_status_json(const struct supervisor *supervisor);

static inline void cleanup_group_image(struct group_image *image)
{
	group_image_finish(image);
}

#endif
