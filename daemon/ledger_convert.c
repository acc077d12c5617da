/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger of an earlier ABI version as one of this. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "crash.h"
#include "layout.h"
#include "ledger.h"
#include "ledger_convert.h"
#include "ledger_file.h"
#include "log.h"
#include "maps.h"
#include "runtime_file.h"

#define LEDGER_BEFORE "ledger.before"

struct source {
	const char *at; /* the mapped file */
	size_t bytes;
	const struct layout *layout;
	struct ipacct_ledger_header header; /* as one of ours */
};

static void source_close(struct source *source)
{
	if (source->at)
		munmap((void *)source->at, source->bytes);
}

static uint64_t bytes_of(const struct layout *layout, const struct ipacct_ledger_header *header)
{
	return layout->ledger_header_bytes +
	       (uint64_t)layout->ifs_max * layout->ledger_interface.bytes +
	       ((uint64_t)layout->series_max + header->n_groups_max) * layout->ledger_series.bytes +
	       ((uint64_t)header->n_rollups_max + header->n_addresses_max) *
		       layout->ledger_record.bytes;
}

/* What it says of itself lies in the same place in every version, up to `cut`. */
static bool is_laid_out(const struct ipacct_ledger_header *head, const struct layout *layout)
{
	return head->header_bytes == layout->ledger_header_bytes &&
	       head->record_bytes == layout->ledger_record.bytes &&
	       head->interface_bytes == layout->ledger_interface.bytes &&
	       head->n_interfaces_max == layout->ifs_max &&
	       head->n_series_max == layout->series_max;
}

/* The file may hold any bytes. */
static bool is_whole(const struct source *source)
{
	const struct ipacct_ledger_header *header = &source->header;
	const struct layout *layout = source->layout;

	return layout->ifs_max <= IPACCT_IFS_MAX && layout->series_max <= IPACCT_SERIES_MAX &&
	       header->n_rollups_max >= 2 * IPACCT_DOMAINS_MAX &&
	       header->n_rollups <= header->n_rollups_max &&
	       header->n_addresses <= header->n_addresses_max &&
	       header->n_groups_max <= IPACCT_GROUP_RECORDS_MAX &&
	       header->n_groups <= header->n_groups_max && header->cut <= IPACCT_LEDGER_CUTS_MAX &&
	       bytes_of(layout, header) <= source->bytes;
}

/* 1: it is to be converted, 0: it is not. */
static int source_open(int fd, struct source *ret_source, struct ipacct_problem *ret_problem)
{
	struct ipacct_ledger_header head;
	struct source source = {};
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size < IPACCT_LEDGER_HEADER_BYTES ||
	    pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    head.magic != IPACCT_LEDGER_MAGIC || head.abi_version >= IPACCT_ABI_VERSION)
		return 0;
	source.layout = layout_of(head.abi_version);
	if (!source.layout)
		return 0; /* whoever opens it says so */
	source.bytes = (size_t)st.st_size;
	source.at = mmap(NULL, source.bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (source.at == MAP_FAILED)
		return -errno;
	layout_convert(&source.layout->ledger_header, source.at, &source.header);
	if (!is_laid_out(&head, source.layout) || !is_whole(&source)) {
		source_close(&source);
		ipacct_problem_set(ret_problem,
				   "the ledger of ABI version %u is damaged: remove it to begin "
				   "anew",
				   head.abi_version);
		return -EBADMSG;
	}
	*ret_source = source;
	return 1;
}

/* n of n_max records; returns where the next kind begins. */
static const char *records_convert(const struct layout_record *record, const char *from, uint32_t n,
				   uint32_t n_max, void *to)
{
	for (uint32_t i = 0; i < n; i++)
		layout_convert(record, from + (size_t)i * record->bytes,
			       (char *)to + (size_t)i * record->bytes_here);
	return from + (size_t)n_max * record->bytes;
}

static void ledger_fill(struct ipacct_ledger *to, const struct source *source)
{
	const struct ipacct_ledger_header *from = &source->header;
	const struct layout *layout = source->layout;
	struct ipacct_ledger_header *header = to->header;
	const char *at = source->at + layout->ledger_header_bytes;

	header->instance = from->instance;
	header->created_ns = from->created_ns;
	header->cut = from->cut;
	header->n_rollups = from->n_rollups;
	header->n_addresses = from->n_addresses;
	header->n_groups = from->n_groups;
	header->fold_cut = from->fold_cut;
	memcpy(header->version, from->version, sizeof(header->version));
	memcpy(header->mask, from->mask, sizeof(header->mask));
	at = records_convert(&layout->ledger_interface, at, layout->ifs_max, layout->ifs_max,
			     to->interfaces);
	at = records_convert(&layout->ledger_series, at, layout->series_max, layout->series_max,
			     to->series);
	at = records_convert(&layout->ledger_record, at, from->n_rollups, from->n_rollups_max,
			     to->rollups);
	at = records_convert(&layout->ledger_record, at, from->n_addresses, from->n_addresses_max,
			     to->addresses);
	(void)records_convert(&layout->ledger_series, at, from->n_groups, from->n_groups_max,
			      to->groups); /* the last ones */
	ipacct_ledger_forget_uncommitted(to);
}

/* The old one gets a second name, the new one the ledger's. */
static int ledger_exchange(int dir_fd)
{
	int ret;

	ledger_convert_settle(dir_fd);
	if (linkat(dir_fd, IPACCT_LEDGER_NAME, dir_fd, LEDGER_BEFORE, 0))
		return -errno;
	CRASH_POINT(ledger_kept);
	ret = ledger_file_publish(dir_fd);
	if (ret)
		ledger_convert_settle(dir_fd); /* nobody opens a ledger that has two names */
	CRASH_POINT(ledger_converted);
	return ret;
}

/* Written under another name, which is then the ledger's. */
static int ledger_replace(int dir_fd, uid_t uid, gid_t gid, const struct source *source)
{
	const struct ipacct_ledger_header *from = &source->header;
	int fd __cleanup(cleanup_fd) = ledger_file_create(
		dir_fd, uid, gid, from->n_rollups_max, from->n_addresses_max, from->n_groups_max);
	struct ipacct_ledger fresh;
	int ret = fd < 0 ? fd : ipacct_ledger_map(fd, true, &fresh, NULL);

	if (!ret) {
		ledger_fill(&fresh, source);
		ipacct_ledger_unmap(&fresh);
		CRASH_POINT(ledger_filled);
		ret = ledger_exchange(dir_fd);
	}
	if (ret && fd >= 0)
		ledger_file_discard(dir_fd);
	return ret;
}

/* Killed between the two: nobody opens a ledger that has a second name. */
static void half_kept_forget(int dir_fd)
{
	struct stat now, before;

	if (!fstatat(dir_fd, IPACCT_LEDGER_NAME, &now, AT_SYMLINK_NOFOLLOW) &&
	    !fstatat(dir_fd, LEDGER_BEFORE, &before, AT_SYMLINK_NOFOLLOW) &&
	    now.st_dev == before.st_dev && now.st_ino == before.st_ino)
		ledger_convert_settle(dir_fd);
}

int ledger_convert(int runtime_dir_fd, uid_t uid, gid_t gid, struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) = -1;
	struct source source;
	int ret;

	half_kept_forget(runtime_dir_fd);
	fd = runtime_file_open(runtime_dir_fd, IPACCT_LEDGER_NAME, O_RDONLY, 0, NULL);
	if (fd < 0)
		return 0; /* absent, or no file of ours: whoever opens it says so */
	ret = source_open(fd, &source, ret_problem);
	if (ret <= 0)
		return ret;
	ret = ledger_replace(runtime_dir_fd, uid, gid, &source);
	if (!ret)
		log_info("the ledger has ABI version %u now, it had %u", IPACCT_ABI_VERSION,
			 source.layout->abi_version);
	source_close(&source);
	return ret ? ret : 1;
}

void ledger_convert_undo(int runtime_dir_fd)
{
	(void)renameat(runtime_dir_fd, LEDGER_BEFORE, runtime_dir_fd,
		       IPACCT_LEDGER_NAME); /* absent: nothing was converted */
}

void ledger_convert_settle(int runtime_dir_fd)
{
	(void)unlinkat(runtime_dir_fd, LEDGER_BEFORE, 0); /* absent is what is wanted */
}
