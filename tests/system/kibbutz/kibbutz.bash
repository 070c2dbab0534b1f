# What the tests of the Kibbutz's device daemon share: three phones with a local link between them (10.9.0.1 to .3) and a
# cellular link each (10.1.N.1), a server (10.5.0.1) that speaks Multipath TCP; daemons, connections, waits with a limit.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # start_phone sets pN_pid; the tests use it

network() {
	local name n
	for name in p1 p2 p3 air core server; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	ip -n air link add air type bridge
	ip -n air link set air up
	ip netns exec core sysctl -qw net.ipv4.ip_forward=1
	for n in 1 2 3; do
		cable "p$n" cell "10.1.$n.1/24" core "p$n" "10.1.$n.254/24"
		ip -n "p$n" route add default via "10.1.$n.254"
		ip link add wifi netns "p$n" type veth peer name "p$n" netns air
		ip -n air link set "p$n" master air up
		ip -n "p$n" addr add "10.9.0.$n/16" dev wifi
		ip -n "p$n" link set wifi up
		(umask 077 && openssl rand -hex 32 >"key-$n")
	done
	cable server eth 10.5.0.1/24 core server 10.5.0.254/24
	ip -n server route add default via 10.5.0.254
}

# key A B: the file of the pair's key.
key() { [ "$1" -lt "$2" ] && echo "$work/key-$1$2" || echo "$work/key-$2$1"; }

# with_provider: a provider with tunnels on the server; phones that start from now on use them. Tunnels of phone N: its own is
# 10.20.N.2, that through phone M 10.2N.M.2.
with_provider() {
	local n m
	for n in provider p1 p2; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$n" -keyout "$n.key" -out "$n.crt" 2>/dev/null
	done
	{
		printf 'manage_sysctl: true\ndirectory: %s/provider\ncertificate: provider.crt\nkey: provider.key\ntunnels:\n' "$work"
		for n in 1 2; do
			echo "  - {device: p$n, port: 120$n, local: 10.20.$n.1, remote: 10.20.$n.2, certificate: p$n.crt}"
		done
		for n in 1 2; do
			m=$((3 - n))
			echo "  - {device: p$n, via: p$m, port: 13$n$m, local: 10.2$n.$m.1, remote: 10.2$n.$m.2, certificate: p$n.crt}"
		done
	} >provider.yaml
	start_provider
	tunnels=yes
}

start_provider() {
	local line
	rm -f provider.ready
	mkfifo provider.ready
	exec {ready}<>provider.ready
	ip netns exec server "$programs/liquidnet-kibbutz-provider" --config provider.yaml --control "$work/provider.control" --ready-fd 9 \
		9>provider.ready 2>>provider.log &
	provider_pid=$!
	read -r -t $((20 * slow)) -u "$ready" line
	exec {ready}>&-
	[ "$line" = READY ]
}

via() { [ -z "${tunnels-}" ] || echo ", tunnel: {port: 13$1$2, local: 10.2$1.$2.2, remote: 10.2$1.$2.1}"; }

# start_phone N NEIGHBOURS [SETTINGS]: READY when it returns. $clock: a command that runs it with another clock.
start_phone() {
	local n=$1 m line
	{
		printf '%s\n' "${3-}"
		echo "manage_sysctl: true"
		grep -q '^tie' <<<"${3-}" || echo "tie: 0s" # a test is faster than people: what it does one after the other is not at the same time
		grep -q '^cellular' <<<"${3-}" || echo "cellular: {interface: cell, gateway: 10.1.$n.254, tail: ${tail:-2s}}"
		echo "local: {interface: wifi, address: 10.9.0.$n}"
		[ -z "${tunnels-}" ] || printf '%s\n' \
			"provider: {address: 10.5.0.1, peer_certificate: provider.crt, directory: $work/vpn$n, certificate: p$n.crt, key: p$n.key}" \
			"tunnel: {port: 120$n, local: 10.20.$n.2, remote: 10.20.$n.1}"
		echo "trace: $work/p$n.trace"
		echo "neighbours:"
		for m in $2; do
			[ -e "$(key "$n" "$m")" ] || (umask 077 && openssl rand -hex 32 >"$(key "$n" "$m")")
			echo "  - {name: p$m, address: 10.9.0.$m, source: 10.9.$m.$n, guest: 10.9.$n.$m, key_file: $(key "$n" "$m")$(via "$n" "$m")}"
		done
	} >"p$n.yaml"
	rm -f "p$n.ready"
	mkfifo "p$n.ready"
	exec {ready}<>"p$n.ready"
	# shellcheck disable=SC2086 # the clock is several words, or none
	ip netns exec "p$n" ${clock-} "$programs/liquidnet-kibbutz" --config "p$n.yaml" --control "$work/p$n.control" --log-level debug \
		--ready-fd 9 9>"p$n.ready" 2>>"p$n.log" &
	eval "p${n}_pid=$!"
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

control() { ask "$work/$1.control" "${@:2}"; }
status() { control "p$1" status | jq -r "$2"; }
is() { [ "$(status "$1" "$2")" = "$3" ]; }

stop() {
	local pid=p${1}_pid
	kill -TERM "${!pid}"
	wait "${!pid}"
}

# own_packet N: a packet of the phone's own on its cellular link.
own_packet() { inside "p$1" ping -qc 1 -W 1 -I "10.1.$1.1" 10.5.0.1 >/dev/null; }

# subflow_from ADDRESS: the server has one from there.
subflow_from() {
	local out
	out=$(inside server ss -Htn state established "dst $1") && [ -n "$out" ]
}
no_subflow_from() {
	local out
	out=$(inside server ss -Htn state established "dst $1") && [ -z "$out" ]
}
# received_from ADDRESS: bytes that the server's subflow from there has got.
received_from() { inside server ss -Htin state established "dst $1" | grep -o 'bytes_received:[0-9]*' | cut -d: -f2 | sort -n | tail -n 1; }
gets_from() { local n; n=$(received_from "$1"); echoes "more $RANDOM"; [ "$(received_from "$1")" -gt "${n:-0}" ]; }

# carried: a line of the connection has reached the server through the tunnel, over phone 2.
carried() { own_packet 2; gets_from 10.21.2.2 2>/dev/null; }

# replayed N: the phone's policy, told again what it was told here, decides the same in the simulator.
replayed() {
	"$programs/liquidnet-kibbutz-sim" --replay "p$1.trace" >"p$1.replay"
	grep -q ' 0 differences$' "p$1.replay"
	fails grep -q ' 0 decisions' "p$1.replay"
}
