#!/usr/bin/env bats
# Real 802.11 frames in the kernel of virtual time: an access point keeps the packets of a station that has said that it sleeps, as the link
# daemon's model of air does, and sends them in order when it wakes.
# May run beside others.

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	[ "$(id -u)" = 0 ] || skip "needs root"
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	liquidnet-virtual check >"$BATS_TEST_TMPDIR/check" || skip "no virtual time here: $(grep '^no' "$BATS_TEST_TMPDIR/check" | head -n 1)"
	command -v hostapd >/dev/null && command -v iw >/dev/null || skip "hostapd or iw is not installed (nodes/visits/air/packages.txt)"
}

@test "an access point keeps what comes for a station that sleeps, and sends it in order when it wakes" {
	liquidnet-virtual run --out "$BATS_TEST_TMPDIR" -- "$PWD/nodes/visits/air/real-air" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/air.json"
	cat "$BATS_TEST_TMPDIR/air.json"
	jq -e '.awake == {sent: 300, arrived: 300} and .awake_again == {sent: 300, arrived: 300}' "$BATS_TEST_TMPDIR/air.json"
	jq -e '.visits | length == 5 and all(.[]; .arrived_asleep == 0 and .in_order)' "$BATS_TEST_TMPDIR/air.json"
	jq -e '.visits[:2] | all(.[]; .arrived_awake == .sent)' "$BATS_TEST_TMPDIR/air.json"
}
