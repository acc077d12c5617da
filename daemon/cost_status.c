/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of `ipacctctl status` about what ipacct costs. */
#include <string.h>

#include "cost.h"
#include "cost_status.h"

#define PS_PER_NS 1000.0

static json_int_t number(uint64_t value)
{
	return (json_int_t)value;
}

static const char *const process_words[] = {
#define COST_WORD(name, word) word,
	COST_PROCESSES(COST_WORD)
#undef COST_WORD
};

/* {"supervisor": …} of one array of the facts. */
static json_t *by_process(const uint64_t values[COST_PROCESSES_MAX])
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < COST_PROCESSES_MAX; i++)
		json_object_set_new(object, process_words[i], json_integer(number(values[i])));
	return object;
}

static json_t *program_json(const struct cost_facts *facts)
{
	const char *error = facts->program_error ? strerror((int)facts->program_error) : NULL;

	return json_pack("{s:b, s:s?, s:f, s:f, s:I, s:I}", "measured",
			 facts->n_windows && !facts->program_error, "error", error, "ns_per_packet",
			 (double)facts->run_ps / PS_PER_NS, "clock_ns",
			 (double)facts->clock_ps / PS_PER_NS, "sampled_packets",
			 number(facts->sampled_runs), "sampled_ns", number(facts->sampled_ns));
}

static json_t *cpu_json(const struct cost_facts *facts)
{
	json_t *parts = by_process(facts->process_ppb);

	json_object_set_new(parts, "program", json_integer(number(facts->program_ppb)));
	return json_pack("{s:I, s:I, s:I, s:b, s:I, s:o}", "cpus", number(facts->n_cpus),
			 "budget_ppb", number(facts->cpu_budget_ppb), "used_ppb",
			 number(facts->cpu_ppb), "over_budget", facts->cpu_over != 0, "since_ns",
			 number(facts->cpu_since_ns), "parts_ppb", parts);
}

static json_t *memory_json(const struct cost_facts *facts)
{
	json_t *parts = by_process(facts->process_bytes);

	json_object_set_new(parts, "maps", json_integer(number(facts->maps_bytes)));
	json_object_set_new(parts, "files", json_integer(number(facts->files_bytes)));
	return json_pack("{s:I, s:I, s:b, s:I, s:o}", "budget_bytes",
			 number(facts->memory_budget_bytes), "used_bytes",
			 number(facts->memory_bytes), "over_budget", facts->memory_over != 0,
			 "since_ns", number(facts->memory_since_ns), "parts_bytes", parts);
}

json_t *cost_status_json(const struct cost *cost)
{
	const struct cost_facts *facts = &cost->facts;

	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "profile",
			 profile_of((unsigned int)facts->profile)->name, "windows",
			 number(facts->n_windows), "interval_max_ns",
			 number(facts->interval_longest_ns), "program", program_json(facts), "cpu",
			 cpu_json(facts), "memory", memory_json(facts), "voluntary_switches",
			 by_process(facts->voluntary), "involuntary_switches",
			 by_process(facts->involuntary));
}
