/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, a private place to work in, and the cases in their order. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench.h"
#include "log.h"

#define STRING_OF(number) #number
#define STRING(number)    STRING_OF(number)

#define EXIT_USAGE 2
#define EXIT_SKIP  77 /* what meson takes for a skipped test */

static const char usage[] =
	"usage: bench [--quick] [--json FILE] [--only PATTERN]... [--dump PATH] [--top PATH]\n"
	"\n"
	"  --quick         fewer cases and fewer cuts; ratios are still medians of 5 pairs\n"
	"  --json FILE     append one line a figure\n"
	"  --only PATTERN  only the cases whose name matches, such as 'datapath/v4/*'\n"
	"  --dump PATH     ipacct-dump, to measure its rendering\n"
	"  --top PATH      ipacct-top, to measure its refreshes\n";

void die(const char *what, int error)
{
	(void)fprintf(stderr, "bench: %s%s%s\n", what, error ? ": " : "",
		      error ? strerror(error < 0 ? -error : error) : "");
	exit(1);
}

void fail(struct bench *bench, const char *format, ...)
{
	va_list args;

	(void)fflush(stdout);
	(void)fputs("bench: FAILED: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	bench->n_failed++;
}

bool wanted(const struct bench *bench, const char *case_name)
{
	bool is_wanted = !bench->n_only;
	char pattern[256];

	for (int i = 0; i < bench->n_only; i++) {
		(void)snprintf(pattern, sizeof(pattern), "*%s*", bench->only[i]);
		is_wanted |= !fnmatch(pattern, case_name, 0);
	}
	if (!is_wanted)
		return false;
	printf("\n# %s\n", case_name);
	(void)fflush(stdout);
	return true;
}

double clock_s(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* cannot fail for the clocks used */
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", errno);
}

void pin_to_any(const struct bench *bench)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < bench->n_cpus; i++)
		CPU_SET(bench->cpus[i], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", errno);
}

/* The first two CPUs that this process may use. */
static void cpus_find(struct bench *bench)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("sched_getaffinity", errno);
	for (int cpu = 0; cpu < CPU_SETSIZE && bench->n_cpus < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			bench->cpus[bench->n_cpus++] = cpu;
}

/* Ledgers and devices live in namespaces of our own: whatever ends this process removes them. */
static void namespaces_make(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET))
		die("unshare", errno);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("private mounts", errno);
	if (mount("bench", BENCH_SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700"))
		die("tmpfs on " BENCH_SCRATCH, errno);
}

static void options_read(struct bench *bench, int argc, char **argv)
{
	static const struct option known[] = { { "quick", no_argument, NULL, 'q' },
					       { "json", required_argument, NULL, 'j' },
					       { "only", required_argument, NULL, 'o' },
					       { "dump", required_argument, NULL, 'd' },
					       { "top", required_argument, NULL, 't' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (option) {
		case 'q':
			bench->quick = true;
			bench->n_runs = 5;
			break;
		case 'j':
			bench->json = fopen(optarg, "ae");
			if (!bench->json)
				die(optarg, errno);
			break;
		case 'o':
			if (bench->n_only == BENCH_ONLY_MAX)
				die("more --only than " STRING(BENCH_ONLY_MAX), 0);
			bench->only[bench->n_only++] = optarg;
			break;
		case 'd':
			bench->dump = optarg;
			break;
		case 't':
			bench->top = optarg;
			break;
		default:
			(void)fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : EXIT_USAGE);
		}
	}
	if (optind == argc)
		return;
	(void)fputs(usage, stderr);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	struct bench bench = { .n_runs = 7, .repeat = 1000000 };

	options_read(&bench, argc, argv);
	if (geteuid()) {
		(void)fputs("bench: needs root (it loads BPF programs)\n", stderr);
		return EXIT_SKIP;
	}
	log_libraries_quiet();
	cpus_find(&bench);
	namespaces_make();
	floor_case(&bench);
	datapath_cases(&bench);
	scaling_cases(&bench);
	live_case(&bench);
	planned_cases(&bench);
	features_cases(&bench);
	inner_cases(&bench);
	egress_cases(&bench);
	slowed_cases(&bench);
	reading_cases(&bench);
	cutting_cases(&bench);
	ledger_case(&bench);
	groups_cases(&bench);
	loss_case(&bench);
	honest_cases(&bench);
	shapes_case(&bench);
	micro_cases(&bench);
	render_case(&bench);
	top_cases(&bench);
	if (bench.json && fclose(bench.json))
		die("json", errno);
	if (bench.n_failed)
		(void)fprintf(stderr, "bench: %d assertions failed\n", bench.n_failed);
	return bench.n_failed != 0;
}
