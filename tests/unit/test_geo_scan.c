/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every address gets its answer, once. */
#include "geo_common.h"
#include "geo_scan.h"

#define N_ADDRESSES 10000u

struct scene {
	struct bench bench;
	struct ipacct_ledger_header header;
	struct ipacct_ledger ledger;
	struct geo_scan scan;
};

static void scene_init(struct scene *scene)
{
	struct ipacct_ledger *ledger = &scene->ledger;
	uint64_t digest;

	memset(scene, 0, sizeof(*scene));
	bench_init(&scene->bench);
	ledger->header = &scene->header;
	ledger->n_addresses_max = BENCH_RECORDS;
	ledger->addresses = calloc(BENCH_RECORDS, sizeof(*ledger->addresses));
	scene->header.cut = 1;
	for (uint32_t i = 0; i < BENCH_RECORDS; i++)
		ledger->addresses[i] = (struct ipacct_ledger_record){
			.key = key4(0x01000000 + i),
			.version = { { .cut = 1, .last_seen_ns = 1 } },
		};
	put_database(&scene->bench, "a", PAIRS("country_code", "DE"));
	want_database(&scene->bench, "a");
	geo_set_apply(&scene->bench.set, &scene->bench.settings);
	cr_assert_eq(geo_scan_init(&scene->scan, ledger, &scene->bench.table, &scene->bench.set),
		     0);
	cr_assert(geo_set_changed(&scene->bench.set, &digest));
	geo_scan_renew(&scene->scan, digest);
}

static void scene_finish(struct scene *scene)
{
	geo_scan_finish(&scene->scan);
	free(scene->ledger.addresses);
	bench_finish(&scene->bench);
}

/* One tick to its end; returns how many look-ups it took. */
static uint64_t tick(struct scene *scene)
{
	uint64_t before = scene->bench.table.header->lookups;
	unsigned int n_steps = 0;

	geo_scan_tick(&scene->scan);
	while (geo_scan_step(&scene->scan))
		cr_assert_lt(++n_steps, 1000, "no end");
	return scene->bench.table.header->lookups - before;
}

static void renew(struct scene *scene)
{
	uint64_t digest;

	geo_set_look(&scene->bench.set, true);
	cr_assert(geo_set_changed(&scene->bench.set, &digest));
	geo_scan_renew(&scene->scan, digest);
}

static void expect_all(const struct scene *scene, uint32_t n, char country, uint64_t generation)
{
	const struct ipacct_geo_record *records = scene->bench.table.records;

	for (uint32_t i = 0; i < n; i++)
		cr_assert(records[i].country[0] == country && records[i].sequence % 2 == 0 &&
				  records[i].generation == generation &&
				  !memcmp(&records[i].key, &scene->ledger.addresses[i].key,
					  sizeof(records[i].key)),
			  "record %u", i);
	cr_expect_eq(scene->bench.table.header->pending, 0);
	cr_expect_eq(scene->bench.table.header->known, n);
	cr_expect_eq(scene->bench.table.header->generation, generation);
}

Test(geo_scan, new_addresses_are_answered_in_their_tick_and_never_again)
{
	struct scene scene;

	scene_init(&scene);
	cr_expect_eq(tick(&scene), 0, "nothing to do");
	scene.header.n_addresses = N_ADDRESSES;
	cr_expect_eq(tick(&scene), N_ADDRESSES);
	expect_all(&scene, N_ADDRESSES, 'D', 1);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(tick(&scene), 0, "steady state");
	scene.header.n_addresses = BENCH_RECORDS;
	cr_expect_eq(tick(&scene), BENCH_RECORDS - N_ADDRESSES);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	scene_finish(&scene);
}

/* How many records have this country. */
static uint32_t count(const struct scene *scene, char country)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < scene->header.n_addresses; i++)
		n += scene->bench.table.records[i].country[0] == country;
	return n;
}

Test(geo_scan, other_database_means_one_pass_with_the_old_answers_until_then)
{
	struct scene scene;
	uint64_t lookups;

	scene_init(&scene);
	scene.header.n_addresses = N_ADDRESSES;
	(void)tick(&scene);
	put_database(&scene.bench, "a", PAIRS("country_code", "AT"));
	renew(&scene);
	lookups = scene.bench.table.header->lookups;
	do {
		uint32_t n_old = count(&scene, 'D'), n_new = count(&scene, 'A');

		cr_assert_eq(n_old + n_new, N_ADDRESSES, "every address has one or the other");
		cr_assert_eq(scene.bench.table.header->pending, n_old);
		cr_assert_eq(scene.bench.table.header->known, N_ADDRESSES);
	} while (geo_scan_step(&scene.scan));
	expect_all(&scene, N_ADDRESSES, 'A', 2);
	cr_expect_eq(scene.bench.table.header->lookups - lookups, N_ADDRESSES);
	cr_expect_eq(tick(&scene), 0);
	scene_finish(&scene);
}

Test(geo_scan, new_addresses_do_not_wait_for_a_pass)
{
	struct scene scene;

	scene_init(&scene);
	scene.header.n_addresses = N_ADDRESSES;
	(void)tick(&scene);
	put_database(&scene.bench, "a", PAIRS("country_code", "AT"));
	renew(&scene);
	scene.header.n_addresses = N_ADDRESSES + 10;
	(void)geo_scan_step(&scene.scan);
	for (uint32_t i = N_ADDRESSES; i < N_ADDRESSES + 10; i++)
		cr_expect_eq(scene.bench.table.records[i].country[0], 'A');
	cr_expect_gt(count(&scene, 'D'), 0, "the pass is not over");
	while (geo_scan_step(&scene.scan))
		;
	expect_all(&scene, N_ADDRESSES + 10, 'A', 2);
	scene_finish(&scene);
}

Test(geo_scan, database_changed_in_the_middle_of_a_pass_begins_it_again)
{
	struct scene scene;

	scene_init(&scene);
	scene.header.n_addresses = N_ADDRESSES;
	(void)tick(&scene);
	put_database(&scene.bench, "a", PAIRS("country_code", "AT"));
	renew(&scene);
	(void)geo_scan_step(&scene.scan);
	put_database(&scene.bench, "a", PAIRS("country_code", "CH"));
	renew(&scene);
	while (geo_scan_step(&scene.scan))
		;
	expect_all(&scene, N_ADDRESSES, 'C', 3);
	scene_finish(&scene);
}

Test(geo_scan, address_that_took_over_a_place_is_found_within_a_round)
{
	struct scene scene;
	uint64_t n = 0;

	scene_init(&scene);
	scene.header.n_addresses = BENCH_RECORDS;
	(void)tick(&scene);
	for (uint32_t i = 0; i < BENCH_RECORDS; i += 7)
		scene.ledger.addresses[i].key = key4(0x01800000 + i);
	for (int i = 0; i < 16; i++)
		n += tick(&scene);
	cr_expect_eq(n, (BENCH_RECORDS + 6) / 7);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	cr_expect_eq(tick(&scene), 0);
	scene_finish(&scene);
}

/* A cut after which some records are folded, as daemon/fold.c leaves them. */
static void fold(struct scene *scene, uint32_t step)
{
	uint64_t cut = scene->header.cut + 1;
	uint32_t n = 0;

	for (uint32_t i = 0; i < scene->header.n_addresses; i += step, n++)
		scene->ledger.addresses[i].version[cut % 2] =
			(struct ipacct_ledger_version){ .cut = cut };
	scene->header.version[cut % 2] = (struct ipacct_ledger_cut){
		.cut = cut,
		.folded_records = scene->header.version[!(cut % 2)].folded_records + n,
	};
	scene->header.cut = cut;
}

/* Another address takes each of these places; committed in the next cut. */
static void take(struct scene *scene, uint32_t step, uint32_t address)
{
	uint64_t cut = scene->header.cut + 1;

	for (uint32_t i = 0; i < scene->header.n_addresses; i += step) {
		scene->ledger.addresses[i].key = key4(address + i);
		scene->ledger.addresses[i].version[cut % 2] =
			(struct ipacct_ledger_version){ .cut = cut, .last_seen_ns = 1 };
	}
	scene->header.version[cut % 2] = scene->header.version[!(cut % 2)];
	scene->header.version[cut % 2].cut = cut;
	scene->header.cut = cut;
}

#define N_TAKEN ((BENCH_RECORDS + 6) / 7)

Test(geo_scan, address_that_takes_a_folded_place_is_answered_in_its_tick)
{
	struct scene scene;

	scene_init(&scene);
	scene.header.n_addresses = BENCH_RECORDS;
	(void)tick(&scene);
	fold(&scene, 7);
	cr_expect_eq(tick(&scene), 0, "a free place asks nothing");
	for (int i = 0; i < 5; i++)
		cr_expect_eq(tick(&scene), 0);
	take(&scene, 7, 0x01800000); /* long after the fold */
	cr_expect_eq(tick(&scene), N_TAKEN);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	fold(&scene, 7);
	take(&scene, 7, 0x01900000); /* before anybody looked */
	cr_expect_eq(tick(&scene), N_TAKEN);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	cr_expect_eq(tick(&scene), 0);
	scene_finish(&scene);
}

Test(geo_scan, key_that_was_read_while_it_changed_is_read_again)
{
	struct scene scene;

	scene_init(&scene);
	scene.header.n_addresses = BENCH_RECORDS;
	(void)tick(&scene);
	fold(&scene, 7);
	(void)tick(&scene);
	for (uint32_t i = 0; i < BENCH_RECORDS; i += 7) /* half of the new key, not committed */
		scene.ledger.addresses[i].key.addr_be[3] = htonl(0x01ffff00);
	(void)tick(&scene);
	take(&scene, 7, 0x01800000);
	cr_expect_eq(tick(&scene), N_TAKEN);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	scene_finish(&scene);
}

Test(geo_scan, worker_that_starts_again_asks_nothing_when_nothing_has_changed)
{
	struct scene scene;
	struct bench *bench = &scene.bench;
	uint64_t digest;

	scene_init(&scene);
	scene.header.n_addresses = N_ADDRESSES;
	(void)tick(&scene);
	bench->table.records[5].sequence++; /* it died there */
	geo_set_finish(&bench->set);
	geo_table_unmap(&bench->table);
	cr_assert_eq(geo_table_map(bench->geo_fd, &bench->table), 0);
	cr_expect_eq(bench->table.records[5].sequence, 0, "as if it had never been written");
	cr_assert_eq(geo_set_init(&bench->set, &bench->table, &bench->memory, bench->copy_fds,
				  64u << 20),
		     0);
	geo_set_apply(&bench->set, &bench->settings);
	geo_scan_finish(&scene.scan);
	cr_assert_eq(geo_scan_init(&scene.scan, &scene.ledger, &bench->table, &bench->set), 0);
	cr_assert(geo_set_changed(&bench->set, &digest));
	geo_scan_renew(&scene.scan, digest);
	cr_expect_eq(tick(&scene), 1, "the half-written one only");
	expect_all(&scene, N_ADDRESSES, 'D', 1);
	scene_finish(&scene);
}

Test(geo_scan, ledger_that_lies_about_its_size_is_not_followed)
{
	struct scene scene;

	scene_init(&scene);
	scene.header.n_addresses = UINT32_MAX;
	(void)tick(&scene);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	scene.header.n_addresses = 10;
	(void)tick(&scene);
	cr_expect_eq(scene.bench.table.header->pending, 0);
	scene.ledger.n_addresses_max = 2 * BENCH_RECORDS; /* more than the geo file has */
	scene.header.n_addresses = 2 * BENCH_RECORDS;
	(void)tick(&scene);
	expect_all(&scene, BENCH_RECORDS, 'D', 1);
	scene_finish(&scene);
}
