#!/usr/bin/env bats
# Floods: garbage, forged questions in a member's name, and another member far beyond its share, while a member asks. Nothing is lost,
# nobody else waits for ever, and memory stays. (How long a member waits is bench-detour's business.) members.bash says what the
# network is.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034

load members

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$detour_pid/status"; }

@test "floods of garbage and of forged questions: a member is served, no mapping is lost, memory stays" { in_sandbox floods; }
floods() {
	keys member other detour
	local load=${programs%/bin}/bench/detour_load kind before
	start_detour detour "nat: {rate: 1000}
members: [{name: member, key: $member_public}, {name: other, key: $other_public, mappings: 50, rate: 100}]"
	sed -i 's|allow: \[10.0.0.0/8|allow: [11.0.0.0/8, 10.0.0.0/8|' detour.yaml
	kill -HUP "$detour_pid"
	await detour.log 'event=reload config='
	ip netns exec client "$load" map 10.0.6.1:45672 member.key "$detour_public" 500 32 >mapped
	[ "$(status detour .mappings)" = 500 ]
	before=$(rss)
	for kind in garbage stranger member; do
		# shellcheck disable=SC2046
		ip netns exec attacker "$load" flood 10.0.6.1:45672 $kind 30000 3 $([ $kind = member ] && echo "$member_public") >flooded &
		ip netns exec client "$load" pace 10.0.6.1:45672 member.key "$detour_public" 50 2 >paced
		[ "$(jq '.unanswered, .refused' paced | xargs)" = "0 0" ]
		wait $!
	done
	# One that asks as fast as it can, for more than it may have.
	ip netns exec attacker timeout 3 "$load" map 10.0.6.1:45672 other.key "$detour_public" 100000 256 >/dev/null &
	ip netns exec client "$load" pace 10.0.6.1:45672 member.key "$detour_public" 50 2 >paced
	[ "$(jq '.unanswered, .refused' paced | xargs)" = "0 0" ]
	wait $! || true
	[ "$(control detour members | jq -c '[.members[] | {(.name): .mappings}] | add')" = '{"member":500,"other":50}' ] ||
		[ "$(control detour members | jq -c '[.members[] | {(.name): .mappings}] | add')" = '{"other":50,"member":500}' ]
	[ $(($(rss) - before)) -lt 1024 ]
	[ "$(status detour '.counters | .strangers > 10000')" = true ]
}
