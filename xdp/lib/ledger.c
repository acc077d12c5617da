/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ledger file, seen by whoever maps it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ledger.h"
#include "maps.h"

static int header_check(const struct ipacct_ledger_header *header, uint64_t bytes,
			struct ipacct_problem *ret_problem)
{
	if (header->magic != IPACCT_LEDGER_MAGIC) {
		ipacct_problem_set(ret_problem, "the ledger file does not begin like one");
		return -EBADMSG;
	}
	if (header->abi_version != IPACCT_ABI_VERSION) {
		ipacct_problem_set(ret_problem,
				   "the ledger has ABI version %u, this program reads version %u",
				   header->abi_version, IPACCT_ABI_VERSION);
		return -EPROTO;
	}
	if (header->header_bytes != IPACCT_LEDGER_HEADER_BYTES ||
	    header->record_bytes != sizeof(struct ipacct_ledger_record) ||
	    header->interface_bytes != sizeof(struct ipacct_ledger_interface) ||
	    header->n_interfaces_max != IPACCT_IFS_MAX ||
	    header->n_series_max != IPACCT_SERIES_MAX) {
		ipacct_problem_set(ret_problem,
				   "the ledger claims ABI version %u but other record "
				   "sizes",
				   header->abi_version);
		return -EBADMSG;
	}
	if (header->n_rollups_max < 2 * IPACCT_DOMAINS_MAX ||
	    header->n_rollups > header->n_rollups_max ||
	    header->n_addresses > header->n_addresses_max ||
	    header->n_groups_max > IPACCT_GROUP_RECORDS_MAX ||
	    header->n_groups > header->n_groups_max) {
		ipacct_problem_set(ret_problem, "the ledger counts more records than it has");
		return -EBADMSG;
	}
	if (header->cut > IPACCT_LEDGER_CUTS_MAX) {
		ipacct_problem_set(ret_problem, "the ledger's number of cuts cannot be");
		return -EBADMSG;
	}
	if (ipacct_ledger_bytes(header->n_rollups_max, header->n_addresses_max) +
		    (uint64_t)header->n_groups_max * sizeof(struct ipacct_ledger_series) >
	    bytes) {
		ipacct_problem_set(ret_problem, "the ledger file is shorter than its header says");
		return -EBADMSG;
	}
	return 0;
}

int ipacct_ledger_map(int fd, bool writable, struct ipacct_ledger *ret_ledger,
		      struct ipacct_problem *ret_problem)
{
	struct ipacct_ledger ledger = {};
	struct stat st;
	char *at;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < IPACCT_LEDGER_HEADER_BYTES) {
		ipacct_problem_set(ret_problem, "the ledger file is too short to be one");
		return -EBADMSG;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd,
		  0);
	if (at == MAP_FAILED)
		return -errno;
	ledger.at = at;
	ledger.bytes = (size_t)st.st_size;
	ledger.device = st.st_dev;
	ledger.inode = st.st_ino;
	ledger.header = (struct ipacct_ledger_header *)at;
	ret = header_check(ledger.header, ledger.bytes, ret_problem);
	if (ret) {
		ipacct_ledger_unmap(&ledger);
		return ret;
	}
	ledger.n_interfaces_max = IPACCT_IFS_MAX;
	ledger.n_rollups_max = ledger.header->n_rollups_max;
	ledger.n_addresses_max = ledger.header->n_addresses_max;
	ledger.n_groups_max = ledger.header->n_groups_max;
	at += IPACCT_LEDGER_HEADER_BYTES;
	ledger.interfaces = (struct ipacct_ledger_interface *)at;
	ledger.series = (struct ipacct_ledger_series *)(ledger.interfaces + IPACCT_IFS_MAX);
	ledger.rollups = (struct ipacct_ledger_record *)(ledger.series + IPACCT_SERIES_MAX);
	ledger.addresses = ledger.rollups + ledger.n_rollups_max;
	ledger.groups = (struct ipacct_ledger_series *)(ledger.addresses + ledger.n_addresses_max);
	*ret_ledger = ledger;
	return 0;
}

static void versions_forget(struct ipacct_ledger_record *records, uint32_t n, uint64_t cut)
{
	for (uint32_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			if (records[i].version[k].cut > cut)
				records[i].version[k].cut = 0;
}

static void series_forget(struct ipacct_ledger_series *series, uint32_t n, uint64_t cut)
{
	for (uint32_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			if (series[i].version[k].cut > cut)
				series[i].version[k].cut = 0;
}

void ipacct_ledger_forget_uncommitted(struct ipacct_ledger *ledger)
{
	struct ipacct_ledger_header *header = ledger->header;
	uint64_t cut = header->cut;

	if (header->fold_cut > cut)
		header->fold_cut = 0;
	versions_forget(ledger->rollups, header->n_rollups, cut);
	versions_forget(ledger->addresses, header->n_addresses, cut);
	series_forget(ledger->series, IPACCT_SERIES_MAX, cut);
	series_forget(ledger->groups, header->n_groups, cut);
	for (int k = 0; k < 2; k++) {
		for (uint32_t slot = 0; slot < IPACCT_IFS_MAX; slot++)
			if (ledger->interfaces[slot].version[k].cut > cut)
				ledger->interfaces[slot].version[k].cut = 0;
		if (header->version[k].cut > cut)
			header->version[k].cut = 0;
	}
}

void ipacct_ledger_unmap(struct ipacct_ledger *ledger)
{
	if (ledger->at)
		munmap(ledger->at, ledger->bytes);
	memset(ledger, 0, sizeof(*ledger));
}
