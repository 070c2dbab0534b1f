# Daemons of a system test that has several, each in a node: started, asked, ended. Their keys, for those that speak the detour's protocol.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work, slow: of sandbox.bash

# start NAME NODE PROGRAM...: in the background, returns when it is READY; its pid is in $NAME_pid, its socket NAME.control.
start() {
	local name=$1 node=$2 line
	shift 2
	rm -f "$name.ready"
	mkfifo "$name.ready"
	exec {ready}<>"$name.ready"
	ip netns exec "$node" "$@" --control "$work/$name.control" --ready-fd 9 --log-level debug 9>"$name.ready" 2>>"$name.log" &
	eval "${name}_pid=$!"
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

stop() {
	local pid=${1}_pid
	kill -TERM "${!pid}"
	wait "${!pid}"
}

control() { # DAEMON COMMAND...
	printf '%s\n' "${*:2}" | timeout 20 socat -t 20 - "UNIX-CONNECT:$work/$1.control"
}
status() { control "$1" status | jq -r "$2"; } # DAEMON FILTER

# keys NAME...: a secret key in NAME.key each, the public one in $NAME_public.
keys() {
	local name
	for name; do eval "${name}_public=$(liquidnet-collective key "$name.key")"; done
}
