#!/usr/bin/env bats
# liquidnet sim grin and grin-capacity: scenarios, figures, tables of published sentences, and what they refuse.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2016

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-build}/bin:$PATH
	case $PATH in /*) ;; *) PATH=$PWD/$PATH ;; esac
	work=$BATS_TEST_TMPDIR
}

# refused TEXT COMMAND...: status 2, one line that says TEXT.
refused() {
	run "${@:2}"
	[ "$status" = 2 ] && [ "${#lines[@]}" = 1 ] && [[ ${lines[0]} == *"$1"* ]] || { echo "$status $output"; return 1; }
}

@test "scenarios: one uplink is one, two are two, groups fill all cables; the same seed gives the same" {
	liquidnet sim grin --instances 2 --format csv 'net=single pattern=permutation' 'net=multihomed pattern=permutation active=5%' \
		'net=grin2 pattern=group group=60' >"$work/a.csv"
	liquidnet sim grin --instances 2 --format csv 'net=single pattern=permutation' 'net=multihomed pattern=permutation active=5%' \
		'net=grin2 pattern=group group=60' >"$work/b.csv"
	cmp "$work/a.csv" "$work/b.csv"
	awk -F, 'NR == 2 { exit !($2 == 1) }' "$work/a.csv"
	awk -F, 'NR == 3 { exit !($2 > 1.99 && $2 <= 2) }' "$work/a.csv"
	awk -F, 'NR == 4 { exit !($2 > 2.7 && $2 <= 3) }' "$work/a.csv"
}

@test "figure 3.7 c: a row per level, every network with its interval" {
	liquidnet sim grin --instances 1 --figure 3.7c >"$work/c.csv"
	[ "$(wc -l <"$work/c.csv")" = 8 ]
	[ "$(head -1 "$work/c.csv")" = "group,single,single_ci95,grin1,grin1_ci95,grin2,grin2_ci95,grin3,grin3_ci95,multihomed,multihomed_ci95" ]
}

@test "figure 3.8: ten servers, three networks; without cables a permutation leaves what acknowledgements take" {
	liquidnet sim grin --instances 1 --figure 3.8a >"$work/e.csv"
	[ "$(head -1 "$work/e.csv")" = "active,single,single_ci95,grin1,grin1_ci95,grin2,grin2_ci95" ]
	[ "$(cut -d, -f1 "$work/e.csv" | tr '\n' ' ')" = "active 20 40 60 80 100 " ]
	awk -F, 'NR > 1 && !($2 > 0.974 && $2 < 0.976) || NR == 2 && !($4 > 1.9 && $6 >= $4) { exit 1 }' "$work/e.csv"
}

@test "packets: what the streams of an undisturbed pair have, connection by connection, and times of transfers; the same seed gives the same" {
	local ten='racks=1 size=10 cables=rounds subflows=0 shuffle=no model=packets length=200ms measure=100ms'
	liquidnet sim grin --instances 2 --format csv "net=grin2 flows=1-5 $ten" "net=grin2 pattern=permutation active=60% $ten" >"$work/a.csv"
	liquidnet sim grin --instances 2 --format csv "net=grin2 flows=1-5 $ten" "net=grin2 pattern=permutation active=60% $ten" | cmp - "$work/a.csv"
	awk -F, 'NR == 2 && !($2 > 2.98 && $2 < 3.01) || NR == 3 && !($2 > 1 && $2 < 2) { exit 1 } END { exit NR != 3 }' "$work/a.csv"
	liquidnet sim grin --instances 1 --each "net=grin1 flows=1-5+5-1 $ten" >"$work/b.csv"
	[ "$(cut -d, -f2-4 "$work/b.csv" | tr '\n' ' ')" = "seed,from,to 1,1,5 1,5,1 " ]
	# What three paths save of the time of a megabyte; and what a few packets take, they save nothing of.
	liquidnet sim grin --instances 1 --format csv "net=single flows=5-1 bytes=1MB $ten" "net=grin2 flows=5-1 bytes=1MB $ten" \
		"net=single flows=5-1 bytes=10KB $ten" "net=grin2 flows=5-1 bytes=10KB $ten" | cut -d, -f2 >"$work/times"
	[ "$(head -1 "$work/times")" = median ]
	awk 'NR > 1 { t[NR] = $1 } END { exit !(t[3] / t[2] > 1 / 3 && t[3] / t[2] < 0.6 && t[4] == t[5]) }' "$work/times"
}

@test "work: units of a processor and of memory, by the thread's own clock; what it refuses" {
	liquidnet-grin-work compute --for 100ms >"$work/compute.json"
	liquidnet-grin-work walk --for 100ms --size 8MB >"$work/walk.json"
	jq -e '(.units | length) > 0 and (.units | min) > 0 and .seconds >= 0.1 and (.units | add) <= .seconds * 1.01' "$work/compute.json" "$work/walk.json"
	refused 'there are compute, walk' liquidnet-grin-work run
	refused 'write one of' liquidnet-grin-work
	refused 'at most an hour' liquidnet-grin-work walk --for 2
	refused '1MB to 1GB' liquidnet-grin-work walk --size 4GB
}

# trial EXPERIMENT CONFIGURATION PROCEDURE STATUS MEASURES [SAMPLES]: one more in a folder of results.
trial() {
	mkdir -p "$work/results/$1/latest"
	printf '{"trial": 1, "configuration": "%s", "procedure": "%s", "status": "%s", "seed": 7, "measures": %s, "samples": %s}\n' \
		"$2" "$3" "$4" "$5" "${6-{\}}" >>"$work/results/$1/latest/trials.jsonl"
}

@test "the cluster's table: what was measured beside the sentences, invalid trials apart, what was not run" {
	trial grin-fair fair alone valid '{"own": 950}'
	trial grin-fair fair priority valid '{"own": 940}'
	trial grin-fair fair priority invalid '{"own": 1}'
	trial grin-fair fair fifo valid '{"own": 70}'
	# Without cables a permutation has what acknowledgements leave of the uplink.
	trial grin-permutation-1g active60 grin0 valid '{"goodput": 917}'
	trial grin-incast incast grin0 valid '{"time": 2}' '{"time": [3, 1, 2]}'
	python3 experiments/grin/score.py "$work/results" --csv >"$work/table.csv"
	judged() { grep -F "$1" "$work/table.csv" | cut -d, -f9-11; }
	[ "$(judged fair/priority,fair/alone)" = 0.9895,1,same ]
	[ "$(judged fair/fifo,fair/alone)" = 0.07368,1,differs ]
	[ "$(judged fair/downlink-priority)" = ',0,not run' ]
	[[ $(judged active60/grin0) == 1,1,same || $(judged active60/grin0) == 1.00*,1,same ]]
	# The same trial beside packets, whose acknowledgements wait behind data: no more than streams have.
	python3 experiments/grin/beside.py "$work/results/grin-permutation-1g/latest" packets >"$work/beside.csv"
	awk -F, 'NR == 2 { exit !($5 > 0.99 && $5 < 1.15) }' "$work/beside.csv"
	mkdir "$work/curves"
	python3 experiments/grin/curves.py "$work/results" "$work/curves"
	[ "$(ls "$work/curves" | tr '\n' ' ')" = "3.12-grin0.csv 3.8a-measured.csv " ]
	[ "$(sed -n '2p;4p' "$work/curves/3.12-grin0.csv" | tr '\n' ' ')" = "1.0000,0.33333 3.0000,1.00000 " ]
	[[ $(sed -n 2p "$work/curves/3.8a-measured.csv") == 60,0.97* ]]
}

@test "capacity: more hops carry more, and no filling exceeds the optimum" {
	liquidnet sim grin-capacity --degree 3 --instances 1 --format csv >"$work/d.csv"
	awk -F, '
		NR > 1 { for (i = 2; i <= NF; i++) v[NR, i] = $i }
		END { for (i = 2; i <= 5; i++) {
			if (v[2, i] > v[3, i] + 1e-6 || v[3, i] > v[4, i] + 1e-6) exit 1
			for (r = 5; r <= 10; r++) if (v[r, i] > v[4, i] + 1e-6) exit 1 } }' "$work/d.csv"
	[ "$(wc -l <"$work/d.csv")" = 10 ]
}

@test "bad input is refused in one line" {
	refused 'there are single' liquidnet-grin-sim 'net=grin9'
	refused 'write KEY=VALUE' liquidnet-grin-sim net
	refused 'there are incast, permutation' liquidnet-grin-sim 'pattern=foo'
	refused 'there are packets, lia' liquidnet-grin-sim 'model=foo'
	refused 'goes with model=packets' liquidnet-grin-sim 'queue=100'
	refused 'queued, first or free' liquidnet-grin-sim 'model=packets acks=2%'
	refused 'say bytes=' liquidnet-grin-sim 'model=packets rounds=3'
	refused 'write A-B+C-D' liquidnet-grin-sim 'flows=1-1'
	refused 'servers are 1 to 10' liquidnet-grin-sim 'racks=1 size=10 flows=1-11'
	refused 'two tables' liquidnet-grin-sim 'model=packets' 'model=packets bytes=1KB'
	refused 'no figure' liquidnet-grin-sim --figure 3.8
	refused 'leave' liquidnet-grin-sim --figure 3.7a net=grin1
	refused 'name the table' liquidnet-grin-sim --published /nowhere
	refused '1..10000' liquidnet-grin-sim --instances 0
	refused '2..6' liquidnet-grin-capacity-sim --degree 7
	refused 'name the table' liquidnet-grin-capacity-sim --published /nowhere
	printf 'row,measure,degree,as,value,tolerance,source\nG1,x,6,value,1,1,x\n' >"$work/bad.csv"
	refused 'bad.csv:2: no measure' liquidnet-grin-capacity-sim --published "$work/bad.csv"
	printf 'row,scenario,measure,against,as,value,tolerance,source\nG3,net=grin2,crossing,,value,1,1,x\n' >"$work/bad.csv"
	refused 'needs a scenario' liquidnet-grin-sim --published "$work/bad.csv"
}

@test "assign: one seed, one plan; every server has its cables" {
	liquidnet-grin assign --racks 6x20 --degree 3 --seed 1 >"$work/a.yaml"
	liquidnet-grin assign --racks 6x20 --degree 3 --seed 1 | cmp - "$work/a.yaml"
	[ "$(grep -c '^  - server:' "$work/a.yaml")" = 120 ]
	[ "$(grep -c '{number:' "$work/a.yaml")" = 360 ]
	[ "$(grep -c '^  - \[' "$work/a.yaml")" = 180 ]
}
