// SPDX-License-Identifier: GPL-2.0-or-later
/* Probe of the doctor: offloads, rings, queues and the driver's own counters, by SIOCETHTOOL. Only
 * commands that read; none of them takes a privilege. */
#include "ctl_doctor.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define STRINGS_MAX 65536u /* names of one set: drivers with many queues have thousands */

struct names {
	uint32_t n;
	char (*name)[ETH_GSTRING_LEN]; /* not terminated when all octets are used */
};

static int ask(int fd, const char *ifname, void *command)
{
	struct ifreq request = { .ifr_data = command };

	memcpy(request.ifr_name, ifname, IFNAMSIZ);
	return ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* The names of a string set; on failure none. Free names->name. */
static void names_read(int fd, const char *ifname, uint32_t set, struct names *ret_names)
{
	struct ethtool_sset_info *count __cleanup(cleanup_free) =
		calloc(1, sizeof(*count) + sizeof(count->data[0]));
	struct ethtool_gstrings *strings __cleanup(cleanup_free) = NULL;
	uint32_t n;

	*ret_names = (struct names){ 0 };
	if (!count)
		return;
	count->cmd = ETHTOOL_GSSET_INFO;
	count->sset_mask = 1ULL << set;
	if (ask(fd, ifname, count) || !count->sset_mask || !count->data[0] ||
	    count->data[0] > STRINGS_MAX)
		return;
	n = count->data[0];
	strings = calloc(1, sizeof(*strings) + (size_t)n * ETH_GSTRING_LEN);
	if (!strings)
		return;
	*strings =
		(struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS, .string_set = set, .len = n };
	if (ask(fd, ifname, strings) || strings->len != n)
		return;
	ret_names->name = malloc((size_t)n * ETH_GSTRING_LEN);
	if (!ret_names->name)
		return;
	memcpy(ret_names->name, strings->data, (size_t)n * ETH_GSTRING_LEN);
	ret_names->n = n;
}

static void names_finish(struct names *names)
{
	free(names->name);
}

static void features_read(int fd, struct doctor_device *device)
{
	/* net/ethtool/common.c netdev_features_strings */
	const struct {
		const char *name;
		enum doctor_switch *to;
	} wanted[] = {
		{ "rx-vlan-hw-parse", &device->rxvlan },
		{ "rx-lro", &device->lro },
		{ "rx-gro-hw", &device->gro_hw },
		{ "hw-tc-offload", &device->tc_offload },
	};
	struct ethtool_gfeatures *features __cleanup(cleanup_free) = NULL;
	struct names names __cleanup(names_finish) = { 0 };
	uint32_t n_blocks;

	names_read(fd, device->ifname, ETH_SS_FEATURES, &names);
	n_blocks = (names.n + 31) / 32;
	features = calloc(1, sizeof(*features) + n_blocks * sizeof(features->features[0]));
	if (!features || !n_blocks)
		return;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = n_blocks;
	if (ask(fd, device->ifname, features))
		return;
	for (uint32_t i = 0; i < names.n; i++)
		for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++)
			if (strncmp(names.name[i], wanted[k].name, ETH_GSTRING_LEN) == 0)
				*wanted[k].to = features->features[i / 32].active >> (i % 32) & 1
							? SWITCH_ON
							: SWITCH_OFF;
}

static void sizes_read(int fd, struct doctor_device *device)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	if (ask(fd, device->ifname, &ring) == 0) {
		device->ring = ring.rx_pending;
		device->ring_max = ring.rx_max_pending;
	}
	if (ask(fd, device->ifname, &channels) == 0) {
		device->n_rx_queues = channels.rx_count + channels.combined_count;
		device->n_rx_queues_max =
			channels.max_combined ? channels.max_combined : channels.max_rx;
	}
}

/* Whether a driver's counter is of packets that XDP dropped: "rx_queue_0_xdp_drops" (veth),
 * "rx0_xdp_drop" (mlx5), "xdp_drop" (i40e, ixgbe), "rx_xdp_drops" (virtio_net). */
static bool is_xdp_drop(const char name[ETH_GSTRING_LEN])
{
	char text[ETH_GSTRING_LEN + 1] = "";

	memcpy(text, name, ETH_GSTRING_LEN);
	return strstr(text, "xdp_drop") != NULL;
}

static void drops_read(int fd, struct doctor_device *device)
{
	struct names names __cleanup(names_finish) = { 0 };
	struct ethtool_stats *stats __cleanup(cleanup_free) = NULL;

	names_read(fd, device->ifname, ETH_SS_STATS, &names);
	stats = calloc(1, sizeof(*stats) + (size_t)names.n * sizeof(stats->data[0]));
	if (!stats || !names.n)
		return;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = names.n;
	if (ask(fd, device->ifname, stats) || stats->n_stats != names.n)
		return;
	for (uint32_t i = 0; i < names.n; i++)
		if (is_xdp_drop(names.name[i]))
			device->xdp_drops = (device->xdp_drops == UNKNOWN ? 0 : device->xdp_drops) +
					    stats->data[i];
}

void doctor_probe_ethtool(struct doctor_facts *facts)
{
	int fd __cleanup(cleanup_fd) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (size_t i = 0; fd >= 0 && i < facts->n_devices; i++) {
		if (!facts->devices[i].asked_for)
			continue;
		features_read(fd, &facts->devices[i]);
		sizes_read(fd, &facts->devices[i]);
		drops_read(fd, &facts->devices[i]);
	}
}
