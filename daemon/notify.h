/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tell the service manager (sd_notify(3)); nothing where there is none. */
#ifndef IPACCT_DAEMON_NOTIFY_H
#define IPACCT_DAEMON_NOTIFY_H

#include <stdint.h>

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

static inline void notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1"); /* likewise */
}

/* How long the service manager waits for a sign of life; 0: it does not. */
static inline uint64_t notify_watchdog_us(void)
{
	uint64_t limit_us;

	return sd_watchdog_enabled(0, &limit_us) > 0 ? limit_us : 0;
}
#else
static inline void notify_ready(void)
{
}

static inline void notify_stopping(void)
{
}

static inline void notify_alive(void)
{
}

static inline uint64_t notify_watchdog_us(void)
{
	return 0;
}
#endif

#endif
