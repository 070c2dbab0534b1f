#!/usr/bin/env bats
# Data-centre topologies: as many nodes as the formulas say, every host reached on every path, and `liquidnet topology`.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154 # functions are called by name, inside; stderr is bats'
# shellcheck disable=SC2030,SC2031,SC2016 # each test is a subshell; backquotes belong to messages

bats_require_minimum_version 1.5.0

load machine
load topologies

topology() { "${BUILD:-build}/bin/liquidnet" topology "$@"; }

# size NODES LINKS TOPOLOGY [PARAMETERS]
size() {
	same "$(driver --describe "$3" ${4:+--parameters "$4"} | jq -c '[(.nodes | length), (.links | length)]')" "[$1,$2]"
}

@test "as many nodes and links as the formulas say" {
	size 36 48 fattree
	size 99 162 fattree '{"k": 6}'
	size 208 384 fattree '{"k": 8}'
	size 52 64 fattree '{"k": 4, "oversubscribed": 2}'
	size 14 16 leafspine
	size 40 88 leafspine '{"leaves": 8, "spines": 8, "hosts": 3}'
	size 24 32 bcube
	size 112 192 bcube '{"n": 4, "levels": 2}'
	size 27 81 torus
	size 8 12 torus '{"x": 2, "y": 2, "z": 2}'
	size 18 24 vl2
	size 15 14 tree
	size 20 25 jellyfish
	size 18 20 pop
	size 12 16 pop '{"of": "torus:x=2,y=2,z=2"}'
}

@test "the same seed makes the same Jellyfish, another seed another" {
	same "$(driver --describe jellyfish --parameters '{"seed": 3}')" "$(driver --describe jellyfish --parameters '{"seed": 3}')"
	[ "$(driver --describe jellyfish --parameters '{"seed": 3}')" != "$(driver --describe jellyfish --parameters '{"seed": 4}')" ]
	# As the simulator draws it: tests/unit/ndp/test_ndp_sim.c has the same list.
	same "$(topology jellyfish:switches=8,ports=4,degree=3,seed=7 --dot | grep -- '-- "s' | tr -d ' ;"' | tr '\n' ' ')" \
		"h0.0--s0 h1.0--s1 h2.0--s2 h3.0--s3 h4.0--s4 h5.0--s5 h6.0--s6 h7.0--s7 s0--s1 s0--s2 s0--s7 s1--s2 s1--s7 s2--s4 s3--s5 s3--s6 s3--s7 s4--s5 s4--s6 s5--s6 "
}

# reach FAMILY NODE ADDRESS...: each answers a datagram itself that its port is closed
reach() {
	nsenter -t "$(pid_of "$2")" -n /usr/bin/python3 -I -S - "$1" "${@:3}" <<-'END'
		import socket, sys
		family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
		for address in sys.argv[2:]:
		    s = socket.socket(family, socket.SOCK_DGRAM)
		    s.settimeout(5)
		    s.connect((address, 33434))
		    s.send(b"?")
		    try:
		        s.recv(1)
		        sys.exit(f"{address} answers what nobody asked")
		    except ConnectionRefusedError:
		        pass
		    except OSError as error:
		        sys.exit(f"{address}: {error}")
	END
}

# every_address [PARAMETERS...]: each host of the network reaches all addresses of all others
every_address() {
	start_driver "$@"
	unlimited_answers
	local node addresses hosts
	hosts=$(jq -r '.nodes | to_entries[] | select(.value.addresses != {}) | .key' <<<"$network")
	for node in $hosts; do
		mapfile -t addresses < <(jq -r --arg node "$node" '.nodes | del(.[$node]) | .[].addresses[]' <<<"$network")
		[ "${#addresses[@]}" -gt 2 ]
		reach 4 "$node" "${addresses[@]}"
	done
	exec 8>&- 9<&-
	wait "$driver_pid"
	rm in out
}

every_topology() {
	local topology
	for topology in fattree leafspine tree vl2 bcube torus jellyfish pop; do
		echo "$topology"
		every_address "$topology"
	done
}

@test "every host reaches every address of every other, on each of its paths" { limit=150 in_sandbox every_topology; }

address() { jq -er ".nodes.\"$1\".addresses.\"$2\"" <<<"$network"; }

# ways NODE ADDRESS...: the nodes on the way to each address, a line an address. A router answers with any address of its own.
ways() {
	local names
	names=$(jq -c '[.nodes | to_entries[] | .key as $node | (.value.interfaces[].address | sub("/.*"; "")), .value.addresses[] | {(.): $node}] | add' <<<"$network")
	hops "$@" | jq -rR --argjson names "$names" 'split(" ") | map($names[.] // .) | join(" ")'
}

four_ways() {
	start_driver fattree
	unlimited_answers
	local path
	same "$(for path in 0 1 2 3; do ways h0.0.0 "$(address h3.1.1 "path$path")"; done)" "$(cat <<-'END'
		e0.0 a0.0 c0.0 a3.0 e3.1 h3.1.1
		e0.0 a0.0 c0.1 a3.0 e3.1 h3.1.1
		e0.0 a0.1 c1.0 a3.1 e3.1 h3.1.1
		e0.0 a0.1 c1.1 a3.1 e3.1 h3.1.1
	END
	)"
	# Its link's address and `any` are reached too, and over both aggregation switches.
	reach 4 h0.0.0 10.0.7.6 "$(address h3.1.1 any)"
	[ "$(inside e0.0 ip route show 10.128.0.0/16 | grep -c nexthop)" = 2 ]
	if inside c0.0 ip route show | grep nexthop; then false; fi # a core has one way to each pod
	# What a host sends of itself carries `any`.
	inside h0.0.0 ip -json route get "$(address h3.1.1 any)" | jq -e '.[0].prefsrc == "10.128.0.0"'
}

@test "fat tree: four disjoint ways between pods, each by its address" { in_sandbox four_ways; }

spines() {
	start_driver leafspine
	unlimited_answers
	same "$(ways h0.0 "$(address h3.1 path0)" "$(address h3.1 path1)")" $'l0 s0 l3 h3.1\nl0 s1 l3 h3.1'
}

@test "leaf and spine: path number S goes over spine S" { in_sandbox spines; }

other_family() {
	start_driver fattree --parameters '{"ipv6": true, "mtu": 9000}'
	local node
	for node in $(jq -r '.nodes | keys[]' <<<"$network"); do
		inside "$node" sh -c 'echo >/proc/sys/net/ipv6/icmp/ratemask; echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
	done
	same "$(jq -r '.nodes."h3.1.1".interfaces[].address6' <<<"$network")" "fd00::a00:706/126"
	reach 6 h0.0.0 fd00::a80:311 fd00::a40:311 fd00::a41:311 fd00::a42:311 fd00::a43:311 fd00::a00:706
	reach 4 h0.0.0 "$(address h3.1.1 path2)"
	[ "$(inside e0.0 ip -6 route show fd00::a80:0/112 | grep -c nexthop)" = 2 ]
	# A packet of 9,000 bytes crosses six links in one piece.
	inside a2.1 ip -json link show dev a2.1-u211 | jq -e '.[0].mtu == 9000'
	inside h0.0.0 ping -c 1 -W 5 -M "do" -s 8972 "$(address h3.1.1 path1)"
	run inside h0.0.0 ping -c 1 -W 1 -M "do" -s 8973 "$(address h3.1.1 path1)"
	[ "$status" != 0 ]
}

@test "IPv6 twins of all addresses and routes; links of 9,000 bytes" { in_sandbox other_family; }

eight() {
	start_driver fattree --parameters '{"k": 8}'
	[ "$(jq '.nodes | length' <<<"$network")" = 208 ]
	reach 4 h0.0.0 "$(address h7.3.3 any)" "$(address h7.3.3 path0)" "$(address h7.3.3 path15)" "$(address h0.0.1 path7)"
	reach 4 h7.0.2 "$(address h3.2.1 path9)"
}

@test "fat tree of 208 nodes" { in_sandbox eight; }

# refused TEXT ARGUMENT...: one line with TEXT, status 2
refused() {
	run --separate-stderr "${@:2}"
	echo "status $status: $stderr"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"$1"* ]]
}

@test "bad parameters of networks: one line, status 2" {
	refused "k=5: a fat tree has an even number of ports" driver --describe fattree --parameters '{"k": 5}'
	refused "k=18: 81 equal paths between two hosts: addresses run out" driver --describe fattree --parameters '{"k": 18}'
	refused "k=4.0: write 2 to 32" driver --describe fattree --parameters '{"k": 4.0}'
	refused "at most 16" driver --describe fattree --parameters '{"k": 8, "oversubscribed": 5}'
	refused "their product is even" driver --describe jellyfish --parameters '{"switches": 9}'
	refused "no port is left for a server" driver --describe jellyfish --parameters '{"degree": 4}'
	refused "write 2 to 64" driver --describe bcube --parameters '{"n": 1}'
	refused "no topology \`bcub\`" driver --describe pop --parameters '{"of": "bcub"}'
	refused "mtu=10 is out of range" driver --describe leafspine --parameters '{"mtu": 10}'
	refused "no parameter \`spine\`" driver --describe leafspine --parameters '{"spine": 3}'
}

plain() {
	mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
	mount --bind /dev/pts/ptmx /dev/ptmx
	mn --custom "$folder/fattree.py" --topo fattree,k=4,mtu=9000,ipv6=True --controller none >mn.log 2>&1 <<-'END'
		h0.0.0 ping -c 1 -W 5 -M do -s 8972 10.67.3.17
		h0.0.0 ping -c 1 -W 5 fd00::a42:311
	END
	cat mn.log
	[ "$(grep -c ' 0% packet loss' mn.log)" = 2 ]
}

@test "plain mn builds it, with its addresses, routes and MTU" { in_sandbox plain; }

# --- liquidnet topology -------------------------------------------------------------------------------------------

# value QUANTITY SPEC
value() { topology "$2" --format json | jq -r --arg quantity "$1" '.[] | select(.quantity == $quantity).value'; }

@test "topology: the formulas of the papers, by counting" {
	same "$(value servers fattree:k=8) $(value switches fattree:k=8) $(value cables fattree:k=8)" "128 80 384"
	same "$(value 'bisection, cables' fattree:k=8) $(value 'hops, most' fattree:k=8)" "64 6"
	same "$(value 'node-disjoint paths, least' bcube:n=4,levels=2) $(value 'edge-disjoint paths, least' bcube:n=4,levels=2)" "3 3"
	same "$(value servers bcube:n=4,levels=2) $(value switches bcube:n=4,levels=2) $(value 'hops, most' bcube:n=4,levels=2)" "64 48 6"
	same "$(value 'survives failures of any cables' torus:x=4,y=4,z=4) $(value 'bisection, cables' torus:x=4,y=4,z=4)" "5 32"
	same "$(value 'node-disjoint paths, least' torus:x=4,y=4,z=4)" 6
	# Full bisection: all to all runs at full rate; four times oversubscribed, a permutation's flows get a quarter.
	same "$(value 'load, all to all' fattree:k=6) $(value 'load, all to all' vl2)" "1 1"
	topology fattree:k=4,oversubscribed=4 --format json |
		jq -e '.[] | select(.quantity == "load, permutation, split over all shortest ways") | .note | endswith("least 0.2500")'
}

@test "topology: ECMP loses half of a permutation, eight subflows a tenth" {
	value 'load, permutation, one random way' fattree:k=8 | awk '{ exit !($1 > 0.45 && $1 < 0.51) }'
	value 'load, permutation, eight subflows' fattree:k=8 | awk '{ exit !($1 > 0.85 && $1 < 0.95) }'
	same "$(value 'load, permutation, split over all shortest ways' fattree:k=8)" 1
}

@test "topology: a point of presence carries less the more servers a packet visits" {
	local n before=2 now
	for n in 1 2 3; do
		now=$(topology pop of=fattree:k=4 users=8 cores=8 --format json |
			jq -r --arg quantity "load over $n servers, any link to any" '.[] | select(.quantity == $quantity).value')
		awk -v now="$now" -v before="$before" 'BEGIN { exit !(now > 0 && now < before) }'
		before=$now
	done
}

@test "topology: formats, drawings, and the same for the same seed" {
	local file=$work/drawing.svg
	topology leafspine --format csv | awk -F, 'NR == 1 { exit !($0 == "quantity,value,note") }'
	topology leafspine --plot >"$file"
	/usr/bin/python3 -I -c 'import sys, xml.dom.minidom as x; d = x.parse(sys.argv[1]); assert len(d.getElementsByTagName("line")) == 16' "$file"
	[ "$(topology leafspine --dot | grep -c ' -- ')" = 16 ]
	same "$(topology jellyfish --seed 4)" "$(topology jellyfish --seed 4)"
	[ "$(topology --list | wc -l)" = 10 ]
	topology --compare fattree:k=4 bcube:n=4,levels=1 --brief | grep -qE '^servers +16 +16$'
}

@test "topology: what is asked wrongly is refused in one line" {
	refused "which topology?" topology
	refused "no topology \`fatree\`; there are: fattree," topology fatree
	refused "k=7: a fat tree has an even" topology fattree k=7
	refused "no parameter \`j\`; there are: k, oversubscribed" topology fattree j=7
	refused "\`7\` is no parameter" topology fattree 7
	refused "there are table, csv, json" topology fattree --format xml
	refused "--seed x: a whole number" topology fattree --seed x
	refused "unknown option --draw" topology fattree --draw
	refused "needs two topologies or more" topology --compare fattree
	refused "fattree has 16 (next: fattree:k=6,oversubscribed=1, 54), bcube:n=3 has 9" topology --compare fattree bcube:n=3
}
