/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers that never stop while a full ledger folds: each snapshot is one cut, whole. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "fold_model.h"
#include "ipacct/ipacct.h"

#define N_READERS   2
#define N_ADDRESSES 200u
#define N_SNAPSHOTS 20000u /* of each reader */
#define DEADLINE_S  60

struct progress {
	uint64_t n_snapshots[N_READERS];
	bool stop;
};

static struct bench bench;
static struct model model;
static struct progress *progress;

/* An address that keeps its record never falls. */
static bool grew(const struct ipacct_entry *entry, struct ipacct_entry *last)
{
	struct ipacct_entry *before = &last[model_number(&entry->key)];
	bool good = entry->first_seen_ns > before->first_seen_ns ||
		    (entry->first_seen_ns == before->first_seen_ns &&
		     entry->counters.tx_packets >= before->counters.tx_packets &&
		     entry->counters.rx_l3_bytes >= before->counters.rx_l3_bytes);

	*before = *entry;
	return good;
}

static const char *snapshot_fault(const struct ipacct_snapshot *snapshot, struct ipacct_entry *last)
{
	static uint64_t last_cut, last_seen;
	bool present[MODEL_KEYS] = {};
	uint64_t seen = snapshot->n_interfaces ? snapshot->interfaces[0].totals.seen.packets : 0;

	if (snapshot->conservation.error_packets || snapshot->conservation.error_l3_bytes)
		return "the sums do not close";
	if (snapshot->cut < last_cut || seen < last_seen)
		return "time goes backwards";
	last_cut = snapshot->cut;
	last_seen = seen;
	for (size_t i = 0; i < snapshot->n_addresses; i++) {
		const struct ipacct_entry *entry = &snapshot->addresses[i];
		uint32_t number = model_number(&entry->key);
		struct ipacct_key key = model_key(number % MODEL_KEYS);

		if (memcmp(&entry->key, &key, sizeof(key)))
			return "a key nobody used";
		if (present[number])
			return "a key twice";
		if (!grew(entry, last))
			return "an address fell";
		present[number] = true;
	}
	return NULL;
}

static int reader_run(int me)
{
	struct ipacct_entry last[MODEL_KEYS] = {};
	struct ipacct_reader *reader;

	/* a runner that loses patience ends only its own child */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    ipacct_reader_open(bench.dir, "/nonexistent", &reader, NULL))
		return 1;
	while (!__atomic_load_n(&progress->stop, __ATOMIC_ACQUIRE)) {
		struct ipacct_snapshot *snapshot;
		int ret = ipacct_snapshot_read(reader, 0, &snapshot, NULL);
		const char *fault;

		if (ret == -EAGAIN)
			continue; /* cuts came too fast, 64 times over */
		fault = ret ? strerror(-ret) : snapshot_fault(snapshot, last);
		if (fault) {
			(void)fprintf(stderr, "reader %d, snapshot %lu: %s\n", me,
				      (unsigned long)progress->n_snapshots[me], fault);
			__atomic_store_n(&progress->stop, true, __ATOMIC_RELEASE);
			return 1;
		}
		ipacct_snapshot_destroy(snapshot);
		__atomic_fetch_add(&progress->n_snapshots[me], 1, __ATOMIC_RELEASE);
	}
	ipacct_reader_close(reader);
	return 0;
}

static bool readers_done(void)
{
	if (__atomic_load_n(&progress->stop, __ATOMIC_ACQUIRE))
		return true;
	for (int i = 0; i < N_READERS; i++)
		if (__atomic_load_n(&progress->n_snapshots[i], __ATOMIC_ACQUIRE) < N_SNAPSHOTS)
			return false;
	return true;
}

Test(fold_readers, see_every_count_exactly_once, .timeout = DEADLINE_S + 30)
{
	time_t deadline = time(NULL) + DEADLINE_S;
	pid_t pid[N_READERS];

	bench_init_sized(&bench, N_ADDRESSES, MODEL_ROLLUPS);
	model_init(&model, &bench, 20261123);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	cr_assert_neq(progress, MAP_FAILED);
	for (int i = 0; i < N_READERS; i++) {
		pid[i] = fork();
		cr_assert_geq(pid[i], 0);
		if (!pid[i])
			_exit(reader_run(i));
	}
	while (!readers_done() && time(NULL) < deadline) {
		model_traffic(&model, (uint32_t)model.cut, 150, 100);
		apply(&bench, ++model.cut);
	}
	__atomic_store_n(&progress->stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < N_READERS; i++) {
		int status;

		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_expect(WIFEXITED(status) && !WEXITSTATUS(status), "reader %d", i);
		cr_expect_geq(progress->n_snapshots[i], N_SNAPSHOTS);
	}
	cr_expect_gt(bench.publisher.ledger.header->version[0].folded_records, model.cut / 2);
	model_finish(&model);
	bench_finish(&bench);
}
