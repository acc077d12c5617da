/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo file as a file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "geo_file.h"
#include "geo_table.h"
#include "runtime_file.h"

#define GEO_NEW  "geo.new"
#define GEO_MODE 0640

/* The file that is there, when it is one of ours of this size. */
static int file_adopt(int dir_fd, uint32_t n_records_max, uint32_t strings_bytes_max)
{
	int fd __cleanup(cleanup_fd) = runtime_file_open(dir_fd, IPACCT_GEO_NAME, O_RDWR, 0, NULL);
	struct ipacct_geo_header header;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    !geo_header_fits(&header, (uint64_t)st.st_size) ||
	    (uint64_t)st.st_size != header.file_bytes || header.n_records_max != n_records_max ||
	    header.strings_bytes_max != strings_bytes_max)
		return -EBADMSG;
	return take_fd(&fd);
}

static int file_fill(int fd, uint32_t n_records_max, uint32_t strings_bytes_max)
{
	struct ipacct_geo_header header = {
		.magic = IPACCT_GEO_MAGIC,
		.version = IPACCT_GEO_VERSION,
		.header_bytes = IPACCT_GEO_HEADER_BYTES,
		.record_bytes = sizeof(struct ipacct_geo_record),
		.n_records_max = n_records_max,
		.strings_at = geo_strings_at(n_records_max),
		.strings_bytes_max = strings_bytes_max,
		.strings_bytes = 1, /* "" at offset 0 */
		.file_bytes = geo_file_bytes(n_records_max, strings_bytes_max),
	};
	int ret = -posix_fallocate(fd, 0, (off_t)header.file_bytes);

	if (!ret && pwrite(fd, &header, sizeof(header), 0) != sizeof(header))
		ret = errno ? -errno : -EIO;
	return ret;
}

static int file_create(int dir_fd, gid_t gid, uint32_t n_records_max, uint32_t strings_bytes_max)
{
	int fd __cleanup(cleanup_fd) = -1;
	int ret;

	(void)unlinkat(dir_fd, GEO_NEW, 0); /* left by a crash, or absent */
	fd = runtime_file_open(dir_fd, GEO_NEW, O_RDWR | O_CREAT | O_EXCL, GEO_MODE, NULL);
	if (fd < 0)
		return fd;
	ret = file_fill(fd, n_records_max, strings_bytes_max);
	if (!ret && (fchown(fd, (uid_t)-1, gid) || fchmod(fd, GEO_MODE) ||
		     renameat(dir_fd, GEO_NEW, dir_fd, IPACCT_GEO_NAME)))
		ret = -errno;
	if (ret) {
		(void)unlinkat(dir_fd, GEO_NEW, 0); /* the error that matters is ret */
		return ret;
	}
	return take_fd(&fd);
}

int geo_file_take(int runtime_dir_fd, gid_t gid, uint32_t n_records_max, uint32_t strings_bytes_max,
		  bool fresh)
{
	int fd __cleanup(cleanup_fd) =
		fresh ? -1 : file_adopt(runtime_dir_fd, n_records_max, strings_bytes_max);

	if (fd < 0)
		return file_create(runtime_dir_fd, gid, n_records_max, strings_bytes_max);
	/* --user may be another one than last time */
	if (fchown(fd, (uid_t)-1, gid) || fchmod(fd, GEO_MODE))
		return -errno;
	return take_fd(&fd);
}

void geo_file_remove(int runtime_dir_fd)
{
	(void)unlinkat(runtime_dir_fd, IPACCT_GEO_NAME, 0); /* absent is what is wanted */
	(void)unlinkat(runtime_dir_fd, GEO_NEW, 0);
}
