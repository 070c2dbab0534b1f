#!/usr/bin/env bats
# The link daemon in a network of its own: three nodes in a row, a (10.0.1.1) -- b (10.0.1.2, 10.0.2.2) -- c (10.0.2.1),
# plain veth pairs. Each test is a function that runs inside a sandbox, which dies whole with it. Every wait is for an
# event (a line, an answer, the end of a process) or a condition asked for again, and has a limit.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../between

setup() {
	sandbox_setup
	link_program=$programs/liquidnet-link
	export link_program
}

network() {
	local name
	for name in a b c; do
		ip netns add "$name"
		ip -n "$name" link set dev lo up
	done
	pair a 10.0.1.1/24 b 10.0.1.2/24
	pair c 10.0.2.1/24 b 10.0.2.2/24
	ip -n a addr add fd00::1/64 dev a-b nodad
	ip -n b addr add fd00::2/64 dev b-a nodad
}

pair() { # NODE ADDRESS NODE ADDRESS
	ip link add "$1-$3" netns "$1" type veth peer name "$3-$1" netns "$3"
	ip -n "$1" addr add "$2" dev "$1-$3"
	ip -n "$3" addr add "$4" dev "$3-$1"
	ip -n "$1" link set dev "$1-$3" up
	ip -n "$3" link set dev "$3-$1" up
}

in_node() { # NODE COMMAND...
	ip netns exec "$@"
}

# --- the daemon ---------------------------------------------------------------------------------------------------

# yaml NAME NODE NODE SETTING...: one link
yaml() {
	printf '  - name: %s\n    ends: [{namespace: %s, interface: %s}, {namespace: /run/netns/%s, interface: %s}]\n' \
		"$1" "$2" "$2-$3" "$3" "$3-$2"
	printf '    %s\n' "${@:4}"
}

# start_link YAML [PREFIX...]: the daemon with these links; returns when it is READY. Its pid is in $daemon, what it says from now on
# in link.log.
start_link() {
	local line
	printf 'links:\n%s\n' "$1" >link.yaml
	[ -p ready ] || mkfifo ready
	exec {ready}<>ready
	: >link.log
	"${@:2}" "$link_program" --config link.yaml --control "$work/control" --ready-fd 9 9>ready 2>>link.log &
	daemon=$!
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

stop_link() {
	kill -TERM "$daemon"
	wait "$daemon"
}

control() { # COMMAND...: the answer
	printf '%s\n' "$*" | timeout 20 socat -t 20 - "UNIX-CONNECT:$work/control"
}

status() { # JQ-FILTER: one value of the status
	control status | jq -r "$1"
}

# What a node's interfaces and their queues look like, without counters.
appearance() { # NODE INTERFACE
	ip -n "$1" -d -j link show | jq '[.[] | del(.stats, .stats64)]'
	tc -n "$1" qdisc show
	tc -n "$1" filter show dev "$2" egress | sed 's/\bid [0-9]*//'
	in_node "$1" ethtool -k "$2" | grep -v fixed
}

offloads() { # those of the first link's first end
	in_node a ethtool -k a-b
	ip -n a -d -j link show dev a-b | jq '.[0].gso_max_segs'
}

# --- traffic ------------------------------------------------------------------------------------------------------

# goodput NODE SERVER-NODE ADDRESS OPTION...: in Mbit/s at the receiver
goodput() {
	local out=iperf-$1-$2 server
	: >"$out.log"
	ip netns exec "$2" iperf3 -s -1 --forceflush >"$out.log" 2>&1 &
	server=$!
	await "$out.log" "Server listening"
	in_node "$1" timeout 30 iperf3 -c "$3" -J "${@:4}" >"$out.json"
	wait "$server"
	jq -r '.end.sum_received.bits_per_second / 1e6' "$out.json"
}

# steady_goodput FROM TO ADDRESS [OPTION...]: the same as the receiver's median second, without its beginning, in which the windows
# open, and its end, at which it stops reading.
steady_goodput() {
	goodput "$@" >/dev/null
	sed -n 's,.*sec .*Bytes *\([0-9.]*\) Mbits/sec *$,\1,p' "iperf-$1-$2.log" | sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'
}

# steady_within LOW HIGH NODE SERVER-NODE ADDRESS [OPTION...]: the steady goodput is. What was measured while the daemon itself
# says that the machine kept it waiting is measured again, twice at most.
steady_within() {
	local mbps stalls
	for _ in 1 2 3; do
		stalls=$(status .stalls.count)
		mbps=$(steady_goodput "${@:3}" -t 4)
		if between "$1" "$mbps" "$2" || [ "$(status .stalls.count)" = "$stalls" ]; then
			break
		fi
	done
	between "$1" "$mbps" "$2"
}

# round_trip NODE ADDRESS: in microseconds, median of 21 connections to a port where nobody listens: a SYN, a RST.
round_trip() {
	in_node "$1" timeout 20 python3 -c '
import socket, statistics, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
times = []
for _ in range(21):
    with socket.socket(family) as s:
        s.settimeout(5)
        before = time.monotonic_ns()
        if s.connect_ex((sys.argv[1], 9)) == 0:
            sys.exit("somebody listens")
        times.append((time.monotonic_ns() - before) // 1000)
print(int(statistics.median(times)))' "$2"
}

# Datagrams alone on the link: neighbours known, IPv6 off, so that the n-th packet is the n-th datagram.
quiet() {
	local mac
	in_node a sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	in_node b sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	mac=$(ip -n b -j link show dev b-a | jq -r '.[0].address')
	ip -n a neigh replace 10.0.1.2 lladdr "$mac" dev a-b nud permanent
}

# receive: what arrives in b is in the file `got`. Its buffer (SO_RCVBUFFORCE) holds all that a test sends, whatever rmem_max is: a
# receiver that is slower than the sender loses nothing.
receive() {
	rm -f got receiver.log
	ip netns exec b socat -d -d -u "UDP4-RECV:9999,setsockopt-listen=1:33:i$((16 << 20))" CREATE:got 2>receiver.log &
	receiver=$!
	await receiver.log "starting data transfer"
}

# send COUNT: numbered datagrams from a to b, as fast as it can
send() {
	# shellcheck disable=SC2016
	in_node a bash -c 'exec 3>/dev/udp/10.0.1.2/9999; for ((i = 1; i <= $1; i++)); do echo "$i" >&3; done' - "$1"
}

# received COUNT: waits until so many have come, and ends the receiver.
received() {
	until_is "$1" lines got
	kill "$receiver"
	wait "$receiver" || true
}

# datagrams COUNT: numbered ones from a to b; those that arrive are in the file `got`.
datagrams() {
	receive
	send "$1"
	until_is "$1 0" status '.links[0].forward | "\(.packets) \(.queue.held)"'
	received "$(status '.links[0].forward.sent_packets')"
}

differ() {
	if cmp -s "$1" "$2"; then
		echo "$1 and $2 are the same"
		return 1
	fi
}

lines() {
	wc -l <"$1"
}

# --- the tests ----------------------------------------------------------------------------------------------------

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

# What the receiver's interface sees has whole checksums, though the sender leaves them to its device; without the
# daemon this very check finds wrong ones.
wrong_checksums() {
	: >wire.log
	ip netns exec b tcpdump -i b-a -c 30 -vvv -n -l tcp >wire.txt 2>wire.log &
	local capture=$!
	await wire.log "listening on"
	goodput a b 10.0.1.2 -n 300K >/dev/null
	wait "$capture"
	[ "$(grep -c 'cksum 0x' wire.txt)" = 30 ]
	grep -c 'incorrect' wire.txt || true
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

restores() {
	ip -n a link set dev a-b alias "the user's own"
	in_node a ethtool -K a-b gso off
	tc -n b qdisc add dev b-a clsact
	tc -n b filter add dev b-a egress protocol ip prio 7 u32 match u32 0 0 classid 1:1
	appearance a a-b >a.before
	appearance b b-a >b.before
	start_link "$(yaml link2 a b 'delay: 1ms')"
	appearance a a-b >a.during
	differ a.before a.during
	ip -n a -d link show dev a-b | grep -q 'gso_max_segs 1 '
	stop_link
	appearance a a-b | cmp - a.before
	appearance b b-a | cmp - b.before
}

@test "SIGTERM gives the interfaces back as they were" {
	in_sandbox restores
}

filter_of_others() {
	appearance b b-a >b.before
	start_link "$(yaml link2 a b 'delay: 1ms')"
	tc -n a filter add dev a-b egress protocol ip prio 7 u32 match u32 0 0 classid 1:1
	tc -n b filter add dev b-a ingress protocol ip prio 7 u32 match u32 0 0 classid 1:1
	stop_link
	[ "$(tc -n a filter show dev a-b egress | grep -c 'pref 7 .*flowid 1:1')" = 1 ]
	[ "$(tc -n b filter show dev b-a ingress | grep -c 'pref 7 .*flowid 1:1')" = 1 ]
	[ -z "$(tc -n a filter show dev a-b egress | grep liquidnet)" ]
	# A hook that was there stays when it is empty, too.
	tc -n b filter del dev b-a ingress
	start_link "$(yaml link2 a b 'delay: 1ms')"
	stop_link
	tc -n b qdisc show dev b-a | grep -q clsact
	tc -n b qdisc del dev b-a clsact
	appearance b b-a | cmp - b.before
}

@test "filters that others put on the hook meanwhile stay when the daemon goes" {
	in_sandbox filter_of_others
}

# With the sender's offloads kept, what is emulated are packets of the wire all the same.
wire_packets() {
	offloads >before
	grep -q 'tx-tcp-segmentation: on' before
	start_link "$(yaml link2 a b 'rate: 50Mbit/s' 'delay: 1ms')
keep_offloads: true"
	offloads | cmp - before
	[ "$(wrong_checksums)" = 0 ]
	goodput a b 10.0.1.2 -n 1M >/dev/null
	[ "$(status '.links[0].forward | .bytes / .packets <= 1514')" = true ]
	[ "$(status '[.links[0].forward.drops[]] | add')" = 0 ]
	stop_link
}

@test "offloads that are kept hide no packets" {
	in_sandbox wire_packets
}

survives_sigkill() {
	appearance a a-b >a.before
	offloads >offloads.before
	start_link "$(yaml link2 a b 'delay: 1ms')"
	kill -KILL "$daemon"
	wait "$daemon" || true
	[ "$(ip -n a -j link show type tun | jq length)" = 0 ]
	# Nothing passes unshaped while nobody shapes.
	ip netns exec a timeout 5 socat -u /dev/null TCP:10.0.1.2:9,connect-timeout=0.3 2>dead.log || true
	grep -qi 'timed out' dead.log
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 3ms')"
	[ "$(round_trip a 10.0.1.2)" -ge 6000 ]
	kill -KILL "$daemon"
	wait "$daemon" || true
	offloads | differ - offloads.before
	# A daemon that keeps the offloads keeps those that were there before the dead one.
	start_link "$(yaml link2 a b 'delay: 1ms')
keep_offloads: true"
	offloads | cmp - offloads.before
	stop_link
	appearance a a-b | cmp - a.before
}

@test "SIGKILL: nothing passes unshaped; the next start replaces the remains and still restores" {
	in_sandbox survives_sigkill
}

# refused CONFIGURATION BEGINNING: one line on standard error, status 2
refused() {
	local code=0
	printf '%b' "$1" >bad.yaml
	"$link_program" --config bad.yaml 2>bad.err || code=$?
	[ "$code" = 2 ]
	[ "$(grep -vc '^level=' bad.err)" = 1 ]
	grep -q "^liquidnet-link: $2" bad.err
}

bad_configurations() {
	local code=0 ends='    ends: [{namespace: a, interface: a-b}, {namespace: b, interface: b-a}]\n'
	appearance a a-b >a.before
	head -c 4096 /dev/urandom >garbage.yaml
	"$link_program" --config garbage.yaml 2>bad.err || code=$?
	[ "$code" = 2 ]
	refused "links: [" "bad.yaml:"
	refused "links:\n  - name: x\n${ends}    rate: 20Tbit/s\n" "bad.yaml:4: "
	refused "links:\n  - name: x\n${ends}    dealy: 5ms\n" "bad.yaml:4: "
	refused "links:\n  - name: x\n    ends: [{namespace: a, interface: a-b}, {namespace: b, interface: b-z}]\n" \
		"bad.yaml:3: .*b-z"
	refused "links:\n  - name: x\n    ends: [{namespace: a, interface: a-b}, {namespace: z, interface: b-a}]\n" \
		"bad.yaml:3: .*z"
	refused "links:\n  - name: x\n    ends: [{namespace: 999999, interface: a-b}, {namespace: b, interface: b-a}]\n" \
		"bad.yaml:3: .*999999"
	appearance a a-b | cmp - a.before
	code=0
	"$link_program" --config missing.yaml 2>bad.err || code=$?
	[ "$code" = 2 ]
	printf 'links:\n  - name: x\n%b' "$ends" >good.yaml
	"$link_program" --config good.yaml --check
	appearance a a-b | cmp - a.before
}

@test "a bad configuration is one line, status 2, and nothing is touched" {
	in_sandbox bad_configurations
}

second_daemon() {
	local code=0
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 3ms')"
	"$link_program" --config link.yaml 2>second.err || code=$?
	[ "$code" = 1 ]
	grep -q 'another liquidnet-link' second.err
	[ "$(round_trip a 10.0.1.2)" -ge 6000 ]
	stop_link
}

@test "a second daemon on the same interface is refused and disturbs nothing" {
	in_sandbox second_daemon
}

changes() {
	local key
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 1ms')"
	control set link2 both rate=2Mbit/s delay=4ms | jq -e .ok
	[ "$(status '.links[0].reverse.settings | "\(.rate_bps) \(.delay_ns)"')" = "2000000 4000000" ]
	# Any key, all at once.
	control set link2 forward rate=2Mbit/s delay=4ms jitter=1ms loss=0 duplicate=0 corrupt=0 reorder=0 queue=900 queue_bytes=1MiB seed=7 | jq -e .ok
	[ "$(status '.links[0].forward.settings | "\(.queue_packets) \(.queue_bytes) \(.seed)"')" = "900 1048576 7" ]
	control help | jq -r '.. | strings | select(startswith("changes"))' | cmp - <(echo "changes rate, opportunities, delay, jitter, loss, \
duplicate, corrupt, reorder, queue, queue_bytes, cellular, medium, seed")
	control set link2 forward jitter=0 | jq -e .ok
	for words in "link9 both rate=1Mbit/s" "link2 sideways rate=1Mbit/s" "link2 both rate=1bit/s" "link2 both rate"; do
		control "set $words" | jq -e '.ok == false and (.error | length > 0)'
	done
	[ "$(status '.links[0].forward.settings.rate_bps')" = 2000000 ]
	# SIGHUP takes the file's settings, and none of a file that is wrong.
	sed -i 's/delay: 1ms/delay: 7ms/' link.yaml
	kill -HUP "$daemon"
	await link.log event=reloaded
	[ "$(status '.links[0].reverse.settings | "\(.rate_bps) \(.delay_ns)"')" = "10000000 7000000" ]
	# What holds for the whole process needs a restart, and it says so.
	fails grep event=reload.*key= link.log
	printf 'spin: 0\nspin_share: 20%%\nmemory: 1MiB\nkeep_offloads: true\n' >>link.yaml
	kill -HUP "$daemon"
	for key in spin spin_share memory keep_offloads; do await link.log "level=warning .*event=reload key=$key "; done
	await link.log event=reloaded 2
	sed -i 's/delay: 7ms/delay: 7/' link.yaml
	kill -HUP "$daemon"
	await link.log 'event=reload-refused.*link.yaml:5'
	[ "$(status '.links[0].forward.settings.delay_ns')" = 7000000 ]
	stop_link
}

@test "settings change while it runs; bad ones are refused" {
	in_sandbox changes
}

changed() {
	start_link "$(yaml link2 a b 'rate: 10Mbit/s' 'delay: 1ms')"
	control set link2 both rate=2Mbit/s delay=4ms | jq -e .ok
	between 1.75 "$(goodput a b 10.0.1.2 -t 2)" 1.92
	between 8000 "$(round_trip a 10.0.1.2)" 10000
	stop_link
}

@test "what has changed is kept as well as what a link began with" {
	on_time in_sandbox changed
}

no_realtime() {
	start_link "$(yaml link2 a b 'delay: 1ms')" setpriv --bounding-set -sys_nice --inh-caps -sys_nice
	[ "$(status .realtime)" = false ]
	grep -q 'level=error .*event=no-realtime' link.log
	[ "$(round_trip a 10.0.1.2)" -ge 2000 ]
	stop_link
}

@test "without real-time priority it says so and serves" {
	in_sandbox no_realtime
}

# A link whose devices go away must neither end the daemon nor keep it busy: with SCHED_FIFO that would take a core.
device_gone() {
	local before after
	start_link "$(yaml link1 a b 'delay: 1ms'
		yaml link2 c b 'delay: 3ms')"
	# The TAP's queue overflows; what counts from now on counts from there.
	in_node a ping -q -c 1 -W 2 10.0.1.2
	kill -STOP "$daemon"
	send 12000 || true
	kill -CONT "$daemon"
	between 1 "$(status '.links[0].forward.drops.buffer')" 12000
	control reset
	ip -n a link delete "ln-$(ip -n a -j link show dev a-b | jq '.[0].ifindex')"
	await link.log 'event=interface-gone'
	[ "$(status '.links[0].forward.drops.buffer')" = 0 ]
	ip -n a link delete dev a-b
	read -r before _ <"/proc/$daemon/schedstat"
	goodput c b 10.0.2.2 -t 1 -b 1M >/dev/null
	read -r after _ <"/proc/$daemon/schedstat"
	[ "$(round_trip c 10.0.2.2)" -ge 6000 ]
	between 0 $((after - before)) $((300000000 * slow))
	[ "$(grep -c interface-gone link.log)" = 1 ]
	stop_link
}

@test "an interface that goes away disturbs no other link" {
	in_sandbox device_gone
}

# Packets that come while the daemon is not run are late by their arrival, not by the time it looks again; and it says so.
stalled() {
	start_link "$(yaml link1 a b 'delay: 1ms')"
	in_node a ping -q -c 1 -W 2 10.0.1.2
	control reset
	# The machine may keep it waiting too, for less.
	[ "$(status '[.stalls.max_us, .links[0].forward.lateness.max_us] | max < 190000')" = true ]
	kill -STOP "$daemon"
	fails in_node a ping -q -c 1 -W 0.2 10.0.1.2
	kill -CONT "$daemon"
	until_is true status '.stalls | .count > 0 and .max_us >= 190000'
	until_is true status '.links[0].forward.lateness | .count > 0 and .max_us >= 190000'
	await link.log 'event=stalled'
	stop_link
}

@test "a daemon that the machine does not run counts it and says so" {
	in_sandbox stalled
}

# --- more than a pipe ---------------------------------------------------------------------------------------------

counter() { # NODE NAME: of the kernel's
	in_node "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

ecn_marks() {
	in_node a sysctl -qw net.ipv4.tcp_ecn=1
	in_node b sysctl -qw net.ipv4.tcp_ecn=1
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
	in_node a sysctl -qw net.ipv4.tcp_ecn=1
	in_node b sysctl -qw net.ipv4.tcp_ecn=1
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
	in_node "$1" ping -n -c 1 -W 5 "$2" | sed -n 's/.* time=\([0-9.]*\) ms$/\1/p'
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
	in_node a ping -q -n -c 20 -i 0.05 -W 10 10.0.1.2 >first.out &
	local first=$!
	in_node c ping -q -n -c 20 -i 0.05 -W 10 10.0.2.2 >second.out
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
