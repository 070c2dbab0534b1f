#!/usr/bin/env bats
# Installation: into a folder and out of it again, manual pages, another working folder. The Debian packages are in deb.long.bats.
# May run beside others.

# shellcheck disable=SC2154 # stderr is bats'

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	command -v scdoc >/dev/null || skip "scdoc is not installed (vm/packages.txt)"
	command -v mandoc >/dev/null || skip "mandoc is not installed (vm/packages-deb.txt)"
	work=$BATS_TEST_TMPDIR
	to=$work/to
}

installed() { make --no-print-directory install DESTDIR="$to" PREFIX=/usr >"$work/log" 2>&1 || { cat "$work/log"; return 1; }; }

@test "every program has a manual page, which says what its --help says" {
	installed
	[ "$(find "$to/usr/bin" -mindepth 1 | wc -l)" -gt 20 ]
	for program in "$to"/usr/bin/*; do
		name=${program##*/}
		page=$(find "$to/usr/share/man" -name "$name.[18]")
		[ -e "$page" ] || { echo "$name has no manual page"; false; }
		# Rendered, word by word: a page may break lines.
		mandoc -Tutf8 "$page" | col -b | tr -s ' \n\t' ' ' >"$work/page"
		"$program" --help | tail -n +2 | grep -v '^[Uu]sage: ' | while IFS= read -r line; do
			words=$(tr -s ' \t' ' ' <<<"$line" | sed 's/^ //; s/ $//')
			grep -qF -- "$words" "$work/page" || { echo "$name: its page lacks: $words"; exit 1; }
		done
	done
	# Every command of liquidnet is in its page.
	mandoc -Tutf8 "$to/usr/share/man/man1/liquidnet.1" | col -b | tr -s ' \n\t' ' ' >"$work/page"
	while IFS= read -r command; do
		"$to/usr/bin/liquidnet" "$command" --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | while IFS= read -r option; do
			grep -qF -- "$option" "$work/page" || { echo "liquidnet $command $option is not in the page"; exit 1; }
		done
	done < <("$to/usr/bin/liquidnet" --help | sed -n 's/^  liquidnet \([a-z]*\) .*/\1/p')
}

@test "an installed liquidnet works from any folder, with the user's own experiments" {
	installed
	mkdir "$work/elsewhere"
	cd "$work/elsewhere"
	PATH=$to/usr/bin:$PATH
	[ "$(command -v liquidnet)" = "$to/usr/bin/liquidnet" ]
	# What it has is what was installed, not the tree.
	liquidnet list --json | jq -e --arg to "$to" 'length > 30 and all(.file | startswith($to))'
	liquidnet run split-tcp --dry-run
	liquidnet new mine
	liquidnet run mine --dry-run
	liquidnet sim c3 --figure 3.23 >/dev/null
	liquidnet topology star >/dev/null
	[ "$(ls)" = mine.yaml ]
}

@test "uninstall leaves nothing, and what is not its own stays" {
	mkdir -p "$to/usr/share/man/man1" "$to/usr/bin"
	echo own >"$to/usr/share/man/man1/other.1"
	find "$to" | sort >"$work/before"
	installed
	[ -e "$to/usr/share/bash-completion/completions/liquidnet" ]
	[ -e "$to/usr/share/doc/liquidnet/docs/tutorial.md" ]
	# Twice is once; what an earlier one had and this one has not is gone.
	echo old >"$to/usr/bin/liquidnet-old"
	mkdir "$to/usr/share/liquidnet/old"
	printf 'file ./bin/liquidnet-old\nfolder ./share/liquidnet/old\n' >>"$to/usr/share/liquidnet/installed"
	installed
	[ ! -e "$to/usr/bin/liquidnet-old" ]
	[ ! -e "$to/usr/share/liquidnet/old" ]
	mkdir "$to/usr/share/liquidnet/topologies/__pycache__"
	touch "$to/usr/share/liquidnet/topologies/__pycache__/links.cpython-311.pyc"
	make --no-print-directory uninstall DESTDIR="$to" PREFIX=/usr
	find "$to" | sort >"$work/after"
	diff "$work/before" "$work/after"
	run --separate-stderr make --no-print-directory uninstall DESTDIR="$to" PREFIX=/usr
	[ "$status" -ne 0 ]
	[[ $stderr == *"nothing is known to be installed below $to/usr"* ]]
}

@test "the source tree is left as it was" {
	git status --porcelain >"$work/before"
	installed
	git status --porcelain >"$work/after"
	diff "$work/before" "$work/after"
}
