// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: devices above others, where a packet can be counted twice or not at all. */
#include "ctl_doctor.h"

#include <stdio.h>
#include <string.h>

#define NAMES_BYTES 128u

/* Add a name to a list; what does not fit is left out. */
static void name_add(char names[NAMES_BYTES], const char *name)
{
	size_t used = strlen(names);

	(void)snprintf(names + used, NAMES_BYTES - used, "%s%s", used ? ", " : "", name);
}

static void check_bond(const struct doctor_facts *facts, const struct doctor_device *device,
		       struct doctor_finding *finding)
{
	char uncounted[NAMES_BYTES] = "";
	bool bond = !strcmp(device->kind, "bond") || !strcmp(device->kind, "team");
	bool port = !strcmp(device->master_kind, "bond") || !strcmp(device->master_kind, "team");
	uint32_t master = bond ? device->ifindex : device->master;
	const struct doctor_device *above = doctor_device_find(facts, master);

	if ((!bond && !port) || !above)
		return;
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->devices[i].master == master && !facts->devices[i].counted)
			name_add(uncounted, facts->devices[i].ifname);
	if (bond && !device->counted)
		doctor_found(finding, DOCTOR_INFO, "a bond: its ports count, each packet once");
	else if (port && !device->counted && above->counted)
		doctor_found(finding, DOCTOR_INFO, "a port; its bond %s is counted", above->ifname);
	else if (port && device->counted && uncounted[0])
		doctor_found(finding, DOCTOR_WARN, "of the bond %s not counted: %s", above->ifname,
			     uncounted);
}

/* Is what arrives counted, by XDP or at tc-ingress? */
static bool arrivals(const struct doctor_device *device)
{
	return device->counted || device->counted_in;
}

/* Both levels of a pair are counted. */
static void twice(struct doctor_finding *finding, const struct doctor_device *upper,
		  const struct doctor_device *lower)
{
	doctor_found(finding, DOCTOR_ERROR, "%s (%s) and %s below it are both counted",
		     upper->ifname, upper->kind, lower->ifname);
	doctor_mend(finding, "ipacctctl detach %s", upper->ifname);
}

static void check_bridge(const struct doctor_facts *facts, const struct doctor_device *device,
			 struct doctor_finding *finding)
{
	const struct doctor_device *above = doctor_device_find(facts, device->master);

	if (arrivals(device) && above && arrivals(above))
		twice(finding, above, device);
	for (size_t i = 0; i < facts->n_devices; i++)
		if (arrivals(device) && arrivals(&facts->devices[i]) &&
		    facts->devices[i].master == device->ifindex)
			twice(finding, device, &facts->devices[i]);
}

static void check_vlan_above(const struct doctor_facts *facts, const struct doctor_device *device,
			     struct doctor_finding *finding)
{
	const struct doctor_device *below = doctor_device_find(facts, device->lower);
	char above[NAMES_BYTES] = "";

	if (arrivals(device) && below && arrivals(below))
		twice(finding, device, below);
	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct doctor_device *other = &facts->devices[i];

		if (other->lower != device->ifindex)
			continue;
		if (arrivals(device) && arrivals(other))
			twice(finding, other, device);
		name_add(above, other->ifname);
	}
	if (finding->level != DOCTOR_OK || !above[0])
		return;
	doctor_found(finding, DOCTOR_INFO, "%s above it: counted here, with the tags", above);
	doctor_mend(finding, "ipacctctl status  # do not add the devices above");
}

const struct doctor_rule doctor_stacked_rules[] = {
	{ "bond", "bond and its ports", true, check_bond,
	  "counted at some ports only, what comes by the others is missing",
	  "add the other ports to `interfaces:` and `ipacctctl reload`", false },
	{ "bridge-double", "bridge or bond and its port both counted", true, check_bridge,
	  "every packet that comes by the port is counted at the device above it once more",
	  "ipacctctl detach IFACE", false },
	{ "vlan-above", "VLAN or macvlan above a counted device", true, check_vlan_above,
	  "counted at both, each of its packets is counted twice", "ipacctctl detach IFACE",
	  false },
	{ 0 },
};
