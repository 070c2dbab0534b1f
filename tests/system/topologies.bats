#!/usr/bin/env bats
# The topologies, built by the driver and by plain `mn`. What builds a network runs inside a sandbox, which dies whole with it.
# Every wait is for an event and has a limit.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154 # functions are called by name, inside; stderr is bats'
# shellcheck disable=SC2030,SC2031,SC2016 # each test is a subshell; backquotes belong to messages

bats_require_minimum_version 1.5.0

load machine
load topologies

# --- the driver ---------------------------------------------------------------------------------------------------

@test "--list names the topologies" {
	run driver --list
	[ "$status" = 0 ]
	[ "$output" = "$(tr ' ' '\n' <<<'aps bcube bottleneck datacenter detour fattree front grin grin-multihomed hosts jellyfish kibbutz leafspine move pop relay ring star threat torus tree twopaths vl2 waypoint')" ]
}

table() { jq -r '.topology, (.links | to_entries[] | "\(.key) \(.value.ends | map("\(.node) \(.interface)") | join(" "))"),
	(.nodes | to_entries[] | .key as $node | .value.interfaces | to_entries[] | "\($node) \(.key) \(.value.link) \(.value.address)")'; }

@test "detour: names and addresses as documented" {
	same "$(driver --describe detour | table)" "$(cat <<-'END'
		detour
		link1 client client-link1 r1 r1-link1
		link2 r1 r1-link2 r2 r2-link2
		link3 server server-link3 r2 r2-link3
		link4 r1 r1-link4 r3 r3-link4
		link5 r3 r3-link5 r2 r2-link5
		link6 detour detour-link6 r3 r3-link6
		client client-link1 link1 10.0.1.1/24
		r1 r1-link1 link1 10.0.1.2/24
		r1 r1-link2 link2 10.0.2.1/24
		r1 r1-link4 link4 10.0.4.1/24
		r2 r2-link2 link2 10.0.2.2/24
		r2 r2-link3 link3 10.0.3.2/24
		r2 r2-link5 link5 10.0.5.2/24
		r3 r3-link4 link4 10.0.4.2/24
		r3 r3-link5 link5 10.0.5.1/24
		r3 r3-link6 link6 10.0.6.2/24
		detour detour-link6 link6 10.0.6.1/24
		server server-link3 link3 10.0.3.1/24
	END
	)"
}

@test "detour with IPv6: every address has a twin, and every end of a path reaches every other" {
	same "$(driver --describe detour --parameters '{"ipv6": true}' | jq -r '.nodes[].interfaces[] | "\(.address) \(.address6)"')" \
		"$(driver --describe detour | jq -r '.nodes[].interfaces[].address | capture("10.0.(?<n>.).(?<m>.)/24") | "10.0.\(.n).\(.m)/24 fd00:\(.n)::\(.m)/64"')"
	in_sandbox by_ipv6
}
by_ipv6() {
	start_driver detour --parameters '{"ipv6": true}'
	local node
	for node in client:1 server:3 detour:6; do
		inside client ping -q -c 1 -W 5 "fd00:${node#*:}::1"
		inside "${node%:*}" ping -q -c 1 -W 5 fd00:3::1
	done
}

@test "relay: names and addresses as documented" {
	same "$(driver --describe relay | table)" "$(cat <<-'END'
		relay
		access client client-access relay relay-access
		backbone relay relay-backbone server server-backbone
		client client-access access 10.1.1.1/24
		relay relay-access access 10.1.1.2/24
		relay relay-backbone backbone 10.1.2.1/24
		server server-backbone backbone 10.1.2.2/24
	END
	)"
}

@test "datacenter: as many muxes and servers as asked, in two racks" {
	same "$(driver --describe datacenter --parameters '{"muxes": 1, "servers": 3}' | table | tail -n +2 | grep -v ' s[12]-' | sort)" \
		"$(cat <<-'END' | sort
		client client-up1 up1 10.9.1.1/24
		client client-up2 up2 10.9.2.1/24
		core core-m1 m1 10.9.11.2/24
		core core-rack1 rack1 10.9.31.2/24
		core core-rack2 rack2 10.9.32.2/24
		core core-up1 up1 10.9.1.2/24
		core core-up2 up2 10.9.2.2/24
		m1 mux1 mux1-m1 core core-m1
		mux1 mux1-m1 m1 10.9.11.1/24
		rack1 tor1 tor1-rack1 core core-rack1
		rack2 tor2 tor2-rack2 core core-rack2
		s3 s3 s3-s3 tor1 tor1-s3
		s3 s3-s3 s3 10.9.43.1/24
		tor1 tor1-rack1 rack1 10.9.31.1/24
		tor1 tor1-s1 s1 10.9.41.2/24
		tor1 tor1-s3 s3 10.9.43.2/24
		tor2 tor2-rack2 rack2 10.9.32.1/24
		tor2 tor2-s2 s2 10.9.42.2/24
		up1 client client-up1 core core-up1
		up2 client client-up2 core core-up2
	END
	)"
	run driver --describe datacenter --parameters '{"servers": 10}'
	[ "$status" = 2 ]
}

@test "--describe needs no root, builds nothing, and loads nothing that builds; building needs root" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local nobody described as_nobody public
	nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	described=$(/usr/bin/python3 -X importtime -I -S "$folder/driver.py" --describe detour 2>"$work/loaded")
	grep -q '| *json$' "$work/loaded"
	[ "$(grep -cE '\| *(network|mininet\.net)$' "$work/loaded")" = 0 ]
	# A copy, as the folder may be where only root may go.
	public=$(mktemp -d /tmp/topologies.XXXXXX)
	cp "$folder"/*.py "$public"
	chmod -R a+rX "$public"
	run --separate-stderr "${nobody[@]}" /usr/bin/python3 -I -S "$public/driver.py" --describe detour
	as_nobody=$output
	run --separate-stderr "${nobody[@]}" /usr/bin/python3 -I -S "$public/driver.py" detour
	rm -r "$public"
	same "$as_nobody" "$described"
	[ "$status" = 2 ]
	[ "$stderr" = "driver.py: building a network needs root" ]
}

as_described() {
	local topology
	for topology in aps bcube bottleneck datacenter detour fattree grin grin-multihomed jellyfish kibbutz leafspine pop relay ring star threat torus tree twopaths vl2; do
		start_driver "$topology"
		same "$(jq -S 'del(.nodes[].pid)' <<<"$network")" "$(driver --describe "$topology" | jq -S .)"
		# What the line says is what the kernel has, and the kernel has nothing more.
		for node in $(jq -r '.nodes | keys[]' <<<"$network"); do
			same "$(inside "$node" ip -json address | jq -r '
				.[] | select(.ifname != "lo") | "\(.ifname) \(.operstate) \(.addr_info[] | select(.family == "inet") | "\(.local)/\(.prefixlen)")"' |
				sort)" \
				"$(jq -r ".nodes.\"$node\".interfaces | to_entries[] | \"\(.key) UP \(.value.address)\"" <<<"$network" | sort)"
		done
		exec 8>&- 9<&-
		wait "$driver_pid"
		rm in out
	done
}

@test "what --describe says is what is built" { limit=180 in_sandbox as_described; }

detour_paths() {
	start_driver detour
	unlimited_answers
	same "$(hops client 10.0.3.1 10.0.6.1)" $'10.0.1.2 10.0.2.2 10.0.3.1\n10.0.1.2 10.0.4.2 10.0.6.1'
	same "$(hops server 10.0.1.1 10.0.6.1)" $'10.0.3.2 10.0.2.1 10.0.1.1\n10.0.3.2 10.0.5.1 10.0.6.1'
	same "$(hops detour 10.0.1.1 10.0.3.1)" $'10.0.6.2 10.0.4.1 10.0.1.1\n10.0.6.2 10.0.5.2 10.0.3.1'
}

@test "detour: the default path is link 2, the detour is reached over links 4 and 5" { in_sandbox detour_paths; }

relay_path() {
	start_driver relay
	same "$(hops client 10.1.2.2)" "10.1.1.2 10.1.2.2"
	same "$(hops server 10.1.1.1)" "10.1.2.1 10.1.1.1"
}

kibbutz_paths() {
	start_driver kibbutz
	# Each phone to the server by its own operator; from phone to phone in one step, across the access point.
	same "$(hops p1 10.5.0.1)" "10.1.1.254 10.5.0.1"
	same "$(hops p3 10.5.0.1)" "10.1.3.254 10.5.0.1"
	same "$(hops p1 10.9.0.3)" "10.9.0.3"
	same "$(hops p3 10.9.0.2)" "10.9.0.2"
}

@test "kibbutz: phones reach the server and each other" { in_sandbox kibbutz_paths; }

bottleneck_paths() {
	start_driver bottleneck
	same "$(hops multi 10.3.1.1)" "10.1.1.254 10.2.0.2 10.3.1.1"
	same "$(hops single 10.3.2.1)" "10.1.9.254 10.2.0.2 10.3.2.1"
	same "$(hops server 10.1.4.1)" "10.3.1.254 10.2.0.1 10.1.4.1"
	# What is bound to a link goes over it.
	for n in 1 2 3 4; do
		inside multi ip -json route get 10.3.1.1 oif "multi-m$n" from "10.1.$n.1" | jq -e ".[0].gateway == \"10.1.$n.254\""
	done
}

@test "bottleneck: everything meets on one link" { in_sandbox bottleneck_paths; }

ring_paths() {
	start_driver ring
	same "$(hops s1 10.3.1.1)" "10.1.1.254 10.0.1.2 10.3.1.1"
	same "$(hops s1 10.4.1.1)" "10.2.1.254 10.0.2.2 10.0.3.2 10.4.1.1"
	same "$(hops d1 10.1.1.1)" "10.3.1.254 10.0.1.1 10.1.1.1"
	same "$(hops d1 10.2.1.1)" "10.4.1.254 10.0.3.1 10.0.2.1 10.2.1.1"
	same "$(hops s3 10.3.3.1)" "10.1.3.254 10.0.3.2 10.3.3.1"
	same "$(hops s3 10.4.3.1)" "10.2.3.254 10.0.1.2 10.0.2.2 10.4.3.1"
	same "$(hops s2 10.4.2.1)" "10.2.2.254 10.0.3.2 10.0.1.2 10.4.2.1"
	same "$(hops d2 10.2.2.1)" "10.4.2.254 10.0.1.1 10.0.3.1 10.2.2.1"
}

@test "ring: each pair has a path over one bottleneck and one over the two others" { in_sandbox ring_paths; }

@test "relay: client and server reach each other through the relay" { in_sandbox relay_path; }

# Namespaces begin as on a machine that forwards.
forwarding_machine() {
	mkdir bin
	cat >bin/mnexec <<-END
		#!/bin/sh
		shift
		exec $(command -v mnexec) -n sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; exec "\$@"' sh "\$@"
	END
	chmod +x bin/mnexec
	PATH=$PWD/bin:$PATH
}

everyone() {
	forwarding_machine
	start_driver detour
	unlimited_answers
	local node addresses answers
	for node in $(jq -r '.nodes | keys[]' <<<"$network"); do
		mapfile -t addresses < <(jq -r ".nodes | del(.\"$node\") | .[].interfaces[].address | sub(\"/.*\"; \"\")" <<<"$network")
		answers=$(hops "$node" "${addresses[@]}" | awk '{print $NF}')
		same "$answers" "$(printf '%s\n' "${addresses[@]}")"
	done
	same "$(for node in client r1 r2 r3 detour server; do inside "$node" cat /proc/sys/net/ipv4/ip_forward; done | tr '\n' ' ')" "0 1 1 1 1 0 "
}

@test "detour: every node reaches every address; routers and the detour forward" { in_sandbox everyone; }

ends() {
	local before nodes
	before=$(ip -brief link)
	start_driver detour
	same "$(ip -brief link)" "$before"
	mapfile -t nodes < <(jq -r '.nodes[].pid' <<<"$network")
	[ "${#nodes[@]}" = 6 ]
	kill -0 "${nodes[@]}"
	exec 8>&-
	wait "$driver_pid" # exit status 0
	gone "${nodes[@]}"
	if read -r -t 5 -u 9; then false; fi # it said one line only
	[ ! -s driver.log ]
	exec 9<&-
	rm in out

	start_driver detour
	mapfile -t nodes < <(jq -r '.nodes[].pid' <<<"$network")
	kill -KILL "$driver_pid"
	wait "$driver_pid" || [ $? = 137 ]
	gone "${nodes[@]}"
	same "$(ip -brief link)" "$before"
}

@test "the network goes with the driver: at the end of its input, and when it is killed" { in_sandbox ends; }

# refused TEXT ARGUMENT...: one line that ends with TEXT, status 2
@test "twopaths: an MTU that is too small for IPv6 leaves IPv4" {
	same "$(driver --describe twopaths --parameters '{"mtu": 1280}')" "$(driver --describe twopaths)"
	same "$(driver --describe twopaths --parameters '{"mtu": 576}')" \
		"$(driver --describe twopaths | jq -c 'del(.nodes[].interfaces[].address6)' | sed 's/\([:,]\)/\1 /g')"
}

refused() {
	run --separate-stderr driver "${@:2}"
	echo "status $status: $stderr"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == "driver.py: "*"$1"* ]]
}

@test "bad arguments: one line, status 2" {
	refused "no topology \`detuor\`; there are: aps, bcube, bottleneck, datacenter, detour, fattree, front, grin, grin-multihomed, hosts, jellyfish, kibbutz, leafspine, move, pop, relay, ring, star, threat, torus, tree, twopaths, vl2, waypoint" detuor
	refused "no topology \`../driver\`; there are" --describe ../driver
	refused "no topology \`links\`; there are" links
	refused "usage: driver.py"
	refused "usage: driver.py" detour relay
	refused "unknown option --descibe" --descibe detour
	refused "unknown option --parameters" detour --parameters
	refused "--parameters {x: Expecting" detour --parameters '{x'
	refused "is no JSON object" detour --parameters '[1]'
	refused "no parameter \`leaves\`" --describe detour --parameters '{"leaves": 3}'
	refused "mtu=100 is out of range" --describe twopaths --parameters '{"mtu": 100}'
	refused "are for \`mn\`" --describe detour --parameters '{"bw": 10}'
}

# --- another topology ---------------------------------------------------------------------------------------------

# copied: the topologies in a folder of their own, to add to
copied() {
	mkdir "$work/topologies"
	cp "$folder"/*.py "$work/topologies"
	folder=$work/topologies
}

# star: the example of the documentation beside the others
star() {
	copied
	sed -n '/^```python$/,/^```$/p' docs/topologies.md | sed '1d;$d' >"$folder/star.py"
}

star_paths() {
	folder=/mnt/topologies
	start_driver star --parameters '{"leaves": 5}'
	same "$(hops leaf1 10.2.5.1)" "10.2.1.2 10.2.5.1"
	same "$(jq -r '.nodes | keys_unsorted | join(" ")' <<<"$network")" "hub leaf1 leaf2 leaf3 leaf4 leaf5"
}

@test "the documentation's example: described, built with a parameter" {
	star
	cmp topologies/star.py "$folder/star.py" # the one that is there
	[ "$(driver --describe star | jq '.nodes | length')" = 4 ]
	[ "$(driver --describe star --parameters '{"leaves": 2}' | jq -c '.links | keys')" = '["spoke1","spoke2"]' ]
	refused "no parameter \`leafs\`; the topology's own are: leaves;" --describe star --parameters '{"leafs": 2}'
	in_sandbox star_paths
}

# broken FROM TO TEXT: the example with one mistake
broken() {
	sed "s|$1|$2|" "$work/star.py" >"$folder/star.py"
	if cmp -s "$work/star.py" "$folder/star.py"; then false; fi
	refused "$3" --describe star
}

bad_route() {
	folder=/mnt/topologies
	local status=0
	driver star </dev/null >out 2>driver.log || status=$?
	same "$status" 2
	[ ! -s out ]
	same "$(wc -l <driver.log)" 1
	grep -q '^driver.py: node leaf1: .*Command failed' driver.log
}

@test "mistakes in a topology: one line that says where" {
	star
	cp "$folder/star.py" "$work"
	broken '"spoke{i}"' '"muchtoolong{i}"' "link muchtoolong1: leaf1-muchtoolong1 has more than 15 characters"
	broken '("hub", ' '("hib", ' "link spoke1: no node \`hib\`"
	broken '"leaf{i}", f"default' '"leaf", f"default' "link spoke1: no node \`leaf1\`"
	broken '"spoke{i}"' '"spoke"' "link spoke: there are two of that name"
	broken '"10.2.{i}.1/24"' '"10.2.{i}.1"' "10.2.1.1 is no address; write 10.0.1.1/24"
	broken '{"star": StarTopo}' '{}' "defines no topos = {'star': ...}"
	broken 'self.router("hub")' 'self.ruter("hub")' "no attribute 'ruter'"
	sed 's|default via 10.2.{i}.2|default via 10.9.9.9|' "$work/star.py" >"$folder/star.py"
	in_sandbox bad_route
}

# --- plain Mininet ------------------------------------------------------------------------------------------------

# mininet TOPO: mn with commands on standard input; output in mn.log
mininet() {
	mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
	mount --bind /dev/pts/ptmx /dev/ptmx
	mn --custom "$folder/detour.py" --topo "$1" --controller none >mn.log 2>&1
}

plain() {
	mininet detour <<-'END'
		server socat -T 10 TCP-LISTEN:8080,reuseaddr SYSTEM:'echo hello from $SOCAT_PEERADDR' &
		client socat -T 10 - TCP:10.0.3.1:8080,retry=50,interval=0.1 </dev/null
		client ip route get 10.0.3.1
		r1 ip route get 10.0.6.1
		detour cat /proc/sys/net/ipv4/ip_forward
		r1 tc qdisc show dev r1-link2
	END
	cat mn.log
	grep -q 'hello from 10.0.1.1' mn.log
	grep -q '10.0.3.1 via 10.0.1.2 dev client-link1 src 10.0.1.1' mn.log
	grep -q '10.0.6.1 via 10.0.4.2 dev r1-link4' mn.log
	grep -q '^mininet> 1[[:space:]]*$' mn.log
	grep -q 'qdisc noqueue' mn.log
	grep -q '^completed in' mn.log
}

@test "plain mn builds the topology with its routes" { in_sandbox plain; }

rates() {
	mininet detour,bw=20,max_queue_size=50,link2.bw=10,link2.max_queue_size=20 <<-'END'
		r1 tc class show dev r1-link1; tc qdisc show dev r1-link1
		r2 tc class show dev r2-link2; tc qdisc show dev r2-link2
		r2 ip -d link show dev r2-link2
	END
	cat mn.log
	same "$(grep -oE 'rate [0-9]+Mbit|limit [0-9]+p|gso_max_segs [0-9]+' mn.log | tr '\n' ' ')" \
		"rate 20Mbit limit 50p rate 10Mbit limit 20p gso_max_segs 1 "
}

@test "plain mn: rates and queue limits, of all links and of one" { in_sandbox rates; }

delayed() {
	local status=0 netem=
	if tc qdisc add dev lo root netem delay 1ms 2>/dev/null; then netem=1; fi
	touch /tmp/of-another.log # mn's clean-up would delete it
	mininet detour,bw=10,delay=5ms,link2.loss=0.5 <<-'END' || status=$?
		r1 tc qdisc show dev r1-link2
		r3 tc qdisc show dev r3-link5
	END
	cat mn.log
	[ -e /tmp/of-another.log ]
	if [ -n "$netem" ]; then
		same "$status" 0
		same "$(grep -cE 'qdisc netem .*delay 5(\.0)?ms' mn.log)" 2
		same "$(grep -cE 'qdisc netem .*loss 0\.5%' mn.log)" 1
	else
		same "$status" 1
		grep -q '^.*-link[1-6]: this kernel cannot shape the link as asked: `tc .*netem delay 5ms.* take a kernel with sch_netem' mn.log
		if grep -qE 'mininet>|Traceback|Cleaning up' mn.log; then false; fi
	fi
}

@test "plain mn: delay and loss are done, or refused where the kernel lacks netem" { in_sandbox delayed; }

parameters() {
	local each says status
	mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
	while IFS=' ' read -r each says; do
		status=0
		mn --custom "$folder/detour.py" --topo "$each" --controller none </dev/null >mn.log 2>&1 || status=$?
		cat mn.log
		same "$status" 1
		grep -qF -e "$says" mn.log
		if grep -qE 'Traceback|Cleaning up|Adding hosts' mn.log; then false; fi
	done <<-'END'
		detour,delay=5 every link: delay=5 is no time; write 5ms
		detour,link3.delay=soon link link3: delay=soon is no time; write 5ms
		detour,bw=0 every link: bw=0 is out of range
		detour,bw=2000 every link: bw=2000 is out of range
		detour,loss=101 every link: loss=101 is out of range
		detour,max_queue_size=0 every link: max_queue_size=0 is out of range
		detour,max_queue_size=1.5 every link: max_queue_size=1.5 is out of range
		detour,jitter=1ms link link1: jitter needs a delay
		detour,link9.bw=10 no link `link9`; there are: link1,
		detour,bandwidth=10 no parameter `bandwidth`; the topology's own are: ipv6; under `mn` also bw,
		detour,10 parameter 10 has no name
	END
}

@test "plain mn: parameters that Mininet would ignore or misread are refused" { in_sandbox parameters; }
