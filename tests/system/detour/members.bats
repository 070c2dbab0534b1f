#!/usr/bin/env bats
# Version 2: members by key, the collective's list, and what becomes of those who leave it. members.bash says what the network is.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load members

@test "a member's connection gets its subflow; the detour knows whose it is" { in_sandbox served; }
served() {
	keys member detour
	start_detour
	start_client
	serve
	open_flow
	await client.log "$(across 10.0.6.1)"
	echoes hello
	[ "$(control detour mappings | jq -r '.mappings[] | "\(.client) \(.member) \(.remote)"')" = "10.0.1.1 member 10.0.3.1" ]
	[ "$(control detour members | jq -r '.members[] | "\(.name) \(.mappings) \(.results.granted)"')" = "member 1 1" ]
	[ "$(status client '.detours[0] | "\(.up) \(.version) \(.requests.proofs)"')" = "true 2 1" ]
	# What nobody needs any more is given back when the client goes; the flow stays.
	stop client
	await detour.log 'event=mapping-released client=10.0.1.1'
	echoes still-here
	stop detour
}

@test "a stranger hears nothing; version 1 is silent where it is not allowed" { in_sandbox stranger; }
stranger() {
	keys member detour other
	start_detour
	start_client "detours: [{name: detour, kind: nat, address: 10.0.6.1, deadline: 1s}]"
	fails jq -e .ok <<<"$(control client map 10.0.3.1:5201)"
	[ "$(status detour '.counters | "\(.denied) \(.responses)"')" != "0 0" ]
	[ "$(status detour .counters.responses)" = 0 ]
	stop client
	cp other.key member.key
	start_client "detours: [{name: detour, kind: nat, address: 10.0.6.1, deadline: 1s, key: $detour_public}]"
	fails jq -e .ok <<<"$(control client map 10.0.3.1:5201)"
	[ "$(status detour '.counters | "\(.strangers > 0) \(.responses) \(.unproven)"')" = "true 0 0" ]
	[ "$(status detour .mappings)" = 0 ]
}

@test "a refusal reaches the client by its name" { in_sandbox refusal; }
refusal() {
	keys member detour
	start_detour detour "members: [{name: member, key: $member_public, mappings: 1}]"
	start_client
	control client map 192.168.9.9:80 | jq -e '.ok == false and (.error | contains("refused: destination"))'
	control client map 10.0.6.1:22 | jq -e '.ok == false and (.error | contains("refused: destination"))'
	control client map 10.0.3.1:5201 | jq -e .ok
	control client map 10.0.3.1:5202 | jq -e '.ok == false and (.error | contains("refused: quota"))'
	[ "$(status client '.detours[0].refusal')" = quota ]
}

@test "the list: a new member's detour serves within two seconds, a removed one is refused at once" { in_sandbox collective; }
collective() {
	keys keeper member detour detour2 newcomer
	liquidnet-collective init list example --key keeper.key >/dev/null
	liquidnet-collective add list member "$member_public" --key keeper.key >/dev/null
	mkdir -p state1 state2
	local both
	start_detour detour "collective: {list: list, key: $keeper_public, state: state1}"
	start_client "collective: {list: list, key: $keeper_public}"
	serve
	open_flow
	[ "$(status client '.connections[0].subflows')" = 1 ]
	# The detour joins: the connection that lives is served by it.
	local began=${EPOCHREALTIME/./} ended
	liquidnet-collective add list detour "$detour_public" --detour 10.0.6.1 --key keeper.key >/dev/null
	await client.log "$(across 10.0.6.1)"
	ended=${EPOCHREALTIME/./}
	echo "# from the list's change to the first subflow: $(((ended - began) / 1000)) ms" >&3
	[ $((ended - began)) -lt $((2000000 * slow)) ]
	[ "$(control detour mappings | jq -r '.mappings[0].member')" = member ]
	# The member leaves: its mapping and its flow go at once, and nothing is answered to it.
	liquidnet-collective remove list member --key keeper.key >/dev/null
	await detour.log 'event=mapping-revoked client=10.0.1.1'
	[ "$(status detour .mappings)" = 0 ]
	[ "$(status detour .counters.cut)" = 1 ]
	fails jq -e .ok <<<"$(control client map 10.0.3.1:5203)"
	[ "$(status detour '.counters.strangers > 0')" = true ]
	echoes over-the-path-that-is-left
	# An older list, though signed, is not taken again; nor after a restart.
	cp list current
	liquidnet-collective show list --public "$keeper_public" --json | jq -e '.version == 4 and (.members | length) == 1'
}

@test "an old list is not taken, nor one by another's key, nor one that has expired" { in_sandbox stolen_list; }
stolen_list() {
	keys keeper thief member detour
	mkdir -p state
	liquidnet-collective init list example --key keeper.key >/dev/null
	liquidnet-collective add list member "$member_public" --key keeper.key >/dev/null
	cp list with-member
	liquidnet-collective remove list member --key keeper.key >/dev/null
	start_detour detour "collective: {list: list, key: $keeper_public, state: state}"
	[ "$(status detour '.collective | "\(.version) \(.members)"')" = "3 0" ]
	cp with-member list.tmp && mv list.tmp list
	await detour.log 'event=collective .*older than the version 3'
	[ "$(status detour '.collective | "\(.version) \(.members)"')" = "3 0" ]
	stop detour
	start_detour detour "collective: {list: list, key: $keeper_public, state: state}"
	[ "$(status detour '.collective | "\(.current) \(.members) \(.problem != null)"')" = "false null true" ]
	# A list that a thief signs, and one that its keeper let expire.
	liquidnet-collective init forged example --key thief.key >/dev/null
	: >detour.log
	mv forged list
	await detour.log "event=collective .*not by the collective's key"
	cp with-member fresh
	liquidnet-collective sign fresh --key keeper.key --expires 3s >/dev/null
	liquidnet-collective sign fresh --key keeper.key --expires 3s >/dev/null
	mv fresh list
	await detour.log 'event=collective name=example version=4'
	start_client
	control client map 10.0.3.1:5201 | jq -e .ok
	await detour.log 'event=mapping-revoked' # when it has expired
	[ "$(status detour '.collective.current')" = false ]
}

@test "two daemons of different minds: version 1 where it is allowed, beside members" { in_sandbox both_versions; }
both_versions() {
	keys member detour
	start_detour detour $'nat: {allow: [10.0.2.0/24]}\nmembers: [{name: member, key: '"$member_public"'}]'
	start_client
	control client map 10.0.3.1:5201 | jq -e .ok
	# The published client, at an address that may: twelve bytes there and back.
	local answer
	answer=$(ip netns exec attacker bash -c 'exec 3<>/dev/udp/10.0.6.1/45672
		printf "\x01\x00\x00\x00\x0a\x00\x03\x01\x14\x51\x14\x51" | dd bs=64 iflag=fullblock status=none >&3; timeout 5 dd bs=64 count=1 status=none <&3 | od -An -v -tx1' | xargs)
	[ "$answer" = "01 01 00 00 0a 00 03 01 14 51 14 51" ]
	[ "$(control detour mappings | jq -c '[.mappings[].member] | sort')" = '["-","member"]' ]
}

@test "killed with leases alive: the next life has them, and whose they are" { in_sandbox killed; }
# The daemon is killed with leases alive: they are there for the next life, whose they were, and proof is asked for anew.
killed() {
	keys member detour
	start_detour
	start_client
	serve
	open_flow
	await client.log "$(across 10.0.6.1)"
	kill -KILL "$detour_pid"
	wait "$detour_pid" || true
	echoes without-the-daemon
	start_detour
	[ "$(control detour mappings | jq -r '.mappings[] | "\(.member) \(.flows)"')" = "member 1" ]
	control client map 10.0.3.1:5201 | jq -e .ok
	[ "$(status client '.detours[0].requests.proofs')" -ge 2 ]
	echoes and-with-it
}

@test "a program binds to another address of the client: the mapping is asked for from there" { in_sandbox second_address; }
second_address() {
	keys member detour
	ip -n client addr add 10.0.1.77/24 dev wire
	start_detour
	start_client
	ip netns exec server mptcpize run iperf3 -s -1 -p 5201 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5201 -B 10.0.1.77 -n 20M -J >iperf.json 2>iperf.log &
	local transfer=$!
	await client.log 'event=subflow-established .* local=10.0.1.77:[0-9]* remote=10.0.6.1:' 2
	wait "$transfer"
	[ "$(control detour mappings | jq -r '.mappings[].client')" = 10.0.1.77 ]
	[ "$(status client '.counters.failed')" = 0 ]
}

# A detour that vanishes without a word: the kernel says nothing of it for 12 s and more, the client sees that nothing is delivered.
@test "dynamic routing: a dead detour is replaced within two seconds" { in_sandbox dead_detour; }
dead_detour() {
	keys member detour detour2
	start_detour detour
	start_detour detour2
	start_client "limit: 1
routing: dynamic
detours:
  - {name: one, kind: nat, address: 10.0.6.1, key: $detour_public}
  - {name: two, kind: nat, address: 10.0.7.1, key: $detour2_public}"
	ip netns exec server mptcpize run iperf3 -s -1 -p 5201 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5201 -t 8 -b 50M -J >iperf.json 2>iperf.log &
	local transfer=$!
	await client.log "$(across '10.0.[67].1')" 2
	until_true sends
	local busy other began ended
	busy=$(status client '[.connections[].paths[] | select(.state == "up")][-1].detour')
	case $busy in one) busy=6 other=7 ;; *) busy=7 other=6 ;; esac
	: >client.log
	began=${EPOCHREALTIME/./}
	ip -n router link set "to-detour$([ $busy = 6 ] || echo 2)" down
	await client.log "$(across "10.0.$other.1")"
	ended=${EPOCHREALTIME/./}
	echo "# from the detour's end to a subflow across another: $(((ended - began) / 1000)) ms" >&3
	[ $((ended - began)) -lt $((2500000 * slow)) ]
	grep -q 'event=reroute ' client.log # for dead, or for worth less than the other
	wait "$transfer"
	[ "$(jq '.end.sum_received.bytes > 20000000' iperf.json)" = true ]
}

# Somebody else chooses: a subflow that gives way rests, and the policy leaves all as it is.
@test "dynamic routing: use says which detours, and the policy chooses again when it is told so" { in_sandbox told; }
told() {
	keys member detour detour2
	start_detour detour
	start_detour detour2
	ip netns exec server ip mptcp limits set subflows 8
	start_client "limit: 1
routing: dynamic
detours:
  - {name: one, kind: nat, address: 10.0.6.1, key: $detour_public}
  - {name: two, kind: nat, address: 10.0.7.1, key: $detour2_public}"
	serve
	open_flow
	until_true used one two
	local name
	for name in two one two; do
		control client "use $name" | jq -e '.detours == 1'
		until_true used $name
		echoes "across $name"
	done
	[ "$(status client '.counters.routing.told >= 2')" = true ]
	fails jq -e .ok <<<"$(control client 'use three')"
	control client 'use three' | grep -q "no detour is called 'three'"
	control client 'use one two' | grep -q '2 detours, but `limit` is 1'
	used two
	control client use | jq -e '.detours == 0'
	echoes 'as it likes'
}
used() { # NAME...: the connection's subflow goes across one of these
	local now
	now=$(status client '[.connections[].paths[] | select(.state == "up" and (.rests | not)).detour] | join(" ")')
	[[ -n $now && " $* " = *" $now "* ]]
}

# The direct path in silence: the kernel would try it for a quarter of an hour, ever less often.
@test "dynamic routing: a dead direct path is left, and made anew when it is back" { in_sandbox dead_direct; }
dead_direct() {
	keys member detour
	start_detour detour
	start_client "limit: 1
routing: dynamic
retry_first: 200ms
retry_last: 400ms
join_deadline: 500ms
detours: [{name: one, kind: nat, address: 10.0.6.1, key: $detour_public}]"
	ip netns exec server mptcpize run iperf3 -s -1 -p 5201 --forceflush >iperf-server.out 2>&1 &
	await iperf-server.out listening
	ip netns exec client mptcpize run iperf3 -c 10.0.3.1 -p 5201 -n 40M -b 50M -J >iperf.json 2>iperf.log &
	local transfer=$!
	await client.log "$(across 10.0.6.1)" 2
	inside router nft 'add table ip hole; add chain ip hole pass { type filter hook forward priority 0; }; add rule ip hole pass ip saddr 10.0.1.1 ip daddr 10.0.3.1 drop'
	await client.log 'event=direct-dead'
	await client.log 'event=subflow-create .* detour=direct' 2 # the first was not answered
	inside router nft delete table ip hole
	await client.log 'event=subflow-established .* local=10.0.1.1:[0-9]* remote=10.0.3.1:5201'
	[ "$(status client '.counters.routing.direct >= 1')" = true ]
	wait "$transfer"
	[ "$(jq '.end.sum_received.bytes >= 40000000' iperf.json)" = true ]
}
sends() { [ "$(ip netns exec client ss -Htni state established dst 10.0.3.1 | grep -c bytes_acked)" -ge 1 ]; }
