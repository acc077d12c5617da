// SPDX-License-Identifier: GPL-2.0-or-later
/* The verbs that only carry a wish to the daemon: reload, cut, confirm, detach. */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DAEMON_NAME    "ipacctd"
#define FIXED_ARGS_MAX 7u /* name, --detach, two directories with their options, NULL */

static void print_done(const char *command, const json_t *reply)
{
	if (strcmp(command, "cut") == 0)
		printf("cut %" JSON_INTEGER_FORMAT "\n",
		       json_integer_value(json_object_get(reply, "cut")));
	else if (strcmp(command, "reload") == 0)
		puts("reloaded");
	else if (strcmp(command, "confirm") == 0)
		puts("confirmed: the programs stay attached");
	else
		puts("detached after a last cut; the ledger keeps the counts");
}

static int finish(const struct ctl_settings *settings, const char *command, const json_t *reply)
{
	int code = control_exit_code(reply);

	if (settings->json)
		ctl_print_json(settings, reply);
	else if (code == 0)
		print_done(command, reply);
	return code;
}

int ctl_simple(const struct ctl_settings *settings, const char *command)
{
	json_t *reply __cleanup(cleanup_json) = NULL;
	int r = control_request(&settings->paths, command, settings->args, settings->n_args,
				&reply);

	if (r < 0)
		return control_explain(&settings->paths, r);
	return finish(settings, command, reply);
}

/* Replace this process by `name`, which does the work alone. Returns only on failure. */
static void run_daemon(const struct ctl_settings *settings, const char *name)
{
	const char *args[FIXED_ARGS_MAX + 2 * IPACCT_IFS_MAX];
	size_t n = 0;

	args[n++] = DAEMON_NAME;
	args[n++] = "--detach";
	if (settings->paths.runtime_dir) {
		args[n++] = "--runtime-dir";
		args[n++] = settings->paths.runtime_dir;
	}
	if (settings->paths.bpffs_dir) {
		args[n++] = "--bpffs";
		args[n++] = settings->paths.bpffs_dir;
	}
	for (size_t i = 0; i < settings->n_args; i++) {
		args[n++] = "--interface";
		args[n++] = settings->args[i];
	}
	args[n] = NULL;
	execvp(name, (char **)(uintptr_t)args);
}

/* The daemon that was installed beside this program, else the one in PATH. */
static int detach_alone(const struct ctl_settings *settings)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(DAEMON_NAME));
	char *slash, *at;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		at = slash ? slash + 1 : path;
		(void)snprintf(at, sizeof(path) - (size_t)(at - path),
			       DAEMON_NAME); /* room was left */
		run_daemon(settings, path);
	}
	run_daemon(settings, DAEMON_NAME);
	tool_complain("no daemon runs, and " DAEMON_NAME " --detach cannot be started: %s",
		      strerror(errno));
	return TOOL_ERROR;
}

int ctl_detach(const struct ctl_settings *settings)
{
	json_t *reply __cleanup(cleanup_json) = NULL;
	int r;

	if (settings->n_args > IPACCT_IFS_MAX) {
		tool_complain("more than %u interfaces", IPACCT_IFS_MAX);
		return TOOL_USAGE;
	}
	r = control_request(&settings->paths, "detach", settings->args, settings->n_args, &reply);
	if (control_no_daemon(r))
		return detach_alone(settings);
	if (r < 0)
		return control_explain(&settings->paths, r);
	return finish(settings, "detach", reply);
}
