/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: the geo file. Each answer of the reader is compared with what ipacct/geo.h says
 * about the same bytes, read here in another way. */
#include "fuzz_geofile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipacct/ipacct.h"
#include "require.h"

#define RECORDS_ASKED 64u  /* from the front, and as many from the end */
#define NAME_BYTES    255u /* ipacct.h: of a text, without its NUL */

struct fuzz_geo_seen fuzz_geo_seen;

struct image {
	const uint8_t *data;
	size_t bytes;
	struct ipacct_geo_header header;
};

/* ---- What the bytes say, by the letter of ipacct/geo.h -------------------------------------- */

static bool image_valid(struct image *image)
{
	const struct ipacct_geo_header *h = &image->header;
	unsigned __int128 records_end; /* nothing wraps */

	if (image->bytes < IPACCT_GEO_HEADER_BYTES)
		return false;
	memcpy(&image->header, image->data, sizeof(image->header));
	records_end = (unsigned __int128)h->n_records_max * sizeof(struct ipacct_geo_record) +
		      IPACCT_GEO_HEADER_BYTES;
	return h->magic == IPACCT_GEO_MAGIC && h->version == IPACCT_GEO_VERSION &&
	       h->header_bytes == 4096 && h->record_bytes == 64 && h->file_bytes <= image->bytes &&
	       records_end <= h->strings_at &&
	       (unsigned __int128)h->strings_at + h->strings_bytes_max <= h->file_bytes &&
	       h->strings_bytes <= h->strings_bytes_max;
}

/* The text at an offset, NULL when none begins or ends there. */
static const char *image_text(const struct image *image, uint32_t offset)
{
	const char *strings = (const char *)image->data + image->header.strings_at;
	uint32_t end = image->header.strings_bytes;

	if (offset == 0)
		return "";
	while (end && strings[end - 1])
		end--; /* behind the last NUL a text is not finished */
	if (offset >= end || strings[offset - 1])
		return NULL;
	return strings + offset;
}

static bool all_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Every byte of it belongs to a character that may be shown. */
static void require_safe(const char *text)
{
	require(strlen(text) <= NAME_BYTES);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		require(*c >= ' ' && *c != 0x7f);
		if (*c < 0x80)
			continue;
		require(*c >= 0xc2 && *c <= 0xf4 && (c[1] & 0xc0) == 0x80);
		for (c++; (c[1] & 0xc0) == 0x80; c++)
			;
	}
}

/* A cut text can leave another text behind its cut, made of nothing: "" is then right as well. */
static void require_text(const struct image *image, uint32_t offset, const char *got)
{
	const char *want = image_text(image, offset);

	require_safe(got);
	require(want != NULL);
	if (all_ascii(want) && strlen(want) <= NAME_BYTES)
		require(!strcmp(want, got));
	else
		require(strlen(got) <= strlen(want));
}

static void require_answer(const struct image *image, const struct ipacct_geo_record *r,
			   const struct ipacct_geo_info *info)
{
	bool known = r->flags & IPACCT_GEO_KNOWN;

	require(r->sequence && r->sequence % 2 == 0);
	require(info->address_class == r->address_class && r->address_class < IPACCT_GEO_CLASSES);
	require(info->asn == (known ? r->asn : 0));
	require(info->country[2] == '\0');
	if (!known) {
		require(!info->flags && !info->country[0] && !*info->region && !*info->name);
		return;
	}
	require(info->flags == (r->flags & (IPACCT_GEO_KNOWN | IPACCT_GEO_OVERRIDE)));
	require(!memcmp(info->country, r->country, 2));
	require(!r->country[0] == !r->country[1]);
	require(!r->country[0] || (r->country[0] >= 'A' && r->country[0] <= 'Z' &&
				   r->country[1] >= 'A' && r->country[1] <= 'Z'));
	require_text(image, r->country_name, info->country_name);
	require_text(image, r->region, info->region);
	require_text(image, r->city, info->city);
	require_text(image, r->as_org, info->as_org);
	require_text(image, r->name, info->name);
}

/* No answer, although the record is a worker's: the reader would be of no use. */
static bool must_answer(const struct image *image, const struct ipacct_geo_record *r)
{
	bool letters = !r->country[0] && !r->country[1];

	letters |= r->country[0] >= 'A' && r->country[0] <= 'Z' && r->country[1] >= 'A' &&
		   r->country[1] <= 'Z';
	if (!r->sequence || r->sequence % 2 || r->address_class >= IPACCT_GEO_CLASSES)
		return false;
	return !(r->flags & IPACCT_GEO_KNOWN) ||
	       (letters && image_text(image, r->country_name) && image_text(image, r->region) &&
		image_text(image, r->city) && image_text(image, r->as_org) &&
		image_text(image, r->name));
}

/* ---- The reader over them ------------------------------------------------------------------- */

static void ask(struct ipacct_geo *geo, const struct image *image, uint32_t i)
{
	struct ipacct_geo_record record;
	struct ipacct_geo_info info;
	int r;

	memcpy(&record, image->data + IPACCT_GEO_HEADER_BYTES + (size_t)i * sizeof(record),
	       sizeof(record));
	r = ipacct_geo_find(geo, i, &record.key, &info);
	require(r == 0 || r == -ENOENT || r == -EAGAIN);
	if (r == 0) {
		fuzz_geo_seen.answers++;
		require_answer(image, &record, &info);
		record.key.domain++;
		require(ipacct_geo_find(geo, i, &record.key, &info) == -ENOENT);
		return;
	}
	fuzz_geo_seen.no_answers++;
	require(!must_answer(image, &record));
	require((r == -EAGAIN) == (record.sequence % 2 == 1));
}

static void ask_all(struct ipacct_geo *geo, const struct image *image)
{
	uint32_t n = image->header.n_records_max;
	struct ipacct_key key = { .domain = 0 };
	struct ipacct_geo_info info;

	for (uint32_t i = 0; i < n && i < RECORDS_ASKED; i++)
		ask(geo, image, i);
	for (uint32_t i = n > RECORDS_ASKED ? n - RECORDS_ASKED : n; i < n; i++)
		ask(geo, image, i);
	require(ipacct_geo_find(geo, n, &key, &info) == -ENOENT);
	require(ipacct_geo_find(geo, UINT32_MAX, &key, &info) == -ENOENT);
}

static char dir[64], path[64];

/* In a directory of its own, on tmpfs as /run is. */
static void store(const uint8_t *data, size_t bytes)
{
	int fd;

	strcpy(dir, "/dev/shm/ipacct-fuzz-geo.XXXXXX");
	require(mkdtemp(dir) != NULL);
	require((size_t)snprintf(path, sizeof(path), "%s/%s", dir, IPACCT_GEO_NAME) < sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	require(fd >= 0 && pwrite(fd, data, bytes, 0) == (ssize_t)bytes && close(fd) == 0);
}

static void discard(void)
{
	require(unlink(path) == 0 && rmdir(dir) == 0);
}

/* The same file again with one half gone, and with other bytes: nothing is asked of the answers but
 * that they are safe. */
static void change_under(struct ipacct_geo *geo, struct image *image)
{
	struct ipacct_geo_record record;
	struct ipacct_geo_info info;

	require(truncate(path, (off_t)image->bytes / 2) == 0);
	(void)ipacct_geo_refresh(geo); /* may be refused */
	for (uint32_t i = 0; i < image->header.n_records_max && i < RECORDS_ASKED; i++) {
		memcpy(&record, image->data + IPACCT_GEO_HEADER_BYTES + (size_t)i * sizeof(record),
		       sizeof(record));
		if (ipacct_geo_find(geo, i, &record.key, &info))
			continue;
		require_safe(info.as_org);
		require_safe(info.city);
		require_safe(info.name);
	}
}

static void check_opened(struct ipacct_geo *geo, struct image *image)
{
	fuzz_geo_seen.opened++;
	ask_all(geo, image);
	for (unsigned int i = 0; i < IPACCT_GEO_DATABASES_MAX; i++)
		require_safe(ipacct_geo_header(geo)->databases[i].path);
	require(ipacct_geo_refresh(geo) == 0);
	ask_all(geo, image);
	change_under(geo, image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct image image = { .data = data, .bytes = n_bytes };
	struct ipacct_problem problem;
	struct ipacct_geo *geo = NULL;
	int r;

	store(data, n_bytes);
	r = ipacct_geo_open(dir, &geo, &problem);
	require((r == 0) == image_valid(&image));
	if (r == 0) {
		check_opened(geo, &image);
	} else {
		fuzz_geo_seen.refused++;
		require((r == -EBADMSG || r == -EPROTO) && problem.text[0]);
	}
	ipacct_geo_close(geo);
	discard();
	return 0;
}
