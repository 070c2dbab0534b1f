#!/usr/bin/env bats
# liquidnet-trevi: blobs are written to three servers and read from them, by symbols; neighbours that die, lie and flood.
# May run beside others.
# shellcheck disable=SC2154,SC2030,SC2031 # of trevi.bash; each test has a sandbox of its own

source "${BATS_TEST_DIRNAME}/../sandbox.bash"
source "${BATS_TEST_DIRNAME}/trevi.bash"

setup() { sandbox_setup; }

multicast_write() {
	start_servers
	start_routing
	table
	blob 3000000
	before=$(ip -j -s -n client link show eth | jq '.[0].stats64.tx.bytes')
	put blob >out
	after=$(ip -j -s -n client link show eth | jq '.[0].stats64.tx.bytes')
	for n in 1 2 3; do stored $n 3; done
	[ "$(value out failed)" = false ]
	# Once on the client's link: the bytes, headers (58 of 1458) and a few symbols more; far from twice.
	echo "copies: $(((after - before) * 100 / 3000000)) %" >&2
	[ $((after - before)) -lt 4500000 ]
	for n in 1 2 3; do [ "$(count $n stored)" = 3 ]; done
	# And back, from all three.
	get --tracts 3 --out read >out
	cmp blob read
	[ "$(jq '.sources | length' out)" = 3 ]
	[ "$(value out wrong_hash)" = 0 ]
}
@test "trevi: a write to three replicas carries each symbol once; a read takes from all" { in_sandbox multicast_write; }

all_ways() {
	start_servers
	table
	blob 2500000
	for by in unicast tcp; do
		put --by $by blob >out
		for n in 1 2 3; do stored $n 3; rm store$n/*; done
	done
	put --by tcp blob >out
	for by in trevi tcp; do
		get --by $by --tracts 3 --parallel 3 --repeat 4 --out read >out
		cmp blob read
		[ "$(jq '.rounds | length' out)" = 4 ]
	done
	: >blob # a blob of no bytes is one tract of none
	rm store?/*
	put --by unicast blob >out
	get --tracts 1 --out read >out
	[ ! -s read ]
}
@test "trevi: by unicast, by TCP, several at once, nothing at all" { in_sandbox all_ways; }

dies_in_a_read() {
	start_servers
	table
	blob 20000000
	put --by tcp blob >out
	ip netns exec core tc qdisc add dev client root tbf rate 100mbit burst 10k limit 100k 2>/dev/null || true
	get --tracts 20 --repeat 5 --timeout 20s --out read >out 2>err &
	getter=$!
	until_true sh -c "[ \"\$(printf 'show\n' | timeout 5 socat - UNIX-CONNECT:$work/s2.sock | jq .sessions)\" -gt 0 ]"
	kill -KILL "$s2_pid"
	wait $getter || true
	cmp blob read
	[ "$(value out failed)" = false ]
	grep -q '10.1.2.1:7010' err # it says who was missing
}
@test "trevi: a server that is killed in mid-read: nothing is lost" { in_sandbox dies_in_a_read; }

dies_in_a_write() {
	start_servers
	start_routing
	table
	blob 30000000
	put --timeout 20s blob >out 2>err &
	putter=$!
	until_true test -e "store3/$guid.2"
	kill -KILL "$s3_pid"
	fails wait $putter
	grep -q '10.1.3.1:7010' err # which replica lacks the tract
	[ "$(value out failed)" = true ]
	for n in 1 2; do stored $n 29; done # the tracts that began after its end, too
	# What it had is whole, nothing half is there; once it is back, a write completes all.
	for f in store3/*.[0-9] store3/*.[0-9][0-9]; do
		[ -e "$f" ] || continue
		t=${f##*.}
		head -c -32 "$f" | cmp - <(tail -c +$((t * 1048576 + 1)) blob | head -c 1048576)
	done
	start_server 3
	put --timeout 20s blob >out
	for n in 1 2 3; do stored $n 29; done
}
@test "trevi: a server that is killed in mid-write: the others have all, the client says who has not" { in_sandbox dies_in_a_write; }

straggles() {
	start_servers
	start_routing
	table
	blob 3000000
	kill -STOP "$s2_pid"
	fails put --straggler 1s --timeout 5s blob >out 2>err
	kill -CONT "$s2_pid"
	grep -q '10.1.2.1:7010' err
}
@test "trevi: a server that says nothing is left behind and named" { in_sandbox straggles; }

slow_disk() {
	start_server 1
	start_server 2
	start_server 3 'disk: 8Mbit/s'
	start_routing
	table
	blob 2000000
	put blob >out
	for n in 1 2 3; do stored $n 2; done
	# 2 MB at 1 MB/s, less the bucket's 50 ms per tract; others wait for it.
	jq -e '.seconds > 1.5' out
}
@test "trevi: all go at the pace of the slowest disk" { in_sandbox slow_disk; }

damage() {
	start_servers
	table
	blob 1000000
	put --by tcp blob >out
	printf X | dd of="store1/$guid.0" bs=1 seek=500 conv=notrunc 2>/dev/null
	fails get --tracts 1 --sources 1 >out 2>err
	grep -q 'the bytes were wrong' err
	[ "$(count 1 damaged)" = 1 ]
	get --tracts 1 --out read >out 2>err || true # the other two have it
	cmp blob read
}
@test "trevi: a tract that was damaged on the disk is never given away" { in_sandbox damage; }

garbage() {
	start_servers
	table
	blob 5000000
	for n in 1 2 3; do
		head -c 100000 /dev/urandom | ip netns exec client socat -u - "TCP:10.1.$n.1:7010" || true
		for i in $(seq 50); do head -c $((i * 20)) /dev/urandom | ip netns exec client socat -u - "UDP:10.1.$n.1:7010"; done
		printf 'T\3\2\0\0\0\0\0\0\0\0\7\0\0\0\1payload' | ip netns exec client socat -u - "UDP:10.1.$n.1:7010"
	done
	put --by unicast blob >out
	get --tracts 5 --out read >out
	cmp blob read
	for n in 1 2 3; do
		kill -0 "$(eval echo "\$s${n}_pid")"
		[ "$(count $n malformed)" -ge 50 ]
		[ "$(count $n strange)" -ge 1 ]
		has_rights "$(eval echo "\$s${n}_pid")"
	done
}
@test "trevi: garbage is counted and dropped; a server has no capability" { in_sandbox garbage; }

forger() {
	start_servers
	table
	blob 4000000
	put --by tcp blob >out
	# Everything that the client is sent comes twice, and once more with one byte changed and a sender that is another.
	ip netns exec client python3 "$forger_program" eth 10.2.0.1 forged &
	forger=$!
	until_true test -e forged
	get --tracts 4 --out read >out
	kill $forger
	wait $forger || true
	cmp blob read
	[ "$(value out wrong_hash)" = 0 ]
	cat out >&2
	[ "$(value out duplicates)" -gt 100 ]
	[ "$(value out foreign)" -gt 100 ]
}
@test "trevi: symbols that come twice, or from somebody else, are counted and not believed" { in_sandbox forger; }

first_symbols() {
	start_server 1
	table_of_one
	blob 100000
	put --by tcp blob >out
	# The same question three times: three offers, and its first symbols once; of the repair symbols that it asks for besides none.
	ip netns exec client python3 "$asker_program" 10.1.1.1 "$guid" 50 3 >asked
	[ "$(cat asked)" = 'offers 3 symbols 50 labels 50' ]
	ip netns exec client python3 "$asker_program" 10.1.1.1 "$guid" 1000 1 >asked
	[ "$(cat asked)" = 'offers 1 symbols 72 labels 72' ] # all fragments, and no more
	ip netns exec client python3 "$asker_program" 10.1.1.1 "$guid" 1025 1 >asked
	[ "$(cat asked)" = closed ]
	[ "$(count 1 malformed)" = 1 ]
	# An offer that is lost: the symbols that come before it are kept, and the question is put again at once.
	ip netns exec client nft -f - <<-END
		table inet lossy {
			chain in {
				type filter hook input priority 0
				tcp sport 7010 meta length > 90 quota until 120 bytes drop
			}
		}
	END
	get --tracts 1 --sources 1 --out read >out
	cmp blob read
	cat out >&2
	[ "$(value out asked_again)" -ge 1 ]
	[ "$(value out early)" -ge 1 ]
	[ "$(value out duplicates)" = 0 ]
	[ "$(value out symbols)" = 72 ]
}
@test "trevi: a get has its first symbols sent, once; what comes before the offer waits for it" { in_sandbox first_symbols; }

@test "sim trevi: figures, scenarios, beside NDP's and TCP's, and what is asked wrongly" {
	liquidnet=$programs/liquidnet
	star='incast:16 topology=star:17 rate=1Gbit/s delay=25us mtu=1400 size=64KiB'
	end() { jq -r '.[0].end.mean * 1000 | round' <<<"$1"; } # ns
	trevi=$(end "$("$liquidnet" sim trevi --runs 2 --format json "$star buffer=20")")
	ndp=$(end "$("$liquidnet" sim ndp --runs 2 --format json "$star")")
	tcp=$(end "$("$liquidnet" sim trevi --runs 2 --format json "$star buffer=20 transport=tcp code=mended rto=200ms rto-least=200ms")")
	# NDP has switches that trim; Trevi has none, and comes near; TCP waits for its timers.
	[ $((trevi * 10)) -lt $((ndp * 12)) ]
	[ $((trevi * 10)) -lt "$tcp" ]
	"$liquidnet" sim trevi --runs 1 --figure incast >"$BATS_TEST_TMPDIR/figure"
	[ "$(head -1 "$BATS_TEST_TMPDIR/figure")" = figure,curve,rate,queue_packets,senders,share_of_link,ci95 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/figure")" = 81 ]
	run "$liquidnet" sim trevi
	[[ $output == *"patterns  incast:N"* ]]
	for words in '--figure 3.12' 'incast:3 transport=ndp' 'incast:3 bounce=no' '--runs 0'; do
		# shellcheck disable=SC2086
		run "$liquidnet" sim trevi $words
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}

wrong_words() {
	for words in 'get' 'get --table t' 'put --table t --guid 12 f' 'get --table t --guid 5472657669000000000000000000000a' 'table' 'table --servers a --replicas 2' \
		'get --by pigeon' 'frobnicate'; do
		# shellcheck disable=SC2086
		run "$programs/liquidnet-trevi" $words
		[ "$status" = 2 ]
	done

}
@test "trevi: what is asked wrongly is told in a line" { sandbox_setup; wrong_words; }
