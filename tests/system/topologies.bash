# Networks of topologies/ for tests: a sandbox, the driver in it, and who answers on the way.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # stderr is bats'; what is set here is read by tests

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	work=$BATS_TEST_TMPDIR
	folder=$PWD/topologies
	export work folder
}

driver() { /usr/bin/python3 -I -S "$folder/driver.py" "$@"; }

# in_sandbox FUNCTION [ARGUMENT...]
in_sandbox() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	run --separate-stderr timeout -k 5 "$((${limit:-60} * slow))" unshare --net --pid --fork --kill-child --mount --mount-proc \
		bash -c "$(declare -f); sandbox_main $*"
	printf '%s\n' "status $status" "$output" "$stderr"
	[ "$status" = 0 ]
}

sandbox_main() {
	set -eEuo pipefail
	trap 'echo "failed: $BASH_COMMAND"' ERR
	# This tree and the test's folder may stand beneath /tmp: they stay visible under other names.
	mkdir -p "$work/tree"
	mount --bind "$folder/.." "$work/tree"
	mount --rbind "$work" /mnt
	mount -t tmpfs tmpfs /tmp
	mount -t tmpfs tmpfs /run
	work=/mnt
	folder=/mnt/tree/topologies
	cd "$work"
	"$@"
}

# start_driver ARGUMENT...: builds; the line is in $network, the process in $driver_pid; closing descriptor 8 ends it.
start_driver() {
	mkfifo in out
	/usr/bin/python3 -I -S "$folder/driver.py" "$@" <in >out 2>driver.log &
	driver_pid=$!
	exec 8>in 9<out
	read -r -t $((20 * slow)) -u 9 network || { cat driver.log; return 1; }
}

pid_of() { jq -er ".nodes.\"$1\".pid" <<<"$network"; }

inside() { nsenter -t "$(pid_of "$1")" -n "${@:2}"; }

gone() { # PID...: waits until none of these processes is left
	local pid
	for pid; do timeout 10 tail --pid="$pid" -f /dev/null; done
}

# hops NODE ADDRESS...: who answers to UDP datagrams with TTL 1, 2, ... up to each address, a line an address.
hops() {
	nsenter -t "$(pid_of "$1")" -n /usr/bin/python3 -I -S - "${@:2}" <<-'END'
		import select, socket, sys
		IP_RECVERR = 11
		for address in sys.argv[1:]:
		    seen = []
		    while len(seen) < 8 and seen[-1:] != [address]:
		        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
		        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, len(seen) + 1)
		        s.connect((address, 33434))
		        s.send(b"?")
		        poll = select.poll()
		        poll.register(s, 0)
		        if not poll.poll(3000):
		            seen.append("lost")
		            break
		        _, control, _, _ = s.recvmsg(512, 512, socket.MSG_ERRQUEUE)
		        data = control[0][2]  # sock_extended_err, then the address of who complains
		        seen.append(socket.inet_ntoa(data[20:24]))
		    print(*seen)
	END
}

unlimited_answers() { # the kernel answers a peer with six errors at once, then one a second
	local node
	for node in $(jq -r '.nodes | keys[]' <<<"$network"); do
		inside "$node" sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
	done
}

# same TEXT TEXT: for what is clearer as a difference
same() { diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }
