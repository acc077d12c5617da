// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: can the program be attached, is it, and is it the right one. */
#include "ctl_doctor.h"

#include <inttypes.h>
#include <string.h>

#define ACT_BASIC 1u  /* linux/netdev.h NETDEV_XDP_ACT_BASIC */
#define ACT_RX_SG 32u /* NETDEV_XDP_ACT_RX_SG */
/* What a frame may have in one page beside XDP's headroom and the skb's tail: linux/bpf.h
 * XDP_PACKET_HEADROOM 256, skb_shared_info 320, Ethernet 14, one tag 4. */
#define PAGE_OVERHEAD_BYTES (256u + 320u + 14u + 4u)

static void check_generic(const struct doctor_facts *facts, const struct doctor_device *device,
			  struct doctor_finding *finding)
{
	(void)facts;
	if (device->xdp_mode == XDP_MODE_GENERIC)
		doctor_found(finding, DOCTOR_WARN, "program %u is attached in generic mode",
			     device->xdp_prog_id);
}

static void check_native(const struct doctor_facts *facts, const struct doctor_device *device,
			 struct doctor_finding *finding)
{
	(void)facts;
	if (device->xdp_mode == XDP_MODE_NATIVE)
		return; /* it does */
	if (device->xdp_features == UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN,
			     "this kernel (before 6.3) does not tell what the driver can");
	else if (!(device->xdp_features & ACT_BASIC))
		doctor_found(finding, DOCTOR_WARN, "%s has no native XDP",
			     device->kind[0] ? device->kind : "the driver");
}

static void check_mtu(const struct doctor_facts *facts, const struct doctor_device *device,
		      struct doctor_finding *finding)
{
	uint64_t most = facts->page_bytes - PAGE_OVERHEAD_BYTES;

	if (device->mtu <= most || device->xdp_mode == XDP_MODE_NATIVE)
		return;
	if (device->xdp_features == UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN,
			     "MTU %" PRIu64 " needs a driver with multi-buffer XDP; this kernel "
			     "does not tell",
			     device->mtu);
	else if (!(device->xdp_features & ACT_BASIC) || !(device->xdp_features & ACT_RX_SG))
		doctor_found(finding, DOCTOR_WARN,
			     "MTU %" PRIu64 " is above %" PRIu64 ", and the driver has no "
			     "multi-buffer XDP",
			     device->mtu, most);
	doctor_mend(finding, "ip link set dev %s mtu %" PRIu64, device->ifname,
		    most < 1500 ? most : 1500);
}

static void check_foreign(const struct doctor_facts *facts, const struct doctor_device *device,
			  struct doctor_finding *finding)
{
	const char *name = device->xdp_prog_name[0] ? device->xdp_prog_name : "name needs root";

	(void)facts;
	if (!device->xdp_prog_id)
		return;
	if (device->our_prog_id) {
		if (device->xdp_prog_id != device->our_prog_id)
			doctor_found(finding, DOCTOR_ERROR,
				     "program %u (%s) is attached, ours is %u", device->xdp_prog_id,
				     name, device->our_prog_id);
		return;
	}
	if (!strncmp(device->xdp_prog_name, "ipacct", 6))
		return;
	if (!device->counted)
		doctor_found(finding, DOCTOR_ERROR,
			     "program %u (%s) is attached, and nothing of ours counts here",
			     device->xdp_prog_id, name);
	else if (device->xdp_prog_name[0])
		doctor_found(finding, DOCTOR_ERROR, "program %u (%s) is attached in our place",
			     device->xdp_prog_id, name);
	else
		doctor_found(finding, DOCTOR_UNKNOWN, "whose program %u is, is told to root only",
			     device->xdp_prog_id);
}

static void check_silent(const struct doctor_facts *facts, const struct doctor_device *device,
			 struct doctor_finding *finding)
{
	(void)facts;
	if (device->counted && !device->xdp_prog_id) {
		doctor_found(finding, DOCTOR_ERROR,
			     "the ledger says attached, and there is no XDP program");
	} else if (device->counted && !device->up) {
		doctor_found(finding, DOCTOR_INFO, "the device is down");
		doctor_mend(finding, "ip link set dev %s up", device->ifname);
	} else if (device->blind_packets) {
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " packets went by before a device that came back was "
			     "attached to",
			     device->blind_packets);
		doctor_mend(finding, "ipacctctl verify  # names what is missing");
	}
}

static void check_tc(const struct doctor_facts *facts, const struct doctor_device *device,
		     struct doctor_finding *finding)
{
	(void)facts;
	if (device->n_tc_programs == UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN, "programs of tcx are told to root only");
	else if (device->n_tc_programs)
		doctor_found(finding, DOCTOR_INFO, "%" PRIu64 " tc filters or tcx programs",
			     device->n_tc_programs);
}

const struct doctor_rule doctor_attach_rules[] = {
	{ "generic-mode", "XDP in generic mode", true, check_generic,
	  "after GRO, one packet that is seen may have been forty on the wire",
	  "ipacctctl detach IFACE && ipacctd -i IFACE --mode native", false },
	{ "native-xdp", "driver without native XDP", true, check_native,
	  "attaching is refused, or goes on in generic mode with wrong packet counts",
	  "ip -d link show dev IFACE  # attach to the lower device that feeds it", false },
	{ "mtu-frags", "MTU above what XDP takes", true, check_mtu,
	  "native attach is refused; with it, nothing is counted here",
	  "ip link set dev IFACE mtu 1500", false },
	{ "foreign-xdp", "another XDP program", true, check_foreign,
	  "what it drops or redirects is not counted, and ours is refused while it is there",
	  "ip link set dev IFACE xdpdrv off  # if nobody needs it", false },
	{ "silent", "attached, and no program", true, check_silent,
	  "packets go by uncounted from the moment on that the program was removed",
	  "systemctl restart ipacctd", false },
	{ "tc-programs", "tc programs on the device", true, check_tc,
	  "what they drop was counted by XDP and is missing behind them; redirected packets are "
	  "seen here only",
	  "tc filter show dev IFACE ingress; bpftool net show dev IFACE", false },
	{ 0 },
};
