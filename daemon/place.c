/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things live and who may touch them. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/magic.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "log.h"
#include "maps.h"
#include "place.h"
#include "runtime_file.h"

#define LOCK_NAME        "lock"
#define LEDGER_LOCK_NAME "ledger.lock"
#define MOUNT_SOURCE     "ipacctd" /* how our mount is known among others */
#define MNT_INIT_INO     0xEFFFFFF8u /* inode of the first mount namespace since Linux 6.18 (nsfs.h) */
#define BPF_MAGIC        0xcafe4a11u /* linux/magic.h BPF_FS_MAGIC */

int place_user(const char *name, struct place *place, struct ipacct_problem *ret_problem)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (!user) {
		ipacct_problem_set(ret_problem,
				   "no user '%s': useradd --system --user-group "
				   "--no-create-home --shell /usr/sbin/nologin %s",
				   name, name);
		return -ENOENT;
	}
	if (!user->pw_uid) {
		ipacct_problem_set(ret_problem,
				   "user '%s' is root: the collector needs a user "
				   "without privileges",
				   name);
		return -EPERM;
	}
	place->uid = user->pw_uid;
	place->gid = user->pw_gid;
	return 0;
}

/* 1 or 0; a negative error where it cannot be said: one mounted over ours would hide every pin. */
static int is_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return errno == ENOENT ? 0 : -errno;
	return (uint32_t)fs.f_type == BPF_MAGIC;
}

/* Pins and links in a mount namespace that ends take the program with them. */
static bool in_first_mount_namespace(void)
{
	struct stat own, first;

	if (stat("/proc/self/ns/mnt", &own))
		return false;
	if (!stat("/proc/1/ns/mnt", &first))
		return own.st_ino == first.st_ino;
	if (own.st_ino != MNT_INIT_INO) /* PID 1 cannot be looked at here, and this is no proof */
		log_warning("cannot read /proc/1/ns/mnt: taking this mount namespace for its own");
	return true;
}

/* Whoever may write there without a sticky bit can remove the pins: the link's, too. */
static int bpffs_own(const char *path, struct ipacct_problem *ret_problem)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!st.st_uid && (!(st.st_mode & 022) || st.st_mode & S_ISVTX))
		return 0;
	ipacct_problem_set(ret_problem,
			   "the bpffs %s is not root's alone: chown root %s && chmod go-w %s", path,
			   path, path);
	return -EPERM;
}

/* Returns 1 when it is there, 0 when it may be mounted. */
static int bpffs_check(const struct config *config, struct ipacct_problem *ret_problem)
{
	struct stat st;
	int ret = is_bpffs(config->bpffs_dir);

	if (ret > 0)
		ret = bpffs_own(config->bpffs_dir, ret_problem) ?: 1;
	if (ret < 0 && !ret_problem->text[0])
		ipacct_problem_set(ret_problem, "cannot look at %s: %s", config->bpffs_dir,
				   strerror(-ret));
	if (ret)
		return ret;
	if (config->bpffs_given) {
		bool there = !stat(config->bpffs_dir, &st);

		ipacct_problem_set(ret_problem, "%s is %s: %smount -t bpf -o mode=0750 bpf %s",
				   config->bpffs_dir, there ? "not a bpffs" : "not there",
				   there ? "" : "mkdir it and ", config->bpffs_dir);
		return -EINVAL;
	}
	if (!in_first_mount_namespace()) {
		ipacct_problem_set(ret_problem,
				   "this is not the mount namespace of PID 1: a bpffs "
				   "mounted here would end with it; name an existing one with "
				   "--bpffs");
		return -EINVAL;
	}
	return 0;
}

int place_check(const struct config *config, struct ipacct_problem *ret_problem)
{
	int ret = bpffs_check(config, ret_problem);

	return ret < 0 ? ret : 0;
}

static int bpffs_mount(const struct config *config, struct place *place,
		       struct ipacct_problem *ret_problem)
{
	int ret;

	if (mkdir(config->bpffs_dir, 0750) && errno != EEXIST)
		return -errno;
	if (mount(MOUNT_SOURCE, config->bpffs_dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0750")) {
		ret = -errno;
		ipacct_problem_set(ret_problem, "cannot mount a bpffs on %s: %s", config->bpffs_dir,
				   strerror(-ret));
		return ret;
	}
	place->made_bpffs = true;
	log_info("bpffs mounted on %s", config->bpffs_dir);
	return chown(config->bpffs_dir, 0, place->gid) ? -errno : 0;
}

/* A directory is all that a bpffs lets us lock; 0700, so that only root can open it. */
static int bpffs_lock_open(const struct config *config, struct place *place)
{
	char path[CONFIG_PATH_BYTES + sizeof(LOCK_NAME) + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", config->bpffs_dir, LOCK_NAME); /* fits */
	if (!mkdir(path, 0700))
		place->made_bpffs_lock = true;
	else if (errno != EEXIST)
		return -errno;
	return beneath_open_path(path, O_RDONLY | O_DIRECTORY);
}

static void bpffs_lock_remove(const struct config *config, struct place *place)
{
	char path[CONFIG_PATH_BYTES + sizeof(LOCK_NAME) + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", config->bpffs_dir, LOCK_NAME); /* fits */
	close_fd(&place->bpffs_fd);
	(void)rmdir(path); /* absent is what is wanted */
}

static int bpffs_take(const struct config *config, struct place *place,
		      struct ipacct_problem *ret_problem)
{
	int ret = bpffs_check(config, ret_problem);

	if (!ret)
		ret = bpffs_mount(config, place, ret_problem);
	if (ret < 0)
		return ret;
	place->bpffs_fd = bpffs_lock_open(config, place);
	if (place->bpffs_fd < 0)
		ipacct_problem_set(ret_problem, "cannot make a directory in %s: %s",
				   config->bpffs_dir, strerror(-place->bpffs_fd));
	return place->bpffs_fd < 0 ? place->bpffs_fd : 0;
}

/* A directory of ours, or one that only root fills: private ones become the group's to enter, public
 * ones (/run, say) stay as they are. */
static int runtime_own(struct place *place, const char *path, struct ipacct_problem *ret_problem)
{
	struct stat st;

	if (fstat(place->runtime_dir_fd, &st))
		return -errno;
	if (st.st_uid || st.st_mode & 022) {
		ipacct_problem_set(ret_problem,
				   "the runtime directory %s is not root's alone: "
				   "chown root %s && chmod go-w %s",
				   path, path, path);
		return -EPERM;
	}
	if (st.st_mode & 07)
		return 0;
	if (fchown(place->runtime_dir_fd, 0, place->gid) || fchmod(place->runtime_dir_fd, 0750))
		return -errno;
	return 0;
}

static int runtime_take(const struct config *config, struct place *place,
			struct ipacct_problem *ret_problem)
{
	int ret = 0;

	if (!mkdir(config->runtime_dir, 0700))
		place->made_runtime_dir = true;
	else if (errno != EEXIST)
		ret = -errno;
	if (!ret)
		place->runtime_dir_fd =
			open(config->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (!ret && place->runtime_dir_fd < 0)
		ret = -errno;
	if (!ret)
		ret = runtime_own(place, config->runtime_dir, ret_problem);
	if (!ret)
		place->lock_fd = runtime_file_open(place->runtime_dir_fd, LOCK_NAME,
						   O_RDWR | O_CREAT, 0600, ret_problem);
	if (!ret && place->lock_fd < 0)
		ret = place->lock_fd;
	if (ret && !ret_problem->text[0])
		ipacct_problem_set(ret_problem, "cannot use the runtime directory %s: %s",
				   config->runtime_dir, strerror(-ret));
	return ret;
}

int place_ledger_lock_open(int runtime_dir_fd, struct ipacct_problem *ret_problem)
{
	return runtime_file_open(runtime_dir_fd, LEDGER_LOCK_NAME, O_RDWR | O_CREAT, 0600,
				 ret_problem);
}

int lock_wait(int fd, int timeout_ms)
{
	for (int waited = 0;; waited += WAIT_STEP_MS) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK || waited >= timeout_ms)
			return -errno;
		(void)poll(NULL, 0, WAIT_STEP_MS); /* flock has no deadline of its own */
	}
}

static int lock_take(int fd, const char *what, struct ipacct_problem *ret_problem)
{
	int ret = lock_wait(fd, LOCK_WAIT_MS);

	if (ret == -EWOULDBLOCK)
		ipacct_problem_set(ret_problem, "another ipacctd is using %s", what);
	else if (ret)
		ipacct_problem_set(ret_problem, "cannot lock %s: %s", what, strerror(-ret));
	return ret == -EWOULDBLOCK ? -EBUSY : ret;
}

int place_take(const struct config *config, struct place *place, struct ipacct_problem *ret_problem)
{
	int ret;

	place->runtime_dir_fd = place->lock_fd = place->bpffs_fd = -1;
	ret = runtime_take(config, place, ret_problem);
	if (!ret)
		ret = lock_take(place->lock_fd, config->runtime_dir, ret_problem);
	if (!ret)
		ret = bpffs_take(config, place, ret_problem);
	if (!ret)
		ret = lock_take(place->bpffs_fd, config->bpffs_dir, ret_problem);
	return ret;
}

void place_release(struct place *place)
{
	close_fd(&place->bpffs_fd);
	close_fd(&place->lock_fd);
	close_fd(&place->runtime_dir_fd);
}

static bool mounted_by_us(const char *path)
{
	char line[4096], source[64], where[CONFIG_PATH_BYTES + 1];
	FILE *file __cleanup(cleanup_file) = fopen("/proc/self/mounts", "re");
	bool ours = false;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %1024s", source, where) == 2 && !strcmp(where, path))
			ours = !strcmp(source, MOUNT_SOURCE); /* the last one is on top */
	return ours;
}

void place_bpffs_leave(const struct config *config, struct place *place)
{
	bpffs_lock_remove(config, place);
	if (config->bpffs_given || !mounted_by_us(config->bpffs_dir))
		return;
	if (umount(config->bpffs_dir))
		log_warning("cannot unmount %s: %s", config->bpffs_dir, strerror(errno));
	else
		(void)rmdir(config->bpffs_dir); /* only tidiness */
}

void place_undo(const struct config *config, struct place *place)
{
	if (place->made_bpffs)
		place_bpffs_leave(config, place);
	else if (place->made_bpffs_lock)
		bpffs_lock_remove(config, place);
	if (!place->made_runtime_dir)
		return;
	(void)unlinkat(place->runtime_dir_fd, LOCK_NAME, 0); /* absent is what is wanted */
	(void)unlinkat(place->runtime_dir_fd, LEDGER_LOCK_NAME, 0);
	(void)rmdir(config->runtime_dir); /* not when something else is in it */
}

int privileges_drop(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL)
			return -errno; /* EINVAL: this kernel has fewer */
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}
