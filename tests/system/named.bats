#!/usr/bin/env bats
# Experiments do not depend on what a distribution chose: each says which congestion control its nodes have (kernels ship with cubic, reno or
# bbr as default), itself or by its base. `wan` leaves it to real hosts.
# May run beside others.

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
}

# bases FILE: it and what it stands on.
bases() {
	local file=$1 base
	while :; do
		echo "$file"
		base=$(sed -nE 's/^base: *([^ #]+).*/\1/p' "$file")
		[ -n "$base" ] || return 0
		base=$(basename "$base" .yaml)
		file=$(ls experiments/"$base".yaml experiments/*/"$base".yaml 2>/dev/null | head -n 1)
		[ -n "$file" ] || { echo "no base $base" >&2; return 1; }
	done
}

@test "every experiment names its congestion control" {
	local file chain unnamed=()
	for file in experiments/*.yaml experiments/*/*.yaml; do
		chain=$(bases "$file")
		# shellcheck disable=SC2086 # names of files without blanks
		grep -qE 'tcp_congestion_control: [a-z]|[ {]congestion: |^congestion: ' $chain || unnamed+=("$file")
	done
	echo "unnamed: ${unnamed[*]}"
	# Between real hosts it is the hosts' own.
	[ "${unnamed[*]}" = "experiments/detour/wan.yaml experiments/detour/wan6.yaml" ]
}
