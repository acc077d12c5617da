// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: what ledger, pinned maps and the daemon say, where there are any. */
#include "ctl_doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "counters_math.h"
#include "ctl.h"

static struct doctor_device *device_of(struct doctor_facts *facts, const char *ifname,
				       uint32_t ifindex)
{
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->devices[i].ifindex == ifindex &&
		    !strncmp(facts->devices[i].ifname, ifname, IPACCT_IFNAME_BYTES))
			return &facts->devices[i];
	return NULL;
}

static void take_interfaces(struct doctor_facts *facts, const struct ipacct_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_interface *slot = &snapshot->interfaces[i].interface;
		struct doctor_device *device = device_of(facts, slot->ifname, slot->ifindex);

		facts->accounted_packets += snapshot->interfaces[i].totals.accounted.packets;
		if (!device || slot->state != IPACCT_IF_ATTACHED)
			continue;
		device->counted_in |= slot->hook == IPACCT_HOOK_TC_INGRESS;
		device->counted_out |= slot->hook == IPACCT_HOOK_TC_EGRESS;
		if (slot->hook != IPACCT_HOOK_XDP)
			continue;
		device->counted = true;
		device->counted_mode = slot->mode;
	}
}

static void take_snapshot(struct doctor_facts *facts, const struct ipacct_snapshot *snapshot)
{
	uint64_t now = tool_realtime_ns(), rolled = 0;

	for (size_t i = 0; i < snapshot->n_rollups; i++)
		rolled += snapshot->rollups[i].counters.tx_packets +
			  snapshot->rollups[i].counters.rx_packets;
	facts->rolled_packets = ipacct_minus(rolled, snapshot->facts.folded.tx_packets +
							     snapshot->facts.folded.rx_packets);
	facts->cut = snapshot->cut;
	facts->interval_ns = snapshot->interval_ns;
	/* before the first cut the ledger's own age tells whether one is overdue */
	facts->cut_age_ns =
		ipacct_minus(now, snapshot->cut ? snapshot->cut_time_ns : snapshot->created_ns);
	facts->clock_ahead_ns = snapshot->cut ? (int64_t)(snapshot->cut_time_ns - now) : 0;
	facts->error_packets = snapshot->conservation.error_packets + snapshot->facts.error_packets;
	facts->error_l3_bytes =
		snapshot->conservation.error_l3_bytes + snapshot->facts.error_l3_bytes;
	facts->n_addresses = snapshot->n_addresses;
	facts->unrecorded_keys = snapshot->facts.unrecorded_keys;
	facts->folded_records = snapshot->facts.folded_records;
	facts->lru_refused = snapshot->facts.lru_refused;
	facts->guard_rolled = snapshot->facts.guard_rolled;
	take_interfaces(facts, snapshot);
}

static void ledger_read(struct doctor_facts *facts, const struct tool_paths *paths)
{
	struct ipacct_reader *reader __cleanup(cleanup_reader) = NULL;
	struct ipacct_snapshot *snapshot __cleanup(cleanup_snapshot) = NULL;
	struct ipacct_snapshot *live __cleanup(cleanup_snapshot) = NULL;
	struct ipacct_problem problem = { "" };

	facts->ledger_error =
		ipacct_reader_open(paths->runtime_dir, paths->bpffs_dir, &reader, &problem);
	if (!facts->ledger_error)
		facts->ledger_error = ipacct_snapshot_read(reader, 0, &snapshot, &problem);
	memcpy(facts->ledger_problem, problem.text, sizeof(facts->ledger_problem));
	if (facts->ledger_error)
		return;
	take_snapshot(facts, snapshot);
	problem.text[0] = '\0';
	facts->maps_error = ipacct_snapshot_read(reader, IPACCT_SNAPSHOT_LIVE, &live, &problem);
	memcpy(facts->maps_problem, problem.text, sizeof(facts->maps_problem));
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void take_programs(struct doctor_facts *facts, const json_t *programs)
{
	for (size_t i = 0; i < json_array_size(programs); i++) {
		const json_t *program = json_array_get(programs, i);
		const char *ifname = json_string_value(json_object_get(program, "ifname"));
		const char *hook;
		struct doctor_device *device =
			ifname ? device_of(facts, ifname, (uint32_t)number(program, "ifindex"))
			       : NULL;

		if (!device)
			continue;
		hook = json_string_value(json_object_get(program, "hook"));
		if (hook && !strcmp(hook, "xdp"))
			device->our_prog_id = (uint32_t)number(program, "prog_id");
		device->blind_packets += number(program, "blind_packets");
	}
}

static void take_status(struct doctor_facts *facts, const json_t *status)
{
	const json_t *partitions = json_object_get(status, "partitions");
	const json_t *hot = json_object_get(status, "hot");

	facts->hot_lines[0] = number(hot, "ipv4_lines");
	facts->hot_used[0] = number(hot, "ipv4_used");
	facts->hot_lines[1] = number(hot, "ipv6_lines");
	facts->hot_used[1] = number(hot, "ipv6_used");
	facts->interval_wanted_ns = number(status, "interval_ns");
	facts->interval_effective_ns = number(status, "effective_interval_ns");
	facts->daemon_pid = number(status, "pid");
	facts->pins_restored = number(status, "pins_restored");
	facts->lru_entries = 0;
	for (size_t i = 0; i < json_array_size(partitions); i++) {
		const json_t *partition = json_array_get(partitions, i);

		facts->hot_displaced += number(partition, "hot_displaced");
		facts->hot_rolled += number(partition, "hot_rolled");
		facts->lru_inserts += number(partition, "lru_inserts");
		/* the shared one is idle on a machine whose CPUs all have their own */
		facts->lru_entries += i ? number(partition, "lru_entries") : 0;
	}
	take_programs(facts, json_object_get(status, "programs"));
}

void doctor_probe_counts(struct doctor_facts *facts, const struct tool_paths *paths)
{
	json_t *reply __cleanup(cleanup_json) = NULL;
	int r;

	ledger_read(facts, paths);
	r = control_request(paths, "status", NULL, 0, &reply);
	if (control_no_daemon(r))
		facts->daemon = SWITCH_OFF;
	else if (r == 0)
		facts->daemon = SWITCH_ON;
	if (r == 0)
		take_status(facts, json_object_get(reply, "status"));
}
