/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger of an earlier ABI version as one of this. */
#ifndef IPACCT_DAEMON_LEDGER_CONVERT_H
#define IPACCT_DAEMON_LEDGER_CONVERT_H

#include <sys/types.h>

#include "ipacct/ipacct.h"

/* A ledger whose version is earlier and known is replaced by what it had committed; it stays beside
 * the new one as ledger.before. No collector runs.
 * Returns 1: done, 0: nothing to do, or a negative errno (nothing was changed): −EBADMSG for a file
 * that is no such ledger, with words in ret_problem; −ENOSPC; −errno. */
int ledger_convert(int runtime_dir_fd, uid_t uid, gid_t gid, struct ipacct_problem *ret_problem);

/* Afterwards: the one of before gets its name back, or goes. Without one nothing happens. */
void ledger_convert_undo(int runtime_dir_fd);
void ledger_convert_settle(int runtime_dir_fd);

#endif
