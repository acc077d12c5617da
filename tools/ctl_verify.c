// SPDX-License-Identifier: GPL-2.0-or-later
/* ipacctctl verify: conservation at the last cut, and the kernel as second witness. */
#include "ctl_verify.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ctl.h"

#define TRIES_MAX 10 /* readings of a slot that does not close at once */
#define PAUSE_MS  20 /* between them: several polls of a driver, and far below a cut */

static void cleanup_links(struct nl_sock **socket)
{
	if (*socket)
		links_close(*socket);
}

static int read_links(struct nl_sock *socket, const struct ipacct_snapshot *slots,
		      struct link_reading *readings)
{
	int r = 0;

	for (size_t i = 0; i < slots->n_interfaces && r == 0; i++) {
		const struct ipacct_interface *interface = &slots->interfaces[i].interface;

		readings[i] = (struct link_reading){ 0 };
		if (interface->state == IPACCT_IF_ATTACHED && interface->ifindex)
			r = links_read(socket, interface->ifindex, interface->ifname,
				       interface->hook == IPACCT_HOOK_TC_EGRESS, &readings[i]);
	}
	return r;
}

/* flags: IPACCT_SNAPSHOT_*; groups are left out where none are configured. */
static int read_snapshot(const struct ctl_settings *settings, struct ipacct_reader *reader,
			 unsigned int flags, struct ipacct_snapshot **ret_snapshot, int *ret_code)
{
	struct ipacct_problem problem = { "" };
	int r = ipacct_snapshot_read(reader, flags, ret_snapshot, &problem);

	if (r == -ENOENT && flags & IPACCT_SNAPSHOT_GROUPS)
		r = ipacct_snapshot_read(reader, flags & ~IPACCT_SNAPSHOT_GROUPS, ret_snapshot,
					 &problem);
	if (r < 0)
		*ret_code = tool_explain(r, &problem, &settings->paths);
	return r;
}

/* Statistics, a live snapshot, statistics again. A slot that appears in between waits for the next
 * try. */
static int take_readings(const struct ctl_settings *settings, struct ipacct_reader *reader,
			 struct nl_sock *socket, struct verification *v, int *ret_code)
{
	struct ipacct_snapshot *live __cleanup(cleanup_snapshot) = NULL;
	struct link_reading before[IPACCT_IFS_MAX], after[IPACCT_IFS_MAX];
	int r;

	r = read_links(socket, v->snapshot, before);
	if (r == 0)
		r = read_snapshot(settings, reader, IPACCT_SNAPSHOT_LIVE, &live, ret_code);
	if (r < 0)
		return r;
	r = read_links(socket, v->snapshot, after);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v->snapshot->n_interfaces; i++) {
		const struct ipacct_interface_totals *slot;

		if (i >= live->n_interfaces ||
		    live->interfaces[i].slot != v->snapshot->interfaces[i].slot)
			continue;
		slot = &live->interfaces[i];
		if (v->first_rx[i] == 0)
			v->first_rx[i] = before[i].packets;
		witness_compare(&slot->interface, &slot->totals, live->created_ns, &before[i],
				&after[i], after[i].packets != v->first_rx[i], &v->witness[i]);
		v->xdp_prog_id[i] = after[i].xdp_prog_id;
	}
	return 0;
}

static bool witnesses_agree(const struct verification *v)
{
	for (size_t i = 0; i < v->snapshot->n_interfaces; i++)
		if (!v->witness[i].not_applicable && !v->witness[i].closes)
			return false;
	return true;
}

/* Octets that are not explained are tried again as well, though they fail nothing. */
static bool worth_another_try(const struct verification *v)
{
	for (size_t i = 0; i < v->snapshot->n_interfaces; i++) {
		const struct witness *w = &v->witness[i];

		if (!w->not_applicable && (!w->bytes_explained || w->residue_packets_least > 0 ||
					   w->residue_packets_most < 0))
			return true;
	}
	return false;
}

/* Returns 0 or an exit code. Without pinned maps the second witness has nothing to compare. */
static int hear_witness(const struct ctl_settings *settings, struct ipacct_reader *reader,
			struct verification *v)
{
	struct nl_sock *socket __cleanup(cleanup_links) = NULL;
	struct ipacct_snapshot *probe __cleanup(cleanup_snapshot) = NULL;
	int code = TOOL_ERROR;
	int r;

	r = ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_LIVE, &probe, &v->no_maps);
	if (r == -ENOENT) {
		v->witness_heard = false;
		if (!v->no_maps.text[0])
			snprintf(v->no_maps.text, sizeof(v->no_maps.text), "no pinned maps");
		return 0;
	}
	if (r < 0)
		return tool_explain(r, &v->no_maps, &settings->paths);
	r = links_open(&socket);
	for (int i = 0; r == 0 && i < TRIES_MAX; i++) {
		if (i > 0)
			(void)poll(NULL, 0, PAUSE_MS); /* only a pause: a signal may shorten it */
		r = take_readings(settings, reader, socket, v, &code);
		if (r == 0 && !worth_another_try(v))
			break;
	}
	if (r == -EIO || r == -ENOMEM)
		tool_complain("cannot read the kernel's link counters: %s", strerror(-r));
	v->witness_heard = true;
	return r < 0 ? code : 0;
}

int ctl_verify(const struct ctl_settings *settings)
{
	struct ipacct_reader *reader __cleanup(cleanup_reader) = NULL;
	struct ipacct_snapshot *snapshot __cleanup(cleanup_snapshot) = NULL;
	struct verification *v __cleanup(cleanup_free) = calloc(1, sizeof(*v));
	struct ipacct_problem problem = { "" };
	int code = TOOL_ERROR;
	int r;

	if (!v) {
		tool_complain("%s", strerror(ENOMEM));
		return TOOL_ERROR;
	}
	r = ipacct_reader_open(settings->paths.runtime_dir, settings->paths.bpffs_dir, &reader,
			       &problem);
	if (r < 0)
		return tool_explain(r, &problem, &settings->paths);
	if (read_snapshot(settings, reader, IPACCT_SNAPSHOT_GROUPS, &snapshot, &code) < 0)
		return code;
	v->snapshot = snapshot;
	equations_collect(snapshot, &v->equations);
	r = hear_witness(settings, reader, v);
	if (r != 0)
		return r;
	v->conserved = equations_hold(&v->equations);
	v->closed = v->conserved && (!v->witness_heard || witnesses_agree(v));
	if (settings->json)
		verify_print_json(settings, v);
	else
		r = verify_print_text(settings, v);
	if (r < 0)
		tool_complain("%s", strerror(-r));
	return r < 0 ? TOOL_ERROR : v->closed ? TOOL_OK : TOOL_NOT_CONSERVED;
}
