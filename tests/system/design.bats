#!/usr/bin/env bats
# Designs from the command line, those that are committed, and the experiments that use them: nothing is run.
# May run beside others.
# shellcheck disable=SC2154 # run's variables

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	programs=${BUILD:-build}/bin
	case $programs in /*) ;; *) programs=$PWD/$programs ;; esac
	PATH=$programs:$PATH
	work=$BATS_TEST_TMPDIR
	designs=experiments/pooling/designs
	two=c1,rtt1,q1,c2,rtt2,q2
	export PATH
}

@test "the designs of the experiments are those that their heads say, to the byte" {
	local seed
	for seed in 1 2 3 4 5; do
		liquidnet design wsp --columns "$two" --points 200 --seed $seed | cmp - "$designs/two-paths-200-$seed.csv"
	done
	for seed in 1 2; do
		liquidnet design wsp --columns c1,rtt1,q1,l1,c2,rtt2,q2,l2 --points 200 --seed $seed | cmp - "$designs/lossy-paths-200-$seed.csv"
	done
	for seed in 1 5; do
		liquidnet design wsp --columns "$two,c3,rtt3,q3" --points 400 --seed $seed | cmp - "$designs/ring-400-$seed.csv"
	done
}

@test "how points lie: wider apart than by chance, and each column uniform" {
	liquidnet design check "$designs/two-paths-200-1.csv" >"$work/check"
	awk '/these/ { least = $2; mean = $3 } /drawn/ { exit !(least > 3 * $2 && mean > 1.2 * $3) }' "$work/check"
	awk '/^(c|rtt|q)[12]/ { n++; if ($5 > 0.1) exit 1 } END { if (n != 6) exit 1 }' "$work/check"
	local way
	for way in lhs sobol; do
		liquidnet design $way --columns a,b --points 64 >"$work/$way.csv"
		[ "$(grep -vc '^#' "$work/$way.csv")" = 65 ]
		liquidnet design check "$work/$way.csv" >/dev/null
	done
	[ "$(liquidnet design grid --columns a,b --levels 4 | grep -vc '^#')" = 17 ]
}

@test "points of others, in their own units" {
	printf 'bandwidth,delay,name\n0.1,25,x\n100,0,y\n' >"$work/others.csv"
	run liquidnet design points "$work/others.csv" --range delay=0..50 --range bandwidth=0.1..100
	[ "${lines[-3]}" = delay,bandwidth ]
	[ "${lines[-2]}" = 0.500000,0.000000 ]
	[ "${lines[-1]}" = 0.000000,1.000000 ]
	run liquidnet design points "$work/others.csv" --range delay=0..20
	[ "$status" = 2 ]
	[ "$output" = "liquidnet design: $work/others.csv:2: delay is 25, outside of 0 to 20" ]
}

@test "what cannot be a design is refused in one line" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		run liquidnet design $words
		[ "$status" = 2 ] && [ ${#lines[@]} = 1 ] || { echo "$words: $output"; return 1; }
	done <<-'END'
		wsp --points 20
		wsp --columns a,a --points 20
		wsp --columns a-b --points 20
		wsp --columns a,b --points 200 --candidates 100
		wsp --columns a,b --points 20 --metric chess
		grid --columns a,b --points 20
		points /dev/null
		check /nonexistent
		check /dev/null
		magic --columns a
	END
}

@test "the experiments are whole: points, procedures, expressions" {
	# configurations, points of 1.5 Mbit/s at least
	[ "$(liquidnet run pooling-low --dry-run --trials 1 --clock virtual | grep -c autotuned-4m)" = 201 ]
	[ "$(liquidnet run pooling-high --dry-run --trials 1 --clock virtual | grep -c autotuned-4m)" = 201 ]
	[ "$(liquidnet run pooling-loss --dry-run --trials 1 --clock virtual | grep -c uncoupled)" = 201 ]
	[ "$(liquidnet run pooling-sensitivity --dry-run --trials 1 --clock virtual | grep -c autotuned-4m)" = 1002 ]
	[ "$(liquidnet run balance-design --dry-run --trials 1 --clock virtual | grep -c olia)" = 395 ]
	[ "$(liquidnet run balance-high --dry-run --trials 1 --clock virtual | grep -c olia)" = 395 ]
	[ "$(liquidnet run balance-sensitivity --dry-run --trials 1 --clock virtual | grep -c lia)" = 2005 ]
	[ "$(liquidnet run slow-start-point --dry-run --trials 1 --clock virtual | grep -c 4m)" = 4 ]
	[ "$(liquidnet run slow-start --dry-run --trials 1 --clock virtual | grep -c fixed-4m)" = 201 ]
	[ "$(liquidnet run pooling-buffers --dry-run --trials 1 --clock virtual | grep -c autotuned-32m)" = 201 ]
}

# Client and router are joined by a bare link: what comes over it must be packets of the wire, or netem loses and queues several as one.
@test "netem behind a bare link loses packets, not super-packets" {
	liquidnet-virtual check >"$work/check" || skip "no virtual time here: $(grep '^no' "$work/check" | head -n 1)"
	[ "$(id -u)" = 0 ] || skip "needs root"
	liquidnet run pooling-loss --clock virtual --trials 1 --jobs 1 --procedures autotuned-4m --only p000 --results "$work/results" >"$work/log" 2>&1
	jq -es 'length == 1 and (.[0] | .status == "valid" and .links.a2.forward.packets > 5000)' "$work/results/pooling-loss/latest/trials.jsonl"
}
