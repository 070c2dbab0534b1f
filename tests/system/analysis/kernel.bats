#!/usr/bin/env bats
# The kernel as oracle: real MPTCP v1 in namespaces of our own, with and without segmentation offload, options taken away in the
# middle, a path that is cut, data with the SYN. What the programs got is what the analysis says was delivered.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

bats_require_minimum_version 1.5.0
load ../sandbox

setup() {
	sandbox_setup
	liquidnet=$programs/liquidnet
	export liquidnet
}

# client and server, a router on the first path, the second path direct.
network() {
	local name
	for name in client router server; do
		ip netns add "$name"
		ip -n "$name" link set dev lo up
		ip netns exec "$name" sysctl -qw net.mptcp.enabled=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	cable client first 10.0.1.1/24 router left 10.0.1.254/24
	cable router right 10.0.3.254/24 server first 10.0.3.2/24
	cable client second 10.0.2.1/24 server second 10.0.2.2/24
	ip -n client route add 10.0.3.0/24 via 10.0.1.254
	ip -n server route add 10.0.1.0/24 via 10.0.3.254
	ip -n client rule add from 10.0.2.1 table 2
	ip -n client route add default via 10.0.2.2 dev second table 2
	cat >peer.py <<'PY'
# receive PORT FILE: takes one connection, both ways: what came goes to FILE, a tenth as much goes back. send ADDRESS PORT BYTES GATE [fastopen]:
# half of the bytes, the rest when GATE exists; with `fastopen` the first bytes go with the SYN. Prints the bytes got back.
import os, socket, sys, time
MPTCP = 262
if sys.argv[1] == "receive":
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_TCP, 23, 16)  # TCP_FASTOPEN
    s.bind(("0.0.0.0", int(sys.argv[2])))
    s.listen()
    print("ready", flush=True)
    c, _ = s.accept()
    got = back = 0
    while data := c.recv(1 << 16):
        got += len(data)
        while got // 10 - back >= 1000:
            c.sendall(bytes(1000))
            back += 1000
    c.shutdown(socket.SHUT_WR)
    open(sys.argv[3], "w").write(f"{got} {back}\n")
    c.close()
else:
    address, port, size, gate = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    first = size // 2
    if len(sys.argv) > 6:
        sent = s.sendto(bytes(700), 0x20000000, (address, port))  # MSG_FASTOPEN
        first -= sent
    else:
        s.connect((address, port))
    s.sendall(bytes(first))
    print("half", flush=True)
    while not os.path.exists(gate):
        time.sleep(0.01)
    s.sendall(bytes(size - size // 2))
    s.shutdown(socket.SHUT_WR)
    back = 0
    while data := s.recv(1 << 16):
        back += len(data)
    print(back, flush=True)
PY
}

# transfer BYTES [COMMAND BETWEEN THE HALVES] [send option]: the programs' own counts go to `got` and `back`.
transfer() {
	local receiver sender
	: >receiver.log
	: >sender.log
	rm -f gate got
	ip netns exec server timeout 50 python3 peer.py receive 7000 got >receiver.log 2>&1 &
	receiver=$!
	await receiver.log ready
	# shellcheck disable=SC2086 # an option, or none
	ip netns exec client timeout 50 python3 peer.py send 10.0.3.2 7000 "$1" gate ${3:-} >sender.log 2>&1 &
	sender=$!
	await sender.log half
	${2:-true}
	touch gate
	wait "$sender" "$receiver"
	tail -n 1 sender.log >back
}

# The connection in a capture delivered what the programs got.
delivers() { # FILE [jq condition on the connection]
	local sent back
	read -r sent back <got
	[ "$back" = "$(cat back)" ]
	"$liquidnet" analyze --json "$1" >capture.json
	jq -e --argjson sent "$sent" --argjson back "$back" "[.files[0].connections[] | select(.protocol == \"mptcp\")] | length == 1 and (.[0] |
		.forward.delivered_bytes == \$sent and .reverse.delivered_bytes == \$back
		and .forward.undelivered_bytes == 0 and ([.subflows[].forward.unmapped_bytes] | add) == 0 and (${2:-true}))" capture.json >/dev/null || {
		echo "sent $sent, back $back" >&2
		jq -c '.files[0].connections[] | {protocol, fallback_reason, forward, reverse, events, subflows: [.subflows[] | {client_address, join_failure, ended, f: .forward.unique_bytes, u: .forward.unmapped_bytes}]}' capture.json >&2
		return 1
	}
}

offload() { # on|off
	local place
	for place in "client first" "client second" "router left" "router right" "server first" "server second"; do
		# shellcheck disable=SC2086 # two words
		ip netns exec ${place% *} ethtool -K ${place#* } gso "$1" tso "$1" gro "$1" >/dev/null
	done
}

two_paths() {
	ip -n client mptcp limits set subflow 2 add_addr_accepted 0
	ip -n server mptcp limits set subflow 2 add_addr_accepted 0
	ip -n client mptcp endpoint add 10.0.2.1 dev second subflow
}

with_and_without_offload() {
	local how
	two_paths
	for how in on off; do
		offload $how
		capture server any "$how.pcap" -s 128 tcp
		transfer 6000000
		end_capture "$capture" "$how.pcap"
		delivers "$how.pcap" '(.fallback | not) and (.subflows | length) == 2 and .subflows[1].join_authentic'
	done
}

@test "bytes are the programs', with segmentation offload and without" {
	in_sandbox with_and_without_offload
}

strip() {
	ip netns exec router nft -f - <<-'NFT'
		table inet strip { chain forward { type filter hook forward priority 0; tcp option mptcp exists reset tcp option mptcp; }; }
	NFT
}

stripped_in_the_middle() {
	# Its rule is the kernel's since 5.18, and nft's since 1.0.2.
	strip && ip netns exec router nft delete table inet strip
	capture server first strip.pcap -s 128 tcp
	transfer 400000 strip
	end_capture "$capture" strip.pcap
	delivers strip.pcap '.fallback and .fallback_s > 0 and any(.events[]; .event == "fallback")'
}

@test "options taken away in the middle: plain TCP goes on, and every byte counts" {
	in_sandbox stripped_in_the_middle
}

cut_second() { ip -n client link set dev second down; }

path_cut() {
	two_paths
	capture server any cut.pcap -s 128 tcp
	transfer 4000000 cut_second
	end_capture "$capture" cut.pcap
	delivers cut.pcap '(.fallback | not) and (.subflows | length) == 2'
}

@test "one of two paths is cut in the middle" {
	in_sandbox path_cut
}

with_the_syn() {
	ip netns exec client sysctl -qw net.ipv4.tcp_fastopen=5
	ip netns exec server sysctl -qw net.ipv4.tcp_fastopen=0x602
	capture server first fastopen.pcap -s 128 tcp
	transfer 50000 true fastopen
	end_capture "$capture" fastopen.pcap
	# The SYN does carry data, or nothing is shown.
	[ -n "$(tshark -n -r fastopen.pcap -Y 'tcp.flags.syn == 1 && tcp.len > 0' 2>tshark.log)" ]
	delivers fastopen.pcap
}

@test "data with the SYN" {
	in_sandbox with_the_syn
}

watched() {
	capture server first live.pcap -s 128 tcp
	ip netns exec server timeout 30 "$liquidnet" analyze --live first --duration 8s >live.txt 2>live.log &
	local live=$!
	await live.txt packets
	transfer 300000
	wait "$live"
	end_capture "$capture" live.pcap
	grep -q 'mptcp v1' live.txt
	grep -q "delivered $(cut -d' ' -f1 got) bytes" live.txt
}

@test "an interface is watched while it carries a transfer" {
	in_sandbox watched
}
