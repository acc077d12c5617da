/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one interface slot has seen so far. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "epoch.h"
#include "ledger.h"
#include "ledger_file.h"
#include "slot_seen.h"

#define SEEN_TRIES 64

static int epoch_add(const struct ipacct_maps *maps, uint32_t slot, uint32_t number,
		     struct ipacct_totals *sum)
{
	struct ipacct_totals *per_cpu __cleanup(cleanup_free) = NULL;
	uint32_t index = IPACCT_EPOCHS * slot + number;
	int n_cpus = libbpf_num_possible_cpus();

	if (n_cpus < 0)
		return n_cpus;
	per_cpu = calloc((size_t)n_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(maps->totals_fd, &index, per_cpu))
		return -errno;
	for (int cpu = 0; cpu < n_cpus; cpu++)
		ipacct_totals_add(sum, &per_cpu[cpu]);
	return 0;
}

static int read_at(int fd, void *buffer, size_t bytes, size_t offset)
{
	ssize_t n = pread(fd, buffer, bytes, (off_t)offset);

	return n < 0 ? -errno : (size_t)n < bytes ? -EBADMSG : 0;
}

/* By pread: the file is the collector's, and one that it cut short must not raise SIGBUS here. */
static int seen_try(int fd, const struct ipacct_maps *maps, const struct takeover *aside,
		    uint32_t slot, struct ipacct_totals *sum)
{
	struct ipacct_ledger_header header, after;
	struct ipacct_ledger_interface from;
	int ret, newest;
	uint32_t zero = 0;
	struct ipacct_ctl ctl;

	ret = read_at(fd, &header, sizeof(header), 0);
	if (!ret)
		ret = read_at(fd, &from, sizeof(from),
			      IPACCT_LEDGER_HEADER_BYTES + slot * sizeof(from));
	if (!ret && bpf_map_lookup_elem(maps->ctl_fd, &zero, &ctl))
		ret = -errno;
	if (ret)
		return ret;
	newest = ipacct_version_pick(from.version[0].cut, from.version[1].cut, header.cut);
	*sum = (struct ipacct_totals){};
	if (newest >= 0)
		*sum = from.version[newest].totals;
	for (uint32_t number = 0; number < IPACCT_EPOCHS && !ret; number++) {
		bool prepared = ctl.cut[number] > ctl.cut[ctl.epoch & 1];
		/* maps that this ledger has not met yet: nothing of theirs is in it */
		bool pending = ctl.instance != header.instance || ctl.cut[number] > header.cut;

		if (ctl.cut[number] && !prepared && pending)
			ret = epoch_add(maps, slot, number, sum);
	}
	for (size_t i = 0; i < aside->n_sets && !ret; i++)
		ret = drain_slot_pending(&aside->sets[i], &header, slot, sum);
	if (!ret)
		ret = read_at(fd, &after, sizeof(after), 0);
	return ret ? ret : after.cut == header.cut ? 0 : -EAGAIN;
}

int slot_seen(int runtime_dir_fd, const struct ipacct_maps *maps, const struct takeover *aside,
	      uint32_t slot, __u64 *ret_packets, __u64 *ret_l2_bytes)
{
	int fd __cleanup(cleanup_fd) = ledger_file_open(runtime_dir_fd);
	struct ipacct_totals sum;
	int ret = fd < 0 ? fd : -EAGAIN;

	for (int i = 0; i < SEEN_TRIES && ret == -EAGAIN; i++)
		ret = seen_try(fd, maps, aside, slot, &sum);
	if (ret)
		return ret;
	*ret_packets = sum.seen.packets;
	*ret_l2_bytes = sum.seen.l2_bytes;
	return 0;
}
