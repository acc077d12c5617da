/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacctd: count every address on the interfaces it is given. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_groups.h"
#include "config_protect.h"
#include "crash.h"
#include "exit_code.h"
#include "geo_overrides.h"
#include "log.h"
#include "supervisor.h"

#ifdef IPACCT_CRASH_POINTS
/* The test build prints its steps, in order, for IPACCT_CRASH_AT=list. */
static int steps_list(void)
{
#define PRINT(step) (void)puts(#step);
	CRASH_STEPS(PRINT)
	return EXIT_CODE_OK;
}

/* And those of an upgrade for IPACCT_CRASH_AT=list_upgrade. */
static int upgrade_steps_list(void)
{
	CRASH_STEPS_UPGRADE(PRINT)
	return EXIT_CODE_OK;
}
#undef PRINT
#endif

/* Everything that can be read without being root: the configuration was, its other files are now. */
static int check(const struct config *config)
{
	char error[CONFIG_PATH_BYTES + 512];
	struct config_prefix *prefixes;
	struct group_image groups;
	size_t n;

	if (config_groups_read(config, &groups, error, sizeof(error)) ||
	    config_protect_read(config, &groups, &prefixes, &n, error, sizeof(error))) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_CODE_CONFIG;
	}
	free(prefixes);
	group_image_finish(&groups);
	if (geo_overrides_check(config->geo.overrides, error, sizeof(error))) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_CODE_CONFIG;
	}
	(void)printf("%s: ok\n", config->config_file[0] ? config->config_file : "options");
	return EXIT_CODE_OK;
}

int main(int argc, char **argv)
{
	static struct config config; /* large */

	(void)signal(SIGPIPE, SIG_IGN); /* a log reader that goes away must not end the counting */
#ifdef IPACCT_CRASH_POINTS
	if (crash_wanted("list"))
		return steps_list();
	if (crash_wanted("list_upgrade"))
		return upgrade_steps_list();
#endif
	switch (config_from_args(argc, argv, &config)) {
	case CONFIG_ARGS_EXIT_OK:
		return EXIT_CODE_OK;
	case CONFIG_ARGS_USAGE:
		return EXIT_CODE_USAGE;
	case CONFIG_ARGS_INVALID:
		return EXIT_CODE_CONFIG;
	case CONFIG_ARGS_RUN:
		break;
	}
	if (config.check_config)
		return check(&config);
	log_libraries_quiet();
	return supervisor_run(argc, argv, &config);
}
