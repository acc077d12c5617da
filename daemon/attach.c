/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program on one interface. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attach.h"
#include "attach_tc.h"
#include "base/cleanup.h"
#include "maps.h"

#define MTU_ONE_PAGE 3498 /* what most drivers take per page with XDP: 4096 − headroom − tailroom */

int link_pin_path(const char *bpffs_dir, uint32_t slot, char *buffer, size_t buffer_bytes)
{
	int n = snprintf(buffer, buffer_bytes, "%s/link_%u", bpffs_dir, slot);

	return n < 0 || (size_t)n >= buffer_bytes ? -ENAMETOOLONG : 0;
}

int link_open(const char *bpffs_dir, uint32_t slot)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret = link_pin_path(bpffs_dir, slot, path, sizeof(path)), fd;

	if (ret)
		return ret;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

/* linux/bpf.h of 6.6 and newer: bpf_link_info.tcx */
struct tcx_facts {
	__u32 ifindex;
	__u32 attach_type;
};

int link_facts(int link_fd, struct link_facts *ret_facts)
{
	struct bpf_link_info info = {};
	uint32_t bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(link_fd, &info, &bytes))
		return -errno;
	*ret_facts =
		(struct link_facts){ info.id, info.prog_id, info.xdp.ifindex, IPACCT_HOOK_XDP };
	if (info.type == TCX_LINK_TYPE) {
		struct tcx_facts tcx;

		/* the same place in the union */
		memcpy(&tcx, (const char *)&info + offsetof(struct bpf_link_info, xdp),
		       sizeof(tcx));
		ret_facts->ifindex = tcx.ifindex;
		ret_facts->hook = tcx.attach_type == TCX_EGRESS ? IPACCT_HOOK_TC_EGRESS
								: IPACCT_HOOK_TC_INGRESS;
	}
	return 0;
}

static bool flag_is_on(const char *ifname, uint32_t flag)
{
	int fd __cleanup(cleanup_fd) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq request = { .ifr_data = (void *)&value };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	return fd >= 0 && !ioctl(fd, SIOCETHTOOL, &request) && value.data & flag;
}

bool device_strips_tags(const char *ifname)
{
	return flag_is_on(ifname, ETH_FLAG_RXVLAN);
}

static int mtu_of(const char *ifname)
{
	int fd __cleanup(cleanup_fd) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	return fd >= 0 && !ioctl(fd, SIOCGIFMTU, &request) ? request.ifr_mtu : 0;
}

void attach_explain(int error, const char *ifname, uint8_t mode, struct ipacct_problem *ret_problem)
{
	const char *go_on =
		mode == IPACCT_MODE_NATIVE ? "; or accept counts after GRO: --mode generic" : "";
	int mtu = mtu_of(ifname);

	if (error == -EBUSY || error == -EEXIST)
		ipacct_problem_set(ret_problem,
				   "%s: somebody else attached an XDP program meanwhile", ifname);
	else if (error == -EOPNOTSUPP)
		ipacct_problem_set(ret_problem, "%s: the driver has no native XDP%s", ifname,
				   go_on);
	else if (flag_is_on(ifname, ETH_FLAG_LRO))
		ipacct_problem_set(ret_problem,
				   "%s refuses XDP (%s), probably because LRO is on: "
				   "ethtool -K %s lro off%s",
				   ifname, strerror(-error), ifname, go_on);
	else if (mtu > MTU_ONE_PAGE)
		ipacct_problem_set(ret_problem,
				   "%s refuses XDP (%s), probably because its MTU is %d:"
				   " ip link set %s mtu 1500%s",
				   ifname, strerror(-error), mtu, ifname, go_on);
	else
		ipacct_problem_set(ret_problem,
				   "%s refuses XDP (%s): too many queues (ethtool -L), or"
				   " see dmesg%s",
				   ifname, strerror(-error), go_on);
}

static int link_pin(const char *bpffs_dir, uint32_t slot, int link_fd)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret = link_pin_path(bpffs_dir, slot, path, sizeof(path));

	if (ret)
		return ret;
	(void)unlink(path); /* of a severed link, or absent */
	if (bpf_obj_pin(link_fd, path))
		return -errno;
	if (chmod(path, 0600)) {
		ret = -errno;
		(void)unlink(path); /* the error that matters is ret */
	}
	return ret;
}

int link_pin_missing(const char *bpffs_dir, uint32_t slot, int link_fd)
{
	char path[IPACCT_PIN_PATH_BYTES];
	int ret = link_pin_path(bpffs_dir, slot, path, sizeof(path));

	if (ret || !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return ret;
	ret = link_pin(bpffs_dir, slot, link_fd);
	return ret ? ret : 1;
}

int link_create(const char *bpffs_dir, uint32_t slot, int prog_fd, uint32_t ifindex,
		const char *ifname, uint8_t mode, struct ipacct_problem *ret_problem)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == IPACCT_MODE_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int fd __cleanup(cleanup_fd) = -1;
	int ret;

	fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		ret = -errno;
		attach_explain(ret, ifname, mode, ret_problem);
		return ret;
	}
	ret = link_pin(bpffs_dir, slot, fd);
	if (ret) {
		ipacct_problem_set(ret_problem, "cannot pin the link of %s in %s: %s", ifname,
				   bpffs_dir, strerror(-ret));
		return ret;
	}
	return take_fd(&fd);
}

int link_replace(int link_fd, int prog_fd)
{
	return bpf_link_update(link_fd, prog_fd, NULL) ? -errno : 0;
}

void link_remove(const char *bpffs_dir, uint32_t slot, int *link_fd)
{
	char path[IPACCT_PIN_PATH_BYTES];

	/* closing and unlinking take effect some time later (before 6.9 after a grace period) */
	if (*link_fd >= 0)
		(void)bpf_link_detach(*link_fd); /* fails when the device is gone: as wanted */
	if (!link_pin_path(bpffs_dir, slot, path, sizeof(path)))
		(void)unlink(path); /* absent is what is wanted */
	close_fd(link_fd);
}

static void program_name(uint32_t id, char *buffer, size_t buffer_bytes)
{
	int fd __cleanup(cleanup_fd) = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);

	(void)snprintf(buffer, buffer_bytes, "?"); /* one of another user namespace, say */
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &bytes))
		(void)snprintf(buffer, buffer_bytes, "%s", info.name);
}

int foreign_check(uint32_t ifindex, const char *ifname, struct ipacct_problem *ret_problem)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	char name[BPF_OBJ_NAME_LEN + 1];
	uint32_t id;

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0; /* the attach itself will say what is wrong */
	id = query.prog_id       ? query.prog_id
	     : query.drv_prog_id ? query.drv_prog_id
	     : query.skb_prog_id ? query.skb_prog_id
				 : query.hw_prog_id;
	if (!id)
		return 0;
	program_name(id, name, sizeof(name));
	ipacct_problem_set(ret_problem,
			   "%s already has the XDP program '%s' (id %u): it is left "
			   "alone; `bpftool net show dev %s` shows it",
			   ifname, name, id, ifname);
	return -EBUSY;
}
