/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follow ledger and maps together: what both have now beyond what was told before.
 *
 * While no cut comes the ledger stands still and is not read. When one came, everything is taken anew: what
 * each key has from the ledger and the maps, what was told of it from memory. A step that loses a race
 * against the collector does the same; when a cut is committed by then that came after the step began,
 * without the maps: what they had is in that cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "delta.h"
#include "live_tiers.h"
#include "reader.h"

#define LIVE_TRIES 64 /* as of a snapshot */

/* What the step before found. While all of it is the same, memory is good. */
struct ground {
	ino_t inode; /* of the ledger */
	dev_t device;
	ino_t maps; /* of a pin */
	uint64_t cut;
	struct ipacct_ctl ctl;
	struct ipacct_ledger_mask masks[2];
};

struct ipacct_live {
	struct ipacct_reader *reader;
	struct live_tiers tiers;
	struct live_book addresses, rollups;
	struct ipacct_table folded;
	struct ground ground;        /* zeroed when there is none */
	uint64_t instance;           /* whose counts were told, 0: nothing was */
	uint64_t told_ns;            /* CLOCK_REALTIME, up to when */
	struct ipacct_snapshot head; /* of the ledger; nothing that is allocated */
	struct ipacct_interface_totals *interfaces_cut; /* IPACCT_IFS_MAX of them: at the cut, … */
	size_t n_interfaces_cut;
	struct ipacct_interface_totals *interfaces;      /* … now, … */
	struct ipacct_interface_totals *interfaces_told; /* … at the last step, … */
	size_t n_interfaces_told;
	struct ipacct_interface_totals *interfaces_delta; /* … and between */
	struct ipacct_entry *entries;                     /* that moved: addresses, then roll-ups */
	struct ipacct_counters *totals;
	size_t n_room;
	struct ipacct_moves moves;
};

int ipacct_live_open(struct ipacct_reader *reader, struct ipacct_live **ret_live)
{
	struct ipacct_live *live = calloc(1, sizeof(*live));
	int ret;

	if (!live)
		return -ENOMEM;
	live->reader = reader;
	live->interfaces_cut = calloc(IPACCT_IFS_MAX, sizeof(*live->interfaces));
	live->interfaces = calloc(IPACCT_IFS_MAX, sizeof(*live->interfaces));
	live->interfaces_told = calloc(IPACCT_IFS_MAX, sizeof(*live->interfaces));
	live->interfaces_delta = calloc(IPACCT_IFS_MAX, sizeof(*live->interfaces));
	ret = ipacct_epoch_init(&live->tiers.epoch, false);
	if (!ret && (!live->interfaces_cut || !live->interfaces || !live->interfaces_told ||
		     !live->interfaces_delta))
		ret = -ENOMEM;
	if (ret) {
		ipacct_live_close(live);
		return ret;
	}
	live->tiers.addresses = &live->addresses;
	live->tiers.rollups = &live->rollups;
	*ret_live = live;
	return 0;
}

void ipacct_live_close(struct ipacct_live *live)
{
	if (!live)
		return;
	live_tiers_finish(&live->tiers);
	live_book_finish(&live->addresses);
	live_book_finish(&live->rollups);
	ipacct_table_finish(&live->folded);
	free(live->interfaces_cut);
	free(live->interfaces);
	free(live->interfaces_told);
	free(live->interfaces_delta);
	free(live->entries);
	free(live->totals);
	free(live);
}

static int ground_find(struct ipacct_live *live, struct ground *ret_ground,
		       struct ipacct_problem *ret_problem)
{
	struct ipacct_reader *reader = live->reader;
	int ret = ipacct_reader_refresh(reader, ret_problem);

	if (!ret)
		ret = ipacct_reader_maps(reader, ret_problem);
	if (ret)
		return ret;
	memset(ret_ground, 0, sizeof(*ret_ground));
	ret_ground->inode = reader->ledger.inode;
	ret_ground->device = reader->ledger.device;
	ret_ground->maps = reader->meta_inode;
	ret_ground->cut = __atomic_load_n(&reader->ledger.header->cut, __ATOMIC_ACQUIRE);
	ret = ipacct_reader_ctl(reader, &ret_ground->ctl);
	if (!ret && ret_ground->ctl.instance != reader->ledger.header->instance) {
		ipacct_problem_set(ret_problem, "the ledger and the pinned maps do not belong "
						"together yet: start ipacctd once");
		return -EAGAIN;
	}
	/* after ctl: what an epoch is masked by is told before it counts */
	ipacct_reader_masks(reader, ret_ground->masks);
	return ret;
}

/* The ledger as it is at that cut, or (later) one that came after it; what was told stays with the keys
 * that go on. */
static int renew(struct ipacct_live *live, const struct ground *ground, bool later)
{
	bool begin = live->instance != ground->ctl.instance;
	struct ipacct_snapshot *cut;
	int ret = ipacct_snapshot_read(live->reader, 0, &cut, NULL);

	if (ret)
		return ret;
	if ((cut->cut != ground->cut && !later) || cut->instance != ground->ctl.instance)
		ret = -EAGAIN;
	if (!ret)
		ret = live_tiers_reset(&live->tiers, &live->reader->maps, ground->ctl.seed);
	if (begin)
		ipacct_table_reset(&live->folded); /* else those of a step that failed are in it */
	live->folded.seed = live->addresses.has.seed = live->rollups.has.seed = ground->ctl.seed;
	if (!ret)
		ret = live_book_renew(&live->addresses, cut->addresses, cut->n_addresses, begin,
				      &live->folded);
	if (!ret)
		ret = live_book_renew(&live->rollups, cut->rollups, cut->n_rollups, begin,
				      &live->folded);
	live->head = *cut;
	live->n_interfaces_cut = cut->n_interfaces;
	memcpy(live->interfaces_cut, cut->interfaces,
	       cut->n_interfaces * sizeof(*live->interfaces_cut));
	if (begin && !ret) {
		live->instance = ground->ctl.instance;
		live->told_ns = cut->cut ? cut->cut_time_ns : 0;
		live->n_interfaces_told = cut->n_interfaces;
		memcpy(live->interfaces_told, cut->interfaces,
		       cut->n_interfaces * sizeof(*live->interfaces_told));
	}
	ipacct_snapshot_destroy(cut);
	return ret;
}

static int epochs_read(struct ipacct_live *live, const struct ground *ground)
{
	struct live_tiers *tiers = &live->tiers;
	const struct ipacct_maps *maps = &live->reader->maps;
	bool pending[IPACCT_EPOCHS], rolled = false;
	int ret = 0;

	memset(tiers->epoch.totals, 0, sizeof(tiers->epoch.totals));
	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++) {
		pending[number] = ipacct_epoch_pending(&ground->ctl, number, ground->cut);
		if (pending[number])
			ret = live_tiers_begin(tiers, maps, number, &rolled);
	}
	if (!ret)
		live_tiers_settle(tiers, pending);
	if (!ret && rolled)
		ret = live_rollups_read(tiers, maps, pending);
	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++) {
		uint64_t digest = ipacct_mask_of_cut(ground->masks, ground->ctl.cut[number]);

		if (pending[number])
			ret = live_tiers_read(tiers, maps, number,
					      ipacct_reader_mask_list(live->reader, digest));
	}
	return ret;
}

static void interfaces_step(struct ipacct_live *live)
{
	struct ipacct_snapshot now = { .interfaces = live->interfaces,
				       .n_interfaces = live->n_interfaces_cut };

	memcpy(live->interfaces, live->interfaces_cut,
	       live->n_interfaces_cut * sizeof(*live->interfaces));
	ipacct_interfaces_merge(&now, &live->tiers.epoch);
	memcpy(live->interfaces_delta, live->interfaces,
	       now.n_interfaces * sizeof(*live->interfaces));
	for (size_t i = 0; i < now.n_interfaces; i++)
		for (size_t k = 0; k < live->n_interfaces_told; k++)
			if (live->interfaces_told[k].slot == live->interfaces[i].slot)
				ipacct_totals_minus(&live->interfaces_delta[i].totals,
						    &live->interfaces_told[k].totals);
	memcpy(live->interfaces_told, live->interfaces,
	       now.n_interfaces * sizeof(*live->interfaces));
	live->n_interfaces_told = now.n_interfaces;
	live->moves.delta.interfaces = live->interfaces_delta;
	live->moves.delta.n_interfaces = now.n_interfaces;
	live->moves.interfaces = live->interfaces;
}

static int entries_room(struct ipacct_live *live)
{
	size_t n = (size_t)live->addresses.n_touched + live->rollups.n_touched;
	int ret;

	if (n < live->n_room) /* there is some even when nothing moved: addresses are made in it */
		return 0;
	n += n / 2 + 1;
	ret = array_resize(&live->entries, sizeof(*live->entries), n);
	if (!ret)
		ret = array_resize(&live->totals, sizeof(*live->totals), n);
	if (!ret)
		live->n_room = n;
	return ret;
}

/* What the touched keys have beyond what was told: told now. Returns how many moved. */
static size_t book_tell(struct live_book *book, uint64_t time_ns, struct ipacct_entry *entries,
			struct ipacct_counters *totals)
{
	size_t n = 0;

	for (uint32_t i = 0; i < book->n_touched; i++) {
		uint32_t number = book->touched[i];
		struct ipacct_table_entry *entry = &book->has.entries[number];
		struct live_note *note = &book->notes[number];
		struct ipacct_counters more = ipacct_counters_minus(&entry->counters, &note->told);

		entry->reserved[0] = 0;
		if (!ipacct_counters_moved(&more))
			continue;
		ipacct_counters_add(&note->told, &more);
		totals[n] = note->told;
		entries[n++] = (struct ipacct_entry){
			.key = entry->key,
			.prefix_len = entry->prefix_len,
			.counters = more,
			.first_seen_ns = note->first_seen_ns ? note->first_seen_ns : time_ns,
			.last_seen_ns = time_ns,
			.ledger_index = note->ledger_index,
		};
	}
	book->n_touched = 0;
	return n;
}

static int tell(struct ipacct_live *live, uint64_t time_ns)
{
	struct ipacct_snapshot *delta = &live->moves.delta;
	int ret = entries_room(live);

	if (!ret)
		ret = live_book_lacking(&live->addresses, &live->folded);
	if (!ret)
		ret = live_book_lacking(&live->rollups, &live->folded);
	if (ret)
		return ret;
	live_book_folded(&live->rollups, &live->folded);
	ipacct_table_reset(&live->folded);
	*delta = live->head;
	delta->live = true;
	delta->read_time_ns = time_ns;
	delta->interval_ns =
		__atomic_load_n(&live->reader->ledger.header->interval_ns, __ATOMIC_RELAXED);
	delta->n_groups = 0;
	delta->groups = NULL;
	interfaces_step(live);
	delta->addresses = live->entries;
	live->moves.address_totals = live->totals;
	delta->n_addresses = book_tell(&live->addresses, time_ns, live->entries, live->totals);
	delta->rollups = live->entries + delta->n_addresses;
	live->moves.rollup_totals = live->totals + delta->n_addresses;
	delta->n_rollups = book_tell(&live->rollups, time_ns, delta->rollups,
				     live->totals + delta->n_addresses);
	live->moves.first = !live->told_ns;
	live->moves.covered_ns =
		live->told_ns && time_ns > live->told_ns ? time_ns - live->told_ns : 0;
	live->moves.n_addresses = live->addresses.has.n_entries;
	live->told_ns = time_ns;
	return 0;
}

/* When the ledger's numbers were those of the maps. Clocks are set: not before the step began, not in the
 * future. */
static uint64_t moment_of_cut(const struct ipacct_live *live, const struct reader_begun *begun)
{
	uint64_t now_ns = ipacct_clock_ns(CLOCK_REALTIME);
	uint64_t cut_ns = live->head.cut_time_ns;

	cut_ns = cut_ns > begun->time_ns ? cut_ns : begun->time_ns;
	return cut_ns < now_ns ? cut_ns : now_ns;
}

/* What the ledger has, and nothing of the maps. The next step begins anew. */
static int step_of_ledger(struct ipacct_live *live, const struct ground *ground,
			  const struct reader_begun *begun)
{
	struct ipacct_epoch *epoch = &live->tiers.epoch;
	int ret;

	memset(&live->ground, 0, sizeof(live->ground));
	ret = renew(live, ground, true);
	if (ret)
		return ret;
	memset(epoch->totals, 0, sizeof(epoch->totals));
	memset(epoch->interfaces, 0, sizeof(epoch->interfaces));
	return tell(live, moment_of_cut(live, begun));
}

static int step_try(struct ipacct_live *live, struct reader_begun *begun,
		    struct ipacct_problem *ret_problem)
{
	uint64_t time_ns = ipacct_clock_ns(CLOCK_REALTIME);
	struct ground before, after;
	int ret = ground_find(live, &before, ret_problem);

	if (ret)
		return ret;
	if (ipacct_reader_overtaken(live->reader, begun, before.cut))
		return step_of_ledger(live, &before, begun);
	ipacct_reader_begun(begun, &before.ctl);
	if (memcmp(&before, &live->ground, sizeof(before))) {
		memset(&live->ground, 0, sizeof(live->ground)); /* until all of it is there */
		ret = renew(live, &before, false);
	}
	if (!ret)
		ret = epochs_read(live, &before);
	if (!ret)
		ret = ground_find(live, &after, ret_problem);
	if (!ret && memcmp(&before, &after, sizeof(before)))
		ret = -EAGAIN;
	if (!ret)
		ret = tell(live, time_ns);
	if (ret)
		memset(&live->ground, 0, sizeof(live->ground));
	else
		live->ground = before;
	return ret;
}

int ipacct_live_step(struct ipacct_live *live, const struct ipacct_moves **ret_moves,
		     struct ipacct_problem *ret_problem)
{
	struct reader_begun begun = {};
	int ret = -EAGAIN;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	for (int i = 0; i < LIVE_TRIES && ret == -EAGAIN; i++)
		ret = step_try(live, &begun, ret_problem);
	if (!ret)
		*ret_moves = &live->moves;
	return ret;
}
