#!/usr/bin/env bats
# What a stranger meets first: `liquidnet new`, own experiments beside the working folder, `watch`, `open`, completion.
# May run beside others.

# shellcheck disable=SC2154,SC2016 # stderr is bats'; names of experiments are not the shell's

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	tree=$PWD
	built=${BUILD:-$PWD/build}
	PATH=$built/bin:$PATH
	work=$BATS_TEST_TMPDIR/here
	mkdir "$work"
	cd "$work" || return 1
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# made NAME: results/NAME/TIME with a record of each kind, as an interrupted run leaves it; no trial is run.
made() {
	local folder=$work/results/$1/20260101T120000Z
	mkdir -p "$folder"
	cp "$work/$1.yaml" "$folder/experiment.yaml"
	cat >"$folder/provenance.json" <<-'END'
		{"run": {"only": null, "procedures": null, "trials": 2, "seed": 1, "backend": "auto", "clock": "real", "until": 0, "jobs": 1}}
	END
	jq -nc '{configuration: "plain", procedure: "tcp", repeat: 1, attempt: 1, status: "valid", measures: {goodput: 9.5}},
		{configuration: "plain", procedure: "mptcp", repeat: 1, attempt: 1, status: "invalid", reasons: ["late"], measures: {goodput: 3}},
		{configuration: "plain", procedure: "mptcp", repeat: 1, attempt: 2, status: "suspect", reasons: ["late"], measures: {goodput: 18}}' >"$folder/trials.jsonl"
	ln -s 20260101T120000Z "$work/results/$1/latest"
}

@test "new writes an experiment that checks out, and that this folder knows by its name" {
	liquidnet new mine >said
	grep -q 'liquidnet run mine --dry-run' said
	liquidnet run mine --dry-run >plan
	[ "$(wc -l <plan)" -eq 12 ] # two configurations, two procedures, three trials
	liquidnet list mine | grep -q '^mine: '
	liquidnet list --names | grep -qx mine
	liquidnet list 2>/dev/null | grep -q '^mine .*(mine.yaml)$'
	# Elsewhere nobody knows it.
	mkdir elsewhere && cd elsewhere
	run ! grep -qx mine <(liquidnet list --names)
}

@test "new with a topology: an own network beside it" {
	liquidnet new wider --topology
	grep -q '^topology: wider' wider.yaml
	sed -i 's/self.router("rb")/self.router("rb"); self.host("third")/' wider.py
	liquidnet run wider --dry-run
	# A file of the experiment that is not there is told of with its place.
	rm wider.py
	run --separate-stderr liquidnet run wider --dry-run
	[ "$status" -eq 2 ]
	[[ $stderr == *"wider.yaml:"*"no topology \`wider\`; there are:"* ]]
}

@test "own experiments in experiments/, networks in experiments/topologies/" {
	mkdir -p experiments/topologies
	liquidnet new below --topology
	mv below.yaml experiments/
	mv below.py experiments/topologies/
	liquidnet run below --dry-run
	# A YAML file that is no experiment is none.
	printf 'services: {web: 80}\n' >compose.yaml
	run ! grep -qx compose <(liquidnet list --names)
}

@test "new overwrites nothing" {
	liquidnet new mine
	printf '# changed\n' >>mine.yaml
	cp mine.yaml before
	run --separate-stderr liquidnet new mine
	[ "$status" -eq 2 ]
	[[ $stderr == *"mine.yaml: File exists; choose another name"* ]]
	cmp mine.yaml before
	touch other.py
	run --separate-stderr liquidnet new other --topology
	[ "$status" -eq 2 ]
	[[ $stderr == *"other.py is there already"* ]]
	[ ! -e other.yaml ]
	for bad in core-limited ../out 'a b' .hidden ''; do
		run --separate-stderr liquidnet new "$bad"
		echo "$bad: $stderr"
		[ "$status" -eq 2 ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
	[ "$(ls)" = $'before\nmine.yaml\nother.py' ]
}

@test "the user's own comes before the installation's of that name, and that is said" {
	sed 's/^title: .*/title: my own/' "$tree/experiments/split-tcp.yaml" >split-tcp.yaml
	run --separate-stderr liquidnet list split-tcp
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "split-tcp: my own" ]]
	[[ $stderr == "liquidnet: split-tcp is split-tcp.yaml of this folder, not the installation's; "*"/experiments/split-tcp.yaml is that one" ]]
	[ "$(liquidnet list --names | grep -cx split-tcp)" = 1 ]
}

@test "list as JSON has what the lines have" {
	liquidnet new mine
	liquidnet list --json >list.json
	jq -e 'map(select(.experiment == "mine")) | .[0] | .own and .file == "mine.yaml" and .configurations == ["plain", "lossy"]
		and (.procedures | map(.name)) == ["tcp", "mptcp"]' list.json
	jq -e 'length > 30 and all(.experiment and .title and .topology)' list.json
	[ "$(jq -r '.[].experiment' list.json)" = "$(liquidnet list --names)" ]
}

@test "watch says how far a run is" {
	liquidnet new mine
	made mine
	liquidnet watch mine >text
	cat text
	# Eight are planned; two are done, one of them at the second attempt.
	grep -qx 'mine: 2 of 8 trials done; 1 valid, 1 suspect, 1 invalid; plain: tcp 9.50, mptcp 18.00 Mbit/s' text
	grep -q '^Ended: ' text
	grep -q 'liquidnet run mine --resume=' text
	for run in results/mine results/mine/latest results/mine/20260101T120000Z ''; do
		# shellcheck disable=SC2086 # without a name: the newest
		liquidnet watch $run --json | jq -e '.planned == 8 and .done == 2 and (.running | not) and .verdicts.suspect == 1
			and .unit == "Mbit/s" and (.means | length) == 2 and .seconds_left == null'
	done
}

@test "watch follows a run until it ends" {
	liquidnet new mine
	made mine
	folder=$work/results/mine/20260101T120000Z
	# Who holds the lock is the run. It adds a record once it is watched, and ends.
	python3 - "$folder" <<-'END' 3>&- &
		import fcntl, json, os, sys
		folder = sys.argv[1]
		lock = open(folder + "/.lock", "w")
		fcntl.lockf(lock, fcntl.LOCK_EX)
		os.mkfifo(folder + "/go")
		open(folder + "/go").read()
		with open(folder + "/trials.jsonl", "a") as log:
		    log.write(json.dumps({"configuration": "lossy", "procedure": "tcp", "repeat": 1, "attempt": 1, "status": "valid", "measures": {"goodput": 2.5}}) + "\n")
		open(folder + "/go").read()
	END
	holder=$!
	until [ -p "$folder/go" ]; do kill -0 $holder; done
	mkfifo lines
	liquidnet watch mine --json >lines 3>&- &
	watcher=$!
	exec 4<lines
	read -r line <&4
	jq -e '.running and .done == 2 and .seconds_left >= 0' <<<"$line"
	echo >"$folder/go"
	read -r line <&4
	jq -e '.running and .done == 3 and (.means | length) == 3' <<<"$line"
	echo >"$folder/go"
	wait $holder
	read -r line <&4
	jq -e '(.running | not) and .done == 3' <<<"$line"
	wait $watcher
}

@test "watch and open refuse what is no run" {
	for command in watch open; do
		run --separate-stderr liquidnet $command
		[ "$status" -eq 2 ]
		[[ $stderr == "liquidnet $command: no run in results/ here; name one as results/EXPERIMENT/TIME"* ]]
		run --separate-stderr liquidnet $command nothing
		[ "$status" -eq 2 ]
		[[ $stderr == "liquidnet $command: nothing: no such folder, and no run of that name"* ]]
		mkdir -p empty
		run --separate-stderr liquidnet $command empty
		[ "$status" -eq 2 ]
		[[ $stderr == "liquidnet $command: empty: holds no run"* ]]
		run --separate-stderr liquidnet $command --nonsense
		[ "$status" -eq 2 ]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
}

@test "open starts the browser that there is, and else prints the path" {
	liquidnet new mine
	made mine
	page=$work/results/mine/20260101T120000Z/report.html
	run --separate-stderr liquidnet open mine
	[ "$status" -eq 2 ]
	[[ $stderr == *"report.html is not there; \`liquidnet report "* ]]
	liquidnet report mine >/dev/null
	unset DISPLAY WAYLAND_DISPLAY BROWSER
	[ "$(liquidnet open mine)" = "$page" ]
	printf '#!/bin/sh\necho "$1" >%s/opened\n' "$work" >browser
	chmod 755 browser
	BROWSER=$work/browser liquidnet open mine
	[ "$(cat opened)" = "$page" ]
	rm opened
	[ "$(BROWSER=$work/browser liquidnet open mine --print)" = "$page" ]
	[ ! -e opened ]
	BROWSER=false run --separate-stderr liquidnet open mine
	[ "$status" -eq 1 ]
	[[ $stderr == *"the browser failed; open the page above yourself, or set BROWSER" ]]
}

# completed WORDS...: what bash would offer for the last word.
completed() {
	bash -c '
		. "$0/install/completion.bash"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		compopt() { :; }
		_liquidnet
		printf "%s\n" "${COMPREPLY[@]}"' "$tree" "$@"
}

@test "completion knows commands, options, experiments, their parts, runs and simulations" {
	liquidnet new mine
	made mine
	completed liquidnet '' | grep -qx run
	completed liquidnet wa | grep -qx watch
	completed liquidnet run --tr | grep -qx -- --trials
	completed liquidnet run mi | grep -qx mine
	completed liquidnet run core-l | grep -qx core-limited
	completed liquidnet run mine --procedures m | grep -qx mptcp
	completed liquidnet run mine --only l | grep -qx lossy
	completed liquidnet run mine --clock virtual-c | grep -qx virtual-cpu
	completed liquidnet open mi | grep -qx mine
	completed liquidnet sim n | grep -qx ndp
	completed liquidnet-link --con | grep -qx -- --config
	# Every option of every command is offered.
	for command in $(liquidnet --help | sed -n 's/^  liquidnet \([a-z]*\) .*/\1/p'); do
		completed liquidnet "$command" -- >offered
		while IFS= read -r option; do grep -qx -- "$option" offered; done < <(liquidnet "$command" --help | grep -oE '^  --[a-z-]+' | tr -d ' ')
	done
}
