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

static int ctl_write(const struct drain_set *set, const struct ipacct_ctl *ctl)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(set->maps.ctl_fd, &zero, ctl, BPF_ANY);
}

static bool is_marked(const struct ipacct_ctl *ctl)
{
	return !ctl->cut[0] && !ctl->cut[1];
}

/* As instance_join() in cut.c. Here one system call could change both numbers, but nobody promises that
 * a kill finds all of it or nothing: so the same order, one call each. */
static int join(struct cutter *cutter, const struct drain_set *set, struct ipacct_ctl *ctl)
{
	struct ipacct_ledger_header *header = cutter->publisher.ledger.header;
	uint32_t active = ctl->epoch & 1, rest = 1 - active;
	uint64_t base;
	int ret = 0;

	if (header->instance == ctl->instance)
		return 0;
	publisher_forget_uncommitted(&cutter->publisher);
	cut_mask_begin(&cutter->mask, header);
	if (ctl->cut[rest] > ctl->cut[active]) { /* prepared for the next cut: empty */
		ctl->cut[rest] = 0;
		ret = ctl_write(set, ctl);
	}
	base = header->cut > ctl->cut[active] ? header->cut : ctl->cut[active];
	ctl->cut[active] = base + 2;
	if (!ret)
		ret = ctl_write(set, ctl);
	if (!ret && ctl->cut[rest]) {
		ctl->cut[rest] = base + 1;
		ret = ctl_write(set, ctl);
	}
	if (!ret)
		__atomic_store_n(&header->instance, ctl->instance, __ATOMIC_SEQ_CST);
	CRASH_POINT(drain_joined);
	return ret;
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

	if (!cut_mask_known(&cutter->mask, cutter->publisher.ledger.header, facts.cut)) {
		log_warning("the list of groups that the last counts were masked by is gone: they "
			    "have a record for each address");
		publisher_forget_uncommitted(&cutter->publisher);
	}
	ipacct_epoch_reset(epoch);
	ret = drain_read(epoch, set, number);
	if (ret)
		return ret;
	CRASH_POINT(drain_read);
	ipacct_epoch_conservation(epoch, &cutter->last);
	facts.error_packets = cutter->last.error_packets;
	facts.error_l3_bytes = cutter->last.error_l3_bytes;
	facts.lru_refused = epoch->lru_refused;
	facts.rollup_updates = epoch->rollup_updates;
	facts.guard_rolled = epoch->guard_rolled;
	facts.duration_ns = ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	if (facts.error_packets || facts.error_l3_bytes)
		log_error("drained cut %llu does not close: %llu packets, %llu l3 bytes apart",
			  (unsigned long long)facts.cut, (unsigned long long)facts.error_packets,
			  (unsigned long long)facts.error_l3_bytes);
	ret = cut_mask_apply(&cutter->mask, cutter->publisher.ledger.header, facts.cut,
			     &epoch->addresses);
	if (!ret)
		ret = publisher_apply(&cutter->publisher, epoch, facts);
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
	ret = join(cutter, set, &ctl);
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

/* Does the ledger hold cuts of this set? */
static bool is_named(const struct cutter *cutter, const struct drain_set *set)
{
	struct ipacct_ctl ctl;

	return !ctl_read(set, &ctl) && ctl.instance == cutter->publisher.ledger.header->instance;
}

int drain_all(struct cutter *cutter, const struct drain_set *sets, size_t n_sets)
{
	int ret = n_sets ? cut_grace(cutter->maps) : 0; /* no program is in them any more */

	CRASH_POINT(drain_begin);
	cutter->publisher.again = true; /* an earlier attempt may have applied a part */
	for (size_t i = 0; i < n_sets && !ret; i++)
		if (is_named(cutter, &sets[i]))
			ret = set_drain(cutter, &sets[i]);
	for (size_t i = 0; i < n_sets && !ret; i++)
		ret = set_drain(cutter, &sets[i]); /* the named one is marked */
	cutter->publisher.again = false;
	return ret;
}
