#!/usr/bin/env bats
# The load balancer for longer: a thousand random changes of servers and muxes under load, and a flood of SYNs.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load lb

setup() {
	sandbox_setup
	command -v nginx >/dev/null || skip "needs nginx"
	export vip
	export limit=560
}

# download FILE: again and again until there is a file `stop`; every one must be whole
download_on() {
	local n=0
	while [ ! -e stop ]; do
		ip netns exec client curl -sS --fail --max-time 60 -o /dev/null -w '%{size_download}\n' "http://$vip/big" >>"$1" 2>>"$1.log" || echo broken >>"$1"
		n=$((n + 1))
	done
}

# A change that the map refuses (a server that is there already, the last one) is none, and is drawn again.
random_change() {
	local server=s$((RANDOM % 4 + 1)) mux
	case $((RANDOM % 8)) in
	0 | 1 | 2) lb drain "$server" ;;
	3 | 4 | 5) lb undrain "$server" ;;
	6) # a mux dies without a word, and comes back with nothing
		mux=m$((RANDOM % 2 + 1))
		ecmp m$((3 - ${mux#m}))
		stop_daemon "$mux"
		start_mux "$mux"
		ecmp m1 m2
		;;
	7) # an agent is killed and comes back
		local pid=pid_$server
		kill -KILL "${!pid}"
		wait "${!pid}" || true
		start_agent "$server"
		;;
	esac
}

thousand_changes() {
	local changes=0 i
	RANDOM=2015
	lb --vip "$vip" --tokens 4096 init
	for name in s1 s2 s3 s4; do
		lb add "$name" "10.9.2${name#s}.2" >/dev/null
		start_nginx "$name"
		start_agent "$name"
	done
	start_mux m1
	start_mux m2
	for ((i = 0; i < 40; i++)); do download_on "loop-$i" & loops[i]=$!; done
	ip netns exec client wrk -t1 -c100 -d500s "http://$vip/" >wrk.out 2>&1 &
	load=$!
	while [ "$changes" -lt 1000 ]; do
		if random_change >/dev/null 2>&1; then changes=$((changes + 1)); fi
	done
	touch stop
	wait "${loops[@]}"
	kill -INT "$load"
	wait "$load" || true
	cat loop-*[0-9] | sort | uniq -c >outcome
	cat outcome wrk.out >&3
	[ "$(awk '{print $2}' outcome)" = 1000000 ]
	fails grep -q 'Socket errors' wrk.out
	for name in s1 s2 s3 s4; do [ "$(status "$name" '.packets.looped + .packets.expired + .packets.failed')" = 0 ]; done
	[ "$(for name in s1 s2 s3 s4; do status "$name" .packets.handed_on; done | awk '{s += $1} END {print (s > 10000)}')" = 1 ]
}

@test "a thousand random changes of servers, muxes and agents under load: no connection is broken" {
	in_sandbox thousand_changes
}

# kibibytes of a process, and of all BPF maps
memory() { awk '/VmRSS/ {print $2}' "/proc/$1/status"; }

flood() {
	local before sent
	lb --vip "$vip" init
	for name in s1 s2; do
		lb add "$name" "10.9.2${name#s}.2" >/dev/null
		start_nginx "$name"
		start_agent "$name"
	done
	start_mux m1
	start_mux m2
	for ((i = 0; i < 50; i++)); do fetch name; done >/dev/null
	before=$(memory "$pid_m1")
	# SYNs from a million random addresses; their answers go nowhere.
	ip -n router route add blackhole 11.0.0.0/8
	ip netns exec client timeout 10 python3 - >flood.log 2>&1 <<-'END' &
		import random, socket, struct
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		def checksum(data):
		    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
		    while total >> 16:
		        total = (total & 0xffff) + (total >> 16)
		    return ~total & 0xffff
		vip, count = socket.inet_aton("10.9.100.1"), 0
		while True:
		    source = bytes([11]) + random.randbytes(3)
		    tcp = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), 80, random.getrandbits(32), 0, 5 << 4, 2, 65535, 0, 0)
		    check = checksum(source + vip + struct.pack("!HH", 6, len(tcp)) + tcp)
		    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
		    s.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, vip) + tcp, ("10.9.100.1", 0))
		    count += 1
	END
	flooder=$!
	until_is true status s1 '.packets.delivered > 20000'
	for ((i = 0; i < 100; i++)); do fetch name; done | sort | uniq -c >served
	# Connections behind cookies move as well.
	lb drain s1
	settled m1 m2 s1 s2
	for ((i = 0; i < 20; i++)); do fetch name; done >>served.after
	wait "$flooder" || [ $? = 124 ]
	[ "$(awk '{s += $1} END {print s}' served)" = 100 ]
	[ "$(sort -u served.after)" = s2 ]
	sent=$(status m1 '.packets.forwarded')
	[ "$sent" -gt 20000 ]
	[ "$(status m1 '[.packets | to_entries[] | select(.key != "forwarded") | .value] | add')" = 0 ]
	[ "$(status s1 .packets.cookies)" -gt 0 ]
	[ "$(memory "$pid_m1")" -le $((before + 512)) ]
}

@test "a flood of SYNs from random sources: connections are made all the same, the mux's memory does not move" {
	in_sandbox flood
}
