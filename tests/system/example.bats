#!/usr/bin/env bats
# The example of docs/experiments.md: a system moves in, is built, runs, is measured, and moves out again. It touches no file
# but its own.
bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	[ "$(id -u)" = 0 ] || skip "needs root"
	built=${BUILD:-$PWD/build}
	work=$BATS_TEST_TMPDIR
}

@test "a system that comes and goes touches no file but its own" {
	mkdir "$work/tree"
	git ls-files --cached --others --exclude-standard | tar -cf - -T - | tar -xf - -C "$work/tree"
	cp -a "$built" "$work/tree/build"
	cd "$work/tree"
	cp -R docs/example/nodes docs/example/experiments .
	BUILD=build make --no-print-directory build >"$work/make.log" 2>&1
	build/bin/liquidnet list | grep -q '^hello '
	build/bin/liquidnet doctor hello | grep -q '^ok *liquidnet-hello *built'
	# On a busy machine trials do not count; none may fail.
	build/bin/liquidnet run hello --results "$work/results" >"$work/table" || [ $? = 1 ]
	cat "$work/table"
	grep -q 'what waiting costs' "$work/table"
	jq -se 'all(.status != "failed") and (map([.configuration, .procedure, .repeat]) | unique | length) == 8' \
		"$work"/results/hello/latest/trials.jsonl
	# Three askers of fifty in the larger network, and none of the slow ones is sooner than the server waits.
	jq -se 'map(select(.configuration == "four").samples.rtt | length) | unique == [150]' "$work"/results/hello/latest/trials.jsonl
	jq -se 'map(select(.procedure == "slow").samples.rtt[]) | min > 6' "$work"/results/hello/latest/trials.jsonl
	# What it needs goes with the results: the report is made again from them alone.
	build/bin/liquidnet report "$work"/results/hello/latest >"$work/again"
	grep -q 'what waiting costs' "$work/again"
	rm -r nodes/hello experiments/hello
	BUILD=build make --no-print-directory build >"$work/make.log" 2>&1
	run ! grep -q '^hello ' <(build/bin/liquidnet list)
}

@test "the page of the example shows its files as they are" {
	# Every block of docs/experiments.md that is said to be a part of a file of the example is one.
	awk '/^<!-- docs\/example\// { file = $2 } /^```/ { inside = !inside; if (!inside) file = ""; next }
		inside && file { print file "\t" $0 }' docs/experiments.md >"$work/shown"
	[ "$(wc -l <"$work/shown")" -gt 20 ]
	while IFS=$'\t' read -r file line; do
		grep -qxF -- "$line" "$file" || { echo "$file has no line: $line"; false; }
	done <"$work/shown"
}
