# Two nodes, a and b, and two links between them: what the tests of liquidnet-cc share.
# shellcheck shell=bash

network() {
	ip netns add a
	ip netns add b
	for i in 1 2; do
		ip -n a link add "a$i" type veth peer name "b$i" netns b
		ip -n a address add "10.0.$i.1/24" dev "a$i"
		ip -n b address add "10.0.$i.2/24" dev "b$i"
		ip -n a link set dev "a$i" up
		ip -n b link set dev "b$i" up
	done
	ip -n a link set dev lo up
	ip -n a mptcp endpoint add 10.0.2.1 dev a2 subflow
	ip -n b mptcp limits set subflows 2
}
