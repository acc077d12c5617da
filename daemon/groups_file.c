/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of groups as a file, and room for their records. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "group_mask.h"
#include "groups_file.h"
#include "groups_records.h"
#include "ledger_file.h"
#include "log.h"
#include "maps.h"
#include "runtime_file.h"
#include "series_slots.h"
#include "table.h"

#define GROUPS_NEW   "groups.new"
#define GROUPS_MODE  0640
#define RECORDS_STEP 64u /* a ledger grows by so many groups at least */
#define MIB          (1u << 20)

int groups_file_write(int runtime_dir_fd, uid_t uid, gid_t gid, struct group_image *image)
{
	int fd __cleanup(cleanup_fd) = -1;
	int ret;

	groups_file_drop(runtime_dir_fd);
	fd = runtime_file_open(runtime_dir_fd, GROUPS_NEW, O_WRONLY | O_CREAT | O_EXCL, GROUPS_MODE,
			       NULL);
	if (fd < 0)
		return fd;
	image->header->made_ns = ipacct_clock_ns(CLOCK_REALTIME);
	ret = group_image_write(image, fd);
	if (!ret && (fchown(fd, uid, gid) || fchmod(fd, GROUPS_MODE)))
		ret = -errno;
	if (ret)
		groups_file_drop(runtime_dir_fd);
	return ret;
}

int groups_file_publish(int runtime_dir_fd)
{
	return renameat(runtime_dir_fd, GROUPS_NEW, runtime_dir_fd, IPACCT_GROUPS_NAME) ? -errno
											: 0;
}

void groups_file_drop(int runtime_dir_fd)
{
	(void)unlinkat(runtime_dir_fd, GROUPS_NEW, 0); /* left by a crash, or absent */
}

void groups_file_remove(int runtime_dir_fd)
{
	(void)unlinkat(runtime_dir_fd, IPACCT_GROUPS_NAME, 0); /* absent is what is wanted */
}

void groups_file_remove_all(int runtime_dir_fd)
{
	groups_file_remove(runtime_dir_fd);
	(void)unlinkat(runtime_dir_fd, IPACCT_GROUPS_WAS_NAME, 0); /* as above */
}

static uint64_t mask_of_file(int fd)
{
	struct ipacct_group_list list;
	uint64_t mask = 0;

	if (fd >= 0 && !ipacct_group_list_map(fd, &list, NULL)) {
		mask = ipacct_group_list_mask(&list);
		ipacct_group_list_unmap(&list);
	}
	return mask;
}

/* Of the epoch that counts: as long as no cut fails it is the only one that is not in the ledger. */
static uint64_t mask_needed(int runtime_dir_fd)
{
	int fd __cleanup(cleanup_fd) = ledger_file_open(runtime_dir_fd);
	struct ipacct_ledger ledger;
	uint64_t needed;

	if (fd < 0 || ipacct_ledger_map(fd, false, &ledger, NULL))
		return 0;
	needed = ipacct_mask_of_cut(ledger.header->mask, ledger.header->cut + 1);
	ipacct_ledger_unmap(&ledger);
	return needed;
}

int groups_file_keep(int runtime_dir_fd)
{
	int now_fd __cleanup(cleanup_fd) = groups_file_open(runtime_dir_fd, NULL);
	int kept_fd __cleanup(cleanup_fd) = groups_file_open_kept(runtime_dir_fd);
	uint64_t needed = mask_needed(runtime_dir_fd);
	bool now = needed && mask_of_file(now_fd) == needed;

	if (!now && needed && mask_of_file(kept_fd) == needed)
		return 0; /* two lists came between two cuts */
	if (unlinkat(runtime_dir_fd, IPACCT_GROUPS_WAS_NAME, 0) && errno != ENOENT)
		return -errno;
	/* a second name, so that there is a list at every instant */
	if (now &&
	    linkat(runtime_dir_fd, IPACCT_GROUPS_NAME, runtime_dir_fd, IPACCT_GROUPS_WAS_NAME, 0))
		return -errno;
	return 0;
}

int groups_file_open_kept(int runtime_dir_fd)
{
	return runtime_file_open(runtime_dir_fd, IPACCT_GROUPS_WAS_NAME, O_RDONLY, 0, NULL);
}

uint64_t groups_file_kept_bytes(int runtime_dir_fd)
{
	struct stat kept, now;

	if (fstatat(runtime_dir_fd, IPACCT_GROUPS_WAS_NAME, &kept, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (!fstatat(runtime_dir_fd, IPACCT_GROUPS_NAME, &now, AT_SYMLINK_NOFOLLOW) &&
	    now.st_ino == kept.st_ino && now.st_dev == kept.st_dev)
		return 0;
	return (uint64_t)kept.st_size;
}

int groups_file_open(int runtime_dir_fd, struct ipacct_problem *ret_problem)
{
	return runtime_file_open(runtime_dir_fd, IPACCT_GROUPS_NAME, O_RDONLY, 0, ret_problem);
}

/* ---- Room in the ledger ------------------------------------------------------------------------ */

struct room {
	const struct group_image *image;
	bool *wanted;    /* of each record: it is in the list, or collective */
	uint32_t n_new;  /* names without a record */
	uint32_t n_left; /* records of groups that left the list */
};

static void name_look(const struct group_records *records, const char *name, struct room *room)
{
	uint32_t record = group_records_find(records, name);

	if (record == GROUP_RECORD_NONE)
		room->n_new++;
	else
		room->wanted[record] = true;
}

static int room_look(struct ipacct_ledger *ledger, struct room *room)
{
	uint32_t n = ledger->header->n_groups;
	struct group_records records;
	int ret = group_records_init(ledger, &records);

	if (ret)
		return ret;
	room->wanted = calloc((size_t)n + 1, sizeof(*room->wanted));
	if (!room->wanted) {
		group_records_finish(&records);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < GROUP_COLLECTIVES; i++)
		name_look(&records, group_collective_name(i), room);
	for (uint32_t i = 0; i < room->image->header->n_groups; i++)
		name_look(&records, room->image->names[i].name, room);
	for (uint32_t i = 0; i < n; i++)
		room->n_left += !room->wanted[i];
	group_records_finish(&records);
	return 0;
}

/* All records in their order without those that left, whose counts "other" gets: at the committed cut,
 * which is all that a copy holds. */
static void left_drop(void *context, struct ipacct_ledger *ledger)
{
	struct room *room = context;
	struct ipacct_ledger_header *header = ledger->header;
	struct ipacct_counters sum = {}, all;
	uint32_t n = 0, other;
	struct group_records records;
	struct ipacct_ledger_series *record;

	for (uint32_t i = 0; i < header->n_groups; i++) {
		struct ipacct_counters amount =
			series_record_amount(&ledger->groups[i], header->cut);

		if (room->wanted[i])
			memmove(&ledger->groups[n++], &ledger->groups[i], sizeof(*ledger->groups));
		else
			ipacct_counters_add(&sum, &amount);
	}
	header->n_groups = n;
	if (!header->cut || group_records_init(ledger, &records))
		return; /* what is missing then is found and called "earlier" */
	other = group_records_find(&records, group_collective_name(GROUP_OTHER));
	if (other == GROUP_RECORD_NONE)
		other = group_records_claim(&records, group_collective_name(GROUP_OTHER),
					    header->created_ns);
	group_records_finish(&records);
	if (other == GROUP_RECORD_NONE)
		return;
	record = &ledger->groups[other];
	all = series_record_amount(record, header->cut);
	ipacct_counters_add(&all, &sum);
	memset(record->version, 0, sizeof(record->version));
	record->version[0] = (struct ipacct_ledger_version){ .cut = header->cut, .counters = all };
}

static uint32_t rounded(uint32_t n, uint32_t most)
{
	n = n + n / 4 + RECORDS_STEP; /* a list that grows line by line costs few copies */
	n -= n % RECORDS_STEP;
	return n < most ? n : most;
}

static uint64_t mib_up(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

static int ledger_fit(int dir_fd, uid_t uid, gid_t gid, struct ipacct_ledger *ledger,
		      struct room *room, uint32_t most)
{
	uint32_t n = ledger->header->n_groups;

	if (n + room->n_new <= ledger->n_groups_max)
		return 0;
	if (n + room->n_new <= most)
		return ledger_file_groups(dir_fd, uid, gid, ledger, rounded(n + room->n_new, most),
					  NULL, NULL);
	log_info("groups: %u that left the list give up their records, their counts are \"other\" "
		 "from now on",
		 room->n_left);
	/* the copy holds all of them until those go */
	return ledger_file_groups(dir_fd, uid, gid, ledger, most > n ? most : n, left_drop, room);
}

/* The copy needs its place beside the ledger that is there. */
static void no_space_tell(int dir_fd, const struct ipacct_ledger *ledger, const struct room *room,
			  struct ipacct_problem *ret_problem)
{
	uint32_t n = rounded(ledger->header->n_groups + room->n_new, IPACCT_GROUP_RECORDS_MAX);
	uint64_t bytes = ipacct_ledger_bytes(ledger->n_rollups_max, ledger->n_addresses_max) +
			 (uint64_t)n * sizeof(struct ipacct_ledger_series);
	struct statvfs fs;
	uint64_t total, available;

	if (fstatvfs(dir_fd, &fs))
		return; /* then the error alone has to do */
	total = (uint64_t)fs.f_blocks * fs.f_frsize;
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (available >= bytes)
		return; /* somebody made room meanwhile */
	ipacct_problem_set(ret_problem,
			   "a ledger with room for %u takes %" PRIu64
			   " MiB beside the old one, and "
			   "%" PRIu64 " of %" PRIu64 " MiB of the runtime directory's file system "
			   "are free: make it %" PRIu64 " MiB (a tmpfs by mount -o remount,size=), "
			   "then restart",
			   n, mib_up(bytes), available / MIB, total / MIB,
			   mib_up(total + bytes - available) + 1);
}

int groups_ledger_prepare(int runtime_dir_fd, uid_t uid, gid_t gid, const struct group_image *image,
			  uint32_t n_records_most, struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) = ledger_file_open(runtime_dir_fd);
	struct room room = { .image = image };
	struct ipacct_ledger ledger;
	int ret = fd < 0 ? fd : ipacct_ledger_map(fd, false, &ledger, ret_problem);

	if (ret)
		return ret;
	ret = room_look(&ledger, &room);
	if (!ret)
		ret = ledger_fit(runtime_dir_fd, uid, gid, &ledger, &room, n_records_most);
	if (ret == -ENOSPC)
		no_space_tell(runtime_dir_fd, &ledger, &room, ret_problem);
	free(room.wanted);
	ipacct_ledger_unmap(&ledger);
	return ret;
}
