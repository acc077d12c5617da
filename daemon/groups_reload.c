/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups in the supervisor.
 *
 * The collector maps its list when it begins and keeps it to its end. Another list is another
 * collector: the old one makes a last cut by the old list, the maps count on meanwhile, and the new one
 * goes on by the new list. So a list changes between two cuts, and no count is lost or moved. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "groups_file.h"
#include "groups_reload.h"
#include "log.h"
#include "supervisor.h"

#define DIGEST_BYTES 17u

int groups_read(struct config *config, struct group_image *ret_image,
		struct ipacct_problem *ret_problem)
{
	int ret =
		config_groups_read(config, ret_image, ret_problem->text, sizeof(ret_problem->text));

	if (!ret) {
		config->n_groups = ret_image->header ? ret_image->header->n_groups : 0;
		config->n_group_prefixes = ret_image->header ? ret_image->header->n_prefixes : 0;
	}
	return ret;
}

int groups_prepare(struct supervisor *supervisor, struct group_image *image,
		   struct ipacct_problem *ret_problem)
{
	const struct place *place = &supervisor->place;
	int ret =
		image->header ? groups_file_write(place->runtime_dir_fd, 0, place->gid, image) : 0;

	if (ret)
		ipacct_problem_set(ret_problem, "cannot write the list of groups to %s: %s",
				   supervisor->config.runtime_dir, strerror(-ret));
	return ret;
}

void groups_drop(struct supervisor *supervisor)
{
	groups_file_drop(supervisor->place.runtime_dir_fd);
}

bool groups_differ(const struct supervisor *supervisor, const struct group_image *image)
{
	const struct ipacct_groups_header *have = &supervisor->groups;

	if (!image->header || !have->magic)
		return !image->header != !have->magic;
	return have->digest != image->header->digest ||
	       have->file_bytes != image->header->file_bytes;
}

void groups_commit(struct supervisor *supervisor, const struct group_image *image)
{
	const struct place *place = &supervisor->place;
	struct ipacct_problem problem = {};
	int ret;

	memset(&supervisor->groups, 0, sizeof(supervisor->groups));
	sizing_groups_set(&supervisor->sizing, 0, 0);
	ret = groups_file_keep(place->runtime_dir_fd);
	if (ret)
		log_warning("cannot keep the list of groups for the last counts: %s",
			    strerror(-ret));
	if (!image->header) {
		groups_file_remove(place->runtime_dir_fd);
		return;
	}
	ret = groups_ledger_prepare(place->runtime_dir_fd, 0, place->gid, image,
				    IPACCT_GROUP_RECORDS_MAX, &problem);
	if (ret)
		log_warning("no room for all groups in the ledger: %s; those without count as "
			    "\"other\"",
			    problem.text[0] ? problem.text : strerror(-ret));
	ret = groups_file_publish(place->runtime_dir_fd);
	if (ret) {
		log_error("cannot publish the list of groups: %s", strerror(-ret));
		return;
	}
	supervisor->groups = *image->header;
	sizing_groups_set(&supervisor->sizing, image->header->n_groups, image->header->n_prefixes);
	log_info("%u groups of %u prefixes", image->header->n_groups, image->header->n_prefixes);
}

int groups_start(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct group_image *image = &supervisor->group_image;
	int ret = groups_prepare(supervisor, image, ret_problem);

	if (!ret)
		groups_commit(supervisor, image);
	group_image_finish(image); /* large; the file has it */
	return ret;
}

json_t *groups_status_json(const struct supervisor *supervisor)
{
	const struct ipacct_groups_header *groups = &supervisor->groups;
	char digest[DIGEST_BYTES];

	if (!groups->magic)
		return json_null();
	(void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)groups->digest);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I}", "file",
			 supervisor->config.groups_file, "groups", (json_int_t)groups->n_groups,
			 "prefixes", (json_int_t)groups->n_prefixes, "protected_prefixes",
			 (json_int_t)groups->n_protected, "digest", digest, "changed_ns",
			 (json_int_t)groups->source_ns, "loaded_ns", (json_int_t)groups->made_ns,
			 "bytes", (json_int_t)supervisor->sizing.groups_bytes);
}
