# Three hosts with sshd in namespaces of their own, a router between them, and the machine of the experimenter; all of it dies with the
# sandbox that it is started in (sandbox.bash). Keys, configuration and known hosts are the test's own, in $work/ssh.
# family=6: the hosts reach each other by IPv6, and the server is logged in to by it. worker=HOST: that host is logged in to as a user
# who is not root.
# shellcheck shell=bash disable=SC2154 # $work, $programs: sandbox.bash's

hosts_programs() {
	local program
	for program in /usr/sbin/sshd sudo ssh ssh-keygen iperf3 mptcpize openvpn; do
		command -v "$program" >/dev/null || { echo "$program"; return 1; }
	done
}

# host_up NAME: its sshd, in its network, with processes and a /run of its own; what is in $work/ssh/etc_NAME lies over /etc there
host_up() {
	ip netns exec "$1" unshare --mount --pid --fork --kill-child --mount-proc --uts bash -c '
		hostname "$1" && mount -t tmpfs tmpfs /run && mkdir -p /run/sshd && cp "$2/id.pub" /run/sshd/keys || exit
		for own in "$2/etc_$1"/*; do
			[ ! -e "$own" ] || mount --bind "$own" "/etc/${own##*/}" || exit
		done
		exec /usr/sbin/sshd -D -f "$2/sshd_$1" -E "$2/$1.log"' \
		host "$1" "$work/ssh" </dev/null >>"$work/ssh/$1.out" 2>&1 &
	echo $! >"$work/ssh/$1.unshare"
	until_true listens "$1" :22
}

# the_worker HOST: an account that is on that host alone, who may start the agent by sudo and do nothing else
the_worker() {
	local etc=$work/ssh/etc_$1
	mkdir -p "$etc/sudoers.d"
	{ cat /etc/passwd; echo 'worker:x:4567:4567::/:/bin/sh'; } >"$etc/passwd"
	{ cat /etc/group; echo 'worker:x:4567:'; } >"$etc/group"
	{ cat /etc/shadow; echo 'worker:*:19000:0:99999:7:::'; } >"$etc/shadow"
	# sudo asks who it is itself.
	echo '127.0.0.1 localhost client detour server' >"$etc/hosts"
	chmod 600 "$etc/shadow"
	sudoers "$1" "worker ALL = NOPASSWD: $programs/liquidnet host"
}
# sudoers HOST LINE: what the host lets its users do
sudoers() {
	local file=$work/ssh/etc_$1/sudoers.d/liquidnet
	chmod 755 "$work/ssh/etc_$1/sudoers.d"
	echo "$2" >"$file.new"
	chmod 440 "$file.new"
	mv "$file.new" "$file"
}

# address NUMBER: by which the other hosts reach the client (1), the detour (2), the server (3); the router has .254, as a hop
address() {
	case ${family:-4} in
	4) echo "10.50.$1.${2:-1}" ;;
	6) echo "2001:db8:50:$1::${2:-1}" ;;
	esac
}

# six NAMESPACE DEVICE ADDRESS: of IPv6, there at once, as is a link-local one, of the same last number
six() {
	ip -n "$1" addr add "$3/64" dev "$2" nodad
	ip -n "$1" addr add "fe80::${3##*:}/64" dev "$2" nodad
}

hosts_up() {
	local host number=0 reached
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
	if [ "${family:-4}" = 6 ]; then
		inside core sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.all.forwarding=1
		six core vctl "$(address 9 254)"
		sysctl -qw net.ipv6.conf.all.disable_ipv6=0
		ip addr add "$(address 9)/64" dev ctl nodad
		ip addr add fe80::9/64 dev ctl nodad
		ip -6 route add default via "$(address 9 254)"
	fi
	printf 'Host *\n User root\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n GlobalKnownHostsFile none\n' \
		"$work/ssh/id" "$work/ssh/known" >"$work/ssh/any"
	for host in client detour server; do
		number=$((number + 1))
		ip netns add "$host"
		# Its link-local address would come some seconds late, and look like something that was left.
		if [ "${family:-4}" = 6 ]; then
			inside "$host" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.addr_gen_mode=1
		else
			inside "$host" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		fi
		ip -n "$host" link set lo up
		cable "$host" eth0 10.50.$number.1/24 core "v$host" 10.50.$number.254/24
		ip -n "$host" route add default via 10.50.$number.254
		reached=10.50.$number.1
		if [ "${family:-4}" = 6 ]; then
			six "$host" eth0 "$(address $number)"
			six core "v$host" "$(address $number 254)"
			ip -n "$host" route add default via "$(address $number 254)"
			[ "$host" != server ] || reached=$(address $number)
		fi
		# Loss where more is sent than this: a queue as a provider's.
		tc -n core qdisc add dev "v$host" root tbf rate 50mbit burst 64k latency 60ms 2>/dev/null || :
		tc -n "$host" qdisc add dev eth0 root tbf rate 50mbit burst 64k latency 60ms 2>/dev/null || :
		ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/key_$host"
		echo "$reached $(cut -d' ' -f1,2 "$work/ssh/key_$host.pub")" >>"$work/ssh/known"
		printf 'Host %s\n HostName %s\n' "$host" "$reached" >>"$work/ssh/config"
		if [ "$host" = "${worker:-}" ]; then
			echo ' User worker' >>"$work/ssh/config"
			the_worker "$host"
		fi
		cat >"$work/ssh/sshd_$host" <<-END
			Port 22
			HostKey $work/ssh/key_$host
			PidFile none
			AuthorizedKeysFile /run/sshd/keys
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
		  client: {ssh: client, address: "$(address 1)", liquidnet: $programs/liquidnet}
		  detour: {ssh: detour, address: "$(address 2)", liquidnet: $programs/liquidnet}
		  server: {ssh: server, address: "$(address 3)", interface: eth0, liquidnet: $programs/liquidnet}
		limits: {rate: 1Gbit/s, bytes: 50GB, until: 60min}
		ssh: {config: $work/ssh/config}
		ports: [45672/udp, 1194/udp, 5201/tcp]
	END
	[ -z "${worker:-}" ] || sed -i "/$worker:/s|}|, sudo: true}|" "$work/inventory.yaml"
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
		inside "$1" ip -6 rule
		inside "$1" ip route show table all
		inside "$1" ip -br link
		inside "$1" ip mptcp endpoint
		inside "$1" sysctl net.mptcp.pm_type net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv6.conf.all.forwarding
		# sudo makes a folder of its own, once and for ever.
		ls -A --ignore=sudo "/proc/$pid/root/run"
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
