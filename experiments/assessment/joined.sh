# shellcheck shell=sh
# joined.sh JOINS: whether the server's kernel saw Multipath TCP without fallback and at least so many joins; 0: no Multipath
# TCP at all. Prints {"failed": [REASON, ...]}.
set -eu
wanted=$1
count() { nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'; }
failed=
fail() { failed="$failed${failed:+, }\"$1\""; }
capable=$(count MPTcpExtMPCapableACKRX)
joins=$(count MPTcpExtMPJoinAckRx)
fallbacks=$(($(count MPTcpExtMPCapableFallbackACK) + $(count MPTcpExtInfiniteMapRx) + $(count MPTcpExtMPFailRx) + $(count MPTcpExtDSSCorruptionFallback)))
if [ "$wanted" -eq 0 ]; then
	[ "$capable" -eq 0 ] || fail "$capable connections spoke Multipath TCP"
else
	[ "$capable" -gt 0 ] || fail "no connection spoke Multipath TCP"
	[ "$joins" -ge "$wanted" ] || fail "$joins subflows joined, not $wanted"
	[ "$fallbacks" -eq 0 ] || fail "$fallbacks connections fell back to TCP"
fi
printf '{"failed": [%s]}\n' "$failed"
