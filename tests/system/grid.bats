#!/usr/bin/env bats
# Many trials: configurations made of factors, runs that are stopped, killed and resumed, stopping rules, runs again.
# Trials make their own sandboxes. The long tier kills a run fifty times, the default one four times.

# shellcheck disable=SC2154 # stderr is bats'

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	quick=$work/quick.yaml
	cp tests/system/data/quick.yaml "$quick"
	trials=10
	latest=$work/results/quick/latest
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# What a run could leave on the machine.
left_behind() {
	ip -o link show | sed 's/^[0-9]*: //; s/ .*//' | sort
	find /sys/fs/cgroup -maxdepth 3 -name '*liquidnet*' -type d 2>/dev/null | sort
	find /run/liquidnet -type f ! -name lock 2>/dev/null | sort
	sysctl -n net.ipv4.tcp_allowed_congestion_control
	mount | sort
}

# Every trial of the plan counts once, or was tried twice on a machine that was too slow for it: 4 configurations.
complete() {
	jq -es --argjson n $((4 * trials)) 'all(.status != "failed") and (group_by([.configuration, .repeat]) | length == $n and
		all((map(select(.status == "valid" or .status == "suspect")) | length) as $counted |
			$counted == 1 or ($counted == 0 and (map(.attempt) | max) == 2)))' "$latest/trials.jsonl"
}

@test "factors make the published grid: 16 configurations, 3,360 trials, named like the published rows" {
	run liquidnet run grid --dry-run
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3360 ]
	diff <(sed '/^#/d; s/,.*//; /^configuration$/d' data/detour/thesis-table1.csv | sort) <(awk '{print $2}' <<<"$output" | sort -u)
	[ "$(awk '$2 == "symmetric-delay-100" && $3 == "vpn"' <<<"$output" | wc -l)" -eq 60 ]
	[ "$(awk '$2 == "symmetric-delay-50" && $3 == "vpn"' <<<"$output" | wc -l)" -eq 20 ]
}

@test "--only means names and levels of factors" {
	run liquidnet run grid --only 'loss-*' --procedures nat,vpn --trials 5 --dry-run
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 80 ]
	run liquidnet run grid --only 'symmetric-loss-1' --procedures nat --trials 5 --dry-run
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 5 ]
}

@test "factors that cannot be multiplied are refused by line" {
	sed 's/^    far: .*/    plain-: {}/; s/^    slow: .*/    plain-: {}/' "$quick" >"$work/a.yaml"
	cp "$work/a.yaml" "$quick"
	run --separate-stderr liquidnet run "$quick" --dry-run
	[ "$status" -eq 2 ]
	[[ $stderr == *"$quick:"*"two combinations of levels are called \`plain-\`"* ]]
	sed 's/^  distance:.*/  distance: {}/; /^    far/d; /^  distance/{n;d}' tests/system/data/quick.yaml >"$quick"
	run --separate-stderr liquidnet run "$quick" --dry-run
	[ "$status" -eq 2 ]
	[[ $stderr == *"factor \`distance\` has no levels"* ]]
}

@test "a run that is killed again and again is resumed until it is complete, and leaves nothing" {
	need_root
	[ -z "${LONG:-}" ] || trials=120
	sed -i "s/^trials: .*/trials: $trials/" "$quick"
	kills=${LONG:+50}
	kills=${kills:-4}
	before=$(left_behind)
	liquidnet run "$quick" --results "$work/results" >"$work/log" 2>&1 3>&- &
	pid=$!
	for ((i = 0; i < kills; i++)); do
		read -rt "$((RANDOM % 2)).$((RANDOM % 10))" <> <(:) || :
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" || :
		# Killed before it had anything to go on with: it starts anew.
		again=--resume
		[ -e "$latest/provenance.json" ] || again=
		liquidnet run "$quick" --results "$work/results" $again >>"$work/log" 2>&1 3>&- &
		pid=$!
	done
	wait "$pid" || :
	if ! complete >/dev/null; then
		run liquidnet run "$quick" --results "$work/results" --resume
		echo "$output"
		[ "$status" -le 1 ]
	fi
	tail -n 5 "$work/log"
	complete
	[ "$(find "$work/results/quick" -mindepth 1 -maxdepth 1 -type d | wc -l)" -ge 1 ]
	for ((i = 0; i < 100; i++)); do
		after=$(left_behind)
		[ "$before" != "$after" ] || return 0
		read -rt 0.1 <> <(:) || :
	done
	diff <(echo "$before") <(echo "$after")
}

@test "a resumed run is refused when it would be another one" {
	need_root
	liquidnet run "$quick" --results "$work/results" --trials 1 >/dev/null 2>&1 || [ $? = 1 ] # on a late machine trials do not count,
	jq -c '.status = "valid"' "$latest/trials.jsonl" >"$work/all"                          # and would be tried again
	cp "$work/all" "$latest/trials.jsonl"
	run --separate-stderr liquidnet run "$quick" --results "$work/results" --resume
	[ "$status" -eq 2 ]
	[[ $stderr == *"all 4 trials are done"* ]]
	head -n 2 "$latest/trials.jsonl" >"$work/two"
	cat "$work/two" >"$latest/trials.jsonl"
	printf '{"trial": 3, "torn' >>"$latest/trials.jsonl"
	run --separate-stderr liquidnet run "$quick" --results "$work/results" --resume --seed 8
	[ "$status" -eq 2 ]
	[[ $stderr == *"--seed is not what that run was started with"* ]]
	echo "# another comment" >>"$quick"
	run --separate-stderr liquidnet run "$quick" --results "$work/results" --resume
	[ "$status" -eq 2 ]
	[[ $stderr == *"has changed since that run began"* ]]
	jq '.environment.kernel.release = "2.6.32"' "$latest/provenance.json" >"$work/p" && cp "$work/p" "$latest/provenance.json"
	sed -i '$d' "$quick"
	run --separate-stderr liquidnet run "$quick" --results "$work/results" --resume
	[ "$status" -eq 2 ]
	[[ $stderr == *"another environment (kernel.release: 2.6.32 -> "* ]]
	[ "$(wc -l <"$latest/trials.jsonl")" -eq 2 ]
}

@test "a resumed run goes on whatever became of the host's settings; what failed in its earlier part is tried again" {
	need_root
	key=net.core.netdev_max_backlog
	was=$(sysctl -n $key)
	echo "host: {$key: $((was + 1))}" >>"$quick"
	sed -i 's/^  ping: {title: echo, /&settings: {client: {net.ipv4.tcp_sack: 0}}, /' "$quick"
	# Published values that lie beside the experiment stay beside its copies.
	sed -i 's/^  ping: {title: echo, /&published: {file: data\/ours.csv, value: rtt}, /' "$quick"
	mkdir "$work/data"
	printf 'configuration,rtt\nplain,2.25\n' >"$work/data/ours.csv"
	liquidnet run "$quick" --results "$work/results" --trials 1 >/dev/null 2>&1 || [ $? = 1 ]
	# As it was before the run, and is again.
	jq -e --arg was "$was" ".environment.host_sysctls[\"$key\"] == \$was" "$latest/provenance.json"
	[ "$(sysctl -n $key)" = "$was" ]
	# What the procedure set is in the record.
	jq -e '.settings.client["net.ipv4.tcp_sack"] == "0"' "$latest/trials.jsonl"
	head -n 2 "$latest/trials.jsonl" >"$work/two"
	head -n 1 "$work/two" | jq -c '.status = "failed" | .attempt = 2 | .reasons = ["made up"]' >"$latest/trials.jsonl"
	tail -n 1 "$work/two" >>"$latest/trials.jsonl"
	jq '.environment.host_sysctls |= (.["net.core.rmem_max"] = "1" | del(.["net.ipv4.tcp_mem"]))' "$latest/provenance.json" >"$work/p"
	cp "$work/p" "$latest/provenance.json"
	run liquidnet run "$quick" --results "$work/results" --resume
	echo "$output"
	[ "$status" -le 1 ]
	jq -es 'map(select(.status == "failed")) | length == 1' "$latest/trials.jsonl"
	jq -es 'map(select(.attempt > 2)) | length == 1' "$latest/trials.jsonl"
	first=$(readlink -f "$latest")
	rm -r "$work/data"
	run ! liquidnet rerun "$first" --results "$work/results" </dev/null # this experiment is not in experiments/
	liquidnet rerun "$first" --results "$work/results" --trust >/dev/null 2>&1 || [ $? = 1 ]
	[ "$(readlink -f "$latest")" != "$first" ]
	grep -q '^plain,ping,.*,2.25,' "$latest/summary.csv"
}

@test "two runs never write one folder" {
	need_root
	liquidnet run "$quick" --results "$work/results" >"$work/log" 2>&1 3>&- &
	pid=$!
	while [ ! -s "$latest/trials.jsonl" ] && kill -0 $pid; do read -rt 0.1 <> <(:) || :; done
	run --separate-stderr liquidnet run "$quick" --results "$work/results" --resume
	[ "$status" -eq 2 ]
	echo "$stderr"
	[[ $stderr == *"another run (process $pid) writes there"* ]]
	kill -TERM $pid
	wait $pid || [ $? -eq 130 ]
	grep -q "go on with: liquidnet run .* --resume=" "$work/log"
}

@test "a stopping rule spares what is not needed, and a run can be made again" {
	need_root
	run liquidnet run "$quick" --results "$work/results" --until ci=20%
	echo "$output"
	[ "$status" -le 1 ] # 1: on a late machine trials do not count
	[[ $output == *"planned trials were not needed (--until)"* ]]
	jq -es 'map(.configuration) | group_by(.) | map(length) | min >= 5 and min < 10' "$latest/trials.jsonl"
	run liquidnet rerun "$latest" --results "$work/results" --dry-run
	[ "$status" -eq 0 ]
	echo "$output"
	[[ ${lines[0]} == "the environment is the same" ]]
	[ "$(grep -c ping <<<"$output")" -eq 40 ]
}
