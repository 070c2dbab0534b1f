#!/usr/bin/env bats
# liquidnet-attack: it starts inside of trials and nowhere else, and the main rows of its table: what the standard's keys stop, what the
# kernel's defaults stop, what neither does. nodes/threats/README.md has all of it.
# May run beside others.
# shellcheck disable=SC2154 # run's variables

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	bin=$PWD/${BUILD:-build}/bin
	case ${BUILD:-} in /*) bin=$BUILD/bin ;; esac
	work=$BATS_TEST_TMPDIR
	PATH=$bin:$PATH
	observe=(observe --server server --port 5000 --watch router)
}

refused() { # TEXT COMMAND...
	run --separate-stderr "${@:2}"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"$1"* ]] || { echo "it says: $stderr" >&2; return 1; }
}

@test "outside of a trial it does not start, whatever namespaces it is in, and whoever is process 1" {
	refused "process 1 is not the harness's" liquidnet-attack "${observe[@]}"
	[ "$(id -u)" = 0 ] || skip "needs root"
	refused "process 1 is not the harness's" unshare --net --pid --fork --kill-child --mount --mount-proc \
		liquidnet-attack "${observe[@]}"
	# A process 1 of the harness's name is not the harness.
	cp "$(command -v bash)" "$work/liquidnet"
	refused "process 1 is not the harness's" unshare --net --pid --fork --kill-child --mount --mount-proc \
		"$work/liquidnet" -c '"$@"; exit $?' liquidnet liquidnet-attack "${observe[@]}"
}

@test "what cannot be asked for is one line, and nothing is sent" {
	refused 'no scenario `x`; there are: observe' liquidnet-attack x
	refused 'no scenario; --help lists them' liquidnet-attack
	refused '--watch is missing' liquidnet-attack observe --server server --port 5000
	refused 'eavesdrop needs keys; add it to --knows' liquidnet-attack eavesdrop --server server --port 5000 --watch router
	refused 'observe has no use for keys; take it out of --knows' liquidnet-attack "${observe[@]}" --knows keys
	refused '`all` is no knowledge' liquidnet-attack "${observe[@]}" --knows all
	refused 'form left needs keys' liquidnet-attack announce --server server --port 5000 --watch router \
		--knows tuple,sequence,acknowledgement --forms left
	refused 'no form of announce' liquidnet-attack announce --forms prio
	refused '--forms is missing' liquidnet-attack announce --server server --port 5000 --watch router --knows tuple,sequence,acknowledgement
	refused 'from 1 to 1000000' liquidnet-attack "${observe[@]}" --rate 2000000
	refused 'from 1 to 10000000' liquidnet-attack "${observe[@]}" --packets 99999999
	refused 'at most 60s' liquidnet-attack "${observe[@]}" --for 61s
	refused 'longer than --settle' liquidnet-attack "${observe[@]}" --hold 50ms
	refused 'that is an address; name a node' liquidnet-attack observe --server 10.0.2.1
	refused 'that is an address; name a node' liquidnet-attack observe --from ::1
	refused 'one scenario, then options' liquidnet-attack "${observe[@]}" again
	refused 'no such option' liquidnet-attack "${observe[@]}" --i-am-in-a-sandbox
}

virtual_only() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	liquidnet-virtual check >"$work/check" || skip "no virtual time here: $(grep '^no' "$work/check" | head -n 1)"
}

# value CONFIGURATION PROCEDURE COLUMN: of summary.csv
value() {
	awk -F, -v c="$1" -v p="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } $1 == c && $2 == p { print $at }' \
		"$work"/results/threats/latest/summary.csv
}

run_cells() { # PROCEDURES CONFIGURATIONS
	liquidnet run threats --clock virtual --trials 1 --procedures "$1" --only "$2" --results "$work/results" >"$work/run.log" 2>&1 3>&- ||
		{ cat "$work/run.log" >&2; return 1; }
}

@test "an announced address: 0 of 20 without the keys, 20 of 20 with them, 0 of 20 by the kernel's defaults" {
	virtual_only
	run_cells announce-no-keys,takeover default,accept
	[ "$(value accept announce-no-keys succeeded_tries)" = 0 ]
	[ "$(value accept announce-no-keys announced_client_options)" = 0 ]
	[ "$(value accept takeover succeeded_tries)" = 20 ]
	[ "$(value accept takeover unharmed_connections)" = 20 ]
	[ "$(value default takeover succeeded_tries)" = 0 ]
	[ "$(value default takeover announced_client_options)" = 20 ]
}

@test "keys that were seen give the connection away, unless the server takes no subflows" {
	virtual_only
	run_cells eavesdrop,bad-ack default,limit-0
	[ "$(value default eavesdrop succeeded_tries)" = 20 ]
	[ "$(value limit-0 eavesdrop succeeded_tries)" = 0 ]
	[ "$(value limit-0 eavesdrop stolen_bytes)" = 0 ]
	[ "$(value default bad-ack bad_ack_subflows)" = 20 ]
	[ "$(value default bad-ack stolen_bytes)" = 0 ]
}

@test "a flood of joins stops the client's own where the server has no cookies, and nowhere else" {
	virtual_only
	run_cells flood default,cookies-off
	[ "$(value cookies-off flood joins_subflows)" = 0 ]
	[ "$(value cookies-off flood new_connection_ms)" = 1000 ]
	[ "$(value default flood joins_subflows)" -ge 38 ] # of 40, each with 0.2 forged ones in 1,024 slots
	[ "$(value default flood half_open_sockets)" = 101 ]
}
