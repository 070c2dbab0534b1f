# What the system tests of the detour daemon share: its network (two clients, 10.0.1.1 and 10.0.2.1, the detour between them and
# the server, 10.0.5.1), the daemon, requests of version 1, and flows. Each test is a function that runs inside a sandbox, which
# dies whole with it. Every wait is for an event (a line, an answer, the end of a process) and has a limit.
# shellcheck shell=bash
# Functions are called by name inside; files are FIFOs or regular ones of one test; each test is a subshell.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031
load ../sandbox

plain_options=$'data-ciphers none\nauth none\nreneg-bytes 0\nreneg-sec 0'

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
# returns when it is READY. Its pid is in $daemon. Unless told otherwise, both clients may ask by version 1, and it leads to the
# private networks of this laboratory.
detour_yaml() { # [YAML]
	case $1 in
	*listen:* | *vpn:* | *members:* | *reach:* | *nat:*) printf '%s\n' "$1" ;;
	*allow:*) printf 'nat: {%s}\nreach: {allow: [10.0.0.0/8, 11.0.0.0/8]}\n' "$1" ;;
	*) printf 'nat: {allow: [10.0.1.0/24, 10.0.2.0/24]%s}\nreach: {allow: [10.0.0.0/8, 11.0.0.0/8]}\n' "${1:+, $1}" ;;
	esac
}

start_detour() {
	local line
	detour_yaml "${1-}" >detour.yaml
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
