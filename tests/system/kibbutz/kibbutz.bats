#!/usr/bin/env bats
# The Kibbutz's device daemon: three phones with a local link between them (10.9.0.1 to .3) and a cellular link each
# (10.1.N.1), a server (10.5.0.1) that speaks Multipath TCP. Each test is a function that runs inside a sandbox, which dies whole
# with it. Every wait is for an event or a condition asked for again, and has a limit.
# shellcheck disable=SC2317,SC2329,SC2154 # functions are called by name, inside; start sets NAME_pid
# shellcheck disable=SC2016,SC2034,SC2030,SC2031 # socat expands SOCAT_PEERADDR itself; `run` sets variables inside a test

load ../sandbox
load kibbutz
load ../flow

setup() {
	sandbox_setup
	sender=$PWD/tests/system/kibbutz/kibbutz_sender.py
	flow_node=p1
	flow_server=10.5.0.1
	export sender flow_node flow_server
}

# --- sharing -------------------------------------------------------------------------------------------------------

sharing() {
	tail=$((3 * slow))s
	serve
	start_phone 1 2
	start_phone 2 1
	open_flow
	subflow_from 10.1.1.1
	own_packet 2
	has_rights "$p1_pid" net_admin
	await p1.log "event=heard neighbour=p2 duration_ms=$((3000 * slow))"
	until_true subflow_from 10.1.2.1 # seen from the cellular address of the neighbour: translated
	until_true gets_from 10.1.2.1    # and used
	is 1 '.connections[0].paths.p2 | "\(.state) \(.backup)"' 'up false'
	is 1 '.connections[0].paths.own | "\(.state) \(.backup)"' 'up true'
	await p2.log 'event=forwarding neighbour=p1 credit=4'
	is 1 .neighbours[0].credit 6
	# Its time ends: the subflow goes, the connection stays.
	await p1.log 'event=close neighbour=p2'
	until_true no_subflow_from 10.1.2.1
	echoes "still here"
	gets_from 10.1.1.1
	replayed 1
	replayed 2
	control p2 accounts | jq -e '.neighbours.p1.given_up > 0 and .neighbours.p1.given_down > 0'
}

@test "kibbutz: an advertisement moves a connection to the neighbour's link, its end moves it back" { in_sandbox sharing; }

once_a_period() {
	start_phone 1 2
	start_phone 2 1
	own_packet 2
	own_packet 2
	own_packet 2
	await p1.log 'event=heard'
	[ "$(grep -c event=advertise p2.log)" = 1 ]
	await p1.log 'event=close neighbour=p2'
	own_packet 2
	await p1.log 'event=heard' 2
}

@test "kibbutz: a link is advertised once a period, by the first own packet" { in_sandbox once_a_period; }

begins_there() {
	tail=$((6 * slow))s
	serve
	start_phone 1 2
	start_phone 2 1
	own_packet 2
	until_true is 1 .route p2
	open_flow
	subflow_from 10.1.2.1
	no_subflow_from 10.1.1.1
	# Plain TCP as well, from the neighbour's address.
	ip netns exec server socat TCP4-LISTEN:80,reuseaddr SYSTEM:'echo $SOCAT_PEERADDR' &
	until_true listens server 80
	[ "$(inside p1 socat -t 5 - TCP4:10.5.0.1:80 </dev/null)" = 10.1.2.1 ]
	# Its end: the own link comes in before the neighbour's goes.
	until_true no_subflow_from 10.1.2.1
	subflow_from 10.1.1.1
	echoes "still here"
	is 1 .route own
}

@test "kibbutz: connections begin at a neighbour's link and move to the own one at its end" { in_sandbox begins_there; }

gives_and_takes() {
	own_packet 1
	inside p2 ping -qc 1 -W 2 10.5.0.1 >/dev/null
	is 2 '.neighbours[0].credit >= 1' true
}

tit_for_tat() {
	tail=4s
	serve
	start_phone 1 2
	start_phone 2 1 'credit: 1'
	open_flow
	own_packet 2
	until_true subflow_from 10.1.2.1
	await p2.log 'event=forwarding neighbour=p1 credit=0'
	await p1.log 'event=close neighbour=p2'
	own_packet 2
	[ "$(grep -c event=advertise p2.log)" = 1 ]
	# Phone 1 gives, phone 2 takes, and gives again.
	until_true gives_and_takes
	[ "$(grep -c event=advertise p2.log)" = 1 ] # its earlier packet has been seen by now: reports come in order
	own_packet 2
	await p1.log event=heard 2
	replayed 1
	replayed 2
}

@test "kibbutz: a neighbour that only takes is not offered the link again until it gives" { in_sandbox tit_for_tat; }

not_admitted() {
	start_phone 1 2
	start_phone 2 1
	# Phone 1 sends through phone 2 without being asked to.
	fails inside p1 ping -qc 1 -W 1 -I 10.9.2.1 10.5.0.1 >/dev/null
	[ "$(control p2 accounts | jq .refused)" -ge 1 ]
	own_packet 2
	await p1.log event=heard
	inside p1 ping -qc 1 -W 2 -I 10.9.2.1 10.5.0.1 >/dev/null
	until_true is 2 '.neighbours[0] | .forwarded + .late' 1 # late when the machine was: after the advertisement, in the second beyond
}

@test "kibbutz: nothing is forwarded without a valid advertisement" { in_sandbox not_admitted; }

bandwidth() {
	tail=10s
	serve
	start_phone 1 "2 3" 'profile: bandwidth'
	start_phone 2 1
	start_phone 3 1
	open_flow
	own_packet 2
	own_packet 3
	until_true subflow_from 10.1.2.1
	until_true subflow_from 10.1.3.1
	until_true is 1 '[.connections[0].paths[] | "\(.state) \(.backup)"] | unique | join(",")' 'up true'
}

@test "kibbutz: profile bandwidth uses every link, all at low priority" { in_sandbox bandwidth; }

# --- what neighbours may do to us ------------------------------------------------------------------------------------

lies() {
	tail=30s
	serve
	start_phone 1 2
	start_phone 2 1
	open_flow
	own_packet 2
	until_true is 1 .neighbours[0].open true
	local before
	# From the neighbour's own address: a wrong key, every length, each field wrong, and what was sent before, again.
	stop 2
	until_true is 1 .neighbours[0].open false # it said so
	before=$(status 1 .neighbours[0].believed)
	inside p2 /usr/bin/python3 "$sender" "$(key 1 2)" 10.9.0.2 10.9.0.1 45675
	until_true is 1 '.faults | [.short, .long, .magic, .type, .reserved, .duration, .forged, .misdirected] | all(. > 0)' true
	until_true is 1 '.neighbours[0].stale > 0' true
	is 1 .neighbours[0].open false
	is 1 .neighbours[0].believed "$before"
	# A stranger.
	inside p3 /usr/bin/python3 "$sender" "$(key 1 2)" 10.9.0.3 10.9.0.1 45675
	until_true is 1 '.strangers > 0' true
	is 1 .neighbours[0].open false
	is 1 .neighbours[0].believed "$before"
	echoes "still here"
}

@test "kibbutz: forged, cut, long, misdirected and stale messages change nothing" { in_sandbox lies; }

replays() {
	tail=2s
	start_phone 1 2
	inside p1 tcpdump -qni wifi -w capture.pcap -U 'udp port 45675 and src 10.9.0.2' 2>tcpdump.log &
	await tcpdump.log 'listening on'
	start_phone 2 1
	own_packet 2
	await p1.log 'event=heard'
	await p1.log 'event=close'
	kill -KILL "$p2_pid"
	inside p2 /usr/bin/python3 "$sender" --replay capture.pcap 10.9.0.2 10.9.0.1 45675
	until_true is 1 '.neighbours[0].replayed + .neighbours[0].stale > 1' true
	[ "$(grep -c event=heard p1.log)" = 1 ]
	# The neighbour's next life is believed, its earlier messages are not.
	start_phone 2 1
	await p1.log 'event=met neighbour=p2' 2
	own_packet 2
	await p1.log 'event=heard' 2
	await p1.log 'event=close' 2
	inside p3 true
	inside p2 /usr/bin/python3 "$sender" --replay capture.pcap 10.9.0.2 10.9.0.1 45675
	until_true is 1 '.neighbours[0].replayed + .neighbours[0].stale > 3' true
	[ "$(grep -c event=heard p1.log)" = 2 ]
}

@test "kibbutz: a replayed advertisement is not believed, neither in the neighbour's next life" { in_sandbox replays; }

drops() {
	tail=60s
	serve
	start_phone 1 2
	start_phone 2 1
	inside p2 nft 'table ip trap { chain f { type filter hook forward priority -10; }; }'
	inside p2 nft add rule ip trap f drop
	open_flow
	own_packet 2
	await p1.log event=heard
	echoes "it drops everything"
	inside p2 nft flush chain ip trap f
	until_true subflow_from 10.1.2.1
	until_true gets_from 10.1.2.1
	inside p2 nft add rule ip trap f drop
	# Data is under way on that path when it dies: the watchdog brings the own link in.
	echoes "and again"
	await p1.log 'event=own-link backup=0'
	await p1.log 'event=close neighbour=p2' # given up after four timeouts
	is 1 .neighbours[0].given_up 1
	echoes "still here"
	replayed 1
}

@test "kibbutz: a neighbour that advertises and drops everything does not cost the connection" { in_sandbox drops; }

clocks() {
	tail=3s
	serve
	start_phone 1 2
	clock='unshare --time --monotonic 86400 --boottime 86400 --fork --kill-child' start_phone 2 1
	# It lives a day ahead, and what it says lasts as long as it says.
	open_flow
	own_packet 2
	await p1.log 'event=heard neighbour=p2 duration_ms=3000'
	until_true gets_from 10.1.2.1
	await p1.log 'event=close neighbour=p2'
	until_true no_subflow_from 10.1.2.1
	echoes "still here"
	# And the other way round.
	own_packet 1
	await p2.log 'event=heard neighbour=p1 duration_ms=3000'
	await p2.log 'event=close neighbour=p1'
	[ "$(jq -s 'map(.t // 0) | max' p2.trace)" -gt $(($(jq -s 'map(.t // 0) | max' p1.trace) + 80000000000000)) ] # they do differ
}

@test "kibbutz: clocks that are a day apart change nothing" { in_sandbox clocks; }

# --- tunnels to the provider -----------------------------------------------------------------------------------------

accounted() {
	control provider accounts >accounts.log # shown where a test fails
	[ "$(jq -c "$1" accounts.log)" = "$2" ]
}
# count_cellular N: IPv4 packets on its cellular link from now on; ARP is Ethernet's.
count_cellular() {
	inside "p$1" nft 'table ip watch { chain in { type filter hook prerouting priority -400; iifname "cell" counter; }
		chain out { type filter hook postrouting priority 400; oifname "cell" counter; }; }'
}
cellular_packets() { inside "p$1" nft -j list table ip watch | jq '[.. | .packets? // empty] | add'; }

tunnelled() {
	local before
	tail=4s
	serve
	with_provider
	start_phone 1 2
	start_phone 2 1 'credit: 100' # the test asks often
	own_packet 2
	# The carrier's own tunnel is made first, then it advertises, then the neighbour's tunnel is made through it.
	await p2.log 'event=tunnel which=own up=1'
	await p1.log 'event=heard neighbour=p2'
	until_true made
	await provider.log 'event=vpn-state.*state=up' 2 # the other ends too: what comes before that is lost
	# What passes inside it is phone 1's to pay and phone 2's to be paid, to the byte: 20 packets of 1028 bytes, and their answers.
	inside p1 ping -qc 20 -i 0.05 -s 1000 -I 10.21.2.2 10.5.0.1 >/dev/null
	until_true accounted .devices.p1 '{"given":0,"taken":41120}'
	accounted .devices.p2 '{"given":41120,"taken":0}'
	accounted .strays 0
	open_flow
	until_true carried
	no_subflow_from 10.1.2.1
	until_true no_subflow_from 10.21.2.2
	echoes "still here"
	# Idle, no tunnel wakes a radio: nothing on either cellular link for longer than a usual keepalive.
	until_true is 2 .tunnels.p1 up # it has heard of phone 1's link, and made its own
	until_true is 1 '[.connections[].paths[].state, (.neighbours[0] | .ours_ms + .theirs_ms)] | join(" ")' 'up none 0'
	count_cellular 1
	count_cellular 2
	sleep 6 # nothing is awaited: that nothing happens is the point
	[ "$(cellular_packets 1) $(cellular_packets 2)" = "0 0" ]
	# The next advertisement finds the tunnels as they were.
	before=$(grep -c 'event=vpn-state.*state=up' p1.log)
	until_true carried
	[ "$(grep -c 'event=vpn-state.*state=up' p1.log)" = "$before" ]
	[ "$(cellular_packets 2)" -gt 0 ]
	replayed 1
	replayed 2
}

# The handshake may outlast the advertisement; what is made stays. Time is left for what follows.
made() { own_packet 2; is 1 '"\(.tunnels.p2) \(.neighbours[0].theirs_ms > 2500)"' 'up true'; }

@test "kibbutz: what a neighbour forwards goes through tunnels in tunnels, is paid to the byte, and idle tunnels wake nobody" { in_sandbox tunnelled; }

watched() { [ "$(control provider status | jq .watched)" -ge 1 ]; }

# The server as a proxy: Multipath TCP (protocol 262; port 5201 = 0x1451) on this side, TCP on the other, where `core` has a server.
proxied() {
	tail=30s
	inside core sysctl -qw net.mptcp.enabled=0
	inside core socat -d -d TCP4-LISTEN:5201,fork,reuseaddr EXEC:cat 2>origin.log &
	inside server socat -d -d SOCKET-LISTEN:2:262:x145100000000x0000000000000000,fork,reuseaddr TCP4:10.5.0.254:5201 2>serve.log &
	await origin.log listening
	await serve.log listening
	echo 'manage_sysctl: true' >provider.yaml
	start_provider
	start_phone 1 2
	start_phone 2 1
	open_flow
	own_packet 2
	until_true gets_from 10.1.2.1
	until_true watched # the provider watches the path down through phone 2
	inside core ss -Htn state established 'sport 5201' | grep -q 10.5.0.1
	[ "$(inside core nstat -az MPTcpExtMPCapableSYNRX | awk 'END { print $2 }')" = 0 ]
}

@test "kibbutz: a proxy ends Multipath TCP for servers that have none, watched by the provider" { in_sandbox proxied; }

# --- the daemon's life ------------------------------------------------------------------------------------------------

state() { # of phone 1: addresses, rules, routes, nftables, sysctls
	inside p1 ip -4 -o addr show | awk '{ print $2, $4 }'
	inside p1 ip rule
	inside p1 ip -4 route show table all | grep -v '^broadcast\|^local' || :
	inside p1 nft list ruleset
	inside p1 sysctl net.mptcp.pm_type net.ipv4.ip_forward
}

leaves_nothing() {
	tail=10s
	serve
	start_phone 2 1
	state >before
	start_phone 1 2
	open_flow
	own_packet 2
	until_true subflow_from 10.1.2.1
	stop 1
	state >after
	diff before after
	echoes "without the daemon"
	# Killed, it leaves its things; the next one takes them over, and the connection.
	start_phone 1 2
	kill -KILL "$p1_pid"
	wait "$p1_pid" || true
	start_phone 1 2
	until_true is 1 '.connections[0].paths.own.state' up
	own_packet 2
	until_true subflow_from 10.1.2.1
	echoes "with the next one"
	stop 1
	state | grep -v '^net\.' >after
	fails grep -q '47[0-9][0-9]\|liquidnet' after
	# One that had more neighbours, and more of everything: nothing of that is left beside what the next one has.
	start_phone 1 "2 3"
	kill -KILL "$p1_pid"
	start_phone 1 2
	state | grep -v '^net\.' >after
	grep -qF 'wifi 10.9.2.1/16' after
	fails grep -qF 10.9.3.1 after
	stop 1
	state | grep -v '^net\.' >after # the killed one has not put those back
	diff <(grep -v '^net\.' before) after
}

@test "kibbutz: the daemon leaves nothing behind, and survives being killed" { in_sandbox leaves_nothing; }

only_one() {
	start_phone 1 2
	run inside p1 "$programs/liquidnet-kibbutz" --config p1.yaml
	[ "$status" = 1 ]
	[[ $output == *"another liquidnet-kibbutz serves this network namespace"* ]]
	own_packet 1 # the first one's table is still there
	await p1.log event=advertise
}

@test "kibbutz: one daemon a network namespace" { in_sandbox only_one; }

refused() { refuses liquidnet-kibbutz "$@"; } # TEXT YAML

@test "kibbutz: a bad configuration is refused by file and line" {
	cd "$work"
	umask 077
	openssl rand -hex 32 >good.key
	echo 1234 >bad.key
	cell='cellular: {interface: cell, gateway: 10.1.1.254}'
	local='local: {interface: wifi, address: 10.9.0.1}'
	n='name: bob, address: 10.9.0.2, source: 10.9.2.1, guest: 10.9.1.2, key_file: good.key'
	printf '%s\n' "$cell" "$local" "neighbours: [{$n}]" >good.yaml
	chmod 640 good.key
	refused 'others may read good.key' "$(cat good.yaml)"
	chmod 600 good.key
	"$programs/liquidnet-kibbutz" --config good.yaml --check
	refused 'cellular: is missing' "$local"
	refused 'no name for an interface' 'cellular: {interface: "a b", gateway: 10.1.1.254}'
	refused 'no IPv4 address' 'cellular: {interface: cell, gateway: here}'
	refused 'is the cellular one' "$cell
local: {interface: cell, address: 10.9.0.1}"
	refused 'tail' 'cellular: {interface: cell, gateway: 10.1.1.254, tail: 2}'
	refused 'neighbours: is missing' "$cell
$local"
	refused 'is empty' "$cell
$local
neighbours: []"
	refused 'bad.key does not hold 64' "$cell
$local
neighbours: [{${n/good.key/bad.key}}]"
	refused 'No such file' "$cell
$local
neighbours: [{${n/good.key/no.key}}]"
	refused 'two neighbours' "$cell
$local
neighbours: [{$n}, {$n}]"
	refused 'share an address' "$cell
$local
neighbours: [{$n}, {${n/bob/eve}}]"
	refused 'profile: fast' "$cell
$local
profile: fast
neighbours: [{$n}]"
	refused 'credit' "$cell
$local
credit: 0
neighbours: [{$n}]"
	refused 'colour' "$cell
colour: red"
	touch some.crt some.key
	tunnel='tunnel: {port: 1201, local: 10.20.1.2, remote: 10.20.1.1}'
	provider='provider: {address: 10.5.0.1, peer_certificate: some.crt, directory: vpn, certificate: some.crt, key: some.key}'
	printf '%s\n' "$cell" "$local" "$provider" "$tunnel" "neighbours: [{$n, ${tunnel//20/21}}]" >good.yaml
	"$programs/liquidnet-kibbutz" --config good.yaml --check
	refused 'to whom' "$cell
$local
$tunnel"
	refused "device's own" "$cell
$local
$provider"
	refused 'cannot read no.crt' "$cell
$local
${provider/some.crt/no.crt}
$tunnel"
	refused 'tunnel: is missing' "$cell
$local
$provider
$tunnel
neighbours: [{$n}]"
	refused 'needs `provider`' "$cell
$local
neighbours: [{$n, $tunnel}]"
	refused 'another one has its port' "$cell
$local
$provider
$tunnel
neighbours: [{$n, $tunnel}]"
}
