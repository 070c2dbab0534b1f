#!/usr/bin/env bats
# --clock, what takes longer: a watchdog waits a minute, experiments with minutes of silence.
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

records=clock/latest/trials.jsonl

@test "a program that computes for ever fails its trial, and is named" {
	printf 'int main(void) { for (volatile int i = 0;; i++) ; }\n' | ${CC:-gcc} -x c -o "$work/spinner" -
	awk -v spinner="$work/spinner" '/name: client/ && !done { sub(/iperf3/, spinner); done = 1 } { print } END { print "retries: 0" }' $experiment >"$work/clock.yaml"
	run --separate-stderr liquidnet run "$work/clock.yaml" --clock virtual --procedures tcp --results "$work/results"
	echo "$stderr"
	jq -r '.status, .reason' "$work/results/$records" | tee "$work/why"
	grep -x failed "$work/why"
	grep -F 'spinner[' "$work/why"
}

@test "minutes of radio silence: kibbutz-energy takes a fraction of its time" {
	start=$(date +%s)
	liquidnet run kibbutz-energy --clock virtual --trials 1 --results "$work/results"
	wall=$(($(date +%s) - start))
	jq -se --argjson wall $wall 'all(.status == "valid") and (map(.kernel.virtual_s) | add | {wall: $wall, virtual: .} | debug | .virtual > 2 * .wall)' \
		"$work"/results/kibbutz-energy/latest/trials.jsonl
}
