#!/usr/bin/env bats
# The detour's Debian package on a host where it works: installed, started as its unit says, upgraded while a flow goes through it, and purged
# without a trace. The host is this machine's own system under an overlay that is thrown away, so that nothing is fetched: what the
# package depends on is here, as it was built here. PACKAGE=FILE tests that one; without it `make deb` makes it (minutes).

# shellcheck disable=SC2154,SC2317,SC2329,SC2094

load detour

setup_file() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v dpkg-deb >/dev/null || skip "no dpkg"
	if [ -z "${PACKAGE-}" ]; then
		vm/install-packages vm/packages-deb.txt
		make --no-print-directory deb >"$BATS_FILE_TMPDIR/log" 2>&1 || { tail -n 40 "$BATS_FILE_TMPDIR/log" >&2; return 1; }
		PACKAGE=$(ls "${BUILD:-build}"/deb/liquidnet-detour_*.deb)
	fi
	export PACKAGE
	PACKAGE=$(realpath "$PACKAGE")
}

# The host's root: $root.
make_host() {
	mkdir -p store root
	mount -t tmpfs tmpfs store
	mkdir store/upper store/work
	mount -t overlay overlay -o "lowerdir=/,upperdir=$work/store/upper,workdir=$work/store/work" root
	root=$work/root
	mount --bind /proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
}

on_host() { ip netns exec detour chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

# What systemd would do: the unit's own words. $daemon.
unit_start() {
	local line command
	command=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/liquidnet-detour.service")
	mkdir -p "$root/run/liquidnet" "$root/var/lib/liquidnet" "$root/var/log/liquidnet"
	[ -p ready ] || mkfifo ready
	exec 8<>ready 9>ready 7<ready 8>&-
	# shellcheck disable=SC2086
	ip netns exec detour chroot "$root" $command --ready-fd 9 7<&- 2>>detour.log &
	daemon=$!
	exec 9>&-
	read -r -t $((20 * slow)) -u 7 line
	exec 7<&-
	[ "$line" = READY ]
}

ask_daemon() { echo "$1" | timeout 20 socat -t 20 - "UNIX-CONNECT:$root/run/liquidnet/detour.sock"; }

# A later version: the same content under another number.
next_version() { # DEB OUT
	rm -rf next
	dpkg-deb -R "$1" next
	sed -i 's/^Version: .*/&+next/' next/DEBIAN/control
	echo next >next/usr/share/doc/liquidnet-detour/next
	dpkg-deb --root-owner-group -b next "$2" >/dev/null
}

# What the package or its daemon left: what the overlay has and the system below has not, but for what dpkg and its triggers keep for themselves.
left() {
	local path
	find "$work/store/upper" -mindepth 1 -printf '/%P\n' |
		grep -Ev '^/(var/lib/(dpkg|systemd|ucf)|var/log/(dpkg\.log|alternatives\.log)|var/cache/(man|ldconfig|debconf|apt)|proc|dev|run|tmp|sys)(/|$)' |
		while IFS= read -r path; do [ -e "$path" ] || echo "$path"; done
}

@test "install, start, upgrade under a live flow, purge" { limit=240 in_sandbox life; }
life() {
	local port before deb
	make_host
	deb=$root/tmp/one.deb
	cp "$PACKAGE" "$deb"
	next_version "$deb" "$root/tmp/two.deb"
	on_host dpkg -i /tmp/one.deb
	on_host liquidnet-detour --version
	[ -d "$root/etc/liquidnet" ]
	# Nothing runs, nothing listens: there is no configuration yet.
	[ -z "$(ip netns exec detour nft list tables)" ]
	[ ! -e "$root/etc/systemd/system/multi-user.target.wants/liquidnet-detour.service" ]

	cat >"$root/etc/liquidnet/detour.yaml" <<-'YAML'
		on_exit: keep
		nat: {allow: [10.0.1.0/24]}
		reach: {allow: [10.0.0.0/8]}
	YAML
	unit_start
	serve server 5201
	port=$(ask client1 10.0.1.9 10.0.5.1 5201 5201)
	open_flow live client1 10.0.1.9 "$port"
	[ "$peer" = from=10.0.5.9 ]
	say live before
	before=$(ask_daemon mappings)

	# The package is replaced under the daemon: its scripts stop nothing and remove nothing.
	on_host dpkg -i /tmp/two.deb
	[ -e "$root/usr/share/doc/liquidnet-detour/next" ]
	kill -0 "$daemon"
	say live upgraded
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = "$port" ]
	# systemctl restart: the new program takes over mapping and flow.
	kill -TERM "$daemon"
	wait "$daemon"
	say live between
	unit_start
	[ "$(ask_daemon status | jq -r .counters.adopted)" = 1 ]
	say live restarted
	[ "$(ask client1 10.0.1.9 10.0.5.1 5201 5201)" = "$port" ]
	open_flow new client1 10.0.1.9 "$port"
	say new after
	[ "$(jq -c '[.mappings[] | {client, detour_port, remote}]' <<<"$before")" = "$(ask_daemon mappings | jq -c '[.mappings[] | {client, detour_port, remote}]')" ]

	# Purged: systemd stops the daemon first; the administrator's own file is the administrator's.
	kill -TERM "$daemon"
	wait "$daemon"
	[ -n "$(ip netns exec detour nft list tables)" ] # `keep`
	rm "$root/etc/liquidnet/detour.yaml"
	on_host dpkg --purge liquidnet-detour
	ip netns exec detour nft list tables
	[ -z "$(ip netns exec detour nft list tables)" ]
	left >left
	cat left
	[ ! -s left ]
}
