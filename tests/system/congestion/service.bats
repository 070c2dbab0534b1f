#!/usr/bin/env bats
# Services and congestion controls of experiments: held for the run, read back from the sockets, gone after; and, with the one
# service that there is, how windows grow on the wire.

# shellcheck disable=SC2154 # stderr is bats'

bats_require_minimum_version 1.5.0

load ../sandbox

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	data=tests/system/congestion
}

need_service() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	liquidnet-cc check >/dev/null 2>&1 || skip "this kernel does not take BPF congestion controls with links (Linux 6.4)"
	# Another run on this machine may hold it.
	[ "$(available)" = false ] || skip "lia is loaded by somebody else"
}

available() { liquidnet-cc status | jq -r 'select(.name == "lia") | .available'; }

until_gone() { until_is false available; }

# begin FILE...: a run in the background; returns when its first trial's client sends. Its process is $run.
begin() {
	liquidnet run "$@" --results "$work/results" >"$work/run.log" 2>&1 3>&- &
	run=$!
	timeout $((60 * slow)) bash -c "until compgen -G '$work/results/*/latest/trials/0001-*/client.out' >/dev/null; do kill -0 $run || exit 1; sleep 0.05; done"
}

@test "a service lives as long as the run; the sockets have what the experiment says" {
	need_service
	liquidnet run "$data"/coupled.yaml --trials 1 --results "$work/results" || [ $? = 1 ] # on a late machine trials do not count
	folder=$work/results/coupled/latest
	jq -es 'length > 0 and all(.status != "failed" and (.reasons | all(test("service|congestion") | not))
		and .verdict.congestion.nodes.client.seen.lia >= 1 and .verdict.congestion.nodes.server.seen.reno >= 1
		and (.verdict.congestion.nodes | length == 2))' "$folder/trials.jsonl"
	jq -e '.services.coupled | (.version | startswith("liquidnet-cc ")) and .run[1] == "load"' "$folder/provenance.json"
	grep -q "loaded.*lia" "$folder/coupled.log"
	[ "$(available)" = false ]
}

@test "a socket with another congestion control makes the trial invalid" {
	need_service
	run -1 liquidnet run "$data"/coupled.yaml --trials 1 --procedures otherwise --results "$work/results"
	jq -es 'length > 0 and all(.status == "invalid" and (.reasons | any(test("node client had [0-9]+ sockets with congestion control reno, not lia"))))' \
		"$work/results/coupled/latest/trials.jsonl"
}

@test "a service that is killed is started anew, and the trial that lost it does not count" {
	need_service
	begin "$data"/coupled.yaml
	service=$(pgrep -P "$run" -x liquidnet-cc)
	kill -KILL "$service"
	wait "$run" || [ $? = 1 ] # on a late machine trials do not count
	cat "$work/run.log"
	jq -se '.[0].status == "invalid" and (.[0].reasons | any(test("service coupled ended with signal 9"))) and (.[1:] | length >= 2
		and all(.status != "failed" and (.reasons | all(test("service|congestion") | not))))' "$work/results/coupled/latest/trials.jsonl"
	[ "$(available)" = false ]
}

@test "a service does not outlive a harness that is killed" {
	need_service
	begin "$data"/coupled.yaml
	[ "$(available)" = true ]
	kill -KILL "$run"
	wait "$run" || true
	until_gone
}

@test "a service that does not start ends the run before its first trial" {
	need_service
	sed 's/load, lia/load, lia, vegas/' "$data"/coupled.yaml >"$work/coupled.yaml"
	run --separate-stderr liquidnet run "$work/coupled.yaml" --results "$work/results"
	[ "$status" = 2 ]
	[[ ${stderr_lines[-1]} == "liquidnet run: service coupled: coupled ended before it was ready, with exit status 2: "*"no vegas"*" (log: coupled.log)" ]]
	[ ! -s "$work/results/coupled/latest/trials.jsonl" ]
	grep -q "no vegas" "$work/results/coupled/latest/coupled.log"
}

@test "a service that is not installed is refused by name" {
	sed 's/liquidnet-cc, load/liquidnet-bcc, load/' "$data"/coupled.yaml >"$work/coupled.yaml"
	run --separate-stderr liquidnet run "$work/coupled.yaml" --results "$work/results"
	[ "$status" = 2 ]
	[[ $stderr == *"coupled.yaml:"*"program \`liquidnet-bcc\` is not installed"* ]]
	[ ! -e "$work/results" ]
}

# As long as this machine needs for its samples. Exit status 1: trials that do not count.
measure() {
	[ "$slow" = 1 ] || set -- --jobs 1 "$@"
	sed "s/-t 6 /-t $((6 * slow)) /; s/within: 20s/within: $((20 * slow))s/" "$data"/growth.yaml >"$work/growth.yaml"
	liquidnet run "$work/growth.yaml" --results "$work/results" "$@" || [ $? = 1 ]
}

# trials FILTER: of the last run
trials() { jq -se "$1" "$work/results/growth/latest/trials.jsonl"; }

# grows NAME: its windows in the last run are as the formula says.
grows() {
	trials "any(.procedure == \"$1\" and .verdict.congestion.nodes.multi.seen.$1 == 4)" || return 1
	folders=("$work"/results/growth/latest/trials/*-only-"$1"-1)
	/usr/bin/python3 -I tests/system/congestion/growth.py "$1" "${folders[-1]}/client.log"
}

# too_slow NAME: there are trials of it in the last run, and each says of itself that it proves nothing.
too_slow() { trials "map(select(.procedure == \"$1\").status) | length > 0 and all(. == \"suspect\" or . == \"invalid\")"; }

# What a machine that was too slow measured, by the trial's own verdict, proves nothing: it is measured again, once.
@test "windows grow as the formulas say, a round trip and a subflow" {
	need_service
	measure
	for name in reno lia olia balia; do
		grows "$name" || again+=("$name")
	done
	for name in "${again[@]}"; do too_slow "$name"; done
	for name in "${again[@]}"; do
		measure --procedures "$name"
		if ! grows "$name"; then
			too_slow "$name"
			unproved+=("$name")
		fi
	done
	[ ${#unproved[@]} = 0 ] || skip "trials that were suspect or invalid twice, which prove nothing: ${unproved[*]}"
}
