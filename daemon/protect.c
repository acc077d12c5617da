/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected prefixes in the supervisor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config_protect.h"
#include "config_vlans.h"
#include "log.h"
#include "protect.h"
#include "supervisor.h"

int protect_read(struct config *config, const struct group_image *groups, struct guard_set *ret_set,
		 struct ipacct_problem *ret_problem)
{
	struct config_prefix *prefixes __cleanup(cleanup_free) = NULL;
	uint16_t domains[IPACCT_DOMAINS_MAX];
	size_t n;
	int ret = config_protect_read(config, groups, &prefixes, &n, ret_problem->text,
				      sizeof(ret_problem->text));

	if (!ret)
		ret = guard_set_make(prefixes, n, domains, config_domains(config, domains), ret_set,
				     ret_problem);
	if (!ret)
		config->n_guard_entries = ret_set->n;
	return ret;
}

int protect_begin(struct supervisor *supervisor, struct ipacct_problem *ret_problem)
{
	const struct ipacct_maps *maps = &supervisor->maps;
	int ret = guard_set_read(maps->guard_fd, &supervisor->guard_before);

	if (!ret)
		ret = guard_add(maps, &supervisor->guard_before, &supervisor->guard, ret_problem);
	supervisor->guard_begun = !ret;
	return ret;
}

/* What fails leaves too much protected, and the next reload tries again: it reads the map anew. */
static void remove_rest(const struct ipacct_maps *maps, const struct guard_set *have,
			const struct guard_set *wanted)
{
	struct ipacct_problem problem = {};

	if (guard_remove(maps, have, wanted, &problem))
		log_error("%s", problem.text);
}

void protect_settle(struct supervisor *supervisor)
{
	remove_rest(&supervisor->maps, &supervisor->guard_before, &supervisor->guard);
	if (supervisor->guard.n)
		log_info("%zu protected prefixes (%zu entries)", supervisor->guard.n_prefixes,
			 supervisor->guard.n);
}

void protect_undo(struct supervisor *supervisor)
{
	const struct ipacct_maps *maps = &supervisor->maps;
	struct ipacct_problem problem = {};

	if (!supervisor->guard_begun)
		return;
	if (guard_add(maps, &supervisor->guard, &supervisor->guard_before, &problem))
		log_error("%s", problem.text);
	remove_rest(maps, &supervisor->guard, &supervisor->guard_before);
}

/* The first prefix wants programs that ask for it, the last one that goes wants programs that do
 * not: a program is replaced in one step, as an upgrade does it. */
static int programs_follow(struct supervisor *supervisor, bool interfaces_differ, bool replace,
			   struct ipacct_problem *ret_problem)
{
	int ret = interfaces_differ ? ports_check(&supervisor->config, ret_problem) : 0;

	if (!ret && (interfaces_differ || replace))
		ret = ports_apply(&supervisor->ports, replace, ret_problem);
	return ret;
}

/* The map is right; what follows is cost and what a dead collector's successor does anyway. */
static void change_settle(struct supervisor *supervisor, bool last_went)
{
	struct sizing *sizing = &supervisor->sizing;
	struct ipacct_problem problem = {};
	struct collector_answer answer;

	if (last_went && programs_follow(supervisor, false, true, &problem))
		log_warning("%s; it asks for protected prefixes in vain", problem.text);
	sizing_guard_set(sizing, supervisor->guard.n);
	if (sizing->total_bytes > sizing->budget_bytes)
		log_warning(
			"the protected prefixes take memory beyond its budget: a new start with "
			"new maps (detach) makes room");
	if (!supervisor_ask(supervisor, COLLECTOR_GUARD, 0, &answer) && answer.message.error)
		log_error("the collector cannot read the protected prefixes: %s",
			  strerror(-answer.message.error));
	log_info("%zu protected prefixes (%zu entries)", supervisor->guard.n_prefixes,
		 supervisor->guard.n);
}

int protect_change(struct supervisor *supervisor, struct guard_set *wanted, bool interfaces_differ,
		   struct ipacct_problem *ret_problem)
{
	const struct ipacct_maps *maps = &supervisor->maps;
	struct guard_set have = {};
	bool first_came, differs;
	int ret = guard_set_read(maps->guard_fd, &have);

	if (ret)
		return ret;
	first_came = !have.n && wanted->n;
	differs = !guard_set_equal(&have, wanted);
	ret = guard_add(maps, &have, wanted, ret_problem);
	if (!ret) {
		ret = programs_follow(supervisor, interfaces_differ, first_came, ret_problem);
		remove_rest(maps, ret ? wanted : &have, ret ? &have : wanted);
	}
	if (!ret) {
		guard_set_finish(&supervisor->guard);
		supervisor->guard = *wanted;
		*wanted = (struct guard_set){};
	}
	if (!ret && differs)
		change_settle(supervisor, have.n && !supervisor->guard.n);
	guard_set_finish(&have);
	return ret;
}

void protect_finish(struct supervisor *supervisor)
{
	guard_set_finish(&supervisor->guard);
	guard_set_finish(&supervisor->guard_before);
}
