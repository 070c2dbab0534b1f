#!/usr/bin/env bats
# The detour daemon by version 1: the choice of a port, datagrams, flows, cost. detour.bash says what its network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031

load detour

# --- the choice of the detour port ---------------------------------------------------------------------------------

proposed_port() {
	start_detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 80 8080)" = 8080 ]
	[ "$(status .mappings)" = 2 ]
}
@test "a free proposed port is granted, and the answer has the published form" { in_sandbox proposed_port; }

reuse() {
	start_detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 7000)" = 5201 ]
	[ "$(status .mappings)" = 1 ]
	[ "$(status .counters.reused)" = 1 ]
}
@test "the same client and remote get the port of the mapping that exists" { in_sandbox reuse; }

taken_by_mapping() {
	start_detour
	serve server 5201
	ip -n server addr add 10.0.5.2/24 dev to-detour
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = 5201 ]
	local port
	port=$(ask client1 10.0.1.9 10.0.5.2 5201 5201)
	[ "$port" != 5201 ]
	[ "$(status .counters.other_port)" = 1 ]
	open_flow a client1 10.0.1.9 "$port"
	[ "$peer" = from=10.0.5.9 ]
	say a hello
}
@test "another port when another mapping of that client has the proposed one" { in_sandbox taken_by_mapping; }

taken_by_listener() {
	start_detour
	serve detour 80
	ip netns exec detour socat 'TCP6-LISTEN:81' - </dev/null &
	ip netns exec detour socat 'TCP6-LISTEN:84,bind=[::1]' - </dev/null &
	until_true listens detour 81
	until_true listens detour 84
	local port
	port=$(ask client1 10.0.1.9 10.0.5.1 80 80)
	[ "$port" != 80 ]
	port=$(ask client1 10.0.1.9 10.0.5.1 81 81)
	[ "$port" != 81 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 84 84)" = 84 ] # nobody outside could reach that one
	[ "$(ask client1 10.0.1.9 10.0.5.1 82 82)" = 82 ]
	port=$(ask client1 10.0.1.9 10.0.5.1 83 45672)
	[ "$port" != 45672 ]
	open_flow a client1 10.0.1.9 80 # the detour's own service is still the detour's
	[ "$peer" = from=10.0.1.1 ]
}
@test "another port when a socket of the host listens on the proposed one (IPv4, IPv6, signalling)" {
	in_sandbox taken_by_listener
}

independent() {
	start_detour
	serve server 5201
	serve server 5202
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 8080)" = 8080 ]
	refused client2 10.0.2.9 8080 # a mapping is its client's alone
	[ "$(ask client2 10.0.2.9 10.0.5.1 5202 8080)" = 8080 ]
	open_flow a client1 10.0.1.9 8080
	open_flow b client2 10.0.2.9 8080
	say a one
	say b two
	ip netns exec server ss -Htn state established >sockets
	[ "$(grep -c '10.0.5.1:5201 *10.0.5.9:' sockets)" = 1 ]
	[ "$(grep -c '10.0.5.1:5202 *10.0.5.9:' sockets)" = 1 ]
}
@test "two clients are independent: same detour port, different remotes" { in_sandbox independent; }

limits() {
	start_detour 'max_per_client: 2, max_mappings: 3, allow: [10.0.0.0/16]'
	serve server 1
	ask client1 10.0.1.9 10.0.5.1 1 1
	open_flow a client1 10.0.1.9 1
	ask client1 10.0.1.9 10.0.5.1 2 2
	until_is 1 mappings_with 'select(.flows == 1)'
	# The third takes the place of the second: of version 1, anybody might have asked for it; the first has a live flow.
	[ "$(ask client1 10.0.1.9 10.0.5.1 3 3)" = 3 ]
	[ "$(control mappings | jq -c '[.mappings[].detour_port] | sort')" = '[1,3]' ]
	ask client2 10.0.2.9 10.0.5.1 1 1
	# All are in use or nobody has more than the one who asks: refused, without an answer.
	local n
	read -r -a n <<<"$(exchange client2 10.0.2.9 "$(wire 1 0 10.0.5.1 9 9)" "$(wire 1 0 10.0.5.1 1 1)")"
	[ "${n[11]}" = 1 ]
	[ "$(status '.counters | "\(.evicted) \(.full)"')" = "1 1" ]
	control forget 10.0.1.1 1 | jq -e .ok
	say a still-here
	[ "$(ask client1 10.0.1.9 10.0.5.1 4 4)" = 4 ]
}
mappings_with() { control mappings | jq "[.mappings[] | $1] | length"; }
@test "capacity: a client's, and that of all; room is made, but never under a live flow" { in_sandbox limits; }

denied() {
	start_detour 'allow: [10.0.2.0/24]'
	printf '%b' "$(wire 1 0 10.0.5.1 80 80)" >request
	ip netns exec client1 bash -c 'dd if=request bs=12 status=none >/dev/udp/10.0.1.9/45672'
	until [ "$(status .counters.denied)" = 1 ]; do :; done
	[ "$(status .counters.responses)" = 0 ]
	[ "$(ask client2 10.0.2.9 10.0.5.1 80 80)" = 80 ]
}
@test "clients outside the allowed networks are not answered" { in_sandbox denied; }


# --- datagrams -----------------------------------------------------------------------------------------------------

malformed() {
	start_detour
	local good n
	good=$(wire 1 0 10.0.5.1 80 80)
	read -r -a n <<<"$(exchange client1 10.0.1.9 '\x01' "${good:0:44}" "$good"'\x00' \
		"$(wire 0 0 10.0.5.1 81 81)" "$(wire 2 0 10.0.5.1 81 81)" "$(wire 1 1 10.0.5.1 81 81)" \
		"$(wire 1 2 10.0.5.1 81 81)" "$(wire 1 0 0.0.0.0 81 81)" "$(wire 1 0 127.0.0.1 81 81)" \
		"$(wire 1 0 224.0.0.1 81 81)" "$(wire 1 0 255.255.255.255 81 81)" "$(wire 1 0 10.0.5.1 0 81)" \
		"$(wire 1 0 10.0.5.1 81 0)" "$good")"
	[ "${n[*]}" = "1 1 0 0 10 0 5 1 0 80 0 80" ]
	[ "$(status '.counters.malformed | [.short,.long,.version,.operation,.endpoint] | @csv')" = 2,1,2,2,6 ]
	[ "$(status '.counters | "\(.datagrams) \(.responses)"')" = "14 1" ]
	[ "$(status .mappings)" = 1 ]
}
@test "malformed datagrams are counted, dropped, and not answered" { in_sandbox malformed; }

second_address() {
	start_detour
	[ "$(ask client1 10.0.1.10 10.0.5.1 80 80)" = 80 ] # a connected socket: another source would not be heard
	[ "$(ask client1 10.0.5.9 10.0.5.1 81 81)" = 81 ]
}
@test "the answer comes from the address that was asked" { in_sandbox second_address; }


# --- flows ---------------------------------------------------------------------------------------------------------

through() {
	start_detour
	serve server 5201
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 8080)" = 8080 ]
	open_flow a client1 10.0.1.9 8080
	[ "$peer" = from=10.0.5.9 ]
	open_flow b client1 10.0.1.9 8080
	[ "$peer" = from=10.0.5.9 ]
	say a one
	say b two
	# Addressed to the server itself and only routed here: not ours to translate.
	serve server 8080
	open_flow c client1 10.0.5.1 8080
	[ "$peer" = from=10.0.1.1 ]
}
@test "flows pass both ways, the server sees the detour; what is only routed is left alone" { in_sandbox through; }

expiry() {
	start_detour 'idle: 3s'
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	open_flow a client1 10.0.1.9 5201
	[ "$peer" = from=10.0.5.9 ]
	say a before
	# client2's mapping has no flow: it ends; client1's is held by its flow, many idle times long.
	await detour.log 'event=mapping-expired client=10.0.2.1'
	[ "$(control mappings | jq -r '.mappings[].client')" = 10.0.1.1 ]
	refused client2 10.0.2.9 5201
	local sweeps
	sweeps=$(status .counters.sweeps)
	until [ "$(status .counters.sweeps)" -ge $((sweeps + 10)) ]; do :; done
	[ "$(status '"\(.mappings) \(.counters.expired)"')" = "1 1" ]
	say a after
	# Its flow ends, it ends.
	# shellcheck disable=SC2154 # set by open_flow
	kill "$a_pid"
	wait "$a_pid" || true
	await detour.log 'event=mapping-expired client=10.0.1.1'
	refused client1 10.0.1.9 5201
}
@test "an idle mapping ends, one with a live flow does not, and flows are not disturbed" { in_sandbox expiry; }

last_removed() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ask client2 10.0.2.9 10.0.5.1 5201 5201
	open_flow a client1 10.0.1.9 5201
	open_flow b client2 10.0.2.9 5201
	control forget 10.0.1.1 5201 | jq -e .ok
	say a one
	say b one
	control forget 10.0.2.1 5201 | jq -e .ok
	[ "$(status .mappings)" = 0 ]
	[ "$(ip netns exec detour nft -j list map inet liquidnet-detour mappings4 | jq '[.. | .elem? // empty] | length')" = 0 ]
	say a two
	say b two
	refused client1 10.0.1.9 5201
	control forget 10.0.2.1 5201 | jq -e '.ok == false'
}
@test "the removal of a mapping, even of the last, disturbs no established flow" { in_sandbox last_removed; }


# --- cost ----------------------------------------------------------------------------------------------------------

ten_thousand() {
	start_detour 'max_per_client: 20000, rate: 1000000'
	local i a b escapes='' text='' first last
	# One file of 10,000 requests for one port each, all of one client, to 10,000 remotes: half of them get another port.
	for ((i = 0; i < 10000; i++)); do
		a=$((i >> 8)) b=$((i & 255))
		printf -v text '\\x01\\x00\\x00\\x00\\x0b\\x01\\x%02x\\x%02x\\x00\\x50\\x%02x\\x%02x' \
			$a $b $(((20000 + i / 2) >> 8)) $(((20000 + i / 2) & 255))
		escapes+=$text
	done
	printf '%b' "$escapes" >requests
	[ "$(stat -c %s requests)" = 120000 ]
	cat >blast <<-'BASH'
		exec 3<>/dev/udp/10.0.1.9/45672
		for ((chunk = 0; chunk < 100; chunk++)); do
			((chunk % 10)) || echo "$EPOCHREALTIME"
			dd if=requests bs=12 skip=$((chunk * 100)) count=100 status=none >&3
			dd bs=12 count=100 status=none <&3 >>answers
		done
		echo "$EPOCHREALTIME"
	BASH
	timeout $((50 * slow)) ip netns exec client1 bash -eu blast >stamps
	[ "$(stat -c %s answers)" = 120000 ]
	[ "$(status '"\(.mappings) \(.counters.as_proposed) \(.counters.other_port)"')" = "10000 5000 5000" ]
	[ "$(ip netns exec detour nft -j list map inet liquidnet-detour mappings4 | jq '[.nftables[].map.elem? // [] | length] | add')" = 10000 ]
	# Microseconds a mapping, requests and answers included, for each thousand. Load from outside makes any of them
	# slow, so the best of the last three stands against the worst of the first three.
	awk 'NR > 1 { print int(($1 - s) * 1000) } { s = $1 }' stamps >costs
	[ "$(wc -l <costs)" = 10 ]
	first=$(head -n 3 costs | sort -n | tail -n 1)
	last=$(tail -n 3 costs | sort -n | head -n 1)
	echo "# us a mapping, by the thousand: $(xargs <costs)" >&3
	[ "$last" -lt $((3 * first + 200)) ]
	# All of them are adopted by the next life, and all end together, also the one that somebody takes out.
	kill -KILL "$daemon"
	wait "$daemon" || true
	start_detour "max_per_client: 20000, idle: $((4 * slow))s"
	[ "$(status '"\(.mappings) \(.counters.adopted)"')" = "10000 10000" ]
	ip netns exec detour nft 'delete element inet liquidnet-detour mappings4 { 10.0.1.1 . 20000 }'
	until [ "$(status .mappings)" = 0 ]; do :; done
	[ "$(status .counters.expired)" = 10000 ]
	[ "$(ip netns exec detour nft -j list map inet liquidnet-detour mappings4 | jq '[.nftables[].map.elem? // [] | length] | add')" = 0 ]
}
@test "ten thousand mappings: bounded time, the last as quick as the first" { limit=100 in_sandbox ten_thousand; }
