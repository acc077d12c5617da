/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ten thousand samples: written, beside the same loop with snprintf(); and scraped over TCP. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics_endpoint.h"

#define N_ADDRESSES  65536u
#define N_INTERFACES 50u
#define N_WARM       40 /* cuts until whoever joins has joined */
#define N_PASSES     20 /* of writing in one sample */
#define N_SCRAPES    1000

void endpoint_open(struct endpoint *endpoint)
{
	struct sockaddr_in *address = &endpoint->address;
	struct series_settings settings = { .runtime_dir = endpoint->stage.dir,
					    .seed = 42,
					    .top = { 0, SERIES_COUNTRIES_MAX, SERIES_ASNS_MAX,
						     SERIES_GROUPS_MAX, SERIES_ADDRESSES_MAX } };
	struct stage *stage = &endpoint->stage;
	struct ipacct_problem problem = {};
	socklen_t bytes = sizeof(*address);

	stage_open(stage, N_ADDRESSES);
	for (uint32_t i = 0; i < N_INTERFACES; i++) {
		stage->epoch.interfaces[i].hook = IPACCT_HOOK_XDP;
		(void)snprintf(stage->epoch.interfaces[i].ifname, IPACCT_IFNAME_BYTES, "eth%u.100",
			       i);
	}
	(void)publish_s(stage);
	geo_make(stage);
	if (series_init(&stage->publisher.ledger, &settings, &endpoint->series))
		die("series", ENOMEM);
	stage->publisher.series = endpoint->series;
	for (int i = 0; i < N_WARM; i++)
		(void)publish_s(stage);
	endpoint->source = (struct metrics_source){ .ledger = &stage->publisher.ledger,
						    .stats = &endpoint->shared,
						    .series = endpoint->series,
						    .process_started_ns = 1 };
	endpoint->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (endpoint->listen_fd < 0 ||
	    bind(endpoint->listen_fd, (struct sockaddr *)address, bytes) ||
	    listen(endpoint->listen_fd, 128) ||
	    getsockname(endpoint->listen_fd, (struct sockaddr *)address, &bytes))
		die("listen", errno);
	if (http_server_start(&(struct http_settings){ .listen_fd = endpoint->listen_fd },
			      &endpoint->source, &endpoint->server, &problem))
		die(problem.text, 0);
}

void endpoint_close(struct endpoint *endpoint)
{
	http_server_stop(endpoint->server);
	close(endpoint->listen_fd);
	endpoint->stage.publisher.series = NULL;
	series_finish(endpoint->series);
	stage_close(&endpoint->stage);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static const char *const kinds[IPACCT_SERIES_KINDS] = { NULL, "country", "asn", "group",
							"address" };

/* What a first version would do. Without escaping, which the other one does. */
static void plain_sample(struct buffer *out, const char *kind, const char *unit, const char *name,
			 const char *direction, uint64_t value)
{
	if (!buffer_reserve(out, 256))
		die("buffer", ENOMEM);
	out->n += (size_t)snprintf(out->text + out->n, 256,
				   "ipacct_%s_%s_total{%s=\"%s\",direction=\"%s\"} %" PRIu64 "\n",
				   kind, unit, kind, name, direction, value);
}

static void plain_series(const struct metrics *metrics, struct buffer *out)
{
	const struct metrics_snapshot *snapshot = &metrics->snapshot;

	for (unsigned int kind = 1; kind < IPACCT_SERIES_KINDS; kind++) {
		for (int bytes = 0; bytes < 2 && metrics->series.active[kind]; bytes++) {
			const char *unit = bytes ? "l3_bytes" : "packets";

			for (size_t i = 0; i < snapshot->n_series; i++) {
				const struct metrics_series *at = &snapshot->series[i];
				const struct ipacct_counters *n = &at->counters;

				if (at->kind != kind)
					continue;
				plain_sample(out, kinds[kind], unit, at->name, "tx",
					     bytes ? n->tx_l3_bytes : n->tx_packets);
				plain_sample(out, kinds[kind], unit, at->name, "rx",
					     bytes ? n->rx_l3_bytes : n->rx_packets);
			}
		}
	}
}

/* Both wrote the same samples, and ours what an AS is called. Returns how many the plain one has. */
static size_t same_samples(struct buffer *ours, struct buffer *plain, size_t *ret_n_ours)
{
	char *line, *left = NULL;
	size_t n = 0, n_more = 0, at = 0;

	buffer_char(ours, '\0');
	buffer_char(plain, '\0');
	for (line = strtok_r(ours->text, "\n", &left); line; line = strtok_r(NULL, "\n", &left)) {
		size_t bytes = strlen(line);

		if (*line == '#')
			continue;
		if (!strncmp(line, "ipacct_asn_info", strlen("ipacct_asn_info"))) {
			n_more++;
			continue;
		}
		if (strncmp(plain->text + at, line, bytes) || plain->text[at + bytes] != '\n')
			die(line, EINVAL);
		at += bytes + 1;
		n++;
	}
	if (at + 1 != plain->n)
		die("samples are missing", EINVAL);
	*ret_n_ours = n + n_more;
	return n;
}

static void writing(const struct options *options, struct endpoint *endpoint)
{
	struct samples plain = {}, ours = {};
	static struct metrics metrics; /* large */
	struct buffer out = {}, other = {};
	size_t n, n_ours;

	metrics.source = endpoint->source;
	if (metrics_refresh(&metrics))
		die("snapshot", EAGAIN);
	for (int run = 0; run <= options->runs; run++) {
		struct metric_writer writer = { .out = &out, .format = METRICS_TEXT };
		double begun = clock_s(CLOCK_THREAD_CPUTIME_ID), middle, end;

		for (int i = 0; i < N_PASSES; i++) {
			buffer_reset(&other);
			plain_series(&metrics, &other);
		}
		middle = clock_s(CLOCK_THREAD_CPUTIME_ID);
		for (int i = 0; i < N_PASSES; i++) {
			buffer_reset(&out);
			metrics_series(&metrics, &writer);
		}
		end = clock_s(CLOCK_THREAD_CPUTIME_ID);
		if (!run)
			continue; /* memory is there from now on */
		samples_add(&plain, (middle - begun) * 1e9 / N_PASSES);
		samples_add(&ours, (end - middle) * 1e9 / N_PASSES);
	}
	n = same_samples(&out, &other, &n_ours);
	for (int i = 0; i < ours.n; i++) {
		plain.value[i] /= (double)n;
		ours.value[i] /= (double)n_ours;
	}
	report(options->json, "writing a sample: snprintf", "ns", &plain, NULL, NULL);
	report(options->json, "writing a sample", "ns", &ours, "snprintf", &plain);
	buffer_finish(&out);
	buffer_finish(&other);
	metrics_finish(&metrics);
}

/* ---- Scraping -------------------------------------------------------------------------------- */

/* One request on a connection that stays open; returns the samples of the answer. */
static size_t scrape(int fd, char *text, size_t room)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	size_t n = 0, wanted = SIZE_MAX, samples = 0;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1)
		die("send", errno);
	while (n < wanted) {
		ssize_t got = recv(fd, text + n, room - 1 - n, 0);
		const char *body, *length;

		if (got <= 0)
			die("recv", errno);
		n += (size_t)got;
		text[n] = '\0';
		body = wanted == SIZE_MAX ? strstr(text, "\r\n\r\n") : NULL;
		length = body ? strcasestr(text, "content-length: ") : NULL;
		if (length)
			wanted = (size_t)(body + 4 - text) + strtoul(length + 16, NULL, 10);
	}
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		samples += at[1] && at[1] != '#';
	return samples;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void scraping(const struct options *options, struct endpoint *endpoint)
{
	static double took[N_SCRAPES];
	static char text[8 << 20];
	struct samples p50 = {}, p99 = {}, n_samples = {};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&endpoint->address, sizeof(endpoint->address)))
		die("connect", errno);
	for (int i = 0; i < N_SCRAPES; i++) {
		double begun;

		(void)publish_s(&endpoint->stage); /* so that nothing is there already */
		begun = clock_s(CLOCK_MONOTONIC);
		n_samples.value[0] = (double)scrape(fd, text, sizeof(text));
		took[i] = (clock_s(CLOCK_MONOTONIC) - begun) * 1e3;
	}
	n_samples.n = 1;
	qsort(took, N_SCRAPES, sizeof(*took), compare_double);
	samples_add(&p50, took[N_SCRAPES / 2]);
	samples_add(&p99, took[N_SCRAPES * 99 / 100]);
	report(options->json, "a scrape after a cut: samples", "samples", &n_samples, NULL, NULL);
	report(options->json, "a scrape after a cut: p50 of 1,000", "ms", &p50, NULL, NULL);
	report(options->json, "a scrape after a cut: p99 of 1,000", "ms", &p99, NULL, NULL);
	close(fd);
}

void scrape_cases(const struct options *options)
{
	static struct endpoint endpoint;

	endpoint_open(&endpoint);
	writing(options, &endpoint);
	scraping(options, &endpoint);
	endpoint_close(&endpoint);
}
