/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An upgrade finds maps of an earlier ABI version. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "crash.h"
#include "dispatcher.h"
#include "log.h"
#include "maps_make.h"
#include "takeover.h"

#define DIR_PREFIX "drain_"
#define DIR_MODE   0700

static bool path_of(char path[IPACCT_PIN_PATH_BYTES], const char *dir, const char *name)
{
	return (size_t)snprintf(path, IPACCT_PIN_PATH_BYTES, "%s/%s", dir, name) <
	       IPACCT_PIN_PATH_BYTES;
}

/* A map of ours, of whatever version, that is not ipacct_meta. */
static bool is_map_name(const char *name)
{
	if (!strncmp(name, "lru_", 4))
		return strspn(name + 4, "0123456789_") == strlen(name + 4);
	return !strncmp(name, "ipacct_", 7) && strcmp(name, IPACCT_PIN_META);
}

static int one_pin(int fd, const char *dir, const char *name, gid_t gid)
{
	int ret = maps_pin_one(fd, dir, name, gid);

	CRASH_POINT(takeover_moving);
	return ret;
}

/* A second name for every map but ipacct_meta. */
static int set_pin(const struct ipacct_maps *maps, const char *dir, gid_t gid)
{
	char name[IPACCT_LRU_PIN_BYTES];
	int ret = 0;

	for (uint32_t i = 0; i < maps->meta.n_parts * IPACCT_EPOCHS && !ret; i++) {
		ipacct_lru_pin_name(i, name, sizeof(name));
		ret = one_pin(maps->lru_fds[i], dir, name, gid);
	}
#define PIN(member, pin)                                                          \
	if (!ret && maps->member##_fd >= 0 && maps->member##_fd != maps->meta_fd) \
		ret = one_pin(maps->member##_fd, dir, pin, gid);
	IPACCT_MAPS(PIN)
#undef PIN
	return ret;
}

/* ipacct_meta goes first: without it nobody takes the rest for a set. */
static void set_unpin(const char *at)
{
	char path[IPACCT_PIN_PATH_BYTES];
	DIR *dir __cleanup(cleanup_dir) = opendir(at);
	const struct dirent *entry;

	if (path_of(path, at, IPACCT_PIN_META))
		(void)unlink(path); /* may be gone */
	while (dir && (entry = readdir(dir)))
		if (is_map_name(entry->d_name) && path_of(path, at, entry->d_name)) {
			CRASH_POINT(takeover_removing);
			(void)unlink(path); /* what stays is removed by the next start */
		}
}

static void set_remove(const char *at)
{
	set_unpin(at);
	if (rmdir(at))
		log_warning("cannot remove %s: %s", at, strerror(errno));
}

/* Every map gets a second name in `to`, where no set is; then one rename of ipacct_meta makes that
 * the set. So at every moment one of both directories is one, and nothing is lost with the other. */
static int set_move(const struct ipacct_maps *maps, const char *from, const char *to, gid_t gid)
{
	char before[IPACCT_PIN_PATH_BYTES], after[IPACCT_PIN_PATH_BYTES];
	int ret;

	if (!path_of(before, from, IPACCT_PIN_META) || !path_of(after, to, IPACCT_PIN_META))
		return -ENAMETOOLONG;
	set_unpin(to); /* what a kill has left here */
	ret = set_pin(maps, to, gid);
	if (!ret && rename(before, after))
		ret = -errno;
	return ret;
}

/* The description of the pins in a directory, whatever their version. 0, −ENOENT, −EPROTO. */
static int meta_read(const char *dir, struct ipacct_meta *ret_meta)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int fd __cleanup(cleanup_fd) = -1;

	if (!path_of(path, dir, IPACCT_PIN_META))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	return ipacct_meta_read(fd, ret_meta, NULL) || ret_meta->magic != IPACCT_ABI_MAGIC ? -EPROTO
											   : 0;
}

/* Of an earlier version, and known. */
static bool is_older(const struct ipacct_meta *meta)
{
	return meta->abi_version < IPACCT_ABI_VERSION && layout_of(meta->abi_version);
}

/* Two programs of ours behind a dispatcher agree by a map that both have (turn.h); a set of its own
 * would make them count twice or not at all. Killed while it was attached, a slot does not say so: the
 * device is asked as well. */
static int dispatched_check(const struct drain_set *set, const char *bpffs_dir,
			    struct ipacct_problem *ret_problem)
{
	for (uint32_t slot = 0; slot < set->layout->ifs_max; slot++) {
		int fd __cleanup(cleanup_fd) = -1;
		struct ipacct_interface record;
		int ret = drain_interface(set, slot, &record);

		if (ret)
			return ret;
		if (record.attach != IPACCT_ATTACH_DISPATCHER)
			continue;
		fd = dispatcher_open(&set->maps, &record);
		if (fd < 0 && record.state != IPACCT_IF_ATTACHED)
			continue;
		ipacct_problem_set(ret_problem,
				   "%.15s counts behind a dispatcher with maps of ABI version %u "
				   "(%s, ipacctd %.40s): these are not exchanged there; "
				   "`ipacctctl detach` with that version, then start this one",
				   record.ifname, set->layout->abi_version, bpffs_dir,
				   set->maps.meta.build);
		return -EPROTO;
	}
	return 0;
}

/* -EBADMSG: a map is missing or of another size. */
static int set_open(const char *dir, struct drain_set *ret_set, struct ipacct_problem *ret_problem)
{
	int ret = ipacct_maps_open_any(dir, &ret_set->maps, ret_problem);

	if (ret)
		return ret;
	ret_set->layout = layout_of(ret_set->maps.meta.abi_version);
	if (ret_set->layout && drain_set_fits(ret_set))
		return 0;
	if (ret_set->layout)
		ipacct_problem_set(ret_problem,
				   "%s: maps of ABI version %u are missing or of other sizes", dir,
				   ret_set->layout->abi_version);
	else
		ipacct_problem_set(ret_problem,
				   "%s has maps of ABI version %u (ipacctd %.40s), this "
				   "program reads up to version %u",
				   dir, ret_set->maps.meta.abi_version, ret_set->maps.meta.build,
				   IPACCT_ABI_VERSION);
	ret = ret_set->layout ? -EBADMSG : -EPROTO;
	ipacct_maps_finish(&ret_set->maps);
	return ret;
}

/* A directory for the set that is in main now; whose name it has there must be nothing else. */
static int dir_make(const char *dir)
{
	struct ipacct_meta meta;

	if (mkdir(dir, DIR_MODE) && errno != EEXIST)
		return -errno;
	return meta_read(dir, &meta) == -ENOENT ? 0 : -EEXIST;
}

static int main_move(struct takeover *takeover, const char *bpffs_dir,
		     struct ipacct_problem *ret_problem)
{
	char name[sizeof(takeover->dir[0])], dir[IPACCT_PIN_PATH_BYTES];
	struct drain_set set;
	int ret = set_open(bpffs_dir, &set, ret_problem);

	if (ret)
		return ret == -ENOENT ? -EBADMSG : ret; /* they were there a moment ago */
	ret = dispatched_check(&set, bpffs_dir, ret_problem);
	(void)snprintf(name, sizeof(name), DIR_PREFIX "%016llx",
		       (unsigned long long)set.maps.meta.created_ns); /* fits */
	if (!ret && !path_of(dir, bpffs_dir, name))
		ret = -ENAMETOOLONG;
	if (!ret)
		ret = dir_make(dir);
	if (!ret)
		ret = set_move(&set.maps, bpffs_dir, dir, takeover->gid);
	if (!ret) {
		CRASH_POINT(takeover_moved);
		memcpy(takeover->moved, name, sizeof(name));
		log_info("the pinned maps have ABI version %u (ipacctd %.40s): new ones of version "
			 "%u go beside them",
			 set.layout->abi_version, set.maps.meta.build, IPACCT_ABI_VERSION);
	} else if (!ret_problem->text[0]) {
		ipacct_problem_set(ret_problem, "cannot move the maps of %s aside: %s", bpffs_dir,
				   strerror(-ret));
	}
	ipacct_maps_finish(&set.maps);
	return ret;
}

/* One directory: a set to drain, or what a removal has left. */
static int dir_take(struct takeover *takeover, const char *bpffs_dir, const char *name,
		    struct ipacct_problem *ret_problem)
{
	char dir[IPACCT_PIN_PATH_BYTES];
	size_t n = takeover->n_sets;
	struct ipacct_meta meta;
	int ret;

	if (!path_of(dir, bpffs_dir, name))
		return -ENAMETOOLONG;
	if (meta_read(dir, &meta) == -ENOENT) {
		set_remove(dir);
		return 0;
	}
	if (n == TAKEOVER_SETS_MAX || strlen(name) >= sizeof(takeover->dir[0])) {
		ipacct_problem_set(ret_problem, "%s: more sets of maps to drain than %u", bpffs_dir,
				   TAKEOVER_SETS_MAX);
		return -E2BIG;
	}
	ret = set_open(dir, &takeover->sets[n], ret_problem);
	if (ret)
		return ret;
	(void)snprintf(takeover->dir[n], sizeof(takeover->dir[n]), "%s", name); /* fits */
	takeover->n_sets++;
	return 0;
}

/* After what is in main has been moved: so what has no ipacct_meta is what a removal has left. */
static int dirs_take(struct takeover *takeover, const char *bpffs_dir,
		     struct ipacct_problem *ret_problem)
{
	DIR *dir __cleanup(cleanup_dir) = opendir(bpffs_dir);
	const struct dirent *entry;
	int ret = dir ? 0 : -errno;

	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX)))
			ret = dir_take(takeover, bpffs_dir, entry->d_name, ret_problem);
	return ret;
}

bool takeover_pending(const char *bpffs_dir)
{
	DIR *dir __cleanup(cleanup_dir) = opendir(bpffs_dir);
	const struct dirent *entry;
	struct ipacct_meta meta;
	bool found = !meta_read(bpffs_dir, &meta) && is_older(&meta);

	while (dir && !found && (entry = readdir(dir)))
		found = !strncmp(entry->d_name, DIR_PREFIX, strlen(DIR_PREFIX));
	return found;
}

int takeover_begin(struct takeover *takeover, const char *bpffs_dir, gid_t gid,
		   struct ipacct_problem *ret_problem)
{
	struct ipacct_meta meta;
	int ret = meta_read(bpffs_dir, &meta);

	takeover->gid = gid;
	if (ret == -EPROTO || (!ret && meta.abi_version != IPACCT_ABI_VERSION && !is_older(&meta)))
		return 0; /* whoever opens them says what is wrong */
	if (ret == -ENOENT)
		ret = 0;
	else if (!ret && is_older(&meta))
		ret = main_move(takeover, bpffs_dir, ret_problem);
	return ret ? ret : dirs_take(takeover, bpffs_dir, ret_problem);
}

/* The kernel numbers maps in the order in which they are made. Clocks are set back. */
static uint32_t set_number(const struct drain_set *set)
{
	struct bpf_map_info info = {};
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(set->maps.meta_fd, &info, &bytes) ? 0 : info.id;
}

static const struct drain_set *newest(const struct takeover *takeover)
{
	const struct drain_set *found = NULL;

	for (size_t i = 0; i < takeover->n_sets; i++)
		if (!found || set_number(&takeover->sets[i]) > set_number(found))
			found = &takeover->sets[i];
	return found;
}

int takeover_carry(const struct takeover *takeover, const struct ipacct_maps *to)
{
	const struct drain_set *from = newest(takeover);
	int ret = from ? drain_carry(from, to) : 0;

	CRASH_POINT(takeover_carried);
	return ret;
}

static void sets_close(struct takeover *takeover)
{
	for (size_t i = 0; i < takeover->n_sets; i++)
		ipacct_maps_finish(&takeover->sets[i].maps);
	takeover->n_sets = 0;
}

void takeover_finish(struct takeover *takeover, const char *bpffs_dir)
{
	char dir[IPACCT_PIN_PATH_BYTES];

	for (size_t i = 0; i < takeover->n_sets; i++)
		if (path_of(dir, bpffs_dir, takeover->dir[i]))
			set_remove(dir);
	sets_close(takeover);
}

/* What the links count into, if it is not in main: of the sets aside the newest, or NULL. */
static const char *dir_aside(const struct takeover *takeover, const char *bpffs_dir)
{
	const struct drain_set *set = newest(takeover);
	struct ipacct_meta meta;

	if (meta_read(bpffs_dir, &meta) != -ENOENT)
		return NULL;
	if (takeover->moved[0])
		return takeover->moved;
	return set ? takeover->dir[set - takeover->sets] : NULL;
}

static int put_back(const struct takeover *takeover, const char *bpffs_dir, const char *name)
{
	struct ipacct_problem problem = {};
	char dir[IPACCT_PIN_PATH_BYTES];
	struct drain_set set;
	int ret;

	if (!path_of(dir, bpffs_dir, name))
		return -ENAMETOOLONG;
	ret = set_open(dir, &set, &problem);
	if (ret)
		return ret;
	ret = set_move(&set.maps, dir, bpffs_dir, takeover->gid);
	ipacct_maps_finish(&set.maps);
	if (!ret)
		set_remove(dir);
	return ret;
}

void takeover_end(struct takeover *takeover, const char *bpffs_dir, bool undo)
{
	const char *name = undo ? dir_aside(takeover, bpffs_dir) : NULL;
	int ret = name ? put_back(takeover, bpffs_dir, name) : 0;

	if (ret)
		log_error(
			"cannot move the maps in %s/%s back: %s; the next start goes on from there",
			bpffs_dir, name, strerror(-ret));
	sets_close(takeover);
}
