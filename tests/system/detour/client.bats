#!/usr/bin/env bats
# The client daemon and NAT detours by version 1; its life, its configuration. client.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154,SC2016,SC2034

load client

# --- NAT ----------------------------------------------------------------------------------------------------------

@test "NAT: a connection gets a second subflow across the detour, and data goes through it" { in_sandbox nat_subflow; }
nat_subflow() {
	start_detour
	start_client
	ip netns exec server mptcpize run iperf3 -s -1 -p 5201 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5201 -n 500M -J >iperf.json 2>iperf.log &
	local transfer=$!
	await client.log "$across_nat" 2 # control and data
	wait $transfer
	# iperf3's control connection is one too.
	[ "$(counter client MPTcpExtMPJoinSynAckRx)" = 2 ]
	[ "$(counter server MPTcpExtMPJoinAckRx)" = 2 ]
	local through
	through=$(ip -n detour -s -j link show wire | jq '.[0].stats64.rx.bytes')
	[ "$through" -gt 1000000 ]
	[ "$(status '.counters.created, .counters.established' | xargs)" = "2 2" ]
	stop client
	stop detour
}

@test "NAT: the state of a living connection can be asked for" { in_sandbox living_status; }
living_status() {
	start_fake
	start_client
	serve
	open_flow
	await client.log "$across_nat"
	[ "$(status '.connections | length')" = 1 ]
	[ "$(status '.connections[0].subflows')" = 2 ]
	[ "$(status '.connections[0].paths[0] | .detour, .state, .remote.address' | xargs)" = "detour up 10.0.6.1" ]
	[ "$(control client path detour | jq -r '.kind, .up, .subflows, .mappings' | xargs)" = "nat true 1 1" ]
	[ "$(control client path nowhere | jq -r .ok)" = false ]
	kill $flow_pid
	await client.log event=connection-closed
	[ "$(status '.connections | length')" = 0 ]
	stop client
}

@test "NAT: a lost request is sent again" { in_sandbox lost_request; }
lost_request() {
	start_fake --lose 2
	start_client
	serve
	open_flow
	await client.log "$across_nat"
	[ "$(grep -c lost fake.out)" = 2 ]
	[ "$(status '.detours[0].requests | .sent, .repeated, .answered, .timed_out' | xargs)" = "1 2 1 0" ]
	stop client
}

@test "NAT: an answer after the deadline is used" { in_sandbox late_answer; }
late_answer() {
	start_fake --delay 1
	start_client "{name: detour, kind: nat, address: 10.0.6.1, deadline: 300ms}" "retry_first: 10s
retry_last: 10s"
	serve
	open_flow
	await client.log event=detour-silent
	await client.log "$across_nat"
	[ "$(status '.detours[0].requests | .late, .timed_out' | xargs)" = "1 1" ]
	stop client
}

@test "NAT: rubbish is counted and dropped, a second answer changes nothing" { in_sandbox nonsense; }
nonsense() {
	start_fake --nonsense
	start_client
	serve
	open_flow
	await client.log "$across_nat"
	echoes again
	[ "$(status '.detours[0].requests | .answered, .unknown, .malformed.short, .malformed.long, .malformed.version,
		.malformed["not-an-answer"], .duplicate' | xargs)" = "1 1 1 1 1 1 1" ]
	[ "$(status '.connections[0].subflows')" = 2 ]
	stop client
}

@test "NAT: a detour that comes up later serves a connection that lives" { in_sandbox later; }
later() {
	start_client "{name: detour, kind: nat, address: 10.0.6.1, deadline: 300ms}" "retry_first: 200ms
retry_last: 400ms"
	serve
	open_flow
	await client.log event=detour-silent 2
	[ "$(status '.connections[0].subflows')" = 1 ]
	start_detour
	await client.log "$across_nat"
	echoes again
	stop client
}

@test "NAT: when the detour daemon is killed in mid-transfer the transfer goes on" { in_sandbox daemon_killed; }
daemon_killed() {
	start_detour
	start_client
	start_transfer
	await client.log "$across_nat" 2
	kill -KILL "$detour_pid"
	finish_transfer
	stop client
}

@test "NAT: when the detour host vanishes in mid-transfer the transfer goes on" { in_sandbox host_vanishes; }
host_vanishes() {
	start_fake
	start_client
	start_transfer
	await client.log "$across_nat" 2
	kill -KILL "$fake_pid"
	ip -n detour link set wire down
	finish_transfer
	stop client
}

@test "NAT: a detour that ends takes its subflow with it, and gets it back when it is back" { in_sandbox daemon_back; }
daemon_back() {
	start_detour
	start_client "{name: detour, kind: nat, address: 10.0.6.1, deadline: 300ms}" "retry_first: 200ms
retry_last: 400ms"
	serve
	open_flow
	await client.log "$across_nat"
	stop detour
	# Its subflow is reset as soon as it is used: the direct path must fail for that.
	inside router nft 'add table ip hole; add chain ip hole pass { type filter hook forward priority 0; }; add rule ip hole pass ip saddr 10.0.1.1 ip daddr 10.0.3.1 drop'
	echo "still there" >&"$flow_in"
	await client.log 'event=subflow-closed .* remote=10.0.6.1:5201'
	inside router nft delete table ip hole
	local line
	read -r -t $((20 * slow)) -u "$flow_out" line
	[ "$line" = "still there" ]
	[ "$(status '.connections[0].paths[0].state')" != up ]
	start_detour
	await client.log "$across_nat" 2
	echoes "and again"
	stop client
}

@test "a direct subflow that was reset is made anew, when the path is back" { in_sandbox direct_back; }
direct_back() {
	start_detour
	start_client "$nat_detour" "retry_first: 200ms
retry_last: 400ms"
	serve
	open_flow
	await client.log "$across_nat"
	inside router nft 'add table ip wall; add chain ip wall pass { type filter hook forward priority 0; }; add rule ip wall pass ip saddr 10.0.1.1 ip daddr 10.0.3.1 tcp dport 5201 reject with tcp reset'
	local closed='event=subflow-closed .* remote=10.0.3.1:5201'
	until grep -q "$closed" client.log; do echoes "whichever way"; done
	await client.log "$closed .* error=111" 2 # tried, and refused
	echoes "over the detour"
	[ "$(status '.connections[0] | .initial, .subflows' | tr '\n' ' ')" = "false 1 " ]
	inside router nft delete table ip wall
	await client.log 'event=subflow-established .* local=10.0.1.1:[0-9]* remote=10.0.3.1:5201'
	[ "$(status '.connections[0].paths[] | select(.detour == "direct").state')" = up ]
	# It carries what the detour cannot.
	ip -n router link set to-detour down
	echoes "the direct way"
	stop client
}

@test "NAT: a subflow that is refused is tried again after a back-off" { in_sandbox refused; }
refused() {
	start_fake
	inside detour nft flush ruleset
	start_client "$nat_detour" "retry_first: 200ms
attempts: 1000"
	serve
	open_flow
	await client.log 'event=subflow-closed .* remote=10.0.6.1:5201 .* error=111' 2
	echoes meanwhile
	fixed_nat
	await client.log "$across_nat"
	[ "$(status '.connections[0].subflows')" = 2 ]
	stop client
}

@test "NAT: a subflow whose packets are swallowed has failed after a while" { in_sandbox swallowed; }
swallowed() {
	start_fake
	inside detour nft 'add table ip hole; add chain ip hole in { type filter hook prerouting priority raw; }; add rule ip hole in tcp dport 5201 drop'
	start_client "$nat_detour" "retry_first: 200ms
join_deadline: 500ms
attempts: 1000"
	serve
	open_flow
	await client.log event=subflow-create 2 # tried again: the first one counts as failed
	inside detour nft delete table ip hole
	await client.log "$across_nat"
	[ "$(status '.connections[0].subflows')" = 2 ]
	stop client
}

# --- what is not touched ------------------------------------------------------------------------------------------

@test "connections to the detour and connections that others opened are left alone" { in_sandbox untouched; }
untouched() {
	start_fake
	start_client
	ip netns exec detour mptcpize run socat -d -d TCP4-LISTEN:80,fork,reuseaddr EXEC:cat 2>web.log &
	ip netns exec client mptcpize run socat -d -d TCP4-LISTEN:81,fork,reuseaddr EXEC:cat 2>own.log &
	await web.log listening
	await own.log listening
	[ "$(echo one | timeout 10 ip netns exec client mptcpize run socat -t 5 - TCP4:10.0.6.1:80)" = one ]
	[ "$(echo two | timeout 10 ip netns exec server mptcpize run socat -t 5 - TCP4:10.0.1.1:81)" = two ]
	await client.log 'event=connection .* verdict=to-detour'
	await client.log 'event=connection .* verdict=server-side'
	[ "$(status '.counters.connections | .taken, .["to-detour"], .["server-side"]' | xargs)" = "0 1 1" ]
	[ "$(status .counters.created)" = 0 ]
	[ "$(cat fake.out)" = READY ]
	stop client
}

# --- map ----------------------------------------------------------------------------------------------------------

@test "map answers with the detour's address and port, which lead to the destination" { in_sandbox map_answers; }
map_answers() {
	start_detour
	start_client
	ip netns exec server socat -d -d TCP4-LISTEN:7777,reuseaddr 'SYSTEM:echo from=$SOCAT_PEERADDR' 2>serve.log &
	await serve.log listening
	local answer address port
	answer=$(control client map 10.0.3.1:7777)
	[ "$(jq -r '.ok, .detour' <<<"$answer" | xargs)" = "true detour" ]
	address=$(jq -r .address <<<"$answer")
	port=$(jq -r .port <<<"$answer")
	[ "$address" = 10.0.6.1 ]
	[ "$(timeout 10 ip netns exec client socat -u "TCP4:$address:$port" -)" = from=10.0.6.1 ]
	[ "$(control client wait detour | jq -r '.ok, .address' | xargs)" = "true 10.0.6.1" ]
	[ "$(control client map 10.0.3.1:7777 detour | jq -r .port)" = "$port" ]
	stop client
}

@test "map is refused after the deadline, and for what it cannot be" { in_sandbox map_refused; }
map_refused() {
	start_client "{name: detour, kind: nat, address: 10.0.6.1, deadline: 300ms}"
	[[ $(control client map 10.0.3.1:5201) == *'"ok":false'*deadline* ]]
	[[ $(control client map 10.0.3.1) == *'"ok":false'*10.0.3.1:5201* ]]
	[[ $(control client map 10.0.3.1:5201 nobody) == *'"ok":false'*nobody* ]]
	[[ $(control client wait nobody) == *'"ok":false'*nobody* ]]
	# Who waits when the client ends is told so.
	control client wait detour >waited.out &
	local waiting=$!
	await client.log event=waiting
	stop client
	wait $waiting
	grep -q 'the client is ending' waited.out
	stop_leaves_nothing
}

# --- beginning and end --------------------------------------------------------------------------------------------

@test "a client that is killed leaves rules; the next one replaces them and takes over its connections" {
	in_sandbox killed
}
killed() {
	start_vpn_detour
	start_client "$(vpn_detour)"
	control client wait tunnel >wait.out
	kill -KILL "$client_pid"
	wait "$client_pid" || true
	[ "$(ip -n client rule show | grep -c 'proto 76')" = 1 ]
	ip -n client rule add from 10.9.9.9 table 4400 # another's: it stays
	rm -f client.log
	start_client "$(vpn_detour)"
	control client wait tunnel >wait.out
	[ "$(ip -n client rule show | grep -c 'proto 76')" = 1 ]
	[ "$(ip -n client rule show | grep -c 'from 10.9.9.9 lookup 4400')" = 1 ]
	stop client
	stop_leaves_nothing
	[ "$(ip -n client rule show | grep -c 'from 10.9.9.9 lookup 4400')" = 1 ]
}

@test "a client that starts among connections serves them, and keeps the subflows that are there" { in_sandbox adopt; }
adopt() {
	start_fake
	serve
	open_flow
	start_client
	await client.log "$across_nat"
	kill -KILL "$client_pid"
	wait "$client_pid" || true
	echoes "while it is away"
	rm -f client.log
	start_client
	await client.log event=mapped
	[ "$(status '.connections[0].subflows')" = 2 ]
	[ "$(status '.connections[0].paths[0].state')" = up ]
	[ "$(status .counters.created)" = 0 ]
	echoes "and again"
	stop client
	echoes "without it"
}

@test "when events were lost the client looks again, and is right again" { in_sandbox overrun; }
overrun() {
	start_fake
	start_client
	serve
	open_flow
	await client.log "$across_nat"
	local token
	token=$(status '.connections[0].token')
	cat >storm.py <<-'EOF'
		import socket
		import sys

		at, mptcp = ("10.0.3.1", 5202), 262
		if sys.argv[1] == "listen":
		    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, mptcp)
		    listener.bind(at)
		    listener.listen(64)
		    print("READY", flush=True)
		    while True:
		        last = listener.accept()[0]
		        last.sendall(b"x")
		for _ in range(4000):
		    last = socket.socket(socket.AF_INET, socket.SOCK_STREAM, mptcp)
		    last.connect(at)
		    last.recv(1)
		print("READY", flush=True)
		sys.stdin.read()
	EOF
	: >listen.out
	: >storm.out
	ip netns exec server /usr/bin/python3 storm.py listen >listen.out 2>storm.log &
	await listen.out READY
	kill -STOP "$client_pid"
	mkfifo hold
	exec {hold}<>hold
	ip netns exec client /usr/bin/python3 storm.py connect <hold >storm.out 2>>storm.log &
	await storm.out READY
	kill $flow_pid
	wait $flow_pid || true
	kill -CONT "$client_pid"
	await client.log event=events-lost
	await client.log "event=connection-closed token=$token"
	# What is there now: the last connection of the storm, and none of the others.
	[ "$(status '.counters.overruns > 0')" = true ]
	[ "$(status '[.connections[] | .remote.port] | map(tostring) | join(" ")')" = 5202 ]
	stop client
}

@test "the kernel's own path manager: an error with the remedy, or managed" { in_sandbox path_manager; }
path_manager() {
	inside client sysctl -qw net.mptcp.pm_type=0
	printf 'detours: [%s]\ndirectory: %s\n' "$nat_detour" "$work/client" >client.yaml
	local status=0
	ip netns exec client "$programs/liquidnet-detour-client" --config client.yaml 2>refused.log || status=$?
	[ $status = 1 ]
	grep -q 'sysctl -w net.mptcp.pm_type=1' refused.log
	start_client "$nat_detour" "manage_sysctl: true"
	[ "$(inside client sysctl -n net.mptcp.pm_type)" = 1 ]
	stop client
	[ "$(inside client sysctl -n net.mptcp.pm_type)" = 0 ]
}

@test "one client a network namespace" { in_sandbox only_one; }
only_one() {
	local status=0
	start_client
	ip netns exec client "$programs/liquidnet-detour-client" --config client.yaml 2>second.log || status=$?
	[ $status = 1 ]
	grep -q 'another liquidnet-detour-client' second.log
	[ "$(status .limit)" = 2 ]
	ip netns exec server sysctl -qw net.mptcp.pm_type=1
	start other ip netns exec server "$programs/liquidnet-detour-client" --config client.yaml # elsewhere it may
	stop other
	stop client
}

@test "a bad configuration: one line, exit status 2, nothing started" {
	printf 'limit: 2\ndetuors: []\n' >"$work/bad.yaml"
	run "$programs/liquidnet-detour-client" --config "$work/bad.yaml"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == "liquidnet-detour-client: $work/bad.yaml:2: "*detuors*detours* ]]
	run "$programs/liquidnet-detour-client" --config "$work/missing.yaml"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
}

@test "the example is a good configuration" {
	sed "s|/etc/liquidnet|$work|" nodes/detour/client/client.example.yaml >"$work/client.yaml"
	touch "$work/client.crt" "$work/detour.crt"
	install -m 600 /dev/null "$work/client.key"
	run "$programs/liquidnet-detour-client" --config "$work/client.yaml" --check
	[ "$status" = 0 ]
}
