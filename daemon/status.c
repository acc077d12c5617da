/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ipacctctl status` shows. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attach_hook.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cost_status.h"
#include "dispatcher_find.h"
#include "exit_code.h"
#include "geo_status.h"
#include "groups_reload.h"
#include "status.h"
#include "supervisor.h"

#define TAG_TEXT_BYTES (2 * BPF_TAG_SIZE + 1)

static json_int_t number(uint64_t value)
{
	return (json_int_t)value;
}

static void program_add(json_t *to, const struct port *port, uint32_t prog_id)
{
	int fd __cleanup(cleanup_fd) = bpf_prog_get_fd_by_id(prog_id); /* takes CAP_SYS_ADMIN */
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	char tag[TAG_TEXT_BYTES] = "";

	if (prog_id == port->prog_id) {
		for (size_t i = 0; i < BPF_TAG_SIZE; i++)
			(void)snprintf(tag + 2 * i, sizeof(tag) - 2 * i, "%02x", port->prog_tag[i]);
		json_object_set_new(to, "prog_name", json_string(port->prog_name));
		json_object_set_new(to, "tag", json_string(tag));
	}
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return;
	json_object_set_new(to, "run_cnt", json_integer(number(info.run_cnt)));
	json_object_set_new(to, "run_time_ns", json_integer(number(info.run_time_ns)));
}

/* Which of the programs behind libxdp's dispatcher is ours. */
static void dispatched_add(json_t *to, const struct supervisor *supervisor, uint32_t ifindex)
{
	struct dispatched found[DISPATCHER_OURS_MAX];

	if (dispatcher_find(&supervisor->maps, ifindex, found) > 0)
		json_object_set_new(to, "dispatcher",
				    json_pack("{s:i, s:i}", "position", (int)found[0].position,
					      "programs", (int)found[0].n));
	dispatched_close(found);
}

static json_t *port_json(const struct supervisor *supervisor, uint32_t slot)
{
	const struct port *from = &supervisor->ports.port[slot];
	const struct ipacct_interface *record = &from->record;
	struct link_facts facts = {};
	char pin[CONFIG_PATH_BYTES + 32] = "";
	json_t *port = json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:s, s:b}", "ifname",
		record->ifname, "ifindex", (int)record->ifindex, "hook",
		ipacct_hook_name(record->hook), "mode", ipacct_mode_name(record->mode), "attach",
		ipacct_attach_name(record->attach), "state", ipacct_if_state_name(record->state),
		"domain", record->domain, "slot", (int)slot, "n_attached", (int)record->n_attached,
		"blind_packets", number(from->blind_packets), "account",
		record->flags & IPACCT_IFFLAG_INNER ? "inner" : "outer", "vlan_domains",
		(record->flags & IPACCT_IFFLAG_VLANS) != 0);

	if (!port || from->link_fd < 0 || hook_facts(from->link_fd, record, &facts))
		return port;
	(void)hook_pin_path(supervisor->config.bpffs_dir, slot, record, pin,
			    sizeof(pin)); /* fits */
	json_object_set_new(port, "prog_id", json_integer(facts.prog_id));
	json_object_set_new(port, "link_id", json_integer(facts.link_id));
	json_object_set_new(port, "pin", json_string(pin));
	program_add(port, from, facts.prog_id);
	if (record->attach == IPACCT_ATTACH_DISPATCHER)
		dispatched_add(port, supervisor, record->ifindex);
	return port;
}

static json_t *programs_json(const struct supervisor *supervisor)
{
	json_t *programs = json_array();

	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++)
		if (supervisor->ports.port[slot].record.hook)
			json_array_append_new(programs, port_json(supervisor, slot));
	return programs;
}

static json_t *cpus_json(const struct supervisor *supervisor, uint32_t part)
{
	json_t *cpus = json_array();

	for (uint32_t cpu = 0; cpu < supervisor->maps.meta.n_cpus; cpu++) {
		uint32_t of;

		if (!bpf_map_lookup_elem(supervisor->maps.cpus_fd, &cpu, &of) && of == part)
			json_array_append_new(cpus, json_integer(cpu));
	}
	return cpus;
}

/* Of the epoch that counts now: it began at the last cut. */
static json_t *partitions_json(const struct supervisor *supervisor, const struct ipacct_ctl *ctl)
{
	const struct ipacct_maps *maps = &supervisor->maps;
	json_t *partitions = json_array();

	if (!ctl->instance)
		return partitions;
	for (uint32_t i = 0; i < maps->meta.n_parts; i++) {
		uint32_t index = IPACCT_EPOCHS * i + (ctl->epoch & 1);
		struct ipacct_part part;

		if (bpf_map_lookup_elem(maps->parts_fd, &index, &part))
			continue;
		json_array_append_new(
			partitions,
			json_pack("{s:i, s:o, s:i, s:I, s:I, s:I, s:i, s:I, s:I, s:I}", "partition",
				  (int)i, "cpus", cpus_json(supervisor, i), "lru_entries",
				  (int)(i ? maps->meta.lru_entries : maps->meta.lru_shared),
				  "lru_inserts", number(part.lru_inserts), "lru_refused",
				  number(part.lru_refused), "rollup_updates",
				  number(part.rollup_updates), "hot_lines",
				  i ? (int)(maps->meta.hot4_sets * IPACCT_HOT4_WAYS +
					    maps->meta.hot6_sets * IPACCT_HOT6_WAYS)
				    : 0,
				  "hot_rolled", number(part.hot_rolled), "hot_displaced",
				  number(part.hot_displaced), "guard_rolled",
				  number(part.guard_rolled)));
	}
	return partitions;
}

/* What is protected, and what was rolled up all the same since the ledger began. */
static json_t *protected_json(const struct supervisor *supervisor,
			      const struct collector_status *collector)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "prefixes",
			 number(supervisor->guard.n_prefixes), "entries",
			 number(supervisor->guard.n), "bytes",
			 number(supervisor->sizing.guard_bytes), "rolled_up_packets",
			 number(collector->guard_rolled), "unrecorded_keys",
			 number(collector->guard_unrecorded));
}

/* Lines of the hot tier, sums over partitions; used: at the last cut. And whether strangers have to come
 * twice in the epoch that counts now. */
static json_t *hot_json(const struct ipacct_ctl *ctl, const struct collector_status *collector)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:b}", "ipv4_lines",
			 number(collector->hot_lines_ipv4_max), "ipv4_used",
			 number(collector->hot_lines_ipv4), "ipv6_lines",
			 number(collector->hot_lines_ipv6_max), "ipv6_used",
			 number(collector->hot_lines_ipv6), "door_closed",
			 (int)(ctl->doors >> (ctl->epoch & 1) & 1));
}

/* As the HTTP thread writes it; NULL: no memory. */
static json_t *cost_json(const struct supervisor *supervisor)
{
	struct buffer text = {};
	struct json_writer json = { .buffer = &text };
	json_t *cost = NULL;

	cost_status_write(&json, NULL, &supervisor->cost.facts);
	if (!text.failed)
		cost = json_loadb(text.text, text.n, 0, NULL);
	buffer_finish(&text);
	return cost;
}

json_t *status_reply(struct supervisor *supervisor)
{
	const struct sizing *sizing = &supervisor->sizing;
	struct collector_answer answer = {};
	const struct collector_status *collector = &answer.status;
	struct ipacct_ctl ctl = {}; /* zeros when it cannot be read: its instance never is */
	uint32_t zero = 0;

	(void)supervisor_ask(supervisor, COLLECTOR_STATUS, 0, &answer); /* zeros then, pid 0 */
	(void)bpf_map_lookup_elem(supervisor->maps.ctl_fd, &zero, &ctl);
	return json_pack(
		"{s:i, s:{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, "
		"s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:b, s:{s:b, s:s}, s:o, s:I, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o}}",
		"exit", EXIT_CODE_OK, "status", "version", IPACCT_VERSION, "pid", (int)getpid(),
		"collector_pid", (int)supervisor->collector_pid, "uptime_s",
		number((ipacct_monotonic_ms() - supervisor->started_ms) / 1000), "interval_ns",
		number(supervisor->config.interval_ns), "effective_interval_ns",
		number(collector->effective_interval_ns), "cut", number(collector->cut), "cuts",
		number(collector->n_cuts), "memory", "budget_bytes", number(sizing->budget_bytes),
		"maps_bytes",
		number(sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes +
		       sizing->totals_bytes + sizing->guard_bytes),
		"ledger_bytes", number(sizing->ledger_bytes), "collector_bytes",
		number(collector->resident_bytes), "cut_duration_ns", "last",
		number(collector->duration_last_ns), "p50", number(collector->duration_p50_ns),
		"p99", number(collector->duration_p99_ns), "max",
		number(collector->duration_max_ns), "cut_syscalls", number(collector->n_syscalls),
		"cut_entries", number(collector->n_entries), "over_budget",
		supervisor->cost.cpu.over || supervisor->cost.memory.over, "dispatcher",
		"available", (int)supervisor->dispatcher.available, "reason",
		supervisor->dispatcher.reason.text, "programs", programs_json(supervisor),
		"pins_restored", number(supervisor->pins.n_restored), "hot",
		hot_json(&ctl, collector), "partitions", partitions_json(supervisor, &ctl),
		"protected", protected_json(supervisor, collector), "geo",
		geo_status_json(supervisor), "groups", groups_status_json(supervisor), "cost",
		cost_json(supervisor), "reload", reload_status_json(&supervisor->reload));
}
