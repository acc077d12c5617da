/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signs of life for the service manager. */
#include "base/clock.h"
#include "log.h"
#include "notify.h"
#include "spawn.h"
#include "supervisor.h"
#include "watchdog.h"

#define SIGNS_PER_LIMIT 3 /* one may be late, one may miss a collector that is being replaced */
#define US_PER_MS       1000u

void watchdog_start(struct supervisor *supervisor)
{
	struct watchdog *watchdog = &supervisor->watchdog;

	watchdog->period_ms = notify_watchdog_us() / US_PER_MS / SIGNS_PER_LIMIT;
	if (watchdog->period_ms)
		watchdog->due_ms = ipacct_monotonic_ms() + watchdog->period_ms;
}

void watchdog_serve(struct supervisor *supervisor)
{
	struct watchdog *watchdog = &supervisor->watchdog;
	struct collector_answer answer;

	if (!watchdog->due_ms || ipacct_monotonic_ms() < watchdog->due_ms)
		return;
	if (supervisor_ask(supervisor, COLLECTOR_STATUS, 0, &answer))
		log_warning("the collector does not answer: no sign of life this time");
	else
		notify_alive();
	watchdog->due_ms = ipacct_monotonic_ms() + watchdog->period_ms;
}
