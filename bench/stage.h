/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole ipacct without the daemon: maps, ledger, cutter, and the bench's programs on those maps. */
#ifndef IPACCT_BENCH_STAGE_H
#define IPACCT_BENCH_STAGE_H

#include "bench.h"
#include "ipacct/abi.h"
#include "bench.skel.h"
#include "cut.h"
#include "groups.h"
#include "maps_make.h"
#include "shared.h"

#define MEMORY_DEFAULT (256ULL << 20) /* what the daemon takes on a machine of 4 GiB or more */
#define MEMORY_MILLION (1ULL << 30)   /* a record for each of a million addresses, per CPU */

/* What arrives: see shared.h and generator.bpf.h. */
struct load {
	const char *name;
	int family;       /* 4 or 6 */
	uint32_t sources; /* honest ones */
	uint32_t destinations;
	double zipf; /* 0 = uniform, else the exponent */
	uint32_t flood_sources;
	double flood_share; /* of the packets, 0 … 1 */
	uint32_t guarded;   /* the first so many sources are protected */
	bool honest_count;
	bool uncut; /* all runs in one epoch, instead of an epoch a run */
	bool alone; /* no other family comes by, and `ipv6_share` says so */
};

struct stage_options {
	struct load load;
	uint64_t memory_bytes;
	bool hot;
	bool plain;                     /* make the baselines' maps, of the same memory */
	uint32_t n_plain;               /* so many entries instead, 0 = by memory */
	uint16_t domain;                /* accounting domain of the interface */
	uint16_t flags;                 /* IPACCT_IFFLAG_* of the interface */
	uint32_t n_guards;              /* protected prefixes that match nothing */
	bool guards_near;               /* between the flood's addresses, else far from all */
	const char *groups;             /* text of a list of groups, or NULL */
	void (*size)(struct sizing *s); /* last word on the sizes, or NULL */
};

struct stage {
	struct bench *bench;
	struct ipacct_maps maps;
	struct sizing sizing;
	struct cutter cutter;
	struct groups *groups;
	char dir[64];
	int dir_fd, ledger_fd, prog_fd;
	struct bench_bpf *programs;
	struct load load;
	uint32_t n_plain;
	uint64_t n_sent; /* frames given to the program under test */
};

/* Ends the program when the kernel refuses anything. */
void stage_open(struct stage *stage, struct bench *bench, const struct stage_options *options);
void stage_close(struct stage *stage);

/* A descriptor of one of the programs in bench.bpf.c. */
int stage_program(const struct stage *stage, const char *name);

/* One cut; remembers a failure when it does not close. */
void stage_cut(struct stage *stage);

/* What the ledger holds of what was sent. */
struct held {
	uint64_t own;     /* packets, tx and rx, on the record of their own address */
	uint64_t rolled;  /* on a prefix */
	uint64_t missing; /* of 2 * n_sent + both: 0, or it is a failure, remembered */
};

/* The last cut, then the whole ledger against n_sent: seen, accounted, sums in packets and octets. */
struct held stage_verify(struct stage *stage, const char *case_name);

/* See that the ledger in that directory counts by a list of groups from its next collector on. */
void groups_set(int dir_fd, const char *text);

/* A snapshot of the ledger, owned by the caller. */
struct ipacct_snapshot *stage_snapshot(const struct stage *stage);

/* Sums over the CPUs of bench_state. */
struct bench_state stage_state(const struct stage *stage);

/* Write the address of that number and kind. */
struct ipacct_key stage_key(int family, uint32_t kind, uint32_t number);

/* frames.c: run `repeat` frames through a program on n CPUs at once, each thread pinned to its own.
 * Returns CPU nanoseconds per packet, the mean over the threads: the wall would count what else runs
 * on a shared machine. */
double frames_run(const struct stage *stage, int prog_fd, int n_cpus, uint32_t repeat);

/* The same through the program under test, counted in n_sent. */
double stage_run(struct stage *stage, int n_cpus, uint32_t repeat);
/* One epoch of one CPU: as often as the bench says, then a cut, which is not in the result. */
double stage_cut_run(struct stage *stage);

/* The frame that the load's family begins with. */
void frame_init(int family, uint8_t frame[BENCH_FRAME_BYTES]);

#endif
