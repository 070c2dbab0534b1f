# What the load balancer's system tests share: a data centre in small. A client (10.9.0.2) and a router, muxes m1 and m2
# (10.9.11.2, 10.9.12.2), servers s1 to s4 (10.9.21.2 to 10.9.24.2) behind links of their own. VIP: 10.9.100.1.
# shellcheck shell=bash disable=SC2154

vip=10.9.100.1

network() {
	local name
	for name in client router m1 m2 s1 s2 s3 s4; do
		ip netns add "$name"
		ip -n "$name" link set dev lo up
		ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.disable_ipv6=1
	done
	ip netns exec router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy=1
	pair client 10.9.0.2/24 10.9.0.1/24
	for name in 1 2; do
		pair "m$name" "10.9.1$name.2/24" "10.9.1$name.1/24"
		ip netns exec "m$name" sysctl -qw net.ipv4.ip_forward=1
		# As if the packets came over a wire: whole checksums, no super-packets; and a receiver that takes redirected frames.
		ip netns exec router ethtool -K "r-m$name" tx off gro on >/dev/null
	done
	for name in 1 2 3 4; do
		pair "s$name" "10.9.2$name.2/24" "10.9.2$name.1/24"
	done
	ecmp m1 m2
}

pair() { # NODE ADDRESS ROUTER-ADDRESS
	cable "$1" e0 "$2" router "r-$1" "$3"
	ip -n "$1" route add default via "${3%/*}"
}

# ecmp MUX...: the router spreads the VIP over these
ecmp() {
	local mux hops=()
	for mux; do hops+=(nexthop via "10.9.1${mux#m}.2"); done
	ip -n router route replace "$vip" "${hops[@]}"
}

# start_daemon NAME NODE PROGRAM YAML [PREFIX...]: returns when it is READY; its pid is in pid_NAME
start_daemon() {
	local line
	printf '%s\n' "$4" >"$1.yaml"
	[ -p "ready-$1" ] || mkfifo "ready-$1"
	exec {ready}<>"ready-$1"
	ip netns exec "$2" "${@:5}" "$programs/liquidnet-$3" --config "$1.yaml" --control "$work/$1.control" \
		--ready-fd 9 9>"ready-$1" 2>>"$1.log" &
	printf -v "pid_$1" %s "$!"
	read -r -t $((20 * slow)) -u "$ready" line
	[ "$line" = READY ]
	exec {ready}>&-
}

start_mux() { # NAME [SETTING...]
	start_daemon "$1" "$1" mux "$(printf '%s\n' "interface: e0" "map: ${map:-$work/lb.map}" "${@:2}")"
}

start_agent() { # NAME [SETTING...]
	start_daemon "$1" "$1" agent "$(printf '%s\n' "interface: e0" "map: ${map:-$work/lb.map}" \
		"address: 10.9.2${1#s}.2" "ports: [80]" "${@:2}")"
}

stop_daemon() { # NAME
	local pid=pid_$1
	kill -TERM "${!pid}"
	wait "${!pid}"
}

lb() {
	"$programs/liquidnet-balancer-ctl" --map "${map:-$work/lb.map}" --json "$@"
}

control() { # NAME COMMAND...: the answer
	ask "$work/$1.control" "${@:2}"
}

status() { # NAME JQ-FILTER
	control "$1" status | jq -r "$2"
}


# Everybody has the map as it is now.
settled() { # DAEMON...
	local generation name
	generation=$(lb show | jq .generation)
	for name; do until_is "$generation" status "$name" .generation; done
}

# start_nginx NODE: ($nginx may say how) answers with its name; /big is 1 MB that takes about 3 s
start_nginx() {
	mkdir -p "$1/www" "$1/logs"
	head -c 1000000 /dev/zero | tr '\0' x >"$1/www/big"
	printf '%s\n' "daemon off; pid $work/$1/pid; worker_processes 1; error_log $work/$1/error.log; user root;" \
		"events { worker_connections 4096; }" \
		"http { access_log off; keepalive_requests 1000000; client_body_temp_path $work/$1/body; proxy_temp_path $work/$1/proxy;" \
		"fastcgi_temp_path $work/$1/fastcgi; uwsgi_temp_path $work/$1/uwsgi; scgi_temp_path $work/$1/scgi;" \
		"client_max_body_size 100m; server { listen 80 backlog=4096 so_keepalive=on; root $work/$1/www;" \
		"location / { return 200 \"$1\\n\"; } location /big { limit_rate 300k; limit_rate_after 1; }" \
		"location /sink { client_body_in_file_only clean; proxy_pass http://127.0.0.1:80/; } } }" >"$1/nginx.conf"
	# shellcheck disable=SC2086 # words
	ip netns exec "$1" ${nginx:-nginx} -c "$work/$1/nginx.conf" -p "$work/$1" 2>"$1/start.log" &
	until_is 1 ip netns exec "$1" sh -c 'ss -Hltn "sport = 80" | grep -c .'
}

fetch() { # [OPTION...] PATH
	ip netns exec client curl -sS --fail --max-time 20 "${@:1:$#-1}" "http://$vip/${*: -1}"
}
