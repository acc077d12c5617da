/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line per decision, to stderr; with syslog levels where the journal reads it (sd-daemon(3)). */
#ifndef IPACCT_DAEMON_LOG_H
#define IPACCT_DAEMON_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* RFC 5424 6.2.1 severities */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* role: "" in the supervisor, "collector" in that process; static storage. */
void log_role(const char *role);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)

/* libbpf's and libxdp's own lines would repeat ours; IPACCT_DEBUG=1 in the environment shows them. */
void log_libraries_quiet(void);

#endif
