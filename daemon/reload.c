/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration is read again.
 *
 * The settings themselves are read at once, a list of groups by a child. When it has answered, all that
 * can fail comes before anything is changed, and what has changed is said to everybody who waits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "config_vlans.h"
#include "exit_code.h"
#include "groups_reload.h"
#include "http_reload.h"
#include "log.h"
#include "protect.h"
#include "reload.h"
#include "spawn.h"
#include "supervisor.h"

#define NS_PER_MS 1000000u

void reload_init(struct reload *reload)
{
	memset(reload, 0, sizeof(*reload));
	groups_reader_init(&reload->reader);
}

/* ---- What differs ------------------------------------------------------------------------------ */

static const struct config_interface *wanted_of(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_interfaces; i++)
		if (!strcmp(config->interfaces[i].name, name))
			return &config->interfaces[i];
	return NULL;
}

/* Nothing to do for an interface whose settings are the same: no program is touched. */
static bool interfaces_differ(const struct config *a, const struct config *b)
{
	if (a->n_interfaces != b->n_interfaces)
		return true;
	for (size_t i = 0; i < b->n_interfaces; i++) {
		const struct config_interface *old = wanted_of(a, b->interfaces[i].name);

		if (!old || !config_interfaces_equal(old, &b->interfaces[i]))
			return true;
	}
	return false;
}

static void reload_fixed_warn(const struct config *old, const struct config *fresh)
{
	if (old->memory_bytes != fresh->memory_bytes)
		log_warning(
			"reload: memory takes effect for geo; maps keep their size until they are "
			"made anew (detach)");
	if (strcmp(old->user, fresh->user) || strcmp(old->runtime_dir, fresh->runtime_dir) ||
	    strcmp(old->bpffs_dir, fresh->bpffs_dir))
		log_warning("reload: user, runtime_dir and bpffs take effect at the next start");
}

/* ---- Taking it over ---------------------------------------------------------------------------- */

/* All that can be wrong with the settings; nothing has changed afterwards but *fresh. */
static int prepare(struct supervisor *supervisor, struct config *fresh, struct group_image *groups,
		   struct guard_set *guard, struct http_reload *http,
		   struct ipacct_problem *ret_problem)
{
	int ret = groups_check(supervisor, fresh, groups, ret_problem);

	if (!ret)
		ret = protect_read(fresh, groups, guard, ret_problem);
	if (!ret && groups_differ(supervisor, groups))
		ret = groups_prepare(supervisor, groups, ret_problem);
	if (ret)
		return -EINVAL;
	ret = http_reload_prepare(supervisor, fresh, http, ret_problem);
	if (ret)
		groups_drop(supervisor);
	return ret;
}

static void settings_take(struct config *config, const struct config *fresh)
{
	reload_fixed_warn(config, fresh);
	memcpy(config->interfaces, fresh->interfaces, sizeof(config->interfaces));
	config->n_interfaces = fresh->n_interfaces;
	config->interval_ns = fresh->interval_ns;
	config->interval_max_ns = fresh->interval_max_ns;
	config->profile = fresh->profile;
	config->cpu_budget_ppm = fresh->cpu_budget_ppm;
	config->memory_bytes = fresh->memory_bytes;
	config->geo = fresh->geo;
}

/* Another list, or another endpoint, is another collector. */
static void collector_follow(struct supervisor *supervisor, struct http_reload *http,
			     const struct group_image *groups)
{
	bool another = groups_differ(supervisor, groups);

	if (!http_reload_commit(supervisor, http) && !another)
		return;
	collector_stop(supervisor);
	if (another && groups_commit(supervisor, groups)) {
		geo_process_stop(supervisor); /* it reads the ledger of before */
		geo_process_start(supervisor);
	}
	if (collector_spawn(supervisor))
		supervisor_retry_at(supervisor, ipacct_monotonic_ms() + RETRY_MS);
}

static int take_over(struct supervisor *supervisor, struct config *fresh,
		     struct group_image *groups, struct ipacct_problem *ret_problem)
{
	struct config *config = &supervisor->config;
	struct config old = *config;
	struct collector_answer answer;
	struct guard_set guard = {};
	struct http_reload http;
	int ret = prepare(supervisor, fresh, groups, &guard, &http, ret_problem);

	if (ret) {
		guard_set_finish(&guard);
		return ret;
	}
	settings_take(config, fresh);
	ret = protect_change(supervisor, &guard, interfaces_differ(&old, fresh), ret_problem);
	guard_set_finish(&guard);
	if (ret) {
		*config = old;
		http_reload_drop(&http);
		groups_drop(supervisor);
		return ret;
	}
	geo_process_reload(supervisor);
	cost_settings(supervisor);
	memcpy(config->groups_file, fresh->groups_file, sizeof(config->groups_file));
	collector_follow(supervisor, &http, groups);
	if (supervisor_ask(supervisor, COLLECTOR_INTERVAL, config->interval_ns, &answer))
		log_warning("reload: the collector does not answer, it will follow");
	log_info("reloaded: %zu interfaces, interval %llu ms", config->n_interfaces,
		 (unsigned long long)(config->interval_ns / NS_PER_MS));
	return 0;
}

/* ---- From asking to the answer ----------------------------------------------------------------- */

static void waiters_answer(struct reload_waiters *waiters, int ret,
			   const struct ipacct_problem *problem)
{
	for (size_t i = 0; i < waiters->n; i++) {
		control_answer(waiters->fd[i], ret, problem);
		close_fd(&waiters->fd[i]);
	}
	waiters->n = 0;
}

static void waiters_add(struct reload_waiters *waiters, int client_fd)
{
	const struct ipacct_problem busy = {
		"busy: a reload goes on, and no more can wait for the next one"
	};

	if (client_fd < 0)
		return;
	if (waiters->n < CONTROL_CLIENTS_MAX) {
		waiters->fd[waiters->n++] = client_fd;
		return;
	}
	control_answer(client_fd, -EBUSY, &busy);
	close_fd(&client_fd);
}

/* What the configuration says is wrong: exit code 78. What happened to the reader is not. */
static int reason(int ret)
{
	return groups_reader_failed(ret) ? ret : -EINVAL;
}

/* Returns -EAGAIN: the list is being read. */
static int begin(struct supervisor *supervisor, struct config *fresh,
		 struct ipacct_problem *ret_problem)
{
	const struct place *place = &supervisor->place;
	int ret = config_reload(supervisor->argc, supervisor->argv, fresh, ret_problem->text,
				sizeof(ret_problem->text));

	if (!ret)
		ret = geo_process_check(supervisor, fresh, ret_problem);
	if (!ret && fresh->groups_file[0])
		ret = groups_reader_start(&supervisor->reload.reader, fresh->groups_file,
					  place->uid, place->gid, GROUPS_READER_MS, ret_problem);
	if (ret)
		return reason(ret);
	return fresh->groups_file[0] ? -EAGAIN : 0;
}

static void finish(struct supervisor *supervisor, int ret, struct ipacct_problem *problem)
{
	struct reload *reload = &supervisor->reload;

	if (ret)
		log_error("reload: %s, keeping the configuration",
			  problem->text[0] ? problem->text : strerror(-ret));
	free(reload->fresh);
	reload->fresh = NULL;
	waiters_answer(&reload->now, ret, problem);
}

static void start(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	struct group_image none = {};
	struct ipacct_problem problem = {};
	int ret = -ENOMEM;

	reload->fresh = malloc(sizeof(*reload->fresh));
	if (reload->fresh)
		ret = begin(supervisor, reload->fresh, &problem);
	if (ret == -EAGAIN)
		return;
	if (!ret)
		ret = take_over(supervisor, reload->fresh, &none, &problem);
	finish(supervisor, ret, &problem);
}

void reload_ask(struct supervisor *supervisor, int client_fd)
{
	struct reload *reload = &supervisor->reload;

	if (reload->fresh) {
		reload->again = true;
		waiters_add(&reload->next, client_fd);
		return;
	}
	waiters_add(&reload->now, client_fd);
	start(supervisor);
}

void reload_begin(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	if (!reload->again)
		return;
	reload->again = false;
	reload->now = reload->next;
	reload->next.n = 0;
	start(supervisor);
}

int reload_fd(const struct reload *reload)
{
	return reload->reader.socket_fd;
}

uint64_t reload_due_ms(const struct reload *reload)
{
	return reload->fresh ? reload->reader.deadline_ms : 0;
}

void reload_serve(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	struct group_image groups __cleanup(cleanup_group_image) = {};
	struct ipacct_problem problem = {};
	int ret;

	if (!reload->fresh)
		return;
	ret = groups_reader_serve(&reload->reader, &groups, &problem);
	if (ret == -EAGAIN)
		return;
	ret = ret ? reason(ret) : take_over(supervisor, reload->fresh, &groups, &problem);
	finish(supervisor, ret, &problem);
	reload_begin(supervisor);
}

void reload_end(struct reload *reload)
{
	const struct ipacct_problem ending = { "ipacctd ends: nothing was reloaded" };

	groups_reader_stop(&reload->reader);
	waiters_answer(&reload->now, -ECANCELED, &ending);
	waiters_answer(&reload->next, -ECANCELED, &ending);
	free(reload->fresh);
	reload->fresh = NULL;
}

json_t *reload_status_json(const struct reload *reload)
{
	if (!reload->fresh)
		return json_null();
	return json_pack("{s:s, s:I, s:I}", "reading", reload->fresh->groups_file, "since_ms",
			 (json_int_t)(ipacct_monotonic_ms() - reload->reader.started_ms), "waiting",
			 (json_int_t)(reload->now.n + reload->next.n));
}
