#!/usr/bin/env bats
# The life of the detour daemon: what it leaves, takes over, puts back, and what it refuses to start with.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031

load detour

# --- life of the daemon --------------------------------------------------------------------------------------------

sigterm() {
	ip netns exec detour nft -f - <<-'NFT'
		table ip foreign {
			map mappings { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 10.9.9.9 . 1 : 10.9.9.8 . 2 }; }
			chain postrouting { type nat hook postrouting priority srcnat; oifname "nowhere" masquerade; }
		}
		table inet other {
			chain forward { type filter hook forward priority 0; policy accept; }
		}
	NFT
	ip netns exec detour nft list ruleset >before
	start_detour
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	ip netns exec detour nft list tables >with
	grep -qx 'table inet liquidnet-detour' with
	stop_detour
	ip netns exec detour nft list ruleset >after
	cmp before after
	[ ! -e control ]
}
@test "SIGTERM removes the daemon's table and nothing else" { in_sandbox sigterm; }

# part N: three megabytes of what is sent. Returns when all but what a pipe holds is on its way.
part() { dd if=sent bs=1M skip=$(($1 * 3)) count=3 status=none >&6; }

sigkill() {
	start_detour
	ask client1 10.0.1.9 10.0.5.1 5201 8080
	head -c 9M /dev/urandom >sent
	mkfifo pipe
	exec 6<>pipe
	ip netns exec server socat -d -d -u TCP-LISTEN:5201 CREATE:got 2>server.log 6>&- &
	await server.log listening
	ip netns exec client1 socat -u - TCP:10.0.1.9:8080 <pipe 6>&- &
	local transfer=$!
	part 0
	kill -KILL "$daemon"
	wait "$daemon" || true
	part 1
	ip netns exec detour nft list tables | grep -qx 'table inet liquidnet-detour'
	start_detour
	[ "$(status .counters.adopted)" = 1 ]
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 9999)" = 8080 ] # the mapping is known again
	part 2
	until_true cmp -s sent got
	kill "$transfer"
	wait "$transfer" || true
	exec 6>&-
	# A second left-over, of another make: replaced.
	serve server 5202
	ask client1 10.0.1.9 10.0.5.1 5202 5202
	open_flow a client1 10.0.1.9 5202
	kill -KILL "$daemon"
	wait "$daemon" || true
	ip netns exec detour nft 'delete table inet liquidnet-detour; add table inet liquidnet-detour;
		add map inet liquidnet-detour mappings4 { type ipv4_addr : inet_service; };
		add table ip liquidnet-detour; add chain ip liquidnet-detour old { type nat hook prerouting priority dstnat; }'
	start_detour
	ip netns exec detour nft list ruleset >rules
	fails grep 'chain old' rules
	say a still-there
	[ "$(ask client1 10.0.1.9 10.0.5.1 5202 5202)" = 5202 ]
	open_flow b client1 10.0.1.9 5202
	say b and-new
}
@test "after SIGKILL a running transfer goes on and arrives whole, and the next start adopts the mappings" { in_sandbox sigkill; }

second_daemon() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	fails timeout 10 ip netns exec detour "$detour_program" --config detour.yaml 2>second.log
	grep -q 'another liquidnet-detour serves this network namespace' second.log
	open_flow a client1 10.0.1.9 5201 # the first one's table is as it was
	say a hello
}
@test "a second daemon on the same host fails and leaves the first one's table alone" { in_sandbox second_daemon; }

# Whatever others do to the table is undone within a second, with no question asked of the daemon.
flushed() {
	start_detour
	serve server 5201
	ask client1 10.0.1.9 10.0.5.1 5201 5201
	local change n=0
	for change in 'flush ruleset' 'delete element inet liquidnet-detour mappings4 { 10.0.1.1 . 5201 }' \
		'flush chain inet liquidnet-detour arrivals' 'flush map inet liquidnet-detour mappings4' \
		'add element inet liquidnet-detour mappings4 { 10.0.2.1 . 22 : 10.0.5.1 . 22 }' 'delete table inet liquidnet-detour'; do
		n=$((n + 1))
		: >detour.log
		# shellcheck disable=SC2086
		ip netns exec detour nft $change
		[ "$(timeout "$slow" grep -m 1 'event=nat-table action="put back"' <(exec tail -n +1 -f detour.log) | wc -l)" = 1 ]
		open_flow "f$n" client1 10.0.1.9 5201
		say "f$n" hello
		[ "$(ip netns exec detour nft -j list map inet liquidnet-detour mappings4 | jq '[.nftables[].map.elem? // [] | length] | add')" = 1 ]
		[ "$(status '"\(.nat) \(.mappings)"')" = "up 1" ]
	done
	[ "$(status .counters.repairs)" = "$n" ]
}
@test "what others do to the table is undone within a second, by itself" { in_sandbox flushed; }

# nobody may ask: not even this host.
by_default() {
	printf 'nat: {enabled: true}\n' >detour.yaml
	local status=0
	ip netns exec detour "$detour_program" --config detour.yaml 2>log || status=$?
	[ "$status" = 2 ]
	grep -q 'detour.yaml:1: nobody may ask' log
	printf 'nat: {allow: [0.0.0.0/0]}\n' >detour.yaml
	fails ip netns exec detour "$detour_program" --config detour.yaml 2>log
	grep -q 'detour.yaml:1: .*not authenticated' log
}
@test "nobody may ask by default, and everybody never by version 1" { in_sandbox by_default; }

forwarding() {
	ip netns exec detour sysctl -qw net.ipv4.ip_forward=0
	start_detour
	grep 'level=error' detour.log | grep -q 'net.ipv4.ip_forward'
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 0 ]
	stop_detour
	start_detour $'manage_forwarding: true\nnat: {allow: [10.0.1.0/24]}'
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 1 ]
	stop_detour
	[ "$(ip netns exec detour sysctl -n net.ipv4.ip_forward)" = 0 ]
}
@test "forwarding that is off is reported; it is managed only when told so" { in_sandbox forwarding; }

reloaded() {
	start_detour 'max_per_client: 1'
	ask client1 10.0.1.9 10.0.5.1 1 1
	sed 's/max_per_client: 1/max_per_client: 2, idles: 3s/' -i detour.yaml
	kill -HUP "$daemon"
	await detour.log 'event=reload .*detour.yaml:1'
	sed 's/, idles: 3s//' -i detour.yaml
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	[ "$(ask client1 10.0.1.9 10.0.5.1 2 2)" = 2 ]
	[ "$(status .mappings)" = 2 ]
}
@test "SIGHUP takes over new limits; a bad file changes nothing" { in_sandbox reloaded; }

bad_file() { # EXPECTED-LINE YAML: refused with status 2, one line, nothing started
	local status=0
	printf '%s\n' "$2" >"$work/bad.yaml"
	"$detour_program" --config "$work/bad.yaml" >"$work/out" 2>&1 || status=$?
	cat "$work/out"
	[ "$status" = 2 ]
	[ "$(wc -l <"$work/out")" = 1 ]
	grep -q "bad.yaml:$1" "$work/out"
}
@test "bad configurations: one line with file and line, status 2" {
	bad_file "2: .*idel" $'nat:\n  idel: 3s'
	bad_file "1: .*subnet" $'vpn: {enabled: true}'
	bad_file "3: .*10.8.0.1/24" $'vpn:\n  enabled: true\n  subnet: 10.8.0.1/24'
	bad_file "1: .*10.0.0.0/33" 'nat: {allow: [10.0.0.0/33]}'
	bad_file "1: .*empty list" 'nat: {allow: []}'
	bad_file "1: .*max_per_client" 'nat: {max_per_client: 0}'
	bad_file "1: .*neither" 'nat: {enabled: false}'
	bad_file "1: .*'identity' is missing" 'members: []'
	bad_file "1: .*nobody may ask" 'nat: {}'
	bad_file "1: .*no IPv6" 'nat: {allow: ["2001:db8::/32"]}'
	bad_file "1: .*'5-'" 'reach: {ports: [5-]}'
	bad_file "1: .*0x1" 'nat: {mark: 0x10000/0x1}'
	bad_file "1: .*cannot\|No such file" 'identity: missing.key'
	bad_file "1: .*'here'" 'listen: {address: here}'
	bad_file "4: .*cannot read missing.crt" \
		$'vpn:\n  enabled: true\n  subnet: 10.8.0.0/24\n  certificate: missing.crt'
}
@test "the example configuration is good" {
	"$detour_program" --config nodes/detour/daemon/detour.example.yaml --check
}
