#!/usr/bin/env bats
# The link daemon as a daemon: it starts, changes, is killed, stalled, left without its devices, and goes without a trace.
# Each test is a function that runs inside a sandbox, which dies whole with it.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../between
load link

restores() {
	ip -n a link set dev a-b alias "the user's own"
	inside a ethtool -K a-b gso off
	tc -n b qdisc add dev b-a clsact
	tc -n b filter add dev b-a egress protocol ip prio 7 u32 match u32 0 0 classid 1:1
	appearance a a-b >a.before
	appearance b b-a >b.before
	start_link "$(yaml link2 a b 'delay: 1ms')"
	appearance a a-b >a.during
	differ a.before a.during
	ip -n a -d link show dev a-b | grep -q 'gso_max_segs 1 '
	has_rights "$daemon" net_admin sys_admin ipc_lock
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

passes_after_sigkill() {
	appearance a a-b >a.before
	if ! printf '6.6\n%s\n' "$(uname -r)" | sort -CV; then # no TCX: refused, with the remedy, and nothing is left
		yaml link2 a b 'delay: 20ms' >old.yaml
		echo 'orphaned: pass' >>old.yaml
		fails "$link_program" --config old.yaml 2>old.log
		grep -q '`orphaned: pass` needs Linux 6.6' old.log
		appearance a a-b | cmp - a.before
		return
	fi
	# A daemon that drops was killed before: what it left does not stand in the way.
	start_link "$(yaml link2 a b 'delay: 20ms')"
	kill -KILL "$daemon"
	wait "$daemon" || true
	start_link "$(yaml link2 a b 'delay: 20ms')
orphaned: pass"
	[ "$(round_trip a 10.0.1.2)" -ge 40000 ]
	kill -KILL "$daemon"
	wait "$daemon" || true
	[ "$(round_trip a 10.0.1.2)" -lt 40000 ]
	start_link "$(yaml link2 a b 'delay: 20ms')
orphaned: pass"
	[ "$(round_trip a 10.0.1.2)" -ge 40000 ]
	stop_link
	[ "$(round_trip a 10.0.1.2)" -lt 40000 ]
	appearance a a-b | cmp - a.before
}

@test "SIGKILL of a daemon whose packets shall pass: they pass unshaped, and the next start shapes and restores" {
	in_sandbox passes_after_sigkill
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

# A router announces its groups on every interface, the daemon's TAP included; and anybody on the machine can send there.
foreign() {
	inside b sysctl -qw net.ipv6.conf.all.forwarding=1
	start_link "$(yaml ab a b 'delay: 2ms')"
	tap=ln-$(inside b cat /sys/class/net/b-a/ifindex)
	[ "$(inside b cat "/proc/sys/net/ipv6/conf/$tap/disable_ipv6")" = 1 ]
	inside b /usr/bin/python3 -I -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in (b"\x33\x33" + bytes(70), b"\xff" * 70, bytes(70), b"\x01" * 14):
    s.send(frame)' "$tap"
	inside a ping -q -c 20 -i 0.02 10.0.1.2 | grep -q ' 0% packet loss'
	counted=$(control status)
	[ "$(jq '.links[0].reverse.foreign' <<<"$counted")" = 4 ]
	[ "$(jq '.links[0].forward.foreign' <<<"$counted")" = 0 ]
	[ "$(jq '.links[0].reverse.packets' <<<"$counted")" -lt 40 ]
}

@test "what reaches the TAP without leaving the interface is no packet of the link" {
	in_sandbox foreign
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
	inside a ping -q -c 1 -W 2 10.0.1.2
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
	inside a ping -q -c 1 -W 2 10.0.1.2
	control reset
	# The machine may keep it waiting too, for less.
	[ "$(status '[.stalls.max_us, .links[0].forward.lateness.max_us] | max < 190000')" = true ]
	kill -STOP "$daemon"
	fails inside a ping -q -c 1 -W 0.2 10.0.1.2
	kill -CONT "$daemon"
	until_is true status '.stalls | .count > 0 and .max_us >= 190000'
	until_is true status '.links[0].forward.lateness | .count > 0 and .max_us >= 190000'
	await link.log 'event=stalled'
	stop_link
}

@test "a daemon that the machine does not run counts it and says so" {
	in_sandbox stalled
}
