/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ipacctctl: settings, and one function for each verb. */
#ifndef IPACCT_TOOLS_CTL_H
#define IPACCT_TOOLS_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <ipacct/ipacct.h>

#include "common.h"

struct ctl_settings {
	struct tool_paths paths;
	unsigned int json; /* 1 = machine output */
	bool pretty;
	unsigned int color; /* enum text_color */
	bool verbose;       /* doctor: passed rules too */
	bool fix_hints;     /* doctor: only the lines that mend */
	struct {
		uint64_t pps, addresses, cpus, ipv6, flood;
		const char *memory;
		bool no_hot;
	} plan;
	char **args; /* after the verb */
	size_t n_args;
};

/* Each returns the exit code. */
int ctl_status(const struct ctl_settings *settings);
int ctl_verify(const struct ctl_settings *settings);
int ctl_simple(const struct ctl_settings *settings, const char *command);
int ctl_groups(const struct ctl_settings *settings);
int ctl_detach(const struct ctl_settings *settings);
int ctl_doctor(const struct ctl_settings *settings);
int ctl_plan(const struct ctl_settings *settings);

/* Ask the daemon.
 * interfaces: may be empty.
 * ret_reply:  the reply's object, for json_decref().
 * Returns 0, or -ENOENT / -ECONNREFUSED (no daemon), -EACCES, -ETIMEDOUT (no reply in 10 s, for
 * a reload in 90), -ENAMETOOLONG (the request), -EBADMSG (the reply is not a JSON object with an exit
 * code), -errno. */
int control_request(const struct tool_paths *paths, const char *command, char *const *interfaces,
		    size_t n_interfaces, json_t **ret_reply);

/* The same in two steps, for who waits for more than the reply. socket_flags: SOCK_NONBLOCK or 0.
 * ret_fd: readable when the reply is there; owned by the caller. */
int control_send(const struct tool_paths *paths, const char *command, char *const *interfaces,
		 size_t n_interfaces, int socket_flags, int *ret_fd);
int control_receive(int fd, json_t **ret_reply);

/* Whether that error only says that no daemon runs. */
bool control_no_daemon(int error);

/* Say why the daemon could not be asked. Returns the exit code. */
int control_explain(const struct tool_paths *paths, int error);

/* The exit code of a reply; prints its "error" when there is one. */
int control_exit_code(const json_t *reply);

/* Print an object of jansson's as -j or -jp wants it. */
void ctl_print_json(const struct ctl_settings *settings, const json_t *object);

/* Owned by a __cleanup() variable. */
static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

static inline void cleanup_reader(struct ipacct_reader **reader)
{
	ipacct_reader_close(*reader);
}

static inline void cleanup_snapshot(struct ipacct_snapshot **snapshot)
{
	ipacct_snapshot_destroy(*snapshot);
}

#endif
