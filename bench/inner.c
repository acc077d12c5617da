/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tunnels cost that are counted for the addresses inside, and tagged frames that have domains of their
 * own: one frame over and over, by the program without and by the program with that. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "datapath.h"

#define FRAME_BYTES_MAX 160u
#define PAYLOAD_BYTES   20u /* behind the last header: at least a UDP header */

/* Headers, hexadecimal without a blank; RFC 5737, RFC 3849 addresses, lengths as they must be. */
#define MACS            "020000000001020000000002"
#define IPV4(length, p) "4500" length "0000000040" p "0000c0000201c6336402"
#define INSIDE          "450000280000000040110000cb007101cb007102" /* 40 octets */
#define IPV6(length, n) \
	"60000000" length n "4020010db800000000000000000000000120010db8000000000000000000000002"

static const struct inner_case {
	const char *name, *headers;
	uint32_t flags;
	bool is_tunnel;
} cases[] = {
	{ "inner/none", MACS "0800" IPV4("0028", "11"), IPACCT_IFFLAG_INNER, false },
	{ "inner/ipip", MACS "0800" IPV4("003c", "04") INSIDE, IPACCT_IFFLAG_INNER, true },
	{ "inner/6in4", MACS "0800" IPV4("0050", "29") IPV6("0014", "11"), IPACCT_IFFLAG_INNER,
	  true },
	{ "inner/gre", MACS "0800" IPV4("0040", "2f") "00000800" INSIDE, IPACCT_IFFLAG_INNER,
	  true },
	{ "inner/vxlan",
	  MACS "0800" IPV4("005a", "11") "1b5b12b500460000"
					 "0800000000000100" MACS "0800" INSIDE,
	  IPACCT_IFFLAG_INNER, true },
	{ "inner/geneve",
	  MACS "0800" IPV4("005a", "11") "1b5b17c100460000"
					 "0000655800000100" MACS "0800" INSIDE,
	  IPACCT_IFFLAG_INNER, true },
	{ "vlan_domains/tagged", MACS "810000070800" IPV4("0028", "11"), IPACCT_IFFLAG_VLANS,
	  false },
	{ "vlan_domains/two_tags", MACS "88a80006810000070800" IPV4("0028", "11"),
	  IPACCT_IFFLAG_VLANS, false },
};

static uint32_t frame_write(const char *hex, uint8_t *frame)
{
	uint32_t n = 0;

	memset(frame, 0, FRAME_BYTES_MAX);
	for (; hex[0]; hex += 2, n++)
		for (int i = 0; i < 2; i++)
			frame[n] = (uint8_t)(frame[n] << 4 |
					     (hex[i] >= 'a' ? hex[i] - 'a' + 10 : hex[i] - '0'));
	return n + PAYLOAD_BYTES;
}

static double frame_run(const struct bench *bench, int prog_fd, const uint8_t *frame,
			uint32_t n_bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n_bytes,
		    .repeat = (int)bench->repeat);
	double begun = clock_s(CLOCK_THREAD_CPUTIME_ID);

	if (bpf_prog_test_run_opts(prog_fd, &opts))
		die("BPF_PROG_TEST_RUN", errno);
	return (clock_s(CLOCK_THREAD_CPUTIME_ID) - begun) * 1e9 / bench->repeat;
}

/* Every frame was accounted, and those of the second program for the addresses inside. */
static void inner_verify(struct stage *stage, const struct inner_case *row, uint64_t n_packets)
{
	struct ipacct_snapshot *snapshot;
	struct ipacct_totals totals;

	stage_cut(stage);
	snapshot = stage_snapshot(stage);
	totals = snapshot->interfaces[0].totals;
	if (totals.accounted.packets != 2 * n_packets ||
	    totals.inner_packets != (row->is_tunnel ? n_packets : 0))
		fail(stage->bench, "%s: of %llu packets %llu are accounted, %llu for inner ones",
		     row->name, (unsigned long long)(2 * n_packets),
		     (unsigned long long)totals.accounted.packets,
		     (unsigned long long)totals.inner_packets);
	ipacct_snapshot_destroy(snapshot);
}

static void inner_case(struct bench *bench, const struct inner_case *row)
{
	struct stage_options options = { .load = load_named("one", 4),
					 .memory_bytes = MEMORY_DEFAULT,
					 .hot = true };
	char case_name[FIGURE_NAME_BYTES], name[FIGURE_NAME_BYTES];
	const uint32_t flags[] = { 0, row->flags };
	static struct samples samples[2];
	uint8_t frame[FRAME_BYTES_MAX];
	static struct stage stage;
	uint32_t n_bytes;
	int fd[2];

	if (!wanted(bench, name_of(case_name, "features", row->name)))
		return;
	n_bytes = frame_write(row->headers, frame);
	stage_open(&stage, bench, &options);
	pin_to(bench->cpus[0]);
	for (int i = 0; i < 2; i++) {
		samples[i].n = 0;
		fd[i] = program_load(&stage.maps, 0, 0, 0, flags[i]);
		if (fd[i] < 0)
			die("the program", -fd[i]);
	}
	for (int run = 0; run < bench->n_runs; run++)
		for (int i = 0; i < 2; i++)
			samples_add(&samples[i], frame_run(bench, fd[i], frame, n_bytes));
	figure(bench->json, name_of(name, case_name, "without"), "ns/packet", &samples[0], NULL,
	       NULL);
	figure(bench->json, name_of(name, case_name, "with"), "ns/packet", &samples[1], "without",
	       &samples[0]);
	inner_verify(&stage, row, (uint64_t)bench->n_runs * bench->repeat);
	close(fd[0]);
	close(fd[1]);
	pin_to_any(bench);
	stage_close(&stage);
}

void inner_cases(struct bench *bench)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		inner_case(bench, &cases[i]);
}
