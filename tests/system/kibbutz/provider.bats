#!/usr/bin/env bats
# The Kibbutz's provider: its accounts, with real tunnels in tunnels. alice reaches the provider (10.5.0.1) through bob only; bob
# has a cellular link, and sends what he forwards in a tunnel of his own. Each test is a function that runs inside a sandbox.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154,SC2030,SC2031 # functions are called by name, inside; `run` sets variables inside a test

load ../sandbox

setup() {
	sandbox_setup
	sender=$PWD/tests/system/kibbutz/kibbutz_sender.py
	export sender
}

network() {
	local name
	for name in alice bob provider; do
		ip netns add "$name"
		ip -n "$name" link set lo up
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$name" -keyout "$name.key" \
			-out "$name.crt" 2>/dev/null
	done
	cable alice wifi 10.9.2.1/16 bob wifi 10.9.0.2/16
	cable bob cell 10.5.0.2/24 provider eth 10.5.0.1/24
	cable alice cell 10.6.0.2/24 provider eth2 10.6.0.1/24
	ip -n alice route add 10.5.0.1 via 10.9.0.2
	ip -n bob route add default dev cell
	ip netns exec bob sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
}

control() { ask provider.control "$@"; }
is() { [ "$(control accounts | jq -c "$1")" = "$2" ]; }

larger() { [ "$(stat -c %s "$1")" -gt "$2" ]; } # FILE BYTES

start_provider() {
	cat >provider.yaml <<-END
		${downlink:+interface: eth}${interface:+interface: $interface}
		directory: $work/provider
		certificate: provider.crt
		key: provider.key
		tunnels:
		  - {device: bob, port: 1200, local: 10.20.2.1, remote: 10.20.2.2, certificate: bob.crt${downlink:+, $downlink}}
		  - {device: alice, via: bob, port: 1301, local: 10.20.1.1, remote: 10.20.1.2, certificate: alice.crt}
	END
	local line
	rm -f ready
	mkfifo ready
	exec {ready}<>ready
	ip netns exec provider "$programs/liquidnet-kibbutz-provider" --config provider.yaml --control "$work/provider.control" --ready-fd 9 9>ready \
		2>>provider.log &
	provider_pid=$!
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

# tunnel NODE DEVICE PORT LOCAL REMOTE [OPTION...]: the device's end.
tunnel() {
	local node=$1
	inside "$node" openvpn --dev "$2" --dev-type tun --proto udp4 --remote 10.5.0.1 "$3" --nobind --tls-client \
		--ifconfig "$4" "$5" --cert "$node.crt" --key "$node.key" --connect-retry 1 2 --verb 3 --peer-fingerprint \
		"$(openssl x509 -in provider.crt -noout -fingerprint -sha256 | cut -d= -f2)" "${@:6}" >"$node-$2.log" 2>&1 &
	await "$node-$2.log" 'Initialization Sequence Completed'
}

# tunnels: bob's own, and alice's through it; what bob forwards goes into his.
tunnels() {
	# What bob forwards has the same destination as its tunnel: OpenVPN takes that for a loop unless told.
	tunnel bob own 1200 10.20.2.2 10.20.2.1 --allow-recursive-routing
	ip -n bob rule add iif wifi lookup 100
	ip -n bob route add default dev own table 100
	inside bob nft 'table ip n { chain p { type nat hook postrouting priority srcnat; oifname "own" masquerade; }; }'
	tunnel alice through 1301 10.20.1.2 10.20.1.1 --tun-mtu 1300
	until_true is '[.tunnels[].state] | unique' '["up"]'
}

exact() {
	start_provider
	tunnels
	has_rights "$provider_pid" net_admin
	is .devices.alice.taken 0
	inside alice ping -qc 20 -i 0.05 -s 1000 10.20.1.1 >/dev/null
	is .devices.alice '{"given":0,"taken":41120}' # 20 each way, of 1028 bytes
	is .devices.bob '{"given":41120,"taken":0}'
	# What bob sends for himself is nobody's account.
	inside bob ping -qc 3 -i 0.05 -I 10.20.2.2 10.20.2.1 >/dev/null
	is .devices.bob '{"given":41120,"taken":0}'
	# Twice encrypted: nothing of the payload can be read on bob's cellular link, nor on the local one.
	inside bob tcpdump -qni cell -w cell.pcap -U udp 2>cell.log &
	inside alice tcpdump -qni wifi -w wifi.pcap -U udp 2>wifi.log &
	await cell.log 'listening on'
	await wifi.log 'listening on'
	inside alice ping -qc 5 -i 0.05 -s 800 -p 6b6962757474 10.20.1.1 >/dev/null
	until_true larger cell.pcap 4000
	until_true larger wifi.pcap 4000
	fails grep -q kibutt cell.pcap wifi.pcap
}

@test "provider: bytes given and taken are exact, and what passes is encrypted twice" { in_sandbox exact; }

not_paid() {
	local before carried strays
	start_provider
	tunnels
	inside alice tcpdump -qni wifi -w wifi.pcap -U 'udp dst port 1301' 2>wifi.log &
	await wifi.log 'listening on'
	inside alice ping -qc 10 -i 0.05 10.20.1.1 >/dev/null
	until_true larger wifi.pcap 1000
	before=$(control accounts | jq -c .devices)
	carried=$(($(control accounts | jq '.tunnels[0].up') + 1000))
	# bob sends alice's packets again, in his tunnel, and others that he has made up.
	inside bob /usr/bin/python3 "$sender" --replay wifi.pcap 10.20.2.2 10.20.2.1 1301
	openssl rand -hex 32 >guess
	inside bob /usr/bin/python3 "$sender" guess 10.20.2.2 10.20.2.1 1301
	until_true grep -q 'vpn=tunnel1.*out of sync' provider.log
	# It has read all that by the time when it answers alice: one packet each way more, of 84 bytes.
	inside alice ping -qc 1 -W 5 10.20.1.1 >/dev/null
	is .strays 0
	is .devices.alice.taken "$(($(jq .alice.taken <<<"$before") + 168))"
	[ "$(control accounts | jq '.tunnels[0].up')" -gt "$carried" ]
	before=$(control accounts | jq -c .devices)
	# alice's packets by another way than bob's tunnel: dropped, not paid.
	inside alice /usr/bin/python3 "$sender" --replay wifi.pcap 10.6.0.2 10.6.0.1 1301
	until_true is '.strays > 0' true
	[ "$(control accounts | jq -c .devices)" = "$before" ]
	# A packet in the name of another is not taken out of the tunnel.
	ip -n alice addr add 10.20.9.9/32 dev through
	strays=$(control accounts | jq .strays)
	fails inside alice ping -qc 1 -W 1 -I 10.20.9.9 10.20.1.1 >/dev/null
	until_true is ".strays > $strays" true
	[ "$(control accounts | jq -c .devices)" = "$before" ]
}

@test "provider: who replays, forges or goes another way is not paid" { in_sandbox not_paid; }

# The accounts as they were are $before.
killed_with_accounts() {
	start_provider
	tunnels
	inside alice ping -qc 5 -i 0.05 10.20.1.1 >/dev/null
	before=$(control accounts | jq -c .devices)
	kill -KILL "$provider_pid"
	wait "$provider_pid" || true
}

survives() {
	local before
	killed_with_accounts
	start_provider
	[ "$(control accounts | jq -c .devices)" = "$before" ]
	kill -TERM "$provider_pid"
	wait "$provider_pid"
	grep -q 'event=accounts devices={.*"taken":840' provider.log
	inside provider nft list tables | fails grep -q liquidnet
	[ "$(inside provider sysctl -n net.mptcp.pm_type)" = 0 ]
}

@test "provider: accounts outlive a daemon that is killed; one that ends leaves nothing" { in_sandbox survives; }

# cannot_start MESSAGE: with provider.yaml as it is
cannot_start() {
	local code=0
	inside provider timeout 20 "$programs/liquidnet-kibbutz-provider" --config provider.yaml 2>failed.log || code=$?
	[ "$code" = 1 ]
	grep -q "event=failed.*$1" failed.log
}

survives_failures() {
	local before
	killed_with_accounts
	# The tunnels fail, then what comes after them.
	cp provider.yaml good.yaml
	umask 077
	touch empty.crt
	sed 's/alice.crt/empty.crt/' good.yaml >provider.yaml
	cannot_start 'no certificate'
	sed 's/bob.crt}/bob.crt, downlink: {address: 10.5.0.2, rate: 1Mbit\/s}}/; 1i interface: nowhere' good.yaml >provider.yaml
	cannot_start nowhere
	start_provider
	[ "$(control accounts | jq -c .devices)" = "$before" ]
	kill -TERM "$provider_pid"
	wait "$provider_pid"
	# Without a predecessor nothing is left.
	sed 's/alice.crt/empty.crt/' good.yaml >provider.yaml
	cannot_start 'no certificate'
	inside provider nft list tables | fails grep -q liquidnet
}

@test "provider: accounts outlive a start that fails, too" { in_sandbox survives_failures; }

unshaped() {
	inside provider tc qdisc replace dev eth root handle 77: pfifo limit 55
	interface=eth start_provider
	inside provider tc qdisc show dev eth | grep -q 'pfifo 77: root'
	kill -TERM "$provider_pid"
	wait "$provider_pid"
	inside provider tc qdisc show dev eth | grep -q 'pfifo 77: root'
}

@test "provider: an interface on which nothing is shaped keeps its queue" { in_sandbox unshaped; }

only_one() {
	local code=0 option
	downlink='downlink: {address: 10.5.0.2, rate: 1Mbit/s}'
	start_provider
	tunnels
	inside alice ping -qc 5 -i 0.05 10.20.1.1 >/dev/null
	# The queues' figures change, their handles do not.
	{ inside provider tc class show dev eth && ls provider; } >before
	for option in "$work/provider.control" "$work/other.control"; do
		code=0
		inside provider timeout 20 "$programs/liquidnet-kibbutz-provider" --config provider.yaml --control "$option" 2>>second.log || code=$?
		[ "$code" != 0 ]
		[ "$code" != 124 ]
	done
	grep -q 'another daemon answers there' second.log
	grep -q 'another liquidnet-kibbutz-provider serves this network namespace' second.log
	{ inside provider tc class show dev eth && ls provider; } | diff before -
	inside alice ping -qc 5 -i 0.05 10.20.1.1 >/dev/null
	is .devices.alice.taken 1680 # 10 each way, of 84 bytes
}

@test "provider: one daemon a network namespace; a second leaves tunnels, accounts and queue alone" { in_sandbox only_one; }

sent_to() { inside provider tc -s -j qdisc show dev eth | jq --arg class "$1" '.[] | select(.parent == $class) | .bytes'; }

own_first() {
	local direct carried size=$((300000 * slow)) # long beside the time that reading the counters takes
	downlink='downlink: {address: 10.5.0.2, rate: 1Mbit/s}'
	start_provider
	tunnels
	inside provider ethtool -K eth tso off gso off # packets of the wire, so that equals would get equal shares
	ip -n provider link set eth gso_max_segs 1
	# alice's download, which bob forwards, has the link to itself, until bob has one of his own.
	inside alice socat -u TCP4-LISTEN:9000 OPEN:/dev/null &
	inside bob sh -c 'socat -u TCP4-LISTEN:9001 - | wc -c >bob.bytes' &
	until_true listens alice 9000
	until_true listens bob 9001
	inside provider socat -u OPEN:/dev/zero TCP4:10.20.1.2:9000 &
	until_true more_than 4b42:12 100000
	direct=$(sent_to 4b42:11)
	carried=$(sent_to 4b42:12)
	head -c "$size" /dev/zero | inside provider socat -u - TCP4:10.5.0.2:9001
	until_true test -s bob.bytes
	direct=$(($(sent_to 4b42:11) - direct))
	carried=$(($(sent_to 4b42:12) - carried))
	[ "$(cat bob.bytes)" = "$size" ]
	[ "$direct" -gt "$size" ]
	[ "$carried" -lt $((direct / 2)) ] || { echo "carried $carried of $direct" >&2; return 1; }
	kill -TERM "$provider_pid"
	wait "$provider_pid"
	inside provider tc qdisc show dev eth | fails grep -q 4b42
}

more_than() { [ "$(sent_to "$1")" -gt "$2" ]; }

@test "provider: on the way down a device's own traffic goes before what it forwards" { in_sandbox own_first; }

refused() { refuses liquidnet-kibbutz-provider "$@"; } # TEXT YAML

@test "provider: a bad configuration is refused by file and line" {
	cd "$work"
	umask 077
	touch a.crt a.key
	head='directory: d
certificate: a.crt
key: a.key'
	own='{device: bob, port: 1200, local: 10.20.2.1, remote: 10.20.2.2, certificate: a.crt}'
	refused 'colour' 'colour: red'
	refused 'poll' 'watchdog: {poll: 1}'
	refused 'directory' 'tunnels: []'
	refused "via: 'bob' has no tunnel" "$head
tunnels: [{device: alice, via: bob, port: 1301, local: 10.20.1.1, remote: 10.20.1.2, certificate: a.crt}]"
	refused 'carried by himself' "$head
tunnels: [$own, {device: bob, via: bob, port: 1301, local: 10.20.1.1, remote: 10.20.1.2, certificate: a.crt}]"
	refused '1200 is another' "$head
tunnels: [$own, {device: eve, port: 1200, local: 10.20.1.1, remote: 10.20.1.2, certificate: a.crt}]"
	refused 'another tunnel has that address' "$head
tunnels: [$own, {device: eve, port: 1201, local: 10.20.1.1, remote: 10.20.2.2, certificate: a.crt}]"
	refused 'port: is missing' "$head
tunnels: [{device: bob, local: 10.20.2.1, remote: 10.20.2.2, certificate: a.crt}]"
	refused 'cannot read no.crt' "$head
tunnels: [${own/a.crt/no.crt}]"
	umask 077
	touch 'a"b.crt'
	refused 'has a quote' "$head
tunnels: [${own/a.crt/a\"b.crt}]"
	downlink=', downlink: {address: 10.5.0.2, rate: 2Mbit/s}}'
	refused 'on which interface' "$head
tunnels: [${own%\}}$downlink]"
	refused 'rate: is missing' "interface: eth
$head
tunnels: [${own%\}}${downlink/, rate: 2Mbit\/s/}]"
	refused "device's own tunnel" "interface: eth
$head
tunnels: [$own, {device: eve, via: bob, port: 1201, local: 10.20.1.1, remote: 10.20.1.2, certificate: a.crt$downlink]"
}

@test "provider: the example is a good configuration" {
	sed "s|/etc/liquidnet|$work|" nodes/kibbutz/provider/provider.example.yaml >"$work/provider.yaml"
	umask 077
	touch "$work"/{provider.crt,provider.key,bob.crt,alice.crt}
	run "$programs/liquidnet-kibbutz-provider" --config "$work/provider.yaml" --check
	[ "$status" = 0 ]
}
