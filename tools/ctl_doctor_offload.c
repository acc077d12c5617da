// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: what a device does to packets before the program sees them. */
#include "ctl_doctor.h"

#include <inttypes.h>

/* Say that a switch of ethtool could not be read. Returns whether that is so. */
static bool unread(enum doctor_switch value, const char *name, struct doctor_finding *finding)
{
	if (value == SWITCH_UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN, "the driver does not tell about %s", name);
	return value == SWITCH_UNKNOWN;
}

static void check_vlan_strip(const struct doctor_facts *facts, const struct doctor_device *device,
			     struct doctor_finding *finding)
{
	(void)facts;
	if (!device->counted && (device->counted_in || device->counted_out))
		return; /* tc hooks see the tag beside the frame */
	if (!unread(device->rxvlan, "rx-vlan-offload", finding) && device->rxvlan == SWITCH_ON)
		doctor_found(finding, DOCTOR_WARN,
			     "rx-vlan-offload is on: the tag is gone before XDP");
}

static void check_lro(const struct doctor_facts *facts, const struct doctor_device *device,
		      struct doctor_finding *finding)
{
	bool lro = device->lro == SWITCH_ON, gro_hw = device->gro_hw == SWITCH_ON;

	(void)facts;
	if (lro || gro_hw) {
		doctor_found(finding, DOCTOR_ERROR, "%s%s%s on", lro ? "large-receive-offload" : "",
			     lro && gro_hw ? " and " : "", gro_hw ? "rx-gro-hw" : "");
		doctor_mend(finding, "ethtool -K %s%s%s", device->ifname, lro ? " lro off" : "",
			    gro_hw ? " rx-gro-hw off" : "");
	} else if (device->lro == SWITCH_UNKNOWN && device->gro_hw == SWITCH_UNKNOWN) {
		(void)unread(device->lro, "LRO and rx-gro-hw", finding);
	}
}

static void check_flow_offload(const struct doctor_facts *facts, const struct doctor_device *device,
			       struct doctor_finding *finding)
{
	(void)facts;
	if (device->flow_offload == SWITCH_ON) {
		doctor_found(finding, DOCTOR_ERROR,
			     "an nftables flowtable with 'flags offload' names it");
		doctor_mend(finding, "nft list flowtables  # and take 'flags offload' out of it");
	} else if (device->tc_offload == SWITCH_ON) {
		doctor_found(finding, DOCTOR_WARN, "hw-tc-offload is on");
	} else if (device->flow_offload == SWITCH_UNKNOWN) {
		doctor_found(finding, DOCTOR_UNKNOWN, "flowtables are shown to root only");
	}
}

const struct doctor_rule doctor_offload_rules[] = {
	{ "vlan-strip", "VLAN tag stripped before XDP", true, check_vlan_strip,
	  "a frame is counted 4 octets short, and which VLAN it came in is lost",
	  "ethtool -K IFACE rxvlan off", true },
	{ "lro", "receive offload merges packets", true, check_lro,
	  "several packets of the wire arrive as one: packets and header octets are too few",
	  "ethtool -K IFACE lro off rx-gro-hw off", true },
	{ "flow-offload", "hardware forwards flows", true, check_flow_offload,
	  "packets of a flow in hardware never reach the CPU: they are missing from every figure",
	  "ethtool -K IFACE hw-tc-offload off", true },
	{ 0 },
};
