/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacct-dump on a ledger of 65,536 addresses, its output thrown away. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath.h"

/* Nanoseconds of CPU per address, the whole process. */
static double dump_run(const struct stage *stage, const char *format)
{
	const char *path = stage->bench->dump;
	struct rusage usage;
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork", errno);
	if (!child) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0)
			execl(path, path, "--runtime-dir", stage->dir, format, (char *)NULL);
		_exit(127); /* as a shell says it */
	}
	if (wait4(child, &status, 0, &usage) < 0 || status)
		die(path, ECHILD);
	return ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3) /
	       65536;
}

void render_case(struct bench *bench)
{
	static const char *const formats[] = { "--csv", "--json", "--ndjson", "--oneline",
					       "--color=never" };
	static const char *const names[] = { "csv", "json", "ndjson", "oneline", "table" };
	struct stage_options options = { .load = load_named("64k", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	static struct samples samples[5];
	static struct stage stage;
	char name[FIGURE_NAME_BYTES];

	if (!bench->dump || !wanted(bench, "render/64k"))
		return;
	memset(samples, 0, sizeof(samples));
	stage_open(&stage, bench, &options);
	(void)stage_run(&stage, 1, bench->repeat);
	stage_cut(&stage);
	(void)stage_verify(&stage, "render");
	for (int run = 0; run < bench->n_runs; run++)
		for (int i = 0; i < 5; i++)
			samples_add(&samples[i], dump_run(&stage, formats[i]));
	for (int i = 0; i < 5; i++)
		figure(bench->json, name_of(name, "render/64k", names[i]), "ns/address",
		       &samples[i], i ? "csv" : NULL, i ? &samples[0] : NULL);
	stage_close(&stage);
}
