/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains by VLAN id: entries of vlan_domains. */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "config_vlans.h"

#define VLAN_ID_MIN 1u    /* IEEE 802.1Q table 9-2: 0 is a priority without a VLAN … */
#define VLAN_ID_MAX 4094u /* … and 4095 is reserved */

/* "100" or "200-299", which it cuts in two. */
static int parse_ids(char *ids, uint64_t *ret_first, uint64_t *ret_last)
{
	char *dash = strchr(ids, '-');
	int ret;

	if (dash)
		*dash = '\0';
	ret = parse_u64(ids, VLAN_ID_MIN, VLAN_ID_MAX, ret_first);
	*ret_last = *ret_first;
	if (!ret && dash)
		ret = parse_u64(dash + 1, *ret_first, VLAN_ID_MAX, ret_last);
	return ret;
}

static int refuse(const char *text, const char *problem, char ret_why[SETTING_WHY_BYTES])
{
	char quoted[SETTING_QUOTE_SIZE];

	setting_quote(text, strlen(text), quoted);
	(void)snprintf(ret_why, SETTING_WHY_BYTES, "'%s' %s; legal: %s", quoted, problem,
		       CONFIG_VLANS_LEGAL); /* fits */
	return -EINVAL;
}

int config_vlans_add(struct config_interface *interface, const char *ids, const char *domain,
		     char ret_why[SETTING_WHY_BYTES])
{
	uint64_t first = 0, last = 0, number;
	char copy[sizeof("4094-4094")];

	if ((size_t)snprintf(copy, sizeof(copy), "%s", ids) >= sizeof(copy) ||
	    parse_ids(copy, &first, &last))
		return refuse(ids, "is no VLAN id", ret_why);
	if (parse_u64(domain, 0, UINT16_MAX, &number))
		return refuse(domain, "is no domain (0 to 65535)", ret_why);
	for (size_t i = 0; i < interface->n_vlans; i++)
		if (first <= interface->vlans[i].last && last >= interface->vlans[i].first)
			return refuse(ids, "overlaps an entry before it", ret_why);
	if (interface->n_vlans == CONFIG_VLANS_MAX) {
		(void)snprintf(ret_why, SETTING_WHY_BYTES, "more than %u entries",
			       CONFIG_VLANS_MAX);
		return -EINVAL;
	}
	interface->vlans[interface->n_vlans++] = (struct config_vlan){
		.first = (uint16_t)first,
		.last = (uint16_t)last,
		.domain = (uint16_t)number,
	};
	return 0;
}

uint16_t config_vlans_domain(const struct config_interface *interface, uint32_t id)
{
	for (size_t i = 0; i < interface->n_vlans; i++)
		if (id >= interface->vlans[i].first && id <= interface->vlans[i].last)
			return interface->vlans[i].domain;
	return interface->domain;
}

bool config_vlans_counts(const struct config_interface *interface, uint16_t domain)
{
	for (size_t i = 0; i < interface->n_vlans; i++)
		if (interface->vlans[i].domain == domain)
			return true;
	return interface->domain == domain;
}

bool config_interfaces_equal(const struct config_interface *a, const struct config_interface *b)
{
	return a->mode == b->mode && a->attach == b->attach && a->domain == b->domain &&
	       a->hooks == b->hooks && a->forwarded_twice == b->forwarded_twice &&
	       a->account == b->account && a->n_vlans == b->n_vlans &&
	       !memcmp(a->vlans, b->vlans, a->n_vlans * sizeof(*a->vlans));
}

static void domain_add(uint16_t domain, uint16_t domains[IPACCT_DOMAINS_MAX], size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (domains[i] == domain)
			return;
	if (*n < IPACCT_DOMAINS_MAX) /* the reader of the file refuses more */
		domains[(*n)++] = domain;
}

size_t config_domains(const struct config *config, uint16_t ret_domains[IPACCT_DOMAINS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct config_interface *interface = &config->interfaces[i];

		domain_add(interface->domain, ret_domains, &n);
		for (size_t k = 0; k < interface->n_vlans; k++)
			domain_add(interface->vlans[k].domain, ret_domains, &n);
	}
	return n;
}
