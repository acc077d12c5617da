/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What groups cost: packets and their cut with and without a list, and reading a list. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_groups.h"
#include "datapath.h"
#include "groups_reader.h"

#define WAYS       3
#define IPV6_WORDS 2048u  /* the addresses of a load lie in so many /32: shared.h */
#define CUSTOMERS  50000u /* of a list of a provider */
#define LINE_BYTES 64u

static const char *const ways[WAYS] = { "none", "groups", "masks" };

/* A customer for each /32; with masks, all of its addresses with the same 56 bits share a record. */
static char *list_make(bool masks)
{
	size_t room = IPV6_WORDS * LINE_BYTES, at = 0;
	char *text = malloc(room);

	if (!text)
		die("malloc", ENOMEM);
	for (uint32_t i = 0; i < IPV6_WORDS; i++)
		at += (size_t)snprintf(text + at, room - at, "%x:%x::/32 customer%u%s\n",
				       BENCH_IPV6_WORD(0, i) >> 16, BENCH_IPV6_WORD(0, i) & 0xffff,
				       i, masks ? " ipv6_len=56" : "");
	return text;
}

/* CPU nanoseconds per packet of one epoch: on the packet path, and with the cut after it. */
static void epoch_run(struct stage *stage, double *ret_path, double *ret_whole)
{
	double begun;

	*ret_path = stage_run(stage, 1, stage->bench->repeat);
	begun = clock_s(CLOCK_THREAD_CPUTIME_ID);
	stage_cut(stage);
	*ret_whole =
		*ret_path + (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e9 / stage->bench->repeat;
}

static void packets(struct bench *bench, const char *case_name, const char *load_name)
{
	struct stage_options options = { .load = load_named(load_name, 6),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	static struct samples path[WAYS], whole[WAYS];
	static struct stage stages[WAYS];
	char name[FIGURE_NAME_BYTES], part[FIGURE_NAME_BYTES];
	double path_ns, whole_ns;

	if (!wanted(bench, case_name))
		return;
	memset(path, 0, sizeof(path));
	memset(whole, 0, sizeof(whole));
	for (int i = 0; i < WAYS; i++) {
		char *text = i ? list_make(i == 2) : NULL;

		options.groups = text;
		stage_open(&stages[i], bench, &options);
		free(text);
		epoch_run(&stages[i], &path_ns, &whole_ns); /* every address is new */
	}
	for (int run = 0; run < 2 * bench->n_runs; run++)
		for (int i = 0; i < WAYS; i++) {
			epoch_run(&stages[i], &path_ns, &whole_ns);
			samples_add(&path[i], path_ns);
			samples_add(&whole[i], whole_ns);
		}
	for (int i = 0; i < WAYS; i++) {
		(void)stage_verify(&stages[i], case_name);
		(void)snprintf(part, sizeof(part), "%s/path", case_name);
		figure(bench->json, name_of(name, part, ways[i]), "ns/packet", &path[i],
		       i ? ways[0] : NULL, i ? &path[0] : NULL);
		(void)snprintf(part, sizeof(part), "%s/with_cut", case_name);
		figure(bench->json, name_of(name, part, ways[i]), "ns/packet", &whole[i],
		       i ? ways[0] : NULL, i ? &whole[0] : NULL);
		stage_close(&stages[i]);
	}
}

/* n prefixes of a provider's customers in no order. n is a power of two. */
static char *many_make(uint32_t n, size_t *ret_bytes)
{
	size_t room = (size_t)n * LINE_BYTES, at = 0;
	char *text = malloc(room);

	if (!text)
		die("malloc", ENOMEM);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i * 2654435761u & (n - 1); /* Knuth's multiplicative hash */

		at += (size_t)snprintf(text + at, room - at, "10.%u.%u.%u/28 customer-%u\n",
				       k >> 12 & 255, k >> 4 & 255, (k & 15) << 4, k % CUSTOMERS);
	}
	*ret_bytes = at;
	return text;
}

static double parse_ms(const char *text, size_t bytes)
{
	struct ipacct_problem problem = {};
	double begun = clock_s(CLOCK_MONOTONIC);
	struct group_image image;

	if (config_groups_parse("list", text, bytes, &image, problem.text, sizeof(problem.text)))
		die(problem.text, EINVAL);
	begun = clock_s(CLOCK_MONOTONIC) - begun;
	group_image_finish(&image);
	return begun * 1e3;
}

/* As the supervisor has it read: a child without privileges, a sealed memfd, everything looked at. */
static double handed_over_ms(const char *path, uint32_t n)
{
	struct ipacct_problem problem = {};
	double begun = clock_s(CLOCK_MONOTONIC);
	struct groups_reader reader;
	struct group_image image;
	int ret;

	groups_reader_init(&reader);
	ret = groups_reader_start(&reader, path, 65534, 65534, GROUPS_READER_MS, &problem);
	while (!ret && (ret = groups_reader_serve(&reader, &image, &problem)) == -EAGAIN) {
		struct pollfd wait = { .fd = reader.socket_fd, .events = POLLIN };

		ret = poll(&wait, 1, 1000) < 0 ? -errno : 0;
	}
	if (ret || image.header->n_prefixes != n)
		die(problem.text, ret);
	begun = clock_s(CLOCK_MONOTONIC) - begun;
	group_image_finish(&image);
	return begun * 1e3;
}

static void load(struct bench *bench, const char *case_name, uint32_t n)
{
	static struct samples parsed, handed_over;
	char name[FIGURE_NAME_BYTES], path[] = BENCH_SCRATCH "/list.XXXXXX";
	char *text;
	size_t bytes;
	int fd;

	if (!wanted(bench, case_name))
		return;
	parsed.n = handed_over.n = 0;
	text = many_make(n, &bytes);
	fd = mkstemp(path);
	if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes)
		die(path, errno);
	for (int run = 0; run < bench->n_runs; run++) {
		samples_add(&parsed, parse_ms(text, bytes));
		samples_add(&handed_over, handed_over_ms(path, n));
	}
	figure(bench->json, name_of(name, case_name, "parsed"), "ms", &parsed, NULL, NULL);
	figure(bench->json, name_of(name, case_name, "handed_over"), "ms", &handed_over, "parsed",
	       &parsed);
	free(text);
	close(fd);
	(void)unlink(path); /* the whole tmpfs goes at the end */
}

void groups_cases(struct bench *bench)
{
	packets(bench, "groups/v6/64k", "64k");
	load(bench, "groups/load/64k", 65536);
	if (bench->quick)
		return;
	packets(bench, "groups/v6/1m", "1m");
	load(bench, "groups/load/1m", IPACCT_GROUP_PREFIXES_MAX);
}
