# What the system tests of migration share: a client (10.0.1.1), and a machine, vm, with links to two networks (10.0.2.1, 10.0.3.1), around core.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2317,SC2329,SC2034
load ../sandbox

setup() {
	sandbox_setup
	PATH=$programs:$PATH
	export PATH
}

network() {
	local name
	# `ip netns exec` has a /sys of its own, without cgroups. A trial has them here, too.
	mkdir /run/cgroup
	mount -t cgroup2 none /run/cgroup
	for name in client core vm; do
		ip netns add "$name"
		ip -n "$name" link set lo up
		ip netns exec "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	cable client wire 10.0.1.1/24 core access 10.0.1.254/24
	cable vm far 10.0.2.1/24 core far 10.0.2.254/24
	cable vm near 10.0.3.1/24 core near 10.0.3.254/24
	ip netns exec core sysctl -qw net.ipv4.ip_forward=1
	ip -n client route add default via 10.0.1.254
	ip -n vm route add default via 10.0.2.254
	for name in client vm; do ip netns exec "$name" ip mptcp limits set subflows 4 add_addr_accepted 4; done
}

# attach OPTION... -- PROGRAM...: in vm, in the background: $attach_pid, attach.json, attach.log.
attach() {
	ip netns exec vm liquidnet-attach --at far=far,10.0.2.1/24,10.0.2.254 --at near=near,10.0.3.1/24,10.0.3.254 "$@" >attach.json 2>attach.log &
	attach_pid=$!
}

# ask_machine FOR [OPTION...]: the client waits for its connection, and asks; peer.json.
ask_machine() {
	mkfifo peer.ready
	exec {ready}<>peer.ready
	ip netns exec client liquidnet-echo ask 7000 --every 20ms --for "$1" --ready-fd 9 "${@:2}" 9>peer.ready >peer.json &
	peer_pid=$!
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
	rm peer.ready
}
peer() { jq -r "$1" peer.json; }
moves() { jq -r "$1" attach.json; }

# carrier LINK: of the machine, 1, or 0 where it is set down.
carrier() { ip -n vm -j link show dev "$1" | jq -r '.[0].flags | if index("LOWER_UP") then 1 else 0 end'; }
# Where its programs are.
group() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
