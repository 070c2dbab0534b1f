#!/usr/bin/env bats
# Sweeps: the slices of an experiment are its plan, whoever runs them and however often they are interrupted; collected they are the run
# that one machine would have made: in virtual time, to the last digit.
# May run beside others.
# shellcheck disable=SC2154,SC2034 # run's variables; $limit is the sandbox's

bats_require_minimum_version 1.5.0
load sandbox
load cluster

setup() {
	sandbox_setup
	"$programs/liquidnet-virtual" check >"$work/check" || skip "no virtual time here: $(grep '^no' "$work/check" | head -n 1)"
	PATH=$programs:$PATH
	file=$work/little.yaml
	export PATH file
	cat >"$file" <<-'END'
		experiment: little
		topology: twopaths
		clock: virtual
		trials: 2
		retries: 0
		design:
		  wsp: {points: 8, candidates: 200, seed: 1}
		  factors: {rate: {from: 1, to: 10, unit: Mbit/s}, rtt: {from: 1, to: 40, unit: ms}}
		  links: {a2: {rate: $rate, delay: $rtt / 2, queue: {delay: 50ms, at_least: 10}}}
		workloads:
		  bulk:
		    - {name: server, node: server, run: [iperf3, -s, -1, -J], ready: {listen: 5201}, ends: true}
		    - {name: client, node: client, run: [iperf3, -c, "${address:server/a2}", -t, 2, -J], main: true}
		measures:
		  goodput: {unit: mbps, program: server, value: end.sum_received.bits_per_second, scale: 1e-6}
		procedures: {tcp: {workload: bulk}}
	END
}

network() { :; }

# The measures of a results folder's trials that count, in an order of their own.
measures() { jq -r 'select(.status == "valid" or .status == "suspect") | [.configuration, .procedure, .repeat, .seed, .measures.goodput] | @tsv' \
	"$1/trials.jsonl" | sort; }

whole_run() {
	liquidnet run "$file" --jobs 1 --results "$work/whole" >"$work/whole.log" 2>&1 || [ $? = 1 ]
	measures "$work/whole/little/latest" >"$work/whole.tsv"
	[ "$(wc -l <"$work/whole.tsv")" = 16 ]
}

# shellcheck disable=SC2317 # called by in_sandbox
collected_is_the_whole_run() {
	liquidnet collect "$work/sweep" >"$work/collect.log" 2>&1
	measures "$work/sweep/collected" >"$work/collected.tsv"
	diff "$work/collected.tsv" "$work/whole.tsv"
	[ "$(jq .trials "$work/sweep/collected/provenance.json")" = 16 ]
	liquidnet report "$work/sweep/collected" >/dev/null
}

@test "slices here, one stopped on its way and resumed, are the run that they are slices of" {
	whole_run
	liquidnet sweep "$file" --slices 3 --jobs 1 --results "$work/sweep" >"$work/sweep.log" 2>&1 &
	local sweep=$!
	until_true grep -qs '"repeat"' "$work/sweep/slice-0/little/latest/trials.jsonl"
	kill -TERM "$sweep"
	local status=0
	wait "$sweep" || status=$?
	[ "$status" = 130 ]
	run liquidnet sweep --status "$work/sweep"
	[[ ${lines[-1]} == *" of 3 slices are done; "*" of 16 trials count" ]]
	# A table of what there is.
	liquidnet collect "$work/sweep" >"$work/collect.log" 2>&1
	liquidnet sweep --resume "$work/sweep" >>"$work/sweep.log" 2>&1
	run liquidnet sweep --status "$work/sweep"
	[ "${lines[-1]}" = "3 of 3 slices are done; 16 of 16 trials count" ]
	collected_is_the_whole_run
	collected_is_the_whole_run # again: the same
	liquidnet compare "$work/sweep/collected" "$work/whole/little/latest" | grep -Eq 'tcp  *8  *[-+]?0.000[0-9] .* 0  *0$'
	# What is not of this sweep is refused by name.
	sed -i 's/"seed": *1,/"seed": 2,/' "$work/sweep/slice-2/little/latest/provenance.json"
	run liquidnet collect "$work/sweep"
	[ "$status" = 2 ]
	[[ $output == *"slice-2/little/"*": another selection than in the first slice: seed: 1 -> 2"* ]]
}

@test "what cannot be a sweep is refused before anything starts" {
	run liquidnet sweep "$file" --slices 9 --results "$work/none"
	[ "$status" = 2 ]
	[ "$output" = "liquidnet sweep: --slices 9: slice 8 of 9 is empty: there are 8 configurations" ]
	[ ! -e "$work/none" ]
	run liquidnet sweep "$file" --results "$work/none"
	[ "$status" = 2 ]
	run liquidnet sweep --status "$work"
	[ "$status" = 2 ]
	[[ $output == *"sweep.json"*"name the folder of a sweep" ]]
	run env PATH="$programs" liquidnet sweep "$file" --slices 2 --engine slurm --results "$work/sweep"
	[ "$status" = 2 ]
	[[ $output == *"Slurm's client is not installed (Debian: slurm-client)"*"--engine local runs the slices here" ]]
	run liquidnet sweep "$file" --slices 2 --results "$work/sweep"
	[ "$status" = 2 ]
	[[ $output == *"there is a sweep already; go on with it by --resume, or name another folder" ]]
	# The experiment is another one now.
	sed -i 's/points: 8/points: 9/' "$file"
	run liquidnet sweep --resume "$work/sweep"
	[ "$status" = 2 ]
	[[ $output == *"has changed: its plan is not the one that the sweep of $work/sweep began with" ]]
}

# shellcheck disable=SC2317 # called by in_sandbox
on_the_cluster() {
	mkdir -p /run/liquidnet
	cluster_up
	liquidnet sweep "$file" --slices 4 --jobs 1 --engine slurm --time 10 --results "$work/sweep"
	# A node dies on its way, comes back, and its slice goes on, there or on the other.
	until_true grep -qs '"repeat"' "$work/sweep/slice-0/little/latest/trials.jsonl"
	local victim
	victim=$(squeue --noheader --array --states=RUNNING --format='%K %N' | sed -n 's/^0 //p')
	[ -n "$victim" ] || victim=nodea # slice 0 was quick: a later one's node dies
	node_down "$victim"
	patience=60 until_true node_is_missed "$victim"
	node_up "$victim" "$([ "$victim" = nodea ] && echo 2 || echo 3)"
	await_jobs
	liquidnet sweep --status "$work/sweep"
	# What the cluster gave up is submitted again; nothing, where it gave up nothing.
	liquidnet sweep --resume "$work/sweep"
	await_jobs
	liquidnet sweep --status "$work/sweep" | grep -F '4 of 4 slices are done; 16 of 16 trials count'
	collected_is_the_whole_run
}

node_is_missed() { scontrol --oneliner show node "$1" | grep -q 'State=[A-Z+]*DOWN'; }

@test "slices on a cluster of two nodes, one of which dies on its way" {
	lacks=$(cluster_programs) || skip "$lacks is not here (vm/packages-test.txt)"
	whole_run
	limit=600 in_sandbox on_the_cluster
}
