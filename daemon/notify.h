/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tell the service manager (sd_notify(3)); nothing where there is none. */
#ifndef IPACCT_DAEMON_NOTIFY_H
#define IPACCT_DAEMON_NOTIFY_H

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

static inline void notify_ready(void)
{
	(void)sd_notify(0, "READY=1"); /* nobody listens: nothing to do about it */
}

static inline void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1"); /* likewise */
}
#else
static inline void notify_ready(void)
{
}

static inline void notify_stopping(void)
{
}
#endif

#endif
