/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program at a tc hook. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netlink/netlink.h>
#include <netlink/route/classifier.h>
#include <netlink/route/qdisc.h>

#include "attach_tc.h"
#include "base/cleanup.h"
#include "base/netlink.h"

int tcx_create(int prog_fd, uint32_t ifindex, uint8_t hook)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = TCX_BEFORE);
	int type = hook == IPACCT_HOOK_TC_EGRESS ? TCX_EGRESS : TCX_INGRESS;
	int fd = bpf_link_create(prog_fd, (int)ifindex, (enum bpf_attach_type)type, &opts);

	if (fd >= 0)
		return fd;
	/* before 6.6 the kernel knows no such type: EINVAL */
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
}

bool tcx_known(uint32_t ifindex)
{
	uint32_t n = 0;

	return !bpf_prog_query((int)ifindex, (enum bpf_attach_type)TCX_INGRESS, 0, NULL, NULL, &n);
}

static enum bpf_tc_attach_point point_of(uint8_t hook)
{
	return hook == IPACCT_HOOK_TC_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

int filter_create(int prog_fd, uint32_t ifindex, uint8_t hook, bool *ret_clsact)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex, .attach_point = point_of(hook));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = FILTER_HANDLE,
		    .priority = FILTER_PREFERENCE);
	int ret = bpf_tc_hook_create(&where);
	bool made = !ret;

	if (ret && ret != -EEXIST)
		return ret;
	ret = bpf_tc_attach(&where, &opts);
	if (ret && made)
		clsact_remove_if_empty(ifindex);
	if (!ret)
		*ret_clsact = made;
	return ret;
}

int filter_replace(int prog_fd, uint32_t ifindex, uint8_t hook)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex, .attach_point = point_of(hook));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = FILTER_HANDLE,
		    .priority = FILTER_PREFERENCE, .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&where, &opts);
}

int filter_facts(int prog_fd, uint32_t ifindex, uint8_t hook, struct link_facts *ret_facts)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex, .attach_point = point_of(hook));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PREFERENCE);
	int ret = ifindex ? bpf_tc_query(&where, &opts) : -ENODEV;
	bool there;

	/* no filter, no qdisc, no device; anything else says nothing */
	if (ret && ret != -ENOENT && ret != -EINVAL && ret != -ENODEV)
		return ret;
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &bytes))
		return -errno;
	there = !ret && opts.prog_id == info.id; /* of classic BPF: 0 */
	*ret_facts = (struct link_facts){ .prog_id = there ? opts.prog_id : 0,
					  .ifindex = there ? ifindex : 0,
					  .hook = hook };
	return 0;
}

void filter_remove(uint32_t ifindex, uint8_t hook)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex, .attach_point = point_of(hook));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PREFERENCE);

	(void)bpf_tc_detach(&where, &opts); /* gone already is as wanted */
}

/* Is any filter at this end of the qdisc? When the kernel does not tell: yes. */
static bool filters_there(struct nl_sock *socket, uint32_t ifindex, uint32_t minor)
{
	struct nl_cache *cache = NULL;
	bool any = true;

	if (!rtnl_cls_alloc_cache(socket, (int)ifindex, TC_H_MAKE(TC_H_CLSACT, minor), &cache)) {
		any = nl_cache_nitems(cache) > 0;
		nl_cache_free(cache);
	}
	return any;
}

bool clsact_there(uint32_t ifindex)
{
	struct nl_sock *socket __cleanup(cleanup_netlink) = netlink_open(NETLINK_ROUTE);
	struct rtnl_qdisc *qdisc = NULL;
	struct nl_cache *cache = NULL;
	bool there = true;

	if (socket && !rtnl_qdisc_alloc_cache(socket, &cache)) {
		qdisc = rtnl_qdisc_get_by_parent(cache, (int)ifindex, TC_H_CLSACT);
		there = qdisc;
		if (qdisc)
			rtnl_qdisc_put(qdisc);
		nl_cache_free(cache);
	}
	return there;
}

void clsact_remove_if_empty(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS); /* both: the qdisc itself */
	struct nl_sock *socket __cleanup(cleanup_netlink) = netlink_open(NETLINK_ROUTE);

	if (socket && !filters_there(socket, ifindex, TC_H_MIN_INGRESS) &&
	    !filters_there(socket, ifindex, TC_H_MIN_EGRESS))
		(void)bpf_tc_hook_destroy(&where); /* gone already is as wanted */
}
