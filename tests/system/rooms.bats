#!/usr/bin/env bats
# The rules of the house (tests/rooms) fail where they are broken, each by itself, and say where. In a small house of the test's own.
# May run beside others.
# shellcheck disable=SC2154 # `run` sets status and output

bats_require_minimum_version 1.5.0

# put FILE LINE...
put() {
	mkdir -p "${1%/*}"
	printf '%s\n' "${@:2}" >"$1"
}

setup() {
	source=$BATS_TEST_DIRNAME/../..
	cd "$BATS_TEST_TMPDIR" || return 1
	git init -q house
	cd house || return 1
	put lib/base/log.h '/* Log. */' 'void log_it(void);'
	put lib/base/log.c '/* Log. */' '#include "lib/base/log.h"'
	put lib/net/wire.h '/* Wire. */'
	put lib/net/wire.c '/* Wire. */' '#include "lib/net/wire.h"' '#include "lib/base/log.h"'
	put lib/link/model.c '/* Model. */' '#include "lib/base/log.h"'
	put analysis/flow_internal.h '/* Flow. */'
	put analysis/flow.c '/* Flow. */' '#include "analysis/flow_internal.h"'
	put harness/record/note.h '/* Note. */'
	put harness/run/run.h '/* Run. */'
	put harness/run/run.c '/* Run. */' '#include "harness/run/run.h"' '#include "analysis/flow.h"' '#include "harness/record/note.h"'
	put nodes/one/one.c '/* One. */' '#include "lib/net/wire.h"'
	put nodes/two/two.h '/* Two. */'
	mkdir tests
	cp "$source/tests/rooms" tests/rooms
	cp "$source/.clang-format" .
}

# broken RULE PLACE: that rule is broken and no other, and a line before says where.
broken() {
	run tests/rooms
	echo "$output"
	[ "$status" = 1 ]
	[ "$(grep -c '^not ok' <<<"$output")" = 1 ]
	grep -qxF "not ok $1" <<<"$output"
	grep -qF "# $2" <<<"$output"
}

@test "rooms: a house in order" {
	run tests/rooms
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^ok' <<<"$output")" = 7 ]
}

@test "rooms: an include that is turned round" {
	down='rooms include only what stands below them'
	echo '#include "lib/net/wire.h"' >>lib/base/log.h
	sed -i 3d lib/net/wire.c # or it would be a circle as well
	broken "$down" "lib/base/log.h:3: lib/base may not include lib/net/wire.h"
	put lib/base/log.h '/* Log. */'
	put harness/record/note.h '/* Note. */' '#include "harness/run/crew.h"'
	broken "$down" "harness/record/note.h:2: harness/record may not include harness/run/crew.h"
	put harness/record/note.h '/* Note. */'
	put nodes/one/one.c '/* One. */' '#include "nodes/two/two.h"'
	broken "$down" "nodes/one/one.c:2: nodes/one may not include nodes/two/two.h"
	put nodes/one/one.c '/* One. */' '#include "harness/run/run.h"'
	broken "$down" "nodes/one/one.c:2: nodes/one may not include harness/run/run.h"
	put nodes/one/one.c '/* One. */'
	put harness/run/run.c '/* Run. */' '#include "nodes/two/two.h"'
	broken "$down" "harness/run/run.c:2: harness/run may not include nodes/two/two.h"
}

@test "rooms: a room that nobody knows" {
	put lib/attic/box.c '/* Box. */' '#include "lib/base/log.h"'
	broken 'rooms include only what stands below them' "lib/attic/box.c:2: lib/attic is no room"
}

@test "rooms: a clock where none may be" {
	no_clock='lib/link and lib/sim read no clock'
	put lib/link/model.c '/* Model. */' '#include "lib/base/clock.h"'
	broken "$no_clock" "lib/link/model.c:2:"
	put lib/link/model.c '/* Model. */' 'int64_t at(void)' '{' $'\tclock_gettime(CLOCK_MONOTONIC, &now);' '}'
	broken "$no_clock" "lib/link/model.c:4:"
}

@test "rooms: a private header used outside its room" {
	put harness/run/run.c '/* Run. */' '#include "analysis/flow_internal.h"'
	broken 'private headers stay in their rooms' "harness/run/run.c:2: analysis/flow_internal.h is private to analysis"
}

@test "rooms: a circle" {
	put lib/base/pool.h '/* Pool. */' '#include "lib/base/units.h"'
	put lib/base/units.h '/* Units. */' '#include "lib/base/error.h"'
	put lib/base/error.c '/* Error. */' '#include "lib/base/pool.h"'
	broken 'no circles between files' "lib/base/units is in a circle"
	[ "$(grep -c 'is in a circle' <<<"$output")" = 3 ]
}

@test "rooms: a file that is too long" {
	for ((i = 0; i < 601; i++)); do echo "# line $i"; done >tests/long.bash
	broken 'no source over 600 lines' "tests/long.bash: 601 lines, more than 600"
	sed -i 1d tests/long.bash
	run tests/rooms
	[ "$status" = 0 ]
}

@test "rooms: a room that is too full" {
	for ((i = 0; i < 28; i++)); do put "lib/base/part$i.c" '/* Part. */'; done
	run tests/rooms
	[ "$status" = 0 ] # 30
	put lib/base/part28.c '/* Part. */'
	broken 'no room over 30 files' "lib/base: 31 files, more than 30"
}

@test "rooms: a file that clang-format would change" {
	command -v clang-format >/dev/null || skip "needs clang-format"
	put lib/base/log.c '/* Log. */' '#include "lib/base/log.h"' 'void log_it(void) { return; }'
	broken 'every file is as clang-format makes it' "lib/base/log.c:3: \`make format\` would change it"
	run tests/rooms --fast # does not look
	[ "$status" = 0 ]
}

# What git does not know yet counts, what it ignores does not.
@test "rooms: files that git ignores are none of the house" {
	put build/gen/bad.c '/* Bad. */'
	for ((i = 0; i < 700; i++)); do echo "/* $i */"; done >build/gen/bad.c
	echo build >.gitignore
	run tests/rooms
	[ "$status" = 0 ]
	rm .gitignore
	broken 'no source over 600 lines' "build/gen/bad.c: 700 lines"
}
