#!/usr/bin/env bats
# The netem back end on a kernel that has it: an experiment's network, client -- relay, shaped by netem, and what the link then
# does to real packets. `make vm-test` runs this in the machine image where the host's kernel lacks netem.
# shellcheck disable=SC2016,SC2034,SC2154,SC2317,SC2329 # functions are called by name, inside; awk's and sh's variables are theirs

bats_require_minimum_version 1.5.0

load relay
load sandbox
load between

setup() {
	relay_setup
	backend=netem
	unshare --net tc qdisc add dev lo root netem delay 1ms 2>/dev/null || skip "this kernel has no netem; make vm-test has one"
}

teardown() {
	[ -z "${fake:-}" ] || rm -r "$fake"
}

# netem FILTER: of the client's qdisc
netem() {
	tc -s -j qdisc show dev "$device" | jq -r ".[0] | $1"
}

# datagrams COUNT: numbered ones to the relay, at once
datagrams() {
	timeout 40 python3 -c '
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM)
for i in range(1, int(sys.argv[1]) + 1):
    s.sendto(b"%d\n" % i, ("10.1.1.2", 9999))' "$1"
}

# How many datagrams the relay's kernel has seen, whether or not anybody listens.
datagrams_seen() {
	in_relay awk '/^Udp: [0-9]/ { print $2 + $3 }' /proc/net/snmp
}

lines() {
	wc -l <"$1"
}

# --- the tests ----------------------------------------------------------------------------------------------------

# A processor in software is up to 5 ms later even at its best, and busy, up to 15 % short of a rate.
latest() { # MICROSECONDS
	echo $(($1 + $(emulated && echo 5000 || echo 0)))
}
least() { # MBIT/S
	if emulated; then jq -n "$1 * 0.85"; else echo "$1"; fi
}

# 10 Mbit/s x 1448/1514 = 9.564, within 2 %; the first second, with its slow start, is left out.
rate_and_delay() {
	between "$(least 9.373)" "$(goodput -O 1 -t 7)" 9.756
	between "$(least 9.373)" "$(goodput -O 1 -t 7 -R)" 9.756
	between 10000 "$(round_trip)" "$(latest 11500)"
}

@test "TCP goodput within 2 % and round trip of a 10 Mbit/s, 5 ms link" {
	on_time in_network '{rate: 10Mbit/s, delay: 5ms, queue: 1000}' rate_and_delay
}

each_direction() {
	between "$(least 19.6)" "$(goodput -t 5)" 20.4
	between "$(least 4.69)" "$(goodput -t 5 -R)" 4.88
	between 11000 "$(round_trip)" "$(latest 12500)"
}

# 1448/1514 of 20.91 is 20.
@test "each direction has its own rate and delay" {
	on_time in_network '{forward: {rate: 20.91Mbit/s, delay: 1ms}, reverse: {rate: 5Mbit/s, delay: 10ms}}' each_direction
}

# 20 % of 3000, and four standard deviations (22) either way; the counters and the receiver agree to the packet.
losses() {
	until ping -q -c 1 -W 1 10.1.1.2 >/dev/null; do :; done # neighbours are known
	local drops
	drops=$(netem .drops)
	datagrams 3000
	until_is 0 netem .qlen
	drops=$(($(netem .drops) - drops))
	until_is $((3000 - drops)) datagrams_seen
	between 512 "$drops" 688
}

@test "the share of packets that is lost" {
	in_network '{delay: 1ms, loss: 20%}' losses
}

# 100 kbit/s x 1 s is 8.26 packets of 1514 bytes in flight: 9, besides the queue of 10. All 200 come before the first leaves.
queue_limit() {
	ping -q -c 1 -W 5 10.1.1.2 >/dev/null # as round_trip, which would take a minute here
	[ "$(netem .options.limit)" = 19 ]
	datagrams 200
	until_is 0 netem .qlen
	until_is 19 datagrams_seen
	[ "$(netem .drops)" = 181 ]
}

@test "the queue holds its limit and rate x delay packets" {
	in_network '{rate: 100kbit/s, delay: 1s, queue: 10}' queue_limit
}

no_limit() {
	[ "$(netem .options.limit)" = 1000000 ]
	round_trip >/dev/null
	datagrams 3000
	until_is 3000 datagrams_seen
}

@test "a link without a rate has no queue to overflow" {
	in_network '{delay: 200ms, queue: 10}' no_limit
}

jitter() {
	[ "$(netem .options.delay.jitter)" = 0.01 ]
	round_trip >/dev/null
	in_relay socat -d -d -u "UDP4-RECV:9999,setsockopt-listen=1:33:i$((16 << 20))" CREATE:got 2>receiver.log &
	local receiver=$!
	timeout $((20 * slow)) grep -q -m 1 'starting data transfer' <(exec tail -n +1 -f receiver.log)
	datagrams 200 # SO_RCVBUFFORCE: the receiver's buffer holds them, however late it is
	until_is 200 lines got
	cmp got <(seq 200)
	kill "$receiver"
	wait "$receiver" || true
}

@test "jitter reorders nothing" {
	in_network '{delay: 20ms, jitter: 10ms}' jitter
}

# A tc that leaves out the loss stands for whatever does not do as told.
@test "what is not installed as asked is an error that names link, setting and both values" {
	fake=$(mktemp -d "$build/fake.XXXXXX") # not beneath /tmp: a sandbox has its own
	printf '#!/bin/sh\n[ "$1" = -batch ] || exec %s "$@"\nsed "s/ loss random [^ ]*//" | exec %s "$@"\n' \
		"$(command -v tc)" "$(command -v tc)" >"$fake/tc"
	chmod +x "$fake/tc"
	PATH=$fake:$PATH run ! in_network '{delay: 1ms, loss: 20%}' true
	echo "$output"
	[[ $output == *"link access"*"was told loss 0.2 and has 0"* ]]
}
