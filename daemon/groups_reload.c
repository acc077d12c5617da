/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups in the supervisor.
 *
 * The collector maps its list when it begins and keeps it to its end. Another list is another
 * collector: the old one makes a last cut by the old list, the maps count on meanwhile, and the new one
 * goes on by the new list. So a list changes between two cuts, and no count is lost or moved. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "group_list.h"
#include "groups_file.h"
#include "groups_reload.h"
#include "log.h"
#include "supervisor.h"

#define DIGEST_BYTES 17u
#define PROGRESS_MS  1000

static void counts_take(struct config *config, const struct ipacct_groups_header *list)
{
	config->n_groups = list ? list->n_groups : 0;
	config->n_group_prefixes = list ? list->n_prefixes : 0;
	config->n_group_masks = list ? list->n_masked : 0;
}

/* A start whose list is not read yet goes by the one in force: the ledger must not grow into the room
 * that groups have. */
static void counts_take_before(struct config *config)
{
	int dir_fd __cleanup(cleanup_fd) =
		open(config->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd __cleanup(cleanup_fd) = dir_fd < 0 ? dir_fd : groups_file_open(dir_fd, NULL);
	struct ipacct_group_list list;

	if (fd < 0 || ipacct_group_list_map(fd, &list, NULL))
		return; /* there is none */
	counts_take(config, list.header);
	ipacct_group_list_unmap(&list);
}

/* Who looks at a terminal sees that something is going on. */
static void progress_show(const struct groups_reader *reader, const char *path)
{
	(void)fprintf(stderr, "\rreading the groups of %s: %llu s", path,
		      (unsigned long long)(ipacct_monotonic_ms() - reader->started_ms) / 1000);
}

/* A start that is told to stop. Returns whether it is. */
static bool signal_stops(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	if (read(supervisor->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGHUP)
		supervisor->reload.again = true; /* what was read may have changed since */
	else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		supervisor->stop = true;
	return supervisor->stop;
}

int groups_begin(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct config *config = &supervisor->config;

	if (!config->groups_file[0])
		return 0;
	counts_take_before(config);
	return groups_reader_start(&supervisor->reload.reader, config->groups_file,
				   supervisor->place.uid, supervisor->place.gid, GROUPS_READER_MS,
				   ret_problem);
}

bool groups_pending(const struct supervisor *supervisor)
{
	return supervisor->reload.reader.socket_fd >= 0;
}

/* Signals and links have descriptors only when the start has come that far: before, a signal ends this
 * process and with it the reader, and nothing is attached whose links could change. */
int groups_wait(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct groups_reader *reader = &supervisor->reload.reader;
	struct rtnl *rtnl = &supervisor->rtnl;
	bool shown = false;
	int ret;

	if (!groups_pending(supervisor))
		return 0;
	while ((ret = groups_reader_serve(reader, &supervisor->group_image, ret_problem)) ==
	       -EAGAIN) {
		struct pollfd wait[] = { { .fd = reader->socket_fd, .events = POLLIN },
					 { .fd = supervisor->signal_fd, .events = POLLIN },
					 { .fd = rtnl->news ? rtnl_fd(rtnl) : -1,
					   .events = POLLIN } };
		int n = poll(wait, sizeof(wait) / sizeof(wait[0]), PROGRESS_MS);

		if (n > 0 && wait[1].revents && signal_stops(supervisor)) {
			groups_reader_stop(reader);
			ret = -EINTR;
			break;
		}
		if (n > 0 && wait[2].revents && rtnl_drain(rtnl) &&
		    ports_reconcile(&supervisor->ports))
			supervisor_retry_at(supervisor, ipacct_monotonic_ms() + RETRY_MS);
		if (n == 0 && isatty(STDERR_FILENO)) {
			progress_show(reader, supervisor->config.groups_file);
			shown = true;
		}
	}
	if (shown)
		(void)fputc('\n', stderr); /* what follows begins a line */
	if (!ret)
		counts_take(&supervisor->config, supervisor->group_image.header);
	return ret;
}

int groups_check(const struct supervisor *supervisor, struct config *config,
		 const struct group_image *image, struct ipacct_problem *ret_problem)
{
	counts_take(config, image->header);
	return sizing_groups_check(config, &supervisor->sizing, image->header, ret_problem);
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

static ino_t ledger_inode(int runtime_dir_fd)
{
	struct stat st;

	return fstatat(runtime_dir_fd, IPACCT_LEDGER_NAME, &st, AT_SYMLINK_NOFOLLOW) ? 0
										     : st.st_ino;
}

static void publish(struct supervisor *supervisor, const struct group_image *image)
{
	const struct place *place = &supervisor->place;
	struct ipacct_problem problem = {};
	int ret;

	memset(&supervisor->groups, 0, sizeof(supervisor->groups));
	ret = groups_file_keep(place->runtime_dir_fd);
	if (ret)
		log_warning("cannot keep the list of groups for the last counts: %s",
			    strerror(-ret));
	if (!image->header) {
		groups_file_remove(place->runtime_dir_fd);
		sizing_groups_set(&supervisor->sizing, NULL,
				  groups_file_kept_bytes(place->runtime_dir_fd));
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
	sizing_groups_set(&supervisor->sizing, image->header,
			  groups_file_kept_bytes(place->runtime_dir_fd));
	log_info("%u groups of %u prefixes", image->header->n_groups, image->header->n_prefixes);
}

bool groups_commit(struct supervisor *supervisor, const struct group_image *image)
{
	int dir_fd = supervisor->place.runtime_dir_fd;
	ino_t before = ledger_inode(dir_fd);

	publish(supervisor, image);
	return ledger_inode(dir_fd) != before;
}

int groups_start(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct group_image *image = &supervisor->group_image;
	int ret = groups_prepare(supervisor, image, ret_problem);

	if (!ret)
		(void)groups_commit(supervisor, image); /* nobody has the ledger open yet */
	group_image_finish(image);                      /* large; the file has it */
	return ret;
}

/* Pinned maps of before took what they found. As a reload, which is refused for the same reason. */
int groups_room(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	struct sizing *sizing = &supervisor->sizing;
	const struct ipacct_groups_header *list = supervisor->group_image.header;
	struct ipacct_group_list have = {};
	int fd __cleanup(cleanup_fd) = groups_file_open(supervisor->place.runtime_dir_fd, NULL);
	int ret;

	if (fd >= 0)
		(void)ipacct_group_list_map(fd, &have, NULL); /* what cannot be read is none */
	sizing_groups_set(sizing, have.header, 0);
	ret = sizing_groups_check(&supervisor->config, sizing, list, ret_problem);
	if (!ret)
		sizing_groups_set(sizing, list, sizing->groups.list_bytes);
	ipacct_group_list_unmap(&have);
	return ret;
}

json_t *groups_status_json(const struct supervisor *supervisor)
{
	const struct ipacct_groups_header *groups = &supervisor->groups;
	const struct group_sizing *sizing = &supervisor->sizing.groups;
	char digest[DIGEST_BYTES];

	if (!groups->magic)
		return json_null();
	(void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)groups->digest);
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}}", "file",
		supervisor->config.groups_file, "groups", (json_int_t)groups->n_groups, "prefixes",
		(json_int_t)groups->n_prefixes, "protected_prefixes",
		(json_int_t)groups->n_protected, "digest", digest, "changed_ns",
		(json_int_t)groups->source_ns, "loaded_ns", (json_int_t)groups->made_ns, "bytes",
		(json_int_t)sizing->bytes, "memory", "list_bytes", (json_int_t)sizing->list_bytes,
		"list_before_bytes", (json_int_t)sizing->other_bytes, "records_bytes",
		(json_int_t)sizing->record_bytes, "ipv6_len_bytes", (json_int_t)sizing->mask_bytes);
}
