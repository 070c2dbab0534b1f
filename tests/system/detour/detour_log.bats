#!/usr/bin/env bats
# Attribution: what left under the detour's address is found in its trail, and a trail that was changed is no evidence. members.bash
# says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load members

@test "a flow is found by the detour's address, port and time, with its bytes; a changed record is noticed" { in_sandbox attributed; }
attributed() {
	keys member detour
	start_detour detour $'members: [{name: member, key: '"$member_public"$'}]\nlog: {directory: trail}'
	start_client
	serve
	open_flow
	await client.log "$(across 10.0.6.1)"
	echoes hello
	local port began
	until_true outgoing
	port=$(outgoing)
	began=$(date +%s)
	until_is 1 began_records
	liquidnet-detour-log find --time "$((began + 1))" --address 10.0.6.1 --port "$port" --public "$detour_public" --json trail >found
	[ "$(jq -r '"\(.member) \(.remote) \(.ended)"' found)" = "member 10.0.3.1:5201 -" ]
	[ "$(jq -r .client found | cut -d: -f1)" = 10.0.1.1 ]
	# Nobody's before, and nobody's at another port.
	local status=0
	liquidnet-detour-log find --time "$((began - 3600))" --address 10.0.6.1 --port "$port" trail || status=$?
	[ "$status" = 3 ]
	kill "$flow_pid"
	stop client
	# The kernel says the end, with the bytes, when it forgets the flow.
	ip netns exec detour conntrack -D -p tcp >/dev/null
	until_true ended_record
	stop detour
	liquidnet-detour-log verify --public "$detour_public" trail
	liquidnet-detour-log find --time "$((began + 1))" --address 10.0.6.1 --port "$port" --json trail >found
	[ "$(jq '.up > 0 and .down > 0' found)" = true ]
	[ "$(sed -n 's/.* mapped member=\([^ ]*\) .*/\1/p' trail/trail-00000001)" = member ]
	sed -i '0,/member=member/s//member=nobody/' trail/trail-00000001
	status=0
	liquidnet-detour-log find --time "$((began + 1))" --address 10.0.6.1 --port "$port" trail 2>log || status=$?
	[ "$status" = 1 ]
	grep -q 'was changed' log
	fails liquidnet-detour-log verify trail
}
outgoing() { # the port under which the subflow left the detour
	ip netns exec server ss -Htn state established | awk '$4 ~ /^10.0.6.1:/ { sub(/.*:/, "", $4); print $4; n++ } END { exit !n }'
}
began_records() { grep -c ' began ' trail/trail-00000001; }
ended_record() { grep -q ' ended ' trail/trail-00000001; }
