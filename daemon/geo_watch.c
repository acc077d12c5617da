/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of the directories in which the databases are. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "geo_watch.h"

#define EVENTS (IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR)

int geo_watch_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static const char *file_name(const char *path)
{
	return strrchr(path, '/') + 1; /* paths of databases are absolute */
}

void geo_watch_set(int fd, const struct geo_settings *settings)
{
	for (size_t i = 0; i < settings->n_databases; i++) {
		const char *path = settings->databases[i];
		char directory[GEO_DATABASE_PATH_BYTES];
		size_t n = (size_t)(file_name(path) - path);

		memcpy(directory, path, n); /* with the last slash */
		directory[n] = '\0';
		/* watching it already changes nothing; a failure leaves the ticks */
		(void)inotify_add_watch(fd, directory, EVENTS);
	}
}

static bool is_database(const struct geo_settings *settings, const struct inotify_event *event)
{
	if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED))
		return true;
	for (size_t i = 0; i < settings->n_databases; i++)
		if (event->len && !strcmp(event->name, file_name(settings->databases[i])))
			return true;
	return false;
}

bool geo_watch_drain(int fd, const struct geo_settings *settings)
{
	char buffer[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (const char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *)at;

			any |= is_database(settings, event);
			at += sizeof(*event) + event->len;
		}
	return any;
}
