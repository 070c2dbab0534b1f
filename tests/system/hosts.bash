# Three hosts with sshd in namespaces of their own, a router between them, and the machine of the experimenter; all of it dies with the
# sandbox that it is started in (sandbox.bash). Keys, configuration and known hosts are the test's own, in $work/ssh.
# shellcheck shell=bash disable=SC2154 # $work, $programs: sandbox.bash's

hosts_programs() {
	local program
	for program in /usr/sbin/sshd ssh ssh-keygen iperf3 mptcpize openvpn; do
		command -v "$program" >/dev/null || { echo "$program"; return 1; }
	done
}

# host_up NAME: its sshd, in its network, with processes and a /run of its own
host_up() {
	ip netns exec "$1" unshare --mount --pid --fork --kill-child --mount-proc --uts bash -c '
		hostname "$1" && mount -t tmpfs tmpfs /run && mkdir -p /run/sshd && exec /usr/sbin/sshd -D -f "$2" -E "$3"' \
		host "$1" "$work/ssh/sshd_$1" "$work/ssh/$1.log" </dev/null >>"$work/ssh/$1.out" 2>&1 &
	echo $! >"$work/ssh/$1.unshare"
	until_true listens "$1" :22
}

hosts_up() {
	local host number=0
	mkdir -p "$work/ssh"
	ip link set lo up
	ip netns add core
	inside core sysctl -qw net.ipv4.ip_forward=1
	ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/id"
	ip link add ctl type veth peer name vctl netns core
	ip addr add 10.50.9.1/24 dev ctl
	ip link set ctl up
	ip -n core addr add 10.50.9.254/24 dev vctl
	ip -n core link set vctl up
	ip route add default via 10.50.9.254
	printf 'Host *\n User root\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n GlobalKnownHostsFile none\n' \
		"$work/ssh/id" "$work/ssh/known" >"$work/ssh/any"
	for host in client detour server; do
		number=$((number + 1))
		ip netns add "$host"
		# Its link-local address would come some seconds late, and look like something that was left.
		inside "$host" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		ip -n "$host" link set lo up
		cable "$host" eth0 10.50.$number.1/24 core "v$host" 10.50.$number.254/24
		ip -n "$host" route add default via 10.50.$number.254
		# Loss where more is sent than this: a queue as a provider's.
		tc -n core qdisc add dev "v$host" root tbf rate 50mbit burst 64k latency 60ms 2>/dev/null || :
		tc -n "$host" qdisc add dev eth0 root tbf rate 50mbit burst 64k latency 60ms 2>/dev/null || :
		ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/key_$host"
		echo "10.50.$number.1 $(cut -d' ' -f1,2 "$work/ssh/key_$host.pub")" >>"$work/ssh/known"
		printf 'Host %s\n HostName 10.50.%s.1\n' "$host" $number >>"$work/ssh/config"
		cat >"$work/ssh/sshd_$host" <<-END
			Port 22
			HostKey $work/ssh/key_$host
			PidFile none
			AuthorizedKeysFile $work/ssh/id.pub
			StrictModes no
			PermitRootLogin prohibit-password
			PasswordAuthentication no
			UsePAM no
		END
		host_up "$host"
	done
	cat "$work/ssh/any" >>"$work/ssh/config"
	inventory
}

# inventory [LINE...]: what the tests run on; what is given replaces the lines of its keys
inventory() {
	cat >"$work/inventory.yaml" <<-END
		hosts:
		  client: {ssh: client, address: 10.50.1.1, liquidnet: $programs/liquidnet}
		  detour: {ssh: detour, address: 10.50.2.1, liquidnet: $programs/liquidnet}
		  server: {ssh: server, address: 10.50.3.1, interface: eth0, liquidnet: $programs/liquidnet}
		limits: {rate: 1Gbit/s, bytes: 50GB, until: 60min}
		ssh: {config: $work/ssh/config}
		ports: [45672/udp, 1194/udp, 5201/tcp]
	END
}

# host_sshd HOST: the process
host_sshd() { pgrep -P "$(<"$work/ssh/$1.unshare")" -x sshd; }

# state HOST: everything that a run could leave there: its rules, tables, settings, files, devices, processes
state() {
	local pid
	pid=$(host_sshd "$1")
	{
		inside "$1" nft list ruleset
		inside "$1" ip rule
		inside "$1" ip route show table all
		inside "$1" ip -br link
		inside "$1" ip mptcp endpoint
		inside "$1" sysctl net.mptcp.pm_type net.ipv4.ip_forward net.ipv4.conf.all.rp_filter
		ls -A "/proc/$pid/root/run"
		# All in its pid namespace but sshd itself
		pgrep -a --ns "$pid" --nslist pid | cut -d' ' -f2- | sed '/^sshd: \/usr\/sbin\/sshd/d' | sort
	} 2>&1
}
states() { local host; for host in client detour server; do echo "== $host"; state $host; done; }

# left_as_found: in the end; an agent has some seconds to put things back
left_as_found() {
	states >"$work/after"
	cmp -s "$work/before" "$work/after"
}
nothing_left() { patience=2 until_true left_as_found || { diff "$work/before" "$work/after" >&2; return 1; }; }
