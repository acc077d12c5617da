/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All numbers at one cut, and what the maps hold beyond it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "ledger_copy.h"
#include "reader.h"

#define SNAPSHOT_TRIES 64 /* cuts are far apart; so many lost races mean something is wrong */

void ipacct_snapshot_destroy(struct ipacct_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->interfaces);
	free(snapshot->addresses);
	free(snapshot->rollups);
	free(snapshot->groups);
	free(snapshot);
}

void ipacct_snapshot_conservation(const struct ipacct_snapshot *snapshot,
				  struct ipacct_conservation *ret_conservation)
{
	struct ipacct_conservation error = {};
	struct ipacct_counters sums = {};
	uint64_t packets = 0, l3_bytes = 0;

	for (size_t i = 0; i < snapshot->n_interfaces; i++) {
		const struct ipacct_totals *totals = &snapshot->interfaces[i].totals;

		ipacct_totals_error(totals, &error);
		packets += totals->accounted.packets;
		l3_bytes += totals->ipv4.l3_bytes + totals->ipv6.l3_bytes;
	}
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		ipacct_counters_add(&sums, &snapshot->addresses[i].counters);
	for (size_t i = 0; i < snapshot->n_rollups; i++)
		ipacct_counters_add(&sums, &snapshot->rollups[i].counters);
	ipacct_sums_error(&sums, packets, l3_bytes, &error);
	*ret_conservation = error;
}

static void interfaces_copy(const struct ipacct_ledger *ledger, uint64_t cut,
			    struct ipacct_snapshot *snapshot)
{
	struct ipacct_interface_totals *all = snapshot->interfaces;

	snapshot->n_interfaces = 0;
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		const struct ipacct_ledger_interface *from = &ledger->interfaces[slot];
		int newest = IPACCT_VERSION_READ(from->version, cut);
		struct ipacct_interface_totals *to = &all[snapshot->n_interfaces];

		if (newest < 0)
			continue;
		to->slot = slot;
		to->interface = from->version[newest].interface;
		to->interface.ifname[IPACCT_IFNAME_BYTES - 1] = '\0';
		to->totals = from->version[newest].totals;
		snapshot->n_interfaces++;
	}
}

void ipacct_snapshot_head(const struct ipacct_ledger *ledger, uint64_t cut,
			  struct ipacct_snapshot *snapshot)
{
	const struct ipacct_ledger_header *header = ledger->header;
	int newest = IPACCT_VERSION_READ(header->version, cut);

	if (newest >= 0)
		snapshot->facts = header->version[newest];
	snapshot->cut = cut;
	snapshot->cut_time_ns = snapshot->facts.cut_time_ns;
	snapshot->created_ns = header->created_ns;
	snapshot->instance = header->instance;
	snapshot->interval_ns = __atomic_load_n(&header->interval_ns, __ATOMIC_RELAXED);
	interfaces_copy(ledger, cut, snapshot);
}

/* What is known from one try to the next. */
struct tries {
	struct reader_begun begun;
	struct ledger_copy addresses, rollups;
	ino_t inode; /* of the ledger that they are copied from */
	dev_t device;
};

static void tries_finish(struct tries *tries)
{
	ledger_copy_finish(&tries->addresses);
	ledger_copy_finish(&tries->rollups);
}

/* The committed part, of cut snapshot->cut; goes on where the try before was overtaken. */
static int ledger_walk(const struct ipacct_ledger *ledger, const struct ipacct_snapshot *snapshot,
		       struct tries *tries)
{
	uint32_t n_rollups = ipacct_ledger_used(&ledger->header->n_rollups, ledger->n_rollups_max);
	uint32_t n_addresses =
		ipacct_ledger_used(&ledger->header->n_addresses, ledger->n_addresses_max);
	int ret;

	if (tries->inode != ledger->inode || tries->device != ledger->device)
		tries_finish(tries);
	tries->inode = ledger->inode;
	tries->device = ledger->device;
	ret = ledger_copy_walk(&tries->rollups, ledger, ledger->rollups, n_rollups, false,
			       snapshot->cut);
	if (!ret)
		ret = ledger_copy_walk(&tries->addresses, ledger, ledger->addresses, n_addresses,
				       true, snapshot->cut);
	return ret;
}

static int ledger_copy(const struct ipacct_ledger *ledger, uint64_t cut, struct tries *tries,
		       struct ipacct_snapshot *snapshot)
{
	snapshot->interfaces = calloc(IPACCT_IFS_MAX, sizeof(*snapshot->interfaces));
	if (!snapshot->interfaces)
		return -ENOMEM;
	ipacct_snapshot_head(ledger, cut, snapshot);
	return ledger_walk(ledger, snapshot, tries);
}

/* n_more: room to leave for keys that only the maps have. */
static int entries_take(struct tries *tries, size_t n_more_addresses, size_t n_more_rollups,
			struct ipacct_snapshot *snapshot)
{
	int ret = ledger_copy_take(&tries->addresses, n_more_addresses, &snapshot->addresses,
				   &snapshot->n_addresses);

	return ret ? ret
		   : ledger_copy_take(&tries->rollups, n_more_rollups, &snapshot->rollups,
				      &snapshot->n_rollups);
}

/* Add a table to entries; what is new goes behind them (entries_take left the room). */
static void entries_merge(struct ipacct_entry *entries, size_t *n_entries,
			  const struct ipacct_table *table, uint64_t time_ns, bool *seen)
{
	for (size_t i = 0; i < *n_entries; i++) {
		uint32_t at = ipacct_table_find(table, &entries[i].key, entries[i].prefix_len);

		if (at == IPACCT_TABLE_NONE)
			continue;
		ipacct_counters_add(&entries[i].counters, &table->entries[at].counters);
		entries[i].last_seen_ns = time_ns;
		seen[at] = true;
	}
	for (uint32_t at = 0; at < table->n_entries; at++) {
		if (seen[at])
			continue;
		entries[(*n_entries)++] = (struct ipacct_entry){
			.key = table->entries[at].key,
			.prefix_len = table->entries[at].prefix_len,
			.counters = table->entries[at].counters,
			.first_seen_ns = time_ns,
			.last_seen_ns = time_ns,
			.ledger_index = IPACCT_INDEX_NONE,
		};
	}
}

void ipacct_interfaces_merge(struct ipacct_snapshot *snapshot, const struct ipacct_epoch *epoch)
{
	struct ipacct_interface_totals *all = snapshot->interfaces;
	size_t i = 0;

	/* slots of the maps that the ledger does not know yet are put in order of slot */
	for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++) {
		if (i < snapshot->n_interfaces && all[i].slot < slot)
			i++;
		if (!epoch->interfaces[slot].hook)
			continue;
		if (i >= snapshot->n_interfaces || all[i].slot != slot) {
			memmove(&all[i + 1], &all[i], (snapshot->n_interfaces - i) * sizeof(*all));
			memset(&all[i], 0, sizeof(all[i]));
			all[i].slot = slot;
			snapshot->n_interfaces++;
		}
		all[i].interface = epoch->interfaces[slot];
		all[i].interface.ifname[IPACCT_IFNAME_BYTES - 1] = '\0';
		ipacct_totals_add(&all[i].totals, &epoch->totals[slot]);
	}
}

static int live_merge(struct ipacct_snapshot *snapshot, const struct ipacct_epoch *epoch)
{
	uint32_t n = epoch->addresses.n_entries > epoch->rollups.n_entries
			     ? epoch->addresses.n_entries
			     : epoch->rollups.n_entries;
	bool *seen = calloc((size_t)n + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	entries_merge(snapshot->addresses, &snapshot->n_addresses, &epoch->addresses,
		      snapshot->read_time_ns, seen);
	memset(seen, 0, (size_t)n + 1);
	entries_merge(snapshot->rollups, &snapshot->n_rollups, &epoch->rollups,
		      snapshot->read_time_ns, seen);
	free(seen);
	ipacct_interfaces_merge(snapshot, epoch);
	return 0;
}

int ipacct_reader_ctl(struct ipacct_reader *reader, struct ipacct_ctl *ret_ctl)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(reader->maps.ctl_fd, &zero, ret_ctl);
}

/* The fields of ctl may be of several moments: the number that counts was there before, so that the
 * larger one is never too small. At worst it is the next cut's. */
void ipacct_reader_begun(struct reader_begun *begun, const struct ipacct_ctl *ctl)
{
	if (begun->instance == ctl->instance)
		return;
	begun->instance = ctl->instance;
	begun->cut = ctl->cut[0] > ctl->cut[1] ? ctl->cut[0] : ctl->cut[1];
	begun->time_ns = ipacct_clock_ns(CLOCK_REALTIME);
}

bool ipacct_reader_overtaken(const struct ipacct_reader *reader, const struct reader_begun *begun,
			     uint64_t cut)
{
	return begun->instance && begun->instance == reader->ledger.header->instance &&
	       cut >= begun->cut;
}

bool ipacct_epoch_pending(const struct ipacct_ctl *ctl, uint32_t number, uint64_t cut)
{
	uint32_t active = ctl->epoch & 1;

	return ctl->cut[number] > cut && (number == active || ctl->cut[number] < ctl->cut[active]);
}

void ipacct_reader_masks(const struct ipacct_reader *reader, struct ipacct_ledger_mask ret_masks[2])
{
	const struct ipacct_ledger_mask *from = reader->ledger.header->mask;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (unsigned int i = 0; i < 2; i++) {
		ret_masks[i].from_cut = __atomic_load_n(&from[i].from_cut, __ATOMIC_ACQUIRE);
		ret_masks[i].digest = __atomic_load_n(&from[i].digest, __ATOMIC_ACQUIRE);
	}
}

/* The first of two is asked first: when it is another one by then, what it was has the second name
 * already. */
const struct ipacct_group_list *ipacct_reader_mask_list(struct ipacct_reader *reader,
							uint64_t digest)
{
	static const struct ipacct_group_list none;

	for (unsigned int i = 0; i < 2 && digest; i++) {
		struct ipacct_groups *groups = &reader->mask_lists[i];

		if (ipacct_group_list_mask(&groups->list) != digest && groups->path[0])
			(void)ipacct_groups_reload(groups, NULL); /* it may be the other one */
		if (ipacct_group_list_mask(&groups->list) == digest)
			return &groups->list;
	}
	return &none;
}

/* An epoch by the list of its cut; those of one snapshot may have different ones. What is masked
 * waits in reader->masked until all are. */
static int epoch_mask(struct ipacct_reader *reader, uint64_t digest)
{
	struct ipacct_table *table = &reader->epoch.addresses;
	int ret = ipacct_mask_apply(&reader->mask, ipacct_reader_mask_list(reader, digest), table);

	ret = ret < 0 ? ret : 0;
	for (uint32_t i = 0; i < table->n_entries && !ret; i++)
		ret = ipacct_table_add(&reader->masked, &table->entries[i].key,
				       table->entries[i].prefix_len, &table->entries[i].counters);
	ipacct_table_reset(table);
	return ret;
}

/* Read what is pending into reader->epoch. */
static int epochs_read(struct ipacct_reader *reader, const struct ipacct_ctl *ctl, uint64_t cut,
		       const struct ipacct_ledger_mask masks[2])
{
	bool masked = masks[0].digest || masks[1].digest;
	struct ipacct_table other;
	int ret = 0;

	ipacct_table_reset(&reader->masked);
	reader->masked.seed = ctl->seed;
	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++) {
		if (!ipacct_epoch_pending(ctl, number, cut))
			continue;
		ret = ipacct_epoch_read(&reader->epoch, &reader->maps, number);
		if (!ret && masked)
			ret = epoch_mask(reader, ipacct_mask_of_cut(masks, ctl->cut[number]));
	}
	if (ret || !masked)
		return ret;
	other = reader->epoch.addresses;
	reader->epoch.addresses = reader->masked;
	reader->masked = other;
	return 0;
}

/* Read what is beyond `cut` into reader->epoch. −EAGAIN: a cut came between. */
static int live_read(struct ipacct_reader *reader, uint64_t cut, struct reader_begun *begun,
		     struct ipacct_problem *ret_problem)
{
	struct ipacct_ledger_mask masks[2], masks_after[2];
	struct ipacct_ctl before, after;
	int ret = ipacct_reader_maps(reader, ret_problem);

	if (!ret && !reader->epoch_ready) {
		ret = ipacct_epoch_init(&reader->epoch, false);
		reader->epoch_ready = !ret;
	}
	if (!ret)
		ret = ipacct_reader_ctl(reader, &before);
	if (ret)
		return ret;
	if (before.instance != reader->ledger.header->instance) {
		ipacct_problem_set(ret_problem, "the ledger and the pinned maps do not belong "
						"together yet: start ipacctd once");
		return -EAGAIN;
	}
	ipacct_reader_begun(begun, &before);
	ipacct_epoch_reset(&reader->epoch);
	reader->epoch.addresses.seed = reader->epoch.rollups.seed = before.seed;
	reader->epoch.live = true;
	/* after ctl: what an epoch is masked by is told before it counts */
	ipacct_reader_masks(reader, masks);
	ret = epochs_read(reader, &before, cut, masks);
	if (!ret)
		ret = ipacct_reader_ctl(reader, &after);
	ipacct_reader_masks(reader, masks_after);
	if (!ret &&
	    (memcmp(&before, &after, sizeof(before)) || memcmp(masks, masks_after, sizeof(masks))))
		ret = -EAGAIN;
	return ret;
}

static int snapshot_try(struct ipacct_reader *reader, unsigned int flags, struct tries *tries,
			struct ipacct_snapshot *snapshot, struct ipacct_problem *ret_problem)
{
	const struct ipacct_epoch *epoch = NULL; /* what the maps have beyond the cut */
	size_t n_addresses = 0, n_rollups = 0;
	uint64_t cut;
	int ret;

	ret = ipacct_reader_refresh(reader, ret_problem);
	if (ret)
		return ret;
	snapshot->read_time_ns = ipacct_clock_ns(CLOCK_REALTIME);
	cut = __atomic_load_n(&reader->ledger.header->cut, __ATOMIC_ACQUIRE);
	/* overtaken by a cut: that cut has all that was counted when we began, and is at rest */
	if (flags & IPACCT_SNAPSHOT_LIVE && !ipacct_reader_overtaken(reader, &tries->begun, cut)) {
		ret = live_read(reader, cut, &tries->begun, ret_problem);
		if (ret)
			return ret;
		epoch = &reader->epoch;
		n_addresses = epoch->addresses.n_entries;
		n_rollups = epoch->rollups.n_entries;
	}
	ret = ledger_copy(&reader->ledger, cut, tries, snapshot);
	if (!ret && flags & IPACCT_SNAPSHOT_GROUPS)
		ret = ipacct_groups_copy(reader, snapshot, ret_problem);
	if (ret)
		return ret;
	/* versions of cut H are overwritten only after H + 1 was committed: unmoved means whole */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&reader->ledger.header->cut, __ATOMIC_RELAXED) != cut ||
	    ipacct_reader_moved(reader))
		return -EAGAIN;
	ret = entries_take(tries, n_addresses, n_rollups, snapshot);
	if (!ret && flags & IPACCT_SNAPSHOT_GROUPS)
		ret = ipacct_groups_join(reader, epoch, snapshot);
	if (ret)
		return ret;
	ipacct_snapshot_conservation(snapshot, &snapshot->conservation);
	snapshot->live = flags & IPACCT_SNAPSHOT_LIVE;
	return epoch ? live_merge(snapshot, epoch) : 0;
}

int ipacct_snapshot_read(struct ipacct_reader *reader, unsigned int flags,
			 struct ipacct_snapshot **ret_snapshot, struct ipacct_problem *ret_problem)
{
	struct ipacct_snapshot *snapshot;
	struct tries tries = {};
	int ret = -EAGAIN;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	for (int i = 0; i < SNAPSHOT_TRIES && ret == -EAGAIN; i++) {
		snapshot = calloc(1, sizeof(*snapshot));
		ret = snapshot ? snapshot_try(reader, flags, &tries, snapshot, ret_problem)
			       : -ENOMEM;
		if (ret)
			ipacct_snapshot_destroy(snapshot);
	}
	tries_finish(&tries);
	if (ret)
		return ret;
	*ret_snapshot = snapshot;
	return 0;
}
