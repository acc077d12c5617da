/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known about the addresses of the ledger: the public reader of the geo file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "geofile.h"
#include "maps.h"

static bool moved(const struct ipacct_geo *geo)
{
	struct stat st;

	return !stat(geo->path, &st) &&
	       (st.st_ino != geo->file.inode || st.st_dev != geo->file.device);
}

static int open_again(struct ipacct_geo *geo, struct ipacct_problem *ret_problem)
{
	int fd __cleanup(cleanup_fd) = -1;
	struct ipacct_geo_file fresh;
	int ret;

	/* O_NONBLOCK: a fifo of that name must not hold us */
	fd = beneath_open_path(geo->path, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		ret = fd;
		ipacct_problem_set(ret_problem, "cannot open %s: %s", geo->path, strerror(-ret));
		return ret;
	}
	ret = ipacct_geo_file_open(fd, &fresh, ret_problem);
	if (ret)
		return ret;
	(void)take_fd(&fd); /* it is the file's now */
	ipacct_geo_file_close(&geo->file);
	geo->file = fresh;
	return 0;
}

int ipacct_geo_open(const char *runtime_dir, struct ipacct_geo **ret_geo,
		    struct ipacct_problem *ret_problem)
{
	struct ipacct_geo *geo;
	int ret;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	runtime_dir = runtime_dir ? runtime_dir : IPACCT_RUNTIME_DIR_DEFAULT;
	if (strlen(runtime_dir) + sizeof("/" IPACCT_GEO_NAME) > GEO_PATH_BYTES)
		return -ENAMETOOLONG;
	geo = calloc(1, sizeof(*geo));
	if (!geo)
		return -ENOMEM;
	geo->file.fd = -1;
	geo->refresh = 1;
	(void)snprintf(geo->path, sizeof(geo->path), "%s/%s", runtime_dir,
		       IPACCT_GEO_NAME); /* the length was checked */
	ret = open_again(geo, ret_problem);
	if (ret) {
		ipacct_geo_close(geo);
		return ret;
	}
	*ret_geo = geo;
	return 0;
}

void ipacct_geo_close(struct ipacct_geo *geo)
{
	if (!geo)
		return;
	ipacct_geo_file_close(&geo->file);
	free(geo);
}

int ipacct_geo_refresh(struct ipacct_geo *geo)
{
	geo->refresh++;
	return moved(geo) ? open_again(geo, NULL) : ipacct_geo_file_refresh(&geo->file);
}

const struct ipacct_geo_header *ipacct_geo_header(const struct ipacct_geo *geo)
{
	return &geo->file.header;
}

static bool is_of(const struct ipacct_geo_record *record, const struct ipacct_key *key)
{
	return !memcmp(&record->key, key, sizeof(*key));
}

/* A record of the current databases is not written again: the copy of it is the answer. */
static bool final(const struct ipacct_geo_file *file, const struct ipacct_geo_record *record)
{
	return record->sequence && !(record->sequence & 1) &&
	       record->generation == (uint32_t)file->header.generation;
}

int ipacct_geo_record_find(struct ipacct_geo *geo, uint32_t ledger_index,
			   const struct ipacct_key *key,
			   const struct ipacct_geo_record **ret_record)
{
	struct ipacct_geo_file *file = &geo->file;
	uint32_t chunk = ledger_index / GEO_CHUNK_RECORDS;
	const struct ipacct_geo_record *record;

	if (ledger_index >= file->header.n_records_max)
		return -ENOENT;
	record = &file->records[ledger_index];
	if (!(final(file, record) && is_of(record, key))) {
		if (file->chunk_refresh[chunk] != geo->refresh) {
			file->chunk_refresh[chunk] = geo->refresh;
			ipacct_geo_file_read_chunk(file, chunk, geo->scratch);
		}
		if (record->sequence & 1)
			return -EAGAIN;
		if (!record->sequence || !is_of(record, key))
			return -ENOENT;
	}
	*ret_record = record;
	return 0;
}

int ipacct_geo_find(struct ipacct_geo *geo, uint32_t ledger_index, const struct ipacct_key *key,
		    struct ipacct_geo_info *ret_info)
{
	const struct ipacct_geo_record *record;
	int ret = ipacct_geo_record_find(geo, ledger_index, key, &record);

	if (!ret)
		ipacct_geo_file_info(&geo->file, record, ret_info);
	return ret;
}
