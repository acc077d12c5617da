/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The geo file seen by its one writer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/mix.h"
#include "base/text.h"
#include "geo_table.h"

#define SLOTS_MIN 1024u

bool geo_header_fits(const struct ipacct_geo_header *header, uint64_t bytes)
{
	return header->magic == IPACCT_GEO_MAGIC && header->version == IPACCT_GEO_VERSION &&
	       header->header_bytes == IPACCT_GEO_HEADER_BYTES &&
	       header->record_bytes == sizeof(struct ipacct_geo_record) && header->n_records_max &&
	       header->strings_bytes_max &&
	       header->strings_at == geo_strings_at(header->n_records_max) &&
	       header->file_bytes ==
		       geo_file_bytes(header->n_records_max, header->strings_bytes_max) &&
	       header->file_bytes <= bytes && header->strings_bytes <= header->strings_bytes_max;
}

static uint32_t slot_of(const struct geo_table *table, const char *text, size_t n)
{
	uint64_t hash = table->seed ^ n;

	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), text += sizeof(uint64_t)) {
		uint64_t part;

		memcpy(&part, text, sizeof(part));
		hash = ipacct_mix64(hash ^ part);
	}
	for (; n; n--, text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL; /* FNV-1a, 64 bits */
	return (uint32_t)ipacct_mix64(hash) & (table->n_slots - 1);
}

/* The slot that holds this text, or the free one where it belongs. */
static uint32_t slot_find(const struct geo_table *table, const char *text, size_t n)
{
	uint32_t slot = slot_of(table, text, n);

	while (table->index[slot] && (strncmp(table->strings + table->index[slot], text, n) ||
				      table->strings[table->index[slot] + n]))
		slot = (slot + 1) & (table->n_slots - 1);
	return slot;
}

/* Twice the slots; every string finds its place again. */
static int index_grow(struct geo_table *table)
{
	uint32_t *old = table->index, n_old = table->n_slots;
	uint32_t n = n_old ? 2 * n_old : SLOTS_MIN;
	uint32_t *index = calloc(n, sizeof(*index));

	if (!index)
		return -ENOMEM;
	table->index = index;
	table->n_slots = n;
	for (uint32_t i = 0; i < n_old; i++) {
		const char *text = table->strings + old[i];

		if (old[i])
			index[slot_find(table, text, strlen(text))] = old[i];
	}
	free(old);
	return 0;
}

static int index_room(struct geo_table *table)
{
	return table->n_strings + 1 < table->n_slots / 2 ? 0 : index_grow(table);
}

/* The strings that are there already, so that none is written twice. Each must end in the table. */
static int strings_take_up(struct geo_table *table)
{
	uint32_t used = table->header->strings_bytes, at = 1;

	if (!used) { /* a new file; offset 0 is "" */
		table->strings[0] = '\0';
		used = 1;
	}
	if (used > table->strings_bytes_max || table->strings[0] || table->strings[used - 1])
		return -EBADMSG;
	table->strings_bytes = used;
	while (at < used) {
		size_t n = strlen(table->strings + at); /* ends: the last byte is NUL */
		uint32_t slot;

		if (n >= GEO_STRING_BYTES || index_room(table))
			return n >= GEO_STRING_BYTES ? -EBADMSG : -ENOMEM;
		slot = slot_find(table, table->strings + at, n);
		if (n && !table->index[slot]) {
			table->index[slot] = at;
			table->n_strings++;
		}
		at += (uint32_t)n + 1;
	}
	__atomic_store_n(&table->header->strings_bytes, used, __ATOMIC_RELEASE);
	return 0;
}

static void sequence_open(struct ipacct_geo_record *record, uint32_t odd)
{
	__atomic_store_n(&record->sequence, odd, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void sequence_close(struct ipacct_geo_record *record, uint32_t even)
{
	__atomic_store_n(&record->sequence, even, __ATOMIC_RELEASE);
}

/* A half-written record becomes one that was never written. */
static void record_repair(struct ipacct_geo_record *record)
{
	memset((char *)record + sizeof(record->sequence), 0,
	       sizeof(*record) - sizeof(record->sequence));
	sequence_close(record, 0);
}

static void records_take_up(struct geo_table *table)
{
	for (uint32_t i = 0; i < table->n_records_max; i++) {
		struct ipacct_geo_record *record = &table->records[i];

		if (record->sequence & 1)
			record_repair(record);
		else if (record->sequence && record->flags & IPACCT_GEO_KNOWN)
			table->n_known++;
		else if (record->sequence)
			table->n_negative++;
	}
}

static int take_up(struct geo_table *table)
{
	int ret;

	if (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		return -errno;
	ret = index_room(table);
	if (!ret)
		ret = strings_take_up(table);
	if (!ret)
		records_take_up(table);
	return ret;
}

int geo_table_map(int fd, struct geo_table *ret_table)
{
	struct geo_table table = {};
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < IPACCT_GEO_HEADER_BYTES)
		return -EBADMSG;
	table.bytes = (size_t)st.st_size;
	table.at = mmap(NULL, table.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table.at == MAP_FAILED)
		return -errno;
	table.header = table.at;
	table.n_records_max = table.header->n_records_max;
	table.strings_bytes_max = table.header->strings_bytes_max;
	table.records = (struct ipacct_geo_record *)((char *)table.at + IPACCT_GEO_HEADER_BYTES);
	table.strings = (char *)table.at + geo_strings_at(table.n_records_max);
	ret = geo_header_fits(table.header, table.bytes) ? take_up(&table) : -EBADMSG;
	if (ret)
		geo_table_unmap(&table);
	else
		*ret_table = table;
	return ret;
}

void geo_table_unmap(struct geo_table *table)
{
	if (table->at)
		munmap(table->at, table->bytes);
	free(table->index);
	memset(table, 0, sizeof(*table));
}

/* As it may be shown: at most GEO_STRING_BYTES − 1, whole characters, nothing a terminal obeys. */
static size_t text_prepare(const char *text, size_t text_bytes, char ret_text[GEO_STRING_BYTES])
{
	size_t n = strnlen(text, text_bytes);

	if (n >= GEO_STRING_BYTES) {
		n = GEO_STRING_BYTES - 1;
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80) /* RFC 3629 3 */
			n--;
	}
	memcpy(ret_text, text, n);
	ret_text[n] = '\0';
	text_make_safe(ret_text);
	return n;
}

uint32_t geo_table_intern(struct geo_table *table, const char *text, size_t text_bytes)
{
	char safe[GEO_STRING_BYTES];
	size_t n = text_prepare(text, text_bytes, safe);
	uint32_t at = table->strings_bytes, slot;

	if (!n)
		return 0;
	slot = slot_find(table, safe, n);
	if (table->index[slot])
		return table->index[slot];
	if (n + 1 > table->strings_bytes_max - at || index_room(table)) {
		table->header->strings_full++;
		return 0;
	}
	slot = slot_find(table, safe, n); /* the index may have grown */
	memcpy(table->strings + at, safe, n + 1);
	table->index[slot] = at;
	table->n_strings++;
	table->strings_bytes = at + (uint32_t)n + 1;
	__atomic_store_n(&table->header->strings_bytes, table->strings_bytes, __ATOMIC_RELEASE);
	return at;
}

bool geo_table_current(const struct geo_table *table, uint32_t i, const struct ipacct_key *key,
		       uint32_t generation)
{
	const struct ipacct_geo_record *record = &table->records[i];

	return record->sequence && record->generation == generation &&
	       !memcmp(&record->key, key, sizeof(*key));
}

static uint64_t *count_of(struct geo_table *table, uint8_t flags)
{
	return flags & IPACCT_GEO_KNOWN ? &table->n_known : &table->n_negative;
}

void geo_table_write(struct geo_table *table, uint32_t i, const struct ipacct_geo_record *content)
{
	struct ipacct_geo_record *record = &table->records[i];
	uint32_t odd = record->sequence | 1;

	if (record->sequence)
		--*count_of(table, record->flags);
	++*count_of(table, content->flags);
	sequence_open(record, odd);
	memcpy((char *)record + sizeof(record->sequence),
	       (const char *)content + sizeof(content->sequence),
	       sizeof(*record) - sizeof(record->sequence));
	sequence_close(record, odd + 1 ? odd + 1 : 2); /* 0 means never written */
	table->header->known = table->n_known;
	table->header->negative = table->n_negative;
}
