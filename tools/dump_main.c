// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacct-dump: show what was counted for each address. Needs no daemon and no privilege but the
 * group of the files. */
#include "dump.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES (1u << 16) /* one write of a pipe's default capacity, pipe(7) */

int dump_read(const struct dump_settings *settings, struct ipacct_reader *reader, bool live,
	      struct ipacct_snapshot **ret_snapshot)
{
	struct ipacct_problem problem = { "" };
	int r;

	if (settings->group_list)
		(void)ipacct_groups_refresh(settings->group_list); /* the list of before answers */
	r = ipacct_snapshot_read(reader, dump_snapshot_flags(settings, live), ret_snapshot,
				 &problem);

	return r < 0 ? tool_explain(r, &problem, &settings->paths) : 0;
}

/* -i names a slot or it is a typing error. */
static bool device_known(const struct dump_settings *settings,
			 const struct ipacct_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		if (dump_shows_interface(settings, &snapshot->interfaces[i]))
			return true;
	return !settings->device;
}

static int dump_once(const struct dump_settings *settings, struct ipacct_reader *reader,
		     struct ipacct_geo *geo)
{
	struct ipacct_snapshot *snapshot = NULL;
	struct dump_view view;
	int r = dump_read(settings, reader, settings->live, &snapshot);

	if (r != 0)
		return r;
	if (!device_known(settings, snapshot)) {
		tool_complain("%s was never attached; ipacct-dump without -i lists the interfaces",
			      settings->device);
		ipacct_snapshot_destroy(snapshot);
		return TOOL_ERROR;
	}
	r = dump_view_init(settings, snapshot, snapshot, 0, geo, &view);
	if (r == 0) {
		r = dump_print(settings, &view);
		dump_view_finish(&view);
	}
	if (r < 0)
		tool_complain("cannot show the counters: %s", strerror(-r));
	ipacct_snapshot_destroy(snapshot);
	return r < 0 ? TOOL_ERROR : TOOL_OK;
}

static bool needs_geo(const struct dump_settings *s)
{
	return s->geo || s->countries.n || s->asns.n || s->names.n ||
	       (s->by.axis != DUMP_AXIS_NONE && s->by.axis != DUMP_AXIS_PREFIX &&
		s->by.axis != DUMP_AXIS_GROUP);
}

static int dump(struct dump_settings *settings, struct ipacct_reader *reader)
{
	struct ipacct_geo *geo = NULL;
	int r = needs_geo(settings) ? dump_geo_open(settings, &geo) : 0;

	if (r == 0 && (settings->groups.n || settings->by.axis == DUMP_AXIS_GROUP))
		r = dump_groups_open(settings, &settings->group_list);
	if (r != 0) {
		ipacct_geo_close(geo);
		return r;
	}
	r = settings->watch_ns ? dump_watch(settings, reader, geo)
			       : dump_once(settings, reader, geo);
	ipacct_geo_close(geo);
	ipacct_groups_close(settings->group_list);
	return r;
}

int main(int argc, char **argv)
{
	static char output[OUTPUT_BYTES];
	struct dump_settings settings;
	struct ipacct_reader *reader = NULL;
	struct ipacct_problem problem = { "" };
	int outcome, r;

	/* Only the character set: numbers and times are the same in every locale. */
	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, output, _IOFBF, sizeof(output));
	outcome = dump_options(argc, argv, &settings);
	if (outcome != OPTIONS_RUN)
		return tool_finish_output(outcome == OPTIONS_USAGE ? TOOL_USAGE : TOOL_OK);
	r = ipacct_reader_open(settings.paths.runtime_dir, settings.paths.bpffs_dir, &reader,
			       &problem);
	if (r < 0)
		return tool_explain(r, &problem, &settings.paths);
	r = dump(&settings, reader);
	ipacct_reader_close(reader);
	return tool_finish_output(r);
}
