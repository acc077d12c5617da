/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A veth pair in this process's own network namespace, and where its receiving end spends its time. */
#ifndef IPACCT_BENCH_VETH_H
#define IPACCT_BENCH_VETH_H

#include <stdint.h>

struct veth {
	int near, far; /* interface indexes */
};

/* far_prog_fd: put on the far end at once, because NAPI is there only with a program.
 * Ends the program when the kernel refuses. */
void veth_make(struct veth *ret_veth, int far_prog_fd);

/* Put a program on one end, in native mode, replacing the one that is there. */
void veth_attach(int ifindex, int prog_fd);

/* Frames that an end has received. */
uint64_t veth_received(int ifindex);

void veth_remove(const struct veth *veth);

/* The process of this name, 0 = none. */
int task_find(const char *name);

/* Nanoseconds that a task has been on a CPU. */
uint64_t task_cpu_ns(int pid);

/* Seconds that a CPU has spent in soft interrupts; steps of a clock tick. */
double softirq_s(int cpu);

#endif
