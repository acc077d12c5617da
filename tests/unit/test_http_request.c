/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which format, which encoding, which path. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "http_request.h"

#define OPEN "application/openmetrics-text"

struct accept_case {
	const char *field;
	int format;
};

Test(http_request, accept_chooses_the_format)
{
	static const struct accept_case cases[] = {
		{ NULL, METRICS_TEXT },
		{ "", METRICS_TEXT },
		{ "*/*", METRICS_TEXT },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", METRICS_TEXT },
		/* Prometheus 2.42 */
		{ OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;"
		       "q=0.5,*/*;q=0.1",
		  METRICS_OPENMETRICS },
		/* Prometheus 3 */
		{ OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.5," OPEN
		       ";version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;"
		       "q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		  METRICS_OPENMETRICS },
		{ OPEN, METRICS_OPENMETRICS },
		{ "APPLICATION/OpenMetrics-Text; VERSION=\"1.0.0\"", METRICS_OPENMETRICS },
		{ " \t" OPEN " ; q=0.5 , text/plain ; q=0.4 ", METRICS_OPENMETRICS },
		{ OPEN ";q=0.4,text/plain;q=0.5", METRICS_TEXT },
		{ OPEN ";q=0.5,text/plain;q=0.5", METRICS_TEXT },
		{ OPEN ";q=0.5,*/*;q=0.5", METRICS_OPENMETRICS },
		{ "text/*;q=0.1,*/*;q=1", METRICS_TEXT },
		{ OPEN ";q=0.001", METRICS_OPENMETRICS },
		/* another version is another format */
		{ OPEN ";version=2.0.0", METRICS_TEXT },
		{ OPEN ";version=2.0.0,text/plain;q=0.1", METRICS_TEXT },
		{ "application/json", METRICS_TEXT },
		{ "application/vnd.google.protobuf", METRICS_TEXT },
		/* refused: by name, by kind, by anything */
		{ "text/plain;q=0", -1 },
		{ "text/*;q=0", -1 },
		{ "*/*;q=0", -1 },
		{ "text/plain;q=0.000," OPEN ";q=0", -1 },
		{ "text/plain;q=0," OPEN, METRICS_OPENMETRICS },
		{ "text/plain;q=0,*/*", METRICS_OPENMETRICS },
		{ OPEN ";q=0,*/*", METRICS_TEXT },
		/* the most precise range decides, wherever it stands */
		{ "*/*;q=0,text/plain", METRICS_TEXT },
		{ "text/plain,*/*;q=0", METRICS_TEXT },
		/* elements that are not well-formed are left out */
		{ OPEN ";q=2", METRICS_TEXT },
		{ OPEN ";q=1.001", METRICS_TEXT },
		{ OPEN ";q=0.0001", METRICS_TEXT },
		{ OPEN ";q=", METRICS_TEXT },
		{ OPEN ";q=-1", METRICS_TEXT },
		{ OPEN ";q=0,5", METRICS_TEXT },
		{ OPEN ";q=1.", METRICS_OPENMETRICS },
		{ OPEN ";q=0.", METRICS_TEXT },
		{ ",,;;,=,;q,;q=1,\"," OPEN, METRICS_TEXT },
		{ ",,;;,=,;q,;q=1," OPEN, METRICS_OPENMETRICS },
		{ OPEN ";x=\"a,b;q=0\"", METRICS_OPENMETRICS },
		{ OPEN ";x=\"a\\\",b\";q=0.5,text/plain;q=0.6", METRICS_TEXT },
		{ "application/openmetrics-textual", METRICS_TEXT },
		{ "\xff\xfe, \x01", METRICS_TEXT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(http_accept_format(cases[i].field), cases[i].format, "%s: %d",
			     cases[i].field, http_accept_format(cases[i].field));
}

Test(http_request, gzip_only_when_it_is_asked_for_by_name)
{
	static const char *const yes[] = { "gzip", "gzip, deflate, br", "deflate, GZIP;q=0.5",
					   "*;q=0, x-gzip", "identity;q=1, gzip;q=0.001" };
	static const char *const no[] = { NULL,       "",         "*",
					  "identity", "gzip;q=0", "gzip;q=0.000",
					  "gzip;q=x", "gzipped",  "br",
					  "x gzip",   "gzip=1",   "*, gzip;q=0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		cr_expect(http_accepts_gzip(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		cr_expect_not(http_accepts_gzip(no[i]), "%s", no[i]);
}

/* What a header of 16 kB can hold, for each byte that means something here. */
Test(http_request, hostile_fields_take_no_time)
{
	enum {
		FIELD = 16384,
		ROUNDS = 20
	};
	char *field = malloc(FIELD + 1);
	struct timespec begun, ended;
	double took;

	cr_assert_not_null(field);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
	for (int i = 0; i < ROUNDS; i++)
		for (const char *c = ",;=\"\\q "; *c; c++) {
			memset(field, *c, FIELD);
			field[FIELD] = '\0';
			(void)http_accept_format(field);
			(void)http_accepts_gzip(field);
			for (int at = 0; at < FIELD; at += 2)
				field[at] = ',';
			(void)http_accept_format(field);
		}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	free(field);
	took = (double)(ended.tv_sec - begun.tv_sec) +
	       (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;
	/* linear: about 0.1 ms each; anything quadratic would take more than 100 ms each */
	cr_expect_lt(took / (ROUNDS * 7), 0.02, "%.6f s", took / (ROUNDS * 7));
}

Test(http_request, paths)
{
	cr_expect_eq(http_path_find("/metrics"), HTTP_METRICS);
	cr_expect_eq(http_path_find("/healthz"), HTTP_HEALTHZ);
	cr_expect_eq(http_path_find("/"), HTTP_ROOT);
	cr_expect_eq(http_path_find(""), HTTP_NOT_FOUND);
	cr_expect_eq(http_path_find("/metrics/"), HTTP_NOT_FOUND);
	cr_expect_eq(http_path_find("/METRICS"), HTTP_NOT_FOUND);
	cr_expect_eq(http_path_find("//metrics"), HTTP_NOT_FOUND);
	cr_expect_eq(http_path_find("/../metrics"), HTTP_NOT_FOUND);
}
