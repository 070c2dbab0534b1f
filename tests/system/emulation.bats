#!/usr/bin/env bats
# What a machine under software emulation cannot carry, and that its verdict says so. `make vm-test` runs this where the host has no
# usable KVM; with KVM, and on real machines, there is nothing to see.
# shellcheck disable=SC2154,SC2016 # status is bats'; jq's variables are its own

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ "$(systemd-detect-virt --vm)" = qemu ] || skip "this machine is not under software emulation; make vm-test without KVM has one"
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
}

# OpenVPN is bound by the processor here: what it gives is the processor's figure, not the network's. Its trials are some of the
# most expensive that there are, encrypted or not, and must not count.
@test "trials through OpenVPN are invalid, because the processor is late, and count nowhere" {
	mkdir "$work/e"
	sed 's/^trials: .*/&\nretries: 0/' experiments/detour/core-limited.yaml >"$work/e/core-limited.yaml"
	run timeout -k 5 300 liquidnet run "$work/e/core-limited.yaml" --procedures 'vpn,vpn-encrypted' --trials 1 --jobs 1 --backend netem \
		--results "$work/results"
	echo "status $status: $output"
	[ "$status" = 1 ]
	records=$work/results/core-limited/latest/trials.jsonl
	jq -c '{procedure, status, reasons, measures}' "$records"
	[ "$(jq -s length "$records")" = 2 ]
	# What is beyond a threshold of invalid trials: harness/observe/observe.c has them.
	late='waited for a processor is .* more than 40.0$|median of scheduling lateness is .* more than 1.2$|99th percentile .* more than 99.0$'
	jq -es --arg late "$late" 'all(.status == "invalid" and (.reasons | any(test($late))))' "$records"
	for procedure in vpn vpn-encrypted; do
		grep -q "^core-limited,$procedure,0," "$work/results/core-limited/latest/summary.csv"
	done
}
