/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit codes of every program of ours (DESIGN §7); 75 and 78 are those of sysexits.h. */
#ifndef IPACCT_DAEMON_EXIT_CODE_H
#define IPACCT_DAEMON_EXIT_CODE_H

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_ERROR = 1,
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_NOT_CONSERVED = 3,
	EXIT_CODE_RUNNING = 75, /* EX_TEMPFAIL: another daemon holds the locks */
	EXIT_CODE_CONFIG = 78,  /* EX_CONFIG: configuration or ABI version */
};

#endif
