/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counting path without an interface: the program that ipacctd attaches runs on frames that are
 * handed to it (BPF_PROG_TEST_RUN), on maps made as ipacctd makes them, cut and published by its
 * code into a ledger in memory. Nothing is pinned, attached, or seen by a running ipacctd.
 *
 * The implementation is daemon/engine.c: a static library of the daemon's own parts, so that what a
 * replay proves is the product and not a copy of it. */
#ifndef IPACCT_LIB_ENGINE_H
#define IPACCT_LIB_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipacct/ipacct.h"

/* Shorter ones BPF_PROG_TEST_RUN refuses, and no driver hands them to XDP (linux/if_ether.h). */
#define IPACCT_ENGINE_FRAME_BYTES_MIN 14u

/* Cut at least after so many packets: see daemon/engine.c for where it comes from. */
#define IPACCT_ENGINE_CUT_PACKETS 16384u

struct ipacct_engine;

struct ipacct_engine_settings {
	const char *name;         /* of the one interface slot; what does not fit is cut off */
	bool hot;                 /* with the tier of busy addresses, as ipacctd's `hot` */
	bool inner;               /* tunnels count for the addresses inside, as `account: inner` */
	const void *object;       /* BPF object in the place of the built-in one, or NULL */
	size_t object_bytes;      /* must stay where it is as long as the engine is created */
	uint64_t n_addresses_max; /* more of them end the replay with -ENOSPC */
};

/* Load everything; needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and nothing that follows does. Binds the thread
 * to the CPU it runs on: the records of that CPU are the ones that count.
 * Errors: -EPERM no privilege; -EPROTO the object is of another ABI; -errno, with words. */
int ipacct_engine_create(const struct ipacct_engine_settings *settings,
			 struct ipacct_engine **ret_engine, struct ipacct_problem *ret_problem);

/* Accepts NULL. */
void ipacct_engine_destroy(struct ipacct_engine *engine);

/* One frame without FCS. time_ns: when it came, UTC; cuts are stamped with the latest so far.
 * Errors: -EBADE the program did not pass it on; -ENOSPC more addresses than the settings allow;
 * -errno, most often because it is longer than the kernel takes. The words name no packet. */
int ipacct_engine_run(struct ipacct_engine *engine, const void *frame, size_t n_bytes,
		      uint64_t time_ns, struct ipacct_problem *ret_problem);

/* Cut, and everything that was counted since the engine was created.
 * ret_snapshot: owned by the caller, ends with ipacct_snapshot_destroy(). */
int ipacct_engine_snapshot(struct ipacct_engine *engine, struct ipacct_snapshot **ret_snapshot,
			   struct ipacct_problem *ret_problem);

/* The built-in BPF object, as xdp/meson.build made it. Static storage. */
const void *ipacct_engine_object(size_t *ret_bytes);

#endif
