/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counting path without an interface. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "cut.h"
#include "engine.h"
#include "ledger_file.h"
#include "log.h"
#include "maps_make.h"
#include "reader.h"

#define SLOT               0u
#define HOT4_SETS          2048u /* a sixteenth of ipacctd's by default on two CPUs; see below */
#define HOT6_SETS          1024u
#define CPU_RESERVE        128u                             /* as in maps_make.c */
#define BUDGET             (4u * IPACCT_ENGINE_CUT_PACKETS) /* see below */
#define ADDRESSES_AT_FIRST 131072u
#define ROLLUPS_MAX        (2u * IPACCT_DOMAINS_MAX + 8192u)

/* Every address keeps a record of its own in every epoch, whatever the capture holds: a packet inserts
 * two records into the LRU tier at most (each of its addresses one: itself, or a line that it
 * displaced from the hot tier), and strangers are sent there as long as half of the budget is left. So
 * a cut after a quarter of the budget comes before anything can be rolled up, and where cuts fall
 * depends on nothing but the number of packets: the same capture gives the same output.
 *
 * An interval of ipacctd has many more packets than fit between two cuts here. The hot tier is smaller
 * in proportion, so that captures with many addresses displace its lines as live traffic does. */
_Static_assert(IPACCT_HOT4_WAYS *HOT4_SETS <= IPACCT_ENGINE_CUT_PACKETS, "a flood fills it");
_Static_assert(2u * IPACCT_ENGINE_CUT_PACKETS <= BUDGET / 2, "a packet inserts two records");

struct ipacct_engine {
	struct ipacct_maps maps;
	struct cutter cutter;
	int ledger_fd;
	int program_fd;
	uint64_t n_addresses_max;
	uint32_t n_uncut; /* packets since the last cut */
	uint64_t first_ns;
	uint64_t time_ns; /* the latest so far */
};

/* The partition of this CPU, and the shared one in its smallest size. */
static int sizes_choose(bool hot, struct sizing *ret_sizing)
{
	struct sizing sizing = {
		.n_parts = 2,
		.lru_entries = BUDGET + CPU_RESERVE,
		.hot4_sets = hot ? HOT4_SETS : 0,
		.hot6_sets = hot ? HOT6_SETS : 0,
		.n_rollups_max = ROLLUPS_MAX,
		.n_addresses_max = ADDRESSES_AT_FIRST,
	};
	int n_cpus = libbpf_num_possible_cpus(), cpu = sched_getcpu();
	cpu_set_t set;

	if (n_cpus < 0 || cpu < 0)
		return n_cpus < 0 ? n_cpus : -errno;
	if (cpu >= (int)CONFIG_CPUS_MAX || cpu >= CPU_SETSIZE)
		return -ERANGE;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	sizing.n_cpus = (uint32_t)n_cpus;
	sizing.own_cpus[cpu / 64] = 1ULL << (cpu % 64);
	sizing.lru_shared = 2 * CPU_RESERVE * sizing.n_cpus;
	if (sizing.lru_shared < SIZING_LRU_ENTRIES_MIN)
		sizing.lru_shared = SIZING_LRU_ENTRIES_MIN;
	*ret_sizing = sizing;
	return 0;
}

static int interface_write(const struct ipacct_engine *engine,
			   const struct ipacct_engine_settings *settings)
{
	const char *name = settings->name;
	struct ipacct_interface interface = {
		.hook = IPACCT_HOOK_XDP,
		.mode = IPACCT_MODE_REPLAY,
		.attach = IPACCT_ATTACH_NONE,
		.state = IPACCT_IF_DETACHED,
		.flags = settings->inner ? IPACCT_IFFLAG_INNER : 0,
	};
	uint32_t slot = SLOT;

	memcpy(interface.ifname, name, strnlen(name, sizeof(interface.ifname) - 1));
	return bpf_map_update_elem(engine->maps.ifs_fd, &slot, &interface, BPF_ANY);
}

static int ledger_make(uint32_t n_addresses_max)
{
	int fd __cleanup(cleanup_fd) = memfd_create("ipacct-ledger", MFD_CLOEXEC);
	int ret = fd < 0 ? -errno : ledger_file_init(fd, ROLLUPS_MAX, n_addresses_max);

	return ret ? ret : take_fd(&fd);
}

static struct ipacct_ledger_header *header_of(const struct ipacct_engine *engine)
{
	return engine->cutter.publisher.ledger.header;
}

static int start(struct ipacct_engine *engine, const struct ipacct_engine_settings *settings,
		 struct ipacct_problem *ret_problem)
{
	struct program_object object = { settings->object, settings->object_bytes };
	const struct program_object *wanted = settings->object ? &object : NULL;
	struct sizing sizing;
	int ret = sizes_choose(settings->hot, &sizing);

	if (!ret)
		ret = maps_make_of(wanted, &sizing, &engine->maps, ret_problem);
	if (!ret)
		ret = interface_write(engine, settings);
	if (!ret)
		ret = ipacct_maps_mmap(&engine->maps);
	if (ret)
		return ret;
	engine->program_fd = program_load_of(wanted, &engine->maps, SLOT, 0, 0,
					     settings->inner ? IPACCT_IFFLAG_INNER : 0);
	if (engine->program_fd < 0) {
		ipacct_problem_set(ret_problem,
				   "the kernel refuses the program: %s (IPACCT_DEBUG=1 shows its "
				   "words)",
				   strerror(-engine->program_fd));
		return engine->program_fd;
	}
	engine->ledger_fd = ledger_make(ADDRESSES_AT_FIRST);
	if (engine->ledger_fd < 0)
		return engine->ledger_fd;
	ret = cutter_init(&engine->cutter, &engine->maps, engine->ledger_fd, ret_problem);
	if (!ret)
		header_of(engine)->instance = engine->maps.ctl->instance; /* made for each other */
	return ret;
}

int ipacct_engine_create(const struct ipacct_engine_settings *settings,
			 struct ipacct_engine **ret_engine, struct ipacct_problem *ret_problem)
{
	struct ipacct_engine *engine = calloc(1, sizeof(*engine));
	int ret;

	if (ret_problem)
		ret_problem->text[0] = '\0';
	if (!engine)
		return -ENOMEM;
	log_libraries_quiet();
	ipacct_maps_init(&engine->maps);
	engine->ledger_fd = engine->program_fd = -1;
	engine->n_addresses_max = settings->n_addresses_max;
	ret = start(engine, settings, ret_problem);
	if (ret) {
		ipacct_engine_destroy(engine);
		return ret;
	}
	*ret_engine = engine;
	return 0;
}

void ipacct_engine_destroy(struct ipacct_engine *engine)
{
	if (!engine)
		return;
	cutter_finish(&engine->cutter);
	ipacct_maps_finish(&engine->maps);
	close_fd(&engine->ledger_fd);
	close_fd(&engine->program_fd);
	free(engine);
}

/* A larger ledger with what this one holds. The cutter begins anew on it, its maps stay. */
static int ledger_grow(struct ipacct_engine *engine, uint32_t n_addresses_max)
{
	int fd __cleanup(cleanup_fd) = ledger_make(n_addresses_max);
	int ret = fd < 0 ? fd : ledger_file_copy(fd, &engine->cutter.publisher.ledger);

	if (ret)
		return ret;
	cutter_finish(&engine->cutter);
	close_fd(&engine->ledger_fd);
	engine->ledger_fd = take_fd(&fd);
	return cutter_init(&engine->cutter, &engine->maps, engine->ledger_fd, NULL);
}

/* Never more than half full after the next cut, so that no address is refused or folded. */
static int ledger_reserve(struct ipacct_engine *engine)
{
	uint64_t wanted =
		2 * ((uint64_t)header_of(engine)->n_addresses + 2 * IPACCT_ENGINE_CUT_PACKETS);
	uint64_t room = header_of(engine)->n_addresses_max;

	if (room >= wanted)
		return 0;
	while (room < wanted)
		room *= 2;
	return room > UINT32_MAX / 2 ? -ENOSPC : ledger_grow(engine, (uint32_t)room);
}

static int cut(struct ipacct_engine *engine, struct ipacct_problem *ret_problem)
{
	int ret = ledger_reserve(engine);

	if (!ret) {
		engine->cutter.time_ns = engine->time_ns;
		header_of(engine)->created_ns = engine->first_ns;
		ret = cutter_cut(&engine->cutter);
	}
	if (ret) {
		ipacct_problem_set(ret_problem, "cannot add the counts to the ledger: %s",
				   strerror(-ret));
		return ret;
	}
	engine->n_uncut = 0;
	if (header_of(engine)->n_addresses <= engine->n_addresses_max)
		return 0;
	ipacct_problem_set(ret_problem, "more than %llu addresses",
			   (unsigned long long)engine->n_addresses_max);
	return -ENOSPC;
}

static int frame_run(const struct ipacct_engine *engine, const void *frame, size_t n_bytes,
		     struct ipacct_problem *ret_problem)
{
	/* repeat: 2 … 10^5 can stall for minutes in some kernels */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)n_bytes,
		    .repeat = 1);

	if (bpf_prog_test_run_opts(engine->program_fd, &opts)) {
		int ret = -errno;

		/* a length above the kernel's limit is EINVAL or ENOMEM, as the kernel likes */
		ipacct_problem_set(
			ret_problem,
			"the kernel's BPF_PROG_TEST_RUN takes no frame of %zu octets: %s", n_bytes,
			strerror(-ret));
		return ret;
	}
	if (opts.retval == XDP_PASS)
		return 0;
	ipacct_problem_set(ret_problem, "the program's verdict is %u, not XDP_PASS", opts.retval);
	return -EBADE;
}

int ipacct_engine_run(struct ipacct_engine *engine, const void *frame, size_t n_bytes,
		      uint64_t time_ns, struct ipacct_problem *ret_problem)
{
	int ret = frame_run(engine, frame, n_bytes, ret_problem);

	if (ret)
		return ret;
	if (!engine->first_ns)
		engine->first_ns = time_ns ? time_ns : 1; /* 0 would be "now" */
	if (engine->time_ns < time_ns || !engine->time_ns)
		engine->time_ns = time_ns ? time_ns : 1;
	if (++engine->n_uncut < IPACCT_ENGINE_CUT_PACKETS)
		return 0;
	return cut(engine, ret_problem);
}

int ipacct_engine_snapshot(struct ipacct_engine *engine, struct ipacct_snapshot **ret_snapshot,
			   struct ipacct_problem *ret_problem)
{
	struct ipacct_reader *reader;
	int ret = 0;

	/* without a packet too: an interface that saw nothing is a result */
	if (engine->n_uncut || !header_of(engine)->cut)
		ret = cut(engine, ret_problem);
	if (!ret)
		ret = ipacct_reader_of_ledger(engine->ledger_fd, &reader, ret_problem);
	if (ret)
		return ret;
	ret = ipacct_snapshot_read(reader, 0, ret_snapshot, ret_problem);
	ipacct_reader_close(reader);
	return ret;
}

const void *ipacct_engine_object(size_t *ret_bytes)
{
	struct program_object object;

	program_object_built_in(&object);
	*ret_bytes = object.elf_bytes;
	return object.elf;
}
