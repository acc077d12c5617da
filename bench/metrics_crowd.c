/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hundred scrapers at a time: what they do to the 99th percentile of a cut. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics_endpoint.h"

#define N_SCRAPERS   100
#define N_PEERS      10 /* addresses they come from: 127.0.0.1 and following */
#define N_ROUNDS     6
#define N_CUTS       100       /* of a round, for each way */
#define CUT_NS       40000000l /* between two cuts: 25 times as often as they are */
#define SCRAPE_EVERY 1.0       /* seconds; Prometheus' default is a minute */
#define CLIENT_NICE  19 /* more than ours: it stands for other machines, whose CPU is not ours */

enum {
	QUIET,
	SCRAPED,
	HAMMERED,
	CROWDED, /* as HAMMERED, and answers go on while a cut does: what yielding is good for */
	WAYS
};

static const char *const way_names[WAYS] = { "nobody scrapes", "100 scrapers, one a second each",
					     "100 scrapers, as fast as they can",
					     "the same, answered during cuts" };

/* Shared by the two processes. */
struct crowd {
	int way; /* which of the above; for the client */
	uint64_t n_scrapes[WAYS];
};

struct scraper {
	int fd;        /* −1: to be connected */
	double next_s; /* when it asks again */
	char head[512];
	size_t head_n; /* of the answer, so far */
	size_t body_n; /* of the answer, that is to come */
	bool asked;
};

/* ---- The other machines ----------------------------------------------------------------------- */

static void scraper_connect(struct scraper *scraper, const struct sockaddr_in *to, int number)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_addr.s_addr =
					   htonl(INADDR_LOOPBACK + (uint32_t)(number % N_PEERS)) };

	scraper->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	scraper->asked = false;
	if (scraper->fd < 0 || bind(scraper->fd, (struct sockaddr *)&own, sizeof(own)) ||
	    connect(scraper->fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect", errno);
}

static void scraper_ask(struct scraper *scraper, int way, double now)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

	if (scraper->asked || way == QUIET || (way == SCRAPED && now < scraper->next_s))
		return;
	scraper->next_s = now + SCRAPE_EVERY;
	scraper->asked = true;
	scraper->head_n = scraper->body_n = 0;
	(void)send(scraper->fd, request, sizeof(request) - 1, MSG_NOSIGNAL); /* recv() tells */
}

/* The header until its end, then the body of the length it tells. Returns whether that was all. */
static bool answer_take(struct scraper *scraper, const char *text, size_t n)
{
	while (n && !scraper->body_n) {
		char *end = scraper->head + scraper->head_n;

		*end++ = *text++;
		n--;
		*end = '\0';
		if (++scraper->head_n + 1 == sizeof(scraper->head))
			die("a long header", EMSGSIZE);
		if (scraper->head_n >= 4 && !strcmp(end - 4, "\r\n\r\n"))
			scraper->body_n = strtoul(
				strcasestr(scraper->head, "content-length: ") + 16, NULL, 10);
	}
	scraper->body_n -= n;
	return n && !scraper->body_n;
}

/* The endpoint may end a connection in favour of a newer one: the scraper comes back. */
static void scraper_read(struct scraper *scraper, struct crowd *crowd)
{
	static char text[1 << 20];
	ssize_t n = recv(scraper->fd, text, sizeof(text), MSG_DONTWAIT);

	if (n <= 0) {
		close(scraper->fd);
		scraper->fd = -1;
	} else if (answer_take(scraper, text, (size_t)n)) {
		crowd->n_scrapes[crowd->way]++;
		scraper->asked = false;
	}
}

_Noreturn static void scrapers_run(const struct sockaddr_in *to, struct crowd *crowd)
{
	static struct scraper scrapers[N_SCRAPERS];
	struct pollfd wait[N_SCRAPERS];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + CLIENT_NICE);
	for (int i = 0; i < N_SCRAPERS; i++)
		scrapers[i] = (struct scraper){
			.fd = -1, .next_s = clock_s(CLOCK_MONOTONIC) + SCRAPE_EVERY * i / N_SCRAPERS
		};
	for (;;) {
		int way = __atomic_load_n(&crowd->way, __ATOMIC_RELAXED);

		for (int i = 0; i < N_SCRAPERS; i++) {
			if (scrapers[i].fd < 0)
				scraper_connect(&scrapers[i], to, i);
			scraper_ask(&scrapers[i], way, clock_s(CLOCK_MONOTONIC));
			wait[i] = (struct pollfd){ .fd = scrapers[i].fd, .events = POLLIN };
		}
		if (poll(wait, N_SCRAPERS, 5) < 0)
			die("poll", errno);
		for (int i = 0; i < N_SCRAPERS; i++)
			if (wait[i].revents)
				scraper_read(&scrapers[i], crowd);
	}
}

/* ---- The cuts --------------------------------------------------------------------------------- */

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How long this thread has waited for a CPU so far (Documentation/scheduler/sched-stats.rst). */
static double waited_ms(int schedstat_fd)
{
	unsigned long long on_cpu_ns, waited_ns;
	char text[96];
	ssize_t n = pread(schedstat_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		die("schedstat", errno);
	text[n] = '\0';
	if (sscanf(text, "%llu %llu", &on_cpu_ns, &waited_ns) != 2)
		die("schedstat", EINVAL);
	return (double)waited_ns / 1e6;
}

/* Some cuts at their time, in milliseconds that passed: adds the percentiles of them, and
 * of how long they waited for a CPU. */
static void cuts_measure(struct endpoint *endpoint, int way, struct samples *p50,
			 struct samples *p99, struct samples *wait)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	double took[N_CUTS], waited[N_CUTS], begun;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int i = 0; i < N_CUTS; i++) {
		next.tv_nsec += CUT_NS;
		next.tv_sec += next.tv_nsec / 1000000000l;
		next.tv_nsec %= 1000000000l;
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		waited[i] = waited_ms(fd);
		begun = clock_s(CLOCK_MONOTONIC);
		if (way != CROWDED)
			http_server_yield(endpoint->server, true); /* as collector.c does */
		(void)publish_s(&endpoint->stage);
		if (way != CROWDED)
			http_server_yield(endpoint->server, false);
		took[i] = (clock_s(CLOCK_MONOTONIC) - begun) * 1e3;
		waited[i] = waited_ms(fd) - waited[i];
	}
	close(fd);
	qsort(waited, N_CUTS, sizeof(*waited), compare_double);
	samples_add(wait, waited[N_CUTS * 99 / 100]);
	qsort(took, N_CUTS, sizeof(*took), compare_double);
	samples_add(p50, took[N_CUTS / 2]);
	samples_add(p99, took[N_CUTS * 99 / 100]);
}

static void crowd_report(const struct options *options, const struct crowd *crowd, int way,
			 const struct samples *p50, const struct samples *p99,
			 const struct samples *wait)
{
	struct samples scrapes = {
		{ (double)crowd->n_scrapes[way] / (N_ROUNDS * N_CUTS * CUT_NS / 1e9) }, 1
	};
	char name[96];

	(void)snprintf(name, sizeof(name), "cut, %s: p50", way_names[way]);
	report(options->json, name, "ms", &p50[way], way ? "without" : NULL,
	       way ? &p50[QUIET] : NULL);
	(void)snprintf(name, sizeof(name), "cut, %s: p99", way_names[way]);
	report(options->json, name, "ms", &p99[way], way ? "without" : NULL,
	       way ? &p99[QUIET] : NULL);
	(void)snprintf(name, sizeof(name), "cut, %s: p99 of waiting for a CPU", way_names[way]);
	report(options->json, name, "ms", &wait[way], NULL, NULL);
	if (!way)
		return;
	(void)snprintf(name, sizeof(name), "%s: answers", way_names[way]);
	report(options->json, name, "a second", &scrapes, NULL, NULL);
}

void crowd_case(const struct options *options)
{
	struct crowd *crowd = mmap(NULL, sizeof(*crowd), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct samples p50[WAYS] = {}, p99[WAYS] = {}, wait[WAYS] = {};
	static struct endpoint endpoint;
	pid_t client;

	if (crowd == MAP_FAILED)
		die("mmap", errno);
	endpoint_open(&endpoint);
	client = fork();
	if (client < 0)
		die("fork", errno);
	if (!client)
		scrapers_run(&endpoint.address, crowd);
	for (int round = 0; round < N_ROUNDS; round++)
		for (int way = 0; way < WAYS; way++) {
			__atomic_store_n(&crowd->way, way, __ATOMIC_RELAXED);
			cuts_measure(&endpoint, way, &p50[way], &p99[way], &wait[way]);
		}
	(void)kill(client, SIGKILL);
	(void)waitpid(client, NULL, 0);
	for (int way = 0; way < WAYS; way++)
		crowd_report(options, crowd, way, p50, p99, wait);
	endpoint_close(&endpoint);
	(void)munmap(crowd, sizeof(*crowd));
}
