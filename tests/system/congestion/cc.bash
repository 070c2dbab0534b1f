# Two nodes, a and b, and two links between them: what the tests of liquidnet-cc share.
# shellcheck shell=bash

network() {
	ip netns add a
	ip netns add b
	# A namespace begins with what its machine has.
	for name in a b; do
		ip netns exec "$name" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	for i in 1 2; do cable a "a$i" "10.0.$i.1/24" b "b$i" "10.0.$i.2/24"; done
	ip -n a link set dev lo up
	ip -n a mptcp endpoint add 10.0.2.1 dev a2 subflow
	ip -n b mptcp limits set subflows 2
}

# bottleneck: a node r between a and b, over which a has two paths of one bottleneck: 20 Mbit/s, a drop-tail queue of some 20 packets.
bottleneck() {
	ip netns add r
	ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	for i in 3 4; do cable a "a$i" "10.0.$i.1/24" r "r$i" "10.0.$i.2/24"; done
	cable r out 10.0.5.1/24 b in 10.0.5.2/24
	# A packet each, not sixty at once, into a queue this short.
	ip netns exec a ethtool -K a3 tso off gso off >/dev/null
	ip netns exec a ethtool -K a4 tso off gso off >/dev/null
	ip netns exec r tc qdisc add dev out root tbf rate 20mbit burst 3028 limit 30000
	ip -n b route add default via 10.0.5.1
	ip -n a route add default via 10.0.3.2
	ip -n a rule add from 10.0.4.1 table 4
	ip -n a route add default via 10.0.4.2 table 4
	ip -n a mptcp endpoint flush
	ip -n a mptcp endpoint add 10.0.4.1 dev a4 subflow
	ip -n a mptcp limits set subflows 2
}
