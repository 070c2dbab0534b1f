#!/usr/bin/env bats
# A destination in the SYN: written by the client's kernel, taken off by the detour's, and what happens where it does not come through.
# members.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load members
tests=$BATS_TEST_DIRNAME
export tests

# With the option: a detour and a client that have it at their interfaces, and one connection that brought the key.
with_option() {
	keys member detour
	start_detour detour "nat: {syn_option: [wire]}"$'\n'"members: [{name: member, key: $member_public}]"
	start_client "syn_option: [wire]"$'\n'"prefetch: {favourites: 0}"$'\n'"limit: 1"$'\n'"detours: [{name: detour, kind: nat, address: 10.0.6.1, key: $detour_public}]"
	serve
	open_flow
	await client.log "$(across 10.0.6.1)"
	grep -q 'event=subflow-create .* by=mapping' client.log
}

# serve_at PORT, flow_to PORT: another destination.
serve_at() {
	ip netns exec server mptcpize run socat -d -d "TCP4-LISTEN:$1,fork,reuseaddr" EXEC:cat 2>"serve$1.log" &
	await "serve$1.log" listening
}
flow_to() {
	ip netns exec client mptcpize run socat - "TCP4:10.0.3.1:$1,connect-timeout=5" < <(echo first; exec sleep infinity) >"out$1" 2>>flow.log &
	await "out$1" first
}

@test "the SYN says where it goes: no question is waited for, and the server sees no option" { in_sandbox direct; }
direct() {
	with_option
	serve_at 5300
	# What comes in there: the SYNs of joins.
	local joins='tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn'
	capture router to-client at-client.pcap "$joins"
	local at_client=$capture
	capture server wire at-server.pcap "$joins"
	flow_to 5300
	await client.log "event=subflow-established .* remote=10.0.6.1:5300"
	grep -q 'event=subflow-create .* remote=10.0.6.1:5300 .* by=option' client.log
	end_capture "$at_client" at-client.pcap
	end_capture "$capture" at-server.pcap
	[ "$(status detour .counters.syn_led)" = 1 ]
	[ "$(status detour .counters.syn_failed)" = 0 ]
	# The option on the way to the detour, and not beyond it; checksums are right on both ways.
	tcpdump -nn -v -r at-client.pcap 'dst host 10.0.6.1' >at-client.txt 2>/dev/null
	grep -q 'unknown-254\|exp-' at-client.txt
	grep -q 'mptcp .* join' at-client.txt
	tcpdump -nn -v -r at-server.pcap 'src host 10.0.6.1' >at-server.txt 2>/dev/null
	grep -q 'mptcp .* join' at-server.txt
	fails grep -q 'unknown-254\|exp-' at-server.txt
	[ "$(ip netns exec server nstat -asz TcpInCsumErrors | awk '/InCsumErrors/ {print $2}')" = 0 ]
	# The kernel's own rules count it as theirs: it is tracked, marked, and limited as any other flow.
	[ "$(status detour .counters.flows.unreachable)" = 0 ]
	[ "$(status detour '.counters.flows.translated >= 2')" = true ]
}

@test "two destinations with one port at a time" { in_sandbox two; }
two() {
	with_option
	ip -n server addr add 10.0.3.9/24 dev wire
	ip netns exec client mptcpize run socat - TCP4:10.0.3.9:5201,connect-timeout=5 < <(echo first; exec sleep infinity) >out9 2>>flow.log &
	await out9 first
	await client.log 'event=subflow-create .* remote=10.0.6.1:5201 .* by=option'
	both() { [ "$(grep -c 'event=subflow-established .* remote=10.0.6.1:5201' client.log)" = 2 ]; }
	for _ in {1..200}; do both && break || sleep 0.05; done
	both
	grep -q 'event=subflow-create .* remote=10.0.6.1:5201 .* by=option' client.log
	ip netns exec server ss -Htn state established | grep -q '10.0.3.9:5201 .*10.0.6.1'
	ip netns exec server ss -Htn state established | grep -q '10.0.3.1:5201 .*10.0.6.1'
	echoes still-here
}

@test "where the option is dropped or taken off on the way, the answer is used, and the path remembered" { in_sandbox fallback; }
fallback() {
	with_option
	serve_at 5300
	serve_at 5301
	# A firewall that knows no such option.
	ip netns exec router nft add table inet wall
	ip netns exec router nft 'add chain inet wall way { type filter hook forward priority 0; }'
	ip netns exec router nft 'add rule inet wall way tcp option 254 exists counter drop'
	flow_to 5300
	await client.log 'event=subflow-established .* remote=10.0.6.1:5300'
	grep -q 'event=subflow-create .* remote=10.0.6.1:5300 .* by=option' client.log
	grep -q 'event=subflow-create .* remote=10.0.6.1:5300 .* by=mapping' client.log
	[ "$(status detour .counters.syn_led)" = 0 ]
	# The next connection does not try.
	flow_to 5301
	await client.log 'event=subflow-established .* remote=10.0.6.1:5301'
	fails grep -q 'event=subflow-create .* remote=10.0.6.1:5301 .* by=option' client.log
}

# The BPF programs of both daemons, by their numbers. (Debian 12's bpftool knows no links of TCX.)
programs_there() { bpftool prog show | sed -En 's/^([0-9]+): sched_cls  name lqn_syn_(in|out) .*/\1/p' | sort; }

@test "a stranger's option leads nowhere; nothing stays after SIGKILL" { in_sandbox strange; }
strange() {
	with_option
	# Another address, which nobody has proven: its SYN is not read.
	ip netns exec attacker python3 "$tests/syn_option.py" 10.0.2.1 10.0.6.1 5400
	[ "$(status detour .counters.syn_strange)" = 1 ]
	[ "$(status detour .counters.syn_led)" = 0 ]
	local before
	before=$(programs_there)
	[ "$(wc -l <<<"$before")" -ge 2 ]
	kill -KILL "$detour_pid" "$client_pid"
	wait "$detour_pid" "$client_pid" || true
	gone() { [ -z "$(comm -12 <(echo "$before") <(programs_there))" ]; }
	for _ in {1..100}; do gone && break || sleep 0.05; done # the kernel frees them a little later
	gone
}
