#!/bin/sh
# Queues of an interface of 1 Gbit/s, as a card's: HTB is its rate. Usage: queues.sh INTERFACE one      one queue of 100 packets
#                                                                         queues.sh INTERFACE ef-first  two, EF (DSCP 46) before all else
set -eu
interface=$1
ethtool -K "$interface" tso off gso off gro off
ip link set dev "$interface" gso_max_segs 1
tc qdisc add dev "$interface" root handle 1: htb default 1
tc class add dev "$interface" parent 1: classid 1:1 htb rate 1gbit burst 1600 cburst 1600
case $2 in
one)
	tc qdisc add dev "$interface" parent 1:1 handle 10: pfifo limit 100
	;;
ef-first)
	tc qdisc add dev "$interface" parent 1:1 handle 10: prio bands 2 priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
	tc qdisc add dev "$interface" parent 10:1 pfifo limit 100
	tc qdisc add dev "$interface" parent 10:2 pfifo limit 100
	tc filter add dev "$interface" parent 10: protocol ip prio 1 u32 match ip tos 0xb8 0xfc flowid 10:1
	;;
*)
	echo "queues.sh: \`$2\`: there are one, ef-first" >&2
	exit 2
	;;
esac
