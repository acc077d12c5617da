/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting: look first, then take what is there or make it, and undo it all when a step fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attach_hook.h"
#include "base/cleanup.h"
#include "crash.h"
#include "exit_code.h"
#include "geo_file.h"
#include "groups_file.h"
#include "groups_reload.h"
#include "geo_overrides.h"
#include "ledger.h"
#include "ledger_convert.h"
#include "ledger_file.h"
#include "log.h"
#include "maps_make.h"
#include "protect.h"
#include "spawn.h"
#include "start.h"
#include "supervisor.h"

static bool maps_pinned(const struct config *config)
{
	char path[CONFIG_PATH_BYTES + sizeof(IPACCT_PIN_META) + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", config->bpffs_dir, IPACCT_PIN_META); /* fits */
	return !access(path, F_OK);
}

/* Whose fault is it that there is no list of groups? */
static void list_blame(struct supervisor *supervisor, int ret)
{
	supervisor->exit_code = groups_reader_failed(ret) ? EXIT_CODE_ERROR : EXIT_CODE_CONFIG;
	if (supervisor->stop)
		supervisor->exit_code = EXIT_CODE_OK;
}

/* Everything that can be looked at before anything is made. Sets the exit code. */
int start_check(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	const struct config *config = &supervisor->config;
	int ret;

	supervisor->exit_code = EXIT_CODE_ERROR;
	if (geteuid()) {
		ipacct_problem_set(problem, "needs root: loading XDP programs takes CAP_BPF and "
					    "CAP_NET_ADMIN");
		return -EPERM;
	}
	if (!config->n_interfaces && !config->detach) {
		ipacct_problem_set(problem, "no interface: name one with -i, or `interfaces:` in a "
					    "file given with -c");
		supervisor->exit_code = EXIT_CODE_USAGE;
		return -EINVAL;
	}
	if (config->detach && !maps_pinned(config) && !takeover_pending(config->bpffs_dir)) {
		log_info("nothing is attached");
		supervisor->exit_code = EXIT_CODE_OK;
		return -ENOENT;
	}
	ret = place_user(config->user, &supervisor->place, problem);
	if (ret)
		return ret;
	if (!config->detach) /* the last cut goes by the list of before */
		ret = groups_begin(supervisor, problem);
	if (!ret && !config->detach &&
	    (!maps_pinned(config) || takeover_pending(config->bpffs_dir) || config->dry_run))
		ret = groups_wait(supervisor, problem); /* else what counts already has its sizes */
	if (!ret)
		ret = protect_read(&supervisor->config, &supervisor->group_image,
				   &supervisor->guard, problem);
	if (ret) {
		list_blame(supervisor, ret);
		return ret;
	}
	ret = place_check(config, problem);
	if (!ret && !config->detach)
		ret = ports_check(config, problem);
	if (ret)
		return ret;
	ret = geo_overrides_check(config->geo.overrides, problem->text, sizeof(problem->text));
	if (!ret)
		ret = sizing_compute(config, &supervisor->sizing, problem);
	supervisor->exit_code = ret ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
	return ret;
}

static void dry_run_interface(const struct config_interface *interface)
{
	if (interface->hooks & CONFIG_HOOK(IPACCT_HOOK_XDP))
		log_info("%s: would be attached, mode %s", interface->name,
			 ipacct_mode_name(interface->mode));
	for (unsigned int hook = IPACCT_HOOK_XDP + 1; hook < IPACCT_HOOKS; hook++)
		if (interface->hooks & CONFIG_HOOK(hook))
			log_info("%s: would be attached at %s", interface->name,
				 ipacct_hook_name(hook));
}

void start_dry_run(struct supervisor *supervisor)
{
	const struct config *config = &supervisor->config;

	for (size_t i = 0; i < config->n_interfaces; i++)
		dry_run_interface(&config->interfaces[i]);
	if (supervisor->guard.n)
		log_info("%zu prefixes would be protected (%zu entries)",
			 supervisor->guard.n_prefixes, supervisor->guard.n);
	log_info("dry run: bpffs %s, runtime directory %s, collector as '%s'; nothing was changed",
		 config->bpffs_dir, config->runtime_dir, config->user);
}

/* A link that counts into maps whose pins somebody removed: making new ones would hide that. */
static int links_without_maps(const struct config *config, struct ipacct_problem *problem)
{
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_interface kept[] = { { .attach = IPACCT_ATTACH_LINK },
							 { .attach = IPACCT_ATTACH_TC } };

		for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
			int fd __cleanup(cleanup_fd) = hook_open(config->bpffs_dir, slot, &kept[i]);

			if (fd < 0)
				continue;
			ipacct_problem_set(problem,
					   "%s/%s_%u counts, but the pins of its maps are gone: "
					   "remove that file to end it%s",
					   config->bpffs_dir, i ? "tc" : "link", slot,
					   i ? ", and the filter by `tc filter del`" : "");
			return -EBADMSG;
		}
	}
	return 0;
}

/* Pinned maps of before, or new ones. */
static int maps_take(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	const struct config *config = &supervisor->config;
	struct sizing *sizing = &supervisor->sizing;
	int ret = takeover_begin(&supervisor->takeover, config->bpffs_dir, supervisor->place.gid,
				 problem);

	if (!ret)
		ret = ipacct_maps_open(config->bpffs_dir, true, &supervisor->maps, problem);
	if (!ret) {
		const struct ipacct_meta *meta = &supervisor->maps.meta;

		if (meta->lru_entries != sizing->lru_entries || meta->n_parts != sizing->n_parts ||
		    meta->hot4_sets != sizing->hot4_sets || meta->hot6_sets != sizing->hot6_sets)
			log_info("the pinned maps keep the size they were made with (detach makes "
				 "new ones)");
		return 0;
	}
	if (ret != -ENOENT) {
		supervisor->exit_code = ret == -EPROTO ? EXIT_CODE_CONFIG : EXIT_CODE_ERROR;
		return ret;
	}
	ret = supervisor->takeover.n_sets ? 0 : links_without_maps(config, problem);
	if (ret)
		return ret;
	if (groups_pending(supervisor)) { /* sizes need it, and there were maps a moment ago */
		ipacct_problem_set(problem, "the pins in %s went away while ipacctd started",
				   config->bpffs_dir);
		return -EAGAIN;
	}
	problem->text[0] = '\0';
	ret = maps_make(sizing, &supervisor->maps, problem);
	if (!ret)
		ret = takeover_carry(&supervisor->takeover, &supervisor->maps);
	if (!ret)
		ret = maps_pin(&supervisor->maps, config->bpffs_dir, supervisor->place.gid);
	CRASH_POINT(takeover_pinned);
	supervisor->maps_made = !ret;
	if (ret && !problem->text[0])
		ipacct_problem_set(problem, "cannot pin the maps in %s: %s", config->bpffs_dir,
				   strerror(-ret));
	return ret;
}

/* A collector that outlived its supervisor finishes its step and lets go of the ledger. */
static int ledger_lock_check(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	int fd __cleanup(cleanup_fd) =
		place_ledger_lock_open(supervisor->place.runtime_dir_fd, problem);
	int ret = fd < 0 ? fd : lock_wait(fd, OUTLIVE_WAIT_MS);

	if (ret == -EWOULDBLOCK) {
		ipacct_problem_set(problem, "another collector is using the ledger in %s",
				   supervisor->config.runtime_dir);
		supervisor->exit_code = EXIT_CODE_RUNNING;
	}
	return ret;
}

/* Maps of before may leave no room for the list of groups, or for geo, on which counting does not
 * depend. */
static int room_check(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	int ret = supervisor->config.detach ? 0 : groups_room(supervisor, problem);

	if (ret) {
		supervisor->exit_code = EXIT_CODE_CONFIG;
		return ret;
	}
	if (sizing_geo(&supervisor->config, &supervisor->sizing, problem)) {
		log_warning("no geo: %s", problem->text);
		problem->text[0] = '\0';
	}
	return 0;
}

/* What counts already goes on and its links are followed while the list is being read; then the list is
 * taken over as by a reload. */
static int list_follow(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	struct guard_set guard = {};
	int ret;

	if (!groups_pending(supervisor))
		return 0;
	ret = groups_wait(supervisor, problem);
	if (!ret)
		ret = protect_read(&supervisor->config, &supervisor->group_image, &guard, problem);
	if (ret)
		list_blame(supervisor, ret);
	if (!ret)
		ret = room_check(supervisor, problem);
	if (!ret)
		ret = protect_change(supervisor, &guard, false, problem);
	guard_set_finish(&guard);
	return ret;
}

static int ledger_take(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	struct place *place = &supervisor->place;
	struct sizing *sizing = &supervisor->sizing;
	uint32_t n_rollups = sizing->n_rollups_max, n_addresses = sizing->n_addresses_max;
	bool there = !faccessat(place->runtime_dir_fd, IPACCT_LEDGER_NAME, F_OK, 0);
	int ret = ledger_lock_check(supervisor, problem);

	if (!ret)
		ret = ledger_convert(place->runtime_dir_fd, 0, place->gid, problem);
	if (ret < 0 && !problem->text[0])
		ipacct_problem_set(problem, "cannot convert the ledger in %s: %s",
				   supervisor->config.runtime_dir, strerror(-ret));
	if (ret < 0)
		return ret;
	supervisor->ledger_converted = ret;
	if (supervisor->config.detach && there) /* its last cut needs no more room */
		n_rollups = n_addresses = 2 * IPACCT_DOMAINS_MAX;
	/* root's: the collector is handed a descriptor and can open it no second time */
	ret = ledger_file_prepare(place->runtime_dir_fd, 0, place->gid, &n_rollups, &n_addresses,
				  problem);
	if (ret) {
		supervisor->exit_code = ret == -EPROTO ? EXIT_CODE_CONFIG : EXIT_CODE_ERROR;
		if (!problem->text[0])
			ipacct_problem_set(problem, "cannot make the ledger in %s: %s",
					   supervisor->config.runtime_dir, strerror(-ret));
		return ret;
	}
	supervisor->ledger_made = !there;
	sizing_from_maps(&supervisor->maps.meta, sizing->budget_bytes, n_rollups, n_addresses,
			 sizing);
	sizing_guard_set(sizing, supervisor->guard.n);
	return groups_pending(supervisor) ? 0 : room_check(supervisor, problem);
}

/* New maps beside an old ledger: its interface slots keep their names, so that nobody inherits
 * another interface's totals. */
static int slots_restore(struct supervisor *supervisor)
{
	int fd __cleanup(cleanup_fd) = ledger_file_open(supervisor->place.runtime_dir_fd);
	struct ipacct_ledger ledger;
	int ret = fd < 0 ? fd : ipacct_ledger_map(fd, false, &ledger, NULL);

	if (ret)
		return ret;
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret; slot++) {
		const struct ipacct_ledger_interface *from = &ledger.interfaces[slot];
		int newest = ipacct_version_pick(from->version[0].cut, from->version[1].cut,
						 ledger.header->cut);
		struct ipacct_interface record;

		if (newest < 0)
			continue;
		record = from->version[newest].interface;
		record.ifname[IPACCT_IFNAME_BYTES - 1] = '\0';
		record.state = IPACCT_IF_DETACHED;
		ret = bpf_map_update_elem(supervisor->maps.ifs_fd, &slot, &record, BPF_ANY);
	}
	ipacct_ledger_unmap(&ledger);
	return ret;
}

/* Before old maps are drained nothing may count there, whatever the configuration says of it. */
static int programs_leave_old_maps(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	int ret = supervisor->takeover.n_sets ? ports_replace_rest(&supervisor->ports, problem) : 0;

	CRASH_POINT(takeover_replaced);
	return ret;
}

static int attach_all(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	int ret = rtnl_init(&supervisor->rtnl);

	if (ret)
		return ret;
	supervisor->ports.maps = &supervisor->maps;
	supervisor->ports.aside = &supervisor->takeover;
	supervisor->ports.config = &supervisor->config;
	supervisor->ports.place = &supervisor->place;
	supervisor->ports.rtnl = &supervisor->rtnl;
	supervisor->ports.dispatcher = &supervisor->dispatcher;
	ret = ports_load(&supervisor->ports);
	if (!ret && supervisor->config.detach)
		return programs_leave_old_maps(supervisor, problem);
	if (!ret)
		ret = protect_begin(supervisor, problem);
	if (!ret)
		ret = ports_apply(&supervisor->ports, true, problem);
	if (!ret)
		ret = programs_leave_old_maps(supervisor, problem);
	if (!ret && !groups_pending(supervisor))
		protect_settle(supervisor);
	return ret ? ret : list_follow(supervisor, problem);
}

int start_all(struct supervisor *supervisor, struct ipacct_problem *problem)
{
	struct place *place = &supervisor->place;
	int ret = place_take(&supervisor->config, place, problem);

	supervisor->exit_code = ret == -EBUSY ? EXIT_CODE_RUNNING : EXIT_CODE_ERROR;
	if (!ret && !supervisor->config.detach)
		ret = http_secrets_read(&supervisor->config, &supervisor->secrets, problem);
	if (!ret && !supervisor->config.detach)
		ret = http_listen_open(&supervisor->config, place->gid, OUTLIVE_WAIT_MS,
				       &supervisor->http, problem);
	if (!ret)
		ret = maps_take(supervisor, problem);
	if (!ret)
		ret = ledger_take(supervisor, problem);
	if (!ret && supervisor->maps_made && !supervisor->takeover.n_sets)
		ret = slots_restore(supervisor);
	if (!ret)
		ret = attach_all(supervisor, problem);
	if (!ret)
		ret = control_open(&supervisor->control, place->runtime_dir_fd, place->gid);
	if (!ret && !supervisor->config.detach) /* else the last cut goes by the list of before */
		ret = groups_start(supervisor, problem);
	if (!ret)
		sizing_log(&supervisor->sizing);
	if (!ret)
		ret = cost_begin(supervisor);
	if (!ret)
		ret = collector_spawn(supervisor);
	if (!ret && !supervisor->config.detach)
		geo_process_start(supervisor);
	if (!ret)
		supervisor->exit_code = EXIT_CODE_OK;
	return ret;
}

void start_settle(struct supervisor *supervisor)
{
	CRASH_POINT(takeover_drained);
	takeover_finish(&supervisor->takeover, supervisor->config.bpffs_dir);
	ledger_convert_settle(supervisor->place.runtime_dir_fd);
	supervisor->ledger_converted = false;
}

/* Once a program counts into the new maps there is no way back: the next start goes on then. */
static void upgrade_undo(struct supervisor *supervisor)
{
	supervisor->upgrade_final |= supervisor->ports.n_replaced > 0;
	if (supervisor->takeover.n_sets && supervisor->upgrade_final) {
		log_warning(
			"the upgrade to maps of ABI version %u has begun: the next start ends it",
			IPACCT_ABI_VERSION);
		supervisor->maps_made = supervisor->ledger_made = false;
	} else if (supervisor->ledger_converted && !supervisor->upgrade_final) {
		ledger_convert_undo(supervisor->place.runtime_dir_fd);
	}
}

/* A failed start leaves everything as it was: what this process made goes, what it found stays. */
void start_undo(struct supervisor *supervisor)
{
	struct place *place = &supervisor->place;

	(void)ports_rollback(&supervisor->ports); /* none: fine */
	protect_undo(supervisor);
	upgrade_undo(supervisor);
	if (supervisor->maps_made)
		maps_unpin(supervisor->config.bpffs_dir, supervisor->maps.meta.n_parts);
	takeover_end(&supervisor->takeover, supervisor->config.bpffs_dir,
		     !supervisor->upgrade_final);
	if (supervisor->ledger_made) {
		(void)unlinkat(place->runtime_dir_fd, IPACCT_LEDGER_NAME, 0); /* may be absent */
		geo_file_remove(place->runtime_dir_fd);
		groups_file_remove_all(place->runtime_dir_fd);
	}
	place_undo(&supervisor->config, place);
}
