/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the reader of the list of groups may make. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "groups_seccomp.h"
#include "seccomp_rules.h"

static const char *const allowed[] = {
	"fstat",      /* how long the text is */
	"newfstatat", /* what fstat() is in glibc; opens nothing */
	"sysinfo",    /* qsort(3): how much may I take? */
	"tgkill",     /* abort() */
};

int groups_seccomp_load(int text_fd, int list_fd, int socket_fd)
{
	const struct scmp_arg_cmp standard_error = SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO);
	const struct scmp_arg_cmp text = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)text_fd);
	const struct scmp_arg_cmp list = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)list_fd);
	const struct scmp_arg_cmp socket = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket_fd);
	const struct scmp_arg_cmp seal[] = { list, SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	if (!ret)
		ret = seccomp_allow_all(filter, allowed, sizeof(allowed) / sizeof(allowed[0]));
	if (!ret)
		ret = seccomp_allow_common(filter);
	if (!ret)
		ret = seccomp_allow(filter, "read", 1, &text);
	if (!ret)
		ret = seccomp_allow(filter, "write", 1, &standard_error);
	if (!ret)
		ret = seccomp_allow(filter, "write", 1, &list);
	if (!ret)
		ret = seccomp_allow(filter, "fcntl", 2, seal);
	if (!ret)
		ret = seccomp_allow(filter, "sendto", 1, &socket);
	if (!ret)
		ret = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return ret;
}
