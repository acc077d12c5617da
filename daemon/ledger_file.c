/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger as a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ledger.h"
#include "ledger_file.h"
#include "log.h"
#include "maps.h"
#include "runtime_file.h"

#define LEDGER_NEW     "ledger.new"
#define LEDGER_DAMAGED "ledger.damaged"
#define LEDGER_MODE    0640

int ledger_file_open(int runtime_dir_fd)
{
	return runtime_file_open(runtime_dir_fd, IPACCT_LEDGER_NAME, O_RDWR, 0, NULL);
}

static uint64_t bytes_of(uint32_t n_rollups_max, uint32_t n_addresses_max, uint32_t n_groups_max)
{
	return ipacct_ledger_bytes(n_rollups_max, n_addresses_max) +
	       (uint64_t)n_groups_max * sizeof(struct ipacct_ledger_series);
}

static void header_init(struct ipacct_ledger_header *header, uint32_t n_rollups_max,
			uint32_t n_addresses_max, uint32_t n_groups_max)
{
	header->magic = IPACCT_LEDGER_MAGIC;
	header->abi_version = IPACCT_ABI_VERSION;
	header->header_bytes = IPACCT_LEDGER_HEADER_BYTES;
	header->record_bytes = sizeof(struct ipacct_ledger_record);
	header->interface_bytes = sizeof(struct ipacct_ledger_interface);
	header->n_interfaces_max = IPACCT_IFS_MAX;
	header->n_series_max = IPACCT_SERIES_MAX;
	header->n_rollups_max = n_rollups_max;
	header->n_addresses_max = n_addresses_max;
	header->n_groups_max = n_groups_max;
	header->file_bytes = bytes_of(n_rollups_max, n_addresses_max, n_groups_max);
	header->created_ns = ipacct_clock_ns(CLOCK_REALTIME);
}

/* All blocks are there before anybody maps it: a sparse file on a full tmpfs kills its reader with
 * SIGBUS. */
int ledger_file_init_groups(int fd, uint32_t n_rollups_max, uint32_t n_addresses_max,
			    uint32_t n_groups_max)
{
	struct ipacct_ledger_header header = {};
	int ret = -posix_fallocate(fd, 0,
				   (off_t)bytes_of(n_rollups_max, n_addresses_max, n_groups_max));

	header_init(&header, n_rollups_max, n_addresses_max, n_groups_max);
	if (!ret && pwrite(fd, &header, sizeof(header), 0) != sizeof(header))
		ret = errno ? -errno : -EIO;
	return ret;
}

int ledger_file_init(int fd, uint32_t n_rollups_max, uint32_t n_addresses_max)
{
	return ledger_file_init_groups(fd, n_rollups_max, n_addresses_max, 0);
}

/* An empty file of full length under its temporary name. */
int ledger_file_create(int dir_fd, uid_t uid, gid_t gid, uint32_t n_rollups_max,
		       uint32_t n_addresses_max, uint32_t n_groups_max)
{
	int fd __cleanup(cleanup_fd) = -1;
	int ret;

	(void)unlinkat(dir_fd, LEDGER_NEW, 0); /* left by a crash, or absent */
	fd = runtime_file_open(dir_fd, LEDGER_NEW, O_RDWR | O_CREAT | O_EXCL, LEDGER_MODE, NULL);
	if (fd < 0)
		return fd;
	ret = ledger_file_init_groups(fd, n_rollups_max, n_addresses_max, n_groups_max);
	if (!ret && fchown(fd, uid, gid))
		ret = -errno;
	if (!ret && fchmod(fd, LEDGER_MODE)) /* the umask may have taken the group's bit */
		ret = -errno;
	if (ret) {
		(void)unlinkat(dir_fd, LEDGER_NEW, 0); /* the error that matters is ret */
		return ret;
	}
	return take_fd(&fd);
}

int ledger_file_publish(int dir_fd)
{
	return renameat(dir_fd, LEDGER_NEW, dir_fd, IPACCT_LEDGER_NAME) ? -errno : 0;
}

void ledger_file_discard(int dir_fd)
{
	(void)unlinkat(dir_fd, LEDGER_NEW, 0); /* absent is what is wanted */
}

static void records_copy(struct ipacct_ledger *to, const struct ipacct_ledger *from)
{
	struct ipacct_ledger_header sizes = *to->header;

	*to->header = *from->header;
	to->header->n_rollups_max = sizes.n_rollups_max;
	to->header->n_addresses_max = sizes.n_addresses_max;
	to->header->n_groups_max = sizes.n_groups_max;
	if (to->header->n_groups > sizes.n_groups_max)
		to->header->n_groups = sizes.n_groups_max;
	to->header->file_bytes = sizes.file_bytes;
	/* half a cut may be in it, and with more room its keys would find other places */
	memcpy(to->interfaces, from->interfaces, IPACCT_IFS_MAX * sizeof(*to->interfaces));
	memcpy(to->series, from->series, IPACCT_SERIES_MAX * sizeof(*to->series));
	memcpy(to->rollups, from->rollups, to->header->n_rollups * sizeof(*to->rollups));
	memcpy(to->addresses, from->addresses, to->header->n_addresses * sizeof(*to->addresses));
	memcpy(to->groups, from->groups, to->header->n_groups * sizeof(*to->groups));
	ipacct_ledger_forget_uncommitted(to);
}

int ledger_file_copy(int fd, const struct ipacct_ledger *from)
{
	struct ipacct_ledger to;
	int ret = ipacct_ledger_map(fd, true, &to, NULL);

	if (ret)
		return ret;
	records_copy(&to, from);
	ipacct_ledger_unmap(&to);
	return 0;
}

static int file_grow(int dir_fd, uid_t uid, gid_t gid, const struct ipacct_ledger *old,
		     uint32_t n_rollups_max, uint32_t n_addresses_max)
{
	int fd __cleanup(cleanup_fd) = ledger_file_create(dir_fd, uid, gid, n_rollups_max,
							  n_addresses_max, old->n_groups_max);
	int ret;

	if (fd < 0)
		return fd;
	ret = ledger_file_copy(fd, old);
	if (!ret)
		ret = ledger_file_publish(dir_fd);
	if (ret)
		ledger_file_discard(dir_fd);
	return ret;
}

static int prepare_new(int dir_fd, uid_t uid, gid_t gid, uint32_t n_rollups_max,
		       uint32_t n_addresses_max)
{
	int fd __cleanup(cleanup_fd) =
		ledger_file_create(dir_fd, uid, gid, n_rollups_max, n_addresses_max, 0);

	return fd < 0 ? fd : ledger_file_publish(dir_fd);
}

int ledger_file_prepare(int runtime_dir_fd, uid_t uid, gid_t gid, uint32_t *n_rollups_max,
			uint32_t *n_addresses_max, struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) =
		runtime_file_open(runtime_dir_fd, IPACCT_LEDGER_NAME, O_RDWR, 0, ret_problem);
	uint32_t n_rollups = *n_rollups_max, n_addresses = *n_addresses_max;
	struct ipacct_ledger ledger;
	int ret;

	if (fd == -ENOENT)
		return prepare_new(runtime_dir_fd, uid, gid, n_rollups, n_addresses);
	if (fd < 0)
		return fd;
	ret = ipacct_ledger_map(fd, false, &ledger, ret_problem);
	if (ret == -EBADMSG) {
		log_warning("the ledger is damaged (%s): moved to %s, counters begin anew",
			    ret_problem->text, LEDGER_DAMAGED);
		if (renameat(runtime_dir_fd, IPACCT_LEDGER_NAME, runtime_dir_fd, LEDGER_DAMAGED))
			return -errno;
		return prepare_new(runtime_dir_fd, uid, gid, n_rollups, n_addresses);
	}
	if (ret)
		return ret;
	if (n_rollups < ledger.n_rollups_max)
		n_rollups = ledger.n_rollups_max; /* never shrinks: what it holds stays */
	if (n_addresses < ledger.n_addresses_max)
		n_addresses = ledger.n_addresses_max;
	if (n_rollups > ledger.n_rollups_max || n_addresses > ledger.n_addresses_max) {
		ret = file_grow(runtime_dir_fd, uid, gid, &ledger, n_rollups, n_addresses);
		if (ret) {
			log_warning(
				"cannot enlarge the ledger: %s, keeping the one of %u addresses",
				strerror(-ret), ledger.n_addresses_max);
			n_rollups = ledger.n_rollups_max;
			n_addresses = ledger.n_addresses_max;
		}
	}
	ipacct_ledger_unmap(&ledger);
	if (fchown(fd, uid, gid)) /* --user may be another one than last time */
		return -errno;
	*n_rollups_max = n_rollups;
	*n_addresses_max = n_addresses;
	return 0;
}

int ledger_file_groups(int runtime_dir_fd, uid_t uid, gid_t gid, const struct ipacct_ledger *old,
		       uint32_t n_groups_max, void (*change)(void *context, struct ipacct_ledger *),
		       void *context)
{
	int fd __cleanup(cleanup_fd) = ledger_file_create(
		runtime_dir_fd, uid, gid, old->n_rollups_max, old->n_addresses_max, n_groups_max);
	struct ipacct_ledger fresh;
	int ret;

	if (fd < 0)
		return fd;
	ret = ipacct_ledger_map(fd, true, &fresh, NULL);
	if (!ret) {
		records_copy(&fresh, old);
		if (change)
			change(context, &fresh);
		ipacct_ledger_unmap(&fresh);
		ret = ledger_file_publish(runtime_dir_fd);
	}
	if (ret)
		ledger_file_discard(runtime_dir_fd);
	return ret;
}
