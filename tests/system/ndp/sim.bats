#!/usr/bin/env bats
# May run beside others.
# shellcheck disable=SC2016 # backquotes in messages are meant
# liquidnet sim ndp: published numbers, figures and scenarios as users ask for them, and what they are told when they ask wrongly.

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	liquidnet=${BUILD:-build}/bin/liquidnet
	out=$BATS_TEST_TMPDIR/out rows=$BATS_TEST_TMPDIR/rows.csv
}

# rows_of PATTERN: the published numbers whose scenario matches, in $rows; says how many
rows_of() {
	grep -E "^#|^scenario,|$1" data/ndp/ndp-published.csv >"$rows"
	grep -cvE '^#|^scenario,' "$rows"
}

# all_agree PATTERN [OPTION...]
all_agree() {
	local count
	count=$(rows_of "$1")
	[ "$count" -gt 3 ]
	"$liquidnet" sim ndp --published "$rows" "${@:2}" >"$out"
	cat "$out"
	[[ $(tail -n 1 "$out") == "$count published numbers: $count agree"* ]]
}

# refused WORDS... : exit status 2, one line, and the last argument in it
refused() {
	local says=${*: -1}
	run "$liquidnet" sim ndp "${@:1:$#-1}"
	echo "status $status: $output"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == *"$says"* ]]
}

@test "sim ndp: where no coin is tossed, the published completion times to the nanosecond" {
	all_agree '^incast:[1248] hosts=8192 size=270KB window=1,' --runs 3
	grep -q exact "$out"
}

@test "sim ndp: incasts of 51 to 431 senders, windows of 10 and 23" {
	all_agree '^incast:[0-9]+ hosts=432 size=450KB,' --runs 2
	all_agree '^incast:(16|100|1000) hosts=8192 size=270KB window=(10|23),' --runs 2
}

@test "sim ndp: shares of one receiver's link, outgoing flows, a neighbour's incast" {
	all_agree '^(pairs:|outcast:|collateral:)' --runs 2
}

@test "sim ndp: a permutation with buffers of 4, 6 and 8 packets" {
	all_agree '^permutation length=60ms measure=40ms( buffer=[468])?,' --runs 1
}

@test "sim ndp: whole packets are one more, and cost less" {
	"$liquidnet" sim ndp --runs 1 --format csv 'permutation length=20ms buffer=4' 'permutation length=20ms buffer=4 buffer=whole' >"$out"
	awk -F, '$2 == "mean" { value[++n] = $5 } END { exit !(n == 2 && value[2] > 1.08 * value[1]) }' "$out"
}

@test "sim ndp: every transport carries a permutation; none beats the link, ECMP by flow loses half" {
	local transport
	for transport in ndp tcp tcp-spray dctcp mptcp-uncoupled mptcp-lia mptcp-olia; do
		"$liquidnet" sim ndp --runs 1 --format csv "permutation hosts=54 length=30ms transport=$transport" >"$out"
		awk -F, -v transport="$transport" '$2 == "mean" { low = transport ~ /^(tcp|dctcp)$/ ? 0.3 : 0.6; exit !($5 > 10 * low && $5 < (low < 0.5 ? 7.5 : 10)) }' "$out" ||
			{ echo "$transport"; cat "$out"; false; }
	done
}

@test "sim ndp: the same seed prints the same, also with more jobs; another seed does not" {
	a=$("$liquidnet" sim ndp --runs 3 --jobs 1 'incast:64 size=90KB') b=$("$liquidnet" sim ndp --runs 3 --jobs 4 'incast:64 size=90KB')
	c=$("$liquidnet" sim ndp --runs 3 --seed 5 'incast:64 size=90KB')
	[ "$a" = "$b" ]
	[ "$a" != "$c" ]
}

@test "sim ndp: JSON is JSON, CSV has as many cells as columns, figures have a header" {
	"$liquidnet" sim ndp --runs 2 --format json 'incast:7 size=90KB' 'outcast:4 size=90KB' >"$out"
	jq -e 'length == 2 and .[0].most.mean > .[0].least.mean and .[0].unit == "us"' "$out"
	"$liquidnet" sim ndp --runs 2 --format csv 'incast:7 size=90KB' >"$out"
	awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$out"
	"$liquidnet" sim ndp --figure 3.12 >"$out"
	[ "$(head -n 1 "$out")" = "figure,flow,time_us,sequence,event" ]
	[ "$(cut -d, -f2 "$out" | sort -u | wc -l)" = 4 ]
}

@test "sim ndp: the ports at which packets are trimmed add up to what is trimmed" {
	local scenario='incast:7 topology=leafspine:4:2:2 size=450KB' trimmed
	"$liquidnet" sim ndp --runs 1 --ports "$scenario" >"$out"
	[ "$(head -n 1 "$out")" = scenario,from,to,runs,trimmed,ci95 ]
	trimmed=$(awk -F, 'NR > 1 { sum += $5 } END { print sum + 0 }' "$out")
	[ "$trimmed" -gt 20 ]
	grep -q ',h0,1,' "$out" # the receiver's link is the bottleneck
	# 350 packets, and those that were sent again.
	"$liquidnet" sim ndp --runs 1 --format json "$scenario" |
		jq -e --argjson trimmed "$trimmed" '.[0] | (.trimmed.mean * 350 / (1 - .again.mean) - $trimmed) | fabs < 0.01'
	"$liquidnet" sim ndp --ports 2>"$out" && return 1
	grep -q 'name one' "$out"
}

@test "sim ndp: other networks, by the same names as topologies" {
	"$liquidnet" sim ndp --runs 1 'incast:7 topology=leafspine:4:2:2 size=450KB' 'permutation topology=jellyfish:20:3:1 length=5ms measure=2ms' \
		'permutation topology=star:16 length=5ms measure=2ms' 'permutation topology=vl2:4:4:2 length=5ms measure=2ms' >"$out"
	[ "$(grep -c ' mlinks ' "$out")" = 4 ]
}

@test "sim ndp: what is asked wrongly is refused in one line, nothing is computed" {
	refused 'incst:7' 'incast'
	refused 'incast:128' '127'
	refused 'incast:7 hosts=100' '128'
	refused 'incast:7 size=0' 'size=0'
	refused 'incast:7 buffer=1' 'buffer=1: packets (2..'
	refused 'incast:7 transport=quic' 'there are ndp, tcp'
	refused 'incast:7 colour=red' 'colour'
	refused 'permutation length=2h' 'length=2h'
	refused 'incast:7 topology=leafspine:4' 'leafspine'
	refused --runs 0 '--runs 0: a whole number'
	refused --published /nonexistent 'nonexistent'
	refused --figure 9.9 '9.9'
	refused --figure 3.12 'incast:2' 'leave `incast:2` out'
	printf 'scenario,measure\nincast:2,most\n' >"$rows"
	refused --published "$rows" "$rows"
}
