#!/usr/bin/env bats
# liquidnet-steer, with the real waypoint and two stock kernels. steer.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load steer

@test "a word moves the connection over the waypoint; both programs go on" { in_sandbox moved; }
moved() {
	keys t m
	start_waypoint
	start_steer
	serve
	open_flow
	echoes nothing-special
	[ "$(status steer .counters.begun)" = 0 ]
	echoes this-is-secure
	until_is "done" status steer '.redirections[0].step'
	echoes after-it
	# Nothing on the old path after the reset but the echo of the word, which may be under way then: here the whole move takes less than a millisecond.
	[ "$(status steer '.redirections[0] | "\(.client | startswith("10.0.1.1:")) \(.server) \(.to | startswith("10.0.3.1:")) \(.old_bytes_after <= 15)"')" = \
		"true 10.0.2.1:5201 true true" ]
	[ "$(counter client MPTcpExtAddAddr)" = 1 ]
	# One subflow is left, and it leads to the waypoint.
	until_is 1 eval "ip netns exec client ss -Htn state established | wc -l"
	ip netns exec client ss -Htn state established | grep -q 10.0.3.1
	# The waypoint needs no mapping for what flows.
	until_is 0 eval "control m mappings | jq '.mappings | length'"
	echoes still-here
	[ "$(control steer connections | jq -r '.connections[] | "\(.flows) \(.at | startswith("10.0.3.1:"))"')" = "1 true" ]
	stop steer
	echoes without-steer
}

@test "without the handshake there are no keys, and nothing is done" { in_sandbox late; }
late() {
	keys t m
	start_waypoint
	serve
	open_flow
	start_steer
	echoes this-is-secure
	until_is 1 status steer .counters.no_keys
	[ "$(status steer '"\(.counters.begun) \(.counters.injected)"')" = "0 0" ]
	[ "$(counter client MPTcpExtAddAddr)" = 0 ]
}

@test "a client that takes no addresses stays, and the waypoint forgets it" { in_sandbox refused; }
refused() {
	keys t m
	ip netns exec client ip mptcp limits set subflows 2 add_addr_accepted 0
	start_waypoint
	start_steer '[{match: {payload: secure}, via: m}]' 'join_within: 500ms'
	serve
	open_flow
	echoes secure
	until_is "the client did not join" status steer '.redirections[0].why'
	[ "$(status steer '.redirections[0] | "\(.step) \(.resets)"')" = "failed 0" ]
	until_is 0 eval "control m mappings | jq '.mappings | length'"
	echoes still-here
}

@test "a waypoint that does not let us ask for the client: nothing is announced" { in_sandbox permission; }
permission() {
	keys t m
	start_waypoint 10.9.0.0/16
	start_steer
	serve
	open_flow
	echoes secure
	until_is permission status steer '.redirections[0].why'
	[ "$(counter client MPTcpExtAddAddr)" = 0 ]
	echoes still-here
}

@test "a waypoint that dies: the old path stays; it comes back: the next one moves" { in_sandbox dies; }
dies() {
	keys t m
	start_waypoint
	start_steer '[]'
	serve
	open_flow
	local token
	token=$(control steer connections | jq -r '.connections[0].token')
	kill -KILL "$m_pid"
	control steer redirect "$token" via m | jq -e .ok
	until_is "the waypoint is silent" status steer '.redirections[0].why'
	echoes still-here
	control steer redirect "$token" via nowhere | jq -e '.error == "no waypoint is called '\''nowhere'\''; `status` lists them"'
	control steer redirect zz via m | jq -e '.error | contains("no token")'
	control steer redirect 00000001 via m | jq -e '.error | contains("no connection")'
	start_waypoint
	until_true eval "control steer redirect $token via m | jq -e .ok"
	until_is "done" status steer '.redirections[-1].step'
	echoes moved
}

@test "plain TCP and garbage pass" { in_sandbox garbage; }
garbage() {
	keys t m
	start_waypoint
	start_steer
	ip netns exec server socat TCP4-LISTEN:5202,fork,reuseaddr EXEC:cat &
	until_true listens server 5202
	[ "$(echo secure | ip netns exec client socat -t 5 - TCP4:10.0.2.1:5202)" = secure ]
	[ "$(status steer '"\(.counters.packets > 0) \(.counters.connections) \(.counters.begun)"')" = "true 0 0" ]
	# TCP packets whose lengths cannot be, and a waypoint's answers from somebody else.
	ip netns exec client python3 - <<-'PYTHON'
		import os, socket
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)
		for n in range(300):
		    s.sendto(os.urandom(n), ("10.0.2.1", 0))
	PYTHON
	until_is true status steer '.counters.malformed + .counters.packets > 290'
	kill -0 "$steer_pid"
	serve
	open_flow
	echoes secure
	until_is "done" status steer '.redirections[-1].step'
}

@test "what it may do: nothing, once it runs" { in_sandbox privileges; }
privileges() {
	keys t m
	start_waypoint
	start_steer
	[ "$(awk '/^Cap(Prm|Eff)/ { print $2 }' "/proc/$steer_pid/status" | sort -u)" = 0000000000000000 ]
	[ "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$steer_pid/status")" = 1 ]
	stop steer
}

@test "bad configurations: file, line, what and remedy; nothing starts" { in_sandbox refusals; }
refusals() {
	keys t m
	check() { # PATTERN: what steer.yaml is refused with
		local said status=0
		said=$(ip netns exec t liquidnet-steer --check --config steer.yaml 2>&1) || status=$?
		[ "$status" = 2 ]
		grep -qE -- "steer.yaml:[0-9]+: $1" <<<"$said" || { echo "said: $said" >&2; return 1; }
	}
	steer_yaml >steer.yaml
	ip netns exec t liquidnet-steer --check --config steer.yaml
	steer_yaml '[{match: {payload: ""}, via: m}]' >steer.yaml
	check 'a pattern has 1 to 256 bytes, not 0'
	steer_yaml "[{match: {payload: $(printf 'x%.0s' {1..257})}, via: m}]" >steer.yaml
	check 'a pattern has 1 to 256 bytes, not 257'
	steer_yaml '[{match: {payload: x}, via: n}]' >steer.yaml
	check "no waypoint is called 'n'"
	steer_yaml '[{match: {}, via: m}]' >steer.yaml
	check "an empty 'match'"
	steer_yaml '[{match: {token: xyz}, via: m}]' >steer.yaml
	check "'xyz' is no token"
	steer_yaml | sed 's/to-m\]/to-nowhere]/' >steer.yaml
	check "no interface is called 'to-nowhere'"
	steer_yaml | sed 's/10.0.3.1/192.0.2.1/' >steer.yaml
	check 'no route leads to 192.0.2.1'
	steer_yaml | sed 's/key: [^}]*}/key: abc}/' >steer.yaml
	check "'abc' is no public key"
	steer_yaml | grep -v waypoints >steer.yaml
	check "'waypoints' is missing"
}

@test "IPv6: the same" { in_sandbox six; }
six() {
	local n=1 name line
	for name in client server m; do
		ip -n "$name" addr add "fd00:$n::1/64" dev wire nodad
		ip -n t addr add "fd00:$n::254/64" dev "to-$name" nodad
		ip -n "$name" -6 route add default via "fd00:$n::254"
		n=$((n + 1))
	done
	for name in t m; do ip netns exec "$name" sysctl -qw net.ipv6.conf.all.forwarding=1; done
	keys t m
	cat >m.yaml <<-YAML
		identity: m.key
		reach: {allow: ["fd00::/16"]}
		members: [{name: t, key: $t_public, on_behalf: ["fd00:1::/64"]}]
	YAML
	start m m liquidnet-detour --config m.yaml
	steer_yaml | sed 's/10.0.3.1/"fd00:3::1"/' >steer.yaml
	start steer t liquidnet-steer --config steer.yaml
	control steer wait | jq -e .ok
	ip netns exec server mptcpize run socat TCP6-LISTEN:5201,fork,reuseaddr EXEC:cat &
	until_true listens server 5201
	mkfifo in out
	exec {in}<>in {out}<>out
	ip netns exec client mptcpize run socat - 'TCP6:[fd00:2::1]:5201' <in >out &
	echo secure >&"$in"
	read -r -t $((20 * slow)) -u "$out" line
	until_is "done" status steer '.redirections[0].step'
	[ "$(status steer '.redirections[0].to')" = "[fd00:3::1]:5201" ]
	echo after >&"$in"
	read -r -t $((20 * slow)) -u "$out" line
	[ "$line" = after ]
}
