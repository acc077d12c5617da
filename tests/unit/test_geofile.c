/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of the geo file: right answers, and none from a file that is not right. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "../geo_image.h"
#include "base/clock.h"
#include "geofile.h"
#include "ipacct/ipacct.h"

#define N_RECORDS     3000u /* three chunks, the last one not full */
#define STRINGS_BYTES 4096u

static struct geo_image image;
static char dir[] = "/dev/shm/ipacct-geo.XXXXXX"; /* tmpfs, as /run is */
static char path[64], other[64];

static struct ipacct_key key_of(uint32_t i)
{
	return (struct ipacct_key){ .addr_be = { 0, 0, htonl(0xffff), htonl(0xc0000200 + i) } };
}

/* Record i as the worker would write it. */
static void put(uint32_t i, const char *country, uint32_t asn, const char *as_org)
{
	image.records[i] = (struct ipacct_geo_record){
		.sequence = 2,
		.key = key_of(i),
		.country = { country[0], country[1] },
		.flags = IPACCT_GEO_KNOWN,
		.asn = asn,
		.as_org = geo_image_text(&image, as_org),
		.generation = (uint32_t)image.header->generation,
	};
}

static void store(void)
{
	cr_assert_eq(geo_image_write(&image, path), 0);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, IPACCT_GEO_NAME);
	snprintf(other, sizeof(other), "%s/other", dir);
	geo_image_init(&image, N_RECORDS, STRINGS_BYTES);
	store();
}

static void teardown(void)
{
	geo_image_finish(&image);
	(void)unlink(path);
	(void)unlink(other);
	rmdir(dir);
}

TestSuite(geofile, .init = setup, .fini = teardown);

static struct ipacct_geo *open_geo(void)
{
	struct ipacct_problem problem;
	struct ipacct_geo *geo;

	cr_assert_eq(ipacct_geo_open(dir, &geo, &problem), 0, "%s", problem.text);
	return geo;
}

static int find(struct ipacct_geo *geo, uint32_t i, struct ipacct_geo_info *info)
{
	struct ipacct_key key = key_of(i);

	return ipacct_geo_find(geo, i, &key, info);
}

static void expect_open(int error, const char *text)
{
	struct ipacct_problem problem;
	struct ipacct_geo *geo = NULL;

	cr_assert_eq(ipacct_geo_open(dir, &geo, &problem), error);
	cr_assert_str_eq(problem.text, text);
	cr_assert_null(geo);
}

Test(geofile, answer_has_every_field_in_every_chunk)
{
	static const uint32_t at[] = { 0, GEO_CHUNK_RECORDS - 1, GEO_CHUNK_RECORDS, N_RECORDS - 1 };
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		put(at[i], "DE", 64500 + at[i], "Example Networks");
		image.records[at[i]].country_name = geo_image_text(&image, "Germany");
		image.records[at[i]].region = geo_image_text(&image, "Hessen");
		image.records[at[i]].city = geo_image_text(&image, "Frankfurt am Main");
		image.records[at[i]].name = geo_image_text(&image, "customers");
		image.records[at[i]].flags |= IPACCT_GEO_OVERRIDE;
	}
	store();
	geo = open_geo();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		cr_assert_eq(find(geo, at[i], &info), 0);
		cr_expect_str_eq(info.country, "DE");
		cr_expect_eq(info.address_class, IPACCT_GEO_GLOBAL);
		cr_expect_eq(info.flags, IPACCT_GEO_KNOWN | IPACCT_GEO_OVERRIDE);
		cr_expect_eq(info.asn, 64500 + at[i]);
		cr_expect_str_eq(info.country_name, "Germany");
		cr_expect_str_eq(info.region, "Hessen");
		cr_expect_str_eq(info.city, "Frankfurt am Main");
		cr_expect_str_eq(info.as_org, "Example Networks");
		cr_expect_str_eq(info.name, "customers");
	}
	ipacct_geo_close(geo);
}

Test(geofile, what_was_not_looked_up_is_no_answer)
{
	struct ipacct_geo_info info;
	struct ipacct_key other_key = key_of(1);
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_expect_eq(find(geo, 1, &info), -ENOENT, "never written");
	cr_expect_eq(ipacct_geo_find(geo, 0, &other_key, &info), -ENOENT, "of another address");
	other_key = key_of(0);
	other_key.domain = 1;
	cr_expect_eq(ipacct_geo_find(geo, 0, &other_key, &info), -ENOENT, "of another domain");
	cr_expect_eq(find(geo, N_RECORDS, &info), -ENOENT, "the file is smaller than the ledger");
	cr_expect_eq(find(geo, IPACCT_INDEX_NONE, &info), -ENOENT, "not in the ledger");
	ipacct_geo_close(geo);
}

Test(geofile, negative_answer_is_an_answer_without_fields)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.records[0].flags = 0;
	image.records[0].address_class = IPACCT_GEO_PRIVATE;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_eq(info.flags, 0);
	cr_expect_eq(info.address_class, IPACCT_GEO_PRIVATE);
	cr_expect_str_eq(info.country, "");
	cr_expect_str_eq(info.as_org, "");
	cr_expect_eq(info.asn, 0);
	ipacct_geo_close(geo);
}

Test(geofile, record_being_written_is_not_read)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.records[0].sequence = 3;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), -EAGAIN);
	image.records[0].sequence = 4;
	store();
	cr_assert_eq(find(geo, 0, &info), -EAGAIN, "one answer between two refreshes");
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	ipacct_geo_close(geo);
}

Test(geofile, refresh_takes_in_new_records_and_names)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_assert_eq(find(geo, 1, &info), -ENOENT);
	put(1, "NL", 64501, "Another");
	image.header->lookups = 2;
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(ipacct_geo_header(geo)->lookups, 2);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.as_org, "Another");
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

/* Names are published before the records that point at them: whoever sees one has the other. */
Test(geofile, name_is_there_when_its_record_is)
{
	struct ipacct_geo *geo = open_geo();
	struct ipacct_geo_info info;

	put(0, "DE", 64500, "Example");
	store();
	cr_assert_eq(find(geo, 0, &info), 0, "its chunk was not read before");
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

Test(geofile, new_databases_replace_the_answer_and_the_old_one_serves_meanwhile)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	put(1, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_assert_eq(find(geo, 1, &info), 0);
	image.header->generation = 2;
	put(0, "AT", 64502, "Third");
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.country, "AT");
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.country, "DE");
	put(1, "AT", 64502, "Third");
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_str_eq(info.country, "AT");
	ipacct_geo_close(geo);
}

Test(geofile, larger_file_under_the_same_name_is_followed)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	geo_image_finish(&image);
	geo_image_init(&image, 2 * N_RECORDS, 2 * STRINGS_BYTES);
	put(0, "NL", 64501, "Another");
	put(2 * N_RECORDS - 1, "FR", 64502, "Third");
	cr_assert_eq(geo_image_write(&image, other), 0);
	cr_assert_eq(rename(other, path), 0);
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.country, "NL");
	cr_assert_eq(find(geo, 2 * N_RECORDS - 1, &info), 0);
	cr_expect_str_eq(info.as_org, "Third");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(ipacct_geo_refresh(geo), 0, "without the name the open file still answers");
	cr_assert_eq(find(geo, 0, &info), 0);
	ipacct_geo_close(geo);
}

Test(geofile, truncated_file_kills_nobody)
{
	static const off_t cuts[] = { 0, IPACCT_GEO_HEADER_BYTES,
				      IPACCT_GEO_HEADER_BYTES + 100 * 64 + 7 };
	struct ipacct_geo_info info;

	put(5, "DE", 64500, "Example");
	put(N_RECORDS - 1, "DE", 64500, "Example");
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct ipacct_geo *geo;

		store();
		geo = open_geo();
		cr_assert_eq(find(geo, 5, &info), 0);
		cr_assert_eq(truncate(path, cuts[i]), 0);
		cr_expect_eq(find(geo, N_RECORDS - 1, &info), -ENOENT);
		cr_expect_eq(ipacct_geo_refresh(geo), -EBADMSG);
		cr_expect_eq(find(geo, 5, &info), 0, "what was read before still answers");
		cr_expect_str_eq(info.as_org, "Example");
		ipacct_geo_close(geo);
		cr_assert_eq(unlink(path), 0);
	}
}

/* Each would be a wrong answer: no field of such a record is believed. */
Test(geofile, record_no_worker_writes_is_no_answer)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	for (uint32_t i = 0; i < 6; i++)
		put(i, "DE", 64500, "Example");
	image.records[1].address_class = IPACCT_GEO_CLASSES;
	image.records[2].city = image.header->strings_bytes;
	image.records[3].region = UINT32_MAX;
	image.records[4].as_org++; /* "xample" */
	image.records[5].country[0] = '<';
	store();
	geo = open_geo();
	cr_expect_eq(find(geo, 0, &info), 0);
	for (uint32_t i = 1; i < 6; i++)
		cr_expect_eq(find(geo, i, &info), -ENOENT, "record %u", i);
	ipacct_geo_close(geo);
}

Test(geofile, names_are_safe_and_bounded)
{
	char text[GEO_TEXT_BYTES + 8];
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	memset(text, 'a', sizeof(text));
	text[GEO_TEXT_BYTES - 1] = '\0';
	put(0, "DE", 1, text); /* just fits */
	text[GEO_TEXT_BYTES - 1] = 'a';
	text[GEO_TEXT_BYTES] = '\0';
	put(1, "DE", 1, text); /* one too long */
	memcpy(text + GEO_TEXT_BYTES - 2, "\xe2\x82\xac", 4);
	put(2, "DE", 1, text); /* cut inside a character */
	put(3, "DE", 1, "a\033[31m\xff\n\xc3\xa4");
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 1);
	cr_assert_eq(find(geo, 1, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 1);
	cr_assert_eq(find(geo, 2, &info), 0);
	cr_expect_eq(strlen(info.as_org), GEO_TEXT_BYTES - 2);
	cr_assert_eq(find(geo, 3, &info), 0);
	cr_expect_str_eq(info.as_org, "a?[31m??\xc3\xa4");
	ipacct_geo_close(geo);
}

/* The table's end is written with the text before it; a name that is not ended yet waits. */
Test(geofile, unfinished_name_is_not_read)
{
	struct ipacct_geo_info info;
	struct ipacct_geo *geo;

	put(0, "DE", 64500, "Example");
	image.header->strings_bytes -= 3;
	store();
	geo = open_geo();
	cr_assert_eq(find(geo, 0, &info), -ENOENT);
	image.header->strings_bytes += 3;
	store();
	cr_assert_eq(ipacct_geo_refresh(geo), 0);
	cr_assert_eq(find(geo, 0, &info), 0);
	cr_expect_str_eq(info.as_org, "Example");
	ipacct_geo_close(geo);
}

Test(geofile, file_that_is_none_is_refused_with_the_reason)
{
	char text[256];

	image.header->magic++;
	store();
	expect_open(-EBADMSG, "the geo file does not begin like one");
	image.header->magic--;
	image.header->version = 2;
	store();
	expect_open(-EPROTO, "the geo file has version 2, this program reads version 1");
	image.header->version = IPACCT_GEO_VERSION;
	image.header->record_bytes++;
	store();
	expect_open(-EPROTO, "the geo file claims version 1 but other record sizes");
	image.header->record_bytes--;
	store();
	cr_assert_eq(truncate(path, 100), 0);
	expect_open(-EBADMSG, "the geo file is too short to be one");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_open(-EBADMSG, "the geo file is too short to be one");
	cr_assert_eq(unlink(path), 0);
	snprintf(text, sizeof(text), "cannot open %s: No such file or directory", path);
	expect_open(-ENOENT, text);
}

/* Each size at its limit is taken, one above it is refused. */
Test(geofile, layout_that_does_not_fit_is_refused)
{
	static const char *const why = "the geo file is shorter than its header says";
	struct ipacct_geo_header good = *image.header;

	image.header->file_bytes++;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->n_records_max++;
	store();
	expect_open(-EBADMSG, why);
	image.header->n_records_max = UINT32_MAX;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_bytes_max++;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_at = UINT64_MAX;
	store();
	expect_open(-EBADMSG, why);
	*image.header = good;
	image.header->strings_bytes = image.header->strings_bytes_max + 1;
	store();
	expect_open(-EBADMSG, why);
	image.header->strings_bytes = image.header->strings_bytes_max;
	store();
	ipacct_geo_close(open_geo());
}

Test(geofile, path_that_does_not_fit_is_refused)
{
	char long_dir[GEO_PATH_BYTES];
	struct ipacct_geo *geo;

	memset(long_dir, 'd', sizeof(long_dir));
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME) - 1] = '\0';
	cr_expect_neq(ipacct_geo_open(long_dir, &geo, NULL), 0);
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME) - 1] = 'd';
	long_dir[sizeof(long_dir) - sizeof(IPACCT_GEO_NAME)] = '\0';
	cr_expect_eq(ipacct_geo_open(long_dir, &geo, NULL), -ENAMETOOLONG);
}

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

Test(geofile, record_rewritten_meanwhile_is_never_mixed)
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

Test(geofile, record_that_does_not_stand_still_is_no_answer)
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

Test(geofile, every_class_has_a_name)
{
	for (unsigned int i = 0; i < IPACCT_GEO_CLASSES; i++)
		cr_expect_not_null(ipacct_geo_class_name(i));
	cr_expect_null(ipacct_geo_class_name(IPACCT_GEO_CLASSES));
	cr_expect_str_eq(ipacct_geo_class_name(IPACCT_GEO_RESERVED), "reserved");
}
