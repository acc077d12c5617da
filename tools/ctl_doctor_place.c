// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules of the doctor: the directories of ledger and pins. */
#include "ctl_doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define OTHERS_WRITE 0002u /* sys/stat.h S_IWOTH */
#define OTHERS_ANY   0007u
#define FREE_SHARE   10u         /* less than a tenth … */
#define FREE_BYTES   (16u << 20) /* … and less than a ledger of 64 k addresses twice */
#define MIB          (1024.0 * 1024.0)

static void check_bpffs(const struct doctor_facts *facts, const struct doctor_device *device,
			struct doctor_finding *finding)
{
	(void)device;
	if (facts->bpffs_error == ENOENT)
		doctor_found(finding, DOCTOR_INFO, "%s is not there: nothing was started yet",
			     facts->bpffs_dir);
	else if (facts->bpffs_error)
		doctor_found(finding, DOCTOR_UNKNOWN, "%s: %s", facts->bpffs_dir,
			     facts->bpffs_error < 0 ? "not looked at"
						    : strerror(facts->bpffs_error));
	else if (!facts->bpffs_is_bpf)
		doctor_found(finding, facts->ledger_error == 0 ? DOCTOR_ERROR : DOCTOR_INFO,
			     "%s is no bpffs: the pins are in another mount namespace, or gone",
			     facts->bpffs_dir);
	else if (facts->bpffs_mode & OTHERS_ANY)
		doctor_found(finding, DOCTOR_WARN, "%s has mode %04o: everybody may look inside",
			     facts->bpffs_dir, facts->bpffs_mode);
	else if (facts->maps_error == -EACCES)
		doctor_found(finding, DOCTOR_UNKNOWN, "%s is closed to this user: %s",
			     facts->bpffs_dir, facts->maps_problem);
	else if (facts->maps_error && facts->maps_error != -1 && facts->ledger_error == 0)
		doctor_found(finding, DOCTOR_ERROR, "the ledger is there and the maps are not: %s",
			     facts->maps_problem);
	if (!facts->bpffs_error && !facts->bpffs_is_bpf)
		doctor_mend(finding, "mount -t bpf -o mode=0750 ipacct %s", facts->bpffs_dir);
	else if (!facts->bpffs_error && facts->bpffs_mode & OTHERS_ANY)
		doctor_mend(finding, "chmod 0750 %s", facts->bpffs_dir);
}

static void check_mount_namespace(const struct doctor_facts *facts,
				  const struct doctor_device *device,
				  struct doctor_finding *finding)
{
	(void)device;
	if (facts->same_mount_namespace == SWITCH_UNKNOWN)
		doctor_found(finding, DOCTOR_UNKNOWN,
			     "the mount namespace of PID 1 is told to root "
			     "only");
	else if (facts->same_mount_namespace == SWITCH_OFF)
		doctor_found(finding, DOCTOR_WARN, "this is another mount namespace than PID 1's");
}

static void check_runtime(const struct doctor_facts *facts, const struct doctor_device *device,
			  struct doctor_finding *finding)
{
	(void)device;
	if (facts->runtime_error) {
		doctor_found(finding, facts->runtime_error == ENOENT ? DOCTOR_INFO : DOCTOR_UNKNOWN,
			     "%s: %s", facts->runtime_dir,
			     facts->runtime_error < 0 ? "not looked at"
						      : strerror(facts->runtime_error));
		return;
	}
	if (facts->runtime_mode & OTHERS_WRITE) {
		doctor_found(finding, DOCTOR_ERROR,
			     "%s has mode %04o: anybody may replace the ledger", facts->runtime_dir,
			     facts->runtime_mode);
		doctor_mend(finding, "chmod 0755 %s", facts->runtime_dir);
	} else if (facts->runtime_free_bytes * FREE_SHARE < facts->runtime_total_bytes &&
		   facts->runtime_free_bytes < FREE_BYTES) {
		doctor_found(finding, DOCTOR_WARN, "%.1f of %.1f MiB are free at %s",
			     (double)facts->runtime_free_bytes / MIB,
			     (double)facts->runtime_total_bytes / MIB, facts->runtime_dir);
	} else if (!facts->runtime_tmpfs) {
		doctor_found(finding, DOCTOR_INFO,
			     "%s is not on a tmpfs: each cut writes to a disk", facts->runtime_dir);
		doctor_mend(finding, "mount -t tmpfs -o mode=0755 tmpfs %s # before ipacctd starts",
			    facts->runtime_dir);
	}
}

const struct doctor_rule doctor_place_rules[] = {
	{ "bpffs", "pins in the bpffs", false, check_bpffs,
	  "without its pins the program counts on and nobody can read it; with the last descriptor "
	  "they are gone",
	  "mount -t bpf -o mode=0750 ipacct /run/ipacct/bpf", false },
	{ "mount-namespace", "mount namespace", false, check_mount_namespace,
	  "pins made here end with this namespace, and so does what they count",
	  "nsenter --mount=/proc/1/ns/mnt ipacctctl status", false },
	{ "runtime-dir", "runtime directory", false, check_runtime,
	  "a ledger that cannot grow or is not ours is no proof; counts wait in the maps meanwhile",
	  "mount -o remount,size=50% /run", false },
	{ 0 },
};
