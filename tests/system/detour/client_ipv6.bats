#!/usr/bin/env bats
# The client daemon and connections over IPv6: detours with addresses of both families, of one; what becomes of the rest. members.bash
# says what the network is: every node has fd00:N::1 beside 10.0.N.1.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load members

# Both daemons; the detour is known by both addresses, unless told otherwise.
begin() { # [ADDRESSES [SETTINGS]]
	local both='[10.0.6.1, "fd00:6::1"]'
	keys member detour
	start_detour
	start_client "${2-}
detours: [{name: detour, kind: nat, address: ${1-$both}, key: $detour_public}]"
	flow_family=6
	flow_server='[fd00:3::1]'
}

path() { status client ".connections[0].paths[] | select(.detour == \"$1\").$2"; } # DETOUR VALUE

@test "a connection over IPv6 gets its subflow across the detour, and data goes through it" { in_sandbox served; }
served() {
	begin
	inside router nft -f - <<-'EOF'
		table ip6 seen {
			counter across { }
			chain pass { type filter hook forward priority 0; ip6 saddr fd00:6::1 ip6 daddr fd00:3::1 tcp dport 5201 counter name across; }
		}
	EOF
	serve
	open_flow
	await client.log 'event=subflow-established .* local=\[fd00:1::1\]:[0-9]* remote=\[fd00:6::1\]:5201'
	# It carries what the direct path cannot.
	inside router nft 'add table ip6 hole; add chain ip6 hole pass { type filter hook forward priority 0; }; add rule ip6 hole pass ip6 saddr fd00:1::1 ip6 daddr fd00:3::1 drop'
	local text
	text=$(printf '%04000d' 7)
	echoes "$text"
	[ "$(inside router nft -j list counter ip6 seen across | jq '.nftables[1].counter.bytes')" -gt 4000 ]
	[ "$(control detour mappings | jq -r '.mappings[] | "\(.client) \(.member) \(.remote)"')" = "fd00:1::1 member fd00:3::1" ]
	[ "$(status client '.counters | .created, .established, .connections["other-family"]' | xargs)" = "1 1 0" ]
	[ "$(status client '.detours[0] | .server.address, .other.address' | xargs)" = "10.0.6.1 fd00:6::1" ]
	stop client
	await detour.log 'event=mapping-released client=fd00:1::1'
	stop detour
}

@test "a client that is started again finds connections over IPv6, and their subflows" { in_sandbox found; }
found() {
	begin
	serve
	open_flow
	await client.log "$(across '\[fd00:6::1\]')"
	kill -KILL "$client_pid"
	wait "$client_pid" || true
	: >client.log
	start client client liquidnet-detour-client --config client.yaml
	await client.log 'event=survey subflows=2'
	[ "$(path detour state)" = up ]
	[ "$(status client '.connections[0] | .local.address, .remote.address, .subflows' | xargs)" = "fd00:1::1 fd00:3::1 2" ]
	echoes still-here
}

@test "a direct subflow over IPv6 that was reset is made anew, when the path is back" { in_sandbox direct_back; }
direct_back() {
	begin '["fd00:6::1", 10.0.6.1]' $'retry_first: 200ms\nretry_last: 400ms'
	serve
	open_flow
	await client.log "$(across '\[fd00:6::1\]')"
	inside router nft 'add table ip6 wall; add chain ip6 wall pass { type filter hook forward priority 0; }; add rule ip6 wall pass ip6 saddr fd00:1::1 ip6 daddr fd00:3::1 tcp dport 5201 reject with tcp reset'
	local closed='event=subflow-closed .* remote=\[fd00:3::1\]:5201'
	until grep -q "$closed" client.log; do echoes "whichever way"; done
	await client.log "$closed .* error=111" 2 # tried, and refused
	echoes "over the detour"
	[ "$(status client '.connections[0] | .initial, .subflows' | xargs)" = "false 1" ]
	inside router nft delete table ip6 wall
	await client.log 'event=subflow-established .* local=\[fd00:1::1\]:[0-9]* remote=\[fd00:3::1\]:5201'
	[ "$(path direct state)" = up ]
	ip -n router link set to-detour down
	echoes "the direct way"
}

@test "mappings of IPv6 destinations can be asked for, and are kept ready" { in_sandbox mapped; }
mapped() {
	begin '[10.0.6.1, "fd00:6::1"]' 'prefetch: {destinations: ["[fd00:3::1]:5209"]}'
	await client.log 'event=mapped detour=detour remote=\[fd00:3::1\]:5209'
	[ "$(control detour mappings | jq -r '.mappings[].client')" = fd00:1::1 ]
	control client map '[fd00:3::1]:5201' | jq -e '.address == "fd00:6::1" and .port == 5201 and .detour == "detour"'
	control client map 10.0.3.1:5201 | jq -e '.address == "10.0.6.1"'
	control client map '[fd00:6::1]:22' | jq -e '.ok == false and (.error | contains("refused: destination"))'
	control client map fd00:3::1 | jq -e '.ok == false and (.error | contains("[2001:db8::1]:5201"))'
}

@test "trains of probes go to a detour's IPv6 address for a connection over IPv6" { in_sandbox probed; }
probed() {
	begin '"fd00:6::1"' $'limit: 0\nrouting: dynamic\nprobe: 100ms'
	serve
	open_flow
	until_true answers_trains
	[ "$(status client .counters.send_errors)" = 0 ]
	[ "$(path detour state)" = ready ]
	# Each datagram fills a frame, and none is cut in two.
	[ "$(inside client nstat -asz Ip6FragCreates | awk '$1 == "Ip6FragCreates" { print $2 }')" = 0 ]
}
answers_trains() { [ "$(status client '.detours[0].requests.trains_answered')" -ge 3 ]; }

@test "the list: a member's detour with both families serves connections of both" { in_sandbox listed; }
listed() {
	keys keeper member detour
	liquidnet-collective init list example --key keeper.key >/dev/null
	liquidnet-collective add list member "$member_public" --key keeper.key >/dev/null
	liquidnet-collective add list detour "$detour_public" --detour fd00:6::1,10.0.6.1 --key keeper.key >/dev/null
	start_detour detour "collective: {list: list, key: $keeper_public}"
	start_client "collective: {list: list, key: $keeper_public}"
	flow_family=6 flow_server='[fd00:3::1]'
	serve
	open_flow
	await client.log "$(across '\[fd00:6::1\]')"
	# The server's socket takes IPv4 too; the connection's family says which address is asked.
	flow_family=4 flow_server=10.0.3.1
	open_flow
	await client.log "$(across 10.0.6.1)"
	echoes hello
}

# --- a detour with one address, of IPv4 ------------------------------------------------------------------------------

@test "a detour of IPv4 alone leaves a connection over IPv6 alone, and says so" { in_sandbox left_alone; }
left_alone() {
	begin 10.0.6.1
	serve
	open_flow
	[ "$(path detour state)" = other-family ]
	[ "$(status client '.counters.connections | .taken, .["other-family"]' | xargs)" = "1 1" ]
	control client map '[fd00:3::1]:5201' | jq -e '.ok == false and (.error | contains("no NAT detour with an address of IPv6"))'
	[ "$(status client '.detours[0].requests.sent')" = 0 ]
	# One over IPv4 beside it is served.
	flow_family=4 flow_server=10.0.3.1
	open_flow
	await client.log "$(across 10.0.6.1)"
	[ "$(status client '.counters.connections | .taken, .["other-family"]' | xargs)" = "2 1" ]
}

# Mixed families: the kernel lets a connection over IPv6 have subflows over IPv4.
@test "a server that announces its IPv4 address is led to by a detour of IPv4" { in_sandbox announced; }
announced() {
	begin 10.0.6.1
	inside server ip mptcp endpoint add 10.0.3.1 dev wire signal
	serve
	open_flow
	await client.log 'event=subflow-established .* local=10.0.1.1:[0-9]* remote=10.0.6.1:5201'
	[ "$(path detour state)" = up ]
	[ "$(status client '.connections[0] | .remote.address, .subflows' | xargs)" = "fd00:3::1 2" ]
	[ "$(control detour mappings | jq -r '.mappings[] | "\(.client) \(.remote)"')" = "10.0.1.1 10.0.3.1" ]
	# It carries what the direct path cannot.
	inside router nft 'add table ip6 hole; add chain ip6 hole pass { type filter hook forward priority 0; }; add rule ip6 hole pass drop'
	echoes "over the other family"
}

@test "a socket that is IPv6's alone can have no subflow over IPv4: the kernel refuses it, the connection lives" { in_sandbox six_only; }
six_only() {
	begin 10.0.6.1
	inside server ip mptcp endpoint add 10.0.3.1 dev wire signal
	serve
	flow_options=ipv6-v6only=1
	open_flow
	await client.log 'event=subflow-refused .* local=10.0.1.1:0 remote=10.0.6.1:5201 .*families mismatch'
	echoes "over the first"
	[ "$(path detour failures)" -ge 1 ]
}
