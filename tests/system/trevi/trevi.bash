# What the tests of Trevi share: a client (10.2.0.1) and three tract servers (10.1.N.1) around a router that leads group 239.1.1.1 to them.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # $work, $programs: of sandbox.bash

export guid=5472657669000000000000000000000a forger_program=$BATS_TEST_DIRNAME/forger.py asker_program=$BATS_TEST_DIRNAME/asker.py

network() {
	local n
	for n in core client s1 s2 s3; do
		ip netns add "$n"
		ip -n "$n" link set lo up
	done
	ip netns exec core sysctl -qw net.ipv4.ip_forward=1
	cable client eth 10.2.0.1/24 core client 10.2.0.2/24
	ip -n client route add default via 10.2.0.2
	for n in 1 2 3; do
		cable "s$n" eth "10.1.$n.1/24" core "s$n" "10.1.$n.2/24"
		ip -n "s$n" route add default via "10.1.$n.2"
	done
}

# start_server N [LINE...]: server N with these lines in its configuration besides.
start_server() {
	mkdir -p "store$1"
	printf 'address: 10.1.%s.1\nstore: store%s\n' "$1" "$1" >"s$1.yaml"
	printf '%s\n' "${@:2}" >>"s$1.yaml"
	ip netns exec "s$1" "$programs/liquidnet-trevi" serve --config "s$1.yaml" --control "$work/s$1.sock" 2>>"s$1.log" &
	eval "s${1}_pid=$!"
	until_true test -S "$work/s$1.sock"
}

start_servers() { for n in 1 2 3; do start_server $n; done; }

start_routing() {
	printf 'phyint %s enable\n' client s1 s2 s3 >core.conf
	echo 'mroute from client group 239.1.1.1 to s1 s2 s3' >>core.conf
	: >core.log
	ip netns exec core smcrouted -n -N -l info -f core.conf -u "$work/core.sock" -P "$work/core.pid" 2>core.log &
	await core.log Ready
}

table() {
	"$programs/liquidnet-trevi" table --servers 10.1.1.1:7010,10.1.2.1:7010,10.1.3.1:7010 --rows 1 --group 239.1.1.1 >table
}

table_of_one() { "$programs/liquidnet-trevi" table --servers 10.1.1.1:7010 --replicas 1 >table; }

blob() { head -c "$1" /dev/urandom >blob; }

put() { ip netns exec client "$programs/liquidnet-trevi" put --table table --guid "$guid" "$@"; }
get() { ip netns exec client "$programs/liquidnet-trevi" get --table table --guid "$guid" "$@"; }

# value FILE NAME: of a program's JSON.
value() { jq -r ".$2" "$1"; }
# count N NAME: what server N counted.
count() { ask "$work/s$1.sock" show | jq -r ".$2"; }
# stored N TRACTS: the tracts of the blob are in server N's store, byte for byte.
stored() {
	local t
	for t in $(seq 0 $(($2 - 1))); do head -c -32 "store$1/$guid.$t"; done | cmp - blob
}
