/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reader: the ledger, and the pinned maps where they can be read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "reader.h"

bool ipacct_reader_moved(const struct ipacct_reader *reader)
{
	struct stat st;

	return !stat(reader->ledger_path, &st) &&
	       (st.st_ino != reader->ledger.inode || st.st_dev != reader->ledger.device);
}

int ipacct_reader_refresh(struct ipacct_reader *reader, struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) = -1;
	struct ipacct_ledger fresh;
	int ret;

	if (reader->ledger.at && !ipacct_reader_moved(reader))
		return 0;
	/* O_NONBLOCK: a fifo of that name must not hold us */
	fd = beneath_open_path(reader->ledger_path, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		ret = fd;
		ipacct_problem_set(ret_problem, "cannot open %s: %s", reader->ledger_path,
				   strerror(-ret));
		return reader->ledger.at && ret == -ENOENT ? 0 : ret; /* keep what we have */
	}
	ret = ipacct_ledger_map(fd, false, &fresh, ret_problem);
	if (ret)
		return ret;
	ipacct_ledger_unmap(&reader->ledger);
	reader->ledger = fresh;
	return 0;
}

static int meta_inode(const struct ipacct_reader *reader, ino_t *ret_inode)
{
	char path[READER_PATH_BYTES + sizeof(IPACCT_PIN_META) + 1];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", reader->bpffs_dir, IPACCT_PIN_META);
	if (stat(path, &st))
		return -errno;
	*ret_inode = st.st_ino;
	return 0;
}

int ipacct_reader_maps(struct ipacct_reader *reader, struct ipacct_problem *ret_problem)
{
	ino_t inode;
	int ret = meta_inode(reader, &inode);

	if (ret) {
		ipacct_problem_set(ret_problem, "no pinned maps in %s: %s", reader->bpffs_dir,
				   strerror(-ret));
		return ret;
	}
	if (reader->maps_open && inode == reader->meta_inode)
		return 0;
	if (reader->maps_open)
		ipacct_maps_finish(&reader->maps);
	reader->maps_open = false;
	ret = ipacct_maps_open(reader->bpffs_dir, false, &reader->maps, ret_problem);
	if (ret)
		return ret;
	reader->maps_open = true;
	reader->meta_inode = inode;
	return 0;
}

int ipacct_reader_open(const char *runtime_dir, const char *bpffs_dir,
		       struct ipacct_reader **ret_reader, struct ipacct_problem *ret_problem)
{
	struct ipacct_reader *reader;
	int ret;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	runtime_dir = runtime_dir ? runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT;
	bpffs_dir = bpffs_dir ? bpffs_dir : IPACCT_BPFFS_DIR_DEFAULT;
	if (strlen(runtime_dir) + sizeof("/" IPACCT_GROUPS_WAS_NAME) > READER_PATH_BYTES ||
	    strlen(bpffs_dir) >= READER_PATH_BYTES)
		return -ENAMETOOLONG;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	ipacct_maps_init(&reader->maps);
	(void)snprintf(reader->ledger_path, sizeof(reader->ledger_path), "%s/%s", runtime_dir,
		       IPACCT_LEDGER_NAME); /* lengths were checked */
	(void)snprintf(reader->groups.path, sizeof(reader->groups.path), "%s/%s", runtime_dir,
		       IPACCT_GROUPS_NAME); /* as long as the ledger's */
	(void)snprintf(reader->mask_lists[0].path, sizeof(reader->mask_lists[0].path), "%s",
		       reader->groups.path);
	(void)snprintf(reader->mask_lists[1].path, sizeof(reader->mask_lists[1].path), "%s/%s",
		       runtime_dir, IPACCT_GROUPS_WAS_NAME);
	(void)snprintf(reader->bpffs_dir, sizeof(reader->bpffs_dir), "%s", bpffs_dir);
	ret = ipacct_reader_refresh(reader, ret_problem);
	if (!ret) {
		ret = ipacct_reader_maps(reader, ret_problem);
		/* without the maps the ledger still tells everything up to its last cut */
		ret = ret == -EPROTO ? ret : 0;
	}
	if (ret) {
		ipacct_reader_close(reader);
		return ret;
	}
	if (ret_problem)
		ret_problem->text[0] = '\0';
	*ret_reader = reader;
	return 0;
}

int ipacct_reader_of_ledger(int fd, struct ipacct_reader **ret_reader,
			    struct ipacct_problem *ret_problem)
{
	struct ipacct_reader *reader = calloc(1, sizeof(*reader));
	int ret;

	if (!reader)
		return -ENOMEM;
	ipacct_maps_init(&reader->maps);
	ret = ipacct_ledger_map(fd, false, &reader->ledger, ret_problem);
	if (ret) {
		ipacct_reader_close(reader);
		return ret;
	}
	*ret_reader = reader; /* no path: no other file can take its place */
	return 0;
}

void ipacct_reader_close(struct ipacct_reader *reader)
{
	if (!reader)
		return;
	ipacct_ledger_unmap(&reader->ledger);
	ipacct_maps_finish(&reader->maps);
	if (reader->epoch_ready)
		ipacct_epoch_finish(&reader->epoch);
	ipacct_group_list_unmap(&reader->groups.list);
	for (unsigned int i = 0; i < 2; i++)
		ipacct_group_list_unmap(&reader->mask_lists[i].list);
	ipacct_mask_finish(&reader->mask);
	ipacct_table_finish(&reader->masked);
	free(reader);
}

uint64_t ipacct_reader_cut(struct ipacct_reader *reader)
{
	(void)ipacct_reader_refresh(reader,
				    NULL); /* failing that, the file we have still answers */
	return __atomic_load_n(&reader->ledger.header->cut, __ATOMIC_ACQUIRE);
}
