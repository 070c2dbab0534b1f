#!/usr/bin/env bats
# The whole scorecard of NDP's simulator: minutes of processor time.

setup() { cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1; }

@test "sim ndp: nine of ten published numbers agree" {
	rows=$(grep -cvE '^#|^scenario,' data/ndp/ndp-published.csv)
	run "${BUILD:-build}/bin/liquidnet" sim ndp --runs 3
	[ "$status" = 0 ]
	echo "${lines[-1]}"
	[[ ${lines[-1]} == "$rows published numbers:"* ]]
	agree=$(sed -E 's/.*: ([0-9]+) agree.*/\1/' <<<"${lines[-1]}")
	[ "$agree" -ge $((rows * 9 / 10)) ]
}
