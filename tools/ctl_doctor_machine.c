// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: the kernel, its clock, and limits of memory. */
#include "ctl_doctor.h"

#include <inttypes.h>
#include <stdlib.h>

#define KERNEL_MAJOR 6u /* DESIGN: 6.1 and newer */
#define KERNEL_MINOR 1u
#define AHEAD_NS     1000000000LL /* a second: more than reading two clocks apart explains */
#define CGROUP_FULL  90u          /* per cent */
#define MIB          (1024.0 * 1024.0)

static void check_kernel(const struct doctor_facts *facts, const struct doctor_device *device,
			 struct doctor_finding *finding)
{
	(void)device;
	if (!facts->kernel_major) {
		doctor_found(finding, DOCTOR_UNKNOWN, "uname does not name a version");
	} else if (facts->kernel_major < KERNEL_MAJOR ||
		   (facts->kernel_major == KERNEL_MAJOR && facts->kernel_minor < KERNEL_MINOR)) {
		doctor_found(finding, DOCTOR_ERROR, "Linux %u.%u is older than %u.%u",
			     facts->kernel_major, facts->kernel_minor, KERNEL_MAJOR, KERNEL_MINOR);
	} else if (facts->membarrier == SWITCH_OFF) {
		doctor_found(finding, DOCTOR_WARN, "no membarrier(2): cuts wait in another way");
	} else if (facts->cgroup == SWITCH_OFF) {
		doctor_found(finding, DOCTOR_INFO,
			     "no cgroup v2: the memory budget is not enforced by a unit");
		doctor_mend(finding,
			    "add systemd.unified_cgroup_hierarchy=1 to the kernel command line");
	}
}

static void check_jit(const struct doctor_facts *facts, const struct doctor_device *device,
		      struct doctor_finding *finding)
{
	(void)device;
	if (facts->jit == SWITCH_UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN,
			     "/proc/sys/net/core/bpf_jit_enable cannot be read");
	else if (facts->jit == SWITCH_OFF)
		doctor_found(finding, DOCTOR_ERROR, "net.core.bpf_jit_enable is 0");
}

static void check_clock(const struct doctor_facts *facts, const struct doctor_device *device,
			struct doctor_finding *finding)
{
	(void)device;
	if (facts->clock_ahead_ns > AHEAD_NS) {
		doctor_found(finding, DOCTOR_ERROR,
			     "the newest cut lies %.1f s in the future: the clock was set back",
			     (double)facts->clock_ahead_ns / 1e9);
		doctor_mend(finding, "timedatectl timesync-status; chronyc tracking");
	} else if (facts->clock_synchronised == SWITCH_UNKNOWN) {
		doctor_found(finding, DOCTOR_UNKNOWN, "adjtimex(2) is refused");
	} else if (facts->clock_synchronised == SWITCH_OFF) {
		doctor_found(finding, DOCTOR_INFO, "the kernel's clock is not synchronised");
	}
}

static void check_limit(const struct doctor_facts *facts, const struct doctor_device *device,
			struct doctor_finding *finding)
{
	(void)device;
	if (facts->cgroup_max_bytes == UNKNOWN || facts->cgroup_bytes == UNKNOWN)
		return; /* no limit */
	if (facts->cgroup_bytes / 100 * 100 > facts->cgroup_max_bytes / 100 * CGROUP_FULL)
		doctor_found(finding, DOCTOR_WARN, "memory cgroup holds %.1f of %.1f MiB",
			     (double)facts->cgroup_bytes / MIB,
			     (double)facts->cgroup_max_bytes / MIB);
}

static void check_stretched(const struct doctor_facts *facts, const struct doctor_device *device,
			    struct doctor_finding *finding)
{
	(void)device;
	if (facts->interval_effective_ns > facts->interval_wanted_ns)
		doctor_found(finding, DOCTOR_INFO,
			     "a cut each %.2f s in place of %.2f s: one takes more than its share "
			     "of a CPU",
			     (double)facts->interval_effective_ns / 1e9,
			     (double)facts->interval_wanted_ns / 1e9);
}

const struct doctor_rule doctor_machine_rules[] = {
	{ "kernel", "kernel features", false, check_kernel,
	  "batch look-ups, links and membarrier are what a cut without loss is made of",
	  "apt install linux-image-amd64  # 6.1 or newer", false },
	{ "bpf-jit", "BPF JIT off", false, check_jit,
	  "the interpreter takes ten times as long: packets are lost before they are counted",
	  "sysctl -w net.core.bpf_jit_enable=1", true },
	{ "clock", "clock", false, check_clock,
	  "first and last seen, and rates over time, are as wrong as the clock; counts are not",
	  "timedatectl set-ntp true", false },
	{ "memory-limit", "memory limit of the cgroup", false, check_limit,
	  "near the limit the ledger cannot grow and the collector is killed; counts wait in the "
	  "maps",
	  "systemctl set-property ipacctd MemoryMax=512M", false },
	{ "stretched", "cuts stretched by the CPU budget", false, check_stretched,
	  "figures are exact, and older than the interval says",
	  "raise `interval:`; ipacctctl plan says what a cut of so many addresses costs", false },
	{ 0 },
};
