#!/usr/bin/env bats
# The daemons as services: the rights that they keep, the units, and liquidnet-run. members.bash says what the network is.
# May run beside others.
# shellcheck disable=SC2154,SC2317,SC2329,SC2034,SC2016

load members

@test "both daemons keep CAP_NET_ADMIN alone, gain nothing, and are filtered" { in_sandbox confined; }
confined() {
	keys member detour
	start_detour
	start_client
	has_rights "$detour_pid" net_admin
	has_rights "$client_pid" net_admin
	control client map 10.0.3.1:5201 | jq -e .ok
	ip netns exec detour nft flush ruleset # what is put back needs no more
	await detour.log 'event=nat-table action="put back"'
	kill -HUP "$detour_pid"
	await detour.log 'event=reload config='
	stop client
	stop detour
	[ -z "$(ip netns exec detour nft list tables)" ]
}

@test "liquidnet-run: a dynamic program speaks Multipath TCP, a static one says why not" { in_sandbox wrapped; }
wrapped() {
	ip netns exec server liquidnet-run socat -d -d TCP4-LISTEN:5201,fork,reuseaddr EXEC:cat 2>serve.log &
	await serve.log listening
	grep -q 'Multipath TCP by mptcpize' serve.log
	mkfifo in
	exec 6<>in
	ip netns exec client liquidnet-run --quiet socat - TCP4:10.0.3.1:5201 <in >out 2>run.log &
	echo hello >&6
	until_true grep -q hello out
	[ "$(ip netns exec client nstat -asz MPTcpExtMPCapableSYNACKRX | awk '/MPCapable/ { print $2 }')" = 1 ]
	[ ! -s run.log ]
	printf 'int main(void) { return 0; }\n' >static.c
	gcc -static -o static static.c 2>/dev/null || return 0
	fails liquidnet-run ./static 2>log
	grep -q 'linked statically' log
	local status=0
	liquidnet-run no-such-program 2>/dev/null || status=$?
	[ "$status" = 127 ]
}

@test "the units are well-formed" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	cd "$BATS_TEST_DIRNAME/../../.." || return 1
	local unit
	mkdir -p "$BATS_TEST_TMPDIR/units" "$BATS_TEST_TMPDIR/bin"
	for unit in debian/*.service debian/*.timer; do
		sed "s|/usr/bin/liquidnet|$programs/liquidnet|" "$unit" >"$BATS_TEST_TMPDIR/units/$(basename "$unit" | sed 's/^liquidnet-detour\.//')"
	done
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR"/units/*.service "$BATS_TEST_TMPDIR"/units/*.timer
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
}
