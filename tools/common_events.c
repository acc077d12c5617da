// SPDX-License-Identifier: GPL-2.0-or-later
/* Timer and signals as descriptors. */
#include "common_events.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "common.h"

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S),
				  .tv_nsec = (long)(ns % NS_PER_S) };
}

int tool_events_arm(const struct tool_events *events, uint64_t first_ns, uint64_t interval_ns)
{
	struct itimerspec timer = { .it_value = timespec_of(first_ns),
				    .it_interval = timespec_of(interval_ns) };

	return timerfd_settime(events->timer_fd, 0, &timer, NULL) < 0 ? -errno : 0;
}

int tool_events_open(uint64_t interval_ns, const sigset_t *more, struct tool_events *events)
{
	sigset_t signals;

	sigemptyset(&signals);
	if (more)
		signals = *more;
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	events->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (events->signal_fd < 0)
		return -errno;
	events->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (events->timer_fd < 0)
		return -errno;
	return tool_events_arm(events, interval_ns, interval_ns);
}

void tool_events_close(struct tool_events *events)
{
	close_fd(&events->timer_fd);
	close_fd(&events->signal_fd);
}

int tool_events_wait(const struct tool_events *events)
{
	struct pollfd fds[] = {
		{ .fd = events->timer_fd, .events = POLLIN },
		{ .fd = events->signal_fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};
	uint64_t n_expired;

	for (;;) {
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents || fds[2].revents)
			return 0; /* a reader that closed its pipe ends it at once, not at the next output */
		if (fds[0].revents && read(events->timer_fd, &n_expired, sizeof(n_expired)) > 0)
			return 1;
	}
}
