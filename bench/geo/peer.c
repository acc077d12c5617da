/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scrape as others make it: every address is asked for again, under the lock that counting needs,
 * and everything is copied. Beside it the same text from the geo file. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "ipacct/geo.h"
#include "peer.h"

#define FIELDS     4
#define LABELS_MAX 512u

/* What is cached of one address: copies. */
struct answer {
	char *address;
	char *field[FIELDS];
};

struct peer {
	const struct scene *scene;
	pthread_mutex_t lock;       /* of the counters: held for the whole scrape */
	pthread_mutex_t cache_lock; /* of the cache: taken for each address */
	struct answer *cache;
	size_t n_slots;
};

struct peer *peer_create(const struct scene *scene)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		die("calloc");
	peer->scene = scene;
	(void)pthread_mutex_init(&peer->lock, NULL);       /* never fails on Linux */
	(void)pthread_mutex_init(&peer->cache_lock, NULL); /* the same */
	for (peer->n_slots = 1; peer->n_slots < 2 * scene->n;)
		peer->n_slots *= 2;
	peer->cache = calloc(peer->n_slots, sizeof(*peer->cache));
	if (!peer->cache)
		die("calloc");
	return peer;
}

static void answer_drop(struct answer *answer)
{
	for (int i = 0; i < FIELDS; i++)
		free(answer->field[i]);
	free(answer->address);
	memset(answer, 0, sizeof(*answer));
}

void peer_destroy(struct peer *peer)
{
	for (size_t i = 0; i < peer->n_slots; i++)
		answer_drop(&peer->cache[i]);
	free(peer->cache);
	free(peer);
}

static char *copy(const char *text, size_t n)
{
	char *made = strndup(text, n);

	if (!made)
		die("strndup");
	return made;
}

/* One look-up by the address' text, four fields, each copied. */
static struct answer looked_up(struct peer *peer, const char *address)
{
	static const char *const country[] = { "country", "iso_code", NULL };
	static const char *const region[] = { "subdivisions", "0", "names", "en", NULL };
	static const char *const city[] = { "city", "names", "en", NULL };
	static const char *const as_org[] = { "autonomous_system_organization", NULL };
	static const char *const *const paths[FIELDS] = { country, region, city, as_org };
	struct answer answer = { .address = copy(address, strlen(address)) };
	int gai_error, error;
	MMDB_lookup_result_s found =
		MMDB_lookup_string(&peer->scene->mmdb, address, &gai_error, &error);

	if (gai_error || error != MMDB_SUCCESS || !found.found_entry)
		die("an address is not in the database");
	for (int i = 0; i < FIELDS; i++) {
		MMDB_entry_data_s data;

		if (MMDB_aget_value(&found.entry, &data, paths[i]) != MMDB_SUCCESS ||
		    !data.has_data)
			die("the database lacks a field");
		answer.field[i] = copy(data.utf8_string, data.data_size);
	}
	return answer;
}

static struct answer *slot_of(struct peer *peer, const char *address)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	size_t at;

	for (const char *c = address; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	for (at = hash % peer->n_slots; peer->cache[at].address; at = (at + 1) % peer->n_slots)
		if (!strcmp(peer->cache[at].address, address))
			break;
	return &peer->cache[at];
}

/* A copy of what the cache has; it is filled by the first who asks. */
static struct answer cached(struct peer *peer, const char *address)
{
	struct answer *slot, answer;

	pthread_mutex_lock(&peer->cache_lock);
	slot = slot_of(peer, address);
	if (!slot->address)
		*slot = looked_up(peer, address);
	answer.address = copy(slot->address, strlen(slot->address));
	for (int i = 0; i < FIELDS; i++)
		answer.field[i] = copy(slot->field[i], strlen(slot->field[i]));
	pthread_mutex_unlock(&peer->cache_lock);
	return answer;
}

static uint64_t count_of(uint32_t i)
{
	return ipacct_mix64(i) >> 30; /* any numbers, of a usual length */
}

void peer_scrape(struct peer *peer, bool warm, struct buffer *out)
{
	pthread_mutex_lock(&peer->lock);
	for (uint32_t i = 0; i < peer->scene->n; i++) {
		char address[INET_ADDRSTRLEN], labels[LABELS_MAX], line[LABELS_MAX + 64];
		struct answer answer;
		char *key;

		(void)inet_ntop(AF_INET, &peer->scene->keys[i].addr_be[3], address,
				sizeof(address));
		answer = warm ? cached(peer, address) : looked_up(peer, address);
		(void)snprintf(
			labels, sizeof(labels),
			"address=\"%s\",country=\"%s\",region=\"%s\",city=\"%s\",as_org=\"%s\"",
			answer.address, answer.field[0], answer.field[1], answer.field[2],
			answer.field[3]);
		key = copy(labels, strlen(labels)); /* of a client library's table of series */
		(void)snprintf(line, sizeof(line), "ipacct_l3_bytes_total{%s} %llu\n", key,
			       (unsigned long long)count_of(i));
		buffer_text(out, line);
		free(key);
		answer_drop(&answer);
	}
	pthread_mutex_unlock(&peer->lock);
}

static void address_write(struct buffer *out, uint32_t address_be)
{
	const unsigned char *byte = (const unsigned char *)&address_be;

	for (int i = 0; i < 4; i++) {
		if (i)
			buffer_char(out, '.');
		buffer_u64(out, byte[i]);
	}
}

void our_scrape(const struct scene *scene, struct ipacct_geo *geo, struct buffer *out)
{
	static const char *const names[FIELDS] = { "\",country=\"", "\",region=\"", "\",city=\"",
						   "\",as_org=\"" };
	struct ipacct_geo_info info;

	if (ipacct_geo_refresh(geo))
		die("refresh");
	for (uint32_t i = 0; i < scene->n; i++) {
		const char *fields[FIELDS];

		if (ipacct_geo_find(geo, i, &scene->keys[i], &info))
			die("a record is not in the geo file");
		fields[0] = info.country;
		fields[1] = info.region;
		fields[2] = info.city;
		fields[3] = info.as_org;
		buffer_text(out, "ipacct_l3_bytes_total{address=\"");
		address_write(out, scene->keys[i].addr_be[3]);
		for (int k = 0; k < FIELDS; k++) {
			buffer_text(out, names[k]);
			buffer_text(out, fields[k]);
		}
		buffer_text(out, "\"} ");
		buffer_u64(out, count_of(i));
		buffer_char(out, '\n');
	}
}
