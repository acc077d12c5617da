/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that the collector and its HTTP thread may make. */
#ifndef IPACCT_DAEMON_COLLECTOR_SECCOMP_H
#define IPACCT_DAEMON_COLLECTOR_SECCOMP_H

/* From now on this process and its threads are killed when they make a call that is not on the list:
 * no new socket, no connection, no program, no process, no signal to another, no file opened for
 * writing, no name changed, no memory to execute. Of bpf(2) the elements of maps are left.
 * Needs PR_SET_NO_NEW_PRIVS. Returns 0 or a negative errno. */
int collector_seccomp_load(void);

#endif
