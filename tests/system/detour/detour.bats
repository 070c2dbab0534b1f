#!/usr/bin/env bats
# The detour daemon in a network of its own: two clients (10.0.1.1, 10.0.2.1), the detour between them and the server
# (10.0.5.1). Each test is a function that runs inside a sandbox, which dies whole with it. Every wait is for an event (a
# line, an answer, the end of a process) and has a limit.
# Functions are called by name inside; files are FIFOs or regular ones of one test; each test is a subshell.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031

plain_options=$'data-ciphers none\nauth none\nreneg-bytes 0\nreneg-sec 0'

load ../sandbox

setup() {
	sandbox_setup
	detour_program=$programs/liquidnet-detour
	export detour_program plain_options
}

network() {
	: >"$work/detour.log"
	local name
	for name in client1 client2 detour server; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	link client1 10.0.1.1/24 detour 10.0.1.9/24
	link client2 10.0.2.1/24 detour 10.0.2.9/24
	link server 10.0.5.1/24 detour 10.0.5.9/24
	ip -n client1 route add default via 10.0.1.9
	ip -n client2 route add default via 10.0.2.9
	ip -n server route add default via 10.0.5.9
	ip -n detour addr add 10.0.1.10/24 dev to-client1
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=1
}

link() { # NODE ADDRESS NODE ADDRESS
	ip link add "to-$3" netns "$1" type veth peer name "to-$1" netns "$3"
	ip -n "$1" addr add "$2" dev "to-$3"
	ip -n "$3" addr add "$4" dev "to-$1"
	ip -n "$1" link set "to-$3" up
	ip -n "$3" link set "to-$1" up
}

# --- the daemon ---------------------------------------------------------------------------------------------------

# start_detour [YAML]: the daemon with these settings of `nat` (or a whole configuration when it has several lines);
# returns when it is READY. Its pid is in $daemon.
start_detour() {
	local line
	case ${1-} in
	*listen:* | *vpn:*) printf '%s\n' "$1" >detour.yaml ;;
	*) printf 'nat: {%s}\n' "${1-}" >detour.yaml ;;
	esac
	[ -p ready ] || mkfifo ready
	exec 8<>ready 9>ready 7<ready 8>&-
	# `ip netns exec` becomes the program: the pid is the daemon's own.
	ip netns exec detour "$detour_program" --config detour.yaml --control "$work/control" --ready-fd 9 \
		--log-level debug 7<&- 2>>detour.log &
	daemon=$!
	exec 9>&- # only the daemon holds it now: its death is an end of file
	read -r -t $((20 * slow)) -u 7 line
	exec 7<&-
	[ "$line" = READY ]
}

stop_detour() {
	kill -TERM "$daemon"
	wait "$daemon"
}

control() { # COMMAND...: the answer
	printf '%s\n' "$*" | timeout 20 socat -t 20 - "UNIX-CONNECT:$work/control"
}

status() { # JQ-FILTER: one value of the status
	control status | jq -r "$1"
}

# --- requests -----------------------------------------------------------------------------------------------------

wire() { # VERSION OPERATION REMOTE REMOTE-PORT DETOUR-PORT: a datagram as printf's escapes
	local a b c d
	IFS=. read -r a b c d <<<"$3"
	printf '\\x%02x' "$1" "$2" 0 0 "$a" "$b" "$c" "$d" \
		$(($4 >> 8)) $(($4 & 255)) $(($5 >> 8)) $(($5 & 255))
}

# exchange NODE DETOUR DATAGRAM...: sends all of them from one socket, prints the first answer as numbers.
exchange() {
	# shellcheck disable=SC2016
	timeout 10 ip netns exec "$1" bash -c '
		exec 3<>"/dev/udp/$1/45672"
		shift
		for datagram; do printf "%b" "$datagram" | dd bs=64 iflag=fullblock status=none >&3; done
		dd bs=64 count=1 status=none <&3 | od -An -v -tu1 -w64' - "${@:2}"
}

ask() { # NODE DETOUR REMOTE REMOTE-PORT PROPOSED: the detour port
	local n
	read -r -a n <<<"$(exchange "$1" "$2" "$(wire 1 0 "$3" "$4" "$5")")"
	[ "${#n[@]}" = 12 ]
	[ "${n[*]:0:4}" = "1 1 0 0" ]
	[ "${n[4]}.${n[5]}.${n[6]}.${n[7]}" = "$3" ]
	[ $((n[8] * 256 + n[9])) = "$4" ]
	echo $((n[10] * 256 + n[11]))
}

# --- TCP ----------------------------------------------------------------------------------------------------------

# serve NODE PORT: says from=ADDRESS, then repeats every line.
serve() {
	local line
	mkfifo "serve-$1-$2"
	exec {serving}<>"serve-$1-$2"
	# shellcheck disable=SC2016
	ip netns exec "$1" socat -d -d "TCP-LISTEN:$2,fork,reuseaddr" \
		SYSTEM:'echo from=$SOCAT_PEERADDR; exec cat' 2>"serve-$1-$2" &
	while read -r -t $((10 * slow)) -u "$serving" line; do
		[[ $line != *listening* ]] || return 0
	done
	return 1
}

# open_flow NAME NODE ADDRESS PORT: a connection that stays; `peer` is what the server saw.
open_flow() {
	mkfifo "$1.in" "$1.out"
	exec {flow_in}<>"$1.in" {flow_out}<>"$1.out"
	ip netns exec "$2" socat - "TCP:$3:$4,connect-timeout=5" <"$1.in" >"$1.out" 2>>flows.log &
	eval "$1_in=$flow_in $1_out=$flow_out $1_pid=$!"
	read -r -t $((10 * slow)) -u "$flow_out" peer
}

# say NAME TEXT: sends a line through a flow and gets it back.
say() {
	local in="$1_in" out="$1_out" line
	echo "$2" >&"${!in}"
	read -r -t $((10 * slow)) -u "${!out}" line
	[ "$line" = "$2" ]
}

refused() { # NODE ADDRESS PORT
	if ip netns exec "$1" socat -u /dev/null "TCP:$2:$3,connect-timeout=5" 2>refused.log; then return 1; fi
	grep -q "Connection refused" refused.log
}

# --- the choice of the detour port ----------------------------------------------------------------------------------

proposed_port() {
	start_detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 80 8080)" = 8080 ]
	[ "$(status .mappings)" = 2 ]
}
@test "a free proposed port is granted, and the answer has the published form" { in_sandbox proposed_port; }

reuse() {
	start_detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 7000)" = 5201 ]
	[ "$(status .mappings)" = 1 ]
	[ "$(status .counters.reused)" = 1 ]
}
@test "the same client and remote get the port of the mapping that exists" { in_sandbox reuse; }

taken_by_mapping() {
	start_detour
	serve server 5201
	ip -n server addr add 10.0.5.2/24 dev to-detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	local port
	port=$(ask client1 10.0.1.9 10.0.5.2 5201 5201)
	[ "$port" != 5201 ]
	[ "$(status .counters.other_port)" = 1 ]
	open_flow a client1 10.0.1.9 "$port"
	[ "$peer" = from=10.0.5.9 ]
	say a hello
}
@test "another port when another mapping of that client has the proposed one" { in_sandbox taken_by_mapping; }

taken_by_listener() {
	start_detour
	serve detour 80
	ip netns exec detour socat 'TCP6-LISTEN:81,bind=[::1]' - </dev/null &
	until ip netns exec detour ss -Hltn | grep -q ':81 '; do :; done
	local port
	port=$(ask client1 10.0.1.9 10.0.5.1 80 80)
	[ "$port" != 80 ]
	port=$(ask client1 10.0.1.9 10.0.5.1 81 81)
	[ "$port" != 81 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 82 82)" = 82 ]
	port=$(ask client1 10.0.1.9 10.0.5.1 83 45672)
	[ "$port" != 45672 ]
	open_flow a client1 10.0.1.9 80 # the detour's own service is still the detour's
	[ "$peer" = from=10.0.1.1 ]
}
@test "another port when a socket of the host listens on the proposed one (IPv4, IPv6, signalling)" {
	in_sandbox taken_by_listener
}

independent() {
	start_detour
	serve server 5201
	serve server 5202
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 8080)" = 8080 ]
	refused client2 10.0.2.9 8080 # a mapping is its client's alone
	[ "$(ask client2 10.0.2.9 10.0.5.1 5202 8080)" = 8080 ]
	open_flow a client1 10.0.1.9 8080
	open_flow b client2 10.0.2.9 8080
	say a one
	say b two
	ip netns exec server ss -Htn state established >sockets
	[ "$(grep -c '10.0.5.1:5201 *10.0.5.9:' sockets)" = 1 ]
	[ "$(grep -c '10.0.5.1:5202 *10.0.5.9:' sockets)" = 1 ]
}
@test "two clients are independent: same detour port, different remotes" { in_sandbox independent; }

limits() {
	start_detour 'max_per_client: 2, max_mappings: 3, allow: [10.0.0.0/16]'
	ask client1 10.0.1.9 10.0.5.1 1 1
	ask client1 10.0.1.9 10.0.5.1 2 2
	# The third is refused without an answer: the first answer is that to the request after it.
	local n
	read -r -a n <<<"$(exchange client1 10.0.1.9 "$(wire 1 0 10.0.5.1 3 3)" "$(wire 1 0 10.0.5.1 2 2)")"
	[ "${n[11]}" = 2 ]
	ask client2 10.0.2.9 10.0.5.1 1 1
	read -r -a n <<<"$(exchange client2 10.0.2.9 "$(wire 1 0 10.0.5.1 9 9)" "$(wire 1 0 10.0.5.1 1 1)")"
	[ "${n[11]}" = 1 ]
	[ "$(status '.counters | "\(.client_full) \(.full)"')" = "1 1" ]
	control forget 10.0.1.1 1 | jq -e .ok
	[ "$(ask client1 10.0.1.9 10.0.5.1 3 3)" = 3 ]
}
@test "capacity: a client's, and that of all; a refused request has no answer" { in_sandbox limits; }

denied() {
	start_detour 'allow: [10.0.2.0/24]'
	printf '%b' "$(wire 1 0 10.0.5.1 80 80)" >request
	ip netns exec client1 bash -c 'dd if=request bs=12 status=none >/dev/udp/10.0.1.9/45672'
	until [ "$(status .counters.denied)" = 1 ]; do :; done
	[ "$(status .counters.responses)" = 0 ]
	[ "$(ask client2 10.0.2.9 10.0.5.1 80 80)" = 80 ]
}
@test "clients outside the allowed networks are not answered" { in_sandbox denied; }

# --- datagrams ----------------------------------------------------------------------------------------------------

malformed() {
	start_detour
	local good n
	good=$(wire 1 0 10.0.5.1 80 80)
	read -r -a n <<<"$(exchange client1 10.0.1.9 '\x01' "${good:0:44}" "$good"'\x00' \
		"$(wire 0 0 10.0.5.1 81 81)" "$(wire 2 0 10.0.5.1 81 81)" "$(wire 1 1 10.0.5.1 81 81)" \
		"$(wire 1 2 10.0.5.1 81 81)" "$(wire 1 0 0.0.0.0 81 81)" "$(wire 1 0 127.0.0.1 81 81)" \
		"$(wire 1 0 224.0.0.1 81 81)" "$(wire 1 0 255.255.255.255 81 81)" "$(wire 1 0 10.0.5.1 0 81)" \
		"$(wire 1 0 10.0.5.1 81 0)" "$good")"
	[ "${n[*]}" = "1 1 0 0 10 0 5 1 0 80 0 80" ]
	[ "$(status '.counters.malformed | [.short,.long,.version,.operation,.endpoint] | @csv')" = 2,1,2,2,6 ]
	[ "$(status '.counters | "\(.datagrams) \(.responses)"')" = "14 1" ]
	[ "$(status .mappings)" = 1 ]
}
@test "malformed datagrams are counted, dropped, and not answered" { in_sandbox malformed; }

second_address() {
	start_detour
	[ "$(ask client1 10.0.1.10 10.0.5.1 80 80)" = 80 ] # a connected socket: another source would not be heard
	[ "$(ask client1 10.0.5.9 10.0.5.1 81 81)" = 81 ]
}
@test "the answer comes from the address that was asked" { in_sandbox second_address; }

# --- flows --------------------------------------------------------------------------------------------------------

through() {
	start_detour
	serve server 5201
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 8080)" = 8080 ]
	open_flow a client1 10.0.1.9 8080
	[ "$peer" = from=10.0.5.9 ]
	open_flow b client1 10.0.1.9 8080
	[ "$peer" = from=10.0.5.9 ]
	say a one
	say b two
	# Addressed to the server itself and only routed here: not ours to translate.
	serve server 8080
	open_flow c client1 10.0.5.1 8080
	[ "$peer" = from=10.0.1.1 ]
}
@test "flows pass both ways, the server sees the detour; what is only routed is left alone" { in_sandbox through; }

expiry() {
	start_detour 'idle: 3s'
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	open_flow a client1 10.0.1.9 5201
	[ "$peer" = from=10.0.5.9 ]
	say a before
	# client2's mapping has no flow: it ends; client1's is held by its flow, many idle times long.
	await detour.log 'event=mapping-expired client=10.0.2.1'
	[ "$(control mappings | jq -r '.mappings[].client')" = 10.0.1.1 ]
	refused client2 10.0.2.9 5201
	local sweeps
	sweeps=$(status .counters.sweeps)
	until [ "$(status .counters.sweeps)" -ge $((sweeps + 10)) ]; do :; done
	[ "$(status '"\(.mappings) \(.counters.expired)"')" = "1 1" ]
	say a after
	# Its flow ends, it ends.
	# shellcheck disable=SC2154 # set by open_flow
	kill "$a_pid"
	wait "$a_pid" || true
	await detour.log 'event=mapping-expired client=10.0.1.1'
	refused client1 10.0.1.9 5201
}
@test "an idle mapping ends, one with a live flow does not, and flows are not disturbed" { in_sandbox expiry; }

last_removed() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	open_flow a client1 10.0.1.9 5201
	open_flow b client2 10.0.2.9 5201
	control forget 10.0.1.1 5201 | jq -e .ok
	say a one
	say b one
	control forget 10.0.2.1 5201 | jq -e .ok
	[ "$(status .mappings)" = 0 ]
	[ "$(ip netns exec detour nft -j list map ip liquidnet-detour mappings | jq '[.. | .elem? // empty] | length')" = 0 ]
	say a two
	say b two
	refused client1 10.0.1.9 5201
	control forget 10.0.2.1 5201 | jq -e '.ok == false'
}
@test "the removal of a mapping, even of the last, disturbs no established flow" { in_sandbox last_removed; }

# --- life of the daemon -------------------------------------------------------------------------------------------

sigterm() {
	ip netns exec detour nft -f - <<-'NFT'
		table ip foreign {
			map mappings { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 10.9.9.9 . 1 : 10.9.9.8 . 2 }; }
			chain postrouting { type nat hook postrouting priority srcnat; oifname "nowhere" masquerade; }
		}
		table inet other {
			chain forward { type filter hook forward priority 0; policy accept; }
		}
	NFT
	ip netns exec detour nft list ruleset >before
	start_detour
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ip netns exec detour nft list tables >with
	grep -qx 'table ip liquidnet-detour' with
	stop_detour
	ip netns exec detour nft list ruleset >after
	cmp before after
	[ ! -e control ]
}
@test "SIGTERM removes the daemon's table and nothing else" { in_sandbox sigterm; }

# part N: three megabytes of what is sent. Returns when all but what a pipe holds is on its way.
part() { dd if=sent bs=1M skip=$(($1 * 3)) count=3 status=none >&6; }

sigkill() {
	start_detour
	ask client1 10.0.1.9 10.0.5.1 5201 8080
	head -c 9M /dev/urandom >sent
	mkfifo pipe
	exec 6<>pipe
	ip netns exec server socat -d -d -u TCP-LISTEN:5201 CREATE:got 2>server.log 6>&- &
	await server.log listening
	ip netns exec client1 socat -u - TCP:10.0.1.9:8080 <pipe 6>&- &
	local transfer=$!
	part 0
	kill -KILL "$daemon"
	wait "$daemon" || true
	part 1
	ip netns exec detour nft list tables | grep -qx 'table ip liquidnet-detour'
	start_detour
	[ "$(status .counters.adopted)" = 1 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 9999)" = 8080 ] # the mapping is known again
	part 2
	until_true cmp -s sent got
	kill "$transfer"
	wait "$transfer" || true
	exec 6>&-
	# A second left-over, of another make: replaced.
	serve server 5202
	ask client1 10.0.1.9 10.0.5.1 5202 5202
	open_flow a client1 10.0.1.9 5202
	kill -KILL "$daemon"
	wait "$daemon" || true
	ip netns exec detour nft 'delete table ip liquidnet-detour; add table ip liquidnet-detour;
		add chain ip liquidnet-detour old { type nat hook prerouting priority dstnat; }'
	start_detour
	ip netns exec detour nft list table ip liquidnet-detour >table
	fails grep 'chain old' table
	say a still-there
}
@test "after SIGKILL a running transfer goes on and arrives whole, and the next start adopts the mappings" { in_sandbox sigkill; }

second_daemon() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	fails timeout 10 ip netns exec detour "$detour_program" --config detour.yaml 2>second.log
	grep -q 'another liquidnet-detour serves this network namespace' second.log
	open_flow a client1 10.0.1.9 5201 # the first one's table is as it was
	say a hello
}
@test "a second daemon on the same host fails and leaves the first one's table alone" { in_sandbox second_daemon; }

flushed() {
	start_detour
	serve server 5201
	serve server 5202
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ip netns exec detour nft flush ruleset
	ask client1 10.0.1.9 10.0.5.1 5202 5202
	open_flow a client1 10.0.1.9 5201
	open_flow b client1 10.0.1.9 5202
	say a one
	say b two
}
@test "a table that somebody flushed is put back with all mappings at the next request" { in_sandbox flushed; }

forwarding() {
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=0
	start_detour
	grep 'level=error' detour.log | grep -q 'net.ipv4.ip_forward'
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 0 ]
	stop_detour
	start_detour $'manage_forwarding: true\nlisten: {port: 45672}'
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 1 ]
	stop_detour
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 0 ]
}
@test "forwarding that is off is reported; it is managed only when told so" { in_sandbox forwarding; }

reloaded() {
	start_detour 'max_per_client: 1'
	ask client1 10.0.1.9 10.0.5.1 1 1
	echo 'nat: {max_per_client: 2, idles: 3s}' >detour.yaml
	kill -HUP "$daemon"
	await detour.log 'event=reload .*detour.yaml:1'
	echo 'nat: {max_per_client: 2}' >detour.yaml
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	[ "$(ask client1 10.0.1.9 10.0.5.1 2 2)" = 2 ]
	[ "$(status .mappings)" = 2 ]
}
@test "SIGHUP takes over new limits; a bad file changes nothing" { in_sandbox reloaded; }

bad_file() { # EXPECTED-LINE YAML: refused with status 2, one line, nothing started
	local status=0
	printf '%s\n' "$2" >"$work/bad.yaml"
	"$detour_program" --config "$work/bad.yaml" >"$work/out" 2>&1 || status=$?
	cat "$work/out"
	[ "$status" = 2 ]
	[ "$(wc -l <"$work/out")" = 1 ]
	grep -q "bad.yaml:$1" "$work/out"
}
@test "bad configurations: one line with file and line, status 2" {
	bad_file "2: .*idel" $'nat:\n  idel: 3s'
	bad_file "1: .*subnet" $'vpn: {enabled: true}'
	bad_file "3: .*10.8.0.1/24" $'vpn:\n  enabled: true\n  subnet: 10.8.0.1/24'
	bad_file "1: .*10.0.0.0/33" 'nat: {allow: [10.0.0.0/33]}'
	bad_file "1: .*empty list" 'nat: {allow: []}'
	bad_file "1: .*max_per_client" 'nat: {max_per_client: 0}'
	bad_file "1: .*neither" 'nat: {enabled: false}'
	bad_file "1: .*'here'" 'listen: {address: here}'
	bad_file "4: .*cannot read missing.crt" \
		$'vpn:\n  enabled: true\n  subnet: 10.8.0.0/24\n  certificate: missing.crt'
}
@test "the example configuration is good" {
	"$detour_program" --config nodes/detour/daemon/detour.example.yaml --check
}

# --- the VPN detour -----------------------------------------------------------------------------------------------

certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=liquidnet" \
		-keyout "$1.key" -out "$1.crt" 2>/dev/null
}

vpn_yaml() { # ENCRYPTION
	cat <<-YAML
		nat: {enabled: ${2-true}}
		vpn:
		  enabled: true
		  subnet: 10.8.7.0/24
		  certificate: detour.crt
		  key: detour.key
		  peers: [client1.crt, client2.crt]
		  encryption: $1
		  directory: $work/vpn
	YAML
}

# vpn_client NODE DETOUR OPTION-LINES: an OpenVPN client; returns when its tunnel is up.
vpn_client() {
	printf '%s\n' "client" "dev tun0" "proto udp4" "remote $2 1194" "nobind" "cert $1.crt" "key $1.key" "verb 4" \
		"peer-fingerprint $(openssl x509 -in detour.crt -noout -fingerprint -sha256 | cut -d= -f2)" "$3" >"$1.conf"
	ip netns exec "$1" openvpn --config "$1.conf" >"$1.log" 2>&1 &
	await "$1.log" 'Initialization Sequence Completed'
	ip -n "$1" route replace 10.0.5.0/24 dev tun0
}

# seen_on_wire NODE TEXT: 0 when the text passes in the clear between a node and its detour. The capture ends by itself
# with the two packets that are long enough to have the line (there and back), not with keep-alives.
seen_on_wire() {
	local padding
	printf -v padding '%0300d' 0
	timeout 20 ip netns exec "$1" tcpdump -i to-detour -U -s 0 -c 2 -w "$1.pcap" \
		udp port 1194 and greater 300 2>"$1.tcpdump" &
	local capture=$!
	await "$1.tcpdump" 'listening on'
	say "$1" "$2$padding" || exit 1
	wait "$capture" || exit 1
	grep -aq "$2" "$1.pcap"
}

vpn_plain() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml none)"
	control wait vpn | jq -e '.ok and .vpn.state == "up" and .vpn.address == "10.8.7.1"'
	serve server 5201
	vpn_client client1 10.0.1.9 "$plain_options"
	vpn_client client2 10.0.2.9 "$plain_options"
	open_flow client1 client1 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	open_flow client2 client2 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	seen_on_wire client1 0123456789-client1
	seen_on_wire client2 0123456789-client2
	grep -q "cipher '\[null-cipher\]', auth '\[null-digest\]'" vpn/server.log
	[ "$(stat -c %a vpn vpn/server.conf | xargs)" = "700 600" ]
	# The NAT detour stands beside it.
	ask client1 10.0.1.9 10.0.5.1 5201 8080
	open_flow a client1 10.0.1.9 8080
	say a hello
	say client1 again
	stop_detour
	[ -z "$(ip netns exec detour nft list tables)" ]
	[ "$(ls vpn)" = server.log ]
	[ -z "$(ip netns exec detour ss -Hulpn 'sport = :1194')" ]
}
@test "VPN, plain: two clients through NAT, readable on the wire; SIGTERM ends it whole" { in_sandbox vpn_plain; }

vpn_encrypted() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml "$encryption" false)"
	serve server 5201
	vpn_client client1 10.0.1.9 "$client_options"
	open_flow client1 client1 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	fails seen_on_wire client1 0123456789-client1
	grep -qi "$cipher" vpn/server.log
	stop_detour
}
@test "VPN, BF-CBC and SHA1: not readable on the wire" {
	export encryption=bf-cbc-sha1 cipher="cipher 'BF-CBC'"
	export client_options=$'providers legacy default\ndata-ciphers BF-CBC\nauth SHA1\nreneg-bytes 0\nreneg-sec 0'
	in_sandbox vpn_encrypted
}
@test "VPN, OpenVPN's default: not readable on the wire" {
	export encryption=default cipher="cipher 'AES-256-GCM'" client_options=
	in_sandbox vpn_encrypted
}

# Each key that a reload does not change is named, each time; keys that are as they were are not.
vpn_reload() {
	local name keys
	for name in detour client1 client2; do certificate "$name"; done
	cp client1.crt other.crt
	cp detour.key other.key
	start_detour "$(vpn_yaml none)"
	{
		vpn_yaml default | sed 's/10.8.7.0/10.8.9.0/; s/detour.crt/other.crt/; s/detour.key/other.key/; s/client2.crt/other.crt/; s|/vpn$|/elsewhere|'
		printf '  %s\n' 'port: 1195' 'device: other' 'route_metric: 7'
		printf '%s\n' 'manage_forwarding: true' 'listen: {port: 45673}'
	} >detour.yaml
	keys=$(printf '%s\n' listen manage_forwarding vpn.{port,subnet,device,certificate,key,peers,encryption,route_metric,directory})
	for name in 1 2; do
		: >detour.log
		kill -HUP "$daemon"
		await detour.log 'event=reload config='
		diff <(sort <<<"$keys") <(sed -n 's/.*event=reload key=\([^ ]*\) .*/\1/p' detour.log | sort)
	done
	[ "$(status .vpn.device)" = lqdetour ]
	vpn_yaml none >detour.yaml
	: >detour.log
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	fails grep 'event=reload key=' detour.log
	printf 'nat: {}\n' >detour.yaml
	: >detour.log
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	[ "$(sed -n 's/.*event=reload key=\([^ ]*\) .*/\1/p' detour.log)" = vpn.enabled ]
	stop_detour
}
@test "SIGHUP names every key that takes a restart" { in_sandbox vpn_reload; }

vpn_second() {
	local name id
	for name in detour client1; do certificate "$name"; done
	sed 's/client1.crt, client2.crt/client1.crt/' <<<"$(vpn_yaml none false)" >one.yaml
	start_detour "$(cat one.yaml)"
	id=$(ip -n detour -j link show lqdetour | jq .[].ifindex)
	fails timeout 20 ip netns exec detour "$detour_program" --config detour.yaml --control "$work/other" 2>second.log
	grep -q 'another liquidnet-detour serves this network namespace' second.log
	[ "$(ls vpn)" = $'server.conf\nserver.log\nserver.sock' ]
	ip netns exec detour nft list tables | grep -qx 'table ip liquidnet-detour-vpn'
	[ "$(status .vpn.state)" = up ]
	[ "$(ip -n detour -j link show lqdetour | jq .[].ifindex)" = "$id" ]
}
@test "VPN alone: a second daemon fails and leaves the first one's table and files alone" { in_sandbox vpn_second; }

vpn_restart() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml none)"
	# The server is killed: started again, and `wait vpn` answers when it serves.
	kill -KILL "$(pgrep -P "$daemon" openvpn)"
	await detour.log 'event=vpn-ended'
	control wait vpn | jq -e '.ok and .vpn.state == "up" and .vpn.restarts == 1'
	# The daemon is killed: its server dies with it, the next start replaces its table.
	kill -KILL "$daemon"
	wait "$daemon" || true
	ip netns exec detour nft list tables | grep -qx 'table ip liquidnet-detour-vpn'
	start_detour "$(vpn_yaml none)"
	[ "$(status .vpn.state)" = up ]
	serve server 5201
	vpn_client client1 10.0.1.9 "$plain_options"
	open_flow client1 client1 10.0.5.1 5201
	say client1 hello
}
@test "VPN: a server that dies is started again; after SIGKILL of the daemon the next start serves" {
	in_sandbox vpn_restart
}

vpn_port_taken() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	ip netns exec detour socat -d -d -u UDP-RECV:1194 OPEN:/dev/null 2>holder.log &
	local holder=$!
	await holder.log 'starting data transfer loop'
	: >detour.log
	{
		await detour.log 'event=vpn-ended .*Address already in use'
		kill "$holder"
	} &
	start_detour "$(vpn_yaml none)" # READY only when the server serves, by its second start or later
	[ "$(status .vpn.state)" = up ]
	[ "$(status .vpn.restarts)" -ge 1 ]
}
@test "VPN: a server that cannot start says why and is tried again; READY waits for it" {
	in_sandbox vpn_port_taken
}

# --- cost ---------------------------------------------------------------------------------------------------------

ten_thousand() {
	start_detour 'max_per_client: 20000'
	local i a b escapes='' text='' first last
	# One file of 10,000 requests for one port each, all of one client, to 10,000 remotes: half of them get another port.
	for ((i = 0; i < 10000; i++)); do
		a=$((i >> 8)) b=$((i & 255))
		printf -v text '\\x01\\x00\\x00\\x00\\x0b\\x01\\x%02x\\x%02x\\x00\\x50\\x%02x\\x%02x' \
			$a $b $(((20000 + i / 2) >> 8)) $(((20000 + i / 2) & 255))
		escapes+=$text
	done
	printf '%b' "$escapes" >requests
	[ "$(stat -c %s requests)" = 120000 ]
	cat >blast <<-'BASH'
		exec 3<>/dev/udp/10.0.1.9/45672
		for ((chunk = 0; chunk < 100; chunk++)); do
			((chunk % 10)) || echo "$EPOCHREALTIME"
			dd if=requests bs=12 skip=$((chunk * 100)) count=100 status=none >&3
			dd bs=12 count=100 status=none <&3 >>answers
		done
		echo "$EPOCHREALTIME"
	BASH
	timeout $((50 * slow)) ip netns exec client1 bash -eu blast >stamps
	[ "$(stat -c %s answers)" = 120000 ]
	[ "$(status '"\(.mappings) \(.counters.as_proposed) \(.counters.other_port)"')" = "10000 5000 5000" ]
	[ "$(ip netns exec detour nft -j list map ip liquidnet-detour mappings | jq '[.nftables[].map.elem? // [] | length] | add')" = 10000 ]
	# Microseconds a mapping, requests and answers included, for each thousand. Load from outside makes any of them
	# slow, so the best of the last three stands against the worst of the first three.
	awk 'NR > 1 { print int(($1 - s) * 1000) } { s = $1 }' stamps >costs
	[ "$(wc -l <costs)" = 10 ]
	first=$(head -n 3 costs | sort -n | tail -n 1)
	last=$(tail -n 3 costs | sort -n | head -n 1)
	echo "# us a mapping, by the thousand: $(xargs <costs)" >&3
	[ "$last" -lt $((3 * first + 200)) ]
	# All of them are adopted by the next life, and all end together, but for one that somebody has taken out.
	kill -KILL "$daemon"
	wait "$daemon" || true
	start_detour "max_per_client: 20000, idle: $((4 * slow))s"
	[ "$(status '"\(.mappings) \(.counters.adopted)"')" = "10000 10000" ]
	ip netns exec detour nft 'delete element ip liquidnet-detour mappings { 10.0.1.1 . 20000 }'
	until [ "$(status .mappings)" = 0 ]; do :; done
	[ "$(status .counters.expired)" = 10000 ]
	[ "$(grep -c event=nat-remove detour.log)" = 1 ]
	[ "$(ip netns exec detour nft -j list map ip liquidnet-detour mappings | jq '[.nftables[].map.elem? // [] | length] | add')" = 0 ]
}
@test "ten thousand mappings: bounded time, the last as quick as the first" { limit=100 in_sandbox ten_thousand; }
