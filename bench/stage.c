/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps, ledger, cutter, programs; and the ledger held against what was sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "groups_file.h"
#include "ledger_file.h"
#include "settings.h"
#include "stage.h"
#include "../tests/traffic/gen.h"

/* Of one entry of a preallocated LRU_PERCPU_HASH or PERCPU_HASH in kernel/bpf/hashtab.c: struct
 * htab_elem 48, key 24, pointer 8, bucket 16, and a value for each CPU. */
#define PLAIN_ENTRY_BYTES \
	(96u + sizeof(struct ipacct_counters) * (uint32_t)libbpf_num_possible_cpus())

static void check(const char *what, int ret)
{
	if (ret)
		die(what, ret);
}

struct ipacct_key stage_key(int family, uint32_t kind, uint32_t number)
{
	struct ipacct_key key = {};

	if (family == 4) {
		key.addr_be[2] = htonl(0x0000ffff);
		key.addr_be[3] = htonl((kind << 24) + number);
	} else {
		key.addr_be[0] = htonl(BENCH_IPV6_WORD(kind, number));
		key.addr_be[1] = htonl(kind << 16);
		key.addr_be[3] = htonl(number);
	}
	return key;
}

static void guard_append(struct guard_set *set, const struct ipacct_key *key, uint32_t bits)
{
	struct ipacct_guard_key *guard = &set->keys[set->n++];

	*guard = (struct ipacct_guard_key){ .prefixlen = 16 + bits,
					    .domain_be = htons(key->domain) };
	memcpy(guard->address, key->addr_be, sizeof(guard->address));
}

/* The n prefixes that match nothing. Near: whole addresses with odd numbers, spread among the flood's
 * even ones, so that a look-up walks down to a leaf. Then the prefix of the load's protected sources. */
static void guards_write(const struct stage *stage, const struct stage_options *options)
{
	uint32_t kind = options->guards_near ? BENCH_KIND_FLOOD : BENCH_KIND_APART;
	struct guard_set set = { .keys = calloc(options->n_guards + 1, sizeof(*set.keys)) };
	int family = options->load.family;
	struct ipacct_problem problem = {};
	struct ipacct_key key;

	if (!set.keys)
		die("memory", ENOMEM);
	for (uint32_t i = 0; i < options->n_guards; i++) {
		key = stage_key(family, kind,
				2 * (uint32_t)((uint64_t)i * options->load.flood_sources /
					       options->n_guards) +
					1);
		key.domain = options->domain;
		guard_append(&set, &key, 128);
	}
	if (options->load.guarded) {
		key = stage_key(family, BENCH_KIND_GUARDED, 0);
		key.domain = options->domain;
		guard_append(&set, &key, family == 4 ? 96 + 8 : BENCH_GUARDED_IPV6_BITS);
	}
	if (guard_add(&stage->maps, &(struct guard_set){}, &set, &problem))
		die(problem.text, 0);
	guard_set_finish(&set);
}

static void maps_open(struct stage *stage, const struct stage_options *options)
{
	static struct config config; /* large */
	struct ipacct_interface interface = { .ifname = "bench",
					      .hook = IPACCT_HOOK_XDP,
					      .domain = options->domain };
	struct ipacct_problem problem = {};
	uint32_t slot = 0;
	int ret;

	config_init(&config);
	config.memory_bytes = options->memory_bytes;
	config.hot = options->hot;
	if (options->load.alone)
		config.ipv6_share_ppm = options->load.family == 6 ? SIZING_PPM : 0;
	/* the CPUs that send and no others, so that machines of any size measure the same tables */
	config.receive_cpus_given = true;
	memset(config.receive_cpus, 0, sizeof(config.receive_cpus));
	for (int i = 0; i < stage->bench->n_cpus; i++)
		config.receive_cpus[stage->bench->cpus[i] / 64] |= 1ULL
								   << (stage->bench->cpus[i] % 64);
	ret = sizing_compute(&config, &stage->sizing, &problem);
	if (!ret && options->size)
		options->size(&stage->sizing);
	if (!ret)
		ret = maps_make(&stage->sizing, &stage->maps, &problem);
	if (ret)
		die(problem.text, ret);
	check("interface", bpf_map_update_elem(stage->maps.ifs_fd, &slot, &interface, BPF_ANY));
	check("mmap", ipacct_maps_mmap(&stage->maps));
	if (options->n_guards || options->load.guarded)
		guards_write(stage, options);
	ret = domain_slot(&stage->maps, options->domain);
	if (ret >= 0)
		ret = stage->prog_fd = program_load(&stage->maps, 0, options->domain, (uint32_t)ret,
						    options->flags);
	if (ret < 0)
		die("program under test", ret);
}

static void load_set(struct bench_bpf *programs, const struct load *load)
{
	programs->rodata->cfg_family = (uint32_t)load->family;
	programs->rodata->cfg_sources = load->sources;
	programs->rodata->cfg_destinations = load->destinations;
	programs->rodata->cfg_pairs = load->zipf > 0 ? BENCH_PAIRS : 0;
	programs->rodata->cfg_flood_sources = load->flood_sources;
	programs->rodata->cfg_flood_share =
		load->flood_share >= 1 ? UINT32_MAX : (uint32_t)(load->flood_share * 4294967296.0);
	programs->rodata->cfg_guarded = load->guarded;
	programs->rodata->cfg_honest_count = load->honest_count;
}

/* Ranks to numbers, so that the busy addresses are no neighbours: odd, so a bijection below 2^n. */
static uint32_t scattered(uint32_t rank, uint32_t n)
{
	return rank * 2654435761u & (n - 1); /* Knuth's multiplicative hash */
}

static void pairs_write(const struct bench_bpf *programs, const struct load *load)
{
	size_t bytes = BENCH_PAIRS * sizeof(uint64_t);
	uint64_t *pairs = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			       bpf_map__fd(programs->maps.bench_pairs), 0);
	uint64_t state = 1;
	struct gen_draw draw;

	if (pairs == MAP_FAILED)
		die("mmap of bench_pairs", errno);
	check("draw", gen_draw_init(&draw, load->sources, load->zipf));
	for (uint32_t i = 0; i < BENCH_PAIRS; i++) {
		uint32_t source = gen_draw(&draw, gen_random(&state));
		uint32_t destination = gen_draw(&draw, gen_random(&state));

		pairs[i] = scattered(source, load->sources) |
			   (uint64_t)scattered(destination, load->sources) << 32;
	}
	gen_draw_finish(&draw);
	munmap(pairs, bytes);
}

static void state_write(const struct bench_bpf *programs)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct bench_state *states = calloc((size_t)n_cpus, sizeof(*states));
	uint32_t zero = 0;

	if (!states)
		die("memory", ENOMEM);
	for (int i = 0; i < n_cpus; i++) {
		states[i].random = 88172645463325252ULL + (uint64_t)i; /* Marsaglia's example */
		states[i].cursor = BENCH_PAIRS / (uint64_t)n_cpus * (uint64_t)i;
	}
	check("seed",
	      bpf_map_update_elem(bpf_map__fd(programs->maps.bench_state), &zero, states, 0));
	free(states);
}

/* As many entries as fit into the memory that our maps take. */
static uint32_t plain_entries(const struct stage *stage)
{
	const struct sizing *sizing = &stage->sizing;

	return (uint32_t)((sizing->lru_bytes + sizing->hot_bytes + sizing->roll_bytes) /
			  PLAIN_ENTRY_BYTES);
}

static void programs_open(struct stage *stage, const struct stage_options *options)
{
	struct bench_bpf *programs = bench_bpf__open();
	int ret;

	if (!programs)
		die("open", errno);
	stage->programs = programs;
	ret = settings_copy(stage->prog_fd, programs->obj);
	if (ret <= 0)
		die("settings of the program under test", ret);
	load_set(programs, &options->load);
#define REUSE(member, pin)  \
	check("reuse " pin, \
	      bpf_map__reuse_fd(programs->maps.ipacct_##member, stage->maps.member##_fd));
	IPACCT_MAPS(REUSE)
#undef REUSE
	check("reuse", bpf_map__reuse_fd(programs->maps.data_ctl, stage->maps.ctl_fd));
	if (options->load.zipf > 0)
		check("pairs", bpf_map__set_max_entries(programs->maps.bench_pairs, BENCH_PAIRS));
	if (options->plain) {
		stage->n_plain = options->n_plain ? options->n_plain : plain_entries(stage);
		check("plain map",
		      bpf_map__set_max_entries(programs->maps.bench_lru, stage->n_plain));
		check("plain map",
		      bpf_map__set_max_entries(programs->maps.bench_lru_u32, stage->n_plain));
		check("plain map",
		      bpf_map__set_max_entries(programs->maps.bench_hash, stage->n_plain));
	}
	check("load", bench_bpf__load(programs));
	state_write(programs);
	if (options->load.zipf > 0)
		pairs_write(programs, &options->load);
}

void groups_set(int dir_fd, const char *text)
{
	struct ipacct_problem problem = {};
	struct group_image image;
	int ret = config_groups_parse("list", text, strlen(text), &image, problem.text,
				      sizeof(problem.text));

	if (!ret)
		ret = groups_file_write(dir_fd, getuid(), getgid(), &image);
	if (!ret)
		ret = groups_ledger_prepare(dir_fd, getuid(), getgid(), &image,
					    IPACCT_GROUP_RECORDS_MAX, &problem);
	if (!ret)
		ret = groups_file_publish(dir_fd);
	if (ret)
		die(problem.text[0] ? problem.text : "groups", -ret);
	group_image_finish(&image);
}

/* As the collector does it. */
static int groups_begin(struct stage *stage, struct ipacct_problem *ret_problem)
{
	struct publisher *publisher = &stage->cutter.publisher;
	int fd = groups_file_open(stage->dir_fd, ret_problem);
	int ret = fd < 0 ? fd
			 : groups_init(&publisher->ledger, &publisher->addresses, fd,
				       &stage->groups, ret_problem);

	publisher->groups = stage->groups;
	cut_mask_init(&stage->cutter.mask, fd, -ENOENT);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void ledger_open(struct stage *stage, const struct stage_options *options)
{
	struct ipacct_problem problem = {};
	int ret;

	strcpy(stage->dir, BENCH_SCRATCH "/ledger.XXXXXX");
	if (!mkdtemp(stage->dir))
		die("mkdtemp", errno);
	stage->dir_fd = open(stage->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = ledger_file_prepare(stage->dir_fd, getuid(), getgid(), &stage->sizing.n_rollups_max,
				  &stage->sizing.n_addresses_max, &problem);
	if (ret)
		die("ledger", ret);
	if (options->groups)
		groups_set(stage->dir_fd, options->groups);
	stage->ledger_fd = ledger_file_open(stage->dir_fd);
	ret = cutter_init(&stage->cutter, &stage->maps, stage->ledger_fd, &problem);
	if (!ret && options->groups)
		ret = groups_begin(stage, &problem);
	if (!ret)
		ret = cutter_recover(&stage->cutter);
	if (ret)
		die("cutter", ret);
}

void stage_open(struct stage *stage, struct bench *bench, const struct stage_options *options)
{
	memset(stage, 0, sizeof(*stage));
	stage->bench = bench;
	stage->load = options->load;
	maps_open(stage, options);
	programs_open(stage, options);
	ledger_open(stage, options);
}

void stage_close(struct stage *stage)
{
	groups_finish(stage->groups);
	cutter_finish(&stage->cutter);
	bench_bpf__destroy(stage->programs);
	close(stage->prog_fd);
	ipacct_maps_finish(&stage->maps);
	close(stage->ledger_fd);
	groups_file_remove_all(stage->dir_fd);
	(void)unlinkat(stage->dir_fd, IPACCT_LEDGER_NAME, 0); /* the whole tmpfs goes at the end */
	close(stage->dir_fd);
	(void)rmdir(stage->dir);
}

int stage_program(const struct stage *stage, const char *name)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(stage->programs->obj, name);

	if (!program)
		die(name, ENOENT);
	return bpf_program__fd(program);
}

double stage_run(struct stage *stage, int n_cpus, uint32_t repeat)
{
	stage->n_sent += (uint64_t)repeat * (uint32_t)n_cpus;
	return frames_run(stage, bpf_program__fd(stage->programs->progs.bench_ipacct), n_cpus,
			  repeat);
}

void stage_cut(struct stage *stage)
{
	const struct ipacct_conservation *last = &stage->cutter.last;
	int ret = cutter_cut(&stage->cutter);

	if (ret)
		die("cut", ret);
	if (last->error_packets || last->error_l2_bytes || last->error_l3_bytes)
		fail(stage->bench, "a cut does not close: %llu packets, %llu l3 bytes apart",
		     (unsigned long long)last->error_packets,
		     (unsigned long long)last->error_l3_bytes);
}

double stage_cut_run(struct stage *stage)
{
	double ns = stage_run(stage, 1, stage->bench->repeat);

	stage_cut(stage);
	return ns;
}

struct ipacct_snapshot *stage_snapshot(const struct stage *stage)
{
	struct ipacct_snapshot *snapshot;
	struct ipacct_problem problem = {};
	struct ipacct_reader *reader;
	int ret = ipacct_reader_open(stage->dir, "/nonexistent", &reader, &problem);

	if (!ret)
		ret = ipacct_snapshot_read(reader, 0, &snapshot, &problem);
	if (ret)
		die(problem.text, ret);
	ipacct_reader_close(reader);
	return snapshot;
}

static struct ipacct_counters entries_sum(const struct ipacct_entry *entries, size_t n)
{
	struct ipacct_counters sum = {};

	for (size_t i = 0; i < n; i++)
		ipacct_counters_add(&sum, &entries[i].counters);
	return sum;
}

/* How far what is held is from n packets of one size, both directions, packets and octets. */
static uint64_t sum_error(const struct ipacct_counters *sum, uint64_t n)
{
	return (uint64_t)(llabs((long long)(sum->tx_packets - n)) +
			  llabs((long long)(sum->rx_packets - n)) +
			  llabs((long long)(sum->tx_l3_bytes - n * BENCH_L3_BYTES)) +
			  llabs((long long)(sum->rx_l3_bytes - n * BENCH_L3_BYTES)));
}

struct held stage_verify(struct stage *stage, const char *case_name)
{
	struct ipacct_counters own, rolled, sum;
	struct ipacct_snapshot *snapshot;
	struct ipacct_totals totals;
	struct held held;

	stage_cut(stage);
	snapshot = stage_snapshot(stage);
	own = entries_sum(snapshot->addresses, snapshot->n_addresses);
	rolled = entries_sum(snapshot->rollups, snapshot->n_rollups);
	sum = own;
	ipacct_counters_add(&sum, &rolled);
	totals = snapshot->interfaces[0].totals;
	held.own = own.tx_packets + own.rx_packets;
	held.rolled = rolled.tx_packets + rolled.rx_packets;
	held.missing = sum_error(&sum, stage->n_sent);
	if (held.missing || totals.seen.packets != stage->n_sent ||
	    totals.accounted.packets != stage->n_sent ||
	    totals.seen.l2_bytes != stage->n_sent * BENCH_FRAME_BYTES ||
	    snapshot->conservation.error_packets || snapshot->conservation.error_l3_bytes)
		fail(stage->bench,
		     "%s: not conserved: %llu sent, %llu seen, %llu accounted, sums %llu apart",
		     case_name, (unsigned long long)stage->n_sent,
		     (unsigned long long)totals.seen.packets,
		     (unsigned long long)totals.accounted.packets,
		     (unsigned long long)held.missing);
	ipacct_snapshot_destroy(snapshot);
	return held;
}

struct bench_state stage_state(const struct stage *stage)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct bench_state *states = calloc((size_t)n_cpus, sizeof(*states)), sum = {};
	uint32_t zero = 0;

	if (!states)
		die("memory", ENOMEM);
	check("bench_state",
	      bpf_map_lookup_elem(bpf_map__fd(stage->programs->maps.bench_state), &zero, states));
	for (int i = 0; i < n_cpus; i++) {
		sum.n_honest += states[i].n_honest;
		sum.n_guarded += states[i].n_guarded;
		sum.n_failed += states[i].n_failed;
	}
	free(states);
	return sum;
}
