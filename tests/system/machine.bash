# What tests ask of the machine that they run on: how fast it is, how late.
# shellcheck shell=bash

# emulated: this machine's processor is software (QEMU without KVM): some ten times slower, and late by milliseconds.
emulated() { [ "$(systemd-detect-virt --vm 2>/dev/null)" = qemu ]; }

wheel_serves() { ! emulated || skip "a processor in software is too late for the wheel, which refuses links that it cannot keep"; }

# Limits are this many times as long.
slow=$(emulated && echo 3 || echo 1)
export slow

# lateness: how late a process of real-time priority that sleeps 2 ms wakes up, 99th percentile of two seconds, in us.
lateness() {
	chrt -f 50 /usr/bin/python3 -I -c '
import time
late, end = [], time.monotonic_ns() + 2 * 10**9
while time.monotonic_ns() < end:
    due = time.monotonic_ns() + 2 * 10**6
    time.sleep(0.002)
    late.append((time.monotonic_ns() - due) // 1000)
print(sorted(late)[len(late) * 99 // 100])'
}

# on_time COMMAND...: for what measures time to a millisecond, which proves nothing while the machine's processors are taken away for
# longer (another guest of its host, an emulated processor). What fails on a machine that is late by 0.4 ms (a quiet one is by 0.1)
# is tried again, three times in all; then the test is skipped, and says how late the machine is. What fails on any other machine fails.
on_time() {
	local tries late
	for tries in 1 2 3; do
		if "$@"; then
			return 0
		fi
		late=$(lateness)
		[ "$late" -gt 400 ] || return 1
		echo "try $tries: this machine wakes a process $late us late" >&2
	done
	skip "this machine wakes a process $late us late (99th percentile)"
}
