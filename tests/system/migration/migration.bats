#!/usr/bin/env bats
# liquidnet-attach between stock kernels' networks, the simulator of migrations, and what they say when they are asked wrongly.
# Each test of the program is a function that runs inside a sandbox, which dies whole with it. migration.bash has the network.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034 # functions are called by name, inside; what is set is read there
# shellcheck disable=SC2054,SC2016,SC2015 # commas and backquotes belong to words

load migration

@test "attach: there and back, every byte is answered, and all is as it was" { in_sandbox moved; }
moved() {
	ask_machine 4s --size 5000
	attach --move near@1s --move far@2500ms --stop 300ms -- liquidnet-echo serve 10.0.1.1 7000
	# Its right, once the programs run, and where they are.
	until_true has_rights "$attach_pid" net_admin
	until_is 1 carrier near
	[ "$(carrier far)" = 0 ]
	[ "$(ip -n vm -j addr show dev far | jq '[.[0].addr_info[] | select(.family == "inet")] | length')" -le 1 ]
	wait "$peer_pid"
	wait "$attach_pid"
	[ "$(peer '"\(.sent) \(.answered) \(.differing) \(.ended)"')" = "200 200 0 null" ]
	[ "$(moves '[.moves[] | .to] | join(" ")')" = "near far" ]
	[ "$(moves '[.moves[] | .stopped_ms >= 300 and .outcome == "moved"] | all')" = true ]
	# One was asked within 20 ms of its standing still.
	[ "$(peer '([.samples[].rtt] | max) >= 280')" = true ]
	# Both links, both addresses, the first way out, no endpoint, no cgroup.
	[ "$(carrier far) $(carrier near)" = "1 1" ]
	ip -n vm -4 addr show dev far | grep -q 10.0.2.1/24
	ip -n vm -4 addr show dev near | grep -q 10.0.3.1/24
	[ "$(ip -n vm route show default | awk '{ print $3 }')" = 10.0.2.254 ]
	[ -z "$(ip netns exec vm ip mptcp endpoint show)" ]
}

@test "attach: programs stand still while it is stopped; killed, it leaves none of them" { in_sandbox stopped; }
stopped() {
	# It counts, as often as it can.
	cat >count.sh <<-'END'
		n=0
		while :; do
			n=$((n + 1))
			echo "$n"
		done
	END
	attach --move near@100ms --stop 60s -- sh -c 'exec sh count.sh >count.out'
	until_true test -s count.out
	local program folder
	program=$(pgrep -f '^sh count.sh')
	folder=/run/cgroup$(group "$program")
	until_true grep -q 'frozen 1' "$folder/cgroup.events"
	[ "$(carrier far) $(carrier near)" = "0 0" ]
	local before
	before=$(tail -n 1 count.out)
	# Others' programs have time.
	[ "$(for i in $(seq 20000); do echo "$i"; done | tail -n 1)" = 20000 ]
	[ "$(tail -n 1 count.out)" = "$before" ]
	kill -KILL "$attach_pid"
	until_true test ! -e "/proc/$program"
	until_true test ! -d "$folder"
	# Links and addresses are as it left them: the next one begins as any.
	attach --for 100ms -- sleep 60
	wait "$attach_pid"
	[ ! -d "$folder" ]
	[ "$(carrier far) $(carrier near)" = "1 1" ]
}

@test "attach: plain TCP breaks; the machine is ended when its time is over" { in_sandbox broken; }
broken() {
	ask_machine 2s --tcp
	attach --move near@1s --endpoint none --for 5s -- liquidnet-echo serve 10.0.1.1 7000 --tcp
	wait "$peer_pid"
	wait "$attach_pid"
	[ "$(peer '.answered < .sent')" = true ]
	[ "$(moves '.moves | length')" = 1 ]
}

@test "attach: a server, its kernel alone; the client has announced another address with a port" { in_sandbox served; }
served() {
	ip -n client addr add 10.0.1.9/24 dev wire
	ip netns exec client ip mptcp endpoint add 10.0.1.9 port 7777 signal
	attach --move near@1500ms --stop 200ms --endpoint fullmesh --for 6s -- liquidnet-echo serve 7000
	until_true listens vm 7000
	ip netns exec client liquidnet-echo ask 10.0.2.1 7000 --every 20ms --for 3s >peer.json
	wait "$attach_pid"
	[ "$(peer '"\(.sent) \(.answered) \(.differing) \(.ended)"')" = "150 150 0 null" ]
}

@test "attach: as long as the formulas say; rounds that do not end are given up" { in_sandbox planned; }
planned() {
	ask_machine 3s
	attach --move near@500ms --memory 'ram=25MB rate=1Gbit/s dirty=500Mbit/s pause=30ms' -- liquidnet-echo serve 10.0.1.1 7000
	wait "$peer_pid"
	wait "$attach_pid"
	# 200 and 100 ms are copied, 50 too; then 25 ms, to a time that stands since the beginning: freezing takes of it.
	[ "$(moves '.moves[0] | "\(.rounds) \(.planned_stopped_ms * 1000 | round / 1000) \(.planned_total_ms * 1000 | round / 1000) \(.stopped_ms >= 23) \(.total_ms >= 375)"')" = "3 25 375 true true" ]
	[ "$(peer '.answered == .sent')" = true ]
	attach --move near@100ms --memory 'ram=1MB rate=1Gbit/s dirty=1Gbit/s pause=1ms rounds=3 then=cancel' --for 1s -- sleep 60
	until_true test -s attach.json
	wait "$attach_pid"
	[ "$(moves '.moves[0] | "\(.outcome) \(.stopped_ms)"')" = "cancelled 0" ]
}

@test "attach: what it is asked wrongly is one line, and changes nothing" { in_sandbox refused; }
refused() {
	local before words status
	before=$(ip -n vm addr; ip -n vm route)
	local -a far=(--at far=far,10.0.2.1/24,10.0.2.254) near=(--at near=near,10.0.3.1/24,10.0.3.254)
	refuses_words() { # TEXT WORD...
		status=0
		ip netns exec vm liquidnet-attach "${@:2}" >out 2>said || status=$?
		[ "$status" = 2 ] && [ "$(wc -l <said)" = 1 ] && grep -qF -- "$1" said || { cat said >&2; return 1; }
	}
	refuses_words 'two places' "${far[@]}" -- true
	refuses_words 'is no place' --at far -- true
	refuses_words "has the name or the interface of 'far'" "${far[@]}" "${far[@]}" -- true
	refuses_words 'no program' "${far[@]}" "${near[@]}"
	refuses_words 'write NAME@TIME' "${far[@]}" "${near[@]}" --move near -- true
	refuses_words 'no --at of that name' "${far[@]}" "${near[@]}" --move there@1s -- true
	refuses_words 'it is there already' "${far[@]}" "${near[@]}" --move far@1s -- true
	refuses_words 'is over, which lasts 2.000 s' "${far[@]}" "${near[@]}" --stop 2s --move near@1s --move far@2s -- true
	refuses_words 'is no time' "${far[@]}" "${near[@]}" --stop 5 -- true
	refuses_words '--memory: no setting `speed`' "${far[@]}" "${near[@]}" --memory speed=1 -- true
	refuses_words 'write one' "${far[@]}" "${near[@]}" --memory ram=1MB --stop 1s -- true
	refuses_words 'there are none, keep, replace, joined, fullmesh' "${far[@]}" "${near[@]}" --endpoint both -- true
	[ "$(ip -n vm addr; ip -n vm route)" = "$before" ]
	# What is known only here is an error of its own.
	status=0
	ip netns exec vm liquidnet-attach "${far[@]}" --at near=nowhere,10.0.3.1/24,10.0.3.254 -- true >out 2>said || status=$?
	[ "$status" = 1 ] && grep -q "no interface 'nowhere'" said
	[ "$(ip -n vm addr; ip -n vm route)" = "$before" ]
}

@test "sim migration: scorecard, rounds, sweep, scenarios, and what is asked wrongly" {
	liquidnet=$programs/liquidnet
	rows=$(grep -cvE '^#|^scenario,' data/migration/migration-published.csv)
	score=$("$liquidnet" sim migration --format csv)
	[ "$(tail -n +2 <<<"$score" | wc -l)" = "$rows" ]
	[ "$(tail -n +2 <<<"$score" | awk -F, 'NF != 8' | wc -l)" = 0 ]
	[ "$(grep -c ',differs,' <<<"$score")" = 0 ]
	# 2 s and 0.4 s are copied, and 0.08 s stopped.
	one=$("$liquidnet" sim migration --ram 250MB --rate 1Gbit/s --dirty 200Mbit/s)
	grep -qE '^total +2\.4800' <<<"$one"
	grep -qE '^downtime +0\.0800' <<<"$one"
	[ "$("$liquidnet" sim migration --ram 250MB --dirty 200Mbit/s --format csv | wc -l)" = 3 ]
	# Where as much is written as is sent, rounds do not end.
	sweep=$("$liquidnet" sim migration --sweep 'ram=250MB rate=1Gbit/s')
	[ "$(awk -F, '$5 == "late" && $1 < 950' <<<"$sweep" | wc -l)" = 0 ]
	[ "$(awk -F, '$5 == "late" && $1 >= 1000' <<<"$sweep" | wc -l)" = 5 ]
	a=$("$liquidnet" sim migration 'pattern=random dirty=300Mbit/s' 'mode=postcopy')
	[ "$a" = "$("$liquidnet" sim migration 'pattern=random dirty=300Mbit/s' 'mode=postcopy')" ]
	for words in 'ram=0' 'speed=1' '--sweep' '--ram 1MB mode=postcopy' '--ram much' '--runs 0' '--format xml' '--published /nonexistent' '--sweep --ram 1MB ram=1MB'; do
		# shellcheck disable=SC2086
		run "$liquidnet" sim migration $words
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}

@test "move-attach, move-dirty, move-wide-area: their plans" {
	liquidnet=$programs/liquidnet
	[ "$("$liquidnet" run move-attach --trials 1 --dry-run | grep -c 'stop-')" -ge 8 ]
	[ "$("$liquidnet" run move-dirty --trials 1 --dry-run | grep -c 'dirty-')" -ge 8 ]
	[ "$("$liquidnet" run move-wide-area --trials 1 --dry-run --clock virtual | grep -c romania)" -ge 1 ]
}
