/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains by VLAN id: the table that the programs look into, in the supervisor. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "config_vlans.h"
#include "maps_make.h"
#include "vlans.h"

#define TABLES_BYTES (IPACCT_IFS_MAX * sizeof(struct ipacct_vlans))

struct ipacct_vlans *vlans_map(const struct ipacct_maps *maps)
{
	void *at = mmap(NULL, TABLES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, maps->vlans_fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

void vlans_unmap(struct ipacct_vlans *tables)
{
	if (tables)
		(void)munmap(tables, TABLES_BYTES); /* fails for wrong arguments only */
}

int vlans_domains_take(const struct ipacct_maps *maps, const struct config *config,
		       struct ipacct_problem *ret_problem)
{
	uint16_t domains[IPACCT_DOMAINS_MAX];
	size_t n = config_domains(config, domains);

	for (size_t i = 0; i < n; i++) {
		int ret = domain_slot(maps, domains[i]);

		if (ret >= 0)
			continue;
		ipacct_problem_set(
			ret_problem,
			"no room for domain %u: %s (of %u slots none is given back before "
			"everything is detached)",
			domains[i], strerror(-ret), IPACCT_DOMAINS_MAX);
		return ret;
	}
	return 0;
}

void vlans_write(struct ipacct_vlans *table, const struct config_interface *interface)
{
	for (uint32_t id = 0; id < IPACCT_VLAN_IDS; id++) {
		uint16_t domain = config_vlans_domain(interface, id);

		if (table->domain[id] != domain)
			__atomic_store_n(&table->domain[id], domain, __ATOMIC_RELAXED);
	}
}

void vlans_read(const struct ipacct_vlans *table, struct config_interface *interface)
{
	for (uint32_t id = 0; id < IPACCT_VLAN_IDS; id++) {
		struct config_vlan entry = { (uint16_t)id, (uint16_t)id, table->domain[id] };

		if (!config_vlans_counts(interface, entry.domain) &&
		    interface->n_vlans < CONFIG_VLANS_MAX)
			interface->vlans[interface->n_vlans++] = entry;
	}
}
