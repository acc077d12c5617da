/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains by VLAN id: entries of vlan_domains. */
#ifndef IPACCT_DAEMON_CONFIG_VLANS_H
#define IPACCT_DAEMON_CONFIG_VLANS_H

#include "config.h"
#include "config_setting.h"

#define CONFIG_VLANS_LEGAL "VLAN ids 1 to 4094 or ranges, with domains: {100: 7, 200-299: 8}"

/* Add "100" or "200-299" with its domain.
 * ret_why: on failure what is wrong, and what is legal. Returns 0 or -EINVAL; then nothing changed. */
int config_vlans_add(struct config_interface *interface, const char *ids, const char *domain,
		     char ret_why[SETTING_WHY_BYTES]);

/* The domain of an id: of its entry, else the interface's. */
uint16_t config_vlans_domain(const struct config_interface *interface, uint32_t id);

/* May an address be counted in this domain here? */
bool config_vlans_counts(const struct config_interface *interface, uint16_t domain);

/* What a program must be told about an interface is the same: no need to touch it. */
bool config_interfaces_equal(const struct config_interface *a, const struct config_interface *b);

/* Every domain that an address may be counted in, each once. Returns how many. */
size_t config_domains(const struct config *config, uint16_t ret_domains[IPACCT_DOMAINS_MAX]);

#endif
