#!/usr/bin/env bats
# One radio, several access points: the link daemon with the dynamic policy and tries that fail, the simulator, the experiments, and what they say when they are asked wrongly.
# Each test of the daemon is a function that runs inside a sandbox, which dies whole with it.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329 # functions are called by name, inside

load ../sandbox
load ../between
load ../link/link

# An access point at b for each link; both links are of one radio, at a and c.
air() { # NAME NODE CHANNEL WORDS
	yaml "$1" "$2" b "medium: {name: wifi, phy_rate: 24Mbit/s, overhead: 100us, channel: $3, radio: phone, policy: dynamic$4}" \
		'reverse: {medium: {sender: access-point, stale: 11ms}}' 'queue: 500'
}

visited() {
	start_link "$(air first a 1 ''; air second c 6 '')"
	goodput b a 10.0.1.1 -t 3 >first.out &
	local first=$!
	goodput b c 10.0.2.1 -t 3 >second.out
	wait "$first"
	# Both are served, and together they have most of the 17 Mbit/s that the air gives one.
	between 0.8 "$(cat first.out)" 17
	between 0.8 "$(cat second.out)" 17
	between 8 "$(jq -n "$(cat first.out) + $(cat second.out)")" 18
	# Visits lasted for their whole T.
	[ "$(status '.links[0].medium.radio | .ended.whole + .ended.flushed > 5 and ((.switching_s * 1000 / 3 - .switches) | fabs) < 0.001')" = true ]
	[ "$(status '[.links[] | .medium.radio | .there_s > 0.3 and .bytes > 100000] | all')" = true ]
	control reset | jq -e .ok
	[ "$(status '.links[0].medium.radio | .ended.whole + .ended.flushed < 3 and .switches < 9')" = true ]
	stop_link
}
@test "the dynamic policy: both access points are served, and visits end as the status says" { in_sandbox visited; }

weak_signal() {
	start_link "$(yaml far a b 'medium: {name: wifi, phy_rate: 24Mbit/s, attempts: {success: 50%}}')"
	inside a ping -q -n -c 200 -i 0.002 -W 10 10.0.1.2 >far.out
	# Half of the tries fail, and hardly a packet is lost: one in 128.
	between 100 "$(status '.links[0] | .forward.air.failed')" 320
	[ "$(status '.links[0].forward | .air.lost == .drops.loss and .air.lost < 12')" = true ]
	between 170 "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' far.out)" 200
	# A signal may change while the link is in use; the radio's policy may not.
	control shape far forward '{medium: {name: wifi, phy_rate: 24Mbit/s, attempts: {success: 100%}}}' | jq -e '.ok == true'
	control reset | jq -e .ok
	inside a ping -q -n -c 20 -i 0.01 -W 10 10.0.1.2 >near.out
	[ "$(status '.links[0].forward.air.failed')" = 0 ]
	control shape far forward '{medium: {name: wifi, phy_rate: 24Mbit/s, radio: phone}}' | jq -e '.ok == false'
	control shape far forward '{medium: {name: wifi, phy_rate: 24Mbit/s, attempts: {success: 0%}}}' | jq -e '.ok == false and (.error | contains("above 0"))'
	stop_link
}
@test "tries that fail are counted, repeated, and may change" { in_sandbox weak_signal; }

refused_link() { # BEGINNING YAML
	printf 'links:\n%s\n' "$2" >bad.yaml
	fails "$link_program" --config bad.yaml --check 2>said
	[ "$(wc -l <said)" = 1 ]
	grep -qF "$1" said || { cat said >&2; return 1; }
}
refused_links() {
	refused_link 'bad.yaml:7: radio phone of medium wifi has other values' "$(air first a 1 ''; air second c 6 ', idle_factor: 5')"
	refused_link "bad.yaml:4: \`stale\` is that of an access point" "$(yaml far a b 'medium: {name: wifi, phy_rate: 24Mbit/s, radio: phone, stale: 5ms}')"
	refused_link 'bad.yaml:2: the dynamic policy counts what the access point sends' "$(yaml far a b 'medium: {name: wifi, phy_rate: 24Mbit/s, radio: phone, policy: dynamic}')"
}
@test "a radio that cannot be is refused with its line" { in_sandbox refused_links; }

@test "sim channel-switching: scorecard, map, space, scenarios, and what is asked wrongly" {
	liquidnet=$programs/liquidnet
	rows=$(grep -cvE '^#|^scenario,' data/visits/channel-switching-published.csv)
	score=$("$liquidnet" sim channel-switching --runs 2 --with duration=10s --format csv)
	[ "$(tail -n +2 <<<"$score" | wc -l)" = "$rows" ]
	[ "$(tail -n +2 <<<"$score" | awk -F, 'NF != 9' | wc -l)" = 0 ]
	# Table 3.2, all rows.
	[ "$(grep -c ',agrees,table 3.2' <<<"$score")" = 10 ]
	a=$("$liquidnet" sim channel-switching --format csv 'ap=54Mbit/s ap=quiet duration=5s')
	[ "$a" = "$("$liquidnet" sim channel-switching --format csv 'ap=54Mbit/s ap=quiet duration=5s')" ]
	[ "$("$liquidnet" sim channel-switching --runs 1 --map 'ap=54Mbit/s ap=quiet duration=3s' | awk -F, 'NF != 4' | wc -l)" = 0 ]
	[ "$("$liquidnet" sim channel-switching --space 4 --with duration=4s --format csv | tail -n +2 | awk -F, '$8 <= $9 * 1.001' | wc -l)" = 4 ]
	"$liquidnet" sim channel-switching --space 4 --with duration=4s | grep -q '^4 points; the least is ap='
	for words in 'ap=fast' 'ap=54Mbit/s Tw=9' 'policy=dynamic' '--space 0' '--map' '--space 2 ap=quiet' '--runs 0' '--format xml' '--published /nonexistent' '--space 2 --with Tw=9'; do
		# shellcheck disable=SC2086
		run "$liquidnet" sim channel-switching $words
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}

@test "channel-switching, switching-timers, channel-walk: their plans; policies that differ on one radio are refused" {
	liquidnet=$programs/liquidnet
	[ "$("$liquidnet" run channel-switching --only plain --trials 1 --dry-run --clock virtual | grep -c switching)" = 7 ]
	[ "$("$liquidnet" run switching-timers --trials 1 --dry-run | grep -c 'tw-.*ms')" = 16 ]
	[ "$("$liquidnet" run channel-walk --trials 1 --dry-run --clock virtual | grep -c walk)" = 3 ]
	sed '0,/, policy: dynamic/s///' experiments/visits/channel-switching.yaml >"$work/channel-switching.yaml"
	run "$liquidnet" run "$work/channel-switching.yaml" --dry-run
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == *"radio client of medium wifi has other values"* || ${lines[0]} == *"the dynamic policy"* ]] || { echo "${lines[0]}" >&2; return 1; }
}
