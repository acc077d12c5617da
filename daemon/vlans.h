/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains by VLAN id: the table that the programs look into, in the supervisor. */
#ifndef IPACCT_DAEMON_VLANS_H
#define IPACCT_DAEMON_VLANS_H

#include "config.h"
#include "maps.h"

/* Map the tables of all interface slots. NULL: errno says why. */
struct ipacct_vlans *vlans_map(const struct ipacct_maps *maps);
/* Accepts NULL. */
void vlans_unmap(struct ipacct_vlans *tables);

/* Take a slot for every domain of the configuration: before a packet may count in it. Returns 0 or a
 * negative errno: -ENOSPC when there is no room for one more. */
int vlans_domains_take(const struct ipacct_maps *maps, const struct config *config,
		       struct ipacct_problem *ret_problem);

/* Write the table of one interface. A packet meanwhile counts as it was before or as it is after:
 * every id is one store. Cannot fail. */
void vlans_write(struct ipacct_vlans *table, const struct config_interface *interface);

/* The other way round, as far as it goes: one entry for each domain of the table. */
void vlans_read(const struct ipacct_vlans *table, struct config_interface *interface);

#endif
