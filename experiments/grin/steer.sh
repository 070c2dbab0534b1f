#!/bin/sh
# What comes in at an interface of this namespace is taken on by that processor (RPS). Usage: steer.sh INTERFACE MASK   MASK in hexadecimal: 2 is processor 1
set -eu
mount -t sysfs none /sys
for queue in /sys/class/net/"$1"/queues/rx-*; do
	echo "$2" >"$queue/rps_cpus"
done
