/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emptying an epoch that has more keys than one call deletes. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "calls.h"
#include "stage.h"

#define LRU_ENTRIES 32768u
#define N_PACKETS   5000u /* two addresses each: more than CLEAR_BATCH keys (daemon/clear.c) */
#define N_CALLS_MAX 200u

static struct stage stage;
static uint64_t sent;

static void setup(void)
{
	struct stage_setup setup = { .memory_bytes = 48 << 20, .lru_entries = LRU_ENTRIES };

	stage_pin_to(0); /* one partition */
	stage_open_setup(&stage, &setup);
	sent = 0;
}

static void teardown(void)
{
	if (stage.dir[0])
		stage_close(&stage);
}

TestSuite(cut_clear, .init = setup, .fini = teardown, .timeout = 240);

static void send_all(void)
{
	for (uint32_t i = 0; i < N_PACKETS; i++)
		stage_send(&stage, 0x0a000000 + i, 0x0b000000 + i);
	sent += N_PACKETS;
}

static uint64_t committed(void)
{
	return publisher_cut(&stage.cutter.publisher);
}

static void expect_exact(unsigned int at)
{
	struct ipacct_snapshot *snapshot = stage_snapshot(&stage);

	cr_assert_eq(snapshot->interfaces[0].totals.seen.packets, sent, "call %u", at);
	cr_assert_eq(snapshot->conservation.error_packets, 0, "call %u", at);
	cr_assert_eq(snapshot->conservation.error_l3_bytes, 0, "call %u", at);
	for (size_t i = 0; i < snapshot->n_addresses; i++)
		cr_assert_eq(snapshot->addresses[i].counters.tx_packets +
				     snapshot->addresses[i].counters.rx_packets,
			     sent / N_PACKETS, "call %u", at);
	cr_assert_eq(snapshot->n_addresses, 2 * N_PACKETS, "call %u", at);
	ipacct_snapshot_destroy(snapshot);
}

static void expect_empty(unsigned int at)
{
	struct ipacct_key key;

	for (uint32_t i = 0; i < IPACCT_EPOCHS * stage.maps.meta.n_parts; i++)
		cr_assert_eq(bpf_map_get_next_key(stage.maps.lru_fds[i], NULL, &key), -ENOENT,
			     "call %u: a key is left", at);
}

/* What is in the ledger and was deleted in part is neither counted twice nor left behind. */
Test(cut_clear, whichever_call_fails)
{
	unsigned int n_clearing = 0, at = 1;
	bool failed = true;

	for (; at < N_CALLS_MAX && failed; at++) {
		uint64_t before = committed();
		int ret;

		send_all();
		calls_fail(CALLS_BPF, at, EIO);
		ret = cutter_cut(&stage.cutter);
		failed = calls_end();
		cr_assert_eq(ret, failed ? -EIO : 0, "call %u: %d", at, ret);
		n_clearing += ret && committed() > before;
		stage_cut(&stage);
		expect_exact(at);
		expect_empty(at);
	}
	cr_assert(at > 5 && at < N_CALLS_MAX, "%u calls", at);
	cr_assert_geq(n_clearing, 3, "two calls delete the keys, one the totals: not %u",
		      n_clearing);
}

/* Somebody else deletes some of the keys, too. */
struct thief {
	uint64_t before;
	uint32_t number; /* of the epoch */
	bool was_here;
};

static void steal(void *context)
{
	const struct ipacct_epoch *epoch = &stage.cutter.epoch;
	struct thief *thief = context;

	if (committed() == thief->before)
		return;
	for (uint32_t part = 0; part < epoch->n_keys; part++) {
		const struct ipacct_key_list *list = &epoch->keys[part];
		const size_t at[] = { 0, 1, list->n_keys / 2, list->n_keys - 1 };
		int map_fd = stage.maps.lru_fds[IPACCT_EPOCHS * part + thief->number];

		for (size_t i = 0; list->n_keys && i < sizeof(at) / sizeof(at[0]); i++)
			cr_assert_eq(bpf_map_delete_elem(map_fd, &list->keys[at[i]]), 0);
		thief->was_here |= list->n_keys > 0;
	}
}

Test(cut_clear, keys_that_are_gone_already)
{
	struct thief thief = {};
	unsigned int at = 1;

	for (; at < N_CALLS_MAX && !thief.was_here; at++) {
		thief.before = committed();
		thief.number = stage.maps.ctl->epoch & 1;
		send_all();
		calls_between(at, steal, &thief); /* the first call behind the commit */
		stage_cut(&stage);
		cr_assert(calls_end());
		expect_exact(at);
	}
	cr_assert(thief.was_here, "%u calls", at);
	expect_empty(at);
	for (int i = 0; i < 2; i++) { /* either epoch */
		send_all();
		stage_cut(&stage);
		expect_exact(at);
	}
}
