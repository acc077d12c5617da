// SPDX-License-Identifier: GPL-2.0-or-later
/* Print what ipacctctl status knows of groups. */
#include <inttypes.h>
#include <stdio.h>

#include "common_text.h"
#include "ctl.h"
#include "ctl_status.h"

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void print_memory(const json_t *memory)
{
	char list[TEXT_NUMBER_BYTES], before[TEXT_NUMBER_BYTES];
	char records[TEXT_NUMBER_BYTES], masks[TEXT_NUMBER_BYTES];

	printf("memory: list %s, list before %s, records %s, ipv6_len %s\n",
	       text_octets(number(memory, "list_bytes"), TEXT_IEC, list),
	       text_octets(number(memory, "list_before_bytes"), TEXT_IEC, before),
	       text_octets(number(memory, "records_bytes"), TEXT_IEC, records),
	       text_octets(number(memory, "ipv6_len_bytes"), TEXT_IEC, masks));
}

static void print_groups(const json_t *groups)
{
	const char *file = json_string_value(json_object_get(groups, "file"));
	const char *digest = json_string_value(json_object_get(groups, "digest"));
	char bytes[TEXT_NUMBER_BYTES], changed[TEXT_TIME_BYTES], loaded[TEXT_TIME_BYTES];

	printf("\ngroups: %" PRIu64 " of %" PRIu64 " prefixes, %" PRIu64 " protected; %s\n",
	       number(groups, "groups"), number(groups, "prefixes"),
	       number(groups, "protected_prefixes"),
	       text_octets(number(groups, "bytes"), TEXT_IEC, bytes));
	printf("list %s of %s, taken %s, digest %s\n", file ? file : "-",
	       text_time(number(groups, "changed_ns"), changed),
	       text_time(number(groups, "loaded_ns"), loaded), digest ? digest : "-");
	print_memory(json_object_get(groups, "memory"));
}

static void print_reload(const json_t *reload)
{
	const char *path = json_string_value(json_object_get(reload, "reading"));

	printf("\nreload: reading %s for %.1f s, %" PRIu64 " wait for it\n", path ? path : "-",
	       (double)number(reload, "since_ms") / 1000, number(reload, "waiting"));
}

int status_print_more(const struct ctl_settings *settings, const json_t *status)
{
	const json_t *groups = json_object_get(status, "groups");
	const json_t *reload = json_object_get(status, "reload");

	if (json_is_object(groups))
		print_groups(groups);
	if (json_is_object(reload))
		print_reload(reload);
	return status_print_geo(settings, json_object_get(status, "geo"));
}
