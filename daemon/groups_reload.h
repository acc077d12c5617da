/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups in the supervisor: the list of the settings becomes the file that the collector maps. */
#ifndef IPACCT_DAEMON_GROUPS_RELOAD_H
#define IPACCT_DAEMON_GROUPS_RELOAD_H

#include <stdbool.h>

#include <jansson.h>

#include "config_groups.h"
#include "ipacct/ipacct.h"

struct supervisor;

/* Read the list that the settings name; nothing is changed but config->n_groups and n_group_prefixes. */
int groups_read(struct config *config, struct group_image *ret_image,
		struct ipacct_problem *ret_problem);

/* Write it beside the one in use: what can fail comes before anything is changed. */
int groups_prepare(struct supervisor *supervisor, struct group_image *image,
		   struct ipacct_problem *ret_problem);
void groups_drop(struct supervisor *supervisor);

/* Whether it is another list than the one in use. */
bool groups_differ(const struct supervisor *supervisor, const struct group_image *image);

/* Put it in use; no collector runs: the next one has it from its first cut on. */
void groups_commit(struct supervisor *supervisor, const struct group_image *image);

/* All of it at a start. */
int groups_start(struct supervisor *supervisor, struct ipacct_problem *ret_problem);

json_t *groups_status_json(const struct supervisor *supervisor);

static inline void cleanup_group_image(struct group_image *image)
{
	group_image_finish(image);
}

#endif
