// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: the list of them, and what is common to all. */
#include "ctl_doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct doctor_rule *const families[] = {
	doctor_offload_rules, doctor_attach_rules, doctor_stacked_rules, doctor_receive_rules,
	doctor_machine_rules, doctor_place_rules,  doctor_counts_rules,
};

const struct doctor_rule *doctor_rule_at(size_t i)
{
	for (size_t family = 0; family < sizeof(families) / sizeof(families[0]); family++)
		for (const struct doctor_rule *rule = families[family]; rule->id; rule++)
			if (i-- == 0)
				return rule;
	return NULL;
}

void doctor_found(struct doctor_finding *finding, enum doctor_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(finding->saw, sizeof(finding->saw), format, args); /* cut: still a text */
	va_end(args);
	finding->level = level;
}

void doctor_mend(struct doctor_finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(finding->mend, sizeof(finding->mend), format, args);
	va_end(args);
}

/* Copy with every IFACE replaced. */
static void fill_in(const char *text, const char *ifname, char ret_text[DOCTOR_TEXT_BYTES])
{
	static const char word[] = "IFACE";
	size_t used = 0;
	const char *at;

	while ((at = strstr(text, word)) && used < DOCTOR_TEXT_BYTES) {
		used += (size_t)snprintf(ret_text + used, DOCTOR_TEXT_BYTES - used, "%.*s%s",
					 (int)(at - text), text, ifname);
		text = at + sizeof(word) - 1;
	}
	if (used < DOCTOR_TEXT_BYTES)
		(void)snprintf(ret_text + used, DOCTOR_TEXT_BYTES - used, "%s", text);
}

void doctor_rule_apply(const struct doctor_rule *rule, const struct doctor_facts *facts,
		       const struct doctor_device *device, struct doctor_finding *ret_finding)
{
	*ret_finding = (struct doctor_finding){ .level = DOCTOR_OK };
	rule->check(facts, device, ret_finding);
	if (!ret_finding->mend[0])
		fill_in(rule->mend, device ? device->ifname : "IFACE", ret_finding->mend);
}

const struct doctor_device *doctor_device_find(const struct doctor_facts *facts, uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < facts->n_devices; i++)
		if (facts->devices[i].ifindex == ifindex)
			return &facts->devices[i];
	return NULL;
}

void doctor_facts_init(struct doctor_facts *facts)
{
	*facts = (struct doctor_facts){
		.softnet_dropped = UNKNOWN,
		.softnet_squeezed = UNKNOWN,
		.cgroup_bytes = UNKNOWN,
		.cgroup_max_bytes = UNKNOWN,
		.runtime_error = -1,
		.bpffs_error = -1,
		.ledger_error = -1,
		.maps_error = -1,
		.lru_entries = UNKNOWN,
		.links_error = -1,
	};
}
