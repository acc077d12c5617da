/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger with addresses and their geo records, without maps. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger_file.h"
#include "metrics_stage.h"

_Noreturn void die(const char *what, int error)
{
	(void)fprintf(stderr, "metrics: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

double clock_s(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t random_state = 88172645463325252ULL; /* Marsaglia's example seed */

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * n >> 32);
}

static struct ipacct_key key_of(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(0x0a000000u + i) } };
}

void stage_open(struct stage *stage, uint32_t n_addresses)
{
	uint32_t n_rollups = 2 * IPACCT_DOMAINS_MAX + 8192, n_max = n_addresses;
	struct ipacct_problem problem = {};
	int ret;

	memset(stage, 0, sizeof(*stage));
	strcpy(stage->dir, "/tmp/ipacct-bench.XXXXXX");
	if (!mkdtemp(stage->dir))
		die("mkdtemp", errno);
	stage->dir_fd = open(stage->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = ledger_file_prepare(stage->dir_fd, getuid(), getgid(), &n_rollups, &n_max, &problem);
	if (ret)
		die("ledger", ret);
	stage->ledger_fd = ledger_file_open(stage->dir_fd);
	ret = publisher_init(&stage->publisher, stage->ledger_fd, 42, &problem);
	if (ret)
		die("publisher", ret);
	stage->epoch.interfaces[0].hook = IPACCT_HOOK_XDP;
	for (uint32_t i = 0; i < n_addresses; i++) {
		struct ipacct_counters one = { 1 + i % 7, 64 + i % 1400, 1 + i % 5, 64 + i % 900 };
		/* an odd multiplier visits each of 2^n addresses once, in no order */
		struct ipacct_key key = key_of(i * 2654435761u % n_addresses);

		ret = ipacct_table_add(&stage->epoch.addresses, &key, 128, &one);
		if (ret)
			die("table", ret);
	}
}

void geo_make(struct stage *stage)
{
	char path[128], text[32];
	uint32_t n = stage->publisher.ledger.header->n_addresses;

	geo_image_init(&stage->geo, n, 1 << 20);
	for (uint32_t i = 0; i < n; i++) {
		/* the square of a uniform number: few busy values, many small ones */
		uint32_t asn = random_below(2000), country;

		asn = asn * random_below(2000) / 2000;
		country = asn % 120;
		(void)snprintf(text, sizeof(text), "Network %u", asn);
		stage->geo.records[i] = (struct ipacct_geo_record){
			.sequence = 2,
			.key = stage->publisher.ledger.addresses[i].key,
			.country = { (char)('A' + country / 26), (char)('A' + country % 26) },
			.flags = IPACCT_GEO_KNOWN,
			.asn = 64496 + asn,
			.as_org = i < 4000 ? geo_image_text(&stage->geo, text) : 0,
			.generation = 1,
		};
	}
	(void)snprintf(path, sizeof(path), "%s/%s", stage->dir, IPACCT_GEO_NAME);
	if (geo_image_write(&stage->geo, path))
		die(path, errno);
}

void stage_close(struct stage *stage)
{
	char path[128];

	publisher_finish(&stage->publisher);
	ipacct_table_finish(&stage->epoch.addresses);
	close(stage->ledger_fd);
	(void)unlinkat(stage->dir_fd, IPACCT_LEDGER_NAME, 0);
	(void)snprintf(path, sizeof(path), "%s/%s", stage->dir, IPACCT_GEO_NAME);
	(void)unlink(path); /* may be absent */
	if (stage->geo.at)
		geo_image_finish(&stage->geo);
	close(stage->dir_fd);
	rmdir(stage->dir);
}

double publish_s(struct stage *stage)
{
	struct ipacct_ledger_cut facts = { .cut = ++stage->cut,
					   .cut_time_ns = stage->cut * 1000000000u };
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
	int ret = publisher_apply(&stage->publisher, &stage->epoch, facts);

	if (ret)
		die("publish", ret);
	return clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
}
