# What the system tests of liquidnet-grin share: six servers at a bridge, s1 to s6, and the cables of topologies/grin.py's first two rounds, in a ring
# 1-6-3-4-5-2-1... ; a daemon in each.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034
load ../sandbox
load ../daemons

setup() {
	sandbox_setup
	PATH=$programs:$PATH
	export PATH
}

export servers=6
# Cables c1 to c6: the ends.
export cables='1-6 2-5 3-4 1-2 3-6 4-5'

network() {
	local i number=0 pair a b
	ip netns add switch
	ip -n switch link add bridge type bridge
	ip -n switch link set bridge up
	for i in $(seq $servers); do
		ip netns add "s$i"
		ip -n "s$i" link set lo up
		ip netns exec "s$i" sysctl -qw net.ipv4.ip_forward=1 net.mptcp.pm_type=1 net.ipv4.tcp_no_metrics_save=1
		ip link add name uplink netns "s$i" type veth peer name "p$i" netns switch
		ip -n "s$i" addr add "10.0.0.$i/11" dev uplink
		ip -n switch link set "p$i" master bridge up
	done
	for pair in $cables; do
		number=$((number + 1)) a=${pair%-*} b=${pair#*-}
		ip link add "c$number" netns "s$a" type veth peer name "c$number" netns "s$b"
	done
	for i in $(seq $servers); do
		for link in $(ip -n "s$i" -o link show type veth | awk -F'[ @:]+' '{ print $2 }'); do
			ip -n "s$i" link set "$link" up
			slow_down "s$i" "$link"
		done
		slow_down switch "p$i"
		ip netns exec "s$i" sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
	done
}

# 20 Mbit/s, so that two processors carry it.
slow_down() {
	ethtool_off "$1" "$2"
	tc -n "$1" qdisc add dev "$2" root handle 1: htb default 1 r2q 100
	tc -n "$1" class add dev "$2" parent 1: classid 1:1 htb rate 20mbit burst 3000 cburst 3000
}
ethtool_off() {
	ip netns exec "$1" ethtool -K "$2" tso off gso off gro off >/dev/null 2>&1
	ip -n "$1" link set dev "$2" gso_max_segs 1
}

grin_yaml() { # SERVER [MORE]
	cat <<-YAML
		server: 10.0.0.$1
		uplink: uplink
		interfaces: c
		cables: {servers: $servers, degree: 2}
		dead: 1s
		${2-}
	YAML
}

# start_grin SERVER [MORE]
start_grin() {
	grin_yaml "$@" >"grin$1.yaml"
	start "grin$1" "s$1" liquidnet-grin --config "$work/grin$1.yaml"
}

start_all() { # [MORE]
	local i
	for i in $(seq $servers); do start_grin "$i" "$@"; done
}

status_of() { ask "grin$1.control" status | jq -r "$2"; }
up_subflows() { ask "grin$1.control" connections | jq '[.connections[].subflows[] | select(.state == "up")] | length'; }

# serve SERVER; fetch SERVER FROM SIZE [OPTION...]: into fetch.json, in the background
serve() {
	mkfifo "serve$1.ready"
	exec {ready}<>"serve$1.ready"
	ip netns exec "s$1" liquidnet-matrix serve --ready-fd "$ready" >"serve$1.out" 2>>matrix.log &
	eval "serve$1_pid=$!"
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
}
fetch() {
	ip netns exec "s$1" liquidnet-matrix fetch --servers "10.0.0.$2" --size "$3" "${@:4}" >fetch.json 2>>matrix.log &
	fetch_pid=$!
}

# What the daemon may leave in a server's namespace: nothing of this.
traces() {
	ip -n "$1" -4 -o addr show | grep -E 'inet 10\.(3[2-9]|[4-9][0-9]|[12][0-9][0-9])\.' || :
	ip -n "$1" -4 rule show | grep -vE '^(0|32766|32767):' || :
	ip -n "$1" -4 route show table all proto 71
	ip -n "$1" link show grin-next 2>/dev/null || :
	ip netns exec "$1" nft list tables
}
