/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct-top takes for a refresh while 100,000 addresses move: following cuts, and where nobody cuts. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath.h"
#include "maps_make.h"

#define ADDRESSES   100000u
#define FILL        500000u /* frames between two refreshes: each address comes ten times on each CPU */
#define INTERVAL    "0.5" /* s, of refreshes */
#define INTERVAL_NS 500000000u
#define LINE_BYTES  (1u << 16)

struct top_run {
	struct stage stage;
	struct ipacct_epoch everything; /* the baseline's */
	char bpffs[80];
	pid_t pid;
	FILE *lines;
	char line[LINE_BYTES];
};

static void bpffs_open(struct top_run *run)
{
	(void)snprintf(run->bpffs, sizeof(run->bpffs), "%s/bpf", run->stage.dir);
	if (mkdir(run->bpffs, 0700) || mount("bench", run->bpffs, "bpf", 0, "mode=0700"))
		die(run->bpffs, errno);
	if (maps_pin(&run->stage.maps, run->bpffs, getgid()))
		die("pins", errno);
}

static void bpffs_close(struct top_run *run)
{
	if (umount2(run->bpffs, MNT_DETACH) || rmdir(run->bpffs))
		die(run->bpffs, errno);
}

static void top_start(struct top_run *run)
{
	const char *path = run->stage.bench->top;
	int ends[2];

	if (pipe(ends))
		die("pipe", errno);
	run->pid = fork();
	if (run->pid < 0)
		die("fork", errno);
	if (!run->pid) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0 && !close(ends[0]))
			execl(path, path, "--json", "-d", INTERVAL, "--runtime-dir", run->stage.dir,
			      "--bpffs", run->bpffs, (char *)NULL);
		_exit(127); /* as a shell says it */
	}
	close(ends[1]);
	run->lines = fdopen(ends[0], "re");
	if (!run->lines)
		die("fdopen", errno);
}

static void top_end(struct top_run *run)
{
	int status;

	(void)kill(run->pid, SIGTERM); /* ours, not waited for yet */
	(void)fclose(run->lines);      /* read only */
	if (waitpid(run->pid, &status, 0) < 0)
		die("waitpid", errno);
}

static uint64_t number(const struct top_run *run, const char *key)
{
	const char *at = strstr(run->line, key);

	if (!at)
		die(key, EPROTO);
	return strtoull(at + strlen(key), NULL, 10);
}

/* The next refresh. Returns its share of CPU time in ms. */
static double refresh(struct top_run *run)
{
	static uint64_t before_ns;
	uint64_t now_ns;
	double ms;

	if (!fgets(run->line, sizeof(run->line), run->lines))
		die(run->stage.bench->top, EPIPE);
	now_ns = number(run, "\"own_cpu_ns\":");
	ms = (double)(now_ns - before_ns) / 1e6;
	before_ns = now_ns;
	return ms;
}

/* The baseline: a system call for each tier, all that they hold, folded. */
static double everything_ms(struct top_run *run)
{
	struct ipacct_maps maps = run->stage.maps;
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

	maps.parts = NULL;
	maps.roll = NULL;
	maps.roll6 = NULL;
	maps.hot4 = NULL;
	maps.hot6 = NULL;
	maps.hotmap = NULL;
	ipacct_epoch_reset(&run->everything);
	if (ipacct_epoch_read(&run->everything, &maps, run->stage.maps.ctl->epoch & 1))
		die("reading", EIO);
	return (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e3;
}

static void rounds(struct top_run *run, const char *label, bool cuts)
{
	static struct samples top, everything;
	struct bench *bench = run->stage.bench;
	char name[FIGURE_NAME_BYTES];

	top.n = everything.n = 0;
	run->everything.live = true;
	/* the first ones make room and windows; in one of them top finds that nobody cuts */
	for (int i = -4; i < 2 * bench->n_runs; i++) {
		double ms, baseline_ms;

		(void)stage_run(&run->stage, bench->n_cpus, FILL);
		baseline_ms = everything_ms(run);
		if (cuts)
			stage_cut(&run->stage);
		ms = refresh(run);
		if (i < 0)
			continue;
		samples_add(&top, ms);
		samples_add(&everything, baseline_ms);
		if (number(run, "\"moving\":") != ADDRESSES || number(run, "\"error_packets\":"))
			fail(bench, "%s: not every address moves: %.300s", label, run->line);
	}
	figure(bench->json, name_of(name, label, "refresh"), "ms", &top, "batch_lookup_of_all",
	       &everything);
}

static void top_measure(struct bench *bench, const char *label, bool cuts, bool hot)
{
	struct stage_options options = { .load = load_named("64k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = hot };
	static struct top_run run;

	if (!wanted(bench, label))
		return;
	options.load.name = "100k";
	options.load.sources = options.load.destinations = ADDRESSES / 2;
	stage_open(&run.stage, bench, &options);
	if (ipacct_epoch_init(&run.everything, false))
		die("epoch", ENOMEM);
	bpffs_open(&run);
	(void)stage_run(&run.stage, bench->n_cpus, FILL);
	stage_cut(&run.stage);
	__atomic_store_n(&run.stage.cutter.publisher.ledger.header->interval_ns,
			 cuts ? INTERVAL_NS : 0, __ATOMIC_RELAXED); /* as the collector says it */
	top_start(&run);
	rounds(&run, label, cuts);
	top_end(&run);
	(void)stage_verify(&run.stage, label);
	ipacct_epoch_finish(&run.everything);
	bpffs_close(&run);
	stage_close(&run.stage);
}

void top_cases(struct bench *bench)
{
	if (!bench->top)
		return;
	top_measure(bench, "tools/top/100k/cuts", true, true);
	top_measure(bench, "tools/top/100k/no_cuts", false, true);
	if (!bench->quick)
		top_measure(bench, "tools/top/100k/no_cuts_lru", false, false);
}
