/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our program beside those of others, behind libxdp's dispatcher. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include "base/cleanup.h"
#include "cut.h"
#include "dispatcher.h"
#include "ipacct.skel.h"
#include "log.h"
#include "maps_make.h"
#include "turn.h"

#define CHILD_DEADLINE_MS 20000 /* libxdp waits for a lock that every user of it takes */

/* What a child does with libxdp. */
struct job {
	const struct ipacct_maps *maps;
	uint32_t slot;
	const struct ipacct_interface *record;
	uint32_t turn; /* add our program with this one; 0: remove */
	uint32_t domain_slot;
	uint32_t prog_ids[DISPATCHER_OURS_MAX]; /* to remove */
	int n_prog_ids;
};

struct answer {
	int ret;
	struct ipacct_problem problem;
};

/* Links of a dispatcher that is about to be replaced. libxdp unpins them as soon as the new one is
 * there: a packet that is in the old one then meets none of its programs. Held until it is through. */
struct held_links {
	int fd[MAX_DISPATCHER_ACTIONS];
};

static void links_hold(uint32_t ifindex, struct held_links *ret_held)
{
	char dir[IPACCT_PIN_PATH_BYTES - sizeof("/progNN-link")], path[IPACCT_PIN_PATH_BYTES];
	bool there = !dispatcher_dir(ifindex, dir, sizeof(dir), NULL);

	for (unsigned int i = 0; i < MAX_DISPATCHER_ACTIONS; i++) {
		ret_held->fd[i] = -1;
		if (!there)
			continue;
		(void)snprintf(path, sizeof(path), "%s/prog%u-link", dir, i); /* fits */
		ret_held->fd[i] = bpf_obj_get(path); /* −1: there are fewer */
	}
}

static void links_release(struct held_links *held)
{
	for (unsigned int i = 0; i < MAX_DISPATCHER_ACTIONS; i++)
		close_fd(&held->fd[i]);
}

static void cleanup_skeleton(struct ipacct_bpf **skeleton)
{
	if (*skeleton)
		ipacct_bpf__destroy(*skeleton);
}

static int program_prepare(const struct job *job, uint32_t turn, struct ipacct_bpf **ret_skeleton)
{
	int ret = program_open(NULL, job->maps, job->slot, job->record->domain, job->domain_slot,
			       job->record->flags, ret_skeleton);

	if (!ret)
		(*ret_skeleton)->rodata->cfg_turn = turn;
	return ret;
}

/* libxdp attaches a single program without saying so where it finds the dispatcher refused. */
static int really_dispatched(struct xdp_program *program, const struct job *job)
{
	struct xdp_multiprog *found = xdp_multiprog__get_from_ifindex((int)job->record->ifindex);
	int ret = (int)libxdp_get_error(found);

	if (ret || !xdp_multiprog__is_legacy(found))
		return ret;
	(void)xdp_program__detach(program, (int)job->record->ifindex,
				  xdp_multiprog__attach_mode(found), 0); /* the error is known */
	return -ENOSYS;
}

static int program_add(const struct job *job, struct ipacct_problem *ret_problem)
{
	const struct ipacct_interface *record = job->record;
	enum xdp_attach_mode mode =
		record->mode == IPACCT_MODE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	struct ipacct_bpf *skeleton __cleanup(cleanup_skeleton) = NULL;
	struct xdp_program *program;
	int ret = program_prepare(job, job->turn, &skeleton);

	if (ret)
		return ret;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = skeleton->obj,
			    .prog_name = "ipacct_xdp");
	program = xdp_program__create(&opts);
	ret = (int)libxdp_get_error(program);
	if (ret)
		return ret;
	(void)unsetenv("LIBXDP_SKIP_DISPATCHER");
	ret = xdp_program__set_run_prio(program, DISPATCHER_PRIORITY(job->turn));
	if (!ret)
		ret = xdp_program__attach(program, (int)record->ifindex, mode, 0);
	if (!ret)
		ret = really_dispatched(program, job);
	if (ret == -ENOSYS)
		ipacct_problem_set(ret_problem, "%s: the kernel refuses libxdp's dispatcher",
				   record->ifname);
	else if (ret == -E2BIG)
		ipacct_problem_set(ret_problem, "%s: no room behind its dispatcher (%u programs)",
				   record->ifname, MAX_DISPATCHER_ACTIONS);
	else if (ret)
		attach_explain(ret, record->ifname, record->mode, ret_problem);
	return ret;
}

static int program_remove(const struct job *job)
{
	struct xdp_multiprog *there = xdp_multiprog__get_from_ifindex((int)job->record->ifindex);
	struct xdp_program *ours[DISPATCHER_OURS_MAX], *program = NULL;
	size_t n = 0;

	if (libxdp_get_error(there))
		return (int)libxdp_get_error(there);
	while ((program = xdp_multiprog__next_prog(program, there)))
		for (int i = 0; i < job->n_prog_ids && n < DISPATCHER_OURS_MAX; i++)
			if (xdp_program__id(program) == job->prog_ids[i])
				ours[n++] = program;
	return !n ? -ENOENT
		  : xdp_program__detach_multi(ours, n, (int)job->record->ifindex,
					      xdp_multiprog__attach_mode(there), 0);
}

static int answer_wait(pid_t child, int from_fd, struct answer *ret_answer)
{
	struct pollfd news = { .fd = from_fd, .events = POLLIN };

	if (poll(&news, 1, CHILD_DEADLINE_MS) == 0)
		kill(child, SIGKILL);
	if (read(from_fd, ret_answer, sizeof(*ret_answer)) == sizeof(*ret_answer))
		return ret_answer->ret;
	ipacct_problem_set(&ret_answer->problem, "libxdp did not come to an end");
	return -ETIMEDOUT;
}

/* In a child, because libxdp 1.3 keeps a descriptor of every dispatcher it has looked at. It holds the
 * lock of the supervisor as long as it runs, and is left to finish if that dies. */
static int job_run(const struct job *job, struct ipacct_problem *ret_problem)
{
	struct answer answer = {};
	int ends[2], ret;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child) {
		answer.ret = job->turn ? program_add(job, &answer.problem) : program_remove(job);
		_exit(write(ends[1], &answer, sizeof(answer)) != sizeof(answer));
	}
	ret = child < 0 ? -errno : 0;
	close_fd(&ends[1]);
	if (!ret) {
		ret = answer_wait(child, ends[0], &answer);
		(void)waitpid(child, NULL, 0); /* what it said is what counts */
	}
	close_fd(&ends[0]);
	if (ret && answer.problem.text[0])
		*ret_problem = answer.problem;
	return ret;
}

/* One exchange of the dispatcher. When it returns no packet is in the old one any more. */
static int exchange(const struct job *job, struct ipacct_problem *ret_problem)
{
	struct held_links held;
	int ret, grace;

	links_hold(job->record->ifindex, &held);
	ret = job_run(job, ret_problem);
	grace = cut_grace(job->maps);
	links_release(&held);
	return ret ? ret : grace;
}

static int exchange_add(struct job job, uint32_t turn, struct ipacct_problem *ret_problem)
{
	job.turn = turn;
	return exchange(&job, ret_problem);
}

static int exchange_remove(struct job job, const struct dispatched *found, int n,
			   struct ipacct_problem *ret_problem)
{
	int ret;

	job.turn = 0;
	job.n_prog_ids = n;
	for (int i = 0; i < n; i++)
		job.prog_ids[i] = found[i].prog_id;
	ret = exchange(&job, ret_problem);
	if (ret && !ret_problem->text[0])
		ipacct_problem_set(ret_problem, "%s: libxdp does not detach: %s",
				   job.record->ifname, strerror(-ret));
	return ret;
}

bool dispatcher_on(uint32_t ifindex)
{
	char dir[IPACCT_PIN_PATH_BYTES];

	return !dispatcher_dir(ifindex, dir, sizeof(dir), NULL);
}

/* Of two programs (a crash in the middle of an upgrade) the one that counts. */
static int which_counts(const struct ipacct_maps *maps, uint32_t slot,
			const struct dispatched found[DISPATCHER_OURS_MAX], int n)
{
	uint64_t wanted = 0;

	if (n < DISPATCHER_OURS_MAX || turn_wanted(maps, slot, &wanted))
		return 0;
	return found[1].turn == wanted;
}

int dispatcher_open(const struct ipacct_maps *maps, const struct ipacct_interface *record)
{
	struct dispatched found[DISPATCHER_OURS_MAX];
	int n = dispatcher_find(maps, record->ifindex, found), fd = -ENOENT;

	if (n > 0)
		fd = take_fd(&found[0].link_fd);
	dispatched_close(found);
	return n < 0 ? n : fd;
}

/* The other modes say what is in their way; here it may be a dispatcher, but only one of our mode. */
static int mode_check(const struct ipacct_interface *record, struct ipacct_problem *ret_problem)
{
	char dir[IPACCT_PIN_PATH_BYTES];
	uint8_t mode = record->mode;

	if (dispatcher_dir(record->ifindex, dir, sizeof(dir), &mode))
		return foreign_check(record->ifindex, record->ifname, ret_problem);
	if (mode == record->mode)
		return 0;
	ipacct_problem_set(ret_problem, "%s: its dispatcher runs in %s mode: mode %s joins it",
			   record->ifname, ipacct_mode_name(mode), ipacct_mode_name(mode));
	return -EBUSY;
}

static int job_of(const struct ipacct_maps *maps, uint32_t slot,
		  const struct ipacct_interface *record, struct job *ret_job)
{
	int domain = domain_slot(maps, record->domain);

	*ret_job = (struct job){ .maps = maps, .slot = slot, .record = record };
	if (domain < 0)
		return domain;
	ret_job->domain_slot = (uint32_t)domain;
	return 0;
}

int dispatcher_attach(const struct ipacct_maps *maps, uint32_t slot,
		      const struct ipacct_interface *record, struct ipacct_problem *ret_problem)
{
	int fd = dispatcher_open(maps, record), ret; /* of a crash right after attaching */
	struct job job;

	if (fd >= 0) {
		ret = dispatcher_update(maps, slot, record, &fd, ret_problem);
		if (ret < 0)
			close_fd(&fd);
		return ret < 0 ? ret : fd;
	}
	ret = mode_check(record, ret_problem);
	if (!ret)
		ret = job_of(maps, slot, record, &job);
	if (!ret)
		ret = turn_want(maps, slot, IPACCT_TURN_FIRST);
	if (!ret)
		ret = exchange_add(job, IPACCT_TURN_FIRST, ret_problem);
	if (ret) {
		if (!ret_problem->text[0])
			ipacct_problem_set(ret_problem, "%s: cannot attach through libxdp: %s",
					   record->ifname, strerror(-ret));
		return ret;
	}
	return dispatcher_open(maps, record);
}

/* 1: the program there is this version and has these settings. */
static int is_current(const struct job *job, const struct dispatched *found)
{
	struct ipacct_bpf *skeleton __cleanup(cleanup_skeleton) = NULL;
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	const void *settings;
	size_t settings_bytes;
	int ret = program_prepare(job, found->turn, &skeleton);

	if (ret)
		return ret;
	settings = bpf_map__initial_value(skeleton->maps.rodata, &settings_bytes);
	if (!settings || !dispatched_has_settings(found, settings, settings_bytes))
		return 0;
	/* the kernel makes the tag, so it has to see the program; it is gone again at once */
	ret = ipacct_bpf__load(skeleton);
	if (!ret &&
	    bpf_obj_get_info_by_fd(bpf_program__fd(skeleton->progs.ipacct_xdp), &info, &bytes))
		ret = -errno;
	return ret ? ret : !memcmp(info.tag, found->tag, sizeof(info.tag));
}

/* The rest of an upgrade, from the moment when both run: `turn` counts, the other one goes. */
static int pass_on(const struct job *job, uint32_t turn, const struct dispatched *leaves,
		   struct ipacct_problem *ret_problem)
{
	int ret = turn_want(job->maps, job->slot, turn);

	if (!ret)
		ret = cut_grace(job->maps);
	if (!ret)
		ret = turn_decide(job->maps, job->slot, turn);
	return ret ? ret : exchange_remove(*job, leaves, 1, ret_problem);
}

static int replace(const struct job *job, const struct dispatched *old,
		   struct ipacct_problem *ret_problem)
{
	uint32_t turn = old->turn == IPACCT_TURN_FIRST ? IPACCT_TURN_SECOND : IPACCT_TURN_FIRST;
	int ret = turn_want(job->maps, job->slot, old->turn);

	if (!ret)
		ret = turn_decide(job->maps, job->slot, old->turn);
	if (!ret)
		ret = exchange_add(*job, turn, ret_problem);
	if (ret)
		return ret;
	ret = pass_on(job, turn, old, ret_problem);
	if (ret) /* the next start ends what is begun; until then one of them counts, as ever */
		log_warning("%s: %s; the old program stays there and does not count",
			    job->record->ifname, ret_problem->text);
	ret_problem->text[0] = '\0';
	return 0;
}

static int update_found(const struct job *job, struct dispatched *found, int n,
			struct ipacct_problem *ret_problem)
{
	int counts = which_counts(job->maps, job->slot, found, n), current, ret = 0;

	if (n == DISPATCHER_OURS_MAX) {
		log_info("%s: ending an upgrade that was interrupted", job->record->ifname);
		ret = pass_on(job, found[counts].turn, &found[!counts], ret_problem);
	}
	if (ret)
		return ret;
	current = is_current(job, &found[counts]);
	if (current)
		return current < 0 ? current : 0;
	ret = replace(job, &found[counts], ret_problem);
	return ret ? ret : 1;
}

int dispatcher_update(const struct ipacct_maps *maps, uint32_t slot,
		      const struct ipacct_interface *record, int *fd,
		      struct ipacct_problem *ret_problem)
{
	struct dispatched found[DISPATCHER_OURS_MAX];
	struct job job;
	int n = dispatcher_find(maps, record->ifindex, found);
	int ret = n < 0 ? n : !n ? -ENOENT : job_of(maps, slot, record, &job), fresh;

	if (!ret)
		ret = update_found(&job, found, n, ret_problem);
	dispatched_close(found);
	if (ret < 0)
		return ret;
	fresh = dispatcher_open(maps, record);
	if (fresh < 0)
		return fresh;
	close_fd(fd);
	*fd = fresh;
	return ret;
}

/* 1: the link is one of the dispatcher that is on the device now. */
static int link_holds(int fd, uint32_t ifindex, struct link_facts *ret_facts)
{
	struct bpf_link_info info = {};
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	uint32_t bytes = sizeof(info), on;

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return -ENODEV;
	on = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return -errno;
	*ret_facts = (struct link_facts){ info.id, info.prog_id, ifindex, IPACCT_HOOK_XDP };
	return on && info.tracing.target_obj_id == on;
}

int dispatcher_look(const struct ipacct_maps *maps, const struct ipacct_interface *record, int *fd,
		    struct link_facts *ret_facts)
{
	int ret = link_holds(*fd, record->ifindex, ret_facts), fresh;

	if (ret == 1)
		return 0;
	fresh = ret < 0 ? ret : dispatcher_open(maps, record);
	if (fresh < 0) {
		ret_facts->ifindex = 0;
		return fresh == -ENODEV || fresh == -ENOENT ? 0 : fresh;
	}
	(void)cut_grace(maps); /* a packet may be in the old dispatcher: our link to it ends here */
	close_fd(fd);
	*fd = fresh;
	return link_holds(*fd, record->ifindex, ret_facts) < 0 ? -EAGAIN : 0;
}

int dispatcher_remove(const struct ipacct_maps *maps, const struct ipacct_interface *record,
		      int *fd, struct ipacct_problem *ret_problem)
{
	struct dispatched found[DISPATCHER_OURS_MAX];
	int n = record->ifindex ? dispatcher_find(maps, record->ifindex, found) : 0, ret = 0;
	struct job job = { .maps = maps, .record = record };

	if (n > 0)
		ret = exchange_remove(job, found, n, ret_problem);
	if (record->ifindex)
		dispatched_close(found);
	if (ret || n < 0)
		return ret ? ret : n;
	close_fd(fd);
	return 0;
}
