// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl status: what the daemon says of itself, and what can be seen without it. */
#include "ctl_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl.h"
#include "ctl_links.h"

static void cleanup_links(struct nl_sock **socket)
{
	if (*socket)
		links_close(*socket);
}

/* Which devices really have an XDP program now: the ledger may be older than the truth. */
static void look_at_devices(struct observation *o)
{
	struct nl_sock *socket __cleanup(cleanup_links) = NULL;

	o->devices_known = links_open(&socket) == 0;
	for (size_t i = 0; o->devices_known && i < o->snapshot->n_interfaces; i++) {
		const struct ipacct_interface *interface = &o->snapshot->interfaces[i].interface;
		struct link_reading reading = { 0 };

		if (interface->state != IPACCT_IF_ATTACHED || !interface->ifindex)
			continue;
		if (links_read(socket, interface->ifindex, interface->ifname, false, &reading) < 0)
			o->devices_known = false;
		o->xdp_prog_id[i] = reading.xdp_prog_id;
		o->n_absent += !reading.present;
		o->n_counting += reading.xdp_prog_id != 0;
		o->n_silent += reading.present && reading.xdp_prog_id == 0;
	}
}

static uint64_t accounted(const struct ipacct_snapshot *snapshot)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < snapshot->n_interfaces; i++)
		packets += snapshot->interfaces[i].totals.seen.packets;
	return packets;
}

/* Returns 0 or an exit code (explained unless the daemon can answer instead). */
static int observe(const struct ctl_settings *settings, bool quiet, struct observation *o)
{
	struct ipacct_problem problem = { "" };
	int r;

	r = ipacct_reader_open(settings->paths.runtime_dir, settings->paths.bpffs_dir, &o->reader,
			       &problem);
	if (r == 0)
		r = ipacct_snapshot_read(o->reader, 0, &o->snapshot, &problem);
	if (r < 0)
		return quiet ? TOOL_ERROR : tool_explain(r, &problem, &settings->paths);
	r = ipacct_snapshot_read(o->reader, IPACCT_SNAPSHOT_LIVE, &o->live, &o->no_maps);
	if (r == 0)
		o->uncut_packets = accounted(o->live) - accounted(o->snapshot);
	else if (!o->no_maps.text[0])
		snprintf(o->no_maps.text, sizeof(o->no_maps.text), "%s", strerror(-r));
	look_at_devices(o);
	return 0;
}

static void observation_finish(struct observation *o)
{
	ipacct_snapshot_destroy(o->live);
	ipacct_snapshot_destroy(o->snapshot);
	ipacct_reader_close(o->reader);
}

int ctl_status(const struct ctl_settings *settings)
{
	json_t *reply __cleanup(cleanup_json) = NULL;
	struct observation o __cleanup(observation_finish) = { 0 };
	int r = control_request(&settings->paths, "status", NULL, 0, &reply);
	bool running = r == 0 || !control_no_daemon(r);
	const json_t *status = NULL;

	if (r == 0) {
		r = control_exit_code(reply);
		if (r != 0)
			return r;
		status = json_object_get(reply, "status");
	} else if (running) {
		(void)control_explain(&settings->paths, r); /* what the files tell still helps */
	}
	r = observe(settings, status != NULL, &o);
	if (r != 0 && !status) {
		if (!running)
			(void)control_explain(&settings->paths, -ENOENT);
		return r;
	}
	if (settings->json)
		r = status_print_json(settings, status, running, &o);
	else
		r = status_print_text(settings, status, running, &o);
	if (r < 0)
		tool_complain("%s", strerror(-r));
	return r < 0 || (running && !status) ? TOOL_ERROR : TOOL_OK;
}
