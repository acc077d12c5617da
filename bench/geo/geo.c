/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known about an address: read from the geo file, and looked up in a database. */
#include <arpa/inet.h>
#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "../../tests/geo_image.h"
#include "base/mix.h"
#include "peer.h"

#define NETWORKS      300000u /* make_mmdb.pl */
#define STRINGS_BYTES (4u << 20)
#define RUNS          7 /* pairs of a ratio; odd, so that a median is one of them */
#define RUNS_QUICK    3
#define PASSES_OF     2000000u /* look-ups in one sample, at least */

struct samples {
	double value[RUNS];
	int n;
};

void die(const char *what)
{
	perror(what);
	exit(1);
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct samples sorted(struct samples samples)
{
	qsort(samples.value, (size_t)samples.n, sizeof(double), compare);
	return samples;
}

/* The ratio is the median of the ratios run by run: the machine is shared. */
static void print_figure(FILE *json, const char *name, struct samples samples,
			 const char *baseline_name, const struct samples *baseline)
{
	struct samples ratios = { .n = 0 }, s = sorted(samples);

	for (int i = 0; baseline && i < samples.n; i++)
		ratios.value[ratios.n++] = baseline->value[i] / samples.value[i];
	ratios = sorted(ratios);
	printf("%-44s %9.2f ns/address  %8.2f … %.2f", name, s.value[s.n / 2], s.value[0],
	       s.value[s.n - 1]);
	if (baseline)
		printf("  %.1f x faster (%.1f … %.1f)", ratios.value[ratios.n / 2], ratios.value[0],
		       ratios.value[ratios.n - 1]);
	putchar('\n');
	if (!json)
		return;
	fprintf(json,
		"{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"ns/address\",\"n\":%d,\"min\":%.3f,"
		"\"max\":%.3f",
		name, s.value[s.n / 2], s.n, s.value[0], s.value[s.n - 1]);
	if (baseline)
		fprintf(json, ",\"baseline\":\"%s\",\"ratio\":%.3f", baseline_name,
			ratios.value[ratios.n / 2]);
	fputs("}\n", json);
}

/* ---- The look-up: one walk down the tree, four fields ---------------------------------------- */

static const char *const country_path[] = { "country", "iso_code", NULL };
static const char *const region_path[] = { "subdivisions", "0", "names", "en", NULL };
static const char *const city_path[] = { "city", "names", "en", NULL };
static const char *const as_org_path[] = { "autonomous_system_organization", NULL };

static void field(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *ret_data)
{
	if (MMDB_aget_value(entry, ret_data, path) != MMDB_SUCCESS || !ret_data->has_data)
		die("the database lacks a field");
}

static void look_up(const struct scene *scene, uint32_t i, MMDB_entry_data_s ret_fields[4])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { scene->keys[i].addr_be[3] } };
	MMDB_lookup_result_s found;
	int error;

	found = MMDB_lookup_sockaddr(&scene->mmdb, (const struct sockaddr *)&address, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		die("an address is not in the database");
	field(&found.entry, country_path, &ret_fields[0]);
	field(&found.entry, region_path, &ret_fields[1]);
	field(&found.entry, city_path, &ret_fields[2]);
	field(&found.entry, as_org_path, &ret_fields[3]);
}

/* Both ways touch the last octet of each field, and the sums must be equal. */
static uint64_t sum_look_ups(const struct scene *scene, const uint32_t *order)
{
	MMDB_entry_data_s fields[4];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < scene->n; i++) {
		look_up(scene, order ? order[i] : i, fields);
		for (int f = 0; f < 4; f++)
			sum += (unsigned char)fields[f].utf8_string[0];
	}
	return sum;
}

static uint64_t sum_reads(const struct scene *scene, struct ipacct_geo *geo, const uint32_t *order)
{
	struct ipacct_geo_info info;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < scene->n; i++) {
		uint32_t at = order ? order[i] : i;

		if (ipacct_geo_find(geo, at, &scene->keys[at], &info))
			die("a record is not in the geo file");
		sum += (unsigned char)info.country[0] + (unsigned char)info.region[0] +
		       (unsigned char)info.city[0] + (unsigned char)info.as_org[0];
	}
	return sum;
}

/* ---- The scene -------------------------------------------------------------------------------- */

/* Which text is already in the table: make_mmdb.pl knows 20,000 places, so a text is found by the
 * place in the database that it is read from. */
struct interned {
	const char *from;
	uint32_t offset;
};

#define INTERNED_SLOTS (1u << 18)

static uint32_t intern(struct geo_image *image, struct interned *table,
		       const MMDB_entry_data_s *data)
{
	uint32_t at = (uint32_t)ipacct_mix64((uint64_t)(uintptr_t)data->utf8_string);
	struct interned *slot;

	for (;; at++) {
		slot = &table[at % INTERNED_SLOTS];
		if (!slot->from || slot->from == data->utf8_string)
			break;
	}
	if (!slot->from) {
		uint32_t used = image->header->strings_bytes;

		if (data->data_size + 1 > STRINGS_BYTES - used)
			die("no room for the names");
		memcpy(image->strings + used, data->utf8_string, data->data_size);
		image->header->strings_bytes += data->data_size + 1;
		*slot = (struct interned){ data->utf8_string, used };
	}
	return slot->offset;
}

static void write_geo_file(const struct scene *scene)
{
	struct interned *table = calloc(INTERNED_SLOTS, sizeof(*table));
	MMDB_entry_data_s fields[4];
	struct geo_image image;

	if (!table)
		die("calloc");
	geo_image_init(&image, scene->n, STRINGS_BYTES);
	for (uint32_t i = 0; i < scene->n; i++) {
		struct ipacct_geo_record *record = &image.records[i];

		look_up(scene, i, fields);
		*record = (struct ipacct_geo_record){
			.sequence = 2,
			.key = scene->keys[i],
			.flags = IPACCT_GEO_KNOWN,
			.asn = 64500,
			.region = intern(&image, table, &fields[1]),
			.city = intern(&image, table, &fields[2]),
			.as_org = intern(&image, table, &fields[3]),
			.generation = 1,
		};
		memcpy(record->country, fields[0].utf8_string, sizeof(record->country));
	}
	if (geo_image_write(&image, scene->path))
		die(scene->path);
	geo_image_finish(&image);
	free(table);
}

static void scene_init(struct scene *scene, const char *database, uint32_t n)
{
	uint64_t random = n;

	memset(scene, 0, sizeof(*scene));
	scene->n = n;
	scene->keys = calloc(n, sizeof(*scene->keys));
	scene->order = calloc(n, sizeof(*scene->order));
	if (!scene->keys || !scene->order)
		die("calloc");
	if (MMDB_open(database, MMDB_MODE_MMAP, &scene->mmdb) != MMDB_SUCCESS)
		die(database);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t r = ipacct_mix64(++random);
		uint32_t network = (uint32_t)(r % NETWORKS);
		uint32_t address = 0x01000000u + network * 3 * 4096 + (uint32_t)(r >> 40) % 4096;
		uint32_t other = (uint32_t)(ipacct_mix64(r) % (i + 1));

		scene->keys[i].addr_be[2] = htonl(0xffff);
		scene->keys[i].addr_be[3] = htonl(address);
		scene->order[i] = scene->order[other];
		scene->order[other] = i;
	}
	strcpy(scene->dir, "/dev/shm/ipacct-bench-geo.XXXXXX"); /* tmpfs, as /run is */
	if (!mkdtemp(scene->dir))
		die(scene->dir);
	snprintf(scene->path, sizeof(scene->path), "%s/%s", scene->dir, IPACCT_GEO_NAME);
	write_geo_file(scene);
}

static void scene_finish(struct scene *scene)
{
	(void)unlink(scene->path);
	(void)rmdir(scene->dir);
	MMDB_close(&scene->mmdb);
	free(scene->keys);
	free(scene->order);
}

/* ---- The cases -------------------------------------------------------------------------------- */

static struct ipacct_geo *open_geo(const struct scene *scene)
{
	struct ipacct_problem problem;
	struct ipacct_geo *geo;

	if (ipacct_geo_open(scene->dir, &geo, &problem)) {
		fprintf(stderr, "bench-geo: %s\n", problem.text);
		exit(1);
	}
	return geo;
}

enum {
	CASE_LOOK_UP,     /* in the ledger's order, as a scrape or a dump asks */
	CASE_LOOK_UP_ANY, /* in random order */
	CASE_READ,        /* a reader that is open, after a refresh: a scrape */
	CASE_READ_ANY,
	CASE_READ_FIRST, /* a reader that opens the file and asks everything once: a dump */
	CASES
};

static const char *const case_names[CASES] = {
	"look-up in a database",          "look-up in a database, random order",
	"geo file, open reader",          "geo file, open reader, random order",
	"geo file, opened and read once",
};

static uint64_t run_once(const struct scene *scene, int which, struct ipacct_geo *geo)
{
	uint64_t sum;

	switch (which) {
	case CASE_LOOK_UP:
		return sum_look_ups(scene, NULL);
	case CASE_LOOK_UP_ANY:
		return sum_look_ups(scene, scene->order);
	case CASE_READ_FIRST:
		geo = open_geo(scene);
		sum = sum_reads(scene, geo, NULL);
		ipacct_geo_close(geo);
		return sum;
	default:
		if (ipacct_geo_refresh(geo))
			die("refresh");
		return sum_reads(scene, geo, which == CASE_READ_ANY ? scene->order : NULL);
	}
}

static double scrape_ns(const struct scene *scene, struct peer *peer, int which,
			struct ipacct_geo *geo, struct buffer *out)
{
	double began = cpu_ns();

	buffer_reset(out);
	if (which == 2)
		our_scrape(scene, geo, out);
	else
		peer_scrape(peer, which == 1, out);
	return (cpu_ns() - began) / scene->n;
}

/* A line for each address in every scrape, which ours writes only into dumps. */
static void measure_scrapes(const struct scene *scene, int n_runs, FILE *json)
{
	static const char *const names[] = { "scrape of a peer, look-ups",
					     "scrape of a peer, cached",
					     "the same text from the geo file" };
	struct samples samples[3] = { 0 };
	struct peer *peer = peer_create(scene);
	struct ipacct_geo *geo = open_geo(scene);
	struct buffer text[3] = { 0 };
	char name[96];

	for (int which = 0; which < 3; which++)
		(void)scrape_ns(scene, peer, which, geo, &text[which]); /* memory, caches */
	for (int run = 0; run < n_runs; run++)
		for (int which = 0; which < 3; which++)
			samples[which].value[samples[which].n++] =
				scrape_ns(scene, peer, which, geo, &text[which]);
	for (int which = 0; which < 3; which++) {
		if (text[which].n != text[2].n || memcmp(text[which].text, text[2].text, text[2].n))
			die("the texts differ");
		snprintf(name, sizeof(name), "%u k addresses: %s", scene->n / 1000, names[which]);
		print_figure(json, name, samples[which], "peer", which == 2 ? &samples[0] : NULL);
	}
	snprintf(name, sizeof(name), "%u k addresses: the same, beside the cached one",
		 scene->n / 1000);
	print_figure(json, name, samples[2], "cached", &samples[1]);
	for (int which = 0; which < 3; which++)
		buffer_finish(&text[which]);
	ipacct_geo_close(geo);
	peer_destroy(peer);
}

static void measure(const struct scene *scene, int n_runs, FILE *json)
{
	static const int baseline_of[CASES] = { -1, -1, CASE_LOOK_UP, CASE_LOOK_UP_ANY,
						CASE_LOOK_UP };
	struct samples samples[CASES] = { 0 };
	uint32_t n_passes = (PASSES_OF + scene->n - 1) / scene->n;
	struct ipacct_geo *geo = open_geo(scene);
	uint64_t want = run_once(scene, CASE_LOOK_UP, NULL);
	char name[96];

	(void)run_once(scene, CASE_READ, geo); /* as after the first scrape */
	for (int run = 0; run < n_runs; run++) {
		for (int which = 0; which < CASES; which++) {
			double began = cpu_ns();

			for (uint32_t pass = 0; pass < n_passes; pass++)
				if (run_once(scene, which, geo) != want)
					die("the two do not say the same");
			samples[which].value[samples[which].n++] =
				(cpu_ns() - began) / n_passes / scene->n;
		}
	}
	for (int which = 0; which < CASES; which++) {
		snprintf(name, sizeof(name), "%u k addresses: %s", scene->n / 1000,
			 case_names[which]);
		print_figure(json, name, samples[which], "look-up",
			     baseline_of[which] < 0 ? NULL : &samples[baseline_of[which]]);
	}
	ipacct_geo_close(geo);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 100000, 1000000 };
	bool quick = argc > 2 && !strcmp(argv[2], "--quick");
	FILE *json = NULL;

	if (argc < 2) {
		fprintf(stderr, "usage: bench-geo DATABASE [--quick] [JSON-FILE]\n"
				"DATABASE is what bench/geo/make_mmdb.pl makes\n");
		return 2;
	}
	if (argc > 2 + quick) {
		json = fopen(argv[2 + quick], "a");
		if (!json)
			die(argv[2 + quick]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct scene scene;

		scene_init(&scene, argv[1], sizes[i]);
		measure(&scene, quick ? RUNS_QUICK : RUNS, json);
		measure_scrapes(&scene, quick ? RUNS_QUICK : RUNS, json);
		scene_finish(&scene);
	}
	return json && fclose(json) ? 1 : 0;
}
