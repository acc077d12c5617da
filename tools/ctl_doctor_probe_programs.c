// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: BPF programs on the devices, and what the pinned maps hold for each CPU. */
#include "ctl_doctor.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* linux/bpf.h of 6.6 and newer */
#define ATTACH_TCX_INGRESS 46 /* BPF_TCX_INGRESS */
#define ATTACH_TCX_EGRESS  47 /* BPF_TCX_EGRESS */

static void name_read(struct doctor_device *device)
{
	int fd __cleanup(cleanup_fd) = bpf_prog_get_fd_by_id(device->xdp_prog_id);
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0)
		memcpy(device->xdp_prog_name, info.name, sizeof(info.name));
}

/* Returns how many, 0 where the kernel has no tcx, UNKNOWN where it does not tell. */
static uint64_t tcx_count(uint32_t ifindex, int type)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);

	if (bpf_prog_query_opts((int)ifindex, (enum bpf_attach_type)type, &query) == 0)
		return query.prog_cnt;
	return errno == EPERM || errno == EACCES ? UNKNOWN : 0;
}

static void tcx_read(struct doctor_device *device)
{
	uint64_t ingress = tcx_count(device->ifindex, ATTACH_TCX_INGRESS);
	uint64_t egress = tcx_count(device->ifindex, ATTACH_TCX_EGRESS);

	if (device->n_tc_programs == UNKNOWN)
		return;
	if (ingress != UNKNOWN && egress != UNKNOWN)
		device->n_tc_programs += ingress + egress;
	else if (!device->n_tc_programs)
		device->n_tc_programs = UNKNOWN;
}

static int pin_open(const struct doctor_facts *facts, const char *name)
{
	LIBBPF_OPTS(bpf_obj_get_opts, readonly, .file_flags = BPF_F_RDONLY);
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", facts->bpffs_dir, name);
	return bpf_obj_get_opts(path, &readonly);
}

/* What each CPU has seen since the last cut, by slot; both epochs: one of them is empty. */
static int slot_read(int totals_fd, int ifs_fd, uint32_t slot, struct ipacct_totals *per_cpu,
		     int n_cpus, struct doctor_facts *facts)
{
	struct ipacct_interface interface;
	struct doctor_device *device = NULL;

	if (bpf_map_lookup_elem(ifs_fd, &slot, &interface))
		return -errno;
	if (interface.hook != IPACCT_HOOK_XDP || interface.state != IPACCT_IF_ATTACHED)
		return 0;
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->devices[i].ifindex == interface.ifindex &&
		    !strncmp(facts->devices[i].ifname, interface.ifname, IPACCT_IFNAME_BYTES))
			device = &facts->devices[i];
	for (uint32_t epoch = 0; device && epoch < IPACCT_EPOCHS; epoch++) {
		uint32_t index = IPACCT_EPOCHS * slot + epoch;

		if (bpf_map_lookup_elem(totals_fd, &index, per_cpu))
			return -errno;
		device->n_cpus = (uint32_t)n_cpus;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			device->cpu_seen[cpu] += per_cpu[cpu].seen.packets;
	}
	return 0;
}

static void cpus_read(struct doctor_facts *facts)
{
	int totals_fd __cleanup(cleanup_fd) = pin_open(facts, IPACCT_PIN_TOTALS);
	int ifs_fd __cleanup(cleanup_fd) = pin_open(facts, IPACCT_PIN_IFS);
	int n_cpus = libbpf_num_possible_cpus(), r = 0;
	struct ipacct_totals *per_cpu __cleanup(cleanup_free) = NULL;
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);

	/* an old or foreign layout would overrun the buffer */
	if (totals_fd < 0 || ifs_fd < 0 || n_cpus < 1 || n_cpus > (int)DOCTOR_CPUS_MAX ||
	    bpf_obj_get_info_by_fd(totals_fd, &info, &bytes) ||
	    info.value_size != sizeof(*per_cpu) || facts->maps_error)
		return;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	for (uint32_t slot = 0; per_cpu && slot < IPACCT_IFS_MAX && r == 0; slot++)
		r = slot_read(totals_fd, ifs_fd, slot, per_cpu, n_cpus, facts);
}

void doctor_probe_programs(struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->n_devices; i++) {
		if (!facts->devices[i].asked_for)
			continue;
		if (facts->devices[i].xdp_prog_id)
			name_read(&facts->devices[i]);
		tcx_read(&facts->devices[i]);
	}
	cpus_read(facts);
}
