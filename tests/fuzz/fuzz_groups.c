/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer target: the list of groups as text, and its file. The first octet says which. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config_groups.h"
#include "group_list.h"
#include "group_mask.h"
#include "require.h"

#define ERROR_BYTES 1024u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* By any list: nothing is lost, and what is left is masked. */
static void check_mask(const struct ipacct_group_list *list, const struct ipacct_key *keys,
		       uint32_t n)
{
	struct ipacct_counters counters = { 1, 2, 3, 4 };
	struct ipacct_table table = { .seed = 1 };
	struct ipacct_mask mask = { .n_lookups = 0 };
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		require(!ipacct_table_add(&table, &keys[i], 128, &counters));
	require(ipacct_mask_apply(&mask, list, &table) >= 0);
	for (uint32_t i = 0; i < table.n_entries; i++) {
		require(!ipacct_key_is_rollup(&table.entries[i].key, table.entries[i].prefix_len));
		require(table.entries[i].prefix_len <= 128);
		sum += table.entries[i].counters.tx_packets;
	}
	require(sum == n);
	ipacct_mask_finish(&mask);
	ipacct_table_finish(&table);
}

/* Any file: whoever it belongs to, the answer is in the list. */
static void check_file(const void *bytes, size_t n_bytes)
{
	int fd = memfd_create("groups", MFD_CLOEXEC);
	struct ipacct_group_list list;
	struct ipacct_key key = { .addr_be = { 0 } }, keys[64];

	require(fd >= 0 && write(fd, bytes, n_bytes) == (ssize_t)n_bytes);
	if (!ipacct_group_list_map(fd, &list, NULL)) {
		for (unsigned int i = 0; i < 64; i++) {
			uint32_t group, at = i * 29;
			char name[IPACCT_SERIES_NAME_BYTES];

			if (n_bytes >= sizeof(key))
				memcpy(&key, (const char *)bytes + at % (n_bytes - sizeof(key) + 1),
				       sizeof(key));
			keys[i] = key;
			group = ipacct_group_list_find(&list, &key);
			require(group == IPACCT_GROUP_NONE || group < list.n_groups);
			if (group != IPACCT_GROUP_NONE)
				ipacct_group_list_name(&list, group, name);
		}
		check_mask(&list, keys, 64);
		ipacct_group_list_unmap(&list);
	}
	close(fd);
}

/* What was accepted: each prefix is of the group that its own first address finds, or of a longer one. */
static void check_image(const struct group_image *image)
{
	int fd = memfd_create("groups", MFD_CLOEXEC);
	struct ipacct_group_list list;

	require(fd >= 0 && write(fd, image->header, image->header->file_bytes) ==
				   (ssize_t)image->header->file_bytes);
	require(!ipacct_group_list_map(fd, &list, NULL));
	for (uint32_t i = 0; i < list.n_prefixes; i++) {
		const struct ipacct_groups_prefix *prefix = &list.prefixes[i];
		struct ipacct_key key = { .domain = (uint16_t)prefix->domain };
		uint32_t group;

		require(prefix->group < list.n_groups && prefix->prefix_len <= 128);
		require(prefix->parent < i || prefix->parent == IPACCT_GROUPS_NO_PARENT);
		require(!prefix->mask_len ||
			(prefix->mask_len >= IPACCT_MASK_LEN_MIN &&
			 prefix->mask_len >= prefix->prefix_len && prefix->mask_len < 128));
		memcpy(key.addr_be, prefix->addr_be, sizeof(key.addr_be));
		check_mask(&list, &key, 1);
		group = ipacct_group_list_find(&list, &key);
		require(group < list.n_groups);
		require(prefix->prefix_len < 128 || prefix->domain == IPACCT_GROUPS_EVERY_DOMAIN ||
			group == prefix->group);
	}
	ipacct_group_list_unmap(&list);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct group_image image = { 0 };
	char error[ERROR_BYTES] = "", *text;

	if (!n_bytes)
		return 0;
	if (data[0] & 0x80) {
		check_file(data + 1, n_bytes - 1);
		return 0;
	}
	text = malloc(n_bytes); /* exactly: a read behind it is found */
	require(text != NULL);
	memcpy(text, data + 1, n_bytes - 1);
	if (config_groups_parse("fuzz", text, n_bytes - 1, &image, error, sizeof(error))) {
		check_place(error);
	} else {
		check_image(&image);
		group_image_finish(&image);
	}
	free(text);
	return 0;
}
