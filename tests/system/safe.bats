#!/usr/bin/env bats
# Runs that are not lost: a disk that fills up, a terminal that goes, results that are not as they should be, a part of the plan.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # stderr is bats'; functions are called by name, inside

bats_require_minimum_version 1.5.0
load machine

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	quick=tests/system/data/quick.yaml
	latest=$work/results/quick/latest
	export work quick latest PATH
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# counted STATUS...: exit statuses with which a run has ended by itself: on a late machine trials do not count.
counted() { [ "$status" -le 1 ]; }

# A trial of this experiment leaves 1 MB.
heavy() {
	sed 's/^experiment: quick/experiment: heavy/; s/^jobs: 2/jobs: 1\nretries: 0/; s/^trials: 10/trials: 4/;
		s/"ping -q/"head -c 1000000 \/dev\/zero >\&2; ping -q/' $quick >"$work/heavy.yaml"
	grep -q 'head -c 1000000' "$work/heavy.yaml"
}

fills_up() {
	set -eEuo pipefail
	mkdir -p "$work/small"
	mount -t tmpfs -o size=4500k tmpfs "$work/small"
	local status=0
	liquidnet run "$work/heavy.yaml" --only plain --results "$work/small" >"$work/out" 2>"$work/err" || status=$?
	cat "$work/out" "$work/err" >&2
	[ "$status" = 1 ]
	grep -q 'the disk is full: .* MB are free, .* MB are needed; make room' "$work/err"
	grep -q "go on with: liquidnet run $work/heavy.yaml --resume=$work/small/heavy/" "$work/out"
	# Some trials ran, and none has failed for it.
	jq -es 'length >= 1 and length < 4 and all(.[]; .status != "failed")' "$work/small/heavy/latest/trials.jsonl" >&2
	# Nothing was lost: with room it goes on, and every trial is there in the end.
	mount -o remount,size=64m "$work/small"
	status=0
	liquidnet run "$work/heavy.yaml" --resume="$work/small/heavy/latest" >"$work/out" 2>&1 || status=$?
	[ "$status" -le 1 ]
	jq -es '[.[].repeat] | unique == [1, 2, 3, 4]' "$work/small/heavy/latest/trials.jsonl" >&2
	# Too little from the start: nothing is started.
	rm -rf "$work/small"/*
	mount -o remount,size=600k "$work/small"
	status=0
	liquidnet run "$work/heavy.yaml" --only plain --results "$work/small/x" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" = 2 ]
	grep -q "liquidnet run: $work/small/x: the disk is full" "$work/err"
	[ ! -e "$work/small/x/heavy" ]
}

@test "a disk that fills up stops the run with that cause; with room it goes on" {
	heavy
	unshare --mount bash -c "$(declare -f fills_up); fills_up"
}

@test "what failed is tried again by --resume" {
	run liquidnet run $quick --only plain --trials 2 --results "$work/results"
	counted
	jq -c '.status = "failed" | .attempt = 2 | .reasons = ["made up"]' "$latest/trials.jsonl" | head -n 1 >"$work/one"
	repeat=$(jq .repeat "$work/one")
	jq -c "select(.repeat != $repeat)" "$latest/trials.jsonl" | cat "$work/one" - >"$work/two"
	cp "$work/two" "$latest/trials.jsonl"
	run liquidnet run $quick --resume="$latest"
	echo "$output"
	counted
	jq -es "map(select(.repeat == $repeat and .attempt > 2 and .reasons != [\"made up\"])) | length >= 1" "$latest/trials.jsonl"
}

@test "nohup: a run outlives its terminal; without it SIGHUP stops it" {
	for ignored in yes no; do
		rm -rf "$work/results"
		if [ $ignored = yes ]; then
			(trap '' HUP; exec liquidnet run $quick --only plain --trials 4 --results "$work/results") >"$work/log" 2>&1 3>&- &
		else
			env --default-signal=HUP liquidnet run $quick --only plain --trials 200 --results "$work/results" >"$work/log" 2>&1 3>&- &
		fi
		pid=$!
		while [ ! -s "$latest/trials.jsonl" ] && kill -0 $pid; do read -rt 0.1 <> <(:) || :; done
		kill -HUP $pid
		status=0
		wait $pid || status=$?
		cat "$work/log"
		if [ $ignored = yes ]; then counted; else [ $status = 130 ]; fi
	done
}

@test "results go where they are told, folders and all; a latest that is no link is told of" {
	run --separate-stderr liquidnet run $quick --only plain --trials 1 --results "$work/not/there/yet"
	counted
	[ -s "$work/not/there/yet/quick/latest/trials.jsonl" ]
	mkdir -p "$latest/x"
	run --separate-stderr liquidnet run $quick --only slow-far --trials 1 --results "$work/results"
	counted
	[[ $stderr == *"quick/latest does not show this run: "*"; it is a folder, and no link: move it away"* ]]
	[ -z "$(find "$work/results" -name '.latest-*')" ]
	# Only what was planned is in the tables.
	echo "$output"
	[ "$(grep -cE '^  (plain|far|slow|slow-far)$' <<<"$output")" = 1 ]
	[ "$(grep -cE '^(slow|far|plain)' "$work/results/quick/2"*/summary.csv)" = 1 ]
}

@test "report, killed whenever it is, leaves no file of its own" {
	run liquidnet run $quick --only plain --trials 1 --results "$work/results"
	counted
	for ((i = 0; i < 30; i++)); do
		liquidnet report "$latest" >/dev/null 3>&- &
		pid=$!
		perl -e 'select(undef, undef, undef, rand(0.06))'
		kill -KILL $pid 2>/dev/null || :
		wait $pid || :
	done
	[ -z "$(find "$latest/" -maxdepth 1 -name '.*.??????')" ]
}

@test "with cron's PATH doctor says the same, and a run runs; so it does where /tmp is another" {
	run env -i PATH=/usr/bin:/bin HOME=/root "$(command -v liquidnet)" doctor
	echo "$output"
	[ "$output" = "$(liquidnet doctor)" ]
	run env -i PATH=/usr/bin:/bin HOME=/root "$(command -v liquidnet)" run $quick --only slow-far --trials 1 --results "$work/results"
	echo "$output"
	counted
	jq -es 'all(.[]; .status != "failed")' "$latest/trials.jsonl"
	# The project may itself lie below /tmp.
	run unshare --mount sh -c 'mount --bind "$PWD" /mnt && mount -t tmpfs tmpfs /tmp && mkdir -p "$PWD" && mount --bind /mnt "$PWD" && cd "$PWD" && liquidnet run "$1" --only slow-far --trials 1 --results /tmp/r &&
		jq -es "all(.[]; .status != \"failed\")" /tmp/r/quick/latest/trials.jsonl' - "$quick"
	echo "$output"
	counted
}

@test "what a user cannot try is not told of as if the kernel lacked it" {
	run su -s /bin/sh nobody -c "$(command -v liquidnet) doctor"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"be root: sudo liquidnet"* ]]
	[[ $output != *"use a kernel with CONFIG_VETH"* && $output != *"use a kernel with network"* ]]
}

@test "a program that a trial would not see is refused before it, with that reason" {
	printf '#!/bin/sh\n' >/tmp/liquidnet-hidden-tool
	chmod +x /tmp/liquidnet-hidden-tool
	sed 's|^    - name: client|    - {name: tool, node: client, run: [/tmp/liquidnet-hidden-tool]}\n&|' $quick >"$work/quick.yaml"
	run --separate-stderr liquidnet run "$work/quick.yaml" --dry-run
	rm /tmp/liquidnet-hidden-tool
	echo "$stderr"
	[ "$status" = 2 ]
	[[ $stderr == *"quick.yaml:"*"a trial does not see the host's /tmp and /run; put it elsewhere"* ]]
}
