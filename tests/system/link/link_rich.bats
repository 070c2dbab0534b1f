#!/usr/bin/env bats
# The link daemon, more than a pipe: marks, duplicates, corruption, other queues, cellular links, shared air.
# Each test is a function that runs inside a sandbox, which dies whole with it.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../between
load link

counter() { # NODE NAME: of the kernel's
	inside "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

ecn_marks() {
	inside a sysctl -qw net.ipv4.tcp_ecn=1
	inside b sysctl -qw net.ipv4.tcp_ecn=1
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 2ms' 'queue: {packets: 200, mark_beyond: 10}')"
	goodput a b 10.0.1.2 -t 1 >/dev/null
	# What was marked arrived so, and stood in for every drop.
	between 1 "$(status '.links[0].forward.marked')" 10000
	[ "$(status '.links[0].forward.marked')" = "$(counter b IpExtInCEPkts)" ]
	[ "$(status '[.links[0].forward.drops[]] | add')" = 0 ]
	between 1 "$(status '.links[0].forward.queue.high_packets')" 199
	stop_link
}

@test "ECN: marks instead of drops, and the receiver sees each of them" {
	in_sandbox ecn_marks
}

ecn_goodput() {
	inside a sysctl -qw net.ipv4.tcp_ecn=1
	inside b sysctl -qw net.ipv4.tcp_ecn=1
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 2ms' 'queue: {packets: 200, mark_beyond: 10}')"
	between 8 "$(goodput a b 10.0.1.2 -t 1)" 9.7
	stop_link
}

@test "ECN: marks cost no goodput" {
	on_time in_sandbox ecn_goodput
}

duplicates() {
	quiet
	start_link "$(yaml link2 a b 'duplicate: 10%' 'delay: 1ms' 'seed: 42')"
	datagrams 1000
	between 70 "$(status '.links[0].forward.duplicated')" 130
	[ "$(lines got)" = $((1000 + $(status '.links[0].forward.duplicated'))) ]
	uniq got | cmp - <(seq 1000)
	stop_link
}

@test "duplicates follow their original" {
	in_sandbox duplicates
}

# One bit is wrong, in the IP header or behind it: one of the two checksums is, too, and nothing wrong is delivered.
corruption() {
	quiet
	start_link "$(yaml link2 a b 'corrupt: 10%' 'delay: 1ms' 'seed: 42')"
	receive
	send 1000
	until_is "1000 1000 0" status '.links[0].forward | "\(.packets) \(.sent_packets) \(.queue.held)"'
	between 70 "$(status '.links[0].forward.corrupted')" 130
	received $((1000 - $(status '.links[0].forward.corrupted')))
	sort -nuc got
	comm -23 <(sort got) <(seq 1000 | sort) | cmp - /dev/null
	between 1 "$(counter b UdpInCsumErrors)" 130
	stop_link
}

@test "corrupted packets arrive, and checksums find them" {
	in_sandbox corruption
}

# Of a burst the newest stay, and the first, which was on its way already.
drop_head() {
	quiet
	start_link "$(yaml link2 a b 'rate: 100kbit/s' 'queue: {packets: 10, discipline: drop-head}')"
	datagrams 200
	[ "$(status '.links[0].forward.queue.high_packets')" = 10 ]
	[ "$(status '.links[0].forward.drops.queue')" = $((200 - $(lines got))) ]
	[ "$(head -n 1 got)" = 1 ]
	tail -n 9 got | cmp - <(seq 192 200)
	stop_link
}

@test "drop-head keeps what is newest" {
	in_sandbox drop_head
}

# listen: every event from now on goes to the file `events`; $listener is to be killed.
listen() {
	: >events
	socat -t 60 - "UNIX-CONNECT:$work/control" < <(echo events) >events &
	listener=$!
	await events '"ok":true'
}

# event_times FILTER: their times, one a line
event_times() {
	jq -r "select(.event) | select($1) | .at_ns" events
}

ping_ms() { # NODE ADDRESS
	inside "$1" ping -n -c 1 -W 5 "$2" | sed -n 's/.* time=\([0-9.]*\) ms$/\1/p'
}

# The first packet wakes the radio, which takes 750 ms; the next one finds it up.
cellular() {
	quiet
	start_link "$(yaml lte a b 'rate: 10Mbit/s' 'delay: 5ms' 'cellular: lte')"
	between 760 "$(ping_ms a 10.0.1.2)" 1500
	between 10 "$(ping_ms a 10.0.1.2)" 300
	stop_link
}

@test "a cellular link wakes up first" {
	on_time in_sandbox cellular
}

cellular_events() {
	local lines_before
	quiet
	start_link "$(yaml lte a b 'rate: 10Mbit/s' 'delay: 5ms' 'cellular: lte')"
	[ "$(status '.links[0].radio | "\(.profile) \(.state) \(.promotions)"')" = "lte idle 0" ]
	listen
	ping_ms a 10.0.1.2
	await events '"state":"tail"'
	[ "$(jq -r 'select(.event) | .state' events | head -n 3 | paste -sd' ')" = "promotion high tail" ]
	[ $(($(event_times '.state == "high"' | head -n 1) - $(event_times '.state == "promotion"' | head -n 1))) = 750000000 ]
	[ "$(status '.links[0].radio.promotions')" -ge 1 ]
	# 2 W since the promotion began.
	[ "$(status '.links[0].radio.energy_mj | floor')" -ge 1500 ]
	# A reset begins to count anew, and the radio stays as it is.
	lines_before=$(status .events.lines)
	control reset
	[ "$(status '.links[0].radio | "\(.promotions) \(.seconds.promotion == 0) \(.state)"')" = "0 true tail" ]
	[ "$(status .events.lines)" -lt "$lines_before" ]
	control set lte reverse delay=6ms
	await events '"event":"settings".*"reverse".*delay: 6000000ns'
	until_is 1 status .events.readers
	kill "$listener"
	wait "$listener" || true
	until_is 0 status .events.readers
	stop_link
}

@test "events tell each state of a cellular link and when" {
	in_sandbox cellular_events
}

# Two links, one medium, and a transfer over each at once.
both_send() { # SECONDS
	local first second
	start_link "$(yaml near a b 'delay: 1ms' 'medium: {name: wifi, phy_rate: 12Mbit/s, overhead: 50us}' 'queue: 50'
		yaml far c b 'delay: 1ms' 'medium: {name: wifi, phy_rate: 12Mbit/s, overhead: 50us}' 'queue: 50')"
	goodput a b 10.0.1.2 -t "$1" >first.out &
	first=$!
	goodput b c 10.0.2.1 -t "$1" >second.out &
	second=$!
	wait "$first"
	wait "$second"
}

# Together they have what one alone would have, and each half of it.
shared_air() {
	both_send 2
	between 3.5 "$(cat first.out)" 7
	between 3.5 "$(cat second.out)" 7
	between 8 "$(jq -n "$(cat first.out) + $(cat second.out)")" 11
	stop_link
}

@test "links on one medium share its air" {
	on_time in_sandbox shared_air
}

accounted_air() {
	both_send 1
	[ "$(status '[.links[] | .forward, .reverse | .air.waits > 0] | all')" = true ]
	[ "$(status '[([.links[] | .forward, .reverse | .air.seconds] | add), .links[0].medium.busy_s] | map(. * 1e6 | round) | .[0] == .[1]')" = true ]
	control shape near forward '{medium: {name: wifi, phy_rate: 12Mbit/s, channel: 2}}' | jq -e '.ok == false'
	stop_link
}

@test "what each link waits for and has of the air is counted; one medium has one channel" {
	in_sandbox accounted_air
}

# One radio for both links: whoever is answered was waited for, and each is.
one_radio() {
	quiet
	start_link "$(yaml first a b 'medium: {name: wifi, phy_rate: 12Mbit/s, channel: 1, radio: phone, dwell: 20ms}'
		yaml second c b 'medium: {name: wifi, phy_rate: 12Mbit/s, channel: 6, radio: phone, dwell: 20ms}')"
	listen
	inside a ping -q -n -c 20 -i 0.05 -W 10 10.0.1.2 >first.out &
	local first=$!
	inside c ping -q -n -c 20 -i 0.05 -W 10 10.0.2.2 >second.out
	wait "$first"
	grep -q '20 received' first.out
	grep -q '20 received' second.out
	between 2 "$(event_times '.channel == 1' | grep -c .)" 1000
	between 2 "$(event_times '.channel == 6' | grep -c .)" 1000
	between 4 "$(status '.links[0].medium.radio.switches')" 1000
	kill "$listener"
	wait "$listener" || true
	stop_link
}

@test "one radio serves links on two channels in turn" {
	in_sandbox one_radio
}
