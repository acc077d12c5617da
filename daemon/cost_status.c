/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipacct costs, as JSON: the same in `ipacctctl status` and in /api/v1/status. */
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "cost_status.h"

#define PS_PER_NS 1000u

static const char *const process_words[] = {
#define COST_WORD(name, word) word,
	COST_PROCESSES(COST_WORD)
#undef COST_WORD
};

/* Keys and values of one array of the facts, into an object that is open. */
static void by_process(struct json_writer *json, const uint64_t values[COST_PROCESSES_MAX])
{
	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		json_u64(json, process_words[i], values[i]);
}

/* Picoseconds as nanoseconds, exact. */
static void ns_write(struct json_writer *json, const char *key, uint64_t ps)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(ps / PS_PER_NS),
		       (unsigned int)(ps % PS_PER_NS)); /* 20 digits and 4 fit */
	json_verbatim(json, key, text);
}

static void program_write(struct json_writer *json, const struct cost_facts *facts)
{
	json_open(json, "program", '{');
	json_bool(json, "measured", facts->n_windows && !facts->program_error);
	json_text(json, "error", facts->program_error ? strerror((int)facts->program_error) : NULL);
	ns_write(json, "ns_per_packet", facts->run_ps);
	ns_write(json, "clock_ns", facts->clock_ps);
	json_u64(json, "sampled_packets", facts->sampled_runs);
	json_u64(json, "sampled_ns", facts->sampled_ns);
	json_close(json, '}');
}

/* How much of a budget is used, since when it is too much, and who uses it: the last object stays open.
 * what: cpu in ppb, memory in bytes. */
#define BUDGET_WRITE(json, facts, what, unit)                                   \
	do {                                                                    \
		json_u64(json, "budget_" #unit, (facts)->what##_budget_##unit); \
		json_u64(json, "used_" #unit, (facts)->what##_##unit);          \
		json_bool(json, "over_budget", (facts)->what##_over != 0);      \
		json_u64(json, "since_ns", (facts)->what##_since_ns);           \
		json_open(json, "parts_" #unit, '{');                           \
		by_process(json, (facts)->process_##unit);                      \
	} while (0)

static void cpu_write(struct json_writer *json, const struct cost_facts *facts)
{
	json_open(json, "cpu", '{');
	json_u64(json, "cpus", facts->n_cpus);
	BUDGET_WRITE(json, facts, cpu, ppb);
	json_u64(json, "program", facts->program_ppb);
	json_close(json, '}');
	json_close(json, '}');
}

static void memory_write(struct json_writer *json, const struct cost_facts *facts)
{
	json_open(json, "memory", '{');
	BUDGET_WRITE(json, facts, memory, bytes);
	json_u64(json, "maps", facts->maps_bytes);
	json_u64(json, "files", facts->files_bytes);
	json_close(json, '}');
	json_close(json, '}');
}

static void switches_write(struct json_writer *json, const char *key,
			   const uint64_t values[COST_PROCESSES_MAX])
{
	json_open(json, key, '{');
	by_process(json, values);
	json_close(json, '}');
}

void cost_status_write(struct json_writer *json, const char *key, const struct cost_facts *facts)
{
	json_open(json, key, '{');
	json_text(json, "profile", profile_of((unsigned int)facts->profile)->name);
	json_u64(json, "windows", facts->n_windows);
	json_u64(json, "interval_max_ns", facts->interval_longest_ns);
	program_write(json, facts);
	cpu_write(json, facts);
	memory_write(json, facts);
	switches_write(json, "voluntary_switches", facts->voluntary);
	switches_write(json, "involuntary_switches", facts->involuntary);
	json_close(json, '}');
}
