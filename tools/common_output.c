// SPDX-License-Identifier: GPL-2.0-or-later
/* Standard output that a signal can end.
 *
 * Signals are blocked and come by a descriptor, so none interrupts a write(2) that waits for a reader. A
 * descriptor of our own that does not block cannot be had: O_NONBLOCK belongs to everybody who has the
 * pipe. So poll(2) waits, and what is written at once never waits. */
#include "common_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define OUTPUT_BYTES  (1u << 16) /* as a pipe's default capacity, pipe(7) */
#define LAST_WORDS_MS 1000       /* that a reader may take for the next 4 KiB once a signal came */

struct output {
	int signal_fd;
	bool ended; /* nobody is waited for any more */
};

/* Until standard output takes PIPE_BUF octets (pipe(7)) or has an error, which write(2) tells. */
static bool output_ready(const struct output *output)
{
	struct pollfd fds[] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = output->signal_fd, .events = POLLIN },
	};
	int r;

	do
		r = poll(fds, 2, -1);
	while (r < 0 && errno == EINTR);
	if (r < 0 || fds[0].revents)
		return true;
	do
		r = poll(fds, 1, LAST_WORDS_MS);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

/* As fopencookie(3) wants it: how much was written; less than all with errno is an error. */
static ssize_t output_write(void *cookie, const char *text, size_t n_bytes)
{
	struct output *output = cookie;
	size_t done = 0;

	while (done < n_bytes) {
		size_t n = n_bytes - done < PIPE_BUF ? n_bytes - done : PIPE_BUF;
		ssize_t written;

		if (output->ended || !output_ready(output)) {
			output->ended = true;
			errno = EPIPE; /* as if the reader had gone: no complaint, no more output */
			break;
		}
		written = write(STDOUT_FILENO, text + done, n);
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			break;
		done += written > 0 ? (size_t)written : 0;
	}
	return (ssize_t)done;
}

int tool_output_open(const struct tool_events *events)
{
	static const cookie_io_functions_t functions = { .write = output_write };
	static char buffer[OUTPUT_BYTES];
	static struct output output;
	FILE *stream;

	if (fflush(stdout) != 0)
		return -errno;
	/* its own one: what is written last may come after the events were closed */
	output.signal_fd = fcntl(events->signal_fd, F_DUPFD_CLOEXEC, 0);
	if (output.signal_fd < 0)
		return -errno;
	stream = fopencookie(&output, "w", functions);
	if (!stream)
		return -errno;
	(void)setvbuf(stream, buffer, _IOFBF, sizeof(buffer)); /* as it is, it is only slower */
	stdout = stream;
	return 0;
}
