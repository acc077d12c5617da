// SPDX-License-Identifier: GPL-2.0-or-later
/* What the verifier, the kernel's name field and old kernels ask of the object. */
#include "harness.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "ipacct.skel.h"
#include "ipacct_tc.skel.h"

#define VERIFIED_INSNS_MAX 100000u /* DESIGN 4: on 6.1, one million is the kernel's limit */
#define MAP_NAME_MAX       (BPF_OBJ_NAME_LEN - 1)
#define LOG_BYTES          (1u << 20)
#define LOG_STATISTICS     4u /* BPF_LOG_STATS of include/linux/bpf_verifier.h, not in the UAPI */

/* linux/btf.h has no struct for the header of .BTF.ext (Documentation/bpf/btf.rst 4.2). */
struct btf_ext_start {
	uint16_t magic;
	uint8_t version;
	uint8_t flags;
	uint32_t header_bytes;
	uint32_t func_info_offset, func_info_bytes;
	uint32_t line_info_offset, line_info_bytes;
	uint32_t core_relo_offset, core_relo_bytes;
};

/* Load with the verifier's statistics; returns instructions processed for the program. */
static unsigned long load_verbose(uint32_t slot, uint16_t domain, uint32_t hot_sets, uint32_t plain,
				  bool all)
{
	static char log[LOG_BYTES];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_BYTES,
		    .kernel_log_level = LOG_STATISTICS);
	struct ipacct_bpf *skeleton = ipacct_bpf__open_opts(&opts);
	unsigned long n_insns = 0;
	const char *found;
	int ret;

	cr_assert(skeleton != NULL);
	skeleton->rodata->cfg_slot = slot;
	skeleton->rodata->cfg_domain = domain;
	skeleton->rodata->cfg_hot4_sets = skeleton->rodata->cfg_hot6_sets = hot_sets;
	skeleton->rodata->cfg_hot6_bit = 4 * hot_sets;
	skeleton->rodata->cfg_door_words = hot_sets;
	skeleton->rodata->cfg_guard = hot_sets != 0;
	skeleton->rodata->cfg_inner = skeleton->rodata->cfg_vlans = all;
	skeleton->rodata->cfg_plain = plain;
	if (hot_sets) {
		bpf_map__set_value_size(skeleton->maps.ipacct_hot4,
					hot_sets * IPACCT_HOT_SET_BYTES);
		bpf_map__set_value_size(skeleton->maps.ipacct_hot6,
					hot_sets * IPACCT_HOT_SET_BYTES);
	}
	ret = ipacct_bpf__load(skeleton);
	cr_assert(ret == 0, "refused: %s\n%.4000s", strerror(-ret), log);
	found = strstr(log, "processed ");
	cr_assert(found && sscanf(found, "processed %lu insns", &n_insns) == 1, "log: %.200s", log);
	ipacct_bpf__destroy(skeleton);
	return n_insns;
}

Test(verifier, stays_below_its_budget_of_instructions)
{
	unsigned long n_insns;

	if (geteuid() != 0)
		cr_skip_test("loading a BPF program needs root");
	n_insns = load_verbose(0, 0, 0, IPACCT_PLAIN_ASK, false);
	harness_note("processed %lu insns", n_insns);
	cr_expect(n_insns <= VERIFIED_INSNS_MAX, "%lu", n_insns);
	/* Settings are constants to the verifier: they may prune branches, not add them. */
	n_insns = load_verbose(63, 65535, 0, IPACCT_PLAIN_ASK, false);
	cr_expect(n_insns <= VERIFIED_INSNS_MAX, "slot 63, domain 65535: %lu", n_insns);
	for (uint32_t plain = IPACCT_PLAIN_ASK; plain <= IPACCT_PLAIN_BY_CPU; plain++) {
		n_insns = load_verbose(0, 0, 16384, plain, false);
		harness_note("hot tier, plain %u: processed %lu insns", plain, n_insns);
		cr_expect(n_insns <= VERIFIED_INSNS_MAX, "hot tier, plain %u: %lu", plain, n_insns);
	}
	n_insns = load_verbose(63, 65535, 16384, IPACCT_PLAIN_ASK, true);
	harness_note("hot tier, inner addresses, VLAN domains: processed %lu insns", n_insns);
	cr_expect(n_insns <= VERIFIED_INSNS_MAX, "everything: %lu", n_insns);
}

/* Octets that are left of the program, as the kernel runs it, with a feature on or off. */
static uint32_t translated(bool inner, bool vlans, uint32_t hot_sets)
{
	struct ipacct_bpf *skeleton = ipacct_bpf__open();
	struct bpf_prog_info info = { 0 };
	uint32_t info_bytes = sizeof(info);

	cr_assert(skeleton != NULL);
	skeleton->rodata->cfg_inner = inner;
	skeleton->rodata->cfg_vlans = vlans;
	skeleton->rodata->cfg_hot4_sets = skeleton->rodata->cfg_hot6_sets = hot_sets;
	skeleton->rodata->cfg_hot6_bit = 2 * hot_sets;
	skeleton->rodata->cfg_door_words = hot_sets;
	if (hot_sets) {
		bpf_map__set_value_size(skeleton->maps.ipacct_hot4,
					hot_sets * IPACCT_HOT_SET_BYTES);
		bpf_map__set_value_size(skeleton->maps.ipacct_hot6,
					hot_sets * IPACCT_HOT_SET_BYTES);
	}
	cr_assert(ipacct_bpf__load(skeleton) == 0);
	cr_assert(bpf_obj_get_info_by_fd(bpf_program__fd(skeleton->progs.ipacct_xdp), &info,
					 &info_bytes) == 0);
	ipacct_bpf__destroy(skeleton);
	return info.xlated_prog_len / sizeof(struct bpf_insn);
}

/* Linux 6.8 (verifier.c: global functions are verified when they are called) and newer; 6.1 keeps
 * those that nobody calls. */
static bool drops_what_is_not_called(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	cr_assert(uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2);
	return major > 6 || (major == 6 && minor >= 8);
}

Test(verifier, a_feature_that_is_off_is_removed)
{
	static const uint32_t hot_sets[] = { 0, 64 };

	if (geteuid() != 0)
		cr_skip_test("loading a BPF program needs root");
	for (size_t i = 0; i < 2; i++) {
		uint32_t neither = translated(false, false, hot_sets[i]);
		uint32_t inner = translated(true, false, hot_sets[i]);
		uint32_t vlans = translated(false, true, hot_sets[i]);
		uint32_t both = translated(true, true, hot_sets[i]);

		harness_note("%u instructions; inner %u, VLAN domains %u, both %u", neither, inner,
			     vlans, both);
		cr_expect(
			neither < inner && vlans < both &&
				(!drops_what_is_not_called() || (neither < vlans && inner < both)),
			"%u instructions; inner %u, VLAN domains %u, both %u", neither, inner,
			vlans, both);
	}
}

/* The same for the tc hooks' program. */
static unsigned long load_tc_verbose(uint32_t hot_sets, bool no_ethernet, bool all)
{
	static char log[LOG_BYTES];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_BYTES,
		    .kernel_log_level = LOG_STATISTICS);
	struct ipacct_tc_bpf *skeleton = ipacct_tc_bpf__open_opts(&opts);
	unsigned long n_insns = 0;
	const char *found;
	int ret;

	cr_assert(skeleton != NULL);
	skeleton->rodata->cfg_hot4_sets = skeleton->rodata->cfg_hot6_sets = hot_sets;
	skeleton->rodata->cfg_hot6_bit = 4 * hot_sets;
	skeleton->rodata->cfg_door_words = hot_sets;
	skeleton->rodata->cfg_guard = hot_sets != 0;
	skeleton->rodata->cfg_no_ethernet = no_ethernet;
	skeleton->rodata->cfg_inner = skeleton->rodata->cfg_vlans = all;
	if (hot_sets && !no_ethernet && !all)
		skeleton->rodata->cfg_plain = IPACCT_PLAIN_BY_CPU;
	if (hot_sets) {
		bpf_map__set_value_size(skeleton->maps.ipacct_hot4,
					hot_sets * IPACCT_HOT_SET_BYTES);
		bpf_map__set_value_size(skeleton->maps.ipacct_hot6,
					hot_sets * IPACCT_HOT_SET_BYTES);
	}
	ret = ipacct_tc_bpf__load(skeleton);
	cr_assert(ret == 0, "refused: %s\n%.4000s", strerror(-ret), log);
	found = strstr(log, "processed ");
	cr_assert(found && sscanf(found, "processed %lu insns", &n_insns) == 1, "log: %.200s", log);
	ipacct_tc_bpf__destroy(skeleton);
	return n_insns;
}

Test(verifier, tc_program_stays_below_the_same_budget)
{
	if (geteuid() != 0)
		cr_skip_test("loading a BPF program needs root");
	for (uint32_t bits = 0; bits < 8; bits++) {
		uint32_t hot_sets = bits & 1 ? 16384 : 0;
		bool no_ethernet = bits & 2, all = bits & 4;
		unsigned long n_insns = load_tc_verbose(hot_sets, no_ethernet, all);

		harness_note("tc, %u hot sets, ethernet %d, tunnels and VLANs %d: processed %lu "
			     "insns",
			     hot_sets, !no_ethernet, all, n_insns);
		cr_expect(n_insns <= VERIFIED_INSNS_MAX, "%lu", n_insns);
	}
}

Test(verifier, kernel_keeps_every_map_name_whole)
{
	struct ipacct_bpf *skeleton = ipacct_bpf__open();
	const struct bpf_map *map;
	size_t n_maps = 0;

	cr_assert(skeleton != NULL);
	bpf_object__for_each_map(map, skeleton->obj) {
		/* .rodata of libbpf is the object's name, cut, and a suffix: not ours to choose */
		if (bpf_map__is_internal(map))
			continue;
		n_maps++;
		cr_expect(strlen(bpf_map__name(map)) <= MAP_NAME_MAX, "%s", bpf_map__name(map));
	}
	cr_expect(n_maps == 17, "%zu maps", n_maps); /* as many as abi.h has pin names */
	ipacct_bpf__destroy(skeleton);
}

/* .bss and .data cannot be pinned and taken over by the next version (DESIGN 4). One section stands for
 * a map that is: the program only reads there, and the map's element is as large. */
Test(verifier, no_writable_global_variable)
{
	struct ipacct_bpf *skeleton = ipacct_bpf__open();
	const struct btf *btf = bpf_object__btf(skeleton->obj);
	const struct bpf_map *map, *ctl = skeleton->maps.ipacct_ctl;
	const struct btf_type *value;
	int id;

	cr_assert(skeleton != NULL);
	bpf_object__for_each_map(map, skeleton->obj) {
		const char *name = bpf_map__name(map);

		cr_expect(map == skeleton->maps.data_ctl ||
				  (!strstr(name, ".bss") && !strstr(name, ".data")),
			  "%s", name);
	}
	map = skeleton->maps.data_ctl;
	cr_expect(bpf_map__type(map) == bpf_map__type(ctl) &&
		  bpf_map__value_size(map) == bpf_map__value_size(ctl) &&
		  bpf_map__max_entries(map) == bpf_map__max_entries(ctl) &&
		  bpf_map__map_flags(map) == bpf_map__map_flags(ctl));
	id = btf__find_by_name_kind(btf, "ipacct_ctl_value", BTF_KIND_VAR);
	cr_assert(id > 0);
	value = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type);
	cr_expect(btf_is_const(value));
	ipacct_bpf__destroy(skeleton);
}

static const char *section_name(const uint8_t *elf, const Elf64_Ehdr *header, size_t index)
{
	const Elf64_Shdr *sections = (const void *)(elf + header->e_shoff);

	return (const char *)elf + sections[header->e_shstrndx].sh_offset + sections[index].sh_name;
}

/* Kernels without BTF (OpenWrt) load it too: there is nothing to relocate. */
Test(verifier, no_core_relocations)
{
	size_t n_bytes, n_found = 0;
	const uint8_t *elf = ipacct_bpf__elf_bytes(&n_bytes);
	const Elf64_Ehdr *header = (const void *)elf;
	const Elf64_Shdr *sections = (const void *)(elf + header->e_shoff);

	cr_assert(n_bytes > sizeof(*header) && !memcmp(elf, ELFMAG, SELFMAG));
	for (size_t i = 0; i < header->e_shnum; i++) {
		const struct btf_ext_start *ext = (const void *)(elf + sections[i].sh_offset);

		if (strcmp(section_name(elf, header, i), ".BTF.ext"))
			continue;
		n_found++;
		cr_expect(ext->magic == 0xeb9f, "magic %x", ext->magic);
		/* Older headers end before the relocations. */
		if (ext->header_bytes >= sizeof(*ext))
			cr_expect(ext->core_relo_bytes == 0, "%u bytes", ext->core_relo_bytes);
	}
	cr_expect(n_found == 1, "%zu sections .BTF.ext", n_found);
}
