#!/usr/bin/env bats
# liquidnet-follow, liquidnet-front and liquidnet-echo on stock kernels. steer.bash says what the network is; m is F2 and the second network here.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load steer

# ask_echo ADDRESS PORT FOR: requests in the background, into echo.json.
ask_echo() {
	ip netns exec client liquidnet-echo ask "$1" "$2" --every 20ms --size 100 --for "$3" "${@:4}" >echo.json &
	echo_pid=$!
}

serve_echo() { # NODE PORT [OPTION]
	mkfifo echo.ready
	exec {ready}<>echo.ready
	ip netns exec "$1" liquidnet-echo serve "${@:2}" --ready-fd "$ready" &
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
}

@test "echo: every request has a round trip; who does not listen is an error" { in_sandbox echoed; }
echoed() {
	serve_echo server 7000
	ask_echo 10.0.2.1 7000 1s
	wait "$echo_pid"
	[ "$(jq -r '"\(.sent) \(.answered) \(.ended) \(.samples | length)"' echo.json)" = "50 50 null 50" ]
	local status=0
	ip netns exec client liquidnet-echo ask 10.0.2.1 7001 2>said || status=$?
	[ "$status" = 1 ] && grep -q '10.0.2.1:7001: Connection refused' said
	for bad in 'ask 10.0.2.1' 'ask 10.0.2.1 x' 'ask 10.0.2.1 1 --size 0' 'ask 10.0.2.1 1 --every 1' 'ask 10.0.2.1 1 --for 30d'; do
		status=0
		# shellcheck disable=SC2086
		liquidnet-echo $bad 2>said || status=$?
		[ "$status" = 2 ] && [ "$(wc -l <said)" = 1 ]
	done
}

# The server's address goes, and one in another network comes.
move_server() {
	ip -n server addr del 10.0.2.1/24 dev wire
	ip -n t addr add 10.0.9.254/24 dev to-server
	ip -n server addr add 10.0.9.1/24 dev wire
	ip -n server route add default via 10.0.9.254
}

@test "follow: the server's address changes, and no request is lost" { in_sandbox followed; }
followed() {
	ip netns exec client ip mptcp endpoint add 10.0.1.1 port 7777 signal
	ip netns exec server sysctl -qw net.mptcp.pm_type=1
	start follow server liquidnet-follow
	serve_echo server 7000
	ask_echo 10.0.2.1 7000 4s
	until_is 1 status follow .announced
	move_server
	until_is 1 status follow .created
	wait "$echo_pid"
	[ "$(jq -r '"\(.sent) \(.answered) \(.ended)"' echo.json)" = "200 200 null" ]
	[ "$(status follow '"\(.addresses) \(.destroyed)"')" = "1 1" ]
	[ "$(awk '/^CapEff/ { print $2 }' "/proc/$follow_pid/status")" = 0000000000001000 ]
	until_is 0 status follow .connections
	stop follow
}

@test "follow: a client that names no port is left alone; plain TCP breaks" { in_sandbox unfollowed; }
unfollowed() {
	ip netns exec server sysctl -qw net.mptcp.pm_type=1
	start follow server liquidnet-follow
	serve_echo server 7000 --tcp
	ask_echo 10.0.2.1 7000 3s --tcp
	until_true eval "ip netns exec client ss -Htn state established | grep -q :7000"
	sleep 0.5 # some requests
	move_server
	until_is 1 status follow .addresses
	wait "$echo_pid"
	jq -e '.answered < .sent' echo.json
	[ "$(status follow '"\(.connections) \(.created)"')" = "0 0" ]
}

@test "front: a connection moves to the other server, whose path it leaves; shares change" { in_sandbox fronted; }
fronted() {
	# F1 is `server`, F2 is `m`, whose own address clients reach without F1.
	ip -n m addr add 10.0.8.1/32 dev lo
	ip -n t route add 10.0.8.1/32 via 10.0.3.1
	ip netns exec m ip mptcp endpoint add 10.0.8.1 signal
	printf '%s\n' 'address: 10.0.2.1' 'port: 7000' 'servers: [{name: f2, address: 10.0.3.1, share: 100}]' >front.yaml
	start front server liquidnet-front --config front.yaml
	serve_echo m 7000
	ask_echo 10.0.2.1 7000 4s
	wait "$echo_pid"
	[ "$(jq -r '"\(.sent) \(.answered) \(.ended)"' echo.json)" = "200 200 null" ]
	[ "$(status front '.counters.moved.packets')" = 1 ]
	[ "$(status front '.counters.resets.packets >= 2 and .counters.forwarded.bytes < 65536')" = true ]
	control front share f2 0% | jq -e .ok
	ask_echo 10.0.2.1 7000 1s # nobody listens on F1 itself
	fails wait "$echo_pid"
	control front share f3 10% | jq -e '.error | contains("no server is called")'
	control front share f2 101% | jq -e '.error | contains("no share")'
	stop front
	fails ip netns exec server nft list table ip liquidnet-front
	[ "$(ip netns exec server sysctl -n net.netfilter.nf_conntrack_acct)" = 0 ]
	printf '%s\n' 'address: 10.0.2.1' 'servers: [{name: a, address: 10.0.3.1, share: 60}, {name: b, address: 10.0.3.1, share: 60}]' >front.yaml
	local status=0
	ip netns exec server liquidnet-front --check --config front.yaml 2>said || status=$?
	[ "$status" = 2 ] && grep -q 'front.yaml:2: servers have 120 %' said
}
