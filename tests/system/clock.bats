#!/usr/bin/env bats
# --clock: experiments whose trials have kernels of their own, in virtual time. What the kernels themselves promise is in virtual.bats.
# One trial of each kind runs here; they need the kernel (make virtual), and are skipped by name where there is none.
# shellcheck disable=SC2154 # run's variables

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	liquidnet-virtual check >"$work/check" || skip "no virtual time here: $(grep '^no' "$work/check" | head -n 1)"
	[ "$(id -u)" = 0 ] || skip "needs root"
	experiment=tests/system/clock.yaml
}

# runs OPTION...: the experiment's two trials, into $work/results
runs() { liquidnet run "$experiment" --results "$work/results" "$@"; }
records=clock/latest/trials.jsonl

# refused TEXT COMMAND...: status 2, one line with TEXT, no results
refused() {
	local text=$1
	shift
	run --separate-stderr "$@" --results "$work/nothing"
	echo "status $status: $stderr"
	[ "$status" = 2 ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"$text"* ]]
	[ ! -e "$work/nothing" ]
}

@test "trials in virtual time: valid, at the rate of the links, with captures; the record says which clock and which kernel" {
	runs --clock virtual
	jq -se 'length == 2 and all(.status == "valid" and .verdict.clock == "virtual" and .kernel.end == "exited" and .kernel.virtual_s > 3)' "$work/results/$records"
	# 9.56 and twice that are what 10 Mbit/s of 1514-byte frames carry; two of three seconds are TCP's start
	jq -se 'map({(.procedure): .measures.goodput}) | add | .tcp > 9.3 and .tcp < 9.57 and .mptcp > 17.5 and .mptcp < 19.13' "$work/results/$records"
	jq -se 'all(.verdict.probe.max_ms <= 0.1)' "$work/results/$records"
	[ "$(jq -r .environment.kernel.build.key "$work/results/clock/latest/provenance.json")" = "$(liquidnet-virtual manifest | sed -n 's/^key //p')" ]
	[ -s "$work"/results/clock/latest/trials/0001-*/server-a2.pcap ]
	# Nothing of the kernels' own stays in the results but what they said.
	[ -z "$(find "$work/results" -name '.kernel-*')" ]
}

@test "rerun gives the same trials, to the byte, and says so; what differs is named" {
	runs --clock virtual
	run liquidnet rerun "$work/results/clock/latest" --trust --results "$work/again"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"identical: 2 of 2 trials"* ]]
	cmp "$work"/results/clock/latest/trials/0001-*/server-a2.pcap "$work"/again/clock/latest/trials/0001-*/server-a2.pcap
	printf x >>"$(echo "$work"/results/clock/latest/trials/0001-*/client.out)"
	run liquidnet rerun "$work/results/clock/latest" --trust --results "$work/third"
	echo "$output"
	[[ $output == *"identical: 1 of 2 trials"*client.out* ]]
}

@test "where the processor's time counts the trials are valid, too" {
	runs --clock virtual-cpu
	jq -se 'length == 2 and all(.status == "valid" and .verdict.clock == "virtual-cpu")' "$work/results/$records"
}

@test "the experiment's own key chooses the clock, the option overrules it" {
	sed 's/^title/clock: virtual\ntitle/' $experiment >"$work/clock.yaml"
	experiment=$work/clock.yaml
	liquidnet run "$experiment" --dry-run | grep -x 'clock: virtual .*'
	run liquidnet run "$experiment" --dry-run --clock real
	[ "$status" = 0 ]
	[[ $output != *clock:* ]]
}

@test "coupled congestion control needs no daemon of BPF: LIA is in that kernel, and on the wire's sockets" {
	sed 's/^settings:/congestion: lia\nsettings:/' $experiment >"$work/clock.yaml"
	liquidnet run "$work/clock.yaml" --clock virtual --results "$work/results"
	jq -se 'any(.procedure == "mptcp" and .status == "valid" and ([.verdict.congestion.nodes[].seen.lia // 0] | add) >= 2)' "$work/results/$records"
}

@test "a tunnel: OpenVPN's keys are its own, its rate is that of the link" {
	liquidnet run core-limited --clock virtual --trials 1 --procedures tcp-vpn --results "$work/results"
	jq -se 'length == 1 and all(.status == "valid" and .measures.receiver > 9.2 and .measures.receiver < 9.4)' "$work"/results/core-limited/latest/trials.jsonl
}

@test "a shell's command runs in the network, in virtual time" {
	start=$(date +%s)
	run --separate-stderr liquidnet shell $experiment --clock virtual --node client -- sh -c 'sleep 300; ping -qc 2 -i 0.2 10.1.2.2 | tail -n 1'
	echo "$output $stderr"
	[ "$status" = 0 ]
	[[ $output == "rtt min/avg/max/mdev = "* ]]
	[ $(($(date +%s) - start)) -lt 200 ]
}

# all that starts with the given process
family() {
	local child
	echo "$1"
	# shellcheck disable=SC2013 # words they are
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done
}

@test "SIGKILL of the harness: no kernel stays, no memory, and --resume goes on" {
	liquidnet run $experiment --results "$work/results" --clock virtual --trials 3 >"$work/out" 2>&1 &
	harness=$!
	until grep -qs valid "$work/results/$records"; do read -rt 0.05 <> <(:) || :; done
	mapfile -t all < <(family $harness)
	kill -KILL $harness
	wait $harness || :
	for pid in "${all[@]}"; do
		for _ in $(seq 200); do
			[ -e "/proc/$pid" ] || break
			read -rt 0.05 <> <(:) || :
		done
		[ ! -e "/proc/$pid" ]
	done
	[ -z "$(find /dev/shm -newer "$work/check" -name '*vm_file*')" ]
	runs --resume="$work/results/clock/latest"
	jq -se 'map(select(.status == "valid")) | length == 6' "$work/results/$records"
}

@test "bad input: an unknown clock, a setting that kernel lacks, no kernel, one without the right to trace: one line, status 2" {
	refused "--clock wants real, virtual or virtual-cpu, not wall" runs --clock wall
	sed 's/^title/clock: warp\ntitle/' $experiment >"$work/clock.yaml"
	refused "clock.yaml:3: no clock \`warp\`; write real, virtual or virtual-cpu" liquidnet run "$work/clock.yaml"
	sed 's/^title/host: {net.ipv4.nonsense: 1}\ntitle/' $experiment >"$work/clock.yaml"
	refused "clock.yaml:3: the kernel of virtual time, in which trials run, has no setting net.ipv4.nonsense" liquidnet run "$work/clock.yaml" --clock virtual
	refused "run \`make virtual\`" env LIQUIDNET_VIRTUAL=/nonexistent liquidnet run $experiment --clock virtual
	# Neither ptrace nor the filter that user-mode Linux installs: what some containers do.
	${CC:-gcc} -x c -o "$work/confined" - -lseccomp <<-'EOC'
		#include <errno.h>
		#include <seccomp.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
			(void)argc;
			seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ptrace), 0);
			seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, 22));
			if (seccomp_load(filter) < 0)
				return 1;
			execvp(argv[1], argv + 1);
			return 127;
		}
	EOC
	refused "neither ptrace nor seccomp filters are allowed here" "$work/confined" liquidnet run $experiment --clock virtual
}

@test "bad input: too little memory for one kernel: one line, status 2" {
	command -v bwrap >/dev/null || unshare -m true || skip "no mount namespaces here"
	# /proc/meminfo is where it is read.
	sed 's/^MemAvailable:.*/MemAvailable: 100000 kB/' /proc/meminfo >"$work/meminfo"
	run --separate-stderr unshare -m sh -c "mount --bind $work/meminfo /proc/meminfo && exec liquidnet run $experiment --clock virtual --results $work/nothing"
	echo "$stderr"
	[ "$status" = 2 ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"97 MiB available, 1024 needed"* ]]
}
