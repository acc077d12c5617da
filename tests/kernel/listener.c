// SPDX-License-Identifier: GPL-2.0-or-later
/* A live reader of a crowd, and all that it has told. */
#include "listener.h"

#include <string.h>

#include <criterion/criterion.h>

void listener_begin(struct listener *listener)
{
	ipacct_live_close(listener->live);
	listener->live = NULL;
	stage_cut(&listener->crowd.stage);
	listener->sent_before = listener->crowd.sent;
	listener->honest_before = listener->crowd.honest;
	listener->told_seen = 0;
	memset(&listener->told, 0, sizeof(listener->told));
	memset(listener->told_honest, 0, sizeof(listener->told_honest));
}

void listener_open(struct listener *listener, bool hot, uint32_t lru_entries)
{
	memset(listener, 0, sizeof(*listener));
	crowd_open(&listener->crowd, hot, lru_entries);
	listener_begin(listener);
}

void listener_close(struct listener *listener)
{
	ipacct_live_close(listener->live);
	crowd_close(&listener->crowd);
}

int listener_step(struct listener *listener)
{
	struct ipacct_counters none[2] = {};
	const struct ipacct_snapshot *delta;
	int ret = 0;

	if (!listener->live)
		ret = ipacct_live_open(listener->crowd.reader, &listener->live);
	if (!ret)
		ret = ipacct_live_step(listener->live, &listener->moves, &listener->problem);
	if (ret)
		return ret;
	delta = &listener->moves->delta;
	crowd_sum(delta->addresses, delta->n_addresses, &listener->told, listener->told_honest);
	crowd_sum(delta->rollups, delta->n_rollups, &listener->told, none);
	for (size_t i = 0; i < delta->n_interfaces; i++)
		listener->told_seen += delta->interfaces[i].totals.seen.packets;
	return 0;
}

void listener_expect_all(struct listener *listener, unsigned int at)
{
	uint64_t n = listener->crowd.sent - listener->sent_before;
	uint64_t n_honest = (listener->crowd.honest - listener->honest_before) * CROWD_HONEST;

	cr_assert_eq(listener_step(listener), 0, "call %u", at);
	crowd_expect(&listener->told, n, "all", at);
	crowd_expect(&listener->told_honest[0], n_honest, "IPv4", at);
	crowd_expect(&listener->told_honest[1], n_honest, "IPv6", at);
	cr_assert_eq(listener->told_seen, n, "call %u", at);
}
