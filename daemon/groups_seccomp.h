/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the reader of the list of groups may make. */
#ifndef IPACCT_DAEMON_GROUPS_SECCOMP_H
#define IPACCT_DAEMON_GROUPS_SECCOMP_H

/* From here on, for good: read text_fd, write and seal list_fd, send to socket_fd, take memory, end.
 * Anything else kills the process. Returns 0 or a negative errno. */
int groups_seccomp_load(int text_fd, int list_fd, int socket_fd);

#endif
