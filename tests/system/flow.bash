# An MPTCP connection that stays, to an echo server: from $flow_node to $flow_server, port 5201, of node `server`. Over IPv6 where
# $flow_family is 6 (then $flow_server is an address in brackets).
# shellcheck shell=bash disable=SC2154 # the file that loads this sets them

# serve: the echo server.
serve() {
	ip netns exec server mptcpize run socat -d -d "TCP${flow_family:-4}-LISTEN:5201,fork,reuseaddr" EXEC:cat 2>serve.log &
	await serve.log listening
}

# open_flow: the connection; `echoes TEXT` sends a line over it and awaits it.
open_flow() {
	rm -f flow.in flow.out
	mkfifo flow.in flow.out
	exec {flow_in}<>flow.in {flow_out}<>flow.out
	ip netns exec "$flow_node" mptcpize run socat - "TCP${flow_family:-4}:$flow_server:5201,connect-timeout=5${flow_options:+,$flow_options}" <flow.in >flow.out 2>>flow.log &
	flow_pid=$!
	echoes hello
}

echoes() {
	local line
	echo "$1" >&"$flow_in"
	read -r -t $((20 * slow)) -u "$flow_out" line
	[ "$line" = "$1" ]
}
