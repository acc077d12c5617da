/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines to stderr. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "log.h"

static const char *log_who = "";

void log_role(const char *role)
{
	log_who = role;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t used = 0;
	va_list args;
	int n;

	if (getenv("JOURNAL_STREAM")) /* systemd.exec(5): stderr goes to the journal */
		used = (size_t)snprintf(line, sizeof(line), "<%d>", level);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s%s: %s",
				 program_invocation_short_name, *log_who ? " " : "", log_who,
				 level == LOG_LEVEL_ERROR     ? "error: "
				 : level == LOG_LEVEL_WARNING ? "warning: "
							      : "");
	va_start(args, format);
	n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used += n < 0 ? 0 : (size_t)n;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	/* one write, so that lines of two processes never mix; nowhere to report a failure to */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

static int libbpf_line(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!getenv("IPACCT_DEBUG") || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

static int libxdp_line(enum libxdp_print_level level, const char *format, va_list args)
{
	if (!getenv("IPACCT_DEBUG") || level == LIBXDP_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

void log_libraries_quiet(void)
{
	libbpf_set_print(libbpf_line);
	libxdp_set_print(libxdp_line);
}
