#!/usr/bin/env bats
# The link daemon as a pipe: rate, delay, loss, queue; what is on the wire is whole.
# Each test is a function that runs inside a sandbox, which dies whole with it.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../between
load link

# 10 Mbit/s x 1448/1514 = 9.564, over IPv6 1428/1514 = 9.432, within 1 %.
goodput_and_rtt() {
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 5ms' 'queue: 1000')"
	steady_within 9.468 9.66 a b 10.0.1.2
	until_is 0 status '[.links[0] | .forward, .reverse | .queue.held] | add'
	between 10000 "$(round_trip a 10.0.1.2)" 11000
	steady_within 9.338 9.526 b a fd00::1 -6
	until_is 0 status '[.links[0] | .forward, .reverse | .queue.held] | add'
	between 10000 "$(round_trip b fd00::1)" 11000
	[ "$(status '[.links[0] | .forward, .reverse | .drops[]] | add')" = 0 ]
	[ "$(status .realtime)" = true ]
	[ "$(status '.links[0].forward.settings.rate_bps')" = 10000000 ]
	between 2000000 "$(status '.links[0].forward.sent_bytes')" 20000000
	control reset
	[ "$(status '.links[0].forward.lateness.count')" -lt 10 ]
	stop_link
}

@test "TCP goodput and round trip of a 10 Mbit/s, 5 ms link, IPv4 and IPv6" {
	on_time in_sandbox goodput_and_rtt
}

checksums() {
	between 1 "$(wrong_checksums)" 30
	start_link "$(yaml link2 a b 'rate: 50Mbit/s' 'delay: 1ms')"
	[ "$(wrong_checksums)" = 0 ]
	stop_link
}

@test "checksums are complete on the wire" {
	in_sandbox checksums
}

losses() {
	quiet
	start_link "$(yaml link2 a b 'loss: 10%' 'delay: 1ms' 'seed: 42')"
	ip netns exec a tcpdump -i a-b -n udp >/dev/null 2>wire.log &
	local capture=$!
	await wire.log "listening on"
	datagrams 1000
	kill "$capture"
	wait "$capture"
	mv got first
	[ "$(status '.links[0].forward.drops.loss')" = $((1000 - $(lines first))) ]
	between 870 "$(lines first)" 930
	# A capture on the sender's own interface sees the packets after the emulation.
	grep -q "^$(lines first) packets received by filter" wire.log
	stop_link
	start_link "$(yaml link2 a b 'loss: 10%' 'delay: 1ms' 'seed: 42')"
	datagrams 1000
	cmp first got
	stop_link
	start_link "$(yaml link2 a b 'loss: 10%' 'delay: 1ms' 'seed: 43')"
	datagrams 1000
	differ first got
	stop_link
}

@test "the seed decides which packets are lost; captures see what is left" {
	in_sandbox losses
}

# At 100 kbit/s a datagram takes 4 ms or more: of a burst, the queue holds ten, and some leave while it is sent.
queue_limit() {
	quiet
	start_link "$(yaml link2 a b 'rate: 100kbit/s' 'queue: 10')"
	datagrams 200
	[ "$(status '.links[0].forward.queue.high_packets')" = 10 ]
	[ "$(status '.links[0].forward.drops.queue')" = $((200 - $(lines got))) ]
	between 10 "$(lines got)" 190
	head -n 10 got | cmp - <(seq 10)
	stop_link
}

@test "the queue holds as many packets as its limit" {
	in_sandbox queue_limit
}

two_links() {
	local first second
	start_link "$(yaml link1 a b 'rate: 20Mbit/s' 'delay: 2ms'
		yaml link2 c b 'delay: 10ms' 'forward: {rate: 5Mbit/s}' 'reverse: {rate: 50Mbit/s}')"
	goodput a b 10.0.1.2 -t 3 >first.out &
	first=$!
	goodput b c 10.0.2.1 -t 3 >second.out &
	second=$!
	wait "$first"
	wait "$second"
	between 17 "$(cat first.out)" 19.13
	between 40 "$(cat second.out)" 47.83
	[ "$(status '.links | map(.name) | join(" ")')" = "link1 link2" ]
	between 4.3 "$(goodput c b 10.0.2.2 -t 2)" 4.79
	between 20000 "$(round_trip c 10.0.2.2)" 21000
	between 4000 "$(round_trip a 10.0.1.2)" 5000
	stop_link
}

@test "two links at once, each direction as it was told" {
	on_time in_sandbox two_links
}
