/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sizes of what geo reads. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "geo_overrides.h"
#include "geo_sizing.h"

#define ROOM_MIN        (1u << 20) /* a new edition may have more than a quarter more … */
#define DATABASE_ABSENT (8u << 20) /* … and one that is not there yet some size */
#define LINE_BYTES_MIN  13u        /* "1.1.1.1 name=" */

static uint64_t bytes_of(const char *path, uint64_t absent)
{
	struct stat st;

	return stat(path, &st) || !S_ISREG(st.st_mode) ? absent : (uint64_t)st.st_size;
}

static uint64_t lines_of(int fd)
{
	char buffer[65536];
	uint64_t n_lines = 1;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		for (const char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + n - at)));
		     at++)
			n_lines++;
	return n_lines;
}

/* A record for each line; a name is as long as it is in the file. An upper bound. */
static uint64_t overrides_bytes(const char *path)
{
	int fd __cleanup(cleanup_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint64_t n_lines, bytes;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > GEO_OVERRIDES_BYTES_MAX)
		return ROOM_MIN; /* checked and refused elsewhere */
	n_lines = lines_of(fd);
	bytes = (uint64_t)st.st_size;
	return n_lines * sizeof(struct geo_override) +
	       (bytes > n_lines * LINE_BYTES_MIN ? bytes - n_lines * LINE_BYTES_MIN : 0);
}

static uint64_t with_room(uint64_t bytes)
{
	return bytes ? bytes + bytes / 4 + ROOM_MIN : 0;
}

void geo_sizing_look(const struct geo_settings *settings, struct geo_sizing *ret_sizing)
{
	struct geo_sizing sizing = { .wanted = geo_wanted(settings) };

	for (size_t i = 0; i < settings->n_databases; i++)
		sizing.databases_now_bytes += bytes_of(settings->databases[i], DATABASE_ABSENT);
	sizing.databases_bytes = with_room(sizing.databases_now_bytes);
	if (settings->overrides[0])
		sizing.overrides_now_bytes = overrides_bytes(settings->overrides);
	sizing.overrides_bytes = with_room(sizing.overrides_now_bytes);
	*ret_sizing = sizing;
}
