# What the system tests of liquidnet-steer share: client (10.0.1.1), server (10.0.2.1) and a waypoint m (10.0.3.1) around the box t; daemons.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2317,SC2329,SC2034
load ../sandbox
load ../flow
load ../daemons

setup() {
	sandbox_setup
	flow_node=client
	flow_server=10.0.2.1
	PATH=$programs:$PATH
	export PATH flow_node flow_server
}

network() {
	local name n
	for name in client server m t; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	for n in 'client 10.0.1' 'server 10.0.2' 'm 10.0.3'; do
		# shellcheck disable=SC2086
		attach $n
	done
	for name in t m; do ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1; done
	ip netns exec client ip mptcp limits set subflows 2 add_addr_accepted 2
}

attach() { # NODE NETWORK: node .1, t .254
	ip link add wire netns "$1" type veth peer name "to-$1" netns t
	ip -n "$1" addr add "$2.1/24" dev wire
	ip -n t addr add "$2.254/24" dev "to-$1"
	ip -n "$1" link set wire up
	ip -n t link set "to-$1" up
	ip -n "$1" route add default via "$2.254"
}

# start_waypoint [ON-BEHALF]: t may ask for that network.
start_waypoint() {
	cat >m.yaml <<-YAML
		identity: m.key
		reach: {allow: [10.0.0.0/8]}
		members: [{name: t, key: $t_public, on_behalf: [${1-10.0.1.0/24}]}]
	YAML
	start m m liquidnet-detour --config m.yaml
}

steer_yaml() { # [RULES]
	cat <<-YAML
		interfaces: [to-client, to-server, to-m]
		identity: t.key
		waypoints: [{name: m, address: 10.0.3.1, key: $m_public}]
		rules: ${1-[{match: {payload: secure\}, via: m\}]}
	YAML
}

# start_steer [RULES [MORE]]: returns when the waypoint has answered.
start_steer() {
	steer_yaml "${@:1:1}" >steer.yaml
	printf '%s\n' "${2-}" >>steer.yaml
	start steer t liquidnet-steer --config steer.yaml
	control steer wait | jq -e .ok >/dev/null
}

# counter NODE NAME
counter() { ip netns exec "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'; }
