#!/usr/bin/env bats
# What several paths cost a host: a trial of each experiment shows what its row of the scorecard is of. In virtual time, where a figure is one.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # run's variables; functions are called by name

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	built=${BUILD:-$PWD/build}
	case $built in /*) ;; *) built=$PWD/$built ;; esac
	PATH=$built/bin:$PATH
	export PATH
	work=$BATS_TEST_TMPDIR
}

virtual() {
	liquidnet-virtual check >"$work/check" || skip "no virtual time here: $(grep '^no' "$work/check" | head -n 1)"
}

# trial EXPERIMENT CONFIGURATION PROCEDURES
trial() {
	liquidnet run "$1" --clock virtual --trials 1 --jobs 1 --only "$2" --procedures "$3" --results "$work/results" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	records=$work/results/$1/latest/trials.jsonl
	jq -es 'length > 0 and all(.status == "valid")' "$records" || {
		jq -c '{procedure, status, reasons}' "$records"
		return 1
	}
}

@test "assessment: the plans" {
	[ "$(liquidnet run host-mss --dry-run --trials 1 | grep -c ' mptcp-2-checksum ')" = 12 ]
	[ "$(liquidnet run host-reorder --dry-run --trials 1 | grep -c ' mptcp-2 ')" = 8 ]
	[ "$(liquidnet run short-flows --dry-run --trials 1 | grep -c ' mptcp-late ')" = 26 ]
	[ "$(liquidnet run ecmp-ports --dry-run --trials 1 | grep -c ' fabric ')" = 5 ]
	[ "$(liquidnet run failure --dry-run --trials 1 | grep -c ' mptcp-backup ')" = 6 ]
}

@test "failure: nothing arrives for 1 to 3 timeouts with two subflows, until the path is back with one" {
	virtual
	trial failure rtt-20-stale-4 tcp,mptcp-2,mptcp-backup
	jq -es 'all(.[] | select(.procedure != "tcp") | .measures["in-rto"]; . > 0.5 and . < 5) and
		all(.[] | select(.procedure == "tcp") | .measures.gap; . >= 8)' "$records"
	# The gap is where the path failed: ten seconds after the sender's start, within a second of which the transfer begins.
	jq -e '.gap_at > 8.5 and .gap_at < 10.5' "$work"/results/failure/latest/trials/*mptcp-2*/server.out
}

@test "short-flows: two subflows at once, and only when 64 KB have come" {
	virtual
	trial short-flows rtt-20-s22 tcp,mptcp-2,mptcp-late
	# 22 segments are 31 KB: ten transfers, of which hardly one ends before its join; none comes late.
	jq -es 'map({(.procedure): .measures.joins}) | add | .tcp == 0 and .["mptcp-2"] >= 8 and .["mptcp-late"] == 0' "$records"
	trial short-flows rtt-20-s4642 tcp,mptcp-2,mptcp-late
	jq -es 'map({(.procedure): .measures}) | add | .["mptcp-late"].joins == 10 and
		.["mptcp-2"].total < .tcp.total and .["mptcp-late"].total < .tcp.total' "$records"
}

# What one trial carries is a matter of luck: hashing. Whether subflows bring anything, ten trials say.
@test "ecmp-ports: eight of twelve pairs have several paths; four subflows of each address pair" {
	virtual
	trial ecmp-ports fabric mptcp-4
	jq -es 'all(.measures | .several == 8 and .paths > 1.6 and .paths < 1.7)' "$records"
	# Three more subflows of iperf3's control connection, and of its data's. Within an edge there is one path for all four.
	jq -es 'all(.measures | .joins == 6 and .within > 8 and .within < 9.5 and .least > 1)' "$records"
}

@test "host-reorder: of two equal paths most early segments belong at the end of the queue" {
	virtual
	trial host-reorder same-delay-same-rate mptcp-2
	jq -es 'all(.measures.early > 100 and .measures.shortcuts >= 80)' "$records"
	# The rows are made of these folders.
	run python3 experiments/assessment/scorecard.py "$work/results/host-reorder/latest"
	[ "$status" = 0 ]
	grep -Eq '^\| shortcuts, same-delay-same-rate \| 1 \| [0-9.]+ % \| .* \| >= 80 \| same \|$' <<<"$output"
}

@test "host-mss: what a small frame carries" {
	virtual
	trial host-mss hundred-mtu-576 tcp,mptcp-2
	jq -es 'all(.[] | select(.procedure == "tcp") | .measures["of-tcp"]; . > 98 and . <= 100.5)' "$records"
	jq -es 'all(.[] | select(.procedure == "mptcp-2") | .measures["of-mptcp"]; . > 190 and . <= 201)' "$records"
}

@test "hashing: random choices of two cores, counted out" {
	run python3 experiments/assessment/hashing.py
	[ "$status" = 0 ]
	# One flow a pair: by hand, two flows share an uplink or a downlink in half of the cases each.
	[ "${lines[1]}" = 1,0.6250,0.0000,0.5039 ]
	[ "${#lines[@]}" = 5 ]
}

@test "scorecard: a folder of something else is refused" {
	mkdir -p "$work/core-limited/latest"
	run --separate-stderr python3 experiments/assessment/scorecard.py "$work/core-limited/latest"
	[ "$status" = 1 ]
	[[ $stderr == *"is no results folder of host-mss"* ]]
}
