#!/usr/bin/env bats
# liquidnet-replica and liquidnet sim c3: stores and clients over real connections; a store that dies; garbage; what is asked wrongly.
# May run beside others.
# shellcheck disable=SC2154,SC2030,SC2031 # each test has a sandbox of its own

source "${BATS_TEST_DIRNAME}/../sandbox.bash"

setup() { sandbox_setup; }

# Three stores at one node; all is on its loopback interface.
network() { ip link set lo up; }

# start_store N [LINE...]
start_store() {
	mkdir -p "store$1"
	printf 'listen: 127.0.0.1:700%s\nstore: store%s\nrecords: 500\nservice_time: 2ms\n' "$1" "$1" >"s$1.yaml"
	printf '%s\n' "${@:2}" >>"s$1.yaml"
	"$programs/liquidnet-replica" serve --config "s$1.yaml" --control "$work/s$1.sock" 2>>"s$1.log" &
	eval "s${1}_pid=$!"
	until_true test -S "$work/s$1.sock"
}

# load LINE...: its JSON goes to out.
load() {
	printf '%s\n' 'servers: [127.0.0.1:7001, 127.0.0.1:7002, 127.0.0.1:7003]' 'records: 500' "$@" >load.yaml
	"$programs/liquidnet-replica" load --config load.yaml >out 2>load.log
}

value() { jq -r ".$1" out; }
count() { ask "$work/s$1.sock" show | jq -r ".$2"; }

every_policy() {
	for n in 1 2 3; do start_store $n; done
	for select in c3 lor rr ds random; do
		load "select: $select" 'clients: 2' 'generators: 6' 'updates: 20%' 'repair: 10%' 'duration: 500ms' "log: $work/log"
		for counter in failed foreign malformed wrong absent busy retried lost_connections without_feedback; do
			[ "$(value $counter)" = 0 ] || { echo "$select $counter" >&2; return 1; }
		done
		[ "$(value reads)" -gt 20 ]
		[ "$(value updates)" -gt 0 ]
		[ "$(jq '.samples | length' out)" = "$(value reads)" ]
		[ "$(jq '.served | add' out)" = "$(value reads)" ]
		head -1 log | grep -q '^seconds,client,server,rate'
		[ "$(awk -F, 'NF != 9' log | wc -l)" = 0 ]
	done
	has_rights "$s1_pid"
}
@test "replica: every policy, updates, repairs: all answered, with the right bytes" { in_sandbox every_policy; }

slow_store() {
	for n in 1 2 3; do start_store $n; done
	[ "$(ask "$work/s2.sock" slow 30 | jq .ok)" = true ]
	load 'select: c3' 'clients: 2' 'generators: 6' 'duration: 2s'
	# One that is thirty times slower gets far less than its third.
	jq -e '.served[1] * 6 < (.served | add)' out
	[ "$(ask "$work/s2.sock" slow 0 | jq .ok)" = false ]
}
@test "replica: C3 avoids a store that is slow" { in_sandbox slow_store; }

# The store that answers most reads (C3 may leave one nearly alone), once it has answered 50.
busiest() {
	local n
	victim=
	for n in 1 2 3; do if [ "$(count $n reads)" -gt "$([ -n "$victim" ] && count "$victim" reads || echo 50)" ]; then victim=$n; fi; done
	[ -n "$victim" ]
}
others() { local n sum=0; for n in 1 2 3; do [ $n = "$victim" ] || sum=$((sum + $(count $n reads))); done; echo $sum; }
went_on() { [ "$(others)" -gt $(($1 + 50)) ]; }

store_dies() {
	local pid
	for n in 1 2 3; do start_store $n; done
	load 'select: c3' 'clients: 2' 'generators: 10' 'duration: 6s' 'timeout: 3s' &
	loader=$!
	until_true busiest
	pid=s${victim}_pid
	kill -KILL "${!pid}"
	rm -f "$work/s$victim.sock"
	before=$(others)
	until_true went_on "$before" # it goes on without it
	start_store "$victim"
	wait $loader
	[ "$(value failed)" = 0 ]
	[ "$(value lost_connections)" -ge 1 ]
	[ "$(value wrong)" = 0 ]
	[ "$(count "$victim" reads)" -gt 0 ] # it was asked again
}
@test "replica: a store that is killed and comes back: no read is lost" { in_sandbox store_dies; }

lmdb_only() {
	for n in 1 2 3; do
		mkdir -p store$n
		printf 'listen: 127.0.0.1:700%s\nstore: store%s\nrecords: 500\nskewed_sizes: true\nrecord_size: 2000\nservice: lmdb\n' $n $n >s$n.yaml
		"$programs/liquidnet-replica" serve --config s$n.yaml --control "$work/s$n.sock" 2>>s$n.log &
		until_true test -S "$work/s$n.sock"
	done
	load 'select: lor' 'rate: 300' 'duration: 1s' 'skewed_sizes: true' 'record_size: 2000'
	[ "$(value wrong)" = 0 ]
	[ "$(value reads)" -gt 100 ]
}
@test "replica: the real look-up as the service, records of skewed sizes, open load" { in_sandbox lmdb_only; }

garbage() {
	for n in 1 2 3; do start_store $n; done
	for n in 1 2 3; do
		head -c 100000 /dev/urandom | socat -u - "TCP:127.0.0.1:700$n" || true
		printf '\0\0\0\21\0\0\0\0\0\0\0\1\11\0\0\0\0\0\0\0\7' | socat -u - "TCP:127.0.0.1:700$n" || true
	done
	load 'select: c3' 'generators: 4' 'duration: 300ms'
	[ "$(value failed)" = 0 ]
	for n in 1 2 3; do [ "$(count $n malformed)" = 2 ]; done
	# A foreign server, which answers what nobody asked: the connection is closed and counted, the load goes on.
	kill "$s1_pid"
	wait "$s1_pid" || true
	mkfifo pipe
	socat -u OPEN:/dev/urandom TCP-LISTEN:7001,bind=127.0.0.1,reuseaddr,fork 2>/dev/null &
	liar=$!
	until_true sh -c 'ss -Htln "sport = 7001" | grep -q .'
	load 'select: c3' 'generators: 4' 'duration: 1s' 'timeout: 5s'
	kill $liar
	[ "$(value malformed)" -gt 0 ]
	[ "$(value reads)" -gt 10 ]
	[ "$(value wrong)" = 0 ]
}
@test "replica: garbage closes a connection and is counted, on both sides" { in_sandbox garbage; }

@test "replica: a configuration's errors name file, line and remedy" {
	cd "$work"
	run "$programs/liquidnet-replica"
	[ "$status" = 2 ]
	wrong() { # SUBCOMMAND TEXT YAML
		printf '%s\n' "$3" >bad.yaml
		run "$programs/liquidnet-replica" "$1" --config bad.yaml
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
		[[ ${lines[0]} == *"bad.yaml:"[0-9]*"$2"* ]] || { echo "${lines[0]}" >&2; return 1; }
	}
	wrong serve listen 'store: x'
	wrong serve 'no address' $'listen: here\nstore: x'
	wrong serve fluctuation $'listen: 127.0.0.1:7000\nstore: x\nfluctuation: 10us'
	wrong load replicas $'servers: [127.0.0.1:7000]\nrate: 5'
	wrong load generators $'servers: [127.0.0.1:7000]\nreplicas: 1'
	wrong load oracle $'servers: [127.0.0.1:7000]\nreplicas: 1\nrate: 5\nselect: oracle'
}

@test "sim c3: figures, scenarios, and what is asked wrongly" {
	liquidnet=$programs/liquidnet
	[ "$("$liquidnet" sim c3 --figure 3.23 | grep lor)" = lor,60 ]
	"$liquidnet" sim c3 --runs 2 --format json 'select=lor requests=20000' | jq -e '.[0]["p99.9"].mean > .[0].p50.mean'
	[ "$("$liquidnet" sim c3 --runs 2 --format csv 'requests=5000' 'requests=5000 select=ds' | awk -F, 'NF != 23' | wc -l)" = 0 ]
	a=$("$liquidnet" sim c3 --runs 2 --format csv requests=5000) b=$("$liquidnet" sim c3 --runs 2 --format csv requests=5000)
	[ "$a" = "$b" ]
	for words in 'load=100%' 'clients=0' 'select=best' 'speed=1' '--figure 9' '--runs 0' '--format xml'; do
		# shellcheck disable=SC2086
		run "$liquidnet" sim c3 $words
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	# The whole scorecard with few requests: a line per row of the table.
	rows=$(grep -cvE '^#|^scenario,' data/replica/c3-published.csv)
	[ "$("$liquidnet" sim c3 --runs 2 --with requests=2000 --format csv | tail -n +2 | wc -l)" = "$rows" ]
}
