#!/usr/bin/env bats
# liquidnet-cc: congestion controls come into the kernel with a holder and go with it; Multipath TCP's subflows use them and
# give them back.

# shellcheck disable=SC2154 # variables of sandbox.bash

load ../sandbox
load cc

# What the kernel logs about all this: nothing. Only what is newer than the test counts: the oldest lines of the log fall out of it.
kernel_log() { # SECONDS: what it logged after that time
	dmesg 2>/dev/null | awk -F '[][]' -v after="$1" '$2 + 0 > after' |
		grep -E 'BPF|bpf|struct_ops|WARNING|BUG:|congestion|\b(lia|olia|balia)\b' || :
}

setup_file() {
	dmesg >/dev/null 2>&1 || echo "skipped: what the kernel logs, which this user may not read" >&3
}

teardown() {
	kernel_log "$began" | diff /dev/null -
}

setup() {
	began=$(dmesg 2>/dev/null | tail -n 1 | awk -F '[][]' '{ print $2 + 0 }')
	sandbox_setup
	cc=$programs/liquidnet-cc
	"$cc" check >/dev/null 2>&1 || skip "this kernel does not take BPF congestion controls with links (Linux 6.4)"
	export cc
	# Sockets of a run that has just ended may be a minute in closing.
	for ((tries = 0; tries < 140; tries++)); do
		"$cc" status | grep -q '"sockets":[1-9]' || break
		sleep 0.5
	done
	[ "$(state lia available)$(state olia available)$(state balia available)" = falsefalsefalse ] || skip "they are loaded by somebody else"
}

# hold NAME...: loads and waits for READY; $holder is its process
hold() {
	local line
	mkfifo "ready.$1"
	"$cc" load "$@" --ready-fd 9 9<>"ready.$1" 2>>cc.log &
	holder=$!
	read -r -t $((20 * slow)) line <>"ready.$1"
	rm "ready.$1"
	[ "$line" = READY ]
}

state() { # NAME FIELD
	"$cc" status | jq -r "select(.name == \"$1\") | .$2"
}

until_state() { # NAME FIELD VALUE
	until_is "$3" state "$1" "$2"
}

choose() { # NODE NAME
	ip netns exec "$1" sysctl -qw "net.ipv4.tcp_congestion_control=$2"
	[ "$(ip netns exec "$1" sysctl -n net.ipv4.tcp_congestion_control)" = "$2" ]
}

# start_traffic: iperf3 over Multipath TCP, from a to b, for two seconds; where looking takes seconds itself, for ten
start_traffic() {
	: >server.log
	ip netns exec b mptcpize run iperf3 -s -1 --forceflush >server.log 2>&1 &
	server=$!
	await server.log 'Server listening'
	ip netns exec a mptcpize run iperf3 -c 10.0.1.2 -t "$(emulated && echo 10 || echo 2)" -b 200M -J >client.json &
	client=$!
}

# subflows NAME: of a that use it; iperf3 has two connections, for control and for data
subflows() {
	ip netns exec a ss -tinHO state established | grep -c "[[:space:]]$1 "
}

transfer() {
	local name
	for name in lia olia balia; do
		hold "$name"
		choose a "$name"
		start_traffic
		until_is 4 subflows "$name"
		[ "$(state "$name" sockets)" -ge 2 ]
		wait "$client" "$server"
		jq -e '.end.sum_received.bytes > 10000000' client.json
		# No socket of it is left, in whatever state.
		choose a reno
		until_state "$name" sockets 0
		kill "$holder"
		wait "$holder"
		[ "$(state "$name" available)" = false ]
	done
}

@test "both subflows of a connection use the algorithm, and none is left after" {
	in_sandbox transfer
}

killed_loader() {
	hold lia
	choose a lia
	kill -KILL "$holder"
	wait "$holder" || true
	until_state lia available false
	# The namespace that still names it keeps handing the old code out; another cannot have it.
	[ "$(ip netns exec a sysctl -n net.ipv4.tcp_congestion_control)" = lia ]
	if ip netns exec b sysctl -qw net.ipv4.tcp_congestion_control=lia 2>/dev/null; then false; fi
	start_traffic
	until_state lia available false
	wait "$client"
	choose a reno
	until_state lia sockets 0
}

@test "a killed loader takes its algorithm with it; a namespace that still names it keeps working" {
	in_sandbox killed_loader
}

in_use() {
	hold lia
	choose a lia
	start_traffic
	until_is 4 subflows lia
	"$cc" unload lia
	[ "$(state lia available)" = false ]
	[ "$(state lia sockets)" -ge 2 ]
	wait "$client"
	choose a reno
	until_state lia sockets 0
	# The holder has noticed.
	code=0
	wait "$holder" || code=$?
	[ "$code" = 1 ]
	grep -q "unloaded by another process.*lia" cc.log
}

@test "unloading in use: the connections go on with it to their end, its holder does not" {
	in_sandbox in_use
}

twice() {
	local first link name
	hold olia
	first=$holder
	link=$(state olia link)
	hold olia
	[ "$(state olia link)" = "$link" ]
	kill "$first"
	wait "$first"
	[ "$(state olia available)" = true ]
	kill "$holder"
	wait "$holder"
	[ "$(state olia available)" = false ]
	mkdir pins
	mount -t bpf bpf pins
	"$cc" load balia --pin pins --ready-fd 9 9>pinned
	[ "$(cat pinned)" = READY ]
	[ "$(state balia available)" = true ]
	rm pins/balia
	until_state balia available false
	# One that cannot be pinned takes those before it along.
	mkdir pins/olia
	fails "$cc" load lia balia olia --pin pins --ready-fd 9 9>pinned 2>pin.log
	grep -q 'pins/olia: File exists' pin.log
	[ ! -s pinned ]
	[ ! -e pins/lia ]
	[ ! -e pins/balia ]
	for name in lia balia olia; do until_state $name available false; done
}

@test "loaded twice it goes with the last holder; a pin holds as well" {
	in_sandbox twice
}

refused() {
	local words code
	for words in "" "load" "load vegas" "unload" "frobnicate" "status lia" "load lia --ready-fd x" "load --speed lia"; do
		code=0
		# shellcheck disable=SC2086 # words
		"$cc" $words >out 2>err || code=$?
		[ "$code" = 2 ]
		[ "$(wc -l <err)" = 1 ]
	done
	code=0
	"$cc" unload lia 2>err || code=$?
	[ "$code" = 1 ]
	grep -q "no link of it" err
	[ "$(state lia available)" = false ]
}

@test "bad words are one line and status 2" {
	in_sandbox refused
}

# A kernel may pass a BPF program over when it interrupts a process that it protects; what TCP then takes for the threshold is what lay
# on the stack. Hundreds of recoveries, and no window or threshold that no path here can have, for longer than it takes to be noticed.
losses() {
	local clients=() time
	bottleneck
	hold lia
	choose a lia
	for port in 5201 5202 5203 5204; do
		: >"server$port.log"
		ip netns exec b mptcpize run iperf3 -s -1 -p $port --forceflush >"server$port.log" 2>&1 &
		await "server$port.log" 'Server listening'
	done
	for port in 5201 5202 5203 5204; do
		ip netns exec a mptcpize run iperf3 -c 10.0.5.2 -p $port -t 16 >"client$port.log" 2>&1 &
		clients+=($!)
	done
	while kill -0 "${clients[0]}" 2>/dev/null; do
		echo "at $EPOCHREALTIME"
		ip netns exec a ss -tinHO state established
		sleep 0.05
	done >samples
	wait "${clients[@]}"
	ip netns exec a awk '/^TcpExt:/ { if (n++) print $at; for (i = 1; i <= NF; i++) if ($i == "TCPSackRecovery") at = i }' \
		/proc/net/netstat >recoveries
	echo "recoveries: $(cat recoveries), put right: $(state lia repaired)"
	[ "$(cat recoveries)" -ge 200 ]
	# A window of a thousand segments would be half a second of this bottleneck. ss shows no threshold above 65535; there is none either
	# before the first loss, which is long ago after three seconds. Four samples in a row, and an acknowledgement meanwhile.
	awk '$1 == "at" { n++; next }
		function field(name) { return match($0, " " name ":[0-9]+") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 2) + 0 : 0 }
		{ threshold = field("ssthresh"); if (threshold) lost[$3] = 1 }
		field("cwnd") > 1000 || threshold > 1000 || (n > 60 && lost[$3] && !threshold) {
			if (last[$3] != n - 1) { run[$3] = 0; acked[$3] = field("bytes_acked") }
			run[$3]++
			last[$3] = n
			if (run[$3] >= 4 && field("bytes_acked") > acked[$3]) { print; bad = 1 }
		}
		END { print n " samples"; exit bad || n < 50 }' samples
}

@test "recoveries by the hundred, and no threshold that is not the algorithm's" {
	unshare --net tc qdisc add dev lo root tbf rate 1mbit burst 3028 limit 30000 2>/dev/null || skip "this kernel has no tbf"
	in_sandbox losses
}
