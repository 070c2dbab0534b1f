#!/usr/bin/env bats
# May run beside others.
# shellcheck disable=SC2016 # backquotes in messages are meant
# liquidnet sim: the scorecard, figures and scenarios as users ask for them, and what they are told when they ask wrongly.

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	liquidnet=${BUILD:-build}/bin/liquidnet
	csv=$BATS_TEST_TMPDIR/out.csv json=$BATS_TEST_TMPDIR/out.json
}

# cells ROWS FILE: so many rows, the header's included, all of as many cells as it.
cells() { awk -F, -v rows="$1" 'NR == 1 { n = NF } NF != n { bad = 1 } END { exit bad || NR != rows }' "$2"; }

# refused WORDS... : exit status 2, one line, and the last argument in it
refused() {
	local says=${*: -1}
	run "$liquidnet" sim "${@:1:$#-1}"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == *"$says"* ]]
}

@test "sim: the scorecard has a line for every published number, and most of them agree" {
	rows=$(grep -cvE '^#|^scenario,' data/kibbutz/kibbutz-published.csv)
	run "$liquidnet" sim kibbutz --runs 5
	[ "$status" = 0 ]
	[[ ${lines[-1]} == "$rows published numbers:"* ]]
	agree=$(sed -E 's/.*: ([0-9]+) agree.*/\1/' <<<"${lines[-1]}")
	[ "$agree" -ge $((rows / 2)) ]
}

@test "sim: the same seed prints the same, another seed does not" {
	a=$("$liquidnet" sim kibbutz --runs 2 'web:3') b=$("$liquidnet" sim kibbutz --runs 2 'web:3')
	c=$("$liquidnet" sim kibbutz --runs 2 --seed 5 'web:3')
	[ "$a" = "$b" ]
	[ "$a" != "$c" ]
}

@test "sim: JSON is JSON, CSV has as many cells as columns" {
	"$liquidnet" sim kibbutz --runs 2 --format json 'web+streaming' >"$json"
	jq -e 'length == 2 and .[0].high > 0 and .[1].class == "web"' "$json"
	"$liquidnet" sim kibbutz --runs 2 --format json >"$json"
	jq -e 'all(.[]; .judged != "") and length > 40' "$json"
	"$liquidnet" sim kibbutz --runs 2 --format csv --figure 2.16 >"$csv"
	cells 10 "$csv"
	"$liquidnet" sim kibbutz --runs 2 --format csv >"$csv"
	cells $((1 + $(grep -cvE '^#|^scenario,' data/kibbutz/kibbutz-published.csv))) "$csv"
}

@test "sim: a device without a request has a row in JSON, with null for what it did not measure" {
	"$liquidnet" sim kibbutz --runs 1 --format json 'background length=1ms' >"$json"
	jq -e 'length == 1 and .[0].rtt_s == null and .[0].cold == null and .[0].high == 0' "$json"
	"$liquidnet" sim kibbutz --runs 1 --format json --with length=1ms >"$json"
	jq -e --argjson rows "$(grep -cvE '^#|^scenario,' data/kibbutz/kibbutz-published.csv)" 'length == $rows' "$json"
}

@test "sim: what is asked wrongly is refused in one line" {
	refused nothing 'no simulation `nothing`'
	refused kibbutz video 'no class of traffic `video`'
	refused kibbutz --runs 0 '1..10000'
	refused kibbutz --seed x 'a whole number'
	refused kibbutz --format xml 'table, csv, json'
	refused kibbutz --figure 9 'no figure `9`; there are 2.14'
	refused kibbutz --figure 2.14 web 'leave `web` out'
	refused kibbutz --published /nonexistent '/nonexistent: No such file'
	refused kibbutz --with gaps=odd 'gaps=odd'
	refused kibbutz --replay /nonexistent 'No such file'
	refused kibbutz --replay README.md 'README.md:1: no JSON object'
	run "$liquidnet" sim
	[ "$status" = 2 ]
	run "$liquidnet" sim --help
	[ "$status" = 0 ]
}

@test "sim: the combined scorecard has published, simulated and emulated figures, and a dash for what was not measured" {
	local run=$BATS_TEST_TMPDIR/kibbutz-download/20260101T000000Z old=$BATS_TEST_TMPDIR/kibbutz-download/20250101T000000Z
	mkdir -p "$run" "$old"
	trial='{"configuration":"equal","procedure":"alone","status":"%s","measures":{"total":%s}}\n'
	# shellcheck disable=SC2059 # the format is above
	{
		printf "$trial" valid 30
		printf "$trial" suspect 33
		printf "$trial" failed 90
	} >"$run/trials.jsonl"
	# shellcheck disable=SC2059
	printf "$trial" valid 50 >"$old/trials.jsonl"
	run nodes/kibbutz/sim/scorecard "$liquidnet" "$BATS_TEST_TMPDIR"
	[ "$status" = 0 ]
	[[ $output == *'| 6 MB alone (s) | 31 +- 8 | - | 31.5 (n = 2, 30 to 33; 1 suspect) |'* ]]
	[[ $output == *'| two streams | 0.54 | 0.55 | - |'* ]]
	[ "$(grep -c '^|' <<<"$output")" = $(($(grep -vc '^#' data/kibbutz/kibbutz-scorecard.csv) + 1)) ]
}
