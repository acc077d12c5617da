/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One MaxMind DB file. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "geo_database.h"
#include "geo_fields.h"
#include "geo_overrides.h"
#include "maps.h"

#define SAMPLES  4096u /* nodes of the search tree looked at before a database is trusted */
#define NS_PER_S 1000000000ull

static struct geo_identity identity_from(const struct stat *st)
{
	return (struct geo_identity){
		.device = st->st_dev,
		.inode = st->st_ino,
		.bytes = (uint64_t)st->st_size,
		.changed_ns =
			(uint64_t)st->st_mtim.tv_sec * NS_PER_S + (uint64_t)st->st_mtim.tv_nsec,
	};
}

int geo_identity_of(const char *path, struct geo_identity *ret_identity)
{
	struct stat st;
	int ret = stat(path, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;

	*ret_identity = ret ? (struct geo_identity){} : identity_from(&st);
	return ret;
}

bool geo_identity_equal(const struct geo_identity *a, const struct geo_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       a->changed_ns == b->changed_ns;
}

/* ---- The copy -------------------------------------------------------------------------------- */

static int bytes_read(int fd, char *at, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, at, bytes < 1u << 30 ? bytes : 1u << 30);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EAGAIN; /* shorter than a moment ago */
		at += n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

static int copy_fill(int fd, int copy_fd, uint64_t bytes)
{
	void *at;
	int ret;

	if (ftruncate(copy_fd, 0) || ftruncate(copy_fd, (off_t)bytes))
		return -errno;
	if (!bytes)
		return 0;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, copy_fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	ret = bytes_read(fd, at, bytes);
	munmap(at, bytes);
	return ret;
}

static int copy_make(const char *path, int copy_fd, uint64_t bytes_max,
		     struct geo_identity *ret_identity, struct ipacct_problem *ret_problem)
{
	/* A FIFO must not block: non-blocking open, then regular files only. */
	int fd __cleanup(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat before, after;
	struct geo_identity a, b;
	int ret;

	if (fd < 0 || fstat(fd, &before))
		return -errno;
	if (!S_ISREG(before.st_mode)) {
		ipacct_problem_set(ret_problem, "not a regular file");
		return -EBADMSG;
	}
	if ((uint64_t)before.st_size > bytes_max) {
		ipacct_problem_set(
			ret_problem,
			"it has %.1f MiB, there is room for %.1f: `ipacctctl reload` makes more",
			(double)before.st_size / 1048576.0, (double)bytes_max / 1048576.0);
		return -EFBIG;
	}
	ret = copy_fill(fd, copy_fd, (uint64_t)before.st_size);
	if (!ret && fstat(fd, &after))
		ret = -errno;
	if (ret)
		return ret;
	a = identity_from(&before);
	b = identity_from(&after);
	*ret_identity = a;
	return geo_identity_equal(&a, &b) ? 0 : -EAGAIN;
}

/* ---- Is it fit for use? ---------------------------------------------------------------------- */

static int problem_status(int status, struct ipacct_problem *ret_problem)
{
	ipacct_problem_set(ret_problem, "%s", MMDB_strerror(status));
	return status == MMDB_OUT_OF_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
}

static int entry_check(const struct geo_settings *settings, MMDB_entry_s entry, uint8_t type,
		       bool *any)
{
	struct geo_facts facts;
	int ret;

	if (type == MMDB_RECORD_TYPE_INVALID)
		return -EBADMSG;
	if (type != MMDB_RECORD_TYPE_DATA)
		return 0;
	ret = geo_fields_read(settings, entry, &facts);
	if (!ret)
		*any |= geo_facts_any(&facts);
	return ret;
}

/* Nodes all over the tree, and what hangs on them. All of them when there are few. */
static int samples_check(const MMDB_s *mmdb, const struct geo_settings *settings,
			 struct ipacct_problem *ret_problem)
{
	uint32_t n = mmdb->metadata.node_count;
	uint32_t step = n > SAMPLES ? n / SAMPLES : 1;
	bool any = false;

	for (uint64_t at = 0; at < n; at += step) {
		MMDB_search_node_s node;
		int status = MMDB_read_node(mmdb, (uint32_t)at, &node);
		int ret;

		if (status != MMDB_SUCCESS)
			return problem_status(status, ret_problem);
		ret = entry_check(settings, node.left_record_entry, node.left_record_type, &any);
		if (!ret)
			ret = entry_check(settings, node.right_record_entry, node.right_record_type,
					  &any);
		if (ret) {
			ipacct_problem_set(ret_problem, "its node %u leads to damaged data",
					   (unsigned int)at);
			return ret;
		}
	}
	if (any)
		return 0;
	ipacct_problem_set(ret_problem, "no country, city or AS number in it: wrong kind of "
					"database, or set geo_path_…");
	return -ENODATA;
}

static int copy_open(int copy_fd, const struct geo_settings *settings, MMDB_s *ret_mmdb,
		     struct ipacct_problem *ret_problem)
{
	char path[sizeof("/proc/self/fd/2147483647")];
	int status, ret;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", copy_fd); /* fits */
	status = MMDB_open(path, MMDB_MODE_MMAP, ret_mmdb);
	if (status != MMDB_SUCCESS)
		return problem_status(status, ret_problem);
	ret = samples_check(ret_mmdb, settings, ret_problem);
	if (ret)
		MMDB_close(ret_mmdb);
	return ret;
}

int geo_database_open(const char *path, int copy_fd, uint64_t bytes_max,
		      const struct geo_settings *settings, struct geo_database *ret_database,
		      struct ipacct_problem *ret_problem)
{
	struct geo_database database = { .open = true, .copy_fd = copy_fd };
	int ret;

	ret_problem->text[0] = '\0';
	if (bytes_max > GEO_DATABASE_BYTES_MAX)
		bytes_max = GEO_DATABASE_BYTES_MAX;
	ret = copy_make(path, copy_fd, bytes_max, &database.identity, ret_problem);
	if (!ret)
		ret = copy_open(copy_fd, settings, &database.mmdb, ret_problem);
	if (!ret) {
		*ret_database = database;
		return 0;
	}
	if (!ret_problem->text[0])
		ipacct_problem_set(ret_problem, "%s", strerror(-ret));
	(void)ftruncate(copy_fd, 0); /* only gives memory back */
	return ret;
}

void geo_database_close(struct geo_database *database)
{
	if (database->open) {
		MMDB_close(&database->mmdb);
		(void)ftruncate(database->copy_fd, 0); /* only gives memory back */
	}
	memset(database, 0, sizeof(*database));
}

/* ---- Looking up ------------------------------------------------------------------------------ */

static struct sockaddr_storage address_of(const struct ipacct_key *key)
{
	struct sockaddr_storage address = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

	if (geo_is_ipv4((const uint8_t *)key->addr_be)) {
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = key->addr_be[3];
	} else {
		v6->sin6_family = AF_INET6;
		memcpy(&v6->sin6_addr, key->addr_be, sizeof(key->addr_be));
	}
	return address;
}

int geo_database_find(const struct geo_database *database, const struct ipacct_key *key,
		      MMDB_entry_s *ret_entry)
{
	struct sockaddr_storage address = address_of(key);
	MMDB_lookup_result_s result;
	int status;

	result = MMDB_lookup_sockaddr(&database->mmdb, (const struct sockaddr *)&address, &status);
	if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return 0;
	if (status != MMDB_SUCCESS)
		return -EBADMSG;
	*ret_entry = result.entry;
	return result.found_entry;
}
