/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long our programs run. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "base/cleanup.h"
#include "program_time.h"

#define CLOCK_RUNS  10000u /* of the empty program: under a millisecond, within a few percent */
#define FRAME_BYTES 64u    /* bpf_prog_test_run wants at least an Ethernet header */
#define PS_PER_NS   1000u

void program_time_init(struct program_time *time)
{
	memset(time, 0, sizeof(*time));
	time->stats_fd = -1;
}

static int run_info(int fd, uint64_t *ret_ns, uint64_t *ret_runs)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return -errno;
	*ret_ns = info.run_time_ns;
	*ret_runs = info.run_cnt;
	return 0;
}

/* Statistics read the clock before and after a run: about one reading is inside what they call the
 * time of the run, and on some machines that is more than the run itself. */
static void clock_measure(struct program_time *time)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char frame[FRAME_BYTES] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = CLOCK_RUNS);
	int fd __cleanup(cleanup_fd) =
		bpf_prog_load(BPF_PROG_TYPE_XDP, "ipacct_clock", "GPL", pass, 2, NULL);
	uint64_t ns = 0, runs = 0;

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run) || run_info(fd, &ns, &runs) || !runs)
		return;
	time->clock_ps = ns * PS_PER_NS / runs;
}

int program_time_open(struct program_time *time, const uint32_t *prog_ids, size_t n_progs)
{
	int stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (stats_fd < 0)
		return -errno;
	time->stats_fd = stats_fd;
	if (!time->clock_ps)
		clock_measure(time);
	time->n = 0;
	for (size_t i = 0; i < n_progs && time->n < IPACCT_IFS_MAX; i++) {
		int fd = bpf_prog_get_fd_by_id(prog_ids[i]);

		if (fd < 0)
			continue; /* replaced just now: it is in the next window */
		if (run_info(fd, &time->program[time->n].ns, &time->program[time->n].runs))
			close_fd(&fd);
		else
			time->program[time->n++].fd = fd;
	}
	return 0;
}

void program_time_close(struct program_time *time, uint64_t *ret_ns, uint64_t *ret_runs)
{
	uint64_t total_ns = 0, total_runs = 0, clock_ns;

	for (size_t i = 0; i < time->n; i++) {
		uint64_t ns, runs;

		if (!run_info(time->program[i].fd, &ns, &runs)) {
			total_ns += ns - time->program[i].ns;
			total_runs += runs - time->program[i].runs;
		}
		close_fd(&time->program[i].fd);
	}
	time->n = 0;
	close_fd(&time->stats_fd);
	clock_ns = (uint64_t)((double)total_runs * (double)time->clock_ps / PS_PER_NS);
	*ret_ns = total_ns > clock_ns ? total_ns - clock_ns : 0;
	*ret_runs = total_runs;
}
