# shellcheck shell=bash
# between LOW VALUE HIGH: numbers of any form.
between() {
	jq -en --arg l "$1" --arg v "$2" --arg h "$3" '($v | tonumber) as $v | ($l | tonumber) <= $v and $v <= ($h | tonumber)' \
		>/dev/null || {
		echo "$2 is not in $1..$3"
		return 1
	}
}
