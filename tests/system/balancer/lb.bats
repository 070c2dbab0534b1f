#!/usr/bin/env bats
# The load balancer with real servers (nginx) and clients: muxes, agents, the control tool.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load lb

setup() {
	sandbox_setup
	command -v nginx >/dev/null || skip "needs nginx"
	export vip
}

# first_map SERVER...: with these servers
first_map() {
	local name
	lb --vip "$vip" init
	for name; do lb add "$name" "10.9.2${name#s}.2"; done >/dev/null
}

serves() {
	local name
	first_map s1 s2 s3
	for name in s1 s2 s3; do start_nginx "$name"; start_agent "$name"; done
	start_mux m1
	start_mux m2
	has_rights "$pid_m1" net_admin bpf perfmon
	has_rights "$pid_s1" net_admin bpf perfmon
	for ((i = 0; i < 60; i++)); do fetch name; done | sort | uniq -c >names
	[ "$(wc -l <names)" = 3 ]
	for name in m1 m2; do
		[ "$(status "$name" .path)" = native ]
		[ "$(status "$name" .packets.forwarded)" -gt 0 ]
		[ "$(status "$name" '[.packets | to_entries[] | select(.key != "forwarded") | .value] | add')" = 0 ]
	done
	# Answers do not pass the muxes: what they forward has no more bytes than requests have.
	fetch big >big.out
	[ "$(stat -c %s big.out)" = 1000000 ]
	[ $(($(status m1 '[.servers[].bytes] | add') + $(status m2 '[.servers[].bytes] | add'))) -lt 200000 ]
	[ "$(status s1 .packets.orphaned)" = 0 ]
	# Large segments from the client have room for the mux's header.
	head -c 3000000 /dev/zero >upload
	fetch -o /dev/null -T upload sink
	[ "$(status s1 .packets.clamped)" -gt 0 ]
	[ $(($(status m1 .packets.too_big) + $(status m2 .packets.too_big))) = 0 ]
}

@test "requests to the VIP are served by all servers, answers return directly" {
	in_sandbox serves
}

# downloads N: that many at once, some seconds long, each checked to its last byte; waits for them to have begun
downloads() {
	local i urls=()
	for ((i = 0; i < $1; i++)); do urls+=(-o "down-$i" "http://$vip/big"); done
	ip netns exec client curl -sS --no-progress-meter --fail --parallel --parallel-immediate --parallel-max "$1" --max-time 40 \
		-w '%{size_download} %{exitcode}\n' "${urls[@]}" >downloads.out 2>downloads.log &
	downloads=$!
	until_is "$1" connections
}

connections() { # established on all servers
	local name
	for name in s1 s2 s3 s4; do ip netns exec "$name" ss -Htn state established "sport = 80"; done | wc -l
}

downloads_are_whole() { # N
	wait "$downloads"
	[ "$(grep -c '^1000000 0$' downloads.out)" = "$1" ]
	sed '/^DL%/d; /^--/d' downloads.log | fails grep -q "curl:"
}

# Tokens move four times under running downloads: from s1 and s2 to s3 and s4, back, and away again.
scales() {
	local name
	first_map s1 s2
	for name in s1 s2 s3 s4; do start_nginx "$name"; start_agent "$name"; done
	start_mux m1
	start_mux m2
	downloads 60
	lb add s3 10.9.23.2 | jq -e '.moved > 0'
	settled m1 m2 s1 s2 s3 s4
	lb drain s1
	lb add s4 10.9.24.2
	fetch name
	lb drain s2
	settled m1 m2 s1 s2 s3 s4
	[ "$(lb show | jq -c '[.servers[] | select(.name == "s1" or .name == "s2") | .tokens]')" = "[0,0]" ]
	lb undrain s1
	lb drain s3
	settled m1 m2 s1 s2 s3 s4
	for ((i = 0; i < 40; i++)); do fetch name; done | sort | uniq -c | awk '{print $2}' | xargs >names
	[ "$(cat names)" = "s1 s4" ]
	downloads_are_whole 60
	[ "$(for name in s1 s2 s3 s4; do status "$name" .packets.handed_on; done | awk '{s += $1} END {print (s > 60)}')" = 1 ]
	[ "$(for name in s1 s2 s3 s4; do status "$name" '.packets.orphaned + .packets.expired'; done | xargs)" = "0 0 0 0" ]
}

@test "servers come, go and come back under running downloads: none is broken" {
	in_sandbox scales
}

# The control: without history the same change breaks connections, so the test above can fail.
breaks_without_history() {
	lb --vip "$vip" --history 0 init
	lb add s1 10.9.21.2
	for name in s1 s2; do start_nginx "$name"; start_agent "$name"; done
	start_mux m1
	start_mux m2
	downloads 20
	lb add s2 10.9.22.2
	lb drain s1
	settled m1 m2 s1 s2
	wait "$downloads" || true
	[ "$(grep -c '^1000000 0$' downloads.out)" = 0 ]
}

@test "without the history of tokens the same changes break every download" {
	in_sandbox breaks_without_history
}

restarts() {
	local former
	first_map s1
	for name in s1 s2; do start_nginx "$name"; start_agent "$name"; done
	start_mux m1
	start_mux m2
	downloads 30
	lb add s2 10.9.22.2
	lb drain s1
	settled m1 m2 s1 s2
	former=$(status s2 .packets.handed_on)
	# Killed: the programs in the kernel go on. Started again: the new process takes over what they know.
	kill -KILL "$pid_s2" "$pid_m1"
	wait "$pid_s2" "$pid_m1" || true
	ip netns exec s2 tc filter show dev e0 ingress | grep -q lqn_agent_in
	start_agent s2
	start_mux m1
	[ "$(status s2 .adopted)" = true ]
	[ "$(status s2 .packets.handed_on)" -ge "$former" ]
	kill -HUP "$pid_s2"
	# A mux goes altogether: the others take its packets, wherever they belong.
	stop_daemon m2
	ecmp m1
	downloads_are_whole 30
	[ "$(ip netns exec m2 ip -d link show dev e0 | grep -c xdp)" = 0 ]
	stop_daemon s2
	[ -z "$(ip netns exec s2 tc qdisc show dev e0 clsact)" ]
	[ -z "$(ip netns exec s2 tc filter show dev e0 ingress)" ]
	# What others have put on the hook meanwhile stays, and so does the hook.
	tc -n s1 filter add dev e0 egress protocol ip prio 7 u32 match u32 0 0 classid 1:1
	stop_daemon s1
	[ -z "$(tc -n s1 filter show dev e0 ingress)" ]
	[ "$(tc -n s1 filter show dev e0 egress | grep -c 'flowid 1:1')" = 1 ]
	[ "$(tc -n s1 filter show dev e0 egress | grep -c lqn_agent)" = 0 ]
}

@test "an agent killed and started again, a mux killed, a mux gone: connections stay; a stop leaves nothing behind" {
	in_sandbox restarts
}

# refused_beside STATUS MESSAGE NODE PROGRAM OPTION...: another daemon with the first one's configuration
refused_beside() {
	local code=0
	ip netns exec "$3" timeout 20 "$programs/liquidnet-$4" --config "$3.yaml" "${@:5}" 2>second.log || code=$?
	[ "$code" = "$1" ]
	grep -q "$2" second.log
}

attached() { # what the kernel has of mux and agent
	ip netns exec m1 ip -d link show dev e0 | grep -o 'prog/xdp id [0-9]*'
	ip netns exec s1 tc filter show dev e0 ingress
	ip netns exec s1 tc filter show dev e0 egress
}

beside_another() {
	first_map s1
	start_nginx s1
	start_agent s1
	start_mux m1
	ecmp m1
	attached >before
	refused_beside 2 'another daemon answers there' m1 mux --control "$work/m1.control"
	refused_beside 1 'another liquidnet-balancer-mux serves interface e0' m1 mux --control "$work/other.control"
	refused_beside 2 'another daemon answers there' s1 agent --control "$work/s1.control"
	refused_beside 1 'another liquidnet-balancer-agent serves interface e0' s1 agent
	attached | diff before -
	[ "$(wc -l <before)" -ge 3 ]
	[ "$(fetch name)" = s1 ]
	[ "$(status m1 .path)" = native ]
}

@test "a second mux or agent on the interface is refused, and what the first has installed stays" {
	in_sandbox beside_another
}

other_paths() {
	local code=0
	first_map s1 s2
	for name in s1 s2; do start_nginx "$name"; start_agent "$name"; done
	# A process that may not load programs takes the packet socket by itself, and says so.
	start_daemon m1 m1 mux "$(printf '%s\n' "interface: e0" "map: $work/lb.map")" \
		setpriv --bounding-set -bpf,-sys_admin,-perfmon --inh-caps -bpf,-sys_admin,-perfmon
	[ "$(status m1 .path)" = socket ]
	grep -q 'event=path.*path=native.*problem=' m1.log
	ip -n m1 route show "$vip" | grep -q blackhole
	# It would not have the flow table that is asked for.
	printf '%s\n' "interface: e0" "map: $work/lb.map" "flow_table: 100" >flows.yaml
	ip netns exec m2 setpriv --bounding-set -bpf,-sys_admin,-perfmon --inh-caps -bpf,-sys_admin,-perfmon \
		timeout 20 "$programs/liquidnet-balancer-mux" --config flows.yaml 2>flows.log || code=$?
	[ "$code" = 1 ]
	grep -q 'event=path.*path=socket problem="the packet socket has no flow table' flows.log
	[ -z "$(ip -n m2 route show "$vip")" ]
	start_mux m2 "path: generic" "forward: kernel"
	downloads 20
	lb drain s1
	settled m1 m2 s1 s2
	for ((i = 0; i < 30; i++)); do fetch name; done | sort -u >names
	[ "$(cat names)" = s2 ]
	head -c 2000000 /dev/zero >upload
	fetch -o /dev/null -T upload sink
	downloads_are_whole 20
	for name in m1 m2; do
		[ "$(status "$name" .packets.forwarded)" -gt 30 ]
		[ "$(status "$name" '[.packets | to_entries[] | select(.key != "forwarded") | .value] | add')" = 0 ]
	done
	stop_daemon m1
	[ -z "$(ip -n m1 route show "$vip")" ]
	stop_daemon m2
	ecmp m2
	start_mux m2 "path: native" "forward: hairpin"
	# A frame sent back needs a program at the other end of a veth pair.
	ip -n router link set dev r-m2 xdp off 2>/dev/null || true
	[ "$(status m2 .path)" = native ]
}

@test "the other paths: a packet socket where BPF is refused, generic XDP by way of the kernel" {
	in_sandbox other_paths
}

# A map that cannot be had changes nothing: here the route of its address, which a program in `ip`'s place refuses.
socket_keeps() {
	first_map s1
	start_nginx s1
	start_agent s1
	mkdir bin
	printf '%s\n' '#!/bin/sh' 'case "$*" in *replace*10.9.100.2*) echo refused; exit 2 ;; esac' "exec $(command -v ip) \"\$@\"" >bin/ip
	chmod +x bin/ip
	start_daemon m1 m1 mux "$(printf '%s\n' "interface: e0" "map: $work/lb.map" "path: socket")" env "PATH=$work/bin:$PATH"
	ecmp m1
	sed "s/$vip/10.9.100.2/; s/^generation .*/generation 9/" lb.map >other.map
	control m1 map "$work/other.map" | jq -e '.ok == false and (.error | contains("refused"))'
	ip -n m1 route show "$vip" | grep -q blackhole
	has_rights "$pid_m1" net_admin net_raw
	[ "$(status m1 .vip) $(status m1 .generation)" = "$vip 2" ]
	[ "$(fetch name)" = s1 ]
	# One that can be had is taken, and the old one's route goes.
	sed "s/$vip/10.9.100.3/; s/^generation .*/generation 10/" lb.map >other.map
	control m1 map "$work/other.map" | jq -e .ok
	ip -n m1 route show 10.9.100.3 | grep -q blackhole
	[ -z "$(ip -n m1 route show "$vip")" ]
	stop_daemon m1
	[ -z "$(ip -n m1 route show proto 188)" ]
}

@test "the packet socket keeps its map, route and all, when the next cannot be had" {
	in_sandbox socket_keeps
}

refuses() { # MESSAGE YAML PROGRAM
	local code=0
	printf '%b' "$2" >bad.yaml
	ip netns exec m1 "$programs/liquidnet-balancer-$3" --config bad.yaml 2>bad.err || code=$?
	[ "$code" = 2 ]
	[ "$(wc -l <bad.err)" = 1 ]
	grep -q "^liquidnet-balancer-$3: bad.yaml:$1" bad.err
}

bad_configurations() {
	local code=0
	first_map s1
	refuses "1: no interface" "interface: nowhere\nmap: $work/lb.map\n" mux
	refuses "3: .path: not. is not known; write auto, native, generic or socket" "interface: e0\nmap: x\npath: not\n" mux
	refuses "3: unknown key .pth." "interface: e0\nmap: x\npth: auto\n" mux
	refuses "4: .*flow table" "interface: e0\nmap: x\npath: socket\nflow_table: 5\n" mux
	refuses "1: .*ports" "interface: e0\naddress: 10.9.21.2\nmap: $work/lb.map\n" agent
	refuses "4: no port" "interface: e0\naddress: 10.9.21.2\nmap: x\nports: [0]\n" agent
	refuses "2: .10.9.21. is no IPv4" "interface: e0\naddress: 10.9.21\nmap: x\nports: [1]\n" agent
	printf 'interface: e0\nmap: %s\n' "$work/none.map" >bad.yaml
	ip netns exec m1 "$programs/liquidnet-balancer-mux" --config bad.yaml 2>bad.err || code=$?
	[ "$code" = 2 ]
	grep -q 'no map is there; make one' bad.err
	ip -n m1 -d link show dev e0 | grep -c xdp && return 1
	# A map that is wrong changes nothing; the next that is right does.
	start_mux m1
	cp lb.map good.map
	echo nonsense >lb.map
	await m1.log 'event=map-refused.*lb.map:1'
	[ "$(status m1 .generation)" = 2 ]
	cp good.map lb.map
	lb add s2 10.9.22.2
	until_is 3 status m1 .generation
	control m1 map "$work/good.map" | jq -e '.generation == 2'
	control m1 map "$work/none.map" | jq -e '.ok == false'
	for words in "add s1 10.9.21.9" "add x 10.9.100.1" "drain s9" "remove s9" "port 0 s1" "port 81 s9" "init"; do
		# shellcheck disable=SC2086
		fails lb $words 2>refused
		[ "$(wc -l <refused)" = 1 ]
	done
	fails lb frobnicate 2>refused
}

@test "bad configurations, maps and commands are one line each, and change nothing" {
	in_sandbox bad_configurations
}

java_path() {
	printf '%s:' /usr/share/java/{zookeeper,zookeeper-jute,slf4j-api,slf4j-simple,netty-{buffer,codec,common,handler,resolver,transport},commons-cli,snappy-java,jackson-{core,databind,annotations},metrics-core}*.jar
}

start_keeper() {
	ip netns exec s4 java -Xmx128m -cp "$(java_path)" org.apache.zookeeper.server.ZooKeeperServerMain "$work/zoo.cfg" >zk.log 2>&1 &
	keeper=$!
	until_is 1 ip netns exec s4 sh -c 'ss -Hltn "sport = 2181" | grep -c .'
}

# As the paper had it: the map in a ZooKeeper node. The server is reached over the router.
zookeeper() {
	local map=zk://10.9.24.2:2181/liquidnet/lb line
	export map
	mkdir zk
	printf '%s\n' "dataDir=$work/zk" clientPort=2181 admin.enableServer=false maxClientCnxns=0 >zoo.cfg
	start_keeper
	in_s4() { ip netns exec s4 "$programs/liquidnet-balancer-ctl" --map zk://127.0.0.1:2181/liquidnet/lb --json ${secret:+--secret "$secret"} "$@"; }
	local secret=
	fails in_s4 show 2>missing
	grep -q 'no map is there' missing
	# Not open to anybody unless one says so.
	fails in_s4 --vip "$vip" init 2>open
	grep -q 'whoever reaches the servers could change the map: name a secret (--secret FILE), or say --open' open
	(umask 077 && echo balancer:a-secret >"$work/secret" && echo balancer:a-guess >"$work/guess")
	secret=$work/secret
	chmod 640 "$secret"
	fails in_s4 --vip "$vip" init 2>open
	grep -q 'others may read it; chmod 600 it' open
	chmod 600 "$secret"
	in_s4 --vip "$vip" --tokens 1000 init
	fails in_s4 --vip "$vip" init 2>again
	for secret in "" "$work/guess"; do
		fails in_s4 add s1 10.9.21.2 2>stranger
		grep -q 'not authenticated; name the secret that it was made with' stranger
		in_s4 show | jq -e '.generation == 1' # reading needs none
	done
	secret=$work/secret
	for name in s1 s2; do start_nginx "$name"; start_agent "$name"; done
	start_mux m1
	start_mux m2
	[ "$(status m1 .generation)" = 1 ]
	# Threads of the client library have no rights at all.
	has_rights "$pid_m1" net_admin bpf perfmon
	rights "$pid_m1" | grep -qx '0000000000000000 0000000000000000 1 2 '
	# Two writers at once: neither change is lost.
	in_s4 add s1 10.9.21.2 & line=$!
	in_s4 add s2 10.9.22.2
	wait "$line"
	for name in m1 m2 s1 s2; do until_is 3 status "$name" .generation; done
	downloads 20
	in_s4 drain s1
	for name in m1 m2 s1 s2; do until_is 4 status "$name" .generation; done
	# Without ZooKeeper the balancer goes on by what it knows; with it back, it hears of changes again.
	kill -KILL "$keeper"
	wait "$keeper" || true
	await m1.log 'problem="not connected"'
	[ "$(fetch name)" = s2 ]
	start_keeper
	until_is 4 in_s4_generation
	in_s4 undrain s1
	for name in m1 m2 s1 s2; do until_is 5 status "$name" .generation; done
	downloads_are_whole 20
	# A node that is deleted and made again is seen.
	zookeeper_says() { ip netns exec s4 java -Xmx128m -cp "$(java_path)" org.apache.zookeeper.ZooKeeperMain -server 127.0.0.1:2181 >delete.log 2>&1; }
	echo 'delete /liquidnet/lb' | zookeeper_says || :
	in_s4 show | jq -e '.generation == 5' # a stranger cannot
	printf '%s\n' 'addauth digest balancer:a-secret' 'delete /liquidnet/lb' | zookeeper_says || :
	for name in m1 m2 s1 s2; do await "$name.log" 'event=map-refused.*no map is there'; done
	in_s4 --vip "$vip" --tokens 1000 init
	for name in m1 m2 s1 s2; do until_is 1 status "$name" .generation; done
	in_s4 add s2 10.9.22.2
	for name in m1 m2 s1 s2; do until_is 2 status "$name" .generation; done
}

in_s4_generation() {
	in_s4 show 2>/dev/null | jq .generation
}

@test "the map in ZooKeeper" {
	[ -e /usr/share/java/zookeeper.jar ] && command -v java >/dev/null || skip "needs Debian's libzookeeper-java and a Java"
	in_sandbox zookeeper
}

# Packets of no connection, to every token, ten a second each: they are answered with a reset, and keep no former owner alive.
strays() {
	/usr/bin/python3 - "$1" <<-'END'
		import os, random, socket, struct, sys
		sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
		listener.settimeout(0.01)
		def checksum(data):
		    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
		    while total >> 16:
		        total = (total & 0xffff) + (total >> 16)
		    return ~total & 0xffff
		client, vip = (socket.inet_aton(a) for a in ("10.9.0.2", "10.9.100.1"))
		def send(source):
		    tcp = struct.pack("!HHIIBBHHH", random.randrange(1024, 32768), 80, 1, 1, 5 << 4, 16, 65535, 0, 0)
		    check = checksum(source + vip + struct.pack("!HH", 6, len(tcp)) + tcp)
		    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
		    sender.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, source, vip) + tcp, ("10.9.100.1", 0))
		resets = 0
		while os.getppid() == int(sys.argv[1]): # until the test has ended
		    send(client)
		    send(vip)
		    try:
		        packet = listener.recv(2048)
		    except TimeoutError:
		        continue
		    if packet[12:16] == vip and len(packet) >= 34 and packet[33] & 4:
		        resets += 1
		        if resets == 20:
		            print("reset", flush=True)
	END
}

only_what_lives() {
	lb --vip "$vip" --tokens 20 init
	lb add s1 10.9.21.2
	for name in s1 s2; do start_nginx "$name"; start_agent "$name" "idle: 2s"; done
	start_mux m1
	start_mux m2
	for ((i = 0; i < 3; i++)); do
		ip netns exec client curl -sS --fail --max-time 40 --limit-rate 100k -o "slow-$i" "http://$vip/big" 2>"curl-$i.log" &
		clients[i]=$!
	done
	until_is 3 connections
	lb add s2 10.9.22.2
	lb drain s1
	settled m1 m2 s1 s2
	[ "$(status s2 .former_owners.live)" = 20 ]
	export -f strays
	ip netns exec client bash -c 'strays $$' >strays.out 2>strays.log &
	stray=$!
	await strays.out reset
	until_is true status s2 '.former_owners.live <= 3'
	# The downloads are still there, and so are the former owners of their tokens.
	[ "$(connections)" = 3 ]
	[ "$(status s2 .former_owners.live)" -ge 1 ]
	for client in "${clients[@]}"; do wait "$client"; done
	[ "$(cat slow-? | wc -c)" = 3000000 ]
	until_is 0 status s2 .former_owners.live
	[ "$(status s1 .packets.refused)" -gt 20 ]
	[ $(($(status m1 .packets.source) + $(status m2 .packets.source))) -gt 20 ]
	[ "$(status s1 .packets.source) $(status s2 .packets.source)" = "0 0" ]
	kill -KILL "$stray"
}

@test "a former owner is forgotten when no connection of it lives, whatever strays" {
	in_sandbox only_what_lives
}

# A client with two addresses; servers that have the VIP themselves and announce it with a port of their own, which the
# muxes give to that server whatever the token.
second_address() {
	cable client e1 10.9.3.2/24 router r-client2 10.9.3.1/24
	ip -n client route add default via 10.9.3.1 dev e1 metric 2
	ip netns exec client sysctl -qw net.mptcp.enabled=1
	ip -n client mptcp limits set subflows 4 add_addr_accepted 4
	ip -n client mptcp endpoint add 10.9.3.2 dev e1 subflow fullmesh
}

# joins COUNTER: a sum over the servers
joins() {
	for name in s1 s2 s3; do ip netns exec "$name" nstat -asz "$1"; done | awk -v name="$1" '$1 == name {s += $2} END {print s + 0}'
}

multipath() {
	first_map s1 s2 s3
	second_address
	for i in 1 2 3; do
		lb port "800$i" "s$i"
		ip -n "s$i" addr add "$vip/32" dev lo
		ip netns exec "s$i" sysctl -qw net.mptcp.enabled=1 net.mptcp.allow_join_initial_addr_port=0
		ip -n "s$i" mptcp limits set subflows 4
		ip -n "s$i" mptcp endpoint add "$vip" port "800$i" signal
		nginx="mptcpize run nginx" start_nginx "s$i"
		start_agent "s$i" "translate: false"
	done
	start_mux m1
	start_mux m2
	for ((i = 0; i < 6; i++)); do
		ip netns exec client mptcpize run curl -sS --fail --max-time 20 -o "down-$i" "http://$vip/big" 2>"curl-$i.log" &
		clients[i]=$!
	done
	# Six connections, six further subflows, each from the second address and to the server that has the connection.
	until_is 6 joins MPTcpExtMPJoinAckRx
	# Clients leave room for the mux's header on the new subflows too.
	for name in s1 s2 s3; do
		[ "$(status "$name" .packets.clamped)" -ge "$(($(ip netns exec "$name" nstat -asz MPTcpExtMPCapableSYNRX MPTcpExtMPJoinSynRx |
			awk '/^MPT/ {s += $2} END {print s}')))" ]
	done
	# Tokens move: a subflow that was joined before stays as well.
	lb drain s3
	settled m1 m2 s1 s2 s3
	for client in "${clients[@]}"; do wait "$client"; done
	[ "$(cat down-? | wc -c)" = 6000000 ]
	[ "$(joins MPTcpExtMPCapableSYNRX)" = 6 ]
	[ "$(joins MPTcpExtMPCapableFallbackACK)" = 0 ]
	[ "$(joins MPTcpExtMPJoinNoTokenFound)" = 0 ]
	for name in m1 m2; do [ "$(status "$name" .packets.no_server)" = 0 ]; done
}

@test "Multipath TCP: subflows join the server that has the connection" {
	command -v mptcpize >/dev/null || skip "needs mptcpize"
	[ -e /proc/sys/net/mptcp/enabled ] || skip "needs a kernel with Multipath TCP"
	in_sandbox multipath
}
