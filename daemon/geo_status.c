/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ipacctctl status` shows of geo. The header is the worker's, so any bytes may be in it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "geo_status.h"
#include "ipacct/geo.h"
#include "supervisor.h"

static json_int_t number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static uint64_t resident_bytes(pid_t pid)
{
	char path[64];
	uint64_t pages = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid); /* fits */
	FILE *file __cleanup(cleanup_file) = pid ? fopen(path, "re") : NULL;

	if (!file ||
	    fscanf(file, "%*u %" SCNu64, &pages) != 1) /* proc(5): the second is resident */
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static const char *state_of(const struct supervisor *supervisor)
{
	if (!supervisor->sizing.geo.wanted)
		return "refused"; /* no room in the budget; said in the log */
	return supervisor->geo.pid ? "running" : "restarting";
}

static const char *database_state(uint32_t state)
{
	return state == 1 ? "in_use" : state == 2 ? "not_usable" : "unknown";
}

static json_t *database_json(struct ipacct_geo_database row)
{
	row.path[sizeof(row.path) - 1] = row.type[sizeof(row.type) - 1] = '\0';
	return json_pack("{s:s, s:s, s:I, s:I, s:s}", "path", text_make_safe(row.path), "type",
			 text_make_safe(row.type), "build_s", number(row.build_s), "loaded_ns",
			 number(row.loaded_ns), "state", database_state(row.state));
}

static json_t *databases_json(const struct supervisor *supervisor,
			      const struct ipacct_geo_header *header)
{
	json_t *databases = json_array();

	for (size_t i = 0; i < supervisor->config.geo.n_databases; i++)
		json_array_append_new(databases, database_json(header->databases[i]));
	return databases;
}

json_t *geo_status_json(const struct supervisor *supervisor)
{
	const struct geo_process *process = &supervisor->geo;
	struct ipacct_geo_header header = {};

	if (!geo_wanted(&supervisor->config.geo))
		return json_null();
	if (process->file_fd >= 0 &&
	    pread(process->file_fd, &header, sizeof(header), 0) != sizeof(header))
		memset(&header, 0, sizeof(header));
	return json_pack(
		"{s:s, s:i, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:o}",
		"state", state_of(supervisor), "pid", (int)process->pid, "restarts",
		number(process->n_restarts), "resident_bytes", number(resident_bytes(process->pid)),
		"generation", number(header.generation), "updated_ns", number(header.updated_ns),
		"records_max", (int)(header.n_records_max & INT32_MAX), "known",
		number(header.known), "negative", number(header.negative), "pending",
		number(header.pending), "lookups", number(header.lookups), "strings_bytes",
		(int)(header.strings_bytes & INT32_MAX), "strings_bytes_max",
		(int)(header.strings_bytes_max & INT32_MAX), "strings_full",
		number(header.strings_full), "file_bytes", number(header.file_bytes), "databases",
		databases_json(supervisor, &header));
}
