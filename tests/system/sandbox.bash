# What the daemons' system tests share. A test is a function that runs inside a sandbox: namespaces of its own, which die whole
# with it. The file that loads this has a function `network` that builds its nodes. Every wait is for an event (a line, an
# answer, the end of a process) or a condition asked for again, and has a limit.
# shellcheck shell=bash
source "${BASH_SOURCE[0]%/*}/machine.bash"

# sandbox_setup: for setup(); afterwards $programs is the folder of the daemons and $work the test's own.
sandbox_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	programs=${BUILD:-build}/bin
	case $programs in /*) ;; *) programs=$PWD/$programs ;; esac
	work=$BATS_TEST_TMPDIR
	export programs work
}

# in_sandbox FUNCTION: the network, then the function, in namespaces of their own; at most $limit seconds (60) times $slow.
in_sandbox() {
	timeout -k 5 "$((${limit:-60} * slow))" unshare --net --pid --fork --kill-child --mount --mount-proc \
		bash -c "$(declare -f); sandbox_main $1"
}

sandbox_main() {
	set -eEuo pipefail
	shopt -s inherit_errexit # what is asserted within $(...) counts
	test_name=$1
	trap '{ echo "failed in $test_name, line $LINENO: $BASH_COMMAND"; tail -n 30 "$work"/*.log 2>/dev/null || :; } >&2' ERR
	cd "$work"
	mount -t tmpfs tmpfs /run
	network
	"$1"
}

# fails COMMAND...: it does. (`! COMMAND` by itself never ends a test: the shell's -e passes it over.)
fails() {
	if "$@"; then
		echo "was to fail: $*" >&2
		return 1
	fi
}

# until_true COMMAND...: for what announces itself by no event: asks again, 20 s at most, or as many as $patience says.
until_true() {
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt $((${patience:-20} * 20 * slow)) ] || { echo "never true: $*" >&2; return 1; }
		sleep 0.05
	done
}

# until_is VALUE COMMAND...: asks again until that is its output.
until_is() {
	until_true gives "$@" || { echo "it gives: $("${@:2}")" >&2; return 1; }
}
gives() { [ "$("${@:2}")" = "$1" ]; }

# await FILE PATTERN [N]: until a growing file, which may not be there yet, has N (1) lines that match. A file that is written anew
# must be emptied first by the shell that awaits: what begins in the background empties it too late, and old lines match.
await() {
	local n=${3:-1}
	: >>"$1"
	[ "$(timeout $((20 * slow)) grep -E -m "$n" -e "$2" <(exec tail -n +1 -f "$1") | wc -l)" = "$n" ]
}

# listens NODE PORT: something does, with TCP.
listens() { ip netns exec "$1" ss -Htln "sport $2" | grep -q .; }

# A pair of interfaces between two nodes.
cable() { # NODE INTERFACE ADDRESS NODE INTERFACE ADDRESS
	ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$4" addr add "$6" dev "$5"
	ip -n "$1" link set "$2" up
	ip -n "$4" link set "$5" up
}

inside() { ip netns exec "$@"; }

# capture NODE INTERFACE FILE [OPTION...]: returns when it listens; its pid is in $capture.
capture() {
	ip netns exec "$1" tcpdump -n -U --immediate-mode -B 65536 -i "$2" -w "$3" "${@:4}" 2>"$3.log" &
	capture=$!
	await "$3.log" 'listening on'
}

# end_capture PID FILE: ends it when all that the kernel has for it is in the file. Nothing may have been dropped, or what is looked
# for would be looked for in a file with holes.
end_capture() {
	until_true all_captured "$1" "$2"
	kill -INT "$1"
	wait "$1" || :
	grep -q '^0 packets dropped by kernel' "$2.log"
}
# tcpdump tells at SIGUSR1 how many packets it wrote, and how many the kernel had for it.
all_captured() {
	local before
	before=$(grep -c '^tcpdump: .* received by filter' "$2.log" || :)
	kill -USR1 "$1"
	await "$2.log" '^tcpdump: .* received by filter' $((before + 1))
	tail -n 1 "$2.log" | awk '{ exit $2 != $5 }'
}

# ask SOCKET COMMAND...: a daemon's answer on its control socket.
ask() { printf '%s\n' "${*:2}" | timeout 20 socat -t 20 - "UNIX-CONNECT:$1"; }

# rights PID: of every thread, told once where they are the same: capabilities (effective, permitted), no new privileges, seccomp's
# mode.
rights() {
	local thread
	for thread in "/proc/$1"/task/*/status; do
		awk '/^CapEff|^CapPrm|^NoNewPrivs|^Seccomp:/ { printf "%s ", $2 } END { print "" }' "$thread"
	done | sort -u
}
# has_rights PID CAPABILITY...: those alone, as net_admin; it gains nothing, and is filtered. Threads of libraries may have none.
has_rights() {
	local set=0 capability
	local -A number=([net_admin]=12 [net_raw]=13 [ipc_lock]=14 [sys_ptrace]=19 [sys_admin]=21 [perfmon]=38 [bpf]=39) # linux/capability.h
	for capability in "${@:2}"; do set=$((set | 1 << ${number[$capability]})); done
	set=$(printf '%016x' "$set")
	rights "$1" | grep -qx "$set $set 1 2 " || { rights "$1" >&2; return 1; }
	[ -z "$(rights "$1" | grep -vx "$set $set 1 2 " | grep -vx '\(0\{16\} \)\{2\}1 2 ')" ]
}

# shellcheck disable=SC2154 # `run` sets status and lines
# refuses PROGRAM TEXT YAML: it does not begin with that configuration: exit status 2, one line with file, line and TEXT.
refuses() {
	printf '%s\n' "$3" >bad.yaml
	run "$programs/$1" --config bad.yaml
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == *": bad.yaml:"[0-9]*"$2"* ]] || { echo "${lines[0]}" >&2; return 1; }
}
