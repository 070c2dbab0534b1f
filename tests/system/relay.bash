# What the tests of the back ends in the kernel share: an experiment's network, client -- relay -- server, its access link shaped,
# and what that does to real packets between client and relay.
# shellcheck shell=bash disable=SC2154,SC2034 # the file that loads this sets or uses them

# For setup().
relay_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	build=${BUILD:-$PWD/build}
	PATH=$build/bin:$PATH
	work=$BATS_TEST_TMPDIR
}

# experiment LINK [BACKEND]: split-tcp with its access link as the YAML says and a bare backbone, as $file
experiment() {
	mkdir -p "$work/experiment"
	file=$work/experiment/split-tcp.yaml
	sed -e "s|^  access: .*|  access: $1|; /^  backbone: /d; s/^topology: .*/&\nbackend: ${2:-$backend}/; /^  loss-3: /d" \
		experiments/split-tcp.yaml >"$file"
}

# in_network LINK FUNCTION [BACKEND]: the function in the client of that network. At most two minutes.
in_network() {
	experiment "$1" "${3:-$backend}"
	timeout -k 5 120 liquidnet shell "$file" --node client -- bash -c "$(declare -f); network_main $2"
}

network_main() {
	set -eEuo pipefail
	shopt -s inherit_errexit # what is asserted within $(...) counts
	test_name=$1
	trap 'echo "failed in $test_name, line $LINENO: $BASH_COMMAND" >&2' ERR
	relay_pid=$(tr ' ' '\n' <<<"$LIQUIDNET_NODES" | sed -n 's/^relay=//p')
	device=$(ip -j addr show to 10.1.1.1 | jq -r '.[0].ifname')
	relay_device=$(in_relay ip -j addr show to 10.1.1.2 | jq -r '.[0].ifname')
	cd "$(mktemp -d)" # in the sandbox's own /tmp, gone with it
	"$test_name"
}

in_relay() {
	nsenter -t "$relay_pid" -n "$@"
}

# goodput [OPTION...]: from the client, in Mbit/s at the receiver
goodput() {
	local server
	: >server.log
	in_relay iperf3 -s -1 --forceflush >server.log 2>&1 &
	server=$!
	timeout 20 grep -q -m 1 'Server listening' <(exec tail -n +1 -f server.log)
	timeout 40 iperf3 -c 10.1.1.2 -J "$@" >client.json
	wait "$server"
	jq -r '.end.sum_received.bits_per_second / 1e6' client.json
}

# round_trip [ADDRESS]: in microseconds, the least of 21 connections to a port where nobody listens (SYN, RST): what the link
# adds, without what a busy machine adds now and then.
round_trip() {
	timeout 40 python3 -c '
import socket, sys, time
times = []
for _ in range(21):
    with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as s:
        s.settimeout(5)
        before = time.monotonic_ns()
        if s.connect_ex((sys.argv[1], 9)) != 111:
            sys.exit("not refused")
        times.append((time.monotonic_ns() - before) // 1000)
print(min(times))' "${1:-10.1.1.2}"
}
