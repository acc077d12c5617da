/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families about what ipacct costs, and its budgets. */
#include <stdio.h>
#include <string.h>

#include "metrics.h"

#define PS_PER_NS 1000u

static const char *const process_words[] = {
#define COST_WORD(name, word) word,
	COST_PROCESSES(COST_WORD)
#undef COST_WORD
};

/* Parts per billion are to 1 what ns are to a second. */
static void share(struct metric_writer *writer, const char *label, const char *word, uint64_t ppb)
{
	char labels[48];
	int n = snprintf(labels, sizeof(labels), "%s=\"%s\"", label, word); /* fits */

	metric_seconds(writer, labels, (size_t)n, "", ppb, 0);
}

static void number(struct metric_writer *writer, const char *label, const char *word,
		   const char *more, uint64_t value, uint64_t created)
{
	char labels[48];
	int n = snprintf(labels, sizeof(labels), "%s=\"%s\"", label, word); /* fits */

	metric_u64(writer, labels, (size_t)n, more, value, created);
}

static void budgets_write(struct metric_writer *writer, const struct cost_facts *facts)
{
	static const struct metric over = { "ipacct_over_budget", NULL,
					    "1 while ipacct takes more than its budget of this "
					    "resource",
					    METRIC_GAUGE };
	static const struct metric used = { "ipacct_budget_used_ratio", "ratio",
					    "what ipacct takes of its budget, 1: all of it",
					    METRIC_GAUGE };
	double memory = (double)facts->memory_bytes / (double)facts->memory_budget_bytes;

	metric_begin(writer, &over);
	number(writer, "resource", "cpu", "", facts->cpu_over, 0);
	number(writer, "resource", "memory", "", facts->memory_over, 0);
	metric_begin(writer, &used);
	share(writer, "resource", "cpu",
	      (uint64_t)((double)facts->cpu_ppb * 1e9 / (double)facts->cpu_budget_ppb));
	share(writer, "resource", "memory", (uint64_t)(memory * 1e9));
}

static void cpu_write(struct metric_writer *writer, const struct cost_facts *facts)
{
	static const struct metric cpu = { "ipacct_cpu_ratio", "ratio",
					   "share of all CPUs over the last window; program: time "
					   "of a run by packets seen",
					   METRIC_GAUGE };
	static const struct metric budget = { "ipacct_cpu_budget_ratio", "ratio",
					      "share of all CPUs that all parts may take together",
					      METRIC_GAUGE };

	metric_begin(writer, &cpu);
	if (!facts->program_error)
		share(writer, "part", "program", facts->program_ppb);
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		share(writer, "part", process_words[i], facts->process_ppb[i]);
	metric_begin(writer, &budget);
	metric_seconds(writer, "", 0, "", facts->cpu_budget_ppb, 0);
}

static void memory_write(struct metric_writer *writer, const struct cost_facts *facts)
{
	static const struct metric memory = { "ipacct_memory_bytes", "bytes",
					      "memory by part; maps and files as computed, of "
					      "processes what is theirs alone",
					      METRIC_GAUGE };
	static const struct metric budget = { "ipacct_memory_budget_bytes", "bytes",
					      "memory that all parts may take together",
					      METRIC_GAUGE };

	metric_begin(writer, &memory);
	number(writer, "part", "maps", "", facts->maps_bytes, 0);
	number(writer, "part", "files", "", facts->files_bytes, 0);
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		number(writer, "part", process_words[i], "", facts->process_bytes[i], 0);
	metric_begin(writer, &budget);
	metric_u64(writer, "", 0, "", facts->memory_budget_bytes, 0);
}

/* The supervisor counts these, and nobody remembers since when. */
static void program_write(struct metric_writer *writer, const struct cost_facts *facts)
{
	static const struct metric sampled = { "ipacct_program_sampled_seconds", "seconds",
					       "time of the program's runs while BPF statistics "
					       "were on",
					       METRIC_COUNTER };
	static const struct metric runs = { "ipacct_program_sampled_packets", "packets",
					    "packets in that time", METRIC_COUNTER };
	static const struct metric run = { "ipacct_program_packet_seconds", "seconds",
					   "time of one run in the last window with packets; "
					   "without reading the clock",
					   METRIC_GAUGE };

	if (facts->program_error)
		return;
	metric_begin(writer, &sampled);
	metric_seconds(writer, "", 0, "", facts->sampled_ns, 0);
	metric_begin(writer, &runs);
	metric_u64(writer, "", 0, "", facts->sampled_runs, 0);
	metric_begin(writer, &run);
	metric_seconds(writer, "", 0, "", (facts->run_ps + PS_PER_NS / 2) / PS_PER_NS, 0);
}

static void switches_write(struct metric_writer *writer, const struct cost_facts *facts)
{
	/* of the process as it is: nothing promises that it goes on */
	static const struct metric switches = { "ipacct_process_context_switches", NULL,
						"how often a process gave its CPU up (voluntary: "
						"it waited) since it began",
						METRIC_GAUGE };

	metric_begin(writer, &switches);
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++) {
		number(writer, "part", process_words[i], ",type=\"voluntary\"", facts->voluntary[i],
		       0);
		number(writer, "part", process_words[i], ",type=\"involuntary\"",
		       facts->involuntary[i], 0);
	}
}

void metrics_cost(struct metrics *metrics, struct metric_writer *writer)
{
	const struct cost_facts *facts = &metrics->cost;

	if (!facts->n_windows || !facts->cpu_budget_ppb || !facts->memory_budget_bytes)
		return;
	budgets_write(writer, facts);
	cpu_write(writer, facts);
	memory_write(writer, facts);
	program_write(writer, facts);
	switches_write(writer, facts);
}
