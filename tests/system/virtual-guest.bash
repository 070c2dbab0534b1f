# What runs inside a guest of virtual.bats: two hosts, a and b, joined by PATHS veth pairs (1), shaped by netem at both ends.
# Environment: RATE, DELAY, LOSS (in per cent, from a to b; none), LIMIT in packets

hosts() {
	local i
	ip netns add a
	ip netns add b
	# Its neighbour discovery is timed at random.
	for i in a b; do ip netns exec $i sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
	for i in $(seq "${PATHS:-1}"); do
		ip link add "a$i" netns a type veth peer name "b$i" netns b
		ip -n a addr add "10.0.$i.1/24" dev "a$i"
		ip -n b addr add "10.0.$i.2/24" dev "b$i"
		ip netns exec a ethtool -K "a$i" tso off gso off gro off >/dev/null
		ip netns exec b ethtool -K "b$i" tso off gso off gro off >/dev/null
		ip -n a link set "a$i" up
		ip -n b link set "b$i" up
		tc -n a qdisc add dev "a$i" root netem rate "${RATE:-10mbit}" delay "${DELAY:-16ms}" limit "${LIMIT:-1000}" ${LOSS:+loss "$LOSS%"}
		tc -n b qdisc add dev "b$i" root netem rate "${RATE:-10mbit}" delay "${DELAY:-16ms}" limit "${LIMIT:-1000}"
	done
	ip -n a link set lo up
	ip -n b link set lo up
	# Neighbours are known before anything is measured.
	for i in $(seq "${PATHS:-1}"); do ip netns exec a ping -qc 1 "10.0.$i.2" >/dev/null; done
}

# a has a second subflow, from its second interface.
multipath() {
	local n
	for n in a b; do
		ip netns exec $n sysctl -qw net.mptcp.enabled=1
		ip -n $n mptcp limits set subflow 4 add_addr_accepted 4
	done
	ip -n a mptcp endpoint add 10.0.2.1 dev a2 subflow
	ip -n b route add 10.0.1.0/24 dev b1 2>/dev/null || :
}

# transfer SECONDS [OPTION...]: iperf3 from a to b, as JSON; WRAP before both programs
transfer() {
	local seconds=$1
	shift
	# shellcheck disable=SC2086 # WRAP is words
	ip netns exec b ${WRAP:-} iperf3 -s -1 -D --logfile /dev/null
	until ss -N b -tlnH | grep -q :5201; do sleep 0.01; done
	# shellcheck disable=SC2086 # WRAP is words
	ip netns exec a ${WRAP:-} iperf3 -c 10.0.1.2 -t "$seconds" -J "$@"
}
