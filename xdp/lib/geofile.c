/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The geo file, copied and checked. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "geofile.h"
#include "maps.h"

_Static_assert(IPACCT_GEO_HEADER_BYTES % sizeof(struct ipacct_geo_record) == 0,
	       "records begin on their own size");

static uint64_t records_bytes(const struct ipacct_geo_header *header)
{
	return (uint64_t)header->n_records_max * sizeof(struct ipacct_geo_record);
}

/* Where each part lies. file_bytes: what the file system says; the header's own word is not enough. */
static bool layout_fits(const struct ipacct_geo_header *header, uint64_t file_bytes)
{
	return header->file_bytes <= file_bytes && header->strings_at <= header->file_bytes &&
	       IPACCT_GEO_HEADER_BYTES + records_bytes(header) <= header->strings_at &&
	       header->strings_bytes_max <= header->file_bytes - header->strings_at &&
	       header->strings_bytes <= header->strings_bytes_max;
}

static int header_check(const struct ipacct_geo_header *header, uint64_t file_bytes,
			struct ipacct_problem *ret_problem)
{
	if (header->magic != IPACCT_GEO_MAGIC) {
		ipacct_problem_set(ret_problem, "the geo file does not begin like one");
		return -EBADMSG;
	}
	if (header->version != IPACCT_GEO_VERSION) {
		ipacct_problem_set(ret_problem,
				   "the geo file has version %u, this program reads version %u",
				   header->version, IPACCT_GEO_VERSION);
		return -EPROTO;
	}
	if (header->header_bytes != IPACCT_GEO_HEADER_BYTES ||
	    header->record_bytes != sizeof(struct ipacct_geo_record)) {
		ipacct_problem_set(ret_problem,
				   "the geo file claims version %u but other record sizes",
				   header->version);
		return -EPROTO;
	}
	if (!layout_fits(header, file_bytes)) {
		ipacct_problem_set(ret_problem, "the geo file is shorter than its header says");
		return -EBADMSG;
	}
	return 0;
}

static void header_make_safe(struct ipacct_geo_header *header)
{
	for (unsigned int i = 0; i < IPACCT_GEO_DATABASES_MAX; i++) {
		struct ipacct_geo_database *database = &header->databases[i];

		database->path[sizeof(database->path) - 1] = '\0';
		database->type[sizeof(database->type) - 1] = '\0';
		(void)text_make_safe(database->path);
		(void)text_make_safe(database->type);
	}
}

static int header_read(int fd, struct ipacct_geo_header *ret_header,
		       struct ipacct_problem *ret_problem)
{
	struct ipacct_geo_header header;
	struct stat st;
	ssize_t n;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < IPACCT_GEO_HEADER_BYTES) {
		ipacct_problem_set(ret_problem, "the geo file is too short to be one");
		return -EBADMSG;
	}
	n = pread(fd, &header, sizeof(header), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(header)) {
		ipacct_problem_set(ret_problem, "the geo file is too short to be one");
		return -EBADMSG;
	}
	ret = header_check(&header, (uint64_t)st.st_size, ret_problem);
	if (ret)
		return ret;
	header_make_safe(&header);
	*ret_header = header;
	return 0;
}

/* Cut each new name to what callers are promised: at most GEO_TEXT_BYTES, safe to show. */
static void strings_make_safe(char *at, const char *end)
{
	while (at < end) {
		size_t bytes = strlen(at) + 1, keep = GEO_TEXT_BYTES - 1;
		char *next = at + bytes;

		if (bytes > GEO_TEXT_BYTES) {
			/* RFC 3629 3: 10xxxxxx is inside a character */
			while (keep && ((unsigned char)at[keep] & 0xc0) == 0x80)
				keep--;
			memset(at + keep, 0, bytes - keep);
		}
		(void)text_make_safe(at);
		at = next;
	}
}

/* Take in what was appended, up to `bytes`; what was taken in once is never read again. */
static void strings_read(struct ipacct_geo_file *file, uint32_t bytes)
{
	char *fresh = file->strings + file->strings_used, *last;
	ssize_t n;

	if (bytes > file->header.strings_bytes_max || bytes <= file->strings_used)
		return;
	n = pread(file->fd, fresh, bytes - file->strings_used,
		  (off_t)(file->header.strings_at + file->strings_used));
	if (n <= 0)
		return;
	last = memrchr(fresh, '\0', (size_t)n);
	if (!last)
		return; /* read again, and overwritten, when more is there */
	file->strings_used += (uint32_t)(last + 1 - fresh);
	strings_make_safe(fresh, last + 1);
}

/* Names are published before the records that point at them. */
static void strings_catch_up(struct ipacct_geo_file *file)
{
	uint32_t bytes;

	if (pread(file->fd, &bytes, sizeof(bytes),
		  offsetof(struct ipacct_geo_header, strings_bytes)) == (ssize_t)sizeof(bytes))
		strings_read(file, bytes);
}

/* Memory that costs nothing until it is touched. Its size is bounded by the file's. */
static void *reserve(uint64_t bytes)
{
	void *at = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, bytes, MADV_HUGEPAGE); /* fewer faults and TLB misses; may be refused */
	return at;
}

static void release(void *at, uint64_t bytes)
{
	if (at)
		(void)munmap(at, bytes ? bytes : 1); /* a whole mapping of ours: cannot fail */
}

static uint64_t chunk_refresh_bytes(const struct ipacct_geo_header *header)
{
	return ((uint64_t)header->n_records_max / GEO_CHUNK_RECORDS + 1) * sizeof(uint64_t);
}

void ipacct_geo_file_close(struct ipacct_geo_file *file)
{
	release(file->records, records_bytes(&file->header));
	release(file->chunk_refresh, chunk_refresh_bytes(&file->header));
	release(file->strings, file->header.strings_bytes_max);
	close_fd(&file->fd);
	memset(file, 0, sizeof(*file));
	file->fd = -1;
}

int ipacct_geo_file_open(int fd, struct ipacct_geo_file *ret_file,
			 struct ipacct_problem *ret_problem)
{
	struct ipacct_geo_file file = { .fd = -1 };
	struct stat st;
	int ret = header_read(fd, &file.header, ret_problem);

	if (ret)
		return ret;
	if (fstat(fd, &st))
		return -errno;
	file.device = st.st_dev;
	file.inode = st.st_ino;
	file.records = reserve(records_bytes(&file.header));
	file.chunk_refresh = reserve(chunk_refresh_bytes(&file.header));
	file.strings = reserve(file.header.strings_bytes_max);
	if (!file.records || !file.chunk_refresh || !file.strings) {
		ipacct_geo_file_close(&file);
		return -ENOMEM;
	}
	file.fd = fd;
	strings_read(&file, file.header.strings_bytes);
	*ret_file = file;
	return 0;
}

int ipacct_geo_file_refresh(struct ipacct_geo_file *file)
{
	const struct ipacct_geo_header *old = &file->header;
	struct ipacct_geo_header fresh;
	int ret = header_read(file->fd, &fresh, NULL);

	if (ret)
		return ret;
	if (fresh.n_records_max != old->n_records_max || fresh.strings_at != old->strings_at ||
	    fresh.strings_bytes_max != old->strings_bytes_max)
		return -EBADMSG;
	file->header = fresh;
	strings_read(file, fresh.strings_bytes);
	return 0;
}

/* A name begins behind the end of another: an offset into one is no name. */
static bool text_valid(const struct ipacct_geo_file *file, uint32_t offset)
{
	return offset == 0 || (offset < file->strings_used && !file->strings[offset - 1]);
}

static bool is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool country_valid(const char country[2])
{
	return (!country[0] && !country[1]) || (is_letter(country[0]) && is_letter(country[1]));
}

/* Whether it is one that a worker writes. */
static bool record_valid(const struct ipacct_geo_file *file, const struct ipacct_geo_record *record)
{
	if (record->address_class >= IPACCT_GEO_CLASSES)
		return false;
	return !(record->flags & IPACCT_GEO_KNOWN) ||
	       (country_valid(record->country) && text_valid(file, record->country_name) &&
		text_valid(file, record->region) && text_valid(file, record->city) &&
		text_valid(file, record->as_org) && text_valid(file, record->name));
}

/* Read again and compare: a record that was the same twice was not being written in between. One
 * reading is not enough, its octets are copied in no order. Returns how many records moved. */
static uint32_t records_compare(struct ipacct_geo_record *records,
				const struct ipacct_geo_record *again, uint32_t n, bool last)
{
	uint32_t n_moved = 0;

	if (!memcmp(records, again, n * sizeof(*records)))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!memcmp(&records[i], &again[i], sizeof(*records)))
			continue;
		records[i] = again[i];
		if (last)
			records[i].sequence |= 1;
		n_moved++;
	}
	return n_moved;
}

void ipacct_geo_file_read_chunk(struct ipacct_geo_file *file, uint32_t chunk,
				struct ipacct_geo_record *scratch)
{
	uint32_t first = chunk * GEO_CHUNK_RECORDS;
	uint32_t n = file->header.n_records_max - first;
	off_t at = (off_t)(IPACCT_GEO_HEADER_BYTES + (uint64_t)first * sizeof(*scratch));
	struct ipacct_geo_record *records = &file->records[first];
	ssize_t bytes;

	if (n > GEO_CHUNK_RECORDS)
		n = GEO_CHUNK_RECORDS;
	bytes = pread(file->fd, scratch, n * sizeof(*scratch), at);
	if (bytes < (ssize_t)sizeof(*scratch))
		return;
	n = (uint32_t)((size_t)bytes / sizeof(*scratch));
	memcpy(records, scratch, n * sizeof(*scratch));
	for (unsigned int i = 1; i <= GEO_READ_TRIES; i++) {
		bytes = pread(file->fd, scratch, n * sizeof(*scratch), at);
		if (bytes != (ssize_t)(n * sizeof(*scratch)))
			memset(scratch, 0, n * sizeof(*scratch)); /* gone: nothing is the same */
		if (!records_compare(records, scratch, n, i == GEO_READ_TRIES))
			break;
	}
	strings_catch_up(file);
	for (uint32_t i = 0; i < n; i++)
		if (!record_valid(file, &records[i]))
			records[i].sequence &= 1; /* as one that was never written */
}

void ipacct_geo_file_info(const struct ipacct_geo_file *file,
			  const struct ipacct_geo_record *record, struct ipacct_geo_info *ret_info)
{
	if (!(record->flags & IPACCT_GEO_KNOWN)) {
		*ret_info = (struct ipacct_geo_info){
			.address_class = record->address_class,
			.country_name = "",
			.region = "",
			.city = "",
			.as_org = "",
			.name = "",
		};
		return;
	}
	*ret_info = (struct ipacct_geo_info){
		.country = { record->country[0], record->country[1], '\0' },
		.address_class = record->address_class,
		.flags = record->flags & (IPACCT_GEO_KNOWN | IPACCT_GEO_OVERRIDE),
		.asn = record->asn,
		.country_name = ipacct_geo_file_text(file, record->country_name),
		.region = ipacct_geo_file_text(file, record->region),
		.city = ipacct_geo_file_text(file, record->city),
		.as_org = ipacct_geo_file_text(file, record->as_org),
		.name = ipacct_geo_file_text(file, record->name),
	};
}
