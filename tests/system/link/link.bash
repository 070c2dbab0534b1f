# What the tests of the link daemon share: a network of its own, three nodes in a row, a (10.0.1.1) -- b (10.0.1.2, 10.0.2.2) --
# c (10.0.2.1), plain veth pairs; the daemon, its control socket, traffic. Every wait is for an event (a line, an answer, the end of a
# process) or a condition asked for again, and has a limit.
# shellcheck shell=bash
# shellcheck disable=SC2154 # sandbox.bash sets programs, work, slow

setup() {
	sandbox_setup
	link_program=$programs/liquidnet-link
	export link_program
}

network() {
	local name
	for name in a b c; do
		ip netns add "$name"
		ip -n "$name" link set dev lo up
	done
	pair a 10.0.1.1/24 b 10.0.1.2/24
	pair c 10.0.2.1/24 b 10.0.2.2/24
	ip -n a addr add fd00::1/64 dev a-b nodad
	ip -n b addr add fd00::2/64 dev b-a nodad
}

pair() { # NODE ADDRESS NODE ADDRESS
	cable "$1" "$1-$3" "$2" "$3" "$3-$1" "$4"
}

# --- the daemon ---------------------------------------------------------------------------------------------------

# yaml NAME NODE NODE SETTING...: one link
yaml() {
	printf '  - name: %s\n    ends: [{namespace: %s, interface: %s}, {namespace: /run/netns/%s, interface: %s}]\n' \
		"$1" "$2" "$2-$3" "$3" "$3-$2"
	printf '    %s\n' "${@:4}"
}

# start_link YAML [PREFIX...]: the daemon with these links; returns when it is READY. Its pid is in $daemon, what it says from now on
# in link.log.
start_link() {
	local line
	printf 'links:\n%s\n' "$1" >link.yaml
	[ -p ready ] || mkfifo ready
	exec {ready}<>ready
	: >link.log
	"${@:2}" "$link_program" --config link.yaml --control "$work/control" --ready-fd 9 9>ready 2>>link.log &
	daemon=$!
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

stop_link() {
	kill -TERM "$daemon"
	wait "$daemon"
}

control() { ask "$work/control" "$@"; } # COMMAND...: the answer

status() { # JQ-FILTER: one value of the status
	control status | jq -r "$1"
}

# What a node's interfaces and their queues look like, without counters.
appearance() { # NODE INTERFACE
	ip -n "$1" -d -j link show | jq '[.[] | del(.stats, .stats64)]'
	tc -n "$1" qdisc show
	tc -n "$1" filter show dev "$2" egress | sed 's/\bid [0-9]*//'
	inside "$1" ethtool -k "$2" | grep -v fixed
}

offloads() { # those of the first link's first end
	inside a ethtool -k a-b
	ip -n a -d -j link show dev a-b | jq '.[0].gso_max_segs'
}

# --- traffic ------------------------------------------------------------------------------------------------------

# goodput NODE SERVER-NODE ADDRESS OPTION...: in Mbit/s at the receiver
goodput() {
	local out=iperf-$1-$2 server
	: >"$out.log"
	ip netns exec "$2" iperf3 -s -1 --forceflush >"$out.log" 2>&1 &
	server=$!
	await "$out.log" "Server listening"
	inside "$1" timeout 30 iperf3 -c "$3" -J "${@:4}" >"$out.json"
	wait "$server"
	jq -r '.end.sum_received.bits_per_second / 1e6' "$out.json"
}

# steady_goodput FROM TO ADDRESS [OPTION...]: the same as the receiver's median second, without its beginning, in which the windows
# open, and its end, at which it stops reading.
steady_goodput() {
	goodput "$@" >/dev/null
	sed -n 's,.*sec .*Bytes *\([0-9.]*\) Mbits/sec *$,\1,p' "iperf-$1-$2.log" | sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'
}

# steady_within LOW HIGH NODE SERVER-NODE ADDRESS [OPTION...]: the steady goodput is. What was measured while the daemon itself
# says that the machine kept it waiting is measured again, twice at most.
steady_within() {
	local mbps stalls
	for _ in 1 2 3; do
		stalls=$(status .stalls.count)
		mbps=$(steady_goodput "${@:3}" -t 4)
		if between "$1" "$mbps" "$2" || [ "$(status .stalls.count)" = "$stalls" ]; then
			break
		fi
	done
	between "$1" "$mbps" "$2"
}

# round_trip NODE ADDRESS: in microseconds, median of 21 connections to a port where nobody listens: a SYN, a RST.
round_trip() {
	inside "$1" timeout 20 python3 -c '
import socket, statistics, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
times = []
for _ in range(21):
    with socket.socket(family) as s:
        s.settimeout(5)
        before = time.monotonic_ns()
        if s.connect_ex((sys.argv[1], 9)) == 0:
            sys.exit("somebody listens")
        times.append((time.monotonic_ns() - before) // 1000)
print(int(statistics.median(times)))' "$2"
}

# Datagrams alone on the link: neighbours known, IPv6 off, so that the n-th packet is the n-th datagram.
quiet() {
	local mac
	inside a sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	inside b sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	mac=$(ip -n b -j link show dev b-a | jq -r '.[0].address')
	ip -n a neigh replace 10.0.1.2 lladdr "$mac" dev a-b nud permanent
}

# receive: what arrives in b is in the file `got`. Its buffer (SO_RCVBUFFORCE) holds all that a test sends, whatever rmem_max is: a
# receiver that is slower than the sender loses nothing.
receive() {
	rm -f got receiver.log
	ip netns exec b socat -d -d -u "UDP4-RECV:9999,setsockopt-listen=1:33:i$((16 << 20))" CREATE:got 2>receiver.log &
	receiver=$!
	await receiver.log "starting data transfer"
}

# send COUNT: numbered datagrams from a to b, as fast as it can
send() {
	# shellcheck disable=SC2016
	inside a bash -c 'exec 3>/dev/udp/10.0.1.2/9999; for ((i = 1; i <= $1; i++)); do echo "$i" >&3; done' - "$1"
}

# received COUNT: waits until so many have come, and ends the receiver.
received() {
	until_is "$1" lines got
	kill "$receiver"
	wait "$receiver" || true
}

# datagrams COUNT: numbered ones from a to b; those that arrive are in the file `got`.
datagrams() {
	receive
	send "$1"
	until_is "$1 0" status '.links[0].forward | "\(.packets) \(.queue.held)"'
	received "$(status '.links[0].forward.sent_packets')"
}

differ() {
	if cmp -s "$1" "$2"; then
		echo "$1 and $2 are the same"
		return 1
	fi
}

lines() {
	wc -l <"$1"
}

# What the receiver's interface sees has whole checksums, though the sender leaves them to its device; without the
# daemon this very check finds wrong ones.
wrong_checksums() {
	: >wire.log
	ip netns exec b tcpdump -i b-a -c 30 -vvv -n -l tcp >wire.txt 2>wire.log &
	local capture=$!
	await wire.log "listening on"
	goodput a b 10.0.1.2 -n 300K >/dev/null
	wait "$capture"
	[ "$(grep -c 'cksum 0x' wire.txt)" = 30 ]
	grep -c 'incorrect' wire.txt || true
}
