#!/usr/bin/env bats
# The analyser against tshark, field by field, on captures of our own: MPTCP v1 of the stock kernel over two paths, with
# losses, between two nodes. Where definitions differ, the test says how and compares what both define.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

bats_require_minimum_version 1.5.0
load ../sandbox

setup() {
	sandbox_setup
	liquidnet=$programs/liquidnet
	documentation=$PWD/docs/analysis.md
	export liquidnet documentation
}

# Two nodes, two paths; the client's second address opens a subflow to the server's only advertised one, from its own path.
network() {
	local name path
	for name in client server; do
		ip netns add "$name"
		ip -n "$name" link set dev lo up
		ip netns exec "$name" sysctl -qw net.mptcp.enabled=1
		ip -n "$name" mptcp limits set subflow 2 add_addr_accepted 0
	done
	for path in 1 2; do
		ip link add "path$path" netns client type veth peer name "path$path" netns server
		ip -n client addr add "10.0.$path.1/24" dev "path$path"
		ip -n server addr add "10.0.$path.2/24" dev "path$path"
		for name in client server; do
			# A capture then shows the packets of the wire.
			ip netns exec "$name" ethtool -K "path$path" gso off tso off gro off >/dev/null
			ip -n "$name" link set dev "path$path" up
		done
	done
	ip -n client rule add from 10.0.2.1 table 2
	ip -n client route add default via 10.0.2.2 dev path2 table 2
	ip -n client mptcp endpoint add 10.0.2.1 dev path2 subflow
}

# One in a hundred of the packets with much data is lost on the way in. No SYN: a second later the transfer is over, before its
# second subflow began. And no small packet: iperf3 gives up when its parameters come in two pieces.
lossy() {
	local name
	for name in client server; do
		ip netns exec "$name" nft -f - <<-NFT
			table inet loss {
				chain in { type filter hook prerouting priority raw; meta l4proto tcp meta length > 500 numgen random mod 100 == 0 drop; }
			}
		NFT
	done
}

# transfer BYTES [iperf3 OPTION...]: by MPTCP
transfer() {
	local server
	: >server.log
	ip netns exec server mptcpize run iperf3 -s -1 --forceflush >server.log 2>&1 &
	server=$!
	await server.log 'Server listening'
	ip netns exec client timeout 40 mptcpize run iperf3 -c 10.0.1.2 -n "$1" "${@:2}" >client.log 2>&1
	wait "$server"
}

# What tshark says of each direction of each stream, one line: stream, source, port, packets, bytes, unique bytes (the union
# of the ranges that tshark shows), segments below the highest one, SACK packets, tokens named by joins.
tshark_directions() { # FILE
	tshark -n -r "$1" -Y tcp -T fields -E separator=';' -e tcp.stream -e ip.src -e tcp.srcport -e tcp.len -e tcp.seq_raw \
		-e tcp.flags.syn -e tcp.analysis.retransmission -e tcp.analysis.out_of_order -e tcp.analysis.keep_alive \
		-e tcp.options.sack_le -e tcp.window_size_value -e tcp.flags.reset -e tcp.flags.fin -e tcp.options.mptcp.recvtok 2>tshark.log |
		python3 -c '
import sys
rows = {}
for line in sys.stdin:
    stream, src, port, length, seq, syn, again, ooo, alive, sack, window, rst, fin, token = line.rstrip("\n").split(";")
    row = rows.setdefault((int(stream), src, port), dict(packets=0, bytes=0, ranges=[], below=0, sack=0, zero=0, tokens=set()))
    row["packets"] += 1
    row["bytes"] += int(length)
    if int(length):
        start = int(seq) + (syn in ("1", "True"))
        row["ranges"].append((start, start + int(length)))
    row["below"] += bool(again or ooo) and not alive and int(length) > 0
    row["sack"] += bool(sack)
    row["zero"] += int(window) == 0 and not any(f in ("1", "True") for f in (syn, rst, fin))
    if token:
        row["tokens"].add("%08x" % int(token, 0))
for (stream, src, port), row in sorted(rows.items()):
    unique = last = 0
    for start, end in sorted(row["ranges"]):
        unique += max(0, end - max(start, last))
        last = max(last, end)
    print(stream, src, port, row["packets"], row["bytes"], unique, row["below"], row["sack"], row["zero"],
          ",".join(sorted(row["tokens"])) or "-")'
}

# The same of ours: the subflow index counts first packets, as the stream of tshark does.
own_directions() { # FILE
	"$liquidnet" analyze --json "$1" | jq -r '
		.files[0].connections[].subflows[] | . as $s | (
			[$s.index, $s.client_address, $s.client_port, $s.forward] , [$s.index, $s.server_address, $s.server_port, $s.reverse]
		) | select(.[3].packets > 0) | . as [$i, $a, $p, $d]
		| [$i, $a, $p, $d.packets, $d.payload_bytes, $d.unique_bytes,
			$d.retransmitted_packets + $d.recovered_packets + $d.out_of_order_packets, $d.sack_packets, $d.zero_windows,
			(if $d == $s.forward then $s.join_token else null end) // "-"] | map(tostring) | join(" ")' | sort -s -n -k1,1 -k2,2 -k3,3
}

agree() { # FILE
	tshark_directions "$1" | sort -s -n -k1,1 -k2,2 -k3,3 >tshark.txt
	own_directions "$1" >own.txt
	[ -s own.txt ]
	diff tshark.txt own.txt >&2
}

# --- the tests ----------------------------------------------------------------------------------------------------

# Packets, bytes, unique bytes, segments below the highest one (tshark: retransmissions and out-of-order together; where the
# line between the two runs is a matter of definition: tshark takes 3 ms, we take timestamps), SACKs, zero windows, tokens.
tshark_agrees() {
	lossy
	capture server any both.pcap -s 128 tcp
	transfer 4M
	end_capture "$capture" both.pcap
	agree both.pcap
	# The data connection: MPTCP v1, two subflows on two paths, every byte once, were it behind a hole that no one filled: the
	# receiver may end the connection (fastclose) as soon as the sender says that it has done.
	"$liquidnet" analyze --json both.pcap >both.json
	jq -e '[.files[0].connections[] | select(.forward.delivered_bytes > 1e6)] | length == 1 and (.[0]
		| .protocol == "mptcp" and .version == 1 and (.fallback | not) and (.subflows | length) == 2
		and ([.subflows[].client_address] | sort) == ["10.0.1.1", "10.0.2.1"]
		and ([.subflows[].forward | .unique_bytes] | add) ==
			.forward.delivered_bytes + .forward.reinjected_bytes + .forward.undelivered_bytes
		and ([.subflows[].forward.unmapped_bytes] | add) == 0
		and .subflows[1].join_token == .token_server)' both.json >/dev/null || { jq -c '.files[0].connections[]' both.json >&2; return 1; }
	# Losses happened, or nothing was compared.
	awk '{ below += $7 } END { exit !(below > 0) }' own.txt
	# tshark computes the same token from the key that the server announced.
	local expected
	expected=$(tshark -n -r both.pcap -Y 'mptcp.expected_token' -T fields -e mptcp.expected_token 2>>tshark.log |
		tr ',' '\n' | sort -u | xargs -n 1 printf '%08x\n')
	jq -r '.files[0].connections[] | .token_client, .token_server' both.json | sort -u >own-tokens.txt
	[ -n "$expected" ]
	while read -r token; do grep -qx "$token" own-tokens.txt; done <<<"$expected"
}

@test "packets, bytes, retransmissions and tokens of an MPTCP transfer with losses agree with tshark" {
	in_sandbox tshark_agrees
}

reverse_and_plain() {
	capture server any both.pcap -s 128 tcp
	transfer 2M -R
	ip netns exec server timeout 30 socat -u TCP-LISTEN:7000,reuseaddr OPEN:received,creat &
	local listener=$!
	until ip netns exec server ss -Hltn 'sport = :7000' | grep -q .; do :; done
	head -c 300000 /dev/zero | ip netns exec client timeout 30 socat -u - TCP:10.0.1.2:7000
	wait "$listener"
	end_capture "$capture" both.pcap
	agree both.pcap
	"$liquidnet" analyze --json both.pcap >both.json
	# iperf3's own count of the reverse transfer; the plain connection to the byte, and without any MPTCP option.
	jq -e '[.files[0].connections[] | select(.protocol == "mptcp") | .reverse.delivered_bytes] | max >= 2097152' both.json
	jq -e '[.files[0].connections[] | select(.subflows[0].server_port == 7000)] | length == 1 and (.[0] |
		.protocol == "tcp" and (.mptcp_option_seen | not) and .forward.delivered_bytes == 300000
		and .subflows[0].ended == "fin" and .subflows[0].forward.unique_bytes == 300000)' both.json
}

@test "a reverse transfer and a plain TCP connection agree with tshark and with their programs" {
	in_sandbox reverse_and_plain
}

matched() {
	lossy
	capture client path1 a.pcap -s 100 ip
	local first=$capture
	capture server path1 b.pcap -s 100 ip
	# Slow enough that nothing is on its way for as long as the transfer takes: what left within the longest delay of the end is nobody's loss.
	transfer 2M -b 20M
	end_capture "$first" a.pcap
	end_capture "$capture" b.pcap
	"$liquidnet" analyze --match --json a.pcap b.pcap >match.json
	# The losses are behind the captures (on the way in): the link itself loses nothing, and takes microseconds.
	jq -e '.a_to_b.lost_packets == 0 and .b_to_a.lost_packets == 0 and .a_to_b.received_packets > 100
		and .a_to_b.delay.min_s >= 0 and .a_to_b.delay.p50_s < 0.01' match.json
	# A packet of A's that B's capture does not have is lost; one of B's own is only one that B's capture missed.
	without 10.0.1.1 b.pcap cut.pcap
	"$liquidnet" analyze --match --json a.pcap cut.pcap | jq -e '.a_to_b.lost_packets == 1 and .b_to_a.lost_packets == 0'
	without 10.0.1.2 b.pcap cut.pcap
	"$liquidnet" analyze --match --json a.pcap cut.pcap | jq -e --slurpfile whole match.json '.a_to_b.lost_packets == 0
		and .b_to_a.lost_packets == 0 and .a.outside_packets == $whole[0].a.outside_packets + 1'
}

# without ADDRESS FROM TO: the capture, but for the hundredth packet that ADDRESS sent.
without() {
	local number
	number=$(tshark -n -r "$2" -Y "ip.src == $1" -T fields -e frame.number 2>>tshark.log | sed -n 100p)
	[ -n "$number" ]
	tshark -n -r "$2" -Y "frame.number != $number" -w "$3" 2>>tshark.log
}

@test "two captures of one link match packet by packet" {
	in_sandbox matched
}

formats() {
	capture client path1 micro.pcap tcp
	local first=$capture
	capture client path1 nano.pcap --time-stamp-precision=nano tcp
	transfer 1M
	end_capture "$first" micro.pcap
	end_capture "$capture" nano.pcap
	editcap -F pcapng nano.pcap nano.pcapng
	mergecap -w mixed.pcapng micro.pcap nano.pcap
	local file field filter='[.files[0].connections[].subflows[] | .forward.unique_bytes, .reverse.unique_bytes] | add'
	for file in micro.pcap nano.pcap nano.pcapng; do
		"$liquidnet" analyze --json "$file" | jq -c "$filter"
	done >sums.txt
	"$liquidnet" analyze --json - <nano.pcap | jq -c "$filter" >>sums.txt
	[ "$(sort -u sums.txt | wc -l)" = 1 ]
	[ "$(wc -l <sums.txt)" = 4 ]
	# The table, CSV and the figure come out as well.
	"$liquidnet" analyze micro.pcap nano.pcapng >table.txt
	grep -q 'mptcp v1' table.txt
	[ "$("$liquidnet" analyze --csv micro.pcap | awk -F, '{ print NF }' | sort -u | wc -l)" = 1 ]
	"$liquidnet" analyze --plot figure.svg micro.pcap >/dev/null
	grep -q '</svg>' figure.svg
	"$liquidnet" analyze mixed.pcapng >/dev/null
	# Every field that JSON has is in the documentation.
	{
		"$liquidnet" analyze --json --step 100ms --window 0:1 micro.pcap
		"$liquidnet" analyze --match --json --step 100ms micro.pcap nano.pcap
	} | jq -r '[paths[] | strings] | unique[] | select(test("^[0-9]+$") | not)' | sort -u >fields.txt
	[ "$(wc -l <fields.txt)" -gt 100 ]
	while read -r field; do
		grep -qw -e "$field" "$documentation" || { echo "not documented: $field" >&2 && false; }
	done <fields.txt
}

@test "every format gives the same numbers; table, CSV and figure come out" {
	in_sandbox formats
}

outputs() {
	capture client path1 one.pcap tcp
	transfer 1M
	end_capture "$capture" one.pcap
	gzip -k one.pcap
	# Compressed, the same numbers; on two threads, the same bytes.
	"$liquidnet" analyze --csv one.pcap | cut -d, -f2- >plain.csv
	"$liquidnet" analyze --csv one.pcap.gz | cut -d, -f2- | diff plain.csv -
	"$liquidnet" analyze --threads 2 --csv one.pcap | cut -d, -f2- | diff plain.csv -
	# A bad file costs only the exit status.
	local status=0
	"$liquidnet" analyze --json nothere.pcap one.pcap >some.json 2>some.err || status=$?
	[ "$status" = 2 ]
	[ "$(wc -l <some.err)" = 1 ]
	jq -e '.files | length == 1 and .[0].path == "one.pcap"' some.json
	# Selections.
	"$liquidnet" analyze --json --filter 'src host 10.0.1.1' one.pcap |
		jq -e '.files[0] | .left_out_packets > 0 and ([.connections[].subflows[] | .reverse.packets] | add) == 0'
	"$liquidnet" analyze --json --connection 1 one.pcap | jq -e '.files[0].connections | length == 1 and .[0].index == 1'
	"$liquidnet" analyze --json --span 0:0.001 one.pcap | jq -e '.files[0].left_out_packets > 0'
	# Every packet of a connection; its figure; a page.
	"$liquidnet" analyze --connection 1 --graph one.csv one.pcap >/dev/null
	head -n 1 one.csv | grep -q '^time_s,subflow,direction,sequence'
	[ "$(($(wc -l <one.csv) - 1))" = "$("$liquidnet" analyze --json --connection 1 one.pcap |
		jq '[.files[0].connections[0].subflows[] | .forward.packets, .reverse.packets] | add')" ]
	"$liquidnet" analyze --graph one.svg one.pcap >/dev/null
	grep -q '</svg>' one.svg
	"$liquidnet" analyze --html one.html one.pcap
	grep -q '</svg>' one.html
	grep -q '</html>' one.html
	fails "$liquidnet" analyze --plot /nonexistent/x.svg one.pcap >/dev/null
	fails "$liquidnet" analyze --graph x.svg - <one.pcap >/dev/null
}

@test "compressed files, selections, graphs, a page; a bad file does not cost the others" {
	in_sandbox outputs
}

@test "bad input is one line and exit status 2" {
	cd "$work"
	echo "no capture" >text
	local arguments
	for arguments in "" "nonexistent.pcap" "text" "--json --csv text" "--step 5 text" "--window 3:1 text" "--match text" "--nonsense" \
		"--span 2:1 text" "--threads 3 text" "--connection x text" "--filter nonsense text"; do
		# shellcheck disable=SC2086 # words are wanted
		run --separate-stderr "$liquidnet" analyze $arguments
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" = 1 ]
	done
}
