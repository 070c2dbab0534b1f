#!/usr/bin/env bats
# The pages: every link leads somewhere, every command that is shown exists with the options it is shown with, and what the page of
# mistakes says is what is said. The tutorial runs in tutorial.bats.
# May run beside others.

# shellcheck disable=SC2154,SC2016 # stderr is bats'; what is quoted is not the shell's

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	built=${BUILD:-$PWD/build}
	PATH=$built/bin:$PATH
	work=$BATS_TEST_TMPDIR
}

pages() { find README.md CONTRIBUTING.md CHANGELOG.md docs nodes data vm -name '*.md' | grep -v '^vm/build' | sort; }

# anchors PAGE: the names of its headings, as GitHub and mkdocs make them.
anchors() {
	awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ +/, ""); print tolower($0) }' "$1" |
		sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g; s/[^[:alnum:] _-]//g; s/ /-/g'
}

@test "every link of every page leads somewhere" {
	pages >"$work/pages"
	[ "$(wc -l <"$work/pages")" -gt 25 ]
	while IFS= read -r page; do
		# Code is no link. A link's text may be broken over lines.
		awk '/^```/ { code = !code } !code' "$page" | sed -E 's/`[^`]*`//g' | tr '\n' ' ' | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' | sort -u |
			while IFS= read -r link; do
				case $link in http://* | https://* | mailto:*) continue ;; esac
				file=${link%%#*} anchor=
				case $link in *#*) anchor=${link#*#} ;; esac
				target=$page
				[ -z "$file" ] || target=$(dirname "$page")/$file
				[ -e "$target" ] || echo "$page: $link: there is no $target"
				[ -z "$anchor" ] || [ ! -f "$target" ] || anchors "$target" | grep -qxF -- "$anchor" || echo "$page: $link: $target has no heading of that name"
			done
	done <"$work/pages" >"$work/broken"
	cat "$work/broken"
	[ ! -s "$work/broken" ]
}

@test "every page of the documentation is in its table of contents, and in the site's" {
	for page in docs/*.md docs/lessons/*.md; do
		[ "$page" = docs/README.md ] && continue
		grep -qF "(${page#docs/}" docs/README.md || { echo "$page is not in docs/README.md"; false; }
		[ "$page" = docs/figures/README.md ] || grep -qF ": $page" docs/mkdocs.yml || { echo "$page is not in docs/mkdocs.yml"; false; }
	done
	for page in nodes/*/README.md; do
		grep -qF "(../$page)" docs/README.md || { echo "$page is not in docs/README.md"; false; }
		grep -qF ": $page" docs/mkdocs.yml || { echo "$page is not in docs/mkdocs.yml"; false; }
	done
	sed -n 's/^.*: \([A-Za-z/-]*\.md\)$/\1/p' docs/mkdocs.yml | while IFS= read -r page; do [ -f "$page" ] || { echo "docs/mkdocs.yml: no $page"; exit 1; }; done
}

# Commands that pages show: lines in blocks of code, or indented, that begin with `liquidnet` (a path before it, sudo or an
# assignment too). What a page calls FILE, NAME, DIR is a stand-in.
shown_commands() {
	pages | while IFS= read -r page; do
		awk -v page="$page" '/^```/ { code = !code; next } code || /^(\t|    )/ {
			line = $0; sub(/^[ \t$]+/, "", line); sub(/  +#.*/, "", line); sub(/ +#.*/, "", line)
			sub(/^(sudo )?([A-Z_]+=[^ ]+ )*(build\/bin\/)?/, "", line)
			if (line ~ /^liquidnet [a-z]/) print page "\t" line }' "$page"
		# And in a line of text.
		awk '/^```/ { code = !code } !code' "$page" | grep -oE '`liquidnet [a-z][^`]*`' | tr -d '`' | sed "s|^|$page\t|"
	done
}

@test "every command that a page shows exists, with its options" {
	shown_commands >"$work/shown"
	[ "$(wc -l <"$work/shown")" -gt 100 ]
	liquidnet --help | sed -n 's/^  liquidnet \([a-z]*\) .*/\1/p' >"$work/commands"
	while IFS=$'\t' read -r page line; do
		read -r _ command rest <<<"$line"
		case $command in
		sim)
			read -r system _ <<<"$rest"
			case $system in '' | SYSTEM) continue ;; esac
			help=$(liquidnet sim "$system" --help 2>&1) || { echo "$page: $line: no such simulation"; continue; }
			;;
		COMMAND | NAME) continue ;;
		*)
			help=$(liquidnet "$command" --help 2>&1) || { echo "$page: $line: no such command"; continue; }
			;;
		esac
		# What is run inside has options of its own.
		for word in ${rest%% -- *}; do
			case $word in
			--help | --version) ;;
			--*)
				option=${word%%=*} option=${option%%[^a-z-]*}
				grep -qE -- "(^|[^a-z-])${option}([^a-z-]|\$)" <<<"$help" || echo "$page: $line: no option $option"
				;;
			esac
		done
	done <"$work/shown" >"$work/wrong"
	cat "$work/wrong"
	[ ! -s "$work/wrong" ]
}

@test "every experiment that a page runs is there" {
	liquidnet list --names >"$work/names"
	# Those that pages make themselves: the tutorial's, the example's.
	printf '%s\n' mine wider hello NAME EXPERIMENT N X >>"$work/names"
	shown_commands | grep -E $'\tliquidnet (run|list|shell|sweep) [a-z]' | while IFS=$'\t' read -r page line; do
		read -r _ command name _ <<<"$line"
		case $name in *.yaml | */* | *'*'*) continue ;; esac
		grep -qxF -- "${name%[,.;]}" "$work/names" || echo "$page: $line: no experiment $name"
	done >"$work/wrong"
	pages | while IFS= read -r page; do
		grep -oE 'make experiment-[a-z0-9-]+' "$page" | sed 's/make experiment-//' | sort -u | while IFS= read -r name; do
			grep -qxF -- "$name" "$work/names" || echo "$page: make experiment-$name: no such experiment"
		done
	done >>"$work/wrong"
	cat "$work/wrong"
	[ ! -s "$work/wrong" ]
}

@test "every target of make that a page names is there" {
	make --no-print-directory -qp 2>/dev/null | sed -n 's/^\([a-z][a-z0-9-]*\):.*/\1/p' | sort -u >"$work/targets"
	pages | while IFS= read -r page; do
		# shellcheck disable=SC2016
		grep -oE '(`|^|    |sudo )make [a-z][a-z0-9-]+' "$page" | sed 's/.*make //' | sort -u | while IFS= read -r target; do
			case $target in experiment-*) continue ;; esac
			grep -qxF -- "$target" "$work/targets" || echo "$page: make $target: no such target"
		done
	done >"$work/wrong"
	cat "$work/wrong"
	[ ! -s "$work/wrong" ]
}

# ---- the page of mistakes: each row by what it says

# edited FROM TO: core-limited with one piece of text replaced.
edited() {
	mkdir -p "$work/edited"
	awk -v from="$1" -v to="$2" '
		(at = index($0, from)) && !done { $0 = substr($0, 1, at - 1) to substr($0, at + length(from)); done = 1 }
		{ print }
		END { exit !done }' experiments/detour/core-limited.yaml >"$work/edited/core-limited.yaml"
	file=$work/edited/core-limited.yaml
}

# made ROW: makes the mistake of that row of the table (from 1), as the words of its first column say.
made() {
	local file=
	case $1 in
	1) edited "trials: 3" "trails: 3" ;;
	2) edited "  link6: {rate" "  link9: {rate" ;;
	3) edited "    node: detour" "    node: detuor" ;;
	4) edited "all: {rate: 10Mbit/s" "all: {rate: 10" ;;
	5) edited "queue: 1000}" "queue: 1000, loss: 1}" ;;
	6) edited "delay: 5ms" "delay: 5" ;;
	7) edited "  core-limited: {}" "  core-limited: {" ;;
	8) edited "    workload: mptcp" "    workload: mtcp" ;;
	9) edited "primary: receiver" "primary: reciever" ;;
	10) edited "daemons: [detour-nat, client-nat]" "daemons: [detour-nat, client-net]" ;;
	11) edited "run: [iperf3, -s" "run: [iperf33, -s" ;;
	12) edited 'port: "${mapping.port}"' 'port: "${maping.port}"' ;;
	13) edited "topology: detour" "topology: detuor" ;;
	14) edited "file: data/detour/thesis-table1.csv, value: nat," "file: data/detour/thesis-table9.csv, value: nat," ;;
	15) run --separate-stderr liquidnet run core-limted ;;
	16) run --separate-stderr liquidnet run core-limited --procedures nta ;;
	17) run --separate-stderr liquidnet run core-limited --only losy ;;
	18) run --separate-stderr liquidnet run core-limited --trails 3 ;;
	19) run --separate-stderr unshare --user liquidnet run core-limited --results "$work/results" ;;
	20) run --separate-stderr liquidnet open nothing ;;
	esac
	if [ -n "$file" ]; then run --separate-stderr liquidnet run "$file" --results "$work/results"; fi
}

@test "each of the twenty mistakes is told of as the page says" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	grep '^| ' docs/mistakes.md | tail -n +2 >"$work/rows"
	[ "$(wc -l <"$work/rows")" -eq 20 ]
	row=0
	while IFS= read -r line; do
		row=$((row + 1))
		# The second column, without the marks of code.
		said=$(awk -F' [|] ' '{ print $2 }' <<<"$line" | sed -E 's/^``? ?//; s/ ?``?$//')
		made $row
		echo "$row: status $status, expected: $said, said: $stderr"
		[ "$status" -eq 2 ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
		case $said in
		FILE:N:*) [[ $stderr =~ core-limited.yaml:[0-9]+:\ .* ]] && [[ $stderr == *"${said#FILE:N: }"* ]] ;;
		*) [[ $stderr == *"$said"* ]] ;;
		esac
		[ ! -e "$work/results" ]
	done <"$work/rows"
}

# ---- what is made of pages

@test "the site is made, and its links hold" {
	command -v mkdocs >/dev/null || skip "mkdocs is not installed (vm/packages-docs.txt)"
	docs/site "$work/docs"
	[ -s "$work/docs/site/index.html" ]
	for page in docs/tutorial docs/lessons/detour nodes/ndp/index; do [ -s "$work/docs/site/$page.html" ]; done
	# Every page leads to others of the site by links that are there.
	cd "$work/docs/site"
	find . -name '*.html' | while IFS= read -r page; do
		grep -oE 'href="[^"#:]+' "$page" | cut -c7- | sort -u | while IFS= read -r link; do
			case $link in http | https | mailto | javascript) continue ;; esac
			[ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
		done
	done >"$work/broken"
	head "$work/broken"
	[ ! -s "$work/broken" ]
}

@test "the gallery has the figure of every experiment that has results" {
	mkdir -p "$work/results/split-tcp/20260102T030405Z"
	folder=$work/results/split-tcp/20260102T030405Z
	cp experiments/split-tcp.yaml "$folder/experiment.yaml"
	echo '{"command": ["liquidnet", "run", "split-tcp", "--only", "loss-*"], "run": {"trials": 2, "seed": 1, "only": "loss-*"}, "environment": {"liquidnet": "v1"}}' >"$folder/provenance.json"
	jq -nc '("loss-1", "loss-3") as $c | (["end-to-end", 3], ["split", 7]) as $p | range(1; 3) as $i |
		{configuration: $c, procedure: $p[0], repeat: $i, attempt: 1, status: (if $i == 1 then "valid" else "suspect" end), reasons: [], measures: {download: ($p[1] + $i / 10), total: 4}}' >"$folder/trials.jsonl"
	ln -s 20260102T030405Z "$work/results/split-tcp/latest"
	docs/gallery "$work/results" "$work/gallery"
	page=$work/gallery/index.html
	grep -q '<figure id="split-tcp">' "$page"
	grep -q '2026-01-02 03:04 UTC' "$page"
	grep -qF "liquidnet run split-tcp --only 'loss-*'" "$page"
	grep -q '4 valid, 4 suspect' "$page"
	grep -q '<code>liquidnet run core-limited</code>' "$page" # without results here
	# The figure is a drawing of its own.
	grep -q '<svg xmlns="http://www.w3.org/2000/svg"' "$work/gallery/split-tcp.svg"
	python3 -c 'import sys, xml.dom.minidom; d = xml.dom.minidom.parse(sys.argv[1]); sys.exit(len(d.getElementsByTagName("path")) < 3)' "$work/gallery/split-tcp.svg"
	run ! docs/gallery "$work/nowhere" "$work/gallery"
}

@test "figures of pages are said to be of a run" {
	for figure in docs/figures/*.svg; do
		[ -s "$figure" ]
		grep -qF "(${figure##*/})" docs/figures/README.md || { echo "$figure: docs/figures/README.md does not say where it is from"; false; }
	done
}
