#!/usr/bin/env bats
# Every experiment on a kernel as distributions ship it, whose default congestion control, the only one that is allowed to all, is reno, or
# bbr: a trial of each cell, in virtual time, where the host that is set so is the trial's own. STOCK names experiments (a shell
# pattern); ONLY a configuration.
# shellcheck disable=SC2154

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	PATH=${BUILD:-$PWD/build}/bin:$PATH
	work=$BATS_TEST_TMPDIR
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -e "${BUILD:-build}/virtual/linux" ] || skip "needs the kernel of virtual time (make virtual)"
}

# under DEFAULT: no trial of any experiment fails. What virtual time refuses is named.
under() {
	local file name status failed=
	cp -r experiments "$work/"
	for file in "$work"/experiments/*.yaml "$work"/experiments/*/*.yaml; do
		name=$(basename "$file" .yaml)
		# shellcheck disable=SC2254 # the pattern is meant to match
		case $name in ${STOCK:-*}) ;; *) continue ;; esac
		sed -i '/^ *net.ipv4.tcp_allowed_congestion_control:/d' "$file"
		if grep -q '^host:' "$file"; then
			sed -i "s/^host:.*/host:\\n  net.ipv4.tcp_allowed_congestion_control: $1\\n  net.ipv4.tcp_congestion_control: $1/" "$file"
		else
			printf '\nhost:\n  net.ipv4.tcp_allowed_congestion_control: %s\n  net.ipv4.tcp_congestion_control: %s\n' "$1" "$1" >>"$file"
		fi
		status=0
		liquidnet run "$file" --trials 1 ${ONLY:+--only "$ONLY"} --clock virtual --results "$work/results" >"$work/out" 2>"$work/err" || status=$?
		if [ $status = 2 ]; then
			echo "# $name: $(tail -n 1 "$work/err")" >&3
		elif ! jq -es 'length > 0 and all(.[]; .status != "failed")' "$work/results/$name/latest/trials.jsonl" >/dev/null; then
			jq -c 'select(.status == "failed") | .reasons' "$work/results/$name/latest/trials.jsonl"
			failed="$failed $name"
		fi
	done
	[ -z "$failed" ] || { echo "under $1 failed:$failed"; return 1; }
}

@test "every experiment where reno is the default" { under reno; }
@test "every experiment where bbr is the default" { under bbr; }
