#!/usr/bin/env bats
# The Debian packages: built from what is committed, clean by lintian, installed into a Debian 12 that has nothing else, in which
# doctor and an experiment run; and removed again. Needs Debian's mmdebstrap and a mirror; ten minutes.

# shellcheck disable=SC2154 # stderr is bats'

bats_require_minimum_version 1.5.0

setup_file() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	[ "$(id -u)" = 0 ] || skip "needs root"
	vm/install-packages vm/packages-deb.txt
	command -v mmdebstrap >/dev/null || skip "mmdebstrap is not installed (vm/packages-deb.txt)"
	make --no-print-directory deb >"$BATS_FILE_TMPDIR/log" 2>&1 || { tail -n 40 "$BATS_FILE_TMPDIR/log" >&2; return 1; }
	export packages=$PWD/${BUILD:-build}/deb root=$BATS_FILE_TMPDIR/root
	case ${BUILD:-build} in /*) packages=$BUILD/deb ;; esac
	mmdebstrap --variant=minbase bookworm "$root" >>"$BATS_FILE_TMPDIR/log" 2>&1 || skip "no Debian mirror is reached"
	cp "$packages"/*.deb "$root/root/"
}

# inside COMMAND...: in that Debian, in namespaces of its own.
inside() {
	unshare --mount --pid --fork --kill-child --mount-proc sh -ec '
		mount --bind "$0" "$0"
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"' "$root" "$@"
}

@test "the packages are there, one for the testbed and one for the detour" {
	ls "$packages"
	[ "$(ls "$packages"/*.deb | wc -l)" -eq 2 ]
	for package in "$packages"/*.deb; do lintian --fail-on error,warning "$package"; done
}

@test "apt installs them into a bare Debian, with what they need" {
	inside sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /root/*.deb' >"$BATS_FILE_TMPDIR/apt" 2>&1 || { tail "$BATS_FILE_TMPDIR/apt"; false; }
	inside sh -c 'cd /tmp && liquidnet --version && liquidnet list | grep -q core-limited && liquidnet doctor split-tcp'
	inside bash -c 'test -e /usr/share/man/man1/liquidnet.1.gz && test -e /usr/share/bash-completion/completions/liquidnet'
}

@test "an experiment runs there, and its page is made" {
	inside sh -c 'mkdir -p /root/here && cd /root/here && { liquidnet run split-tcp --trials 1 || [ $? = 1 ]; } && liquidnet open --print && liquidnet new mine && liquidnet run mine --dry-run' >"$BATS_FILE_TMPDIR/run" 2>&1 || { tail -n 40 "$BATS_FILE_TMPDIR/run"; false; }
	grep -q 'splitting' "$BATS_FILE_TMPDIR/run"
	[ -s "$root"/root/here/results/split-tcp/latest/report.html ]
	grep -q '<svg' "$root"/root/here/results/split-tcp/latest/report.html
	jq -se 'length >= 4 and all(.status != "failed")' "$root"/root/here/results/split-tcp/latest/trials.jsonl
}

@test "removed, nothing of them is left" {
	inside sh -c 'apt-get purge -y liquidnet liquidnet-detour >/dev/null 2>&1; find / -xdev -name "*liquidnet*" -not -path "/root/*" -not -path "/proc/*" -not -path "/sys/*" -not -path "/var/lib/apt/*" -not -path "/var/cache/*" -not -path "/dev/*" -not -path "/run/*"' >"$BATS_FILE_TMPDIR/left"
	cat "$BATS_FILE_TMPDIR/left"
	[ ! -s "$BATS_FILE_TMPDIR/left" ]
}
