// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl doctor: why a number may be wrong, and what mends it. Looks only; changes nothing. */
#include "ctl_doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "common_text.h"
#include "ctl.h"

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok",     [DOCTOR_UNKNOWN] = "unknown", [DOCTOR_INFO] = "info",
	[DOCTOR_WARN] = "warn", [DOCTOR_ERROR] = "error",
};

static const char *const level_colors[] = {
	[DOCTOR_OK] = "\033[32m",   [DOCTOR_UNKNOWN] = "\033[35m", [DOCTOR_INFO] = "\033[36m",
	[DOCTOR_WARN] = "\033[33m", [DOCTOR_ERROR] = "\033[31m",
};

#define N_LEVELS (sizeof(level_names) / sizeof(level_names[0]))

struct report {
	const struct ctl_settings *settings;
	struct json_writer json;
	bool color;
	size_t n[N_LEVELS];
};

/* Each look of a rule at a device or at the machine. */
static void put_json(struct report *report, const struct doctor_rule *rule,
		     const struct doctor_device *device, const struct doctor_finding *finding)
{
	struct json_writer *json = &report->json;

	json_open(json, NULL, '{');
	json_text(json, "rule", rule->id);
	json_text(json, "device", device ? device->ifname : NULL);
	json_text(json, "level", level_names[finding->level]);
	json_text(json, "title", rule->title);
	json_text(json, "saw", finding->level == DOCTOR_OK ? NULL : finding->saw);
	json_text(json, "why", rule->why);
	json_text(json, "mend", finding->level < DOCTOR_INFO ? NULL : finding->mend);
	json_close(json, '}');
}

static void put_text(struct report *report, const struct doctor_rule *rule,
		     const struct doctor_device *device, struct doctor_finding *finding)
{
	char ifname[IPACCT_IFNAME_BYTES + 1] = "";

	if (device)
		memcpy(ifname, device->ifname, IPACCT_IFNAME_BYTES);
	if (finding->level == DOCTOR_OK && !report->settings->verbose)
		return;
	printf("%s%-7s%s %s%s%s: %s\n", report->color ? level_colors[finding->level] : "",
	       level_names[finding->level], report->color ? "\033[0m" : "", text_make_safe(ifname),
	       device ? " " : "", rule->id, rule->title);
	if (finding->level == DOCTOR_OK)
		return;
	printf("        saw:  %s\n", text_make_safe(finding->saw));
	if (finding->level < DOCTOR_INFO)
		return;
	printf("        why:  %s\n", rule->why);
	printf("        mend: %s\n", text_make_safe(finding->mend));
}

static void put(struct report *report, const struct doctor_rule *rule,
		const struct doctor_facts *facts, const struct doctor_device *device)
{
	struct doctor_finding finding;

	doctor_rule_apply(rule, facts, device, &finding);
	report->n[finding.level]++;
	if (report->settings->fix_hints) {
		if (rule->hint && finding.level >= DOCTOR_INFO)
			puts(text_make_safe(finding.mend));
	} else if (report->settings->json) {
		put_json(report, rule, device, &finding);
	} else {
		put_text(report, rule, device, &finding);
	}
}

static void put_all(struct report *report, const struct doctor_facts *facts)
{
	const struct doctor_rule *rule;

	for (size_t i = 0; (rule = doctor_rule_at(i)); i++) {
		if (!rule->per_device)
			put(report, rule, facts, NULL);
		for (size_t d = 0; rule->per_device && d < facts->n_devices; d++)
			if (facts->devices[d].asked_for)
				put(report, rule, facts, &facts->devices[d]);
	}
}

static void print_report(struct report *report, const struct doctor_facts *facts)
{
	bool json = report->settings->json && !report->settings->fix_hints;

	if (json) {
		json_open(&report->json, NULL, '{');
		json_text(&report->json, "schema", "ipacct.doctor/1");
		json_open(&report->json, "devices", '[');
		for (size_t i = 0; i < facts->n_devices; i++)
			if (facts->devices[i].asked_for)
				json_text(&report->json, NULL, facts->devices[i].ifname);
		json_close(&report->json, ']');
		json_open(&report->json, "findings", '[');
	}
	put_all(report, facts);
	if (json) {
		json_close(&report->json, ']');
		json_open(&report->json, "levels", '{');
		for (size_t i = 0; i < N_LEVELS; i++)
			json_u64(&report->json, level_names[i], report->n[i]);
		json_close(&report->json, '}');
		json_close(&report->json, '}');
	} else if (!report->settings->fix_hints) {
		printf("%zu errors, %zu warnings, %zu notes, %zu unknown, %zu ok; nothing was "
		       "changed\n",
		       report->n[DOCTOR_ERROR], report->n[DOCTOR_WARN], report->n[DOCTOR_INFO],
		       report->n[DOCTOR_UNKNOWN], report->n[DOCTOR_OK]);
	}
}

/* Mark what was named, else what is counted, else everything. Returns an exit code. */
static int choose(struct doctor_facts *facts, const struct ctl_settings *settings)
{
	bool any = false;

	for (size_t k = 0; k < settings->n_args; k++) {
		bool found = false;

		for (size_t i = 0; i < facts->n_devices; i++)
			if (strcmp(facts->devices[i].ifname, settings->args[k]) == 0)
				found = facts->devices[i].asked_for = true;
		if (!found) {
			tool_complain("no interface '%s' in this network namespace",
				      settings->args[k]);
			return TOOL_ERROR;
		}
	}
	for (size_t i = 0; !settings->n_args && i < facts->n_devices; i++)
		any |= facts->devices[i].asked_for = facts->devices[i].counted ||
						     facts->devices[i].counted_in ||
						     facts->devices[i].counted_out;
	for (size_t i = 0; !settings->n_args && !any && i < facts->n_devices; i++)
		facts->devices[i].asked_for = true;
	return TOOL_OK;
}

int ctl_doctor(const struct ctl_settings *settings)
{
	struct doctor_facts *facts __cleanup(cleanup_free) = malloc(sizeof(*facts));
	struct report report = { .settings = settings,
				 .json = { .file = stdout, .pretty = settings->pretty },
				 .color = text_color_wanted(settings->color) };
	int r;

	if (!facts) {
		tool_complain("out of memory");
		return TOOL_ERROR;
	}
	doctor_facts_init(facts);
	doctor_probe_links(facts);
	if (facts->links_error) {
		tool_complain("the kernel does not list its links: %s",
			      strerror(-facts->links_error));
		return TOOL_ERROR;
	}
	doctor_probe_counts(facts, &settings->paths);
	r = choose(facts, settings);
	if (r != TOOL_OK)
		return r;
	doctor_probe_place(facts, &settings->paths);
	doctor_probe_ethtool(facts);
	doctor_probe_filters(facts);
	doctor_probe_programs(facts);
	doctor_probe_machine(facts);
	print_report(&report, facts);
	return report.n[DOCTOR_ERROR] || report.n[DOCTOR_WARN] ? TOOL_USAGE : TOOL_OK;
}
