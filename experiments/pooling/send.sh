# shellcheck shell=sh
# send.sh PROGRAM ARGUMENT...: runs a program that sends, and ends when the kernel has nothing left to send for it, and
# waits for no acknowledgement: what is in its buffers is else on its way when the trial looks at its links.
set -u
"$@"
status=$?
n=0
while ss -Htan state connected | awk '$3 > 0 { left = 1 } END { exit !left }' && [ $n -lt 200 ]; do
	n=$((n + 1))
	sleep 0.05
done
exit $status
