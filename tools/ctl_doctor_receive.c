// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: what is lost between the wire and the program, and how work is shared out. */
#include "ctl_doctor.h"

#include <inttypes.h>

#define SKEW_PACKETS_MIN 10000u /* fewer say nothing about how flows are spread */
#define SKEW_PERCENT     80u    /* of one CPU, where there are several to share */
#define RING_SHARE       4u     /* a ring below a quarter of what the hardware has */

static uint64_t lost_before(const struct doctor_device *device)
{
	return device->rx_missed + device->rx_over + device->rx_fifo;
}

static void check_rx_drops(const struct doctor_facts *facts, const struct doctor_device *device,
			   struct doctor_finding *finding)
{
	uint64_t lost = lost_before(device);

	(void)facts;
	if (lost)
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " packets (%.3f %% of %" PRIu64 ") lost before XDP: missed "
			     "%" PRIu64 ", over %" PRIu64 ", fifo %" PRIu64,
			     lost, 100.0 * (double)lost / (double)(lost + device->rx_packets),
			     lost + device->rx_packets, device->rx_missed, device->rx_over,
			     device->rx_fifo);
	else if (device->rx_crc)
		doctor_found(finding, DOCTOR_INFO,
			     "%" PRIu64 " frames with a wrong checksum (cable?)", device->rx_crc);
}

static void check_xdp_drops(const struct doctor_facts *facts, const struct doctor_device *device,
			    struct doctor_finding *finding)
{
	(void)facts;
	if (device->xdp_drops != UNKNOWN && device->xdp_drops)
		doctor_found(finding, DOCTOR_WARN,
			     "the driver counts %" PRIu64
			     " packets dropped by XDP; ours drops none",
			     device->xdp_drops);
}

static void check_ring(const struct doctor_facts *facts, const struct doctor_device *device,
		       struct doctor_finding *finding)
{
	(void)facts;
	if (device->ring == UNKNOWN || device->ring_max == UNKNOWN || !device->ring_max ||
	    device->ring >= device->ring_max)
		return;
	if (lost_before(device))
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " of %" PRIu64
			     " receive descriptors, and packets were lost",
			     device->ring, device->ring_max);
	else if (device->ring * RING_SHARE < device->ring_max)
		doctor_found(finding, DOCTOR_INFO, "%" PRIu64 " of %" PRIu64 " receive descriptors",
			     device->ring, device->ring_max);
	doctor_mend(finding, "ethtool -G %s rx %" PRIu64, device->ifname, device->ring_max);
}

static uint64_t queues_wanted(const struct doctor_facts *facts, const struct doctor_device *device)
{
	return device->n_rx_queues_max < facts->n_cpus_online ? device->n_rx_queues_max
							      : facts->n_cpus_online;
}

static void check_queues(const struct doctor_facts *facts, const struct doctor_device *device,
			 struct doctor_finding *finding)
{
	uint64_t wanted;

	if (device->n_rx_queues == UNKNOWN || device->n_rx_queues_max == UNKNOWN)
		return; /* the driver has no channels */
	wanted = queues_wanted(facts, device);
	if (device->n_rx_queues >= wanted)
		return;
	doctor_found(finding, DOCTOR_INFO,
		     "%" PRIu64 " receive queues, %" PRIu64 " CPUs could work", device->n_rx_queues,
		     wanted);
	doctor_mend(finding, "ethtool -L %s combined %" PRIu64, device->ifname, wanted);
}

static void check_skew(const struct doctor_facts *facts, const struct doctor_device *device,
		       struct doctor_finding *finding)
{
	uint64_t sum = 0, most = 0;
	uint32_t busiest = 0;

	if (!device->counted || facts->n_cpus_online < 2)
		return;
	if (!device->n_cpus) {
		doctor_found(finding, DOCTOR_UNKNOWN,
			     "the pinned maps cannot be read: root or group "
			     "ipacct may");
		return;
	}
	for (uint32_t cpu = 0; cpu < device->n_cpus; cpu++) {
		sum += device->cpu_seen[cpu];
		if (device->cpu_seen[cpu] > most) {
			most = device->cpu_seen[cpu];
			busiest = cpu;
		}
	}
	if (sum >= SKEW_PACKETS_MIN && most * 100 > sum * SKEW_PERCENT)
		doctor_found(finding, DOCTOR_WARN,
			     "CPU %u took %.1f %% of %" PRIu64 " packets since the last cut, of %u "
			     "CPUs",
			     busiest, 100.0 * (double)most / (double)sum, sum,
			     facts->n_cpus_online);
}

static void check_softnet(const struct doctor_facts *facts, const struct doctor_device *device,
			  struct doctor_finding *finding)
{
	(void)device;
	if (facts->softnet_dropped == UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN, "/proc/net/softnet_stat cannot be read");
	else if (facts->softnet_dropped)
		doctor_found(finding, DOCTOR_WARN,
			     "%" PRIu64 " packets dropped between driver and stack since boot",
			     facts->softnet_dropped);
}

const struct doctor_rule doctor_receive_rules[] = {
	{ "rx-drops", "packets lost before XDP", true, check_rx_drops,
	  "the switch counted them on its port and no program here could see them",
	  "ethtool -S IFACE  # larger rings, more queues: see ring-size, queues", false },
	{ "xdp-drops", "an XDP program drops", true, check_xdp_drops,
	  "another program drops before or beside ours: both sides count differently",
	  "bpftool net show dev IFACE", false },
	{ "ring-size", "receive ring smaller than it could be", true, check_ring,
	  "a burst longer than the ring is lost before XDP", "ethtool -G IFACE rx MAX", true },
	{ "queues", "fewer receive queues than CPUs", true, check_queues,
	  "one CPU takes what several could: the limit is reached earlier, then packets are lost",
	  "ethtool -L IFACE combined N", true },
	{ "rss-skew", "one CPU gets most packets", true, check_skew,
	  "its partition fills and rolls up while others are empty; it is the first to lose "
	  "packets",
	  "ethtool -X IFACE equal QUEUES  # and spread interrupts: /proc/interrupts", true },
	{ "softnet-drops", "backlog drops", false, check_softnet,
	  "in generic mode and behind it packets are lost after the driver counted them",
	  "sysctl -w net.core.netdev_max_backlog=10000", true },
	{ 0 },
};
