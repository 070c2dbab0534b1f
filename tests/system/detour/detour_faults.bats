#!/usr/bin/env bats
# What was found wrong in the detour once, a test a kind: circles of detours, what a client may reach, tables of others, what a smaller
# list leaves, settings and clocks. detour.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031

load detour

# forge NODE SOURCE DETOUR REMOTE REMOTE-PORT PROPOSED: a request of version 1 with a source address that is another's.
forge() {
	ip netns exec "$1" /usr/bin/python3 - "${@:2}" <<-'PY'
		import socket, struct, sys
		src, dst, rip, rpt, dpt = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		q = struct.pack("!BBH4sHH", 1, 0, 0, socket.inet_aton(rip), rpt, dpt)
		udp = struct.pack("!HHHH", 5555, 45672, 20, 0) + q
		ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
		s.sendto(ip + udp, (dst, 0))
	PY
}

# syn NODE SOURCE DESTINATION PORT HOPS: one SYN.
syn() {
	ip netns exec "$1" /usr/bin/python3 - "${@:2}" <<-'PY'
		import socket, struct, sys
		src, dst, port, ttl = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, ttl, 6, 0, socket.inet_aton(src), socket.inet_aton(dst))
		tcp = struct.pack("!HHLLBBHHH", 40000, port, 1, 0, 0x50, 2, 1000, 0, 0)
		pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 6, 20) + tcp
		total = sum(struct.unpack("!%dH" % (len(pseudo) // 2), pseudo))
		total = (total >> 16) + (total & 0xffff)
		total = ~(total + (total >> 16)) & 0xffff
		s.sendto(ip + tcp[:16] + struct.pack("!H", total) + tcp[18:], (dst, 0))
	PY
}

# Two detours, each with a mapping of version 1 to the other's, forged: the worst that can be had.
circle() {
	ip netns exec server sysctl -qw net.ipv4.ip_forward=1
	ip -n server addr add 10.0.6.1/24 dev to-detour
	ip -n detour addr add 10.0.6.9/24 dev to-server
	start_detour 'allow: [10.0.1.0/24, 10.0.6.0/24]'
	printf 'nat: {allow: [10.0.6.0/24]}\nreach: {allow: [10.0.0.0/8]}\n' >other.yaml
	ip netns exec server "$detour_program" --config other.yaml --control "$work/other" 2>other.log &
	until_true test -S other
	ask client1 10.0.1.9 10.0.6.1 6000 5000
	forge detour 10.0.6.9 10.0.6.1 10.0.6.9 7000 6000
	forge server 10.0.6.1 10.0.6.9 10.0.6.1 6000 7000
	until_true grep -q 'event=mapping-added client=10.0.6.9' other.log
	until_true grep -q 'event=mapping-added client=10.0.6.1' detour.log
	capture detour to-server circle.pcap tcp
	syn client1 10.0.1.1 10.0.1.9 5000 255
	until_true ended_by_hops
	end_capture "$capture" circle.pcap
	local packets
	packets=$(tcpdump -nr circle.pcap 2>/dev/null | wc -l)
	echo "# one SYN with hop limit 255 became $packets packets (254 before)" >&3
	[ "$packets" -ge 1 ]
	[ "$packets" -le 5 ]
}
ended_by_hops() {
	local one two
	one=$(status .counters.flows.hops)
	two=$(echo status | timeout 20 socat -t 20 - "UNIX-CONNECT:$work/other" | jq .counters.flows.hops)
	[ $((one + two)) -ge 1 ]
}
@test "two detours make no circle" { in_sandbox circle; }

# silent NODE DETOUR REMOTE PORT PROPOSED: a request that is refused; what answers is the good one after it.
silent() {
	local n
	read -r -a n <<<"$(exchange "$1" "$2" "$(wire 1 0 "$3" "$4" "$5")" "$(wire 1 0 10.0.5.1 5201 5201)")"
	[ "${n[4]}.${n[5]}.${n[6]}.${n[7]}" = 10.0.5.1 ]
}
reach() {
	start_detour $'nat: {allow: [10.0.1.0/24]}\nreach: {allow: [10.0.5.0/24], deny: [10.0.5.66/32], ports: [22, 80, 5201, 8080]}'
	local remote
	for remote in 10.0.1.9 10.0.1.10 10.0.5.9 10.0.2.1 169.254.169.254 192.168.77.1 240.0.0.1 0.0.0.1 10.0.5.255 10.0.5.0 10.0.5.66 172.16.0.1; do
		silent client1 10.0.1.9 "$remote" 80 80
	done
	silent client1 10.0.1.9 10.0.5.1 443 443
	[ "$(status .counters.refused.destination)" = 13 ]
	[ "$(status .mappings)" = 1 ]
	# The kernel keeps to it, too: an address that becomes the detour's own after the mapping was made.
	serve detour 8080
	ip -n server addr add 10.0.5.77/24 dev to-detour
	[ "$(ask client1 10.0.1.9 10.0.5.77 8080 9090)" = 9090 ]
	ip -n server addr del 10.0.5.77/24 dev to-detour
	ip -n detour addr add 10.0.5.77/24 dev to-server
	await detour.log 'event=mapping-revoked client=10.0.1.1'
	ip netns exec detour nft 'add element inet liquidnet-detour mappings4 { 10.0.1.1 . 9090 : 10.0.5.77 . 8080 }'
	fails timeout 3 ip netns exec client1 socat -u /dev/null TCP:10.0.1.9:9090,connect-timeout=1
}
@test "the detour's own services, its neighbours and special networks are out of reach" { in_sandbox reach; }

untracked() {
	start_detour
	serve server 80
	ip netns exec client1 bash -c 'exec 3<>/dev/udp/10.0.1.9/45672; for ((i = 0; i < 200; i++)); do echo rubbish >&3; done'
	until_is 200 status .counters.datagrams
	[ "$(ask client1 10.0.1.9 10.0.5.1 80 80)" = 80 ]
	# A connection is tracked, so that the list is seen to have what is.
	ip netns exec client1 socat -u /dev/null TCP:10.0.1.9:80,connect-timeout=5
	ip netns exec detour conntrack -L >tracked
	grep -q '^tcp ' tracked
	fails grep '^udp ' tracked
}
@test "signalling leaves nothing in the connection tracking" { in_sandbox untracked; }

revoked() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	open_flow a client1 10.0.1.9 5201
	open_flow b client2 10.0.2.9 5201
	detour_yaml 'allow: [10.0.2.0/24]' >detour.yaml
	kill -HUP "$daemon"
	await detour.log 'event=mapping-revoked client=10.0.1.1'
	await detour.log 'event=reload config='
	[ "$(status '"\(.mappings) \(.counters.revoked) \(.counters.cut)"')" = "1 1 1" ]
	refused client1 10.0.1.9 5201
	say b still-here
	echo lost >&"$a_in" # the flow is cut: the next packet finds nothing
	until_true gone "$a_pid"
}
gone() { ! kill -0 "$1" 2>/dev/null; }
@test "who is no longer allowed loses mappings and flows at once; the others keep theirs" { in_sandbox revoked; }

docker() {
	ip netns exec detour nft -f - <<-'NFT'
		table ip dockerish {
			chain pre { type nat hook prerouting priority -150; policy accept; tcp dport 8080 dnat to 10.0.5.1:22; }
			chain same { type nat hook prerouting priority dstnat; policy accept; tcp dport 5201 dnat to 10.0.5.1:22; }
			chain filtered { type filter hook forward priority filter; policy drop; ct state established,related accept; }
		}
	NFT
	start_detour
	serve server 5201
	await detour.log 'event=host-rules .*chain filtered of table ip dockerish drops'
	await detour.log 'event=host-rules .*chain pre of table ip dockerish translates before ours'
	[ "$(status '.warnings | length')" = 2 ]
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	fails timeout 3 ip netns exec client1 socat -u /dev/null TCP:10.0.1.9:5201,connect-timeout=1
	status '.warnings[]' | grep -q 'did not leave this host'
	# The remedy that the warning names; and at the same priority ours decides.
	ip netns exec detour nft 'insert rule ip dockerish filtered ct mark and 0xffff0000 == 0x4c510000 accept'
	open_flow a client1 10.0.1.9 5201
	[ "$peer" = from=10.0.5.9 ]
}
@test "a forward chain that drops, and DNAT before ours, are said at the start and in the status" { in_sandbox docker; }

# A client's flows are bounded, so that others find room in the tables.
bounded_flows() {
	start_detour 'flows_per_client: 5, flow_rate: 1000'
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	local i
	for i in 1 2 3 4 5; do open_flow "f$i" client1 10.0.1.9 5201; done
	fails timeout 3 ip netns exec client1 socat -u /dev/null TCP:10.0.1.9:5201,connect-timeout=1
	[ "$(status '.counters.flows.too_many > 0')" = true ]
	open_flow b client2 10.0.2.9 5201
	say f1 still-here
}
@test "one client's flows are bounded, the others' are not" { in_sandbox bounded_flows; }

settings() {
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=0
	start_detour $'manage_forwarding: true\nnat: {allow: [10.0.1.0/24]}'
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 1 ]
	kill -KILL "$daemon"
	wait "$daemon" || true
	start_detour $'manage_forwarding: true\nnat: {allow: [10.0.1.0/24]}'
	stop_detour
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 0 ]
}
@test "settings that a killed daemon changed are put back by the next one" { in_sandbox settings; }
