// SPDX-License-Identifier: GPL-2.0-or-later
/* Displacements, step by step. */
#include "displace.h"

#include <string.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "counters_math.h"
#include "hot_lines.h"

uint32_t displace_index(const struct crowd *crowd)
{
	return IPACCT_EPOCHS + (crowd->stage.maps.ctl->epoch & 1);
}

/* The line that holds the key now. */
static char *line_of(const struct crowd *crowd, const struct ipacct_key *key, bool ipv6)
{
	const struct ipacct_maps *maps = &crowd->stage.maps;
	uint32_t n = hot_lines(&maps->meta, ipv6);
	char *lines = ipv6 ? (char *)maps->hot6 : (char *)maps->hot4;

	lines += (displace_index(crowd) - IPACCT_EPOCHS) * n * hot_line_bytes(ipv6);
	for (uint32_t i = 0; i < n; i++, lines += hot_line_bytes(ipv6)) {
		struct ipacct_key found = hot_line_key(lines, ipv6);

		if (hot_line_flags(lines, ipv6) && !memcmp(&found, key, sizeof(found)))
			return lines;
	}
	cr_assert_fail("the address has no line");
	return NULL;
}

/* An IPv4 line is met while it still has its key, an IPv6 line after that. */
static void line_empty(void *line, bool ipv6)
{
	struct ipacct_hot4_line *line4 = line, kept = *line4;

	memset(line, 0, hot_line_bytes(ipv6));
	if (ipv6)
		return;
	line4->addr_be = kept.addr_be;
	line4->domain = kept.domain;
}

void displaced_take(struct displaced *displaced, const struct crowd *crowd, struct ipacct_key key)
{
	bool ipv6 = !ipacct_key_is_ipv4(&key);
	char *line = line_of(crowd, &key, ipv6);
	struct ipacct_counters had = hot_line_counters(line, ipv6);
	uint32_t index = displace_index(crowd);

	*displaced = (struct displaced){ .key = key };
	(void)bpf_map_lookup_elem(crowd->stage.maps.lru_fds[index], &key,
				  &displaced->record); /* or it is its first one */
	ipacct_counters_add(&displaced->record, &had);
	crowd->stage.maps.parts[index].hot_displaced++;
	line_empty(line, ipv6);
}

void displaced_put(const struct crowd *crowd, const struct displaced *displaced,
		   const struct ipacct_counters *record)
{
	uint32_t index = displace_index(crowd);
	int fd = crowd->stage.maps.lru_fds[index];
	struct ipacct_counters found;

	if (bpf_map_lookup_elem(fd, &displaced->key, &found))
		crowd->stage.maps.parts[index].lru_inserts++;
	cr_assert_eq(bpf_map_update_elem(fd, &displaced->key, record, BPF_ANY), 0);
}

void displace(const struct crowd *crowd, struct ipacct_key key)
{
	struct displaced displaced;

	displaced_take(&displaced, crowd, key);
	displaced_put(crowd, &displaced, &displaced.record);
}
