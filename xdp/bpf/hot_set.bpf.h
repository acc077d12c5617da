/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hot tier of one family. Included once for each, with
 *	HOT(name)    the family's function name
 *	HOT_LINE, HOT_SET, HOT_WAYS, HOT_MAP
 *	HOT_SETS     how many sets a partition and epoch has, a power of two
 *	HOT_BIT      bit number of this family's first set in ipacct_hotmap
 *	HOT_WANTED   what a line is compared with: the key, or what was made of it
 * and HOT(wanted), HOT(is), HOT(key_write), HOT(key_read), HOT(hash). Only partitions of one CPU have it. */

/* The number of sets is kept in 64 bits: the verifier remembers that it is a constant when such a
 * variable is spilled to the stack, but not always for one of 32 bits. */

/* All sets of this partition and epoch. Without the tier NULL, so that the verifier of 6.1, which looks
 * at functions that nobody calls too, sees no table without bounds. */
static __always_inline void *HOT(table)(__u32 index)
{
	__u32 at = index - IPACCT_EPOCHS;

	return HOT_SETS ? bpf_map_lookup_elem(&HOT_MAP, &at) : NULL;
}

/* Line numbers in the table. */
static __always_inline __u32 HOT(home)(__u64 hash, __u64 sets)
{
	return hot_home(hash, sets * HOT_WAYS);
}

static __always_inline __u32 HOT(away)(__u64 hash, __u64 sets)
{
	return hot_away(hash, sets * HOT_WAYS);
}

/* The same in octets, with HOT(mask) of the number of sets: nothing is multiplied. */
#define HOT_SHIFT (32 - __builtin_ctz(sizeof(HOT_LINE)))

static __always_inline __u64 HOT(mask)(__u64 sets)
{
	return sets * IPACCT_HOT_SET_BYTES - sizeof(HOT_LINE);
}

/* The line where a key is at home. */
static __always_inline HOT_LINE *HOT(at_home)(__u8 *table, __u64 mask, __u64 hash)
{
	return (HOT_LINE *)(table + (hash >> HOT_SHIFT & mask));
}

/* The other places of a key: beside home, away and beside that. They are also where it goes while they are
 * free, so that nearly every key is found by one or two compares, and one that is not there is missed
 * after two cache lines. */
static __always_inline HOT_LINE *HOT(elsewhere)(__u8 *table, __u64 mask, __u64 hash,
						HOT_WANTED wanted)
{
	__u64 at = (hash >> HOT_SHIFT & mask) ^ sizeof(HOT_LINE);

	if (HOT(is)((HOT_LINE *)(table + at), wanted))
		return (HOT_LINE *)(table + at);
	at = hot_away_bits(hash) * sizeof(HOT_LINE) & mask;
	if (HOT(is)((HOT_LINE *)(table + at), wanted))
		return (HOT_LINE *)(table + at);
	at ^= sizeof(HOT_LINE);
	return HOT(is)((HOT_LINE *)(table + at), wanted) ? (HOT_LINE *)(table + at) : NULL;
}

static __always_inline HOT_LINE *HOT(find_in)(HOT_SET *set, HOT_WANTED wanted)
{
	for (int i = 0; i < (int)HOT_WAYS; i++)
		if (HOT(is)(&set->line[i], wanted))
			return &set->line[i];
	return NULL;
}

/* In one of its places, or, if the line at home says that a key of its own is beyond them, anywhere in
 * both sets: to look there for every new key would be six more cache lines for each forged source. */
static __always_inline HOT_LINE *HOT(find)(HOT_SET *table, __u64 hash, HOT_WANTED wanted)
{
	__u64 sets = HOT_SETS, mask = HOT(mask)(sets);
	HOT_LINE *home = HOT(at_home)((__u8 *)table, mask, hash), *line = home;

	if (!HOT(is)(home, wanted))
		line = HOT(elsewhere)((__u8 *)table, mask, hash, wanted);
	if (line || !(home->flags & IPACCT_HOT_BEYOND))
		return line;
	line = HOT(find_in)(&table[HOT(home)(hash, sets) / HOT_WAYS], wanted);
	return line ? line : HOT(find_in)(&table[HOT(away)(hash, sets) / HOT_WAYS], wanted);
}

/* One packet of a stranger who has not come back, and that may go to its prefix. */
static __always_inline bool HOT(is_single)(const HOT_LINE *line)
{
	return line->tx_packets + line->rx_packets == 1 && !(line->flags & IPACCT_HOT_STAYS);
}

static __always_inline const HOT_LINE *HOT(line_of)(const HOT_SET *first, const HOT_SET *second,
						    __u32 number)
{
	return number < HOT_WAYS ? &first->line[number & (HOT_WAYS - 1)]
				 : &second->line[number & (HOT_WAYS - 1)];
}

/* Place number n of a key, 0 … 3, as a line of both sets: its number, those of the second set after those
 * of the first. */
static __always_inline __u32 HOT(place)(__u32 n, __u32 home, __u32 away)
{
	return n < 2 ? (home ^ n) & (HOT_WAYS - 1) : HOT_WAYS + ((away ^ (n & 1)) & (HOT_WAYS - 1));
}

static __always_inline bool HOT(is_stray)(__u32 number, __u32 home, __u32 away)
{
	return (number ^ (home & (HOT_WAYS - 1))) > 1 &&
	       (number ^ (HOT_WAYS + (away & (HOT_WAYS - 1)))) > 1;
}

/* Choose among the lines of both sets, in this order: a place of the key's that is free; while singles
 * find no room in the LRU tier, a place that has one, because then it makes no difference which; any
 * free line; one cold packet of a stranger; the weakest stranger. Returns the line's number, or −1 when
 * every line is protected. */
__noinline int HOT(victim)(const HOT_SET *first, const HOT_SET *second, __u32 home, __u32 away,
			   bool singles_go)
{
	__u32 least = 0xffffffff;
	int at = -1;

	if (!first || !second)
		return -1;
	for (__u32 n = 0; n < HOT_PLACES; n++)
		if (!HOT(line_of)(first, second, HOT(place)(n, home, away))->flags)
			return HOT(place)(n, home, away);
	for (__u32 n = 0; n < HOT_PLACES && singles_go; n++)
		if (HOT(is_single)(HOT(line_of)(first, second, HOT(place)(n, home, away))))
			return HOT(place)(n, home, away);

	for (int i = 0; i < 2 * (int)HOT_WAYS; i++) {
		const HOT_LINE *line = HOT(line_of)(first, second, (__u32)i);
		__u32 weight = line->tx_packets + line->rx_packets;

		if (!line->flags)
			return i;
		if (line->flags & IPACCT_HOT_PROTECTED)
			continue;
		/* cold with one packet is weakest; a warm key counts double: it has shown that it
		 * comes back */
		weight = line->flags & IPACCT_HOT_WARM ? 2 * weight + 2 : weight;
		if (weight < least) {
			least = weight;
			at = i;
		}
	}
	return at;
}

/* What the line holds and what the record holds change places. Meanwhile the line has no flags, so whoever
 * reads it knows, however long this CPU is held up here (x86; elsewhere the window is a few stores). */
static __always_inline void HOT(swap)(HOT_LINE *line, struct account_record *record, __u16 flags)
{
	struct account_record was = {};

	HOT(key_read)(line, &was.key);
	was.counters.tx_packets = line->tx_packets;
	was.counters.tx_l3_bytes = line->tx_l3_bytes;
	was.counters.rx_packets = line->rx_packets;
	was.counters.rx_l3_bytes = line->rx_l3_bytes;
	line->flags = 0;
	barrier();
	line->tx_packets = record->counters.tx_packets;
	line->tx_l3_bytes = record->counters.tx_l3_bytes;
	line->rx_packets = record->counters.rx_packets;
	line->rx_l3_bytes = record->counters.rx_l3_bytes;
	HOT(key_write)(line, &record->key);
	barrier();
	line->flags = flags;
	*record = was;
}

/* A record whose key is in neither set takes the victim's line, and what that held comes back in its
 * place; or, when all of them are protected, it stays as it is. A single packet of a stranger goes to
 * the LRU tier only while half of its budget is left: so an ordinary crowd stays exact by address,
 * and a flood of new sources costs one roll-up line each and leaves room for what comes back.
 * Returns where the record must go. */
__noinline int HOT(exchange)(struct account_record *record, __u32 index, __u64 hash)
{
	__u64 sets = HOT_SETS;
	__u32 at, at2, part_at = index, flags, home, away;
	HOT_SET *first, *second, *table;
	struct ipacct_part *part;
	int number,
		ret = ACCOUNT_DONE; /* of a free line, or a warm key that did not come this time */
	bool one_packet, singles_go;
	__u16 guarded;
	HOT_LINE *line;
	__u64 *bits;

	if (!record)
		return ACCOUNT_TO_ROLLUP;
	table = HOT(table)(index);
	part = bpf_map_lookup_elem(&ipacct_parts, &part_at);
	if (!table || !part)
		return ACCOUNT_TO_ROLLUP;
	home = HOT(home)(hash, sets);
	away = HOT(away)(hash, sets);
	at = home / HOT_WAYS;
	at2 = away / HOT_WAYS;
	first = &table[at];
	second = &table[at2];
	singles_go = part->lru_inserts >= part->lru_budget / 2;
	number = HOT(victim)(first, second, home, away, singles_go);
	if (number < 0 || number >= 2 * (int)HOT_WAYS)
		return ACCOUNT_TO_LRU; /* as without a hot tier */
	if (number < (int)HOT_WAYS) {
		line = &first->line[number & (HOT_WAYS - 1)];
	} else {
		line = &second->line[number & (HOT_WAYS - 1)];
		at = at2;
	}
	flags = line->flags;
	guarded = guard_flag(&record->key);
	one_packet = HOT(is_single)(line);
	if (line->tx_packets + line->rx_packets && !one_packet && !guarded &&
	    part->lru_inserts >= budget_open(part->lru_budget))
		return ACCOUNT_TO_LRU; /* no room for what the line holds: it stays where it is */
	if (one_packet && singles_go) {
		part->hot_rolled++;
		ret = ACCOUNT_TO_ROLLUP;
	} else if (flags && line->tx_packets | line->rx_packets) {
		part->hot_displaced++;
		ret = ACCOUNT_TO_LRU;
	}
	flags = IPACCT_HOT_USED | guarded | hot_sure(part) | (flags & IPACCT_HOT_BEYOND);
	if (HOT(is_stray)((__u32)number, home, away)) {
		flags |= IPACCT_HOT_STRAY;
		HOT(at_home)((__u8 *)table, HOT(mask)(sets), hash)->flags |= IPACCT_HOT_BEYOND;
	}
	/* told before it is done: who reads meanwhile knows that something may be on its way */
	asm volatile("" ::: "memory");
	HOT(swap)(line, record, flags);
	at += (index - IPACCT_EPOCHS) * sets + HOT_BIT;
	at2 = at / 64;
	bits = bpf_map_lookup_elem(&ipacct_hotmap, &at2);
	if (bits)
		*bits |= 1ULL << (at % 64);
	return ret;
}

/* What the line holds leaves it, and its key stays. */
static __always_inline int HOT(spill)(HOT_LINE *line, struct account_record *record, __u32 index)
{
	struct ipacct_part *part = bpf_map_lookup_elem(&ipacct_parts, &index);

	if (part)
		part->hot_displaced++;
	asm volatile("" ::: "memory"); /* as above */
	HOT(swap)(line, record, line->flags);
	return ACCOUNT_TO_LRU;
}

/* One packet's record: into its line, else as HOT(exchange) says. A line whose 32-bit packet counter
 * is half full gives up what it holds and keeps its key. */
static __always_inline int HOT(account)(struct account_record *record, __u32 index, __u64 seed)
{
	__u64 hash = HOT(hash)(&record->key, seed);
	HOT_WANTED wanted = HOT(wanted)(&record->key);
	HOT_SET *table = HOT(table)(index);
	HOT_LINE *line;

	if (!table || hot_door_keeps(record, index, hash))
		return ACCOUNT_TO_ROLLUP;
	line = HOT(find)(table, hash, wanted);
	if (!line)
		return HOT(exchange)(record, index, hash);
	if ((line->tx_packets | line->rx_packets) >= HOT_PACKETS_FULL)
		return HOT(spill)(line, record, index);
	line->tx_packets += record->counters.tx_packets;
	line->tx_l3_bytes += record->counters.tx_l3_bytes;
	line->rx_packets += record->counters.rx_packets;
	line->rx_l3_bytes += record->counters.rx_l3_bytes;
	return ACCOUNT_DONE;
}

/* One packet of both addresses. Returns whether there was room for it; else nothing is changed. */
static __always_inline bool HOT(add)(HOT_LINE *source, HOT_LINE *destination, __u64 l3_bytes)
{
	__u32 tx_packets = source->tx_packets, rx_packets = destination->rx_packets;

	if ((tx_packets | rx_packets) >= HOT_PACKETS_FULL)
		return false;
	source->tx_packets = tx_packets + 1;
	source->tx_l3_bytes += l3_bytes;
	destination->rx_packets = rx_packets + 1;
	destination->rx_l3_bytes += l3_bytes;
	return true;
}
#undef HOT_SHIFT
