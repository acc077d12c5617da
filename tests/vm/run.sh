#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run the core tests on another kernel: a Debian cloud kernel under qemu's TCG (no KVM needed).
#
# usage: tests/vm/run.sh KERNEL [BUILD]        KERNEL: a series (6.1: the oldest supported; 6, 7:
#                                              the newest of it), or all for these three
# BUILD is a meson build directory (default: $IPACCT_BUILD); IPACCT_CRASH_BUILD adds the tests with
# crash points, IPACCT_NEXT_BUILD (-Dnext_layout=true) upgrades to it. IPACCT_VM_CACHE keeps the
# kernels. IPACCT_VM_TESTS: parts of names of e2e tests; IPACCT_VM_KERNEL_SUITE=no leaves the kernel
# suite out; unset, it is out where this machine has a kernel of the same series, which runs all of it.
# Prints one TAP stream; exit 1 when anything failed or a guest did not reach its end.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
matrix=(6 7 6.1)
side_by_side=3 # guests at a time, each one thread
kernel=${1:-}
build=${2:-${IPACCT_BUILD:-}}
# shellcheck disable=SC2034  # kernels.sh uses it
cache=${IPACCT_VM_CACHE:-${XDG_CACHE_HOME:-/var/cache/ipacct}/vm}
limit_s=${IPACCT_VM_LIMIT_S:-1200} # of one boot with all its tests
boot_limit_s=90                       # until its user space begins, 3 s on an idle machine
memory_mib=2048
cpu_model=Nehalem # README.md: which were tried
threads=${IPACCT_VM_THREADS:-single} # of the emulator: README.md

# shellcheck disable=SC1091  # it is checked by itself
. "$here/kernels.sh"

fail() {
	echo "1..1"
	echo "not ok 1 - vm: $*"
	exit 1
}

skip() {
	echo "1..0 # SKIP vm: $*"
	exit 0
}

# The shared libraries of a program, copied to the same place; its own from the build excepted.
add_libraries() {
	local library
	{ ldd "$1" 2>/dev/null || true; } | awk 'match($0, /\/[^ ]*/) { print substr($0, RSTART, RLENGTH) }' |
		while read -r library; do
			case $library in "$build"/* | "${IPACCT_CRASH_BUILD:-$build}"/*) continue ;; esac
			case $library in "${IPACCT_NEXT_BUILD:-$build}"/*) continue ;; esac
			[ -e "$root$library" ] || install -D -p "$library" "$root$library"
		done
}

# Copy files into the guest's root at the same place, with what they need.
add_files() {
	local file
	for file in "$@"; do
		install -D -p "$file" "$root$file"
		add_libraries "$file"
	done
}

add_modules() {
	local module file version
	version=$(ls "$kernel_dir/lib/modules")
	mkdir -p "$root/lib/modules/$version"
	# The first ones at boot (init), the others when a device of their kind is asked for.
	for module in veth virtio_net virtio_pci 8021q bonding cls_bpf sch_ingress \
		vxlan geneve ip_gre ipip sit wireguard; do
		# A line of modules.dep: the module, then what it needs.
		grep -E "/$module\.ko(\.xz)?:" "$kernel_dir/lib/modules/$version/modules.dep" || true
	done | tr -d : | tr ' ' '\n' | sort -u | while read -r file; do
		[ -z "$file" ] || install -D "$kernel_dir/lib/modules/$version/$file" \
			"$root/lib/modules/$version/$file"
	done
	busybox depmod -b "$root" "$version"
}

# The programs under test: same layout as the build directory, so that run paths hold.
add_build() {
	local from=$1 to=$2 name
	shift 2
	for name in daemon/ipacctd tools/ipacct-dump tools/ipacctctl "$@"; do
		[ -x "$from/$name" ] || fail "$from/$name is missing: build first"
		install -D -p "$from/$name" "$root$to/$name"
		add_libraries "$from/$name"
	done
	mkdir -p "$root$to/xdp"
	cp -a "$from"/xdp/libipacct.so* "$root$to/xdp/" 2>/dev/null || true
}

add_kernel_suite() {
	local binary
	for binary in "$build"/tests/kernel/*; do
		if [ ! -f "$binary" ] || [ ! -x "$binary" ]; then continue; fi
		case $binary in *.so* | *.o) continue ;; esac
		install -D -p "$binary" "$root/build/tests/kernel/${binary##*/}"
		add_libraries "$binary"
	done
}

guest_settings() {
	echo "export IPACCT_BUILD=/build IPACCT_TEST_SLOW=${IPACCT_VM_SLOW:-15}"
	echo "export LD_LIBRARY_PATH=/build/xdp ASAN_OPTIONS=detect_leaks=0"
	# What one kernel is enough for: the two newer ones have every second of it.
	case $series in
	"${matrix[0]}") echo "export IPACCT_VM_SHARE=0/2" ;;
	"${matrix[1]}") echo "export IPACCT_VM_SHARE=1/2" ;;
	esac
	echo "E2E_TESTS='${IPACCT_VM_TESTS:-}' KERNEL_SUITE=$kernel_suite"
	[ -z "${IPACCT_CRASH_BUILD:-}" ] || echo "export IPACCT_CRASH_BUILD=/crash"
}

make_root() {
	local path
	mkdir -p "$root"/{bin,etc,sbin,usr/bin,usr/sbin}
	install -m 0755 "$here/init" "$root/init"
	install "$(command -v busybox)" "$root/bin/busybox"
	printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nipacct:x:990:990::/:/bin/sh\n' \
		>"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\nipacct:x:990:\n' >"$root/etc/group"
	echo "passwd: files
group: files" >"$root/etc/nsswitch.conf"
	add_files "$(command -v ip)" "$(command -v ethtool)" "$(command -v nsenter)" \
		"$(command -v xdp-filter)" "$(command -v xdp-loader)" "$(command -v wg)"
	# What libxdp and xdp-filter load at run time: without it no kernel could run a dispatcher.
	dpkg -L libxdp1 | grep -E '/(xdp-dispatcher|xdpfilt_alw_ip)\.o$' | while read -r path; do
		add_files "$path"
	done
	add_files /usr/bin/python3.11
	ln -s python3.11 "$root/usr/bin/python3"
	mkdir -p "$root/usr/lib/python3.11/lib-dynload"
	# Exactly the modules that the tests load, and the marks by which Python finds its home.
	/usr/bin/python3.11 -B "$top/tests/e2e/run.py" --modules | sort -u | while read -r path; do
		add_files "$path"
	done
	add_files /usr/lib/python3.11/os.py
	mkdir -p "$root/tests"
	cp -r "$top/tests/e2e" "$root/tests/e2e"
	# An emulated CPU compiles a module in the time in which it does a test.
	/usr/bin/python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$root" \
		"$root/usr/lib/python3.11" "$root/tests" >/dev/null
	add_modules
	add_build "$build" /build tests/traffic/ipacct-gen
	add_kernel_suite
	[ -z "${IPACCT_CRASH_BUILD:-}" ] || add_build "$IPACCT_CRASH_BUILD" /crash
	guest_settings >"$root/vm.env"
	if [ -n "${IPACCT_NEXT_BUILD:-}" ]; then # T-SCHEMA, where somebody asks for it
		add_build "$IPACCT_NEXT_BUILD" /next
		cp "$top/tests/faults/fault_schema.py" "$root/tests/e2e/test_schema.py"
		cp "$top/tests/faults/fault_schema_hooks.py" "$root/tests/e2e/test_schema_hooks.py"
		cp "$top/tests/faults/upgrade.py" "$root/tests/e2e"
		# Each build finds its own libipacct by its run path.
		echo "export IPACCT_NEXT_BUILD=/next; unset LD_LIBRARY_PATH" >>"$root/vm.env"
	fi
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initramfs"
}

# End a guest that does not reach user space in time: the emulator hangs now and then.
watch_boot() {
	grep -q -m 1 '^VM-BEGIN' < <(timeout "$boot_limit_s" tail -n +1 -f "$work/tap" 2>/dev/null) ||
		kill "$(cat "$work/pid")"
}

# One boot. The guest's TAP comes through the second serial port.
boot() {
	local code=0 watcher
	: >"$work/console"
	: >"$work/tap"
	watch_boot &
	watcher=$!
	timeout --foreground "$limit_s" qemu-system-x86_64 -accel "tcg,thread=$threads" -cpu "$cpu_model" \
		-smp 2 -m "$memory_mib" -kernel "$kernel_dir/vmlinuz" -initrd "$work/initramfs" \
		-append "console=ttyS0 loglevel=4 panic=-1 tsc=unstable nokaslr mitigations=off" -no-reboot \
		-nodefaults -display none -vga none -monitor none \
		-netdev hubport,id=hub0,hubid=0 -device virtio-net-pci,netdev=hub0,romfile= \
		-netdev hubport,id=hub1,hubid=0 -device virtio-net-pci,netdev=hub1,romfile= \
		-pidfile "$work/pid" \
		-serial "file:$work/console" -serial stdio </dev/null 2>>"$work/console" |
		stdbuf -oL tr -d '\r' | tee "$work/tap" | renumber || code=$?
	wait "$watcher" || true
	return "$code"
}

# Many TAP streams to one, each line saying which kernel; a suite that fails without a failed test
# becomes one.
renumber() {
	# shellcheck disable=SC2016 # awk
	"${line_awk[@]}" -v kernel="$kernel" -v counts="$work/count" '
	function fresh(text) { printf "%s %d - %s: %s\n", text, ++n, kernel, rest; fflush() }
	/^VM-BEGIN/ { print "# " kernel ": " substr($0, 10); next }
	/^VM-SUITE/ { suite = $2; bad = 0; results = 0; print "# " kernel ": " suite; fflush(); next }
	/^VM-EXIT/ {
		if ($2 != 0 && !bad) { rest = suite " exit status " $2; fresh("not ok"); failed = 1 }
		else if (!results) { rest = suite; fresh(skipped != "" ? "ok" : "not ok") }
		print "# " kernel ": " suite " ended, guest clock " $4 " s"; fflush()
		next
	}
	/^VM-END/ { ended = 1; next }
	/SKIP test was skipped/ { next } # not of the core: tests/vm/init
	/^(not )?ok([ \t]|$)/ {
		text = ($1 == "not") ? "not ok" : "ok"
		if (text == "not ok") { bad = 1; failed = 1 }
		rest = $0; sub(/^(not )?ok *[0-9]* *-? */, "", rest)
		rest = suite ": " rest; results++; fresh(text); next
	}
	/^Bail out!/ { bad = failed = 1; rest = suite ": " $0; results++; fresh("not ok"); next }
	/^1\.\.|^TAP version/ { next }
	NF { print ($0 ~ /^#/) ? $0 : "# " $0; fflush() }
	END { print n + 0 >counts; exit ended ? (failed ? 1 : 0) : 3 }'
}

# All kernels, some at a time, as one TAP stream.
run_matrix() {
	# shellcheck disable=SC2016 # awk
	printf '%s\n' "${matrix[@]}" | xargs -P "$side_by_side" -I{} "$0" {} "$build" | "${line_awk[@]}" '
	/^(not )?ok([ \t]|$)/ {
		text = ($1 == "not") ? "not ok" : "ok"
		sub(/^(not )?ok *[0-9]* *-? */, "")
		printf "%s %d - %s\n", text, ++n, $0; fflush(); next
	}
	/^1\.\.0/ { print "# " $0; skipped = substr($0, 6); next }
	/^1\.\./ { next }
	{ print; fflush() }
	END { print n ? "1.." n : "1..0" skipped }'
}

# mawk reads whole blocks unless told not to: then nothing is seen for minutes.
line_awk=(awk)
if awk -W version 2>&1 | grep -q mawk; then
	line_awk=(awk -W interactive)
fi

[ -n "$kernel" ] || { sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 2; }
[ "$(dpkg --print-architecture)" = amd64 ] || skip "only amd64 guests"
for tool in qemu-system-x86_64 busybox cpio dpkg-deb python3.11 ethtool xdp-filter xdp-loader wg; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ -n "$build" ] || fail "no build directory: give one or set IPACCT_BUILD"
build=$(cd "$build" && pwd)
if [ "$kernel" = all ]; then
	run_matrix
	exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

started=$SECONDS
series=$kernel
kernel_dir=$(fetch_kernel "$kernel") || fail "cannot download a kernel $kernel"
kernel=$(basename "$kernel_dir" | sed 's/^linux-image-//; s/[-+].*//')
kernel_suite=${IPACCT_VM_KERNEL_SUITE:-yes}
if [ -z "${IPACCT_VM_KERNEL_SUITE:-}" ] && [[ $(uname -r) == "${kernel%.*}".* ]]; then
	kernel_suite=no
	echo "# $kernel: the kernel suite is for this machine, which runs $(uname -r)"
fi
echo "# $kernel: ready after $((SECONDS - started)) s"
make_root
echo "# $kernel: initramfs $(du -m "$work/initramfs" | cut -f1) MiB after $((SECONDS - started)) s"
code=0
boot || code=$?
if [ "$code" = 3 ] && ! grep -q '^VM-BEGIN' "$work/tap"; then
	# The emulator, not the code: seen with some CPU models before the first line of user space.
	echo "# $kernel: the guest did not boot, trying once more"
	code=0
	boot || code=$?
fi
count=$(cat "$work/count")
if [ "$code" = 3 ]; then
	count=$((count + 1))
	echo "not ok $count - $kernel: the guest did not reach its end; last lines of its console:"
	tail -n 40 "$work/console" | tr -d '\r' | sed 's/^/# /'
fi
echo "1..$count"
echo "# $kernel: $((SECONDS - started)) s in all"
[ "$code" = 0 ]
