#!/usr/bin/env bats
# liquidnet-ndp over loopback, and over switches that trim: what is sent comes once, whole, and what was cut was answered.
# May run beside others.
# shellcheck disable=SC2154 # stderr is bats'

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	bin=$PWD/${BUILD:-build}/bin
	case ${BUILD:-build} in /*) bin=$BUILD/bin ;; esac
	cd "$BATS_TEST_TMPDIR" || return 1
}

# serve ARGUMENT...: a server in the background, ready; its output in served.json
serve() {
	mkfifo ready
	"$bin/liquidnet-ndp" serve --ready-fd 7 "$@" >served.json 2>served.log 7>ready 3>&- &
	server=$!
	read -r -t 20 word <ready
	[ "$word" = READY ]
}

send() { timeout 30 "$bin/liquidnet-ndp" send "$@" 3>&-; }

# refused TEXT ARGUMENT...: one line with TEXT, status 2
refused() {
	run --separate-stderr "$bin/liquidnet-ndp" "${@:2}"
	echo "status $status: $stderr"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"$1"* ]]
}

@test "flows over four paths, one after another and side by side, come whole and once" {
	serve --port 17100 --address 127.0.1.1,127.0.1.2,127.0.1.3,127.0.1.4 --flows 5 --rate 1Gbit/s
	send --port 17100 --to 127.0.1.1,127.0.1.2,127.0.1.3,127.0.1.4 --address 127.0.2.1,127.0.2.2,127.0.2.3,127.0.2.4 --size 300KB --count 3 --rate 1Gbit/s >a.json &
	send --port 17100 --to 127.0.1.1,127.0.1.2,127.0.1.3,127.0.1.4 --address 127.0.3.1,127.0.3.2,127.0.3.3,127.0.3.4 --size 1000 --count 2 --rate 1Gbit/s --seed 2 >b.json
	wait $!
	wait "$server"
	jq -e '.whole == 5 and .bytes == 902000 and .strange == 0 and ([.faults[]] | add) == 0' served.json
	jq -e '(.flows | length) == 3 and all(.flows[]; .done and .nacks == 0 and .bounces == 0)' a.json
	jq -e '[.paths[].acks] | add >= 621 and min > 100' a.json # 207 packets each, over all paths alike
	jq -e 'all(.flows[]; .done)' b.json
}

@test "a server that starts late is reached: what nobody answers is sent again" {
	send --port 17101 --to 127.0.1.1 --address 127.0.2.1 --size 20KB --rto 50ms >a.json &
	sender=$!
	serve --port 17101 --address 127.0.1.1 --flows 1
	wait "$sender"
	wait "$server"
	jq -e '.flows[0].done' a.json
	jq -e '.whole == 1 and .bytes == 20000' served.json
}

@test "garbage is counted and dropped; the flow beside it comes whole" {
	serve --port 17102 --address 127.0.1.1 --flows 1
	/usr/bin/python3 -I -S - <<-'END'
		import random, socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		draws = random.Random(1)
		for _ in range(300):
		    s.sendto(draws.randbytes(draws.randrange(0, 200)), ("127.0.1.1", 17102))
		for kind in range(1, 7):  # a header that is none of a flow
		    s.sendto(bytes([1, kind, 0, 0]) + bytes(16) + bytes([0, 1, 0, 0]), ("127.0.1.1", 17102))
	END
	send --port 17102 --to 127.0.1.1 --address 127.0.2.1 --size 50KB >a.json
	wait "$server"
	jq -e '.whole == 1 and .bytes == 50000 and ([.faults[]] | add) + .strange >= 306' served.json
}

@test "the same flows by TCP" {
	serve --port 17103 --transport tcp --flows 2 --bins 10ms
	send --port 17103 --transport tcp --to 127.0.0.1 --size 3MB --count 2 >a.json
	wait "$server"
	jq -e '.whole == 2 and .bytes == 6000000 and ([.bins[].bytes] | add) == 6000000' served.json
}

@test "senders that meet begin at the same moment" {
	serve --port 17104 --address 127.0.1.1 --flows 3
	for i in 1 2 3; do send --port 17104 --to 127.0.1.1 --address "127.0.2.$i" --size 9KB --seed $i --meet "$PWD/meet:3" >"$i.json" & done
	wait "$server"
	wait
	jq -se 'all(.[]; .flows[0].done) and (map(.start) | max - min) < 0.001' 1.json 2.json 3.json
}

@test "what is asked wrongly is refused in one line" {
	refused "serve or send?"
	refused "serve or send?" sing
	refused "send needs --to" send --size 1KB
	refused "--to 1.2.3: IPv4 addresses" send --to 1.2.3 --size 1KB
	refused "as many own addresses" send --to 127.0.0.1,127.0.0.2 --address 127.0.0.3 --size 1KB
	refused "--transport quic" serve --transport quic
	refused "--window 0: a whole number" send --to 127.0.0.1 --window 0
	refused "--meet x" send --to 127.0.0.1 --meet x
	refused "--rate 5" serve --rate 5
	refused "options only" serve now
}

@test "incast over switches: every header that a switch made was answered, nothing came twice, no timer went off" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	# A busy machine makes the trial invalid in real time, not what it did wrong.
	clock=real
	[ ! -x "$bin/../virtual/linux" ] || clock=virtual
	"$bin/liquidnet" run ndp-incast --trials 1 --clock "$clock" --only 45KB --procedures ndp --results "$PWD/results" >run.log 2>&1 3>&- || cat run.log
	trial=$(ls -d results/ndp-incast/latest/trials/*-1 | tail -n 1)
	trimmed=$(jq -s '.[-1].links | [.[] | .forward, .reverse | .trim.trimmed] | add' results/ndp-incast/latest/trials.jsonl)
	echo "trimmed $trimmed"
	[ "$trimmed" -gt 0 ]
	jq -e --argjson trimmed "$trimmed" '.whole == 7 and .bytes == 7 * 44740 and ([.flows[].headers] | add) == $trimmed and .strange == 0' "$trial/sink.out"
	jq -se --argjson trimmed "$trimmed" '([.[].flows[].nacks] | add) == $trimmed and ([.[].flows[].again] | add) == $trimmed and ([.[].flows[].timeouts] | add) == 0' "$trial"/sender-*.out
}
