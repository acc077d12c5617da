/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair by rtnetlink; its poller by /proc. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <bpf/libbpf.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>

#include "base/netlink.h"
#include "bench.h"
#include "veth.h"

#define NEAR "bench0"
#define FAR  "bench1"

static struct nl_sock *route_open(void)
{
	struct nl_sock *sock = netlink_open(NETLINK_ROUTE);

	if (!sock)
		die("rtnetlink", EIO);
	return sock;
}

static void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path, errno);
	close(fd);
}

static void link_up(struct nl_sock *sock, const char *name)
{
	struct rtnl_link *link, *change = rtnl_link_alloc();

	if (!change || rtnl_link_get_kernel(sock, 0, name, &link))
		die(name, ENODEV);
	rtnl_link_set_flags(change, IFF_UP);
	if (rtnl_link_change(sock, link, change, 0))
		die(name, EIO);
	rtnl_link_put(link);
	rtnl_link_put(change);
}

int task_find(const char *name)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	char path[64], comm[32];
	int found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		FILE *file = NULL;

		(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		if (isdigit((unsigned char)entry->d_name[0]))
			file = fopen(path, "re");
		if (file && fgets(comm, sizeof(comm), file) && !strncmp(comm, name, strlen(name)) &&
		    comm[strlen(name)] == '\n')
			found = atoi(entry->d_name);
		if (file)
			(void)fclose(file); /* read only */
	}
	if (proc)
		closedir(proc);
	return found;
}

uint64_t task_cpu_ns(int pid)
{
	char path[64];
	uint64_t ns;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%" SCNu64, &ns) != 1)
		die(path, errno);
	(void)fclose(file); /* read only */
	return ns;
}

void veth_attach(int ifindex, int prog_fd)
{
	int ret = bpf_xdp_attach(ifindex, prog_fd, XDP_FLAGS_DRV_MODE, NULL);

	if (ret)
		die("native XDP on veth", ret);
}

uint64_t veth_received(int ifindex)
{
	struct nl_sock *sock = route_open();
	struct rtnl_link *link;
	uint64_t n;

	if (rtnl_link_get_kernel(sock, ifindex, NULL, &link))
		die("link statistics", EIO);
	n = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS);
	rtnl_link_put(link);
	nl_socket_free(sock);
	return n;
}

void veth_make(struct veth *ret_veth, int far_prog_fd)
{
	struct nl_sock *sock = route_open();

	/* no neighbour discovery: its frames would be counted too */
	file_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (rtnl_link_veth_add(sock, NEAR, FAR, getpid()))
		die("veth", EIO);
	link_up(sock, NEAR);
	link_up(sock, FAR);
	nl_socket_free(sock);
	ret_veth->near = (int)if_nametoindex(NEAR);
	ret_veth->far = (int)if_nametoindex(FAR);
	veth_attach(ret_veth->far, far_prog_fd);
}

void veth_remove(const struct veth *veth)
{
	struct nl_sock *sock = route_open();
	struct rtnl_link *link = rtnl_link_alloc();

	rtnl_link_set_ifindex(link, veth->near);
	if (rtnl_link_delete(sock, link))
		die("veth", EIO);
	rtnl_link_put(link);
	nl_socket_free(sock);
}

double softirq_s(int cpu)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");
	char line[512], name[16];
	double seconds = -1;

	(void)snprintf(name, sizeof(name), "cpu%d ", cpu);
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), "%llu %llu %llu %llu %llu %llu %llu", &user, &nice,
			   &system, &idle, &iowait, &irq, &softirq) == 7)
			seconds = (double)softirq / (double)sysconf(_SC_CLK_TCK);
	if (file)
		(void)fclose(file); /* read only */
	if (seconds < 0)
		die("/proc/stat", EIO);
	return seconds;
}
