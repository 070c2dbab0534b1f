#!/usr/bin/env bats
# Kernels of virtual time, from outside: what the starter promises (status, output, nothing left behind, a watchdog that names the program),
# and what the guest's clock does to real packets. Each test starts its own guests; nothing of the host's network is touched.
# May run beside others.
# shellcheck disable=SC2016,SC2154 # the guest's shell expands; run's variables

bats_require_minimum_version 1.5.0

setup() {
	"$BUILD"/bin/liquidnet-virtual check >"$BATS_TEST_TMPDIR/check" || skip "no virtual time here: $(grep '^no' "$BATS_TEST_TMPDIR/check" | head -n 1)"
	work=$BATS_TEST_TMPDIR
	here=tests/system/virtual-guest.bash
}

# guest [OPTION...] SCRIPT: a line of bash with virtual-guest.bash read, in a guest that may write in $work
guest() {
	local script=${!#}
	set -- "${@:1:$#-1}"
	liquidnet-virtual run --out "$work" --result "$work/result.json" "$@" -- bash -c ". $here; $script"
}

@test "a command's output, errors and exit status come out, and what it wrote where it may" {
	run --separate-stderr guest 'echo out; echo err >&2; echo kept >'"$work"'/file; echo lost >/etc/liquidnet-virtual-test; cat /etc/liquidnet-virtual-test; exit 7'
	[ "$status" = 7 ]
	[ "$output" = $'out\nlost' ]
	[ "$stderr" = err ]
	[ "$(<"$work/file")" = kept ]
	[ ! -e /etc/liquidnet-virtual-test ]
	run guest 'kill -KILL $$'
	[ "$status" = 137 ]
	run guest 'head -c 300000 /dev/zero | tr "\0" x'
	[ ${#output} = 300000 ]
}

@test "the guest sees the environment, the folder and the arguments of its caller" {
	cd "$work"
	run env SOME='two words' liquidnet-virtual run -- sh -c 'printf "%s|%s|%s" "$SOME" "$PWD" "$1"' sh 'an "argument"'
	[ "$output" = "two words|$work|an \"argument\"" ]
}

@test "a program that spins is ended and named" {
	printf 'int main(void) { for (volatile int i = 0;; i++) ; }\n' | ${CC:-gcc} -x c -o "$work/spinner" -
	run --separate-stderr guest --watchdog 1 "$work/spinner"
	[ "$status" = 124 ]
	[[ $stderr == *"spinner["*"] spins"* ]]
	jq -e '.end == "watchdog" and (.spun | startswith("spinner["))' "$work/result.json"
}

@test "where the processor's time counts it does not hang, and a slower processor takes longer" {
	printf 'int main(void) { for (volatile int i = 0; i < 200000000; i++) ; }\n' | ${CC:-gcc} -O1 -x c -o "$work/computes" -
	for cpu in 1 10; do
		guest --clock virtual-cpu --cpu $cpu 's=$EPOCHREALTIME; '"$work"'/computes; echo "$EPOCHREALTIME $s"' | awk '{ print $1 - $2 }' >"$work/$cpu"
	done
	guest 's=$EPOCHREALTIME; '"$work"'/computes; echo "$EPOCHREALTIME $s"' | awk '{ exit !($1 - $2 < 0.001) }'
	paste "$work/1" "$work/10" | awk '{ print; exit !($1 > 0.02 && $2 > 4 * $1 && $2 < 25 * $1) }'
	run guest --clock virtual-cpu 'timeout 0.5 sh -c "while :; do :; done"'
	[ "$status" = 124 ]
	jq -e '.end == "exited"' "$work/result.json"
}

# all that starts with the given process
family() {
	local child
	echo "$1"
	# shellcheck disable=SC2013 # words they are
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done
}

@test "nothing stays of a guest whose starter is killed" {
	liquidnet-virtual run --watchdog 0 --out "$work" -- sh -c 'echo up >'"$work"'/up; sleep 1 & exec sh -c "while :; do :; done"' &
	starter=$!
	until [ -s "$work/up" ]; do read -rt 0.05 <> <(:) || :; done
	mapfile -t all < <(family $starter)
	[ ${#all[@]} -ge 4 ]
	kill -KILL $starter
	wait $starter || :
	for pid in "${all[@]}"; do
		for _ in $(seq 100); do
			[ -e "/proc/$pid" ] || break
			read -rt 0.05 <> <(:) || :
		done
		[ ! -e "/proc/$pid" ]
	done
	[ -z "$(find /dev/shm -newer "$work/up" -name '*vm_file*')" ]
}

@test "two runs with one seed are the same to the byte, with loss, TCP and Multipath TCP; another seed is another run" {
	for kind in tcp mptcp; do
		for go in one two other; do
			mkdir -p "$work/$go"
			[ $kind = tcp ] && more= || more='multipath; WRAP="mptcpize run"'
			LOSS=1 PATHS=2 guest --seed "$([ $go = other ] && echo 8 || echo 7)" "hosts; $more
				ip netns exec b tcpdump -i any -s 128 -U -w $work/$go/$kind.pcap 2>/dev/null & t=\$!
				until [ -s $work/$go/$kind.pcap ]; do sleep 0.01; done
				transfer 3 >$work/$go/$kind.json
				sleep 1; kill \$t; wait \$t; nstat -az MPTcpExtMPJoinSynAckRx >/dev/null; ip netns exec a nstat -asz MPTcpExtMPJoinSynAckRx | tail -n 1 >$work/$go/$kind.joins"
		done
		[ "$(stat -c %s "$work/one/$kind.pcap")" -gt 100000 ]
		cmp "$work/one/$kind.pcap" "$work/two/$kind.pcap"
		cmp "$work/one/$kind.json" "$work/two/$kind.json"
		! cmp -s "$work/one/$kind.pcap" "$work/other/$kind.pcap"
	done
	awk '{ exit $2 < 1 }' "$work/one/mptcp.joins"
}

@test "a link's delay is what was asked for, to the microsecond" {
	for delay in 50us 5ms 50ms 250ms; do
		DELAY=$delay RATE=1gbit guest 'hosts; ip netns exec a ping -qc 20 -i 0.2 10.0.1.2' | tail -n 1 >"$work/ping"
		# rtt min/avg/max/mdev = a/b/c/d ms: 98 bytes at 1 Gbit/s are 0.8 us each way
		awk -F'[ /]' -v want="$(numfmt --from=auto "$(sed 's/us//; s/ms/000/' <<<$delay)")" '{
			print; want *= 0.002; if ($10 != "0.000" && $10 > 0.001) exit 1; exit !($8 >= want && $8 <= want + 0.005) }' "$work/ping"
	done
}

@test "two hosts at 10 Gbit/s over 50 us: what 1,514-byte frames leave, for TCP and for Multipath TCP over two such paths" {
	big='for n in a b; do ip netns exec $n sysctl -qw net.ipv4.tcp_wmem="4096 4194304 33554432" net.ipv4.tcp_rmem="4096 4194304 33554432"; done'
	RATE=10gbit DELAY=50us LIMIT=10000 guest "hosts; $big; transfer 1 --omit 0" | jq -e '.end.sum_received.bits_per_second / 1e10 / (1448 / 1514) >= 0.98'
	RATE=10gbit DELAY=50us LIMIT=10000 PATHS=2 guest "hosts; $big; multipath; WRAP='mptcpize run'; transfer 1" |
		jq -e '.end.sum_received.bits_per_second / 2e10 / (1448 / 1514) >= 0.96'
}

@test "minutes of silence cost nothing" {
	guest 'sleep 3600; cat /proc/uptime' | awk '{ exit !($1 >= 3600) }'
	jq -e '.virtual_s >= 3600 and .cpu_s < 30' "$work/result.json"
}

@test "LIA, OLIA and BALIA are in the kernel, and windows grow as their formulas say" {
	sed '/^services:/d; /coupled: {run:/d' tests/system/congestion/growth.yaml >"$work/growth.yaml"
	guest --seed 3 "liquidnet run $work/growth.yaml --results $work"
	for name in reno lia olia balia; do
		/usr/bin/python3 -I tests/system/congestion/growth.py $name "$work"/growth/latest/trials/*-only-$name-1/client.log
		jq -se "any(.procedure == \"$name\" and .status == \"valid\" and .verdict.congestion.nodes.multi.seen.$name == 4)" "$work/growth/latest/trials.jsonl"
	done
}

@test "a netem qdisc takes a seed, and keeps all else" {
	guest 'ip link add v type dummy && tc qdisc add dev v root netem delay 5ms 1ms loss 2% rate 1mbit limit 77 &&
		tc qdisc show dev v >'"$work"'/before && liquidnet-virtual netem-seed v 4711 && tc qdisc show dev v >'"$work"'/after
		liquidnet-virtual netem-seed lo 1; echo $? >'"$work"'/lo' 2>"$work/errors"
	[ -s "$work/before" ]
	cmp "$work/before" "$work/after"
	[ "$(<"$work/lo")" = 1 ]
	grep -q 'lo: no netem' "$work/errors"
	# Same drops under other seeds of the guest.
	for seed in 1 2; do
		LOSS=20 guest --seed $seed 'hosts; ip netns exec a liquidnet-virtual netem-seed a1 4711; ip netns exec a ping -c 50 -i 0.01 10.0.1.2 | grep -o "icmp_seq=[0-9]*"' >"$work/drops.$seed"
	done
	[ "$(wc -l <"$work/drops.1")" -lt 50 ]
	cmp "$work/drops.1" "$work/drops.2"
}

@test "bad words, a missing kernel and a machine too small are one line and status 2" {
	while read -r words; do
		# shellcheck disable=SC2086 # words they are
		run --separate-stderr liquidnet-virtual $words
		[ "$status" = 2 ]
		[ "${#stderr_lines[@]}" = 1 ]
	done <<-'EOW'
		run --memory 5 -- true
		run --out /nonexistent -- true
		run --clock wall -- true
		run --cpu 0 -- true
		run --seed x -- true
		run
		frobnicate
		netem-seed lo
	EOW
	run --separate-stderr env LIQUIDNET_VIRTUAL=/nonexistent liquidnet-virtual run -- true
	[ "$status" = 2 ]
	[[ $stderr == *"make virtual"* ]]
	run liquidnet-virtual check --memory 65536
	[ "$status" = 1 ]
	[ "$(grep -c '^no ' <<<"$output")" = 1 ]
}

@test "with --tsc programs read virtual time from the time-stamp counter, however calls are intercepted; it moves while one waits for it" {
	${CC:-gcc} -x c -o "$work/counter" - <<-'EOC'
		#include <stdio.h>
		#include <x86intrin.h>
		int main(void)
		{
			unsigned a;
			unsigned long long x = __rdtsc(), y = __rdtscp(&a), z;
			while ((z = __rdtsc()) - x < 2000)
				;
			printf("%llu %llu %llu\n", x, y, z);
		}
	EOC
	for intercept in seccomp ptrace; do
		guest --tsc --intercept $intercept "$work/counter" | awk '{ print; exit !($1 > 0 && $1 < 1e9 && $2 >= $1 && $2 - $1 < 10000 && $3 - $1 < 10000) }'
	done
}

@test "a person at a terminal has it, and virtual time does not run away" {
	start=$(date +%s%N)
	run script -qec "liquidnet-virtual run --interactive -- sh -c 'tty; sleep 1; exit 5'" /dev/null </dev/null
	[ "$status" = 5 ]
	[[ $output == */dev/tty0* ]] # script(1) may say first that its own input has ended
	[ $(($(date +%s%N) - start)) -ge 1000000000 ]
	run --separate-stderr liquidnet-virtual run --interactive -- true </dev/null
	[ "$status" = 2 ]
}

# bound PID: the processor that its guest is bound to, once it is.
bound() {
	local child list
	for ((i = 0; i < 400; i++)); do
		child=$(cat /proc/"$1"/task/*/children | cut -d' ' -f1)
		list=$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/${child:-none}/status" 2>/dev/null)
		[[ $list =~ ^[0-9]+$ ]] && { echo "$list"; return; }
		kill -0 "$1" || return 1
		read -rt 0.05 <> <(:) || :
	done
	return 1
}

@test "a free processor is one that no other guest has taken, of those that the caller may use" {
	[ "$(nproc)" -ge 2 ] || skip "there is one processor"
	spin() { exec liquidnet-virtual run --processor free -- bash -c 'while :; do :; done' >/dev/null 2>&1 3>&-; }
	spin & one=$!
	first=$(bound $one)
	(spin) & two=$!
	second=$(bound $two)
	# Other kernels of virtual time may run on this machine: when all are taken one of them serves.
	[ "$first" != "$second" ] || fuser -s /run/liquidnet/virtual-processor-*.lock
	# Whoever may use one only has that one.
	(taskset -cp "$first" $BASHPID >/dev/null; spin) & three=$!
	[ "$(bound $three)" = "$first" ]
	kill -KILL $one $two $three
	wait $one $two $three || :
	run liquidnet-virtual run --processor nine -- true
	[ "$status" = 2 ]
	[[ $output == *"no processor (a number, or free): nine"* ]]
}
