#!/usr/bin/env bats
# The client daemon without any detour: other ways of the host itself, several subflows of one address pair, and subflows that come only
# when enough has passed. client.bash says what the network is; here client and server have a second wire.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154,SC2016,SC2034

load client

second_wire() {
	ip link add other netns client type veth peer name other netns server
	ip -n client addr add 10.0.2.1/24 dev other
	ip -n server addr add 10.0.2.2/24 dev other
	ip -n client link set other up
	ip -n server link set other up
	# The server's one address, over the second wire.
	ip -n client route add default via 10.0.2.2 dev other metric 100
	for node in client server; do
		ip netns exec $node sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.other.rp_filter=0
	done
}

@test "direct: a subflow from another address, over its own interface" { in_sandbox direct; }
direct() {
	second_wire
	start_client "{name: second, kind: direct, from: 10.0.2.1, device: other}"
	serve
	open_flow
	await client.log 'event=subflow-established .* local=10.0.2.1:[0-9]* remote=10.0.3.1:5201'
	[ "$(status '.connections[0] | .subflows, (.paths[0] | .detour, .state, .local.address, .remote.address)' | xargs)" = "2 second up 10.0.2.1 10.0.3.1" ]
	[ "$(control client path second | jq -r '.kind, .up, .address' | xargs)" = "direct true 10.0.2.1" ]
	# It went over that wire: the SYN and what followed.
	[ "$(ip -n server -s -j link show other | jq '.[0].stats64.rx.packets')" -ge 2 ]
	echoes again
	kill "$flow_pid"
	await client.log event=connection-closed
	stop client
}

@test "direct: an address that is gone is refused, and tried again" { in_sandbox direct_gone; }
direct_gone() {
	second_wire
	ip -n client addr del 10.0.2.1/24 dev other
	start_client "{name: second, kind: direct, from: 10.0.2.1, device: other}" "retry_first: 300ms
retry_last: 300ms
attempts: 1000"
	serve
	open_flow
	await client.log event=subflow-refused
	echoes still
	ip -n client addr add 10.0.2.1/24 dev other
	ip -n client route replace default via 10.0.2.2 dev other metric 100
	await client.log 'event=subflow-established .* local=10.0.2.1:'
	kill "$flow_pid"
	await client.log event=connection-closed
	stop client
}

same_path() { # run as a function of its own name
	ip netns exec server ip mptcp limits set subflows 8
	printf 'limit: 3\nsame_path: 3\ndirectory: %s\n' "$work/client" >client.yaml
	start client ip netns exec client "$programs/liquidnet-detour-client" --config client.yaml --log-level debug
	serve
	open_flow
	await client.log 'event=subflow-established .* local=10.0.1.1:[0-9]* remote=10.0.3.1:5201' 3
	[ "$(status '.connections[0].subflows')" = 4 ]
	[ "$(status '[.connections[0].paths[] | select(.state == "up") | .local.port] | unique | length')" = 3 ]
	[ "$(counter server MPTcpExtMPJoinAckRx)" = 3 ]
	# One that ends is made again, with another port, and the others stay.
	local port
	port=$(status '.connections[0].paths[1].local.port')
	ip netns exec client ss -K dst 10.0.3.1 sport = "$port" >/dev/null
	await client.log 'event=subflow-established .* local=10.0.1.1:[0-9]* remote=10.0.3.1:5201' 4
	[ "$(status '[.connections[0].paths[] | select(.state == "up") | .local.port] | unique | length')" = 3 ]
	[ "$(status '.connections[0].paths[1].local.port')" != "$port" ]
	echoes again
	# A client that starts among connections finds them on their ways.
	kill -KILL "$client_pid"
	wait "$client_pid" || true
	: >client.log
	start client ip netns exec client "$programs/liquidnet-detour-client" --config client.yaml --log-level debug
	await client.log event=survey
	[ "$(status '.connections[0] | .subflows, .initial' | xargs)" = "4 true" ]
	[ "$(counter server MPTcpExtMPJoinAckRx)" = 4 ]
	kill "$flow_pid"
	await client.log event=connection-closed
	stop client
}

@test "same_path: several subflows of one address pair, by their ports" { in_sandbox same_path; }

late() {
	second_wire
	start_client "{name: second, kind: direct, from: 10.0.2.1, device: other}" "join_after_bytes: 100KB"
	serve
	open_flow
	await client.log event=connection
	echoes short # a few bytes there and back
	[ "$(status '.connections[0].subflows')" = 1 ]
	# A long transfer gets its subflow in mid-transfer.
	kill "$flow_pid"
	await client.log event=connection-closed
	ip netns exec server mptcpize run iperf3 -s -1 -p 5202 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5202 -n 400M -J >iperf.json 2>iperf.log
	[ "$(grep -c 'event=subflow-established .* local=10.0.2.1:[0-9]* remote=10.0.3.1:5202' client.log)" = 1 ] # not its control connection
	[ "$(ip -n server -s -j link show other | jq '.[0].stats64.rx.bytes')" -gt 1000000 ]
	[ "$(status .counters.looks)" -ge 1 ]
	stop client
}

@test "join_after_bytes: a short exchange gets no subflow, a long transfer gets one" { in_sandbox late; }
