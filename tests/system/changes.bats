#!/usr/bin/env bats
# Links that change while the workload runs, by each back end that is here: a transfer whose only path is down for two seconds.

# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load sandbox

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	results=$BATS_TEST_TMPDIR/results
}

outage() { # BACKEND
	liquidnet run handover --backend "$1" --only failure --dry-run >/dev/null 2>&1 || skip "this machine has no $1"
	liquidnet run handover --backend "$1" --only failure --procedures tcp --trials 1 --results "$results" || [ $? = 1 ]
	local run=$results/handover/latest
	# A trial that says of itself that the machine was too late for it is one, whatever the machine.
	if emulated || jq -es '.[-1] | .status == "invalid" and (.reasons | all(test("late|idle|waited|not run|not made in time")))' "$run/trials.jsonl" >/dev/null; then
		made_late "$1" "$run"
		return
	fi
	# Both were made in time, and the record says what the link became and when.
	jq -es '.[-1] | .status != "failed" and .changes.planned == 2 and .changes.made == 2 and .changes.latest_ms < 200
		and ([.changes.list[].at_s] == [4, 6]) and .changes.list[0].made_s >= 4
		and (.changes.list[0].forward | test("loss: 100%,")) and (.changes.list[1].reverse | test("loss: 0%,"))
		and .links.link2.backend == "'"$1"'"' "$run/trials.jsonl" >/dev/null || { jq -c '.status, .reasons, .changes' "$run/trials.jsonl"; false; }
	# Nothing arrived from 5 to 6 s; before and after, the link was full.
	jq -e '[.intervals[].sum | {at: (.start + 0.5 | floor), mbps: (.bits_per_second / 1e6)}] as $i
		| ($i[] | select(.at == 2) | .mbps > 9) and ($i[] | select(.at == 5) | .mbps < 0.1)
		and ($i[] | select(.at == 9) | .mbps > 9)' "$run"/trials/*/server.out
}

# Under software emulation changes come up to seconds late, and such trials are invalid: that they are made, in order, and that the
# path was gone for a while.
made_late() { # BACKEND RUN
	jq -es '.[-1] | .status != "failed" and .changes.made == 2 and (.changes.list | .[0].made_s < .[1].made_s
		and (.[0].forward | test("loss: 100%,")) and (.[1].reverse | test("loss: 0%,"))) and .links.link2.backend == "'"$1"'"' "$2/trials.jsonl"
	jq -e '[.intervals[].sum.bits_per_second / 1e6] | length > 8 and .[2] > 5 and (.[4:8] | min < 5)' "$2"/trials/*/server.out
}

@test "wheel: a path goes down and comes back" {
	wheel_serves
	outage wheel
}

@test "link daemon: a path goes down and comes back" { outage link; }

@test "netem: a path goes down and comes back" { outage netem; }

@test "what the wheel cannot change goes to the link daemon, and what nobody can is refused" {
	# `fading` changes rate and delay.
	run --separate-stderr liquidnet run handover --backend wheel --only fading --dry-run
	echo "$stderr"
	[ "$status" -eq 2 ]
	[[ $stderr == *"the wheel changes only its loss: for more use the link daemon"* ]]
	liquidnet run handover --backend link --only fading --dry-run
	# A change of what does not exist: one line, its place.
	cp experiments/detour/core-limited.yaml "$BATS_TEST_TMPDIR"
	sed 's/down: link2}/down: link9}/' experiments/detour/handover.yaml >"$BATS_TEST_TMPDIR/handover.yaml"
	run --separate-stderr liquidnet run "$BATS_TEST_TMPDIR/handover.yaml" --results "$results"
	[ "$status" -eq 2 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr == *"/handover.yaml:"*"no link \`link9\`"* ]]
	[ ! -e "$results" ]
}
