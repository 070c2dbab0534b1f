#!/usr/bin/env bats
# The client daemon and its tunnels: subflows through them, what breaks, what is put back. client.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2317,SC2329,SC2154,SC2016,SC2034

load client

# --- VPN ----------------------------------------------------------------------------------------------------------



@test "VPN: a subflow through the tunnel, and programs that bind to its address" { in_sandbox vpn_subflow; }
vpn_subflow() {
	local answer address
	start_vpn_detour
	start_client "$(vpn_detour)"
	answer=$(control client wait tunnel)
	address=$(jq -r .address <<<"$answer")
	[[ $address == 10.8.0.* ]]
	[ "$(jq -r .device <<<"$answer")" = tun0 ]
	[ "$(ip -n client -j rule show table 4400 | jq -r '.[0].src')" = "$address" ]
	serve
	open_flow
	await client.log "$across_tunnel"
	[ "$(status '.connections[0].subflows')" = 2 ]
	kill $flow_pid
	# Plain TCP from the tunnel's address: the server sees the detour.
	ip netns exec server socat -d -d TCP4-LISTEN:7777,reuseaddr 'SYSTEM:echo from=$SOCAT_PEERADDR' 2>plain.log &
	await plain.log listening
	[ "$(timeout 10 ip netns exec client socat -u "TCP4:10.0.3.1:7777,bind=$address" -)" = from=10.0.6.1 ]
	stop client
	stop_leaves_nothing
	[ -z "$(ip -n client route show table 4400 2>/dev/null)" ]
	[ "$(ip -n client -j link show | jq '[.[] | select(.ifname == "tun0")] | length')" = 0 ]
}

@test "VPN: a tunnel that breaks in mid-transfer comes back and serves the connection again" { in_sandbox vpn_breaks; }
vpn_breaks() {
	start_vpn_detour
	start_client "$(vpn_detour)"
	control client wait tunnel >wait.out
	serve
	open_flow
	await client.log "$across_tunnel"
	kill -KILL "$(openvpn_of_client)"
	await client.log event=vpn-down
	echoes "without it"
	await client.log "$across_tunnel" 2
	echoes "with it"
	[ "$(status '.detours[0].restarts')" = 1 ]
	[ "$(status '.connections[0].subflows')" = 2 ]
	stop client
	stop_leaves_nothing
}


@test "VPN and NAT together: two subflows besides the initial one" { in_sandbox both; }
both() {
	start_vpn_detour
	start_client "$nat_detour, $(vpn_detour)"
	control client wait tunnel >wait.out
	serve
	open_flow
	await client.log "$across_tunnel"
	await client.log "$across_nat"
	[ "$(status '.connections[0].subflows')" = 3 ]
	stop client
}

@test "VPN: each encryption, as the log of OpenVPN has it" { in_sandbox vpn_encryption; }
vpn_encryption() {
	local encryption cipher
	while read -r encryption cipher; do
		start_vpn_detour "$encryption"
		start_client "$(vpn_detour "$encryption")"
		control client wait tunnel >wait.out
		grep -q "Data Channel.*cipher '$cipher'" client/tunnel.log
		stop client
		stop detour
	done <<-'EOF'
		none \[null-cipher\]
		bf-cbc-sha1 BF-CBC
		default AES-256-GCM
	EOF
}

# What somebody does to interface, rule and route is undone at once; meanwhile nothing that is bound to the tunnel's address leaves in
# clear, and the status does not say up.
@test "VPN: rule and route are put back, and nothing of the tunnel's leaves in clear meanwhile" { in_sandbox vpn_guard; }
vpn_guard() {
	start_vpn_detour
	start_client "$(vpn_detour)"
	local address change n=0
	address=$(control client wait tunnel | jq -r .address)
	ip netns exec server socat -d -d TCP4-LISTEN:7777,reuseaddr,fork 'SYSTEM:echo from=$SOCAT_PEERADDR' 2>plain.log &
	await plain.log listening
	# Everything of that address that passes the client's wire in clear.
	capture client wire clear.pcap "src $address"
	(while ip netns exec client timeout 1 bash -c "exec 3<>/dev/udp/10.0.3.1/9" 2>/dev/null; do
		ip netns exec client socat -u - "UDP4-SENDTO:10.0.3.1:9,bind=$address" <<<word 2>/dev/null || :
	done) &
	local sender=$!
	for change in 'ip -n client link set tun0 down;ip -n client link set tun0 up' 'ip -n client rule del table 4400' \
		'ip -n client route del default table 4400 dev tun0' 'ip -n client route flush table 4400' \
		'ip netns exec client nft flush ruleset'; do
		n=$((n + 1))
		eval "$change"
		until_is "from=10.0.6.1" through_tunnel "$address"
		[ "$(status '.detours[0].up')" = true ]
	done
	# Down and left down: it is not up, whatever OpenVPN thinks.
	ip -n client link set tun0 down
	until_is false status '.detours[0].up'
	fails through_tunnel "$address"
	ip -n client link set tun0 up
	until_is true status '.detours[0].up'
	until_is "from=10.0.6.1" through_tunnel "$address"
	kill "$sender"
	wait "$sender" || true
	end_capture "$capture" clear.pcap
	[ "$(tcpdump -nr clear.pcap 2>/dev/null | wc -l)" = 0 ]
	stop client
	stop_leaves_nothing
}
through_tunnel() { timeout 3 ip netns exec client socat -u "TCP4:10.0.3.1:7777,bind=$1,connect-timeout=1" - 2>/dev/null; }

# A path that carries 1400 bytes and drops what is longer without a word: TCP through the tunnel finds out by itself.
@test "VPN: a path that drops what is longer than 1400 bytes, silently" { in_sandbox vpn_short_path; }
vpn_short_path() {
	start_vpn_detour
	ip netns exec client sysctl -qw net.mptcp.pm_type=0
	start_client "$(vpn_detour)" 'manage_sysctl: true'
	local address
	address=$(control client wait tunnel | jq -r .address)
	ip netns exec router nft -f - <<-'NFT'
		table inet narrow { chain pass { type filter hook forward priority 0; meta l4proto udp meta length > 1400 drop; }; }
	NFT
	ip netns exec server socat -u TCP4-LISTEN:7777,reuseaddr CREATE:got &
	until_true listens server 7777
	head -c 300000 /dev/urandom >sent
	timeout $((40 * slow)) ip netns exec client socat -u OPEN:sent "TCP4:10.0.3.1:7777,bind=$address"
	until_true cmp -s sent got
	stop client
	[ "$(inside client sysctl -n net.ipv4.tcp_mtu_probing net.mptcp.pm_type | xargs)" = "0 0" ]
	# And with what is known of the path, at once, both ways.
	ip netns exec client sysctl -qw net.mptcp.pm_type=1
	start_client "$(vpn_detour | sed 's/}$/, mtu: 1400}/')"
	address=$(control client wait tunnel | jq -r .address)
	ip netns exec server socat -u OPEN:sent TCP4-LISTEN:7778,reuseaddr &
	until_true listens server 7778
	timeout $((10 * slow)) ip netns exec client socat -d -d -u "TCP4:10.0.3.1:7778,bind=$address" CREATE:back 2>back.log
	cmp sent back
}
