#!/usr/bin/env bats
# The table of `make compare-backends`, from results folders that are made up here: no trial runs.
# shellcheck disable=SC2154,SC2016 # bats sets stderr; jq's variables are its own

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	build=${BUILD:-$PWD/build}
	PATH=$build/bin:$PATH
	work=$BATS_TEST_TMPDIR
}

# records BACKEND EXPERIMENT PROCEDURES STATUS REASON MEASURES: three trials a procedure in core-limited; MEASURES in terms of $i.
records() {
	local folder=$work/$1/$2/20260102T030405Z
	mkdir -p "$folder"
	ln -sfn 20260102T030405Z "$work/$1/$2/latest"
	cp experiments/*/"$2.yaml" "$folder/experiment.yaml"
	cp experiments/detour/core-limited.yaml "$folder/"
	jq -cn --arg procedures "$3" --arg status "$4" --arg reason "$5" '
		($procedures / ",")[] as $p | range(1; 4) as $i | {configuration: "core-limited", procedure: $p, repeat: $i, attempt: 1,
		status: $status, reasons: (if $reason == "" then [] else [$reason] end), measures: '"$6"'}' >>"$folder/trials.jsonl"
	jq -n --arg name "$2" '{experiment: $name, cells: [], environment: {kernel: {release: "6.12"}}}' >"$folder/provenance.json"
}

@test "compare-backends: one table of throughput, delay and loss; what does not count is named with its reason" {
	rate='{receiver: (9.55 + $i / 100), sender: 9.6, capture: 9.57}' idle='{rtt: (20.1 + $i / 10), deviation: 0.1, lost: 0}'
	records netem@vm backends tcp valid "" "$rate"
	records netem@vm backends vpn invalid "waited for a processor, long" "$rate"
	records netem@vm backends-idle ping suspect "late" "$idle"
	for name in link wheel; do
		records $name backends tcp,vpn valid "" "${rate/9.55/9.45}"
		records $name backends-idle ping valid "" "$idle"
	done
	MEASURE=none vm/compare-backends nothing "$work" >"$work/out"
	cmp "$work/out" "$work/table.txt"
	grep -Eq '^ +netem@vm +link +wheel$' "$work/out"
	grep -Eq '^  tcp +Mbit/s +3 +9.57 +3 +9.47 +-0.10 +0.02 +lower +3 +9.47 +-0.10 +0.02 +lower$' "$work/out"
	grep -Eq '^  vpn +Mbit/s +0 +- +3 +9.47 +- +- +- ' "$work/out"
	grep -Eq '^  round trip +ms +3 +20.30\* +3 +20.30 +\+0.00 +0.23 +same ' "$work/out"
	grep -Eq '^  lost +% +3 +0.000\* +3 +0.000 +\+0.000 +0.000 +same ' "$work/out"
	[ "$(grep -c '^core-limited, vpn: of netem@vm none of 3 trials counts: waited for a processor, long$' "$work/out")" = 1 ]
	# What differs besides is kept.
	grep -q 'settings are the same' "$work/link-backends.txt"
	[ -s "$work/wheel-backends-idle.html" ]
	# One of the two is not there; a name that is none.
	MEASURE=none BACKENDS='netem@vm link gone' vm/compare-backends nothing "$work" >"$work/out"
	grep -Eq '^ +netem@vm +link$' "$work/out"
	MEASURE=none BACKENDS='gone link' run --separate-stderr vm/compare-backends nothing "$work"
	[ "$status" = 2 ]
	[[ $stderr == *"nothing to compare: results of gone and of one more"* ]]
	MEASURE=lnk run --separate-stderr vm/compare-backends nothing "$work"
	[ "$status" = 2 ]
	[[ $stderr == *"MEASURE names lnk"* ]]
}
