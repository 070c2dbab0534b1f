#!/usr/bin/env bats
# Experiments on hosts: three of them with sshd, in namespaces (hosts.bash). What the procedures must show on the wire, what becomes of a
# trial when something on the way to a host or on it goes wrong, and that nothing is left on a host, whatever happens.
# shellcheck disable=SC2154,SC2034 # run's variables; $limit is the sandbox's

bats_require_minimum_version 1.5.0
load sandbox
load hosts

setup() {
	sandbox_setup
	local missing
	missing=$(hosts_programs) || skip "$missing is not installed"
	PATH=$programs:$PATH
	experiments=$PWD/experiments/detour
	export PATH experiments
	limit=90
}

long() { [ -n "${LONG:-}" ] || skip "long: tests/run --long hosts.bats"; }

# $wan is the experiment that is run.
network() {
	wan=wan
	[ "${family:-4}" = 4 ] || wan=wan6
	hosts_up
	little
	states >"$work/before"
}

# little: the experiment, 3 s in place of 10
little() {
	local file
	for file in wan wan6; do
		sed -e 's/-t, 10,/-t, 3,/' -e 's/window: \[0.9, 10.1\]/window: [0.9, 3.1]/' -e 's/window: \[1, 10\]/window: [1, 3]/' \
			"$experiments/$file.yaml" >"$work/$file.yaml"
	done
	[ "$(cat "$work"/wan*.yaml | grep -c -e '-t, 3,')" = 3 ]
}

# measured OPTION...: a run; its output is $work/out, its status $status
measured() {
	status=0
	liquidnet run "$wan.yaml" --hosts inventory.yaml --trials 1 --results results "$@" >out 2>&1 || status=$?
}
records() { jq -r "$1" "results/$wan/latest/trials.jsonl"; }

# one_line TEXT: the run refused at once, in one line that has the text
one_line() {
	[ "$status" = 2 ] && [ "$(wc -l <out)" = 1 ] && grep -q -e "$1" out && [ ! -e results ] || { cat out >&2; return 1; }
}

# All six in the long tier; between hosts of IPv6 all four.
@test "procedures pass their checks of the wire on three hosts, in one block" { limit=240 in_sandbox procedures; }
@test "so they do on three hosts of IPv6, and nothing of IPv4 is between them" { family=6 limit=240 in_sandbox procedures; }
procedures() {
	local all='nat tcp tcp-nat' file
	[ -z "${LONG:-}" ] || all='1-subflow nat tcp tcp-nat tcp-vpn vpn'
	[ "$wan" = wan ] || all=${all% tcp-vpn vpn}
	measured --procedures "${all// /,}"
	cat out
	[ "$status" = 0 ]
	[ "$(records 'select(.status == "valid" or .status == "suspect") | .procedure' | sort | paste -sd' ')" = "$all" ]
	[ "$(records 'select(.procedure == "nat" and .attempt == 1) | [.subflows[].node] | sort | unique | join(" ")')" = 'client detour' ]
	# Each host was looked at, and each way before and after.
	[ "$(records 'select(.procedure == "tcp") | .verdict.hosts | map(select(.probe.n > 0 and .machine.seconds > 2)) | length' | tail -n 1)" = 3 ]
	[ "$(records 'select(.procedure == "tcp") | .verdict.ways | map(select(.before.received > 15 and .after.median_ms > 0)) | length' | tail -n 1)" = 3 ]
	[ "$(records 'select(.procedure == "tcp") | .verdict.ways["client-server"].before.hops | join(" ")' | tail -n 1)" = "$(address 1 254) $(address 3)" ]
	# The server's bytes are the trial's.
	records 'select(.procedure == "tcp") | .verdict.hosts.server.traffic | .own_bytes > 5000000 and .stranger_packets == 0' | grep -qx true
	[ "$(jq -r '.environment.hosts.client.address' "results/$wan/latest/provenance.json")" = "$(address 1)" ]
	# What is captured is of the hosts' family.
	find results/ -name server-link3.pcap >captures
	[ "$(wc -l <captures)" = "$(wc -w <<<"$all")" ]
	while read -r file; do
		tcpdump -n -r "$file" "${family:+ip6 and }tcp port 5201" 2>/dev/null >of_trial
		[ "$(wc -l <of_trial)" -gt 1000 ]
		[ -z "${family:-}" ] || [ "$(tcpdump -n -r "$file" not ip6 2>/dev/null | wc -l)" = 0 ]
	done <captures
	grep -q 'tcp-nat / tcp  *1 ' out
	nothing_left
}

@test "doctor says whether the hosts hear each other, and which rule is in the way" { in_sandbox examined; }
@test "so it does for hosts of IPv6" { family=6 in_sandbox examined; }
examined() {
	liquidnet doctor --hosts inventory.yaml "$wan.yaml" >ok
	[ "$(grep -c '^ok .* arrives$' ok)" = 18 ]
	grep -q "^ok .*server .*$(address 3) on eth0" ok
	grep -q "^ok .*$wan settings .*every host can have them" ok
	inside detour nft -f - <<-END
		table inet filter { chain in { type filter hook input priority 0; udp dport 45672 drop; }; }
	END
	status=0
	liquidnet doctor --hosts inventory.yaml >bad || status=$?
	[ "$status" = 1 ]
	[ "$(grep -c '^missing' bad)" = 2 ]
	grep -q '^missing  client -> detour 45672/udp  *nothing arrives; let udp port 45672 from '"$(address 1)"' in, in the firewall of detour' bad
	inside detour nft delete table inet filter
	nothing_left
}

# interrupted WHAT...: while a trial with a NAT detour sends, WHAT is done; the trial is tried again, and that counts
interrupted() {
	liquidnet run "$wan.yaml" --hosts inventory.yaml --trials 1 --procedures nat --results results >out 2>&1 &
	local run=$!
	until_true pgrep -f '^iperf3 -c'
	until_true inside detour nft list table inet liquidnet-detour >/dev/null
	"$@"
	status=0
	wait "$run" || status=$?
	cat out
	[ "$status" = 0 ]
	[ "$(records 'select(.attempt == 1) | .status')" = failed ]
	records 'select(.attempt == 1) | .reasons[0]' | grep -q "host detour: "
	[ "$(records 'select(.attempt == 2) | .status')" != failed ]
	nothing_left
}
detours_agent() { pgrep -f "^$programs/liquidnet host" --ns "$(host_sshd detour)" --nslist pid; }
kill_body() { pkill_one liquidnet-body; }
# The body and its conversations bear one name; the body is their parent.
pkill_one() { kill -KILL "$(pgrep -o -x "$1" -P "$(detours_agent | head -n 1)")"; }
kill_outer() { kill -KILL "$(detours_agent | head -n 1)"; }
kill_ssh() { kill -KILL "$(pgrep -f '^ssh .* detour ')"; }

@test "the agent's body is killed: its daemons' rules are removed, and the trial is tried again" { long; in_sandbox body_killed; }
body_killed() { interrupted kill_body; }

@test "the agent itself is killed: so are its settings put back" { in_sandbox outer_killed; }
@test "so they are on a host of IPv6" { long; family=6 in_sandbox outer_killed; }
outer_killed() { interrupted kill_outer; }

@test "ssh is killed: so it is" { long; in_sandbox ssh_killed; }
ssh_killed() { interrupted kill_ssh; }

@test "the harness is killed: nothing is left on a host" { long; in_sandbox harness_killed; }
harness_killed() {
	liquidnet run wan.yaml --hosts inventory.yaml --trials 1 --procedures nat --results results >out 2>&1 &
	local run=$!
	until_true pgrep -f '^iperf3 -c'
	kill -KILL "$run"
	nothing_left
}

@test "a login that is not root's becomes root by sudo, which keeps nothing of the login's environment" { worker=detour limit=120 in_sandbox by_sudo; }
@test "so it does where ssh comes by IPv6" { long; family=6 worker=server limit=120 in_sandbox by_sudo; }
by_sudo() {
	local login='ip daddr 10.50.9.1'
	[ -z "${family:-}" ] || login="ip6 daddr $(address 9)"
	[ "$(ssh -F ssh/config "$worker" id -u)" = 4567 ]
	fails ssh -F ssh/config "$worker" sudo -n id
	measured --procedures nat &
	local run=$!
	until_true pgrep -f '^iperf3 -c'
	pgrep -f "^sudo -n $programs/liquidnet host" >/dev/null
	# The harness's connection is known, and is nobody's else.
	inside "$worker" nft list chain inet liquidnet_host leaving >rules
	grep -q "$login tcp sport 22 tcp dport [0-9]* accept" rules
	wait "$run"
	cat out
	records '.status' | grep -qx -e valid -e suspect
	[ "$(records '[.subflows[].node] | sort | unique | join(" ")')" = 'client detour' ]
	[ "$(records '.settings.detour | .["net.ipv6.conf.all.forwarding"] // .["net.ipv4.ip_forward"]')" = 1 ]
	nothing_left
}

@test "its agent is killed, and sudo is: the settings are put back, and nothing is left" { long; worker=detour limit=200 in_sandbox killed_by_sudo; }
killed_by_sudo() {
	interrupted kill_outer
	rm -r results
	interrupted kill_sudo
}
kill_sudo() { pgrep -f "^sudo -n $programs/liquidnet host" | xargs kill -KILL; }

@test "sudo that asks for a password, or knows no such program: one line, status 2" { worker=detour in_sandbox asked; }
asked() {
	sudoers detour "worker ALL = $programs/liquidnet host"
	measured
	one_line 'inventory.yaml:3: host detour (ssh detour): sudo: a password is required; sudo must start `liquidnet host` there without a password'
	sudoers detour 'worker ALL = NOPASSWD: ALL'
	sed -i '/detour:/s|liquidnet: [^,]*,|liquidnet: /nowhere/liquidnet,|' inventory.yaml
	measured
	one_line 'host detour (ssh detour): sudo: /nowhere/liquidnet: command not found; install Liquidnet there'
	nothing_left
}

@test "a host is cut off in the middle: trials fail with the reason, and the host frees itself" { long; limit=200 in_sandbox cut_off; }
cut_off() {
	liquidnet run wan.yaml --hosts inventory.yaml --trials 1 --procedures nat --results results >out 2>&1 &
	local run=$!
	until_true pgrep -f '^iperf3 -c'
	ip -n core link set vdetour down
	status=0
	wait "$run" || status=$?
	cat out
	[ "$status" = 1 ]
	[ "$(records '.status' | sort -u)" = failed ]
	records 'select(.attempt == 2) | .reasons[0]' | grep -q 'host detour (ssh detour): ssh: connect to host 10.50.2.1 port 22: '
	nothing_left_but_routes
}
# The interface is down, and the route to it gone with it.
nothing_left_but_routes() {
	patience=60 until_true no_agents
	ip -n core link set vdetour up
	until_true left_as_found || { diff before after >&2; return 1; }
}
no_agents() { [ -z "$(pgrep -f "^$programs/liquidnet host")" ]; }

@test "a host's key is another one: refused before anything runs there" { in_sandbox changed_key; }
changed_key() {
	ssh-keygen -q -t ed25519 -N '' -f other
	sed -i "s|^10.50.2.1 .*|10.50.2.1 $(cut -d' ' -f1,2 other.pub)|" ssh/known
	measured
	one_line 'inventory.yaml:3: host detour (ssh detour): Host key verification failed.; its key is not the known one'
	nothing_left
	sed -i '/^10.50.2.1 /d' ssh/known
	measured
	one_line 'host detour (ssh detour): Host key verification failed.'
}

@test "a host that is not there, asks for a password, has no Liquidnet: one line, status 2" { in_sandbox not_there; }
not_there() {
	kill "$(host_sshd server)"
	measured
	one_line 'host server (ssh server): ssh: connect to host 10.50.3.1 port 22: Connection refused'
	host_up server
	sed -i "s|IdentityFile .*|IdentityFile $work/ssh/none|" ssh/config
	measured
	one_line 'host client (ssh client): root@10.50.1.1: Permission denied (publickey.*; ssh must log in by a key, without a password'
	sed -i "s|IdentityFile .*|IdentityFile $work/ssh/id|" ssh/config
	sed -i '/server:/s|liquidnet: .*}|liquidnet: /nowhere/liquidnet}|' inventory.yaml
	measured
	one_line 'host server .*/nowhere/liquidnet: No such file or directory; install Liquidnet there'
	inventory
	sed -i '/client:/s|10.50.1.1|10.50.1.77|' inventory.yaml
	measured
	one_line 'host client (ssh client): address 10.50.1.77 is on no interface there; it has 127.0.0.1 (lo), 10.50.1.1 (eth0)'
	inventory
	sed -i '/server:/s|eth0|eth7|' inventory.yaml
	measured
	one_line 'address 10.50.3.1 is on interface eth0 there, not on eth7'
	# What it sends comes from another address than the inventory's.
	inventory
	inside client ip addr add 10.50.1.7/24 dev eth0
	inside client ip route replace default via 10.50.1.254 src 10.50.1.7
	measured
	one_line 'host client (ssh client): to 10.50.2.1 it sends from 10.50.1.7, not from 10.50.1.1; write that address'
	patience=60 until_true no_agents
	# An ssh that ends before it is told anything.
	inventory
	mkdir early
	printf '#!/bin/sh\necho "no way" >&2\nexit 255\n' >early/ssh
	chmod +x early/ssh
	local n
	for n in 1 2 3 4 5 6 7 8 9 10; do
		PATH=$work/early:$PATH measured
		one_line 'host client (ssh client): no way'
	done
}

@test "another version on a host: refused" { in_sandbox other_version; }
other_version() {
	cat >older <<-END
		#!/bin/sh
		sed -u 's/"liquidnet":"[^"]*"/"liquidnet":"0.1"/' | exec $programs/liquidnet "\$@"
	END
	chmod +x older
	sed -i "/detour:/s|liquidnet: .*}|liquidnet: $work/older}|" inventory.yaml
	measured
	one_line "inventory.yaml:3: host detour (ssh detour): Liquidnet is version .* there and 0.1 here; install the same version on both"
	nothing_left
}

@test "no room on a host: the trial fails, and says where" { long; in_sandbox full_disk; }
full_disk() {
	echo 'space: 300KB' >>inventory.yaml
	measured --procedures tcp
	cat out
	[ "$status" = 1 ]
	[ "$(records '.status' | sort -u)" = failed ]
	records '.reasons[0]' | grep -q 'host \(client\|server\): capture at .*: no room was left in the 0.3 MB that the inventory gives a trial; raise `space`'
	nothing_left
}

@test "limits are kept: what is beyond the rate is cut, what is beyond the bytes is not begun" { long; in_sandbox limited; }
@test "so they are between hosts of IPv6" { long; family=6 in_sandbox limited; }
limited() {
	sed -i 's/rate: 1Gbit/rate: 20Mbit/' inventory.yaml
	measured --procedures tcp
	cat out
	[ "$status" = 1 ]
	records '.reasons[]' | grep -q "host client: [0-9]* packets beyond the inventory's limits were held back"
	rm -r results
	sed -i 's/bytes: 50GB/bytes: 5MB/' inventory.yaml
	measured --procedures tcp
	one_line 'inventory.yaml:5: 1 trials of 3.1 s at 20 Mbit/s may send 0.0 GB, more than 0.0 GB'
	nothing_left
}

@test "a program that sends to a stranger is held back, and its trial does not count" { long; in_sandbox strangers; }
@test "so is one on a host of IPv6, and nothing of IPv4 leaves it" { long; family=6 in_sandbox strangers6; }
strangers() { strange 'ping -c 2 -W 1 10.50.9.1' 2; }
strangers6() { strange "ping -c 2 -W 1 $(address 9); ping -c 1 -W 1 10.50.9.1; ping -c 1 -W 1 10.50.3.1" 4; }
# strange COMMAND N: what the client does before it sends, and how many packets of that are held back
strange() {
	sed -i 's|run: \[iperf3, -c, "${with.host}"|run: [sh, -c, "('"$1"') >/dev/null; exec \\"$@\\"", sh, iperf3, -c, "${with.host}"|; s/"$@/"$$@/' wan.yaml
	capture core vclient stranger.pcap "(icmp[icmptype] = icmp-echo or icmp6[icmp6type] = icmp6-echo) and not dst $(address 2) and not dst $(address 3)"
	measured --procedures tcp
	end_capture "$capture" stranger.pcap
	cat out
	[ "$status" = 1 ]
	records '.reasons[]' | grep -q "host client: $2 packets to an address that is not in the inventory were held back"
	[ "$(tcpdump -r stranger.pcap 2>/dev/null | wc -l)" = 0 ]
	nothing_left
}

# ra: a router tells the client of itself.
ra() {
	inside core python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.bind(("fe80::254", 0, 0, socket.if_nametoindex("vdetour")))
# RFC 4861, section 4.2: a default router for half an hour
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("vdetour")))'
	inside detour ip -6 route show default | grep -q 'proto ra'
}

@test "a host that would lose its default route by forwarding IPv6 is not made to forward" { family=6 in_sandbox advertised; }
advertised() {
	# Nor is one of whose interfaces one forwards, which would be lost when the setting is put back.
	inside detour sysctl -qw net.ipv6.conf.eth0.forwarding=1
	measured --procedures nat
	one_line 'host detour: `net.ipv6.conf.all.forwarding: 1`: its interface eth0 alone forwards IPv6, which would be lost'
	inside detour sysctl -qw net.ipv6.conf.eth0.forwarding=0
	inside detour ip route del default via "$(address 2 254)"
	inside detour sysctl -qw net.ipv6.conf.eth0.accept_ra=1
	until_true ra
	state detour | sed 's/expires [0-9]*sec//' >as_was
	status=0
	liquidnet doctor --hosts inventory.yaml wan6.yaml >out 2>&1 || status=$?
	[ "$status" = 1 ]
	grep -q '^missing .*wan6 settings .*host detour: `net.ipv6.conf.all.forwarding: 1`: its default route of IPv6 comes from router advertisements on eth0' out
	measured --procedures nat
	one_line 'host detour: `net.ipv6.conf.all.forwarding: 1`: its default route of IPv6 comes .* set net.ipv6.conf.eth0.accept_ra to 2 there$'
	same_still() { state detour | sed 's/expires [0-9]*sec//' | cmp -s - as_was; }
	until_true same_still
	# As it is told, it keeps the route.
	inside detour sysctl -qw net.ipv6.conf.eth0.accept_ra=2
	measured --procedures nat
	cat out
	[ "$status" = 0 ]
	inside detour ip -6 route show default | grep -q 'proto ra'
}

@test "two runs do not share a host" { long; in_sandbox shared; }
shared() {
	liquidnet run wan.yaml --hosts inventory.yaml --trials 3 --procedures tcp --results one >first 2>&1 &
	local run=$!
	until_true pgrep -f '^iperf3 -c'
	measured --procedures tcp
	one_line 'another run uses this host; wait until that has ended'
	wait "$run"
	nothing_left
}

@test "what cannot be had on hosts is refused before a login" {
	cd "$work"
	inventory
	mkdir -p ssh && : >ssh/config
	local bad=0
	refused() { # TEXT EXPERIMENT OPTION...
		run -2 liquidnet run "${@:2}" --hosts inventory.yaml --dry-run --results results
		[ "${#lines[@]}" = 1 ] && [[ ${lines[0]} == *"$1"* ]] || { echo "not [$1]: ${lines[*]}" >&2; bad=1; }
	}
	refused '`links` cannot be had on hosts' core-limited
	refused 'one trial at a time' wan --jobs 2
	refused 'needs the real clock' wan --clock virtual
	refused '--resume does not go with --hosts' wan --resume=results
	family=6 inventory
	refused 'wan.yaml:102: `${address:server/link3}`: that end has no address of IPv4; of IPv6 it has one, ${address6:server/link3}; `wan6` is an experiment for hosts of IPv6' wan --procedures tcp
	refused 'of IPv6 it has one' wan6 --procedures vpn
	inventory
	refused '`wan` is an experiment for hosts of IPv4' wan6
	sed -i '/detour:/s|10.50.2.1|2001:db8::2|' inventory.yaml
	refused 'inventory.yaml:3: `2001:db8::2` is of IPv6, and the address of client is of IPv4' wan
	inventory
	refused 'node `client` has 2 links in topology twopaths; only a node with one can be a host' two-paths
	refused 'more than 50.0 GB' wan --trials 1000
	sed -i 's/detour:/r1:/' inventory.yaml
	refused 'node `r1` has 3 links in topology detour; only a node with one can be a host' wan
	inventory
	sed -i '/detour:/d' inventory.yaml
	refused 'node `detour` is not in inventory.yaml; add it to its `hosts`' wan
	inventory
	sed 's/net.mptcp.pm_type: 1/net.ipv6.conf.all.disable_ipv6: 1/' "$experiments/wan.yaml" >wan.yaml
	refused 'wan.yaml:16: `net.ipv6.conf.all.disable_ipv6` is not changed on hosts' wan.yaml
	sed 's/^settings:/setup: [{node: client, run: [ip, rule]}]\n&/' "$experiments/wan.yaml" >wan.yaml
	refused '`setup` cannot be had on hosts' wan.yaml
	rm wan.yaml
	sed -i '/limits:/d' inventory.yaml
	refused 'there are no `limits`' wan
	rm inventory.yaml
	refused 'inventory.yaml' wan
	[ "$bad" = 0 ]
	run -0 liquidnet run wan --dry-run --trials 2
	# Blocks: the first six are each procedure once.
	[ "$(head -n 6 <<<"$output" | awk '{ print $3 }' | sort | paste -sd' ')" = '1-subflow nat tcp tcp-nat tcp-vpn vpn' ]
	[ "$(awk '{ print $4 }' <<<"$output" | uniq | paste -sd' ')" = '1 2' ]
}
