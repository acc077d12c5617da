/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of two programs on one interface counts. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "turn.h"

static int write_all(const struct ipacct_maps *maps, uint32_t key, uint64_t turn)
{
	uint64_t *per_cpu __cleanup(cleanup_free) = NULL;
	int n_cpus = libbpf_num_possible_cpus();

	if (n_cpus < 0)
		return n_cpus;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (int cpu = 0; cpu < n_cpus; cpu++)
		per_cpu[cpu] = turn;
	return bpf_map_update_elem(maps->turn_fd, &key, per_cpu, BPF_ANY) ? -errno : 0;
}

int turn_want(const struct ipacct_maps *maps, uint32_t slot, uint64_t turn)
{
	return write_all(maps, IPACCT_TURN_WANTED(slot), turn);
}

int turn_decide(const struct ipacct_maps *maps, uint32_t slot, uint64_t turn)
{
	return write_all(maps, IPACCT_TURN_DECIDED(slot), turn);
}

int turn_wanted(const struct ipacct_maps *maps, uint32_t slot, uint64_t *ret_turn)
{
	uint64_t *per_cpu __cleanup(cleanup_free) = NULL;
	int n_cpus = libbpf_num_possible_cpus();
	uint32_t key = IPACCT_TURN_WANTED(slot);

	if (n_cpus < 0)
		return n_cpus;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(maps->turn_fd, &key, per_cpu))
		return -errno;
	*ret_turn = per_cpu[0]; /* written for all of them in one call */
	return 0;
}
