# What the system tests of version 2 share: client (10.0.1.1), attacker (10.0.2.1), two detours (10.0.6.1, 10.0.7.1) and the server
# (10.0.3.1) around one router; keys and a collective's list; both daemons.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2317,SC2329,SC2034
load ../sandbox
load ../flow
load ../daemons

setup() {
	sandbox_setup
	flow_node=client
	flow_server=10.0.3.1
	PATH=$programs:$PATH
	export PATH flow_node flow_server
}

network() {
	local name n
	for name in client attacker router server detour detour2; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	for n in 'client 10.0.1' 'attacker 10.0.2' 'server 10.0.3' 'detour 10.0.6' 'detour2 10.0.7'; do
		# shellcheck disable=SC2086
		attach $n
	done
	for name in router detour detour2; do ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; done
	ip netns exec client sysctl -qw net.mptcp.pm_type=1
}

attach() { # NODE NETWORK: node .1, router .2; and fd00:N::
	local six=fd00:${2##*.}
	ip link add wire netns "$1" type veth peer name "to-$1" netns router
	ip -n "$1" addr add "$2.1/24" dev wire
	ip -n router addr add "$2.2/24" dev "to-$1"
	ip -n "$1" addr add "$six::1/64" dev wire nodad
	ip -n router addr add "$six::2/64" dev "to-$1" nodad
	ip -n "$1" link set wire up
	ip -n router link set "to-$1" up
	ip -n "$1" route add default via "$2.2"
	ip -n "$1" route add default via "$six::2"
}

# start_detour [NODE [YAML]]: a detour with `member` as its only member, unless told otherwise.
start_detour() {
	local node=${1-detour}
	[ -e "$node.key" ] || keys "$node"
	cat >"$node.yaml" <<-YAML
		identity: $node.key
		reach: {allow: [10.0.0.0/8, "fd00::/16"]}
		${2-members: [{name: member, key: $member_public\}]}
	YAML
	start "$node" "$node" liquidnet-detour --config "$node.yaml"
}

# start_client [YAML]
start_client() {
	cat >client.yaml <<-YAML
		directory: $work/client
		identity: member.key
		${1-detours: [{name: detour, kind: nat, address: 10.0.6.1, key: $detour_public\}]}
	YAML
	start client client liquidnet-detour-client --config client.yaml
}

across() { echo "event=subflow-established .* remote=$1:"; } # ADDRESS
