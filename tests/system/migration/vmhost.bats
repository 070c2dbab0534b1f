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
	limit=900
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

start_host() { # NAME NETWORK COPY [LINE]
	cat >"$1.yaml" <<-YAML
		memory: 128MiB
		append: console=ttyS0 quiet panic=-1 clocksource=tsc tsc=reliable mitigations=off liquidnet.fill=40 liquidnet.run="serve 10.0.1.1 7000"
		place: $1=eth0,10.0.$2.1/24,10.0.$2.254
		listen: 10.0.9.$3
		hosts: {a: 10.0.9.1, b: 10.0.9.2}
		folder: $work/$1
		${4:-}
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
	control a migrate b quickly | jq -e '.error | contains("there are precopy, postcopy and hybrid")'
	control a migrate b precopy 5 | jq -e '.error | contains("is no rate")'
	# Nobody waits there.
	slowly a migrate b precopy | jq -e '.error | contains("the machine goes on here")'
	[ "$(status a .phase)" = running ]
	ask 15
	until_true connected 10.0.20.1
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

# ask SECONDS: the peer, in the background, as $peer; it listens when this returns.
ask() {
	rm -f peer.ready
	mkfifo peer.ready
	exec {ready}<>peer.ready
	ip netns exec client liquidnet-echo ask 7000 --every 50ms --for "$1s" --ready-fd 9 9>peer.ready >peer.json &
	peer=$!
	read -r -t 20 -u "$ready" line
	exec {ready}>&-
}
connected() { ip netns exec client ss -HtnM state established | grep -q "$1"; }
# Every request was answered, and no byte was another.
answered() {
	wait "$peer"
	jq -c "del(.samples) + {last: .samples[-1].at, longest: ([.samples[].rtt] | max)}" peer.json >&2
	jq -e '.sent > 20 and .answered == .sent and .differing == 0 and .ended == null' peer.json
}
qemu_of() { pgrep -P "$1" | head -n 1; }
# leave FROM TO MODE RATE: begins a migration; its answer goes to FROM.left. $leaving is the process that waits for it.
leave() {
	slowly "$1" migrate "${@:2}" >"$1.left" &
	leaving=$!
}
copying() { control "$1" status | jq -e '.phase == "leaving" and .passes >= 1' >/dev/null; }
split() { control "$1" status | jq -e .split >/dev/null; }
phase_is() { [ "$(status "$1" .phase)" = "$2" ]; }

# 40 MB at 16 Mbit/s take longer than the limit of two seconds.
two_hosts() {
	patience=60
	start_host a 20 1
	start_host b 30 2 "limit: 2s"
}

@test "vmhost: pre-copy that does not end is cancelled, hybrid goes on as post-copy; the other host may die: the machine goes on" { in_sandbox limited; }
limited() {
	two_hosts
	slowly b start | jq -e .ok
	ask 30
	until_true connected 10.0.30.1
	control a wait precopy | jq -e .ok
	slowly b migrate a precopy 16Mbit/s | tee limited.json | jq -e '.error | contains("the migration has cancelled; the machine goes on here")'
	grep -q 'event=limit remedy=' b.log
	until_true phase_is a idle
	# What is to go on as post-copy is waited for as that; else it stays, and says so.
	control a wait precopy | jq -e .ok
	slowly b migrate a hybrid 16Mbit/s | tee -a limited.json | jq -e '.error | contains("the machine goes on here")'
	until_true phase_is a idle
	control a wait hybrid | jq -e .ok
	slowly b migrate a hybrid 16Mbit/s | jq -e '.outcome == "completed"'
	grep -q 'event=limit next=postcopy' b.log
	until_true eval '[ "$(status a .taken_ms)" != 0 ]'
	# Back, at most half of the way: QEMU there is killed.
	control b wait precopy | jq -e .ok
	leave a b precopy 16Mbit/s
	until_true copying a
	kill -KILL "$(qemu_of "$b_pid")"
	wait "$leaving"
	jq -e '.error | contains("the machine goes on here")' a.left
	phase_is a running
	until_true phase_is b idle
	answered
	# It still can go.
	control b wait precopy | jq -e .ok
	slowly a migrate b precopy 1Gbit/s | jq -e '.outcome == "completed"'
	until_true eval '[ "$(status b .taken_ms)" != 0 ]'
	# QEMU here is killed before the machine is there: it is lost, and both say so.
	control a end | jq -e .ok
	control a wait precopy | jq -e .ok
	leave b a precopy 16Mbit/s
	until_true copying b
	kill -KILL "$(qemu_of "$b_pid")"
	wait "$leaving"
	jq -e '.error | contains("QEMU has ended")' b.left
	until_true phase_is a idle
	phase_is b idle
}

@test "vmhost: in post-copy either host's end is the machine's, and both hosts serve again" { in_sandbox torn; }
torn() {
	two_hosts
	local victim
	for victim in a b; do
		slowly b start | jq -e .ok
		control a wait postcopy | jq -e .ok
		leave b a postcopy 16Mbit/s
		until_true split b
		until_true split a
		local pid=${victim}_pid
		kill -KILL "$(qemu_of "${!pid}")"
		wait "$leaving"
		cat b.left >&2
		if [ $victim = a ]; then
			jq -e '.error | contains("in the middle of post-copy, and the machine is lost")' b.left
		else
			jq -e '.error | contains("QEMU has ended")' b.left
		fi
		until_true phase_is a idle
		until_true phase_is b idle
	done
	[ "$(grep -c 'event=lost' b.log)" = 1 ]
}

# The connection lives in every move, both ways, by pre-copy and by post-copy in turn. MOVES: twenty in the long tier.
@test "vmhost: move after move, and every byte is answered" { in_sandbox moves; }
moves() {
	two_hosts
	local from=b to=a n=0 mode moves=${MOVES:-${LONG:+20}}
	slowly b start | jq -e .ok
	ask 3600
	until_true connected 10.0.30.1
	while [ $n -lt "${moves:-2}" ]; do
		mode=precopy
		[ $((n / 2 % 2)) = 0 ] || mode=postcopy
		control $to wait $mode | jq -e .ok
		slowly $from migrate $to $mode 1Gbit/s | jq -e '.outcome == "completed"'
		until_true eval "[ \"\$(status $to .taken_ms)\" != 0 ]"
		echo "move $((n + 1)): $from to $to, $mode, $(status $from '.last | "\(.total_ms) ms, stopped \(.stopped_ms) ms, \(.megabytes) MB"'), address after $(status $to .taken_ms) ms" >&2
		kill -0 "$peer" # the connection lives
		n=$((n + 1))
		read -r from to <<<"$to $from"
	done
	kill -TERM "$peer"
	answered
}
