# What the client daemon's system tests share: client (10.0.1.1), server (10.0.3.1) and detour (10.0.6.1) around one router; both
# daemons. Each test is a function that runs inside a sandbox, which dies whole with it. Every wait is for an event (a line of a log, an
# answer, the end of a process) and has a limit.
# shellcheck shell=bash
# shellcheck disable=SC2317,SC2329,SC2154 # functions are called by name, inside; start sets NAME_pid
# shellcheck disable=SC2016,SC2034 # socat expands SOCAT_PEERADDR itself; descriptors are held open
load ../sandbox
load ../flow

setup() {
	sandbox_setup
	fake=$PWD/tests/system/detour/fake_detour.py
	nat_detour="{name: detour, kind: nat, address: 10.0.6.1}"
	across_nat='event=subflow-established .* remote=10.0.6.1:'
	across_tunnel='event=subflow-established .* local=10.8.0.[0-9]*:[0-9]* remote=10.0.3.1:5201'
	flow_node=client
	flow_server=10.0.3.1
	export fake nat_detour across_nat across_tunnel flow_node flow_server
}

network() {
	local name
	for name in client router detour server; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	link client 10.0.1
	link server 10.0.3
	link detour 10.0.6
	ip netns exec router sysctl -qw net.ipv4.ip_forward=1
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=1
	ip netns exec client sysctl -qw net.mptcp.pm_type=1
}

link() { # NODE NETWORK: node .1, router .2
	ip link add wire netns "$1" type veth peer name "to-$1" netns router
	ip -n "$1" addr add "$2.1/24" dev wire
	ip -n router addr add "$2.2/24" dev "to-$1"
	ip -n "$1" link set wire up
	ip -n router link set "to-$1" up
	ip -n "$1" route add default via "$2.2"
}

# start NAME PROGRAM...: in the background, returns when it is READY; its pid is in $NAME_pid.
start() {
	local name=$1 line
	shift
	rm -f "$name.ready"
	mkfifo "$name.ready"
	exec {ready}<>"$name.ready"
	"$@" --control "$work/$name.control" --ready-fd 9 9>"$name.ready" 2>>"$name.log" &
	eval "${name}_pid=$!"
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

# start_client [DETOURS [SETTINGS]]: flow sequence of detours, and lines of settings.
start_client() {
	printf '%s\ndirectory: %s\ndetours: [%s]\n' "${2-limit: 2}" "$work/client" "${1-$nat_detour}" >client.yaml
	start client ip netns exec client "$programs/liquidnet-detour-client" --config client.yaml --log-level debug
}

start_detour() { # [YAML]
	printf '%s\nreach: {allow: [10.0.0.0/8]}\n' "${1-nat: {allow: [10.0.1.0/24]\}}" >detour.yaml
	start detour ip netns exec detour "$programs/liquidnet-detour" --config detour.yaml
}

# start_fake OPTION...: fake_detour.py, and NAT that always works.
start_fake() {
	fixed_nat
	: >fake.out
	ip netns exec detour /usr/bin/python3 -u "$fake" 10.0.6.1 "$@" >fake.out 2>>fake.log &
	fake_pid=$!
	await fake.out READY
}

fixed_nat() {
	ip netns exec detour nft -f - <<-'EOF'
		table ip fixed {
			chain in { type nat hook prerouting priority dstnat; tcp dport 5201 dnat to 10.0.3.1; }
			chain out { type nat hook postrouting priority srcnat; ip daddr 10.0.3.1 masquerade; }
		}
	EOF
}

control() { # DAEMON COMMAND...: the answer
	printf '%s\n' "${*:2}" | timeout 20 socat -t 20 - "UNIX-CONNECT:$work/$1.control"
}

status() { # JQ-FILTER: a value of the client's status
	control client status | jq -r "$1"
}

counter() { # NODE NAME
	inside "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'
}

# stop NAME: SIGTERM, and its exit status must be 0.
stop() {
	local pid=${1}_pid
	kill -TERM "${!pid}"
	wait "${!pid}"
}

# --- MPTCP connections --------------------------------------------------------------------------------------------

# The transfer of 40 MB at a pace that leaves time to disturb it: iperf3 fails when it breaks.
start_transfer() {
	ip netns exec server mptcpize run iperf3 -s -1 -p 5201 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5201 -n 40M -b 80M -J >iperf.json 2>iperf.log &
	transfer_pid=$!
}

finish_transfer() {
	wait "$transfer_pid"
	[ "$(jq '.end.sum_received.bytes' iperf.json)" -ge 40000000 ]
}

# --- tunnels ----------------------------------------------------------------------------------------------------

vpn_detour() { # [ENCRYPTION]
	printf '{name: tunnel, kind: vpn, address: 10.0.6.1, certificate: %s, key: %s, peer: %s, encryption: %s, device: tun0, table: 4400}' \
		"$work/client.crt" "$work/client.key" "$work/server.crt" "${1-none}"
}

start_vpn_detour() { # [ENCRYPTION]
	local side
	for side in client server; do
		[ -e "$side.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
			-subj "/CN=$side" -keyout "$side.key" -out "$side.crt" 2>>openssl.log
	done
	start_detour "nat: {allow: [10.0.1.0/24]}
vpn: {enabled: true, subnet: 10.8.0.0/24, certificate: $work/server.crt, key: $work/server.key, peers: [$work/client.crt], encryption: ${1-none}, directory: $work/vpn}"
}

openvpn_of_client() {
	local pid
	for pid in $(ip netns pids client); do
		[ "$(cat "/proc/$pid/comm")" != openvpn ] || echo "$pid"
	done
}

stop_leaves_nothing() {
	[ ! -e client.control ]
	[ -z "$(ip -n client rule show | grep 'proto 76' || true)" ]
}
