#!/usr/bin/env bats
# Ten thousand connections of two subflows each, under each coupled congestion control: none is left.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load cc

setup() {
	sandbox_setup
	cc=$programs/liquidnet-cc
	"$cc" check >/dev/null 2>&1 || skip "this kernel does not take BPF congestion controls with links (Linux 6.4)"
	many=$PWD/tests/system/congestion/many_connections.py
	export cc many
	export limit=300
}

sockets() { "$cc" status | jq -r "select(.name == \"$1\") | .sockets"; }

joins() { ip netns exec a awk '/^MPTcpExt:/ { if (n++) { print $at; exit } for (i = 1; i <= NF; i++) if ($i == "MPJoinSynAckRx") at = i }' /proc/net/netstat; }

ten_thousand() {
	local line before server
	ip netns exec a sysctl -qw net.ipv4.ip_local_port_range="10000 65000" net.ipv4.tcp_tw_reuse=1
	mkfifo ready
	"$cc" load lia olia balia --ready-fd 9 9<>ready 2>cc.log &
	read -r -t 60 line <>ready
	[ "$line" = READY ]
	for name in lia olia balia; do
		ip netns exec a sysctl -qw net.ipv4.tcp_congestion_control=$name
		before=$(joins)
		: >server.log
		ip netns exec b /usr/bin/python3 -I "$many" serve 10.0.1.2 80 10000 >server.log 2>&1 &
		server=$!
		await server.log listening
		ip netns exec a /usr/bin/python3 -I "$many" connect 10.0.1.2 80 10000 "$cc" $name >client.log 2>&1
		wait "$server"
		cat client.log
		# They were there while they were open, and most had their second subflow.
		awk '$1 == "most" { exit !($2 >= 100) }' client.log
		echo "joins $(($(joins) - before))"
		[ $(($(joins) - before)) -gt 5000 ]
		# Closing takes its time; then there is none, in whatever state.
		ip netns exec a sysctl -qw net.ipv4.tcp_congestion_control=reno
		for ((tries = 0; tries < 1000; tries++)); do
			[ "$(sockets $name)" != 0 ] || break
			sleep 0.05
		done
		[ "$(sockets $name)" = 0 ]
	done
}

@test "ten thousand connections, none left" {
	in_sandbox ten_thousand
}
