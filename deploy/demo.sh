#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A small network to look at: clients, a router and servers, each in a network namespace.
#
# usage: deploy/demo.sh start|stop|status
#
#   ipacct-demo-lan ── lan0 [ipacct-demo-router] wan0 ── ipacct-demo-wan
#
# IPv4 and IPv6 queries cross the router, answers come back, pings and VLAN-tagged frames beside
# them. All addresses are from the documentation ranges (RFC 5737, RFC 3849).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lan=ipacct-demo-lan
router=ipacct-demo-router
wan=ipacct-demo-wan
n_clients=24
n_servers=6

usage() {
	sed -n '3,5s/^# \{0,1\}//p' "$0"
	exit 2
}

exists() {
	[ -e "/run/netns/$router" ]
}

inside() { # NAMESPACE COMMAND…
	local name=$1
	shift
	nsenter --net="/run/netns/$name" -- "$@"
}

background() { # NAMESPACE COMMAND…
	setsid nsenter --net="/run/netns/$1" -- "${@:2}" </dev/null >/dev/null 2>&1 &
}

# One leg: a namespace with addresses, a port of the router, default routes to it.
leg() { # NAMESPACE ROUTER-PORT IPV4-PREFIX IPV6-PREFIX COUNT
	local name=$1 port=$2 net4=$3 net6=$4 count=$5 i
	ip -n "$router" link add "$port" numtxqueues 2 numrxqueues 2 type veth \
		peer name eth0 netns "$name" numtxqueues 2 numrxqueues 2
	# Tags stay in the frame, as on a wire; otherwise veth moves them beside it.
	inside "$router" ethtool -K "$port" rxvlan off txvlan off >/dev/null
	inside "$name" ethtool -K eth0 rxvlan off txvlan off >/dev/null
	ip -n "$router" addr add "$net4.1/24" dev "$port"
	ip -n "$router" addr add "$net6::1/64" dev "$port" nodad
	for ((i = 10; i < 10 + count; i++)); do
		echo "addr add $net4.$i/24 dev eth0"
		echo "addr add $net6::$i/64 dev eth0 nodad"
	done | ip -n "$name" -batch -
	ip -n "$router" link set "$port" up
	ip -n "$name" link set eth0 up
	ip -n "$name" route add default via "$net4.1"
	ip -n "$name" -6 route add default via "$net6::1"
}

list() { # PREFIX COUNT: addresses with commas
	local i
	for ((i = 10; i < 10 + $2; i++)); do
		printf '%s%d,' "$1" "$i"
	done
}

traffic() {
	local clients servers
	clients=$(list 192.0.2. $n_clients)$(list 2001:db8:1:: $n_clients)
	servers=$(list 198.51.100. $n_servers)$(list 2001:db8:2:: $n_servers)
	background $wan python3 -B "$here/demo_traffic.py" serve
	background $lan python3 -B "$here/demo_traffic.py" ask "${clients%,}" "${servers%,}"
	background $lan python3 -B "$here/demo_traffic.py" tagged eth0 100
	if command -v ping >/dev/null; then
		background $lan ping -q -n -i 0.5 198.51.100.10
		background $lan ping -q -n -i 0.5 2001:db8:2::10
	fi
}

start() {
	local name
	if exists; then
		echo "demo network: already there"
		[ -n "$(ip netns pids "$lan")" ] || traffic # its senders are gone
		return
	fi
	for name in $lan $router $wan; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	inside $router sh -ec 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	leg $lan lan0 192.0.2 2001:db8:1 $n_clients
	leg $wan wan0 198.51.100 2001:db8:2 $n_servers
	traffic
	echo "demo network: $n_clients clients, a router, $n_servers servers; IPv4, IPv6, VLAN 100"
}

stop() {
	local name pid waited
	for name in $lan $wan $router; do
		[ -e "/run/netns/$name" ] || continue
		# Whatever lives in our namespace is ours, and nothing else can be meant.
		for pid in $(ip netns pids "$name"); do
			kill "$pid" 2>/dev/null || true
		done
		for ((waited = 0; waited < 50; waited++)); do
			[ -n "$(ip netns pids "$name")" ] || break
			sleep 0.1
		done
		for pid in $(ip netns pids "$name"); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$name"
	done
	echo "demo network: removed"
}

case ${1:-} in
start) start ;;
stop) stop ;;
status) exists ;;
*) usage ;;
esac
