#!/usr/bin/env bats
# The Kibbutz's device daemon for longer: phones that stream.
# shellcheck disable=SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../kibbutz

setup() {
	BATS_TEST_DIRNAME=$(dirname "$BATS_TEST_DIRNAME") sandbox_setup
	export limit=120
}

# Two phones that stream, five times faster than the paper's: a packet every 0.2 s, a tail timer of 2 s, half a minute.
both_stream() {
	local n pings=()
	start_phone 1 2 'slack: 500ms'
	start_phone 2 1 'slack: 500ms'
	until_true is 1 '.neighbours[0].believed > 0' true
	until_true is 2 '.neighbours[0].believed > 0' true
	for n in 1 2; do
		ip netns exec "p$n" ping -qi 0.2 -c 150 10.5.0.1 >"ping$n" &
		pings+=($!)
		[ "$n" = 2 ] || await p2.log event=heard # two that begin in the same moment advertise in the same moment, for ever
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
