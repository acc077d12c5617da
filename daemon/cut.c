/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cut. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <linux/membarrier.h>
#include <bpf/bpf.h>

#include "base/clock.h"
#include "clear.h"
#include "crash.h"
#include "cut.h"
#include "log.h"

int cutter_init(struct cutter *cutter, struct ipacct_maps *maps, int ledger_fd,
		struct ipacct_problem *ret_problem)
{
	int ret;

	memset(cutter, 0, sizeof(*cutter));
	cutter->maps = maps;
	ret = cutter_guard_changed(cutter); /* by whom and when, nobody remembers */
	if (!ret)
		ret = ipacct_epoch_init(&cutter->epoch, true);
	if (!ret)
		ret = publisher_init(&cutter->publisher, ledger_fd, maps->ctl->seed, ret_problem);
	cutter->publisher.guard = &cutter->guard;
	cutter->epoch.addresses.seed = cutter->epoch.rollups.seed = maps->ctl->seed;
	if (ret)
		cutter_finish(cutter);
	return ret;
}

void cutter_finish(struct cutter *cutter)
{
	ipacct_epoch_finish(&cutter->epoch);
	publisher_finish(&cutter->publisher);
	guard_index_finish(&cutter->guard);
	cut_mask_finish(&cutter->mask);
	memset(cutter, 0, sizeof(*cutter));
}

/* A slot of an array of maps is set to what it holds already: that update returns only after the
 * same grace period. */
int cut_grace_by_map(const struct ipacct_maps *maps)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(maps->lru_fd, &zero, &maps->lru_fds[0], BPF_ANY);
}

int cut_grace(const struct ipacct_maps *maps)
{
	if (!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	return cut_grace_by_map(maps);
}

int cut_publish(struct cutter *cutter, struct ipacct_ledger_cut facts, uint64_t begun_ns,
		const char *what)
{
	struct ipacct_epoch *epoch = &cutter->epoch;
	int ret;

	ipacct_epoch_conservation(epoch, &cutter->last);
	facts.error_packets = cutter->last.error_packets;
	facts.error_l3_bytes = cutter->last.error_l3_bytes;
	facts.lru_refused = epoch->lru_refused;
	facts.rollup_updates = epoch->rollup_updates;
	facts.guard_rolled = epoch->guard_rolled;
	facts.duration_ns = cutter->read_ns = ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	if (facts.error_packets || facts.error_l3_bytes || cutter->last.error_l2_bytes)
		log_error(
			"%s %llu does not close: %llu packets, %llu l3 bytes, %llu l2 bytes apart",
			what, (unsigned long long)facts.cut,
			(unsigned long long)facts.error_packets,
			(unsigned long long)facts.error_l3_bytes,
			(unsigned long long)cutter->last.error_l2_bytes);
	begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	cutter->n_entries = epoch->addresses.n_entries;
	ret = cut_mask_apply(&cutter->mask, cutter->publisher.ledger.header, facts.cut,
			     &epoch->addresses);
	if (!ret)
		ret = publisher_apply(&cutter->publisher, epoch, facts);
	cutter->publish_ns = ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	return ret;
}

/* Publish and clear epoch `number`, which is at rest. */
static int epoch_settle(struct cutter *cutter, uint32_t number)
{
	struct ipacct_epoch *epoch = &cutter->epoch;
	struct ipacct_ledger_cut facts = {
		.cut = cutter->maps->ctl->cut[number],
		.cut_time_ns =
			cutter->switched_ns ? cutter->switched_ns : ipacct_clock_ns(CLOCK_REALTIME),
	};
	uint64_t begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	int ret;

	ipacct_epoch_reset(epoch);
	ret = ipacct_epoch_read(epoch, cutter->maps, number);
	if (ret)
		return ret;
	CRASH_POINT(read);
	ret = cut_publish(cutter, facts, begun_ns, "cut");
	if (!ret)
		ret = epoch_clear(epoch, cutter->maps, number);
	if (!ret)
		CRASH_POINT(cleared);
	return ret;
}

/* The epoch that does not count now: published already, pending, or prepared and empty? */
static int epoch_at_rest_settle(struct cutter *cutter)
{
	struct ipacct_ctl *ctl = cutter->maps->ctl;
	uint32_t active = ctl->epoch & 1, rest = 1 - active;
	int ret;

	if (ctl->cut[rest] > ctl->cut[active] || !ctl->cut[rest])
		return 0; /* numbered for the next cut, or never used: empty */
	if (ctl->cut[rest] > publisher_cut(&cutter->publisher))
		return epoch_settle(cutter, rest);
	/* committed: whatever is still in it is in the ledger */
	ipacct_epoch_reset(&cutter->epoch);
	ret = ipacct_epoch_read(&cutter->epoch, cutter->maps, rest);
	return ret ? ret : epoch_clear_again(&cutter->epoch, cutter->maps, rest);
}

static int number_set(struct ipacct_ctl *ctl, uint32_t number, uint64_t cut,
		      int (*store)(const void *context, const struct ipacct_ctl *ctl),
		      const void *context)
{
	__atomic_store_n(&ctl->cut[number], cut, __ATOMIC_SEQ_CST);
	return store ? store(context, ctl) : 0;
}

int cut_instance_join(struct cutter *cutter, struct ipacct_ctl *ctl,
		      int (*store)(const void *context, const struct ipacct_ctl *ctl),
		      const void *context)
{
	struct ipacct_ledger_header *header = cutter->publisher.ledger.header;
	uint32_t active = ctl->epoch & 1, rest = 1 - active;
	uint64_t base;
	int ret = 0;

	if (header->instance == ctl->instance)
		return 0;
	/* what another set of maps had half applied must not be taken for a part of these cuts */
	publisher_forget_uncommitted(&cutter->publisher);
	cut_mask_begin(&cutter->mask, header);
	if (ctl->cut[rest] > ctl->cut[active]) /* was prepared for the next cut: empty */
		ret = number_set(ctl, rest, 0, store, context);
	base = header->cut > ctl->cut[active] ? header->cut : ctl->cut[active];
	if (!ret)
		ret = number_set(ctl, active, base + 2, store, context);
	if (!ret && ctl->cut[rest])
		ret = number_set(ctl, rest, base + 1, store, context);
	if (!ret)
		__atomic_store_n(&header->instance, ctl->instance, __ATOMIC_SEQ_CST);
	return ret;
}

void cut_masks_forget(struct cutter *cutter)
{
	log_warning("the list of groups that the last counts were masked by is gone: they have a "
		    "record for each address");
	publisher_forget_uncommitted(&cutter->publisher);
}

/* A cut whose list is gone is not masked: if it is in the ledger in part, its keys had other places. */
static void masks_check(struct cutter *cutter)
{
	const struct ipacct_ledger_header *header = cutter->publisher.ledger.header;
	const struct ipacct_ctl *ctl = cutter->maps->ctl;
	bool known = true;

	for (uint32_t number = 0; number < IPACCT_EPOCHS; number++)
		if (ctl->cut[number] > header->cut && ctl->cut[number] <= ctl->cut[ctl->epoch & 1])
			known &= cut_mask_known(&cutter->mask, header, ctl->cut[number]);
	if (!known)
		cut_masks_forget(cutter);
}

int cutter_recover(struct cutter *cutter)
{
	int ret;

	masks_check(cutter);
	(void)cut_instance_join(cutter, cutter->maps->ctl, NULL, NULL); /* only a store can fail */
	ret = cut_grace(cutter->maps); /* the crash may have been before the last one */
	cutter->publisher.again = true;
	if (!ret)
		ret = epoch_at_rest_settle(cutter);
	cutter->publisher.again = false;
	cutter->unsettled = ret != 0;
	return ret;
}

int cutter_guard_changed(struct cutter *cutter)
{
	int ret = guard_index_read(&cutter->guard, cutter->maps->guard_fd);

	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++)
		cutter->guard_changed[number] = true;
	return ret;
}

int cutter_cut(struct cutter *cutter)
{
	struct ipacct_ctl *ctl = cutter->maps->ctl;
	uint32_t active = ctl->epoch & 1, rest = 1 - active;
	uint64_t begun_ns = ipacct_clock_ns(CLOCK_MONOTONIC);
	uint64_t syscalls = cutter->epoch.batch.n_syscalls;
	int ret = 0;

	if (cutter->unsettled)
		ret = cutter_recover(cutter);
	if (ret)
		return ret;
	CRASH_POINT(begin);
	if (cutter->guard_changed[rest])
		guard_index_apply(&cutter->guard, cutter->maps, rest);
	cutter->guard_changed[rest] = false;
	cut_mask_next(&cutter->mask, cutter->publisher.ledger.header, ctl->cut[active]);
	cutter->unsettled = true;
	__atomic_store_n(&ctl->cut[rest], ctl->cut[active] + 1, __ATOMIC_SEQ_CST);
	CRASH_POINT(numbered);
	cutter->switched_ns = cutter->time_ns ? cutter->time_ns : ipacct_clock_ns(CLOCK_REALTIME);
	__atomic_store_n(&ctl->epoch, rest, __ATOMIC_SEQ_CST);
	CRASH_POINT(switched);
	ret = cut_grace(cutter->maps);
	if (ret)
		return ret;
	CRASH_POINT(grace);
	ret = epoch_settle(cutter, active);
	cutter->unsettled = ret != 0;
	cutter->duration_ns = ipacct_clock_ns(CLOCK_MONOTONIC) - begun_ns;
	cutter->n_syscalls = cutter->epoch.batch.n_syscalls - syscalls;
	return ret;
}
