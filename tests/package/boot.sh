#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# First process of a test's machine: the mounts of a system, then its root, then its init.
# usage: boot.sh ROOT systemd|wait      in new mount, process and cgroup namespaces
set -eu
root=$1
init=$2

mount --make-rprivate /
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for device in null zero full random urandom tty; do
	: >"dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
if [ "$init" = systemd ]; then
	mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mkdir -p run/old
pivot_root . run/old
umount -l /run/old
rmdir /run/old
: >/run/ipacct-test-booted
if [ "$init" = systemd ]; then
	# `container` makes it leave the hardware alone and log where it is told to.
	exec env -i container=ipacct-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
		--system --log-target=console --show-status=no systemd.unit=multi-user.target
fi
exec sleep infinity
