#!/usr/bin/env bats
# liquidnet-grin on the machine's kernel: pairs, a neighbour that dies, restarts under load, what a killed daemon leaves, bad input. grin.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load grin

@test "pair: subflows over each cable of both ends, forwarded by neighbours; direct packets are marked" { in_sandbox pair; }
pair() {
	start_all
	has_rights "$grin1_pid" net_admin
	serve 4
	fetch 1 4 24MB
	until_is 2 up_subflows 1
	wait "$fetch_pid"
	[ "$(status_of 1 '"\(.counters.opened) \(.counters.created) \(.counters.refused) \(.counters.died)"')" = "1 2 0 0" ]
	[ "$(status_of 4 '"\(.counters.accepted) \(.counters.told)"')" = "1 2" ]
	# s1 is joined to s6 and s2, s4 to s3 and s5: each carried its part, and nothing else did.
	for n in 2 3 5 6; do [ "$(status_of "$n" .forwarded.bytes)" -gt 500000 ]; done
	[ "$(status_of 1 .forwarded.packets) $(status_of 4 .forwarded.packets)" = "0 0" ]
	[ "$(status_of 4 .marked)" -gt 100 ]
	[ "$(ask grin1.control neighbours | jq -rc '[.neighbours[] | "\(.neighbour) \(.interface) \(.address) \(.peer)"]')" = \
		'["10.0.0.6 c1 10.32.0.6 10.32.0.1","10.0.0.2 c4 10.64.0.2 10.64.0.1"]' ]
	# Three uplinks of 20 Mbit/s: 24 MB take 9.6 s over one.
	jq -e '.all < 7.2' fetch.json
}

@test "static and computed: every end of a cable is reached from every server" { limit=150 in_sandbox all_reached; }
all_reached() {
	local routing
	for routing in computed static; do
		start_all "routing: $routing"
		for n in 1 2 3 4 5 6; do
			for y in $(for m in 1 2 3 4 5 6; do ip -n "s$m" -4 -o addr show | grep -oE '10\.(32|64)\.0\.[0-9]+' || :; done); do
				printf 's%s %s %s\n' "$n" "$y" "$(ip netns exec "s$n" ping -n -c 1 -W 2 "$y" 2>&1 | grep -cE '^64 bytes')"
			done
		done >"reached.$routing"
		for n in 1 2 3 4 5 6; do stop "grin$n"; done
	done
	fails grep -v '1$' reached.computed
	diff reached.computed reached.static
	[ "$(wc -l <reached.static)" = 72 ]
}

@test "neighbours: two that share a cable use it once; plain TCP and foreign addresses are left alone" { in_sandbox neighbours; }
neighbours() {
	start_all
	serve 2
	fetch 1 2 24MB
	until_is 2 up_subflows 1
	ask grin1.control connections >connections.json
	jq -e '[.connections[].subflows[] | select((.local | startswith("10.64.0.2:")) and .remote == "10.64.0.1:7100")] | length == 1' connections.json
	wait "$fetch_pid"
	fetch 1 2 1MB --tcp
	wait "$fetch_pid"
	[ "$(status_of 1 '"\(.counters.opened) \(.counters.created)"')" = "1 2" ]
}

@test "a neighbour dies: the transfer goes on, its subflows are closed and come again with it" { limit=150 in_sandbox neighbour_dies; }
neighbour_dies() {
	start_all
	serve 4
	fetch 1 4 60MB
	until_is 2 up_subflows 1
	ip netns exec s2 sysctl -qw net.ipv4.ip_forward=0
	until_true eval '[ "$(status_of 4 .counters.died)" -ge 1 ]'
	ip netns exec s2 sysctl -qw net.ipv4.ip_forward=1
	wait "$fetch_pid"
	jq -e '.seconds | length == 1' fetch.json
}

@test "daemons restart under load, by SIGTERM and by SIGKILL: connections live, subflows are found again" { limit=150 in_sandbox restarts; }
restarts() {
	start_all
	serve 4
	fetch 1 4 60MB
	until_is 2 up_subflows 1
	kill -KILL "$grin1_pid" "$grin2_pid"
	wait "$grin1_pid" "$grin2_pid" || :
	start_grin 1
	start_grin 2
	until_is 2 up_subflows 1
	[ "$(status_of 1 .counters.created)" = 0 ]
	stop grin5
	start_grin 5
	wait "$fetch_pid"
	jq -e '.seconds | length == 1' fetch.json
	[ "$(status_of 1 .counters.opened)" = 1 ]
}

@test "nothing stays: after SIGTERM, and after SIGKILL and the next start with fewer cables" { in_sandbox nothing_stays; }
nothing_stays() {
	start_grin 1
	[ -n "$(traces s1)" ]
	stop grin1
	[ -z "$(traces s1)" ] || { traces s1; false; }
	start_grin 1 'routing: static'
	kill -KILL "$grin1_pid"
	wait "$grin1_pid" || :
	start_grin 1 'use: 1'
	[ "$(ip -n s1 -4 rule show | grep -c 'from 10\.')" = 1 ]
	[ -z "$(ip -n s1 -4 -o addr show dev c4 to 10.64.0.0/11)" ]
	[ "$(ip -n s1 -4 route show table all proto 71 | wc -l)" = 3 ]
	kill -KILL "$grin1_pid"
	wait "$grin1_pid" || :
	start_grin 1 'use: 0'
	stop grin1
	[ -z "$(traces s1)" ] || { traces s1; false; }
	ip -n s1 -4 -o addr show dev uplink | grep -q '10.0.0.1/11'
}

@test "bad input: one line and status 2 for the file, 1 for the machine; nothing is installed" { in_sandbox bad_input; }
bad_input() {
	local base=$'server: 10.0.0.1\nuplink: uplink\ninterfaces: c\n'
	refuses liquidnet-grin 'no server'"'"'s address' "${base/10.0.0.1/10.32.0.1}cables: {servers: 6}"
	refuses liquidnet-grin 'two cables between the same pair' "${base}cables: [[10.0.0.1, 10.0.0.2], [10.0.0.2, 10.0.0.1]]"
	refuses liquidnet-grin 'from a server to itself' "${base}cables: [[10.0.0.1, 10.0.0.1]]"
	refuses liquidnet-grin 'no server'"'"'s address' "${base}cables: [[10.0.0.1, 192.0.2.1]]"
	refuses liquidnet-grin 'degree' "${base}cables: {servers: 6, degree: 8}"
	refuses liquidnet-grin '5 neighbours at most' "${base}cables: {servers: 6, degree: 6}"
	refuses liquidnet-grin 'no cable of the plan ends at' "${base}cables: [[10.0.0.2, 10.0.0.3]]"
	refuses liquidnet-grin 'unknown neighbour' "${base/interfaces: c/interfaces: \{10.0.0.2: c4, 10.0.0.9: c9\}}cables: [[10.0.0.1, 10.0.0.2]]"
	refuses liquidnet-grin 'ENOPROTOOPT' "${base}routing: lsrr"$'\n'"cables: {servers: 6}"
	refuses liquidnet-grin '`cables` is missing' "$base"
	grin_yaml 1 >good.yaml
	ip netns exec s1 liquidnet-grin --config good.yaml --check
	local setting
	for setting in net.mptcp.pm_type=0 net.ipv4.ip_forward=0 net.ipv4.conf.uplink.rp_filter=1 net.ipv4.conf.all.rp_filter=1; do
		local name=${setting%=*} before
		before=$(ip netns exec s1 sysctl -n "$name")
		ip netns exec s1 sysctl -qw "$setting"
		run ip netns exec s1 liquidnet-grin --config good.yaml
		[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
		[[ ${lines[0]} == *"sysctl -w $name=$before"* ]] || { echo "${lines[0]}"; false; }
		[ -z "$(traces s1)" ]
		ip netns exec s1 sysctl -qw "$name=$before"
	done
	ip -n s1 addr del 10.0.0.1/11 dev uplink
	run ip netns exec s1 liquidnet-grin --config good.yaml
	[ "$status" = 1 ] && [[ ${lines[0]} == *"ip addr add 10.0.0.1/11 dev uplink"* ]]
	run liquidnet-grin assign --racks 6 
	[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ]
	run liquidnet-grin assign --racks 2x4 --degree 4
	[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ]
	liquidnet-grin assign --racks 1x6 --degree 2 --seed 4 >plan.yaml
	printf 'server: 10.0.0.1\nuplink: uplink\ninterfaces: c\nplan: plan.yaml\n' >planned.yaml
	liquidnet-grin --config planned.yaml --check
}

@test "matrix: strangers are closed and counted; who does not listen is an error" { in_sandbox strangers; }
strangers() {
	serve 1
	printf 'GET / HTTP/1.1\r\n\r\n' | ip netns exec s2 socat -t 2 - TCP:10.0.0.1:7100
	kill -TERM "$serve1_pid"
	wait "$serve1_pid"
	[ "$(jq .strangers serve1.out)" = 1 ]
	run ip netns exec s1 liquidnet-matrix fetch --servers 10.0.0.2 --size 1KB
	[ "$status" = 1 ] && [[ ${lines[0]} == *"10.0.0.2: Connection refused"* ]]
	for bad in 'run --node 11' 'run --pattern x' 'fetch' 'run --window 1s' 'run --window 1s-9s' 'run --flows 1-1' 'serve --port 0' 'x'; do
		# shellcheck disable=SC2086
		run liquidnet-matrix $bad
		[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ]
	done
}
