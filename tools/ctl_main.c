// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl: ask, prove and steer. */
#include "ctl.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "common_options.h"
#include "common_text.h"

static const char *const color_names[] = { "auto", "always", "never", NULL };

#define PPS_MAX       10000000000ULL /* six ports of 1 Tbit/s of the smallest frames */
#define ADDRESSES_MAX 1000000000ULL
#define CPUS_MAX      4096ULL /* linux/threads.h NR_CPUS upper bound on x86 */

#define AT(field) offsetof(struct ctl_settings, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ 'j', "json", OPTION_VALUE, NULL, AT(json), 1, 0, NULL, "one JSON object" },
	{ 'p', "pretty", OPTION_FLAG, NULL, AT(pretty), 0, 0, NULL, "JSON for people: one value a line" },
	{ 0, "color", OPTION_CHOICE, "WHEN", AT(color), 0, 0, color_names, "default: auto; NO_COLOR is honoured" },
	{ 'v', "verbose", OPTION_FLAG, NULL, AT(verbose), 0, 0, NULL, "doctor: rules that found nothing, too" },
	{ 0, "fix-hints", OPTION_FLAG, NULL, AT(fix_hints), 0, 0, NULL, "doctor: only sysctl and ethtool lines" },
	{ 0, "pps", OPTION_NUMBER, "N", AT(plan.pps), 1, PPS_MAX, NULL, "plan: packets a second, all CPUs together" },
	{ 0, "addresses", OPTION_NUMBER, "N", AT(plan.addresses), 1, ADDRESSES_MAX, NULL, "plan: addresses that come by, each as often as any other" },
	{ 0, "cpus", OPTION_NUMBER, "N", AT(plan.cpus), 1, CPUS_MAX, NULL, "plan: CPUs that receive" },
	{ 0, "ipv6", OPTION_NUMBER, "PERCENT", AT(plan.ipv6), 0, 100, NULL, "plan: how many of addresses and packets are IPv6 (0)" },
	{ 0, "flood", OPTION_NUMBER, "PPS", AT(plan.flood), 0, PPS_MAX, NULL, "plan: how many of the packets have forged sources (0)" },
	{ 0, "memory", OPTION_STRING, "SIZE", AT(plan.memory), 0, 0, NULL, "plan: the budget (256M)" },
	{ 0, "no-hot", OPTION_FLAG, NULL, AT(plan.no_hot), 0, 0, NULL, "plan: without the tier of busy addresses" },
	{ 0, "runtime-dir", OPTION_STRING, "DIR", AT(paths.runtime_dir), 0, 0, NULL, "where ledger and control socket are (" IPACCT_RUNTIME_DIR_DEFAULT ")" },
	{ 0, "bpffs", OPTION_STRING, "DIR", AT(paths.bpffs_dir), 0, 0, NULL, "where the maps are pinned (" IPACCT_BPFFS_DIR_DEFAULT ")" },
	{ 'V', "version", OPTION_VERSION, NULL, 0, 0, 0, NULL, "print the version" },
	{ 'h', "help", OPTION_HELP, NULL, 0, 0, 0, NULL, "print this help" },
};
/* clang-format on */

static const struct option_table table = {
	.usage = "[OPTION]... VERB [IFACE]...",
	.purpose =
		"Ask ipacctd, prove what was counted, steer.\n\n"
		"Verbs:\n"
		"  status            what runs, what is attached; works without the daemon\n"
		"  verify            prove the sums, with the kernel as second witness\n"
		"  groups            the totals of each group of prefixes; works without the "
		"daemon\n"
		"  doctor [IFACE]... why a number may be wrong, and what mends it; changes "
		"nothing\n"
		"  plan              what a load would take: memory, CPU, share rolled up\n"
		"  reload            read the configuration file again\n"
		"  cut               publish what was counted until now\n"
		"  confirm           keep what was attached with ipacctd --confirm\n"
		"  detach [IFACE]... last cut, then remove the programs; works without the daemon",
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.epilogue = "Exit code: 0 ok, 1 error, 2 usage or something to mend, 3 not conserved, 78 "
		    "ABI or configuration.\n",
};

static int verb_reload(const struct ctl_settings *settings)
{
	return ctl_simple(settings, "reload");
}

static int verb_cut(const struct ctl_settings *settings)
{
	return ctl_simple(settings, "cut");
}

static int verb_confirm(const struct ctl_settings *settings)
{
	return ctl_simple(settings, "confirm");
}

static const struct {
	int (*run)(const struct ctl_settings *settings);
	bool takes_interfaces;
} verbs[] = {
	{ ctl_status, false }, { ctl_verify, false },   { ctl_groups, false },
	{ ctl_doctor, true },  { ctl_plan, false },     { verb_reload, false },
	{ verb_cut, false },   { verb_confirm, false }, { ctl_detach, true },
};

/* In the order of verbs[]. */
static const char *const verb_names[] = { "status", "verify", "groups",  "doctor", "plan",
					  "reload", "cut",    "confirm", "detach" };
#define N_VERBS (sizeof(verb_names) / sizeof(verb_names[0]))
_Static_assert(N_VERBS == sizeof(verbs) / sizeof(verbs[0]), "a name for each verb");

static int run_verb(const struct ctl_settings *settings, const char *word)
{
	const char *near;

	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(word, verb_names[i]) != 0)
			continue;
		if (settings->n_args && !verbs[i].takes_interfaces) {
			tool_complain("%s takes no argument: '%s'", word, settings->args[0]);
			return TOOL_USAGE;
		}
		return verbs[i].run(settings);
	}
	near = nearest_name(word, verb_names, N_VERBS);
	if (near)
		tool_complain("unknown verb '%s', did you mean '%s'?", word, near);
	else
		tool_complain("unknown verb '%s'; --help lists the verbs", word);
	return TOOL_USAGE;
}

int main(int argc, char **argv)
{
	struct ctl_settings settings = { 0 };
	enum options_outcome outcome;
	int first;

	/* Only the character set: numbers and times are the same in every locale. */
	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN);
	outcome = options_parse(&table, argc, argv, &settings, &first);
	if (outcome != OPTIONS_RUN)
		return tool_finish_output(outcome == OPTIONS_USAGE ? TOOL_USAGE : TOOL_OK);
	if (settings.pretty)
		settings.json = 1;
	if (first == argc) {
		options_print_help(&table);
		return tool_finish_output(TOOL_USAGE);
	}
	settings.args = argv + first + 1;
	settings.n_args = (size_t)(argc - first - 1);
	return tool_finish_output(run_verb(&settings, argv[first]));
}
