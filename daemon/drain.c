/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of earlier versions, emptied into the ledger once.
 *
 * What is true after each step, whoever dies there; `instance` of the ledger says whose cuts it has:
 *
 *	join       instance = that of the set, its pending cuts have numbers above the ledger's
 *	publish    as any cut (publish.c): numbers at or below header.cut are in the ledger
 *	mark       cut[] = {0, 0}: nothing of this set is left to publish, whatever instance says
 *	next       another set joins, in the end the maps of now (cutter_recover)
 *
 * The set that the ledger names goes first: what it says of its cuts is forgotten when another one
 * joins. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "crash.h"
#include "drain.h"
#include "log.h"

static int ctl_read(const struct drain_set *set, struct ipacct_ctl *ret_ctl)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(set->maps.ctl_fd, &zero, ret_ctl);
}

/* drain_set: as cut_instance_join() calls it. Here one call could change both numbers, but nobody
 * promises that a kill finds all of it or nothing: so the same order, one call each. */
static int ctl_write(const void *drain_set, const struct ipacct_ctl *ctl)
{
	const struct drain_set *set = drain_set;
	uint32_t zero = 0;

	return bpf_map_update_elem(set->maps.ctl_fd, &zero, ctl, BPF_ANY);
}

static bool is_marked(const struct ipacct_ctl *ctl)
{
	return !ctl->cut[0] && !ctl->cut[1];
}

/* One epoch as the cut that its number says. ret_packets grows by what it had. */
static int epoch_publish(struct cutter *cutter, const struct drain_set *set,
			 const struct ipacct_ctl *ctl, uint32_t number, uint64_t *ret_packets)
{
	struct ipacct_epoch *epoch = &cutter->epoch;
	struct ipacct_ledger_cut facts = { .cut = ctl->cut[number],
					   .cut_time_ns = ipacct_clock_ns(CLOCK_REALTIME) };
	uint64_t begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	int ret;

	if (!cut_mask_known(&cutter->mask, cutter->publisher.ledger.header, facts.cut))
		cut_masks_forget(cutter);
	ipacct_epoch_reset(epoch);
	ret = drain_read(epoch, set, number);
	if (ret)
		return ret;
	CRASH_POINT(drain_read);
	ret = cut_publish(cutter, facts, begun_ns, "drained cut");
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX && !ret; slot++)
		*ret_packets += epoch->totals[slot].seen.packets;
	if (!ret)
		CRASH_POINT(drain_published);
	return ret;
}

static int mark(const struct drain_set *set, struct ipacct_ctl *ctl)
{
	ctl->cut[0] = ctl->cut[1] = 0;
	return ctl_write(set, ctl);
}

static int set_drain(struct cutter *cutter, const struct drain_set *set)
{
	struct ipacct_ctl ctl;
	uint32_t active, rest;
	uint64_t packets = 0;
	int ret = ctl_read(set, &ctl);

	if (ret || is_marked(&ctl))
		return ret;
	if (ctl.instance != cutter->publisher.ledger.header->instance) {
		ret = cut_instance_join(cutter, &ctl, ctl_write, set);
		CRASH_POINT(drain_joined);
	}
	if (ret)
		return ret;
	active = ctl.epoch & 1;
	rest = 1 - active;
	/* as in cut.c: at or below the ledger's it is in there, above the active one's it is
	   empty */
	if (ctl.cut[rest] > publisher_cut(&cutter->publisher) && ctl.cut[rest] < ctl.cut[active])
		ret = epoch_publish(cutter, set, &ctl, rest, &packets);
	if (!ret && ctl.cut[active] > publisher_cut(&cutter->publisher))
		ret = epoch_publish(cutter, set, &ctl, active, &packets);
	if (!ret)
		ret = mark(set, &ctl);
	if (ret)
		return ret;
	CRASH_POINT(drain_marked);
	log_info("maps of ABI version %u (ipacctd %.40s) are in the ledger: %llu packets that were "
		 "not yet",
		 set->layout->abi_version, set->maps.meta.build, (unsigned long long)packets);
	return 0;
}

/* Drain it if the ledger holds cuts of it. Who cannot tell must not go on: another set would
 * make it forget which of them. */
static int named_drain(struct cutter *cutter, const struct drain_set *set)
{
	struct ipacct_ctl ctl;
	int ret = ctl_read(set, &ctl);

	if (ret || ctl.instance != cutter->publisher.ledger.header->instance)
		return ret;
	return set_drain(cutter, set);
}

int drain_all(struct cutter *cutter, const struct drain_set *sets, size_t n_sets)
{
	int ret = n_sets ? cut_grace(cutter->maps) : 0; /* no program is in them any more */

	CRASH_POINT(drain_begin);
	cutter->publisher.again = true; /* an earlier attempt may have applied a part */
	for (size_t i = 0; i < n_sets && !ret; i++)
		ret = named_drain(cutter, &sets[i]);
	for (size_t i = 0; i < n_sets && !ret; i++)
		ret = set_drain(cutter, &sets[i]); /* the named one is marked */
	cutter->publisher.again = false;
	return ret;
}
