/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of the geo file, beside a worker that writes without a pause. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "geofile_common.h"

TestSuite(geofile_writer, .init = geofile_setup, .fini = geofile_teardown);

/* A worker that rewrites record 0 without a pause, between two states that share no field. */
static void rewrite(struct ipacct_geo_record *record)
{
	for (unsigned int i = 0;; i++) {
		uint32_t sequence = record->sequence;

		__atomic_store_n(&record->sequence, sequence + 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		for (uint32_t *field = &record->asn; field < record->reserved + 2; field++)
			*(volatile uint32_t *)field = i % 2;
		record->country[0] = i % 2 ? 'A' : 'B';
		record->country[1] = i % 2 ? 'A' : 'B';
		__atomic_store_n(&record->sequence, sequence + 2, __ATOMIC_RELEASE);
		for (volatile unsigned int pause = 0; pause < i % 512; pause++)
			; /* long enough to be read whole now and then */
	}
}

/* One that does not say that it writes. */
static void scribble(struct ipacct_geo_record *record)
{
	for (;;)
		(*(volatile uint32_t *)&record->asn)++;
}

static pid_t start_writer(void (*write_for_ever)(struct ipacct_geo_record *record))
{
	int fd;
	char *at;
	pid_t writer;

	geo_image_finish(&image);
	geo_image_init(&image, 16, STRINGS_BYTES); /* short enough to be read often */
	image.header->strings_bytes = 2;           /* "" at 0, and another one at 1 */
	put(0, "BB", 0, "");
	image.header->generation = 7; /* of no record: each is read again after a refresh */
	store();
	fd = open(path, O_RDWR | O_CLOEXEC);
	at = mmap(NULL, image.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	writer = fork();
	cr_assert_geq(writer, 0);
	if (writer == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a failed test */
		write_for_ever((struct ipacct_geo_record *)(at + IPACCT_GEO_HEADER_BYTES));
	}
	close(fd);
	return writer;
}

static bool overdue(uint64_t started_ns)
{
	return ipacct_clock_ns(CLOCK_MONOTONIC) - started_ns > 20000000000u; /* 20 s */
}

static void stop_writer(pid_t writer)
{
	cr_assert_eq(kill(writer, SIGKILL), 0);
	cr_assert_eq(waitpid(writer, NULL, 0), writer);
}

Test(geofile_writer, record_rewritten_meanwhile_is_never_mixed)
{
	struct ipacct_geo_info info;
	unsigned int n_answers = 0, n_retries = 0;
	uint64_t started = ipacct_clock_ns(CLOCK_MONOTONIC);
	pid_t writer = start_writer(rewrite);
	struct ipacct_geo *geo = open_geo();

	/* on a busy machine the writer may be off its CPU for a while */
	for (unsigned int i = 0; i < 50000 || (!n_retries && !overdue(started)); i++) {
		int r = find(geo, 0, &info);

		cr_assert(r == 0 || r == -EAGAIN);
		n_retries += r != 0;
		n_answers += r == 0;
		if (r == 0)
			cr_assert_str_eq(info.country, info.asn ? "AA" : "BB", "mixed: %s, AS %u",
					 info.country, info.asn);
		cr_assert_eq(ipacct_geo_refresh(geo), 0);
	}
	stop_writer(writer);
	cr_expect_gt(n_answers, 1000);
	cr_expect_gt(n_retries, 0, "the writer was never met");
	ipacct_geo_close(geo);
}

Test(geofile_writer, record_that_does_not_stand_still_is_no_answer)
{
	struct ipacct_geo_info info;
	uint64_t started = ipacct_clock_ns(CLOCK_MONOTONIC);
	pid_t writer = start_writer(scribble);
	struct ipacct_geo *geo = open_geo();
	int r = 0;

	while (r == 0 && !overdue(started)) {
		r = find(geo, 0, &info);
		cr_assert_eq(ipacct_geo_refresh(geo), 0);
	}
	cr_expect_eq(r, -EAGAIN);
	stop_writer(writer);
	ipacct_geo_close(geo);
}
