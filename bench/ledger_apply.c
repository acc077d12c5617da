/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applying a cut to the ledger, alone: no map is read. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "datapath.h"
#include "group_mask.h"
#include "groups.h"
#include "groups_file.h"
#include "ledger_file.h"
#include "publish.h"

/* Every key once. Not in the order in which the ledger met them: a cut reads them as they lie in the
 * hot tier. n is a power of two. */
static int keys_add(struct ipacct_table *table, uint32_t n, uint32_t factor)
{
	struct ipacct_counters counters = { 1, 100, 2, 200 };
	int ret = 0;

	ipacct_table_reset(table);
	for (uint32_t i = 0; i < n && !ret; i++) {
		struct ipacct_key key = stage_key(4, BENCH_KIND_SOURCE, i * factor & (n - 1));

		ret = ipacct_table_add(table, &key, 128, &counters);
	}
	return ret;
}

static double apply(struct publisher *publisher, const struct ipacct_epoch *epoch)
{
	struct ipacct_ledger_cut facts = { .cut = publisher_cut(publisher) + 1, .cut_time_ns = 1 };
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
	int ret = publisher_apply(publisher, epoch, facts);

	if (ret)
		die("publisher_apply", ret);
	return clock_s(CLOCK_THREAD_CPUTIME_ID) - begun;
}

/* A customer for each /28 of the addresses, all of which move in every cut. */
static void groups_make(int dir_fd, uint32_t n)
{
	size_t room = (size_t)n / 16 * 48 + 1, at = 0;
	char *text = malloc(room);

	if (!text)
		die("malloc", ENOMEM);
	for (uint32_t i = 0; i < n; i += 16)
		at += (size_t)snprintf(text + at, room - at, "%u.%u.%u.%u/28 customer%u\n",
				       BENCH_KIND_SOURCE, i >> 16 & 255, i >> 8 & 255, i & 255, i);
	groups_set(dir_fd, text);
	free(text);
}

static void apply_measure(struct bench *bench, struct publisher *publisher, struct groups *groups,
			  const char *label, uint32_t n)
{
	static struct samples first, again, fold, grouped;
	static struct ipacct_epoch epoch; /* large */
	char name[FIGURE_NAME_BYTES];
	double per_key = 1e9 / n;

	first.n = again.n = fold.n = grouped.n = 0;
	if (ipacct_epoch_init(&epoch, false) || keys_add(&epoch.addresses, n, 1))
		die("epoch", ENOMEM);
	samples_add(&first, apply(publisher, &epoch) * per_key);
	for (int run = 0; run < 2 * bench->n_runs; run++) {
		double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

		if (keys_add(&epoch.addresses, n, 2654435761u))
			die("epoch", ENOMEM);
		samples_add(&fold, (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * per_key);
		samples_add(&again, apply(publisher, &epoch) * per_key);
		publisher->groups = groups;
		samples_add(&grouped, apply(publisher, &epoch) * per_key);
		publisher->groups = NULL;
	}
	figure(bench->json, name_of(name, label, "fold"), "ns/key", &fold, NULL, NULL);
	figure(bench->json, name_of(name, label, "first"), "ns/key", &first, NULL, NULL);
	figure(bench->json, name_of(name, label, "again"), "ns/key", &again, "fold", &fold);
	figure(bench->json, name_of(name, label, "groups"), "ns/key", &grouped, "again", &again);
	ipacct_epoch_finish(&epoch);
}

/* 16 privacy addresses of each /64, which are in a cut in no order; a customer for each /56. */
static struct ipacct_key shared_key(uint32_t i, uint32_t n)
{
	uint32_t at = i * 2654435761u & (n - 1);

	return (struct ipacct_key){ .addr_be = { htonl(0x20010db8), htonl(at / 16 << 8), at + 1,
						 at * 0x9e3779b1u } };
}

static struct ipacct_group_list shared_list(uint32_t n)
{
	int fd = memfd_create("list", MFD_CLOEXEC);
	struct ipacct_group_list list = {};
	struct ipacct_problem problem = {};
	size_t room = (size_t)n / 16 * 64 + 1, at = 0;
	struct group_image image = {};
	char *text = malloc(room);

	for (uint32_t i = 0; text && i < n / 16; i++)
		at += (size_t)snprintf(text + at, room - at,
				       "2001:db8:%x:%x::/56 c%u ipv6_len=56\n", i << 8 >> 16,
				       i << 8 & 0xffff, i);
	if (!text || fd < 0 ||
	    config_groups_parse("list", text, at, &image, problem.text, sizeof(problem.text)) ||
	    write(fd, image.header, image.header->file_bytes) !=
		    (ssize_t)image.header->file_bytes ||
	    ipacct_group_list_map(fd, &list, &problem))
		die(problem.text[0] ? problem.text : "list", EINVAL);
	group_image_finish(&image);
	free(text);
	close(fd);
	return list;
}

/* Masking alone: n IPv6 addresses, all of which share records; the first time every /64 is looked up. */
static void mask_measure(struct bench *bench, const char *label, uint32_t n)
{
	static struct samples first, again, fold;
	struct ipacct_group_list list = shared_list(n);
	struct ipacct_counters counters = { 1, 100, 2, 200 };
	struct ipacct_table table = { .seed = 1 };
	struct ipacct_mask mask = {};
	char name[FIGURE_NAME_BYTES];
	double per_key = 1e9 / n;

	first.n = again.n = fold.n = 0;
	for (int run = 0; run < 2 * bench->n_runs + 1; run++) {
		double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
		int ret = 0;

		ipacct_table_reset(&table);
		for (uint32_t i = 0; i < n && !ret; i++) {
			struct ipacct_key key = shared_key(i, n);

			ret = ipacct_table_add(&table, &key, 128, &counters);
		}
		samples_add(&fold, (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * per_key);
		begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
		if (ret || ipacct_mask_apply(&mask, &list, &table) != (int)(n - n / 16))
			die("mask", ENOMEM);
		samples_add(run ? &again : &first,
			    (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * per_key);
	}
	figure(bench->json, name_of(name, label, "mask_first"), "ns/key", &first, NULL, NULL);
	figure(bench->json, name_of(name, label, "mask"), "ns/key", &again, "fold", &fold);
	ipacct_mask_finish(&mask);
	ipacct_table_finish(&table);
	ipacct_group_list_unmap(&list);
}

static void ledger(struct bench *bench, const char *label, uint32_t n)
{
	uint32_t n_rollups = 4096, n_addresses = n;
	char dir[] = BENCH_SCRATCH "/apply.XXXXXX";
	struct ipacct_problem problem = {};
	struct publisher publisher;
	struct groups *groups = NULL;
	int list_fd, dir_fd, fd, ret;

	if (!wanted(bench, label))
		return;
	if (!mkdtemp(dir))
		die("mkdtemp", errno);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = ledger_file_prepare(dir_fd, getuid(), getgid(), &n_rollups, &n_addresses, &problem);
	if (!ret)
		groups_make(dir_fd, n);
	fd = ret ? ret : ledger_file_open(dir_fd);
	list_fd = groups_file_open(dir_fd, &problem);
	if (fd >= 0)
		ret = publisher_init(&publisher, fd, 1, &problem);
	if (fd >= 0 && !ret)
		ret = groups_init(&publisher.ledger, &publisher.addresses, list_fd, &groups,
				  &problem);
	if (ret || fd < 0)
		die(problem.text, ret);
	apply_measure(bench, &publisher, groups, label, n);
	mask_measure(bench, label, n);
	groups_finish(groups);
	publisher_finish(&publisher);
	close(list_fd);
	close(fd);
	groups_file_remove(dir_fd);
	(void)unlinkat(dir_fd, IPACCT_LEDGER_NAME, 0); /* the whole tmpfs goes at the end */
	close(dir_fd);
	(void)rmdir(dir);
}

void ledger_case(struct bench *bench)
{
	ledger(bench, "ledger/64k", 65536);
	if (!bench->quick)
		ledger(bench, "ledger/1m", 1048576);
}
