// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of ipacctctl status about what ipacct costs. */
#include "ctl_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common_text.h"

#define PPB_PER_PERCENT 1e7

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static double percent(const json_t *object, const char *key)
{
	return (double)number(object, key) / PPB_PER_PERCENT;
}

static void print_over(const json_t *resource)
{
	char time[TEXT_TIME_BYTES];

	if (json_is_true(json_object_get(resource, "over_budget")))
		printf(": OVER BUDGET since %s UTC", text_time(number(resource, "since_ns"), time));
	putchar('\n');
}

static void print_program(const json_t *program, const json_t *parts)
{
	const char *error = json_string_value(json_object_get(program, "error"));
	char *copy = NULL;

	if (json_is_true(json_object_get(program, "measured"))) {
		printf("program %.4f %%", percent(parts, "program"));
		if (number(program, "sampled_packets"))
			printf(" (%.0f ns a packet)",
			       json_real_value(json_object_get(program, "ns_per_packet")));
	} else {
		copy = error ? strdup(error) : NULL;
		printf("program not measured: %s", copy ? text_make_safe(copy) : "not yet");
	}
	free(copy);
}

void status_print_cost(const json_t *cost)
{
	const json_t *cpu = json_object_get(cost, "cpu");
	const json_t *memory = json_object_get(cost, "memory");
	const json_t *parts = json_object_get(cpu, "parts_ppb");
	char used[TEXT_NUMBER_BYTES], budget[TEXT_NUMBER_BYTES];

	if (!number(cost, "windows"))
		return; /* nothing is known in the first moments */
	printf("cost: CPU %.4f %% of %.4f %% of %" PRIu64 " CPUs: ", percent(cpu, "used_ppb"),
	       percent(cpu, "budget_ppb"), number(cpu, "cpus"));
	print_program(json_object_get(cost, "program"), parts);
	printf(", collector %.4f %%, supervisor %.4f %%", percent(parts, "collector"),
	       percent(parts, "supervisor"));
	if (number(json_object_get(memory, "parts_bytes"), "geo"))
		printf(", geo worker %.4f %%", percent(parts, "geo"));
	print_over(cpu);
	printf("cost: memory %s of %s", text_octets(number(memory, "used_bytes"), TEXT_IEC, used),
	       text_octets(number(memory, "budget_bytes"), TEXT_IEC, budget));
	print_over(memory);
}
