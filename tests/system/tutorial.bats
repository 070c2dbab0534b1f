#!/usr/bin/env bats
# docs/tutorial.md, word for word: every block of commands is run as it stands there, one after the other, in one shell.

# shellcheck disable=SC2016 # what is quoted is not the shell's

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ "${BUILD:-$PWD/build}" = "$PWD/build" ] || skip "the page builds into build/, and this is another one"
	work=$BATS_TEST_TMPDIR
}

@test "from nothing to an own experiment with a figure" {
	awk '/^```sh$/ { code = 1; print "# block " ++n; next } /^```/ { code = 0 } code' docs/tutorial.md >"$work/commands"
	[ "$(grep -c '^# block' "$work/commands")" -ge 10 ]
	grep -q '^liquidnet run mine$' "$work/commands"
	# A run on a busy machine ends with status 1: trials that do not count. That is no fault of the page; anything else is.
	{
		echo 'run() { command liquidnet "$@" || [ $? = 1 ]; }'
		echo 'liquidnet() { case $1 in run) run "$@" ;; *) command liquidnet "$@" ;; esac; }'
		cat "$work/commands"
	} >"$work/script"
	began=$SECONDS
	env -u BUILD -u MAKEFLAGS -u DISPLAY -u WAYLAND_DISPLAY -u BROWSER HOME="$work" bash -eu "$work/script" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; false; }
	echo "took $((SECONDS - began)) s"
	[ $((SECONDS - began)) -lt 900 ] # fifteen minutes
	cd "$work/first"
	# What the page promises: a table, a page, figures as files, and no trial that failed.
	grep -q 'Multipath TCP against TCP' "$work/log"
	[ -s results/mine/latest/report.html ]
	[ -s figures/figure-1.svg ]
	grep -q '<svg xmlns' figures/figure-1.svg
	jq -se 'length >= 12 and all(.status != "failed")' results/mine/latest/trials.jsonl
	jq -se 'map(.configuration) | unique == ["far", "plain"]' results/mine/latest/trials.jsonl
	# Multipath TCP uses both paths.
	jq -se 'map(select(.configuration == "plain")) | group_by(.procedure) | map({(.[0].procedure): (map(.measures.goodput) | add / length)})
		| add | .mptcp > 1.4 * .tcp' results/mine/latest/trials.jsonl
	# The mistake was told of with its place and the remedy.
	grep -q 'wrong/mine.yaml:[0-9]*: .*no link `b9` in topology twopaths; its links are' "$work/log"
}
