#!/usr/bin/env bats
# The program liquidnet: what it refuses, that trials leave nothing behind, that a label which does not match the wire fails.
# Trials make their own sandboxes; the one setting of the host that they change is journalled and put back.

# shellcheck disable=SC2154,SC2016 # stderr is bats'; names of experiments are not the shell's

bats_require_minimum_version 1.5.0
load machine

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# edited FROM TO: core-limited with one piece of text replaced, under its own name.
edited() {
	mkdir -p "$work/edited"
	awk -v from="$1" -v to="$2" '
		(at = index($0, from)) && !done { $0 = substr($0, 1, at - 1) to substr($0, at + length(from)); done = 1 }
		{ print }
		END { exit !done }' experiments/detour/core-limited.yaml >"$work/edited/core-limited.yaml"
	line=$(diff experiments/detour/core-limited.yaml "$work/edited/core-limited.yaml" | sed -n '1s/[^0-9].*//p')
	file=$work/edited/core-limited.yaml
}

# refused TEXT: one line that names the file, the line and TEXT; exit status 2; no results.
refused() {
	run --separate-stderr liquidnet run "$file" --results "$work/results"
	echo "status $status: $stderr"
	[ "$status" -eq 2 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr == *"$file:$line: "*"$1"* ]]
	[ ! -e "$work/results" ]
}

@test "an unknown key is refused with the nearest known one" {
	edited "trials: 3" "trails: 3"
	refused "unknown key \`trails\`; did you mean \`trials\`?"
}

@test "a link that does not exist is refused with the names of those that do" {
	edited "  link6: {rate" "  link9: {rate"
	refused "no link \`link9\` in topology detour; its links are link1, link2"
}

@test "an impossible rate is refused" {
	edited "all: {rate: 10Mbit/s" "all: {rate: 0Mbit/s"
	refused "out of range"
	edited "all: {rate: 10Mbit/s" "all: {rate: quick"
	refused "is no rate; write 10Mbit/s"
}

@test "the link daemon is given all that can be written" {
	edited "all: {rate: 10Mbit/s, delay: 5ms" "all: {rate: 100Gbit/s, delay: 60s"
	liquidnet run "$file" --dry-run --backend link
	edited "all: {rate: 10Mbit/s, delay: 5ms" "all: {rate: 101Gbit/s, delay: 5ms"
	refused "out of range"
}

@test "a node, a daemon, a workload and a measure that do not exist are refused" {
	edited "daemons: [detour-nat, client-nat]" "daemons: [detour-nat, client-net]"
	refused "no daemon \`client-net\`"
	edited "    workload: mptcp" "    workload: mtcp"
	refused "no workload \`mtcp\`"
	edited "primary: receiver" "primary: reciever"
	refused "no measure \`reciever\`"
	edited "    node: detour" "    node: detuor"
	refused "no node \`detuor\`"
}

@test "a name that nothing fills in is refused before the first trial" {
	edited 'port: "${mapping.port}"' 'port: "${maping.port}"'
	line=$(grep -n '^  tcp-nat:' "$file" | cut -d: -f1)
	run --separate-stderr liquidnet run "$file" --results "$work/results"
	[ "$status" -eq 2 ]
	[[ $stderr == *"$file:"*"asks nothing as \`maping\`"* ]]
}

@test "a program that is not installed is refused by name" {
	edited "run: [iperf3, -s" "run: [iperf33, -s"
	run --separate-stderr liquidnet run "$file" --results "$work/results"
	[ "$status" -eq 2 ]
	[[ $stderr == *"$file:"*"program \`iperf33\` is not installed"* ]]
	[ ! -e "$work/results" ]
}

@test "text that is no YAML is refused with its line" {
	printf 'experiment: broken\nlinks: {all: [\n' >"$work/broken.yaml"
	run --separate-stderr liquidnet run "$work/broken.yaml"
	[ "$status" -eq 2 ]
	[[ $stderr == *"broken.yaml:"*"not YAML"* ]]
}

@test "a typo in an experiment's name lists the experiments" {
	run --separate-stderr liquidnet run core-limted
	[ "$status" -eq 2 ]
	[[ $stderr == *"no experiment \`core-limted\`; there are:"*"core-limited"* ]]
}

@test "bad options are refused" {
	for option in --trials=0 --jobs=many --nonsense --seed=-4 --backend=netme; do
		run --separate-stderr liquidnet run core-limited "$option"
		[ "$status" -eq 2 ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
	run --separate-stderr liquidnet run core-limited --only a --only b
	[ "$status" -eq 2 ]
	[[ $stderr == *"--only is said twice"* ]]
	run --separate-stderr liquidnet run core-limited --procedures nta
	[ "$status" -eq 2 ]
	[[ $stderr == *"no procedure matches \`nta\`; there are 1-subflow, nat"* ]]
}

@test "without root nothing is started" {
	need_root
	# A user namespace without a mapping: no longer root, and the files can be read wherever this tree is.
	run --separate-stderr unshare --user liquidnet run core-limited --results "$work/results"
	[ "$status" -eq 2 ]
	[[ $stderr == *"root"* ]]
	[ ! -e "$work/results" ]
}

@test "the same seed gives the same plan, another seed another" {
	liquidnet run core-limited --dry-run --seed 5 >"$work/a"
	liquidnet run core-limited --dry-run --seed 5 >"$work/b"
	liquidnet run core-limited --dry-run --seed 6 >"$work/c"
	cmp "$work/a" "$work/b"
	run ! cmp -s "$work/a" "$work/c"
	[ "$(wc -l <"$work/a")" -eq 18 ]
}

@test "the second experiment runs, two trials at once, and splitting helps" {
	need_root
	liquidnet run split-tcp --trials 2 --only loss-3 --results "$work/results" || [ $? = 1 ] # on a late machine trials do not count
	dir=$work/results/split-tcp/latest
	[ "$(wc -l <"$dir/trials.jsonl")" -ge 4 ]
	jq -es 'all(.status != "failed") and
		(group_by(.procedure) | map({(.[0].procedure): (map(.measures.download) | add / length)}) | add | .split > ."end-to-end")' "$dir/trials.jsonl"
	for procedure in split end-to-end; do grep -q "^loss-3,$procedure," "$dir/summary.csv"; done
	# At once: the second of two trials began before the first had ended.
	jq -rs 'map(select(.configuration == "loss-3")) | map([(.started | fromdate), .wall_s]) | sort
		| .[1][0] < .[0][0] + .[0][1]' "$dir/trials.jsonl" | grep -qx true
}

# One trial of two seconds, not tried again.
short_trial() {
	sed -i 's/-t, 10,/-t, 2,/; s/window: \[0.9, 10.1\]/window: [0, 3]/; s/window: \[1, 10\]/window: [0, 1.5]/
		s/^trials: 3/trials: 1\nretries: 0/' "$file"
}

says_what_links_did() {
	liquidnet run "$file" --procedures nat --results "$work/results" || [ $? = 1 ] # a trial that is not valid says it as well
	record=$work/results/core-limited/latest/trials.jsonl
	jq -es 'length == 1 and .[0].status != "failed"' "$record" &&
		jq -e '[.links[] | .forward, .reverse | .observed] | length == 12 and all(.received == 16)' "$record" &&
		jq -e '.phases | [.network, .links, .daemons, .observe, .workload, .trains, .check] | all(.wall_s > 0)' "$record" &&
		jq -e '.agreement.receiver_bytes > 0 and .memory_mib > 1' "$record"
}

# Configured 10 and 20 Mbit/s; the train stands in the link's own queue. If not, another trial is there for the next try.
observed_as_configured() {
	jq -e '[.links[] | .forward, .reverse | .observed.rate_bps // empty] |
		length > 0 and all((. > 9e6 and . < 11e6) or (. > 18e6 and . < 22e6))' "$record" || { says_what_links_did; return 1; }
}

@test "a trial says what each link did and what the trial cost, by phase" {
	need_root
	edited "seed: 2017" "seed: 2018"
	short_trial
	says_what_links_did
	on_time observed_as_configured
}

leftovers() {
	liquidnet run tests/system/data/leftovers.yaml --results "$work/results" --jobs 1 || [ $? = 1 ]
	record=$work/results/leftovers/latest/trials.jsonl
	jq -es 'length > 0 and all(.status != "failed" and ([.links[].forward.observed.error_median_us] | length == 2 and all(. != null)))' "$record"
}

# The last trial counts, and its trains kept their time. If not, another trial is there for the next try.
links_alone_were_judged() {
	jq -es '.[-1] | (.status == "valid" or .status == "suspect") and ([.links[].forward.observed.error_median_us] | all(. < 2000))' "$record" ||
		{ leftovers; return 1; }
}

@test "what a workload leaves in the queues is not held against the links" {
	need_root
	leftovers
	on_time links_alone_were_judged
}

@test "a label that does not match the wire fails the trial" {
	need_root
	edited "expect: {protocol: mptcp, at: server/link3, subflows: [client]}" \
		"expect: {protocol: tcp, at: server/link3, subflows: [client]}"
	short_trial
	run liquidnet run "$file" --procedures 1-subflow --results "$work/results"
	[ "$status" -eq 1 ]
	jq -e '.status == "failed" and (.reasons | any(test("MPTCP")))' "$work/results/core-limited/latest/trials.jsonl"
}

@test "a second subflow that is promised and missing fails the trial" {
	need_root
	edited "expect: {protocol: mptcp, at: server/link3, subflows: [client]}" \
		"expect: {protocol: mptcp, at: server/link3, subflows: [client, detour]}"
	short_trial
	run liquidnet run "$file" --procedures 1-subflow --results "$work/results"
	[ "$status" -eq 1 ]
	jq -e '.status == "failed" and (.reasons | any(test("subflow")))' "$work/results/core-limited/latest/trials.jsonl"
}

@test "a connection that falls back to TCP fails the trial" {
	need_root
	edited "run: [mptcpize, run, iperf3, -s" "run: [iperf3, -s"
	short_trial
	run liquidnet run "$file" --procedures 1-subflow --results "$work/results"
	[ "$status" -eq 1 ]
	jq -e '.status == "failed" and (.reasons | any(test("fell back|plain TCP")))' \
		"$work/results/core-limited/latest/trials.jsonl"
}

# What there is on this host that a run could have left: links, mounts, firewall, our processes, the setting it journals.
inventory() {
	ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/:.*//' | sort
	sort /proc/self/mounts
	nft list ruleset 2>/dev/null
	cat /proc/sys/net/ipv4/tcp_allowed_congestion_control
}

# Network namespaces that a process is in or that a file pins; those that the processes of a run (by its cgroup) are in.
namespaces() { lsns -t net -n -o NS | sort -u; }
namespaces_of() {
	for one in $(cat /sys/fs/cgroup/liquidnet-"$1"*/*/cgroup.procs /sys/fs/cgroup/*/liquidnet-"$1"*/*/cgroup.procs 2>/dev/null); do
		readlink "/proc/$one/ns/net"
	done | tr -dc '0-9\n' | sort -u
}

# await SECONDS COMMAND...: asks again until it succeeds.
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -rt 0.05 <> <(:) || :
	done
}

# A process that nobody has collected yet runs no more: some init processes take their time.
gone() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null || echo Z)" = Z ]; }

@test "SIGKILL in the middle of a trial leaves nothing behind, and results can be read" {
	need_root
	inventory >"$work/before"
	liquidnet run core-limited --procedures nat --trials 2 --results "$work/results" >"$work/out" 2>&1 &
	pid=$!
	# The first trial has a record and the second one moves data: the middle of a trial.
	in_the_middle() {
		[ "$(grep -sc . "$work/results/core-limited/latest/trials.jsonl")" = 1 ] &&
			compgen -G "$work/results/core-limited/latest/trials/0002*/client.out" >/dev/null
	}
	await $((60 * slow)) in_the_middle
	pgrep -P "$pid" >"$work/children"
	namespaces_of "$pid" >"$work/ns"
	[ "$(wc -l <"$work/ns")" -ge 7 ]
	kill -9 "$pid"
	wait "$pid" || :
	while read -r child; do await $((20 * slow)) gone "$child"; done <"$work/children"
	cgroup_gone() { ! compgen -G "/sys/fs/cgroup/liquidnet-$pid-*" && ! compgen -G "/sys/fs/cgroup/*/liquidnet-$pid-*"; }
	await $((20 * slow)) cgroup_gone
	same() { inventory >"$work/after"; cmp -s "$work/before" "$work/after"; }
	await $((20 * slow)) same || { diff "$work/before" "$work/after"; false; }
	namespaces_gone() { [ -z "$(namespaces | comm -12 - "$work/ns")" ]; }
	await $((20 * slow)) namespaces_gone
	liquidnet report "$work/results/core-limited/latest" >"$work/report"
	grep -q 'nat' "$work/report"
	[ "$(jq -s length "$work/results/core-limited/latest/trials.jsonl")" -eq 1 ]
}
