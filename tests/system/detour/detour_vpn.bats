#!/usr/bin/env bats
# The VPN detour: a real OpenVPN server, its NAT, and its end.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2094,SC2030,SC2031

load detour

# --- the VPN detour ------------------------------------------------------------------------------------------------

certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=liquidnet" \
		-keyout "$1.key" -out "$1.crt" 2>/dev/null
}

vpn_yaml() { # ENCRYPTION
	cat <<-YAML
		nat: {enabled: ${2-true}, allow: [10.0.1.0/24, 10.0.2.0/24]}
		reach: {allow: [10.0.0.0/8]}
		vpn:
		  enabled: true
		  subnet: 10.8.7.0/24
		  certificate: detour.crt
		  key: detour.key
		  peers: [client1.crt, client2.crt]
		  encryption: $1
		  directory: $work/vpn
	YAML
}

# vpn_client NODE DETOUR OPTION-LINES: an OpenVPN client; returns when its tunnel is up.
vpn_client() {
	printf '%s\n' "client" "dev tun0" "proto udp4" "remote $2 1194" "nobind" "cert $1.crt" "key $1.key" "verb 4" \
		"peer-fingerprint $(openssl x509 -in detour.crt -noout -fingerprint -sha256 | cut -d= -f2)" "$3" >"$1.conf"
	ip netns exec "$1" openvpn --config "$1.conf" >"$1.log" 2>&1 &
	await "$1.log" 'Initialization Sequence Completed'
	ip -n "$1" route replace 10.0.5.0/24 dev tun0
}

# seen_on_wire NODE TEXT: 0 when the text passes in the clear between a node and its detour. The capture ends by itself
# with the two packets that are long enough to have the line (there and back), not with keep-alives.
seen_on_wire() {
	local padding
	printf -v padding '%0300d' 0
	timeout 20 ip netns exec "$1" tcpdump -i to-detour -U -s 0 -c 2 -w "$1.pcap" \
		udp port 1194 and greater 300 2>"$1.tcpdump" &
	local capture=$!
	await "$1.tcpdump" 'listening on'
	say "$1" "$2$padding" || exit 1
	wait "$capture" || exit 1
	grep -aq "$2" "$1.pcap"
}

vpn_plain() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml none)"
	control wait vpn | jq -e '.ok and .vpn.state == "up" and .vpn.address == "10.8.7.1"'
	serve server 5201
	vpn_client client1 10.0.1.9 "$plain_options"
	vpn_client client2 10.0.2.9 "$plain_options"
	open_flow client1 client1 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	open_flow client2 client2 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	seen_on_wire client1 0123456789-client1
	seen_on_wire client2 0123456789-client2
	grep -q "cipher '\[null-cipher\]', auth '\[null-digest\]'" vpn/server.log
	[ "$(stat -c %a vpn vpn/server.conf | xargs)" = "700 600" ]
	# The NAT detour stands beside it.
	ask client1 10.0.1.9 10.0.5.1 5201 8080
	open_flow a client1 10.0.1.9 8080
	say a hello
	say client1 again
	stop_detour
	[ -z "$(ip netns exec detour nft list tables)" ]
	[ "$(ls vpn)" = server.log ]
	[ -z "$(ip netns exec detour ss -Hulpn 'sport = :1194')" ]
}
@test "VPN, plain: two clients through NAT, readable on the wire; SIGTERM ends it whole" { in_sandbox vpn_plain; }

vpn_encrypted() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml "$encryption" false)"
	serve server 5201
	vpn_client client1 10.0.1.9 "$client_options"
	open_flow client1 client1 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	fails seen_on_wire client1 0123456789-client1
	grep -qi "$cipher" vpn/server.log
	stop_detour
}
@test "VPN, BF-CBC and SHA1: not readable on the wire" {
	export encryption=bf-cbc-sha1 cipher="cipher 'BF-CBC'"
	export client_options=$'providers legacy default\ndata-ciphers BF-CBC\nauth SHA1\nreneg-bytes 0\nreneg-sec 0'
	in_sandbox vpn_encrypted
}
@test "VPN, OpenVPN's default: not readable on the wire" {
	export encryption=default cipher="cipher 'AES-256-GCM'" client_options=
	in_sandbox vpn_encrypted
}

# Each key that a reload does not change is named, each time; keys that are as they were are not.
vpn_reload() {
	local name keys
	for name in detour client1 client2; do certificate "$name"; done
	cp client1.crt other.crt
	cp detour.key other.key
	start_detour "$(vpn_yaml none)"
	{
		vpn_yaml default | sed 's/10.8.7.0/10.8.9.0/; s/detour.crt/other.crt/; s/detour.key/other.key/; s/client2.crt/other.crt/; s|/vpn$|/elsewhere|'
		printf '  %s\n' 'port: 1195' 'device: other' 'route_metric: 7'
		printf '%s\n' 'manage_forwarding: true' 'listen: {port: 45673}'
	} >detour.yaml
	keys=$(printf '%s\n' listen manage_forwarding vpn.{port,subnet,device,certificate,key,peers,encryption,route_metric,directory})
	for name in 1 2; do
		: >detour.log
		kill -HUP "$daemon"
		await detour.log 'event=reload config='
		diff <(sort <<<"$keys") <(sed -n 's/.*event=reload key=\([^ ]*\) .*/\1/p' detour.log | sort)
	done
	[ "$(status .vpn.device)" = lqdetour ]
	vpn_yaml none >detour.yaml
	: >detour.log
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	fails grep 'event=reload key=' detour.log
	printf 'nat: {allow: [10.0.1.0/24]}\n' >detour.yaml
	: >detour.log
	kill -HUP "$daemon"
	await detour.log 'event=reload config='
	[ "$(sed -n 's/.*event=reload key=\([^ ]*\) .*/\1/p' detour.log)" = vpn.enabled ]
	stop_detour
}
@test "SIGHUP names every key that takes a restart" { in_sandbox vpn_reload; }

vpn_second() {
	local name id
	for name in detour client1; do certificate "$name"; done
	sed 's/client1.crt, client2.crt/client1.crt/' <<<"$(vpn_yaml none false)" >one.yaml
	start_detour "$(cat one.yaml)"
	id=$(ip -n detour -j link show lqdetour | jq .[].ifindex)
	fails timeout 20 ip netns exec detour "$detour_program" --config detour.yaml --control "$work/other" 2>second.log
	grep -q 'another liquidnet-detour serves this network namespace' second.log
	[ "$(ls vpn)" = $'server.conf\nserver.log\nserver.sock' ]
	ip netns exec detour nft list tables | grep -qx 'table ip liquidnet-detour-vpn'
	[ "$(status .vpn.state)" = up ]
	[ "$(ip -n detour -j link show lqdetour | jq .[].ifindex)" = "$id" ]
}
@test "VPN alone: a second daemon fails and leaves the first one's table and files alone" { in_sandbox vpn_second; }

vpn_restart() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml none)"
	# The server is killed: started again, and `wait vpn` answers when it serves.
	kill -KILL "$(pgrep -P "$daemon" openvpn)"
	await detour.log 'event=vpn-ended'
	control wait vpn | jq -e '.ok and .vpn.state == "up" and .vpn.restarts == 1'
	# The daemon is killed: its server dies with it, the next start replaces its table.
	kill -KILL "$daemon"
	wait "$daemon" || true
	ip netns exec detour nft list tables | grep -qx 'table ip liquidnet-detour-vpn'
	start_detour "$(vpn_yaml none)"
	[ "$(status .vpn.state)" = up ]
	serve server 5201
	vpn_client client1 10.0.1.9 "$plain_options"
	open_flow client1 client1 10.0.5.1 5201
	say client1 hello
}
@test "VPN: a server that dies is started again; after SIGKILL of the daemon the next start serves" {
	in_sandbox vpn_restart
}

vpn_port_taken() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	ip netns exec detour socat -d -d -u UDP-RECV:1194 OPEN:/dev/null 2>holder.log &
	local holder=$!
	await holder.log 'starting data transfer loop'
	: >detour.log
	{
		await detour.log 'event=vpn-ended .*Address already in use'
		kill "$holder"
	} &
	start_detour "$(vpn_yaml none)" # READY only when the server serves, by its second start or later
	[ "$(status .vpn.state)" = up ]
	[ "$(status .vpn.restarts)" -ge 1 ]
}
@test "VPN: a server that cannot start says why and is tried again; READY waits for it" {
	in_sandbox vpn_port_taken
}

# The NAT on the way out is watched, too.
vpn_flushed() {
	local name
	for name in detour client1 client2; do certificate "$name"; done
	start_detour "$(vpn_yaml none false)"
	serve server 5201
	vpn_client client1 10.0.1.9 "$plain_options"
	ip netns exec detour nft flush ruleset
	[ "$(timeout "$slow" grep -m 1 'event=vpn-table action="put back"' <(exec tail -n +1 -f detour.log) | wc -l)" = 1 ]
	open_flow client1 client1 10.0.5.1 5201
	[ "$peer" = from=10.0.5.9 ]
	say client1 hello
}
@test "VPN: its NAT is put back within a second after somebody flushed it" { in_sandbox vpn_flushed; }
