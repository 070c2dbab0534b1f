#!/usr/bin/env bats
# A real machine moves between two hosts by QEMU's live migration. Skipped where QEMU or the machine is missing: `make migration-guest` makes both.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034 # functions are called by name, inside; what is set is read there
# shellcheck disable=SC2054,SC2016,SC2015 # commas and backquotes belong to words

load ../sandbox
load ../daemons

setup() {
	sandbox_setup
	PATH=$programs:$PATH
	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64; run \`make migration-guest\`"
	guest=${LIQUIDNET_GUEST:-$programs/../../build-guest}
	[ -r "$guest/initrd" ] || skip "no machine in $guest; run \`make migration-guest\`"
	export PATH LIQUIDNET_GUEST=$guest
	limit=240
}

# client - core - a, b; a - b.
network() {
	local name
	for name in client core a b; do
		ip netns add "$name"
		ip -n "$name" link set lo up
		ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	cable client wire 10.0.1.1/24 core access 10.0.1.254/24
	cable a wan 10.0.2.1/24 core wan 10.0.2.254/24
	cable b lan 10.0.3.1/24 core lan 10.0.3.254/24
	cable a copy 10.0.9.1/24 b copy 10.0.9.2/24
	ip -n client route add default via 10.0.1.254
	ip -n a route add default via 10.0.2.254
	ip -n b route add default via 10.0.3.254
	ip -n core route add 10.0.20.0/24 via 10.0.2.1
	ip -n core route add 10.0.30.0/24 via 10.0.3.1
	ip netns exec client ip mptcp limits set subflows 4 add_addr_accepted 4
}

start_host() { # NAME NETWORK COPY
	cat >"$1.yaml" <<-YAML
		memory: 128MiB
		append: console=ttyS0 quiet panic=-1 clocksource=tsc tsc=reliable mitigations=off liquidnet.fill=40 liquidnet.run="serve 10.0.1.1 7000"
		place: $1=eth0,10.0.$2.1/24,10.0.$2.254
		listen: 10.0.9.$3
		hosts: {a: 10.0.9.1, b: 10.0.9.2}
		folder: $work/$1
	YAML
	start "$1" "$1" liquidnet-vmhost --config "$1.yaml"
}
# A machine boots for many seconds.
slowly() { printf '%s\n' "${*:2}" | timeout 150 socat -t 150 - "UNIX-CONNECT:$work/$1.control"; }

@test "vmhost: a running machine moves, and every byte is answered; a host that is not there leaves it running" { in_sandbox moved; }
moved() {
	start_host a 20 1
	start_host b 30 2
	has_rights "$a_pid" net_admin sys_ptrace
	control a migrate b precopy | jq -e '.error | contains("no machine runs here")'
	slowly a start | jq -e .ok
	control a migrate c precopy | jq -e '.error | contains("no host is called")'
	control a migrate b quickly | jq -e '.error | contains("there are precopy and postcopy")'
	control a migrate b precopy 5 | jq -e '.error | contains("is no rate")'
	# Nobody waits there.
	slowly a migrate b precopy | jq -e '.error | contains("the machine goes on here")'
	[ "$(status a .phase)" = running ]
	mkfifo peer.ready
	exec {ready}<>peer.ready
	ip netns exec client liquidnet-echo ask 7000 --every 50ms --for 15s --ready-fd 9 9>peer.ready >peer.json &
	local peer=$!
	read -r -t 20 -u "$ready" line
	until_true eval "ip netns exec client ss -HtnM state established | grep -q 10.0.20.1"
	control b wait precopy | jq -e .ok
	slowly a migrate b precopy 1Gbit/s >moved.json
	jq -e '.ok and .outcome == "completed" and .total_ms > 0 and .megabytes > 40 and .rounds >= 2' moved.json
	until_true eval '[ "$(status b .taken_ms)" != 0 ]'
	[ "$(status a .phase) $(status b .phase)" = "gone running" ]
	wait "$peer"
	[ "$(jq -r '"\(.sent) \(.answered) \(.differing) \(.ended)"' peer.json)" = "300 300 0 null" ]
	# What has left leaves room for another.
	control a end | jq -e .ok
	[ "$(status a .phase)" = idle ]
	stop a
	# QEMU does not outlive its host.
	local qemu
	qemu=$(pgrep -P "$b_pid" | head -n 1)
	kill -KILL "$b_pid"
	until_true test ! -e "/proc/$qemu"
}
