#!/usr/bin/env bats
# The Kibbutz's device daemon for longer: phones that stream, tunnels that are lost.
# shellcheck disable=SC2317,SC2329,SC2154,SC2034 # functions are called by name, inside

load ../sandbox
load kibbutz
load ../flow

setup() {
	sandbox_setup
	export limit=120 flow_node=p1 flow_server=10.5.0.1
}

# Two phones that stream, five times faster than the paper's: a packet every 0.2 s, a tail timer of 2 s, half a minute.
both_stream() {
	local n pings=()
	start_phone 1 2 "$(printf 'slack: 500ms\ntie: 100ms')"
	start_phone 2 1 "$(printf 'slack: 500ms\ntie: 100ms')"
	until_true is 1 '.neighbours[0].believed > 0' true
	until_true is 2 '.neighbours[0].believed > 0' true
	for n in 1 2; do
		ip netns exec "p$n" ping -qi 0.2 -c 150 10.5.0.1 >"ping$n" &
		pings+=($!)
	done
	wait "${pings[@]}"
	for n in 1 2; do
		stop "$n"
		replayed "$n"
		sed -nE 's/.*high power ([0-9.]+) %.*/\1/p' "p$n.replay" >>shares
		[ "$(grep -o '[0-9]* received' "ping$n" | cut -d' ' -f1)" -ge 140 ]
	done
	# Alone each would be up all the time; simulated it is 53 %.
	awk '{ sum += $1 } END { exit !(NR == 2 && sum / 2 > 45 && sum / 2 < 80) }' shares
}

@test "kibbutz: two phones that stream take turns; radios are up for little more than half the time" { in_sandbox both_stream; }

children() { pgrep -x -r D,R,S openvpn | wc -l; }
only_four() { [ "$(children)" = 4 ]; }

tunnels_live() {
	tail=3s
	serve
	with_provider
	start_phone 1 2 'watchdog: {dead: 2, disbelief: 1s}'
	start_phone 2 1 'credit: 100' # the test asks often
	open_flow
	until_true carried
	# A tunnel's process dies: it is started again, and used.
	kill -KILL "$(pgrep -x -f 'openvpn --config .*/vpn1/through0.conf')"
	await p1.log 'event=tunnel which=p2 up=0'
	await p1.log 'event=tunnel which=p2 up=1' 2
	until_true carried
	echoes "still here"
	# The provider begins anew and knows none of them: without keepalives it is the traffic that finds out.
	kill -TERM "$provider_pid"
	wait "$provider_pid"
	start_provider
	lost=0
	until_true renewed
	timeout 20 head -n $lost <&"$flow_out" >back # nothing was
	[ "$(sort -u back)" = lost ]
	until_true carried
	echoes "still here"
	stop 1
	[ "$(children)" = 6 ] # the provider's four and phone 2's two
	fails inside p1 ip link show kbz0
	kill -KILL "$p2_pid"
	until_true only_four
}

renewed() { own_packet 2; echo lost >&"$flow_in"; lost=$((lost + 1)); grep -q event=tunnel-renew p1.log; }

@test "kibbutz: tunnels are started again, made anew when the provider forgets them, and end with the daemon" { in_sandbox tunnels_live; }
