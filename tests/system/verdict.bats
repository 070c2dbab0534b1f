#!/usr/bin/env bats
# The verdict cannot be fooled: trials that are disturbed on purpose, and numbers that a tool prints which are not what they seem.
# Trials make their own sandboxes; what disturbs them is in disturb.

# shellcheck disable=SC2154,SC2016 # stderr is bats'; names of experiments are not the shell's

bats_require_minimum_version 1.5.0
load machine

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# variant SED...: disturbed.yaml, edited, as $file.
variant() {
	mkdir -p "$work/variant"
	file=$work/variant/disturbed.yaml
	sed "$@" tests/system/disturbed.yaml >"$file"
	! diff -q tests/system/disturbed.yaml "$file"
}

# trial PROCEDURE [OPTION...]: one trial of $file; its record in $record.
trial() {
	liquidnet run "$file" --procedures "$1" --results "$work/results" "${@:2}" >"$work/out" 2>&1 || true
	record=$work/results/disturbed/latest/trials.jsonl
	jq -c '[.status, .reasons, .measures]' "$record"
}

# says STATUS TEXT: the verdict, and one of its reasons.
says() { jq -es --arg status "$1" --arg text "$2" '.[-1] | .status == $status and (.reasons | any(contains($text)))' "$record" >/dev/null; }

disturbed() { # COUNT KIND...: none whose result is off counts as valid
	local count=$1
	shift
	for kind in "$@"; do
		tests/system/disturb "$kind" "$count" $((SECONDS + 18)) 3>&- >>"$work/disturbed" || { echo "$kind could not be done"; return 1; }
	done
	tests/system/disturb --table "$work/undisturbed" "$work/disturbed"
	[ "$(tests/system/disturb --table "$work/undisturbed" "$work/disturbed" | awk -F '|' '$2 ~ /all disturbed/ { print $5 + 0 }')" = 0 ]
}

undisturbed() { # COUNT: of each procedure
	liquidnet run tests/system/disturbed.yaml --trials "$1" --results "$work/results" >"$work/out" 2>&1 || true
	cp "$work/results/disturbed/latest/trials.jsonl" "$work/undisturbed"
}

@test "a trial whose result a disturbance changed never counts as valid" {
	wheel_serves
	undisturbed 3
	disturbed 1 program_stopped helper_stopped sandbox_stopped sandbox_frozen link_stopped burst daemon_killed network_killed observer_killed
}

@test "long: 200 disturbed trials beside 200 undisturbed" {
	[ -n "${LONG:-}" ] || skip "long: tests/run --long verdict.bats"
	wheel_serves
	undisturbed 100
	mapfile -t kinds < <(tests/system/disturb --kinds)
	disturbed $((200 / ${#kinds[@]} + 1)) "${kinds[@]}"
	# At most one in a hundred of those that nobody disturbed is rejected.
	[ "$(jq -s 'map(select(.status == "invalid" or .status == "failed")) | length' "$work/undisturbed")" -le 2 ]
}

@test "a background program that ends before its time fails the trial" {
	variant 's|run: \[ping, -i, 0.2, .*\]}|run: [ping, -c, 1, "${address:server/backbone}"]}|'
	trial plain
	says failed "beside ended with exit status 0 before the workload did"
	variant 's|run: \[ping, -i, 0.2, .*\]}|run: [iperf3, -u, -c, "${address:server/backbone}", -p, 5999], ends: true}|'
	trial plain
	says failed "beside ended with exit status 1"
}

@test "a daemon's child process that ends fails the trial, unless the daemon says that it may" {
	# Its child waits for three seconds, it for ever.
	variant -e '/^daemons:/a \  helper: {node: server, run: [bash, -c, "exec 3<> <(:); (read -t 3 -u 3; :) \& echo READY; read -u 3"], ready: {output: READY}}' \
		-e 's/plain: {workload: download,/plain: {workload: download, daemons: [helper],/'
	trial plain
	says failed "process bash ended"
	sed -i 's/ready: {output: READY}/&, workers: true/' "$file"
	trial plain
	jq -es '.[-1] | .status != "failed" and (.verdict.watch.ended | any(.name == "bash"))' "$record" >/dev/null
}

# The first try comes before anybody listens; its reset tells nothing about the protocol of the connection that carries the data.
@test "a connection that was refused is not judged; the one that carries the data is" {
	variant -e 's|run: \[iperf3, -s|run: [mptcpize, run, iperf3, -s|' -e 's|expect: {protocol: tcp|expect: {protocol: mptcp|' \
		-e 's#run: \[iperf3, -c, "${with.to}", -p, "${with.port}", -J, -t, 3\]#run: [sh, -c, "! mptcpize run iperf3 -c ${with.to} -p 5999 >/dev/null \&\& exec mptcpize run iperf3 -c ${with.to} -p ${with.port} -J -t 3"]#'
	trial plain
	[ "$(jq -sr '.[-1].status' "$record")" = valid ]
	sed -i 's|exec mptcpize run iperf3|exec iperf3|' "$file"
	trial plain
	says failed "plain TCP"
}

@test "what iperf3 omits does not count" {
	# Slow start over 200 ms of delay, then three seconds at the link's rate: of a window that the queue holds, for what is lost comes in a burst.
	variant 's/delay: 5ms, queue: 50/delay: 100ms, queue: 400/; s/-J, -t, 3\]/-J, -t, 3, -O, 3, -w, 700K]/; s/, -J, -i, 0.5, --forceflush/, -J, --forceflush/; s/window: \[0.9, 3.1\]/window: [0, 3.2]/'
	trial plain
	jq -es '.[-1].measures.goodput | . > 7.3 and . < 7.8' "$record"
}

@test "a capture measure that names no flows has no value where several carry data" {
	variant 's/, flows: {port: 5201}//; s/-J, -t, 3\]/-J, -t, 3, -P, 4]/'
	trial plain
	says failed "shows 4 connections that carry data; name those that are meant, which are added up: flows: {port: 5201}"
	variant 's/-J, -t, 3\]/-J, -t, 3, -P, 4]/'
	trial plain
	jq -es '.[-1].measures | .capture > 7.2 and .capture < 8' "$record"
	variant 's/, flows: {port: 5201}//; s/-J, -t, 3\]/-J, -t, 3, -u, -b, 5M]/; s/, expect: {protocol: tcp, at: [^}]*}//'
	trial plain
	says failed "beside a connection of"
	variant 's/flows: {port: 5201}/flows: {port: 5201, protocol: udp}/; s/-J, -t, 3\]/-J, -t, 3, -u, -b, 5M]/; s/, expect: {protocol: tcp, at: [^}]*}//'
	trial plain
	jq -es '.[-1].measures | .capture > 4.8 and .capture < 5.2' "$record"
}

@test "a share without a unit is refused, and nothing is started" {
	for share in 1 0.5; do
		variant "s/queue: 50/queue: 50, loss: $share/"
		run --separate-stderr liquidnet run "$file" --results "$work/none"
		[ "$status" -eq 2 ]
		[[ $stderr == *"\`loss: $share\` is no share; write per cent, as in 0.5% (from 0% to 100%)" ]]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
		[ ! -e "$work/none" ]
	done
	variant 's/queue: 50/queue: 50, loss: 1%/'
	liquidnet run "$file" --dry-run >/dev/null
}
