/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follow the ledger from cut to cut: one walk over it, and memory of what each record had.
 *
 * Nothing is remembered before the walk is known to be of one cut, so a walk that lost a race against
 * the collector is simply made again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "delta.h"
#include "reader.h"

#define FOLLOW_TRIES 64  /* as of a snapshot */
#define ROOM_MIN     256 /* entries to begin with */

/* What a record had at the last step. */
struct memory {
	struct ipacct_key key;
	uint8_t prefix_len;
	uint8_t reserved[3];
	uint64_t first_seen_ns; /* 0: it had none */
	struct ipacct_counters counters;
};
_Static_assert(sizeof(struct memory) == 64, "as ipacct.h says");

/* Entries that moved, and what they ever had. */
struct moved {
	struct ipacct_entry *entries;
	struct ipacct_counters *totals;
	size_t n;
	size_t n_room;
};

struct ipacct_follow {
	struct ipacct_reader *reader;
	ino_t inode; /* of the file that is remembered; the next one may place keys otherwise */
	dev_t device;
	uint64_t instance;
	uint64_t cut; /* of the last step */
	uint64_t cut_time_ns;
	bool begun;
	struct memory *addresses;
	size_t n_addresses_room;
	struct ipacct_counters *rollups;
	size_t n_rollups_room;
	uint32_t *folded; /* records whose memory belongs to their prefix now */
	size_t n_folded;
	size_t n_folded_room;
	struct ipacct_table prefixes; /* of the roll-ups, where something was folded */
	struct moved moved_addresses;
	struct moved moved_rollups;                       /* all of them while they are read */
	struct ipacct_interface_totals *interfaces;       /* now, IPACCT_IFS_MAX of them, … */
	struct ipacct_interface_totals *interfaces_was;   /* … at the last step, … */
	struct ipacct_interface_totals *interfaces_delta; /* … and between */
	size_t n_interfaces_was;
	struct ipacct_conservation conservation; /* of the last step, … */
	size_t n_addresses;                      /* … and its sum over addresses is of so many */
	struct ipacct_moves moves;
};

int ipacct_follow_open(struct ipacct_reader *reader, struct ipacct_follow **ret_follow)
{
	struct ipacct_follow *follow = calloc(1, sizeof(*follow));

	if (!follow)
		return -ENOMEM;
	follow->reader = reader;
	follow->interfaces = calloc(IPACCT_IFS_MAX, sizeof(*follow->interfaces));
	follow->interfaces_was = calloc(IPACCT_IFS_MAX, sizeof(*follow->interfaces));
	follow->interfaces_delta = calloc(IPACCT_IFS_MAX, sizeof(*follow->interfaces));
	if (!follow->interfaces || !follow->interfaces_was || !follow->interfaces_delta) {
		ipacct_follow_close(follow);
		return -ENOMEM;
	}
	*ret_follow = follow;
	return 0;
}

void ipacct_follow_close(struct ipacct_follow *follow)
{
	if (!follow)
		return;
	free(follow->addresses);
	free(follow->rollups);
	free(follow->folded);
	free(follow->moved_addresses.entries);
	free(follow->moved_addresses.totals);
	free(follow->moved_rollups.entries);
	free(follow->moved_rollups.totals);
	free(follow->interfaces);
	free(follow->interfaces_was);
	free(follow->interfaces_delta);
	ipacct_table_finish(&follow->prefixes);
	free(follow);
}

/* Make room for n elements, what is new zeroed. */
static int room(void *array, size_t element_bytes, size_t n, size_t *n_room)
{
	size_t more = *n_room ? *n_room : ROOM_MIN;
	int ret;

	if (n <= *n_room)
		return 0;
	while (more < n)
		more += more / 2;
	ret = array_resize(array, element_bytes, more);
	if (ret)
		return ret;
	memset(*(char **)array + *n_room * element_bytes, 0, (more - *n_room) * element_bytes);
	*n_room = more;
	return 0;
}

static int moved_room(struct moved *moved)
{
	size_t n_room = moved->n_room;
	int ret = room(&moved->totals, sizeof(*moved->totals), moved->n + 1, &n_room);

	if (!ret)
		ret = room(&moved->entries, sizeof(*moved->entries), moved->n + 1, &moved->n_room);
	return ret;
}

static int moved_add(struct moved *moved, const struct ipacct_ledger_record *record,
		     uint32_t ledger_index, const struct ipacct_ledger_version *version,
		     const struct ipacct_counters *was)
{
	int ret = moved->n < moved->n_room ? 0 : moved_room(moved);

	if (ret)
		return ret;
	moved->totals[moved->n] = version->counters;
	moved->entries[moved->n++] = (struct ipacct_entry){
		.key = record->key,
		.prefix_len = record->prefix_len,
		.counters = ipacct_counters_minus(&version->counters, was),
		.first_seen_ns = record->first_seen_ns,
		.last_seen_ns = version->last_seen_ns,
		.ledger_index = ledger_index,
	};
	return 0;
}

static const struct ipacct_ledger_version *newest(const struct ipacct_ledger_record *record,
						  uint64_t cut)
{
	int at = IPACCT_VERSION_READ(record->version, cut);

	return at < 0 ? NULL : &record->version[at];
}

static int folded_add(struct ipacct_follow *follow, uint32_t index)
{
	int ret = room(&follow->folded, sizeof(*follow->folded), follow->n_folded + 1,
		       &follow->n_folded_room);

	if (!ret)
		follow->folded[follow->n_folded++] = index;
	return ret;
}

/* A record that moved since the last step. */
static int address_moved(struct ipacct_follow *follow, uint32_t index,
			 const struct ipacct_ledger_record *record,
			 const struct ipacct_ledger_version *version)
{
	static const struct ipacct_counters nothing;
	const struct memory *was = &follow->addresses[index];
	bool goes_on = version->last_seen_ns && was->first_seen_ns == record->first_seen_ns &&
		       was->prefix_len == record->prefix_len &&
		       memcmp(&was->key, &record->key, sizeof(was->key)) == 0;
	int ret = 0;

	if (was->first_seen_ns && !goes_on)
		ret = folded_add(follow, index);
	if (ret || !version->last_seen_ns)
		return ret;
	return moved_add(&follow->moved_addresses, record, index, version,
			 goes_on ? &was->counters : &nothing);
}

static int addresses_walk(struct ipacct_follow *follow, uint64_t cut, struct ipacct_counters *sums)
{
	const struct ipacct_ledger *ledger = &follow->reader->ledger;
	uint32_t n = ipacct_ledger_used(&ledger->header->n_addresses, ledger->n_addresses_max);
	int ret =
		room(&follow->addresses, sizeof(*follow->addresses), n, &follow->n_addresses_room);

	follow->moves.n_addresses = 0;
	follow->moved_addresses.n = follow->n_folded = 0;
	for (uint32_t i = 0; i < n && !ret; i++) {
		const struct ipacct_ledger_record *record = &ledger->addresses[i];
		const struct ipacct_ledger_version *version = newest(record, cut);

		if (ipacct_ledger_overtaken(ledger, i, cut))
			return -EAGAIN;
		if (!version)
			continue;
		if (version->last_seen_ns) {
			ipacct_counters_add(sums, &version->counters);
			follow->moves.n_addresses++;
		}
		if (version->cut > follow->cut || !follow->begun)
			ret = address_moved(follow, i, record, version);
	}
	return ret;
}

/* All of them: what folded addresses had must be found among those that did not move, too. */
static int rollups_walk(struct ipacct_follow *follow, uint64_t cut, struct ipacct_counters *sums)
{
	const struct ipacct_ledger *ledger = &follow->reader->ledger;
	uint32_t n = ipacct_ledger_used(&ledger->header->n_rollups, ledger->n_rollups_max);
	struct moved *moved = &follow->moved_rollups;
	int ret = room(&follow->rollups, sizeof(*follow->rollups), n, &follow->n_rollups_room);

	moved->n = 0;
	for (uint32_t i = 0; i < n && !ret; i++) {
		const struct ipacct_ledger_record *record = &ledger->rollups[i];
		const struct ipacct_ledger_version *version = newest(record, cut);

		if (ipacct_ledger_overtaken(ledger, i, cut))
			return -EAGAIN;
		if (!version || !version->last_seen_ns)
			continue;
		ipacct_counters_add(sums, &version->counters);
		/* the number finds its memory; that of addresses means nothing for a prefix */
		ret = moved_add(moved, record, i, version, &follow->rollups[i]);
	}
	return ret;
}

static int folds_take(struct ipacct_follow *follow)
{
	struct moved *moved = &follow->moved_rollups;
	int ret = 0;

	if (!follow->n_folded)
		return 0;
	ipacct_table_reset(&follow->prefixes);
	follow->prefixes.seed = follow->instance;
	for (size_t i = 0; i < moved->n && !ret; i++)
		ret = ipacct_table_add(&follow->prefixes, &moved->entries[i].key,
				       moved->entries[i].prefix_len, &moved->totals[i]);
	for (size_t i = 0; i < follow->n_folded && !ret; i++) {
		const struct memory *was = &follow->addresses[follow->folded[i]];

		ipacct_delta_folded(moved->entries, &follow->prefixes, &was->key, was->counters);
	}
	return ret;
}

/* The walk was of one cut: what it saw is what there was, at the next step. */
static void remember(struct ipacct_follow *follow)
{
	struct moved *addresses = &follow->moved_addresses, *rollups = &follow->moved_rollups;
	size_t n = 0;

	for (size_t i = 0; i < follow->n_folded; i++)
		follow->addresses[follow->folded[i]].first_seen_ns = 0;
	for (size_t i = 0; i < addresses->n; i++)
		follow->addresses[addresses->entries[i].ledger_index] = (struct memory){
			.key = addresses->entries[i].key,
			.prefix_len = addresses->entries[i].prefix_len,
			.first_seen_ns = addresses->entries[i].first_seen_ns,
			.counters = addresses->totals[i],
		};
	for (size_t i = 0; i < rollups->n; i++) {
		follow->rollups[rollups->entries[i].ledger_index] = rollups->totals[i];
		rollups->entries[i].ledger_index = IPACCT_INDEX_NONE;
		if (!ipacct_counters_moved(&rollups->entries[i].counters))
			continue;
		rollups->entries[n] = rollups->entries[i];
		rollups->totals[n++] = rollups->totals[i];
	}
	rollups->n = n;
}

static void interfaces_step(struct ipacct_follow *follow, bool first)
{
	struct ipacct_snapshot *delta = &follow->moves.delta;
	size_t n = first ? 0 : follow->n_interfaces_was;

	memcpy(follow->interfaces_delta, follow->interfaces,
	       delta->n_interfaces * sizeof(*follow->interfaces));
	for (size_t i = 0; i < delta->n_interfaces; i++)
		for (size_t k = 0; k < n; k++)
			if (follow->interfaces_was[k].slot == follow->interfaces[i].slot)
				ipacct_totals_minus(&follow->interfaces_delta[i].totals,
						    &follow->interfaces_was[k].totals);
	memcpy(follow->interfaces_was, follow->interfaces,
	       delta->n_interfaces * sizeof(*follow->interfaces));
	follow->n_interfaces_was = delta->n_interfaces;
}

/* Forget everything when the counters are not those that are remembered. */
static void begin_anew(struct ipacct_follow *follow, uint64_t cut)
{
	const struct ipacct_ledger *ledger = &follow->reader->ledger;

	if (follow->begun && follow->inode == ledger->inode && follow->device == ledger->device &&
	    follow->instance == ledger->header->instance && cut >= follow->cut)
		return;
	if (follow->addresses)
		memset(follow->addresses, 0, follow->n_addresses_room * sizeof(*follow->addresses));
	if (follow->rollups)
		memset(follow->rollups, 0, follow->n_rollups_room * sizeof(*follow->rollups));
	follow->begun = false;
	follow->inode = ledger->inode;
	follow->device = ledger->device;
	follow->instance = ledger->header->instance;
	follow->cut = 0;
}

static void conservation(struct ipacct_snapshot *delta, const struct ipacct_counters *sums,
			 const struct ipacct_interface_totals *interfaces)
{
	struct ipacct_conservation error = {};
	uint64_t packets = 0, l3_bytes = 0;

	for (size_t i = 0; i < delta->n_interfaces; i++) {
		const struct ipacct_totals *totals = &interfaces[i].totals;

		ipacct_totals_error(totals, &error);
		packets += totals->accounted.packets;
		l3_bytes += totals->ipv4.l3_bytes + totals->ipv6.l3_bytes;
	}
	ipacct_sums_error(sums, packets, l3_bytes, &error);
	delta->conservation = error;
}

static uint64_t covered(const struct ipacct_follow *follow, const struct ipacct_snapshot *now)
{
	if (!follow->begun || now->cut == follow->cut || now->cut_time_ns <= follow->cut_time_ns)
		return 0; /* the clock was set back: no rate can be said of that step */
	return now->cut_time_ns - follow->cut_time_ns;
}

static void finish(struct ipacct_follow *follow)
{
	struct ipacct_moves *moves = &follow->moves;
	struct ipacct_snapshot *delta = &moves->delta;

	moves->first = !follow->begun;
	moves->covered_ns = covered(follow, delta);
	interfaces_step(follow, moves->first);
	remember(follow);
	moves->interfaces = follow->interfaces;
	moves->address_totals = follow->moved_addresses.totals;
	moves->rollup_totals = follow->moved_rollups.totals;
	delta->interfaces = follow->interfaces_delta;
	delta->addresses = follow->moved_addresses.entries;
	delta->n_addresses = moves->first ? 0 : follow->moved_addresses.n;
	delta->rollups = follow->moved_rollups.entries;
	delta->n_rollups = moves->first ? 0 : follow->moved_rollups.n;
	if (moves->first)
		memset(follow->interfaces_delta, 0,
		       IPACCT_IFS_MAX * sizeof(*follow->interfaces_delta));
	follow->begun = true;
	follow->cut = delta->cut;
	follow->cut_time_ns = delta->cut_time_ns;
}

static int walk(struct ipacct_follow *follow, uint64_t cut)
{
	struct ipacct_counters sums = {};
	int ret = addresses_walk(follow, cut, &sums);

	if (!ret)
		ret = rollups_walk(follow, cut, &sums);
	if (!ret)
		ret = folds_take(follow);
	if (!ret)
		conservation(&follow->moves.delta, &sums, follow->interfaces);
	return ret;
}

/* The cut of the last step: who waits for the next one may ask often, and a million records are long. */
static int no_walk(struct ipacct_follow *follow)
{
	follow->moved_addresses.n = follow->moved_rollups.n = follow->n_folded = 0;
	follow->moves.n_addresses = follow->n_addresses;
	follow->moves.delta.conservation = follow->conservation;
	return 0;
}

static int step_try(struct ipacct_follow *follow, struct ipacct_problem *ret_problem)
{
	struct ipacct_reader *reader = follow->reader;
	struct ipacct_snapshot *delta = &follow->moves.delta;
	uint64_t cut;
	int ret = ipacct_reader_refresh(reader, ret_problem);

	if (ret)
		return ret;
	cut = __atomic_load_n(&reader->ledger.header->cut, __ATOMIC_ACQUIRE);
	begin_anew(follow, cut);
	*delta = (struct ipacct_snapshot){ .interfaces = follow->interfaces,
					   .read_time_ns = ipacct_clock_ns(CLOCK_REALTIME) };
	ipacct_snapshot_head(&reader->ledger, cut, delta);
	ret = follow->begun && cut == follow->cut ? no_walk(follow) : walk(follow, cut);
	if (ret)
		return ret;
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* as of a snapshot */
	if (__atomic_load_n(&reader->ledger.header->cut, __ATOMIC_RELAXED) != cut ||
	    ipacct_reader_moved(reader))
		return -EAGAIN;
	follow->conservation = delta->conservation;
	follow->n_addresses = follow->moves.n_addresses;
	finish(follow);
	return 0;
}

int ipacct_follow_step(struct ipacct_follow *follow, const struct ipacct_moves **ret_moves,
		       struct ipacct_problem *ret_problem)
{
	int ret = -EAGAIN;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	for (int i = 0; i < FOLLOW_TRIES && ret == -EAGAIN; i++)
		ret = step_try(follow, ret_problem);
	if (!ret)
		*ret_moves = &follow->moves;
	return ret;
}
