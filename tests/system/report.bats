#!/usr/bin/env bats
# Reports, comparisons and bundles of results folders that are made up here: no trial runs. The page is looked at in a real
# browser (skipped by name where there is no chromium).
# May run beside others.
# shellcheck disable=SC2154 # bats sets stderr, stderr_lines

bats_require_minimum_version 1.5.0

setup() {
	cd "${BATS_TEST_DIRNAME%/tests/system*}" || return 1
	programs=${BUILD:-build}/bin
	case $programs in /*) ;; *) programs=$PWD/$programs ;; esac
	liquidnet=$programs/liquidnet
	work=$BATS_TEST_TMPDIR
	folder=$work/run
}

# records EXPERIMENT TRIALS PROCEDURES RATE [STEP]: a results folder at $folder; rates around RATE, STEP apart.
records() {
	mkdir -p "$folder"
	cp "$(find experiments -name "$1.yaml")" "$folder/experiment.yaml"
	[ "$1" = core-limited ] || cp experiments/detour/core-limited.yaml "$folder/"
	jq -cn --argjson trials "$2" --arg procedures "$3" --argjson rate "$4" --argjson step "${5:-0.01}" '
		($procedures / ",")[] as $p | range(1; $trials + 1) as $i |
		{configuration: "core-limited", procedure: $p, repeat: $i, attempt: 1, status: "valid", reasons: [],
		 measures: {receiver: ($rate + $i * $step), sender: $rate, capture: $rate}, series_step_s: 0.2,
		 subflows: [["client", "detour"][] as $n | {node: $n, unique_bytes: 12000000, established_s: 0.1,
			series_bytes: [range(0; 52) | if . < 2 then 0 else 230000 + 1000 * . end]}]}' >"$folder/trials.jsonl"
	jq -n --argjson trials "$2" --arg procedures "$3" --arg name "$1" '
		{experiment: $name, started: "2026-01-02T03:04:05Z", command: ["liquidnet", "run", $name],
		 run: {trials: $trials, seed: 1}, cells: [($procedures / ",")[] | "core-limited/" + .],
		 environment: {liquidnet: "v1", kernel: {release: "6.1.0"}, machine: {cpu: "a cpu", cpus: 2}}}' >"$folder/provenance.json"
}

# flows TRIALS SAMPLES: a results folder with samples at $folder: four configurations of two factors, one of them a parameter of a
# topology beside the experiment, and three procedures. Sample number i of n is i ms, times 1, 2 and 3 by procedure; some more by trial.
flows() {
	mkdir -p "$folder"
	cat >"$folder/bus.py" <<-'END'
		from links import RoutedTopo
		class BusTopo(RoutedTopo):
		    def layout(self, hosts: int = 2) -> None:
		        self.router('core')
		        for i in range(1, hosts + 1):
		            self.host(f'h{i}', f'default via 10.0.{i}.2')
		            self.link(f'l{i}', (f'h{i}', f'10.0.{i}.1/24'), ('core', f'10.0.{i}.2/24'))
		topos = {'bus': BusTopo}
	END
	cat >"$folder/experiment.yaml" <<-'END'
		experiment: flows
		title: Completion times of short flows
		topology: {name: bus, hosts: 3}
		factors:
		  load: {low: {value: 0.2}, high: {value: 0.8}}
		  size: {few: {topology: {hosts: 2}}, plain: {}}
		workloads:
		  w: [{name: send, node: h1, run: [x], main: true}]
		measures:
		  fct: {unit: ms, program: send, samples: flows, better: less}
		  fct99: {unit: ms, quantile: 99%, of: fct, better: less}
		procedures: {ecmp: {workload: w}, spray: {workload: w}, single: {workload: w}}
		comparisons: [{name: spraying against ECMP, of: spray, against: [ecmp]}]
	END
	jq -cn --argjson trials "$1" --argjson samples "$2" '
		("low-few", "low", "high-few", "high") as $c | (["ecmp", 1], ["spray", 2], ["single", 3]) as $p | range(1; $trials + 1) as $i |
		{configuration: $c, procedure: $p[0], repeat: $i, attempt: 1, status: "valid", reasons: [],
		 measures: {fct: ($p[1] * $samples / 2 + 0.5 * $i), fct99: ($p[1] * $samples)},
		 samples: {fct: [range(1; $samples + 1) | . * $p[1] + 0.5 * $i]}}' >"$folder/trials.jsonl"
	echo '{"run": {"trials": 1, "seed": 1}, "environment": {"liquidnet": "v1"}}' >"$folder/provenance.json"
}

# look PAGE: looks at a page in a frame as wide as a phone, and prints what it finds where --dump-dom shows it.
look() {
	cat >"$work/look.html" <<-END
		<body><iframe id=page src="$1" style="width:390px;height:800px;border:0"></iframe><p id=found></p><script>
	END
	cat >>"$work/look.html" <<-'END'
		page.onload = () => { const d = page.contentDocument, s = [...d.querySelectorAll('svg')];
		const drawn = s.filter(x => x.getBoundingClientRect().height > 60 && x.getBoundingClientRect().width > 250 &&
			x.getBBox().width > 100 && x.querySelectorAll('path').length > 2);
		const wide = d.documentElement.scrollWidth;
		const loads = page.contentWindow.performance.getEntriesByType('resource').length;
		const named = s.filter(x => d.getElementById(x.getAttribute('aria-labelledby').split(' ')[0])?.textContent);
		const coloured = [...d.querySelectorAll('svg [stroke^="var("]')].filter(x => getComputedStyle(x).stroke != 'none');
		const bands = [...d.querySelectorAll('svg [fill^="var("]')].filter(x => x.getBBox().width > 5);
		const empty = [...d.querySelectorAll('section')].filter(x => x.getBoundingClientRect().height < 40);
		found.textContent = `drawn=${drawn.length} wide=${wide} loads=${loads} named=${named.length} coloured=${coloured.length > 20} ` +
			`bands=${bands.length} empty=${empty.length}`; }
		</script></body>
	END
	browse --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "file://$work/look.html" >"$work/dom" 2>"$work/console"
	grep -o 'id="found">[^<]*' "$work/dom"
	run ! grep -E 'CONSOLE|Uncaught' "$work/console"
}

# browse ARGUMENT...: chromium without a screen, a network or a service of its own.
browse() {
	command -v chromium >/dev/null || skip "chromium is not installed (vm/packages-test.txt)"
	timeout -k 5 90 unshare --net chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync --user-data-dir="$work/browser" \
		--allow-file-access-from-files "$@"
}

@test "the page in a browser: every figure has its size, nothing is fetched, the console is silent" {
	records core-limited 4 tcp,1-subflow,nat,vpn,tcp-nat,tcp-vpn 9.4
	"$liquidnet" report "$folder" >/dev/null
	figures=$(grep -c '<svg' "$folder/report.html")
	[ "$figures" -ge 8 ] # overheads, boxes, differences, and the subflows of six procedures
	look run/report.html
	grep -q "drawn=$figures wide=390 loads=0 named=$figures coloured=true bands=[0-9]* empty=0" "$work/dom"
}

@test "samples: quantiles with intervals for people and for programs, and a figure with bands in the page" {
	flows 4 500
	"$liquidnet" report "$folder" >"$work/out"
	grep -q '^fct, ms: quantiles of the samples (less is better)$' "$work/out"
	# Of 2000 samples in a cell; each trial half a millisecond more than the one before.
	grep -A 1 -E '^    ecmp +4 +2000 +251.5 +451.5 +496.5 +501.0$' "$work/out" | grep -Eq '^ +95 % +251.0..252.0 +451.0..452.0 +496.0..497.0 +500.5..$'
	grep -q '^low-few,spray,fct,ms,4,2000,0.999,1001,1000.5,,bootstrap$' "$folder/quantiles.csv"
	[ "$(wc -l <"$folder/quantiles.csv")" = $((1 + 12 * 4)) ]
	# A spraying that takes twice as long: a loss, though it is more.
	grep -Eq '^    spraying against ECMP +[+]?9[0-9][.]' "$work/out"
	# Tidy: any program reads them by their columns.
	python3 - "$folder" <<-'END'
		import csv, sys
		samples = list(csv.DictReader(open(sys.argv[1] + "/samples.csv")))
		assert len(samples) == 12 * 4 * 500
		one = [float(s["value"]) for s in samples if (s["load"], s["topology.hosts"], s["procedure"], s["repeat"]) == ("0.8", "2", "single", "3")]
		assert sorted(one) == [3 * i + 1.5 for i in range(1, 501)]
		for q in csv.DictReader(open(sys.argv[1] + "/quantiles.csv")):
		    cell = sorted(float(s["value"]) for s in samples if all(s[k] == q[k] for k in ("configuration", "procedure", "measure")))
		    # Whole numbers: 0.999 x 2000 is 1998.
		    rank = -(-len(cell) * round(1000 * float(q["quantile"])) // 1000)
		    assert float(q["value"]) == cell[rank - 1], q
		trials = list(csv.DictReader(open(sys.argv[1] + "/trials.csv")))
		assert len(trials) == 12 * 4 * 2 and {t["measure"] for t in trials} == {"fct", "fct99"}
		assert {(t["load"], t["size"], t["topology.hosts"]) for t in trials} == {(a, b, c) for a in ("0.2", "0.8") for b, c in (("few", "2"), ("plain", "3"))}
	END
	figures=$(grep -c '<svg' "$folder/report.html")
	look run/report.html
	grep -Eq "drawn=$figures wide=390 loads=0 named=$figures coloured=true bands=[1-9][0-9]+ empty=0" "$work/dom"
}

@test "report --json prints what the page shows and nothing else; spreadsheets and terminals get texts, no commands" {
	records core-limited 3 tcp,nat 9.4
	jq -c '.status = "suspect" | .reasons = ["=HYPERLINK(\"http://x.example\")", "\u001b[31mred\u001b]0;title\u0007"]' "$folder/trials.jsonl" >"$work/t"
	mv "$work/t" "$folder/trials.jsonl"
	"$liquidnet" report --json "$folder" >"$work/json"
	cmp "$work/json" "$folder/report.json"
	jq -e '.schema == 1 and .verdicts.suspect == 6 and (.configurations | length) == 1 and
		([.configurations[].cells[] | select(.procedure == "nat").mean] | (.[0] - 9.42 | fabs) < 1e-9) and
		(.distributions.figures[0].rows[0].values | length) == 3 and .samples == []' "$work/json"
	"$liquidnet" report "$folder" >"$work/out"
	cmp "$work/json" "$folder/report.json"
	grep -q 'x1b\[31mred' "$work/out"
	run ! grep -qP '\x1b|\x07' "$work/out" "$folder/scorecard.md" "$folder/report.html" "$folder/trials.csv"
	python3 - "$folder/trials.csv" <<-'END'
		import csv, sys
		rows = list(csv.reader(open(sys.argv[1])))
		assert len(rows) == 1 + 6 * 3
		assert all(row[-1].startswith("'=HYPERLINK") for row in rows[1:])
		assert not any(field[:1] in tuple("=+@") for row in rows for field in row)
	END
	run --separate-stderr "$liquidnet" report --json
	[ "$status" = 2 ] && [ -z "$output" ] && [ "${#stderr_lines[@]}" = 1 ]
	run --separate-stderr "$liquidnet" report --jason "$folder"
	[ "$status" = 2 ] && [ "${#stderr_lines[@]}" = 1 ]
}

@test "the page says nothing that a browser would fetch or run" {
	records core-limited 2 tcp,nat 9.4
	jq -c '.reasons = ["</td><script src=http://x.example/a.js></script>"] | .status = "suspect"' "$folder/trials.jsonl" >"$work/t"
	mv "$work/t" "$folder/trials.jsonl"
	"$liquidnet" report "$folder" >/dev/null
	run ! grep -iE '<script|<link[^>]+stylesheet|@import|url\(|<(img|iframe|object|embed)|<[a-z][^>]* (src|on[a-z]+)=' "$folder/report.html"
	grep -q '&lt;script src=http://x.example/a.js&gt;' "$folder/report.html"
}

@test "the page prints, all sections in it" {
	records core-limited 3 tcp,nat,vpn 9.4
	"$liquidnet" report "$folder" >/dev/null
	browse --no-pdf-header-footer --print-to-pdf="$work/page.pdf" "file://$folder/report.html" 2>/dev/null
	head -c 5 "$work/page.pdf" | grep -q '%PDF-'
	[ "$(stat -c %s "$work/page.pdf")" -gt 20000 ]
}

@test "an interrupted run: what is missing is said; lines that are no records are told of, and refused where there are no others" {
	records core-limited 4 tcp,nat 9.4
	head -n 5 "$folder/trials.jsonl" >"$work/t"
	printf '{"configuration":"core-lim' >>"$work/t"
	cp "$work/t" "$folder/trials.jsonl"
	"$liquidnet" report "$folder" >"$work/out"
	grep -q 'was cut off' "$work/out"
	grep -q '<b>3 planned trials are missing</b>, in 1 cell:' "$folder/report.html"
	grep -q 'core-limited, nat: 1 of 4' "$folder/report.html"
	: >"$folder/trials.jsonl"
	"$liquidnet" report "$folder" >/dev/null
	grep -q '<b>8 planned trials are missing</b>' "$folder/report.html"
	printf 'garbage \001\377\n' | cat - "$work/t" >"$folder/trials.jsonl"
	"$liquidnet" report "$folder" >"$work/out" # what can be read is read
	grep -q '1 lines of trials.jsonl are no records (the first is line 1)' "$work/out"
	grep -q 'core-limited, nat: 1 of 4' "$folder/report.html"
	printf 'garbage \001\377\n' >"$folder/trials.jsonl"
	run --separate-stderr "$liquidnet" report "$folder"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"trials.jsonl:1: not a record"* ]]
}

@test "without gnuplot the page has its tables and says why there are no figures" {
	records core-limited 2 tcp,nat 9.4
	mkdir "$work/bin"
	ln -s /usr/bin/python3 /usr/bin/env "$work/bin/"
	PATH=$work/bin "$liquidnet" report "$folder" >/dev/null
	grep -q 'There are no figures: .*gnuplot' "$folder/report.html"
	run ! grep -q '<svg' "$folder/report.html"
	grep -q 'Measured beside published' "$folder/report.html"
}

@test "compare: differences with intervals, what else differs, and what cannot be compared by name" {
	folder=$work/a records core-limited 5 tcp,nat,vpn 9.4
	folder=$work/b records core-limited 5 tcp,nat 9.9
	jq '.environment.kernel.release = "6.18.0"' "$work/b/provenance.json" >"$work/t" && mv "$work/t" "$work/b/provenance.json"
	sed -i 's/tcp_congestion_control: cubic/tcp_congestion_control: reno/' "$work/b/experiment.yaml"
	"$liquidnet" compare "$work/a" "$work/b" --html "$work/compare.html" >"$work/out"
	grep -Eq 'nat +5 +9.43 +5 +9.93 +\+0.50 +\+5.30 .* higher' "$work/out"
	grep -q '1 cells are only in A, 0 only in B' "$work/out"
	grep -q 'environment.kernel.release: 6.1.0 -> 6.18.0' "$work/out"
	grep -q 'settings.all.net.ipv4.tcp_congestion_control: cubic -> reno' "$work/out"
	grep -q 'tcp_congestion_control: cubic -&gt; reno' "$work/compare.html"
	# What procedures set is compared too.
	sed '/^procedures:/,$s/^  tcp:$/&\n    congestion: {client: reno}\n    settings: {server: {net.ipv4.tcp_sack: 0}}/' "$work/a/experiment.yaml" >"$work/t"
	mkdir "$work/p"
	cp "$work/a/provenance.json" "$work/a/trials.jsonl" "$work/p/"
	mv "$work/t" "$work/p/experiment.yaml"
	"$liquidnet" compare "$work/a" "$work/p" >"$work/out"
	grep -q '^2 differences of' "$work/out"
	grep -q 'procedures.tcp.client.net.ipv4.tcp_congestion_control: nothing -> reno' "$work/out"
	grep -q 'procedures.tcp.server.net.ipv4.tcp_sack: nothing -> 0' "$work/out"
	"$liquidnet" compare "$work/a" "$work/a" >"$work/out"
	grep -q 'settings are the same' "$work/out"
	[ "$(grep -c '  same$' "$work/out")" = 3 ]
	# Every measure that both have, for programs: 9.43 beside 9.93, each with a spread of 0.0158 over five trials.
	"$liquidnet" compare "$work/a" "$work/b" --csv "$work/out.csv" >/dev/null
	head -n 1 "$work/out.csv" | grep -q '^configuration,procedure,measure,unit,n_a,mean_a,'
	grep -Eq '^core-limited,nat,receiver,mbps,5,9.43,0.0158114,0,0,0,5,9.93,0.0158114,0,0,0,0.5,5.3022.,0.0230.*,higher,,more,$' "$work/out.csv"
	grep -q '^core-limited,tcp,capture,mbps,5,9.4,0,0,0,0,5,9.9,0,0,0,0,0.5,' "$work/out.csv"
	# A cell of which nothing counts is there, with the reason.
	cp -R "$work/b" "$work/d"
	jq -c 'if .procedure == "nat" then .status = "invalid" | .reasons = ["too late, by far"] else . end' "$work/b/trials.jsonl" \
		>"$work/d/trials.jsonl"
	"$liquidnet" compare "$work/a" "$work/d" --csv "$work/out.csv" --html "$work/compare.html" >"$work/out"
	grep -q 'nat .* not there (below)$' "$work/out"
	grep -q '  core-limited, nat: of B none of 5 trials counts: too late, by far$' "$work/out"
	grep -q 'of B none of 5 trials counts: too late' "$work/compare.html"
	grep -q '^core-limited,nat,receiver,mbps,5,.*,0,,,0,5,0,,,,,,,"of B none of 5 trials counts: too late, by far",more,$' "$work/out.csv"
	# Another rate on a link: the cell is named, not judged.
	sed -i 's/  all: {rate: 10Mbit\/s/  all: {rate: 11Mbit\/s/' "$work/b/experiment.yaml"
	"$liquidnet" compare "$work/a" "$work/b" >"$work/out"
	grep -q 'not comparable: link2 is another one' "$work/out"
	# Another network; no cell in common.
	mkdir "$work/c"
	cp experiments/split-tcp.yaml "$work/c/experiment.yaml"
	: >"$work/c/trials.jsonl"
	run --separate-stderr "$liquidnet" compare "$work/a" "$work/c"
	[ "$status" = 2 ]
	[[ $stderr == *"not comparable: "*"receiver"*"download"* ]]
	cp experiments/detour/symmetric.yaml experiments/detour/core-limited.yaml "$work/c/"
	mv "$work/c/symmetric.yaml" "$work/c/experiment.yaml"
	run --separate-stderr "$liquidnet" compare "$work/a" "$work/c"
	[ "$status" = 2 ]
	[[ $stderr == *"no cell is in both"* ]]
}

@test "bundle: the same bytes each time; unpacked elsewhere its sums hold and its report is made again from it alone" {
	records grid 3 tcp,nat,vpn 9.4
	mkdir -p "$folder/trials/0001-x"
	echo log >"$folder/trials/0001-x/client.log"
	echo log >"$folder/trials/0001-x/"$'two\nlines\\.log'
	head -c 5000 /dev/zero >"$folder/trials/0001-x/server.pcap"
	touch "$folder/.lock"
	"$liquidnet" bundle "$folder" --output "$work/one.tar.gz"
	touch "$folder"/*
	"$liquidnet" bundle "$folder" --output "$work/two.tar.gz"
	cmp "$work/one.tar.gz" "$work/two.tar.gz"
	run --separate-stderr "$liquidnet" bundle "$folder" --output "$work/one.tar.gz"
	[ "$status" = 2 ]
	[[ $stderr == *"one.tar.gz exists; "* ]]
	[ -z "$(find "$work" -maxdepth 1 -name '*.bundle-*')" ]
	tar -tvzf "$work/one.tar.gz" >"$work/listing"
	awk '$2 != "0/0" || $4 != "2026-01-02" { exit 1 }' "$work/listing"
	mkdir "$work/elsewhere"
	tar -C "$work/elsewhere" -xzf "$work/one.tar.gz"
	home=$PWD
	cd "$work/elsewhere/grid-run"
	sha256sum --check --quiet SHA256SUMS
	[ "$(find . -type f -printf 'x\n' | wc -l)" = $(($(wc -l <SHA256SUMS) + 1)) ] # every file but the sums themselves
	[ ! -e trials/0001-x/server.pcap ]
	[ -e trials/0001-x/client.log ]
	[ ! -e .lock ]
	grep -q '1 packet captures are left out' README.md
	# Run again: with its own network, or not at all.
	PATH=$programs:$PATH
	run sh rerun.sh --dry-run
	echo "$output"
	[ "$status" = 0 ] && [ "${#lines[@]}" -gt 288 ]
	run --separate-stderr liquidnet rerun . --dry-run
	[ "$status" = 0 ] # as this version's
	echo '# another' >>topologies/detour.py
	run --separate-stderr liquidnet rerun . --dry-run
	[ "$status" = 2 ] && [ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"/topologies/detour.py differs from "*"LIQUIDNET_ROOT="*" to take the folder's"* ]]
	sed -i '$d' topologies/detour.py
	sed -i 's/self.router("r3"/self.router("r9"/' topologies/detour.py
	run --separate-stderr sh rerun.sh --dry-run
	[ "$status" = 2 ] && [[ $stderr == *"r3"* ]] # it is the folder's that is read
	[ ! -e topologies/__pycache__ ] # it can write nothing
	tar -C "$work/elsewhere" -xzf "$work/one.tar.gz"
	# From the folder alone: what is published comes from it too.
	cp report.html "$work/then.html"
	sed -i 's/^core-limited,60,9.41,0.01,18.81,/core-limited,60,9.41,0.01,17.77,/' data/detour/thesis-table1.csv
	rm report.html summary.csv
	"$liquidnet" report . >/dev/null
	run ! cmp -s report.html "$work/then.html"
	tar -C "$work/elsewhere" -xzf "$work/one.tar.gz"
	rm report.html
	"$liquidnet" report . >/dev/null
	cmp report.html "$work/then.html"
	sha256sum --check --quiet SHA256SUMS
	cd "$home"
	"$liquidnet" bundle "$folder" --captures --output "$work/three.tar.gz"
	tar -tzf "$work/three.tar.gz" >"$work/out"
	grep -q server.pcap "$work/out"
	# What was unpacked can be packed again.
	"$liquidnet" bundle "$work/elsewhere/grid-run" --output "$work/four.tar.gz"
	mkdir "$work/again"
	run ! grep -q pycache <(tar -tzf "$work/four.tar.gz")
	tar -C "$work/again" -xzf "$work/four.tar.gz"
	(cd "$work/again/grid-grid-run" && sha256sum --check --quiet SHA256SUMS && cmp report.html "$work/then.html")
}

@test "rerun: a stranger's bundle can do nothing but be read, until one says that one trusts it" {
	records grid 3 tcp,nat,vpn 9.4
	"$liquidnet" bundle "$folder" --output "$work/one.tar.gz"
	mkdir "$work/theirs"
	tar -C "$work/theirs" -xzf "$work/one.tar.gz"
	cd "$work/theirs/grid-run"
	PATH=$programs:$PATH
	cat >>topologies/detour.py <<-END
		import os, socket
		for harm in (lambda: open('$work/written', 'w'), lambda: os.mkdir('$work/made'), lambda: os.kill(1, 0),
		             lambda: os.unlink('$work/one.tar.gz'), lambda: socket.socket(), lambda: open('/etc/hostname')):
		    try:
		        harm()
		    except OSError:
		        continue
		    raise SystemExit('it could do harm')
	END
	run sh rerun.sh --dry-run
	echo "$output"
	[ "$status" = 0 ] && [ "${#lines[@]}" -gt 288 ]
	[ -z "$(find "$work" -name written -o -name made)" ]
	[ -e "$work/one.tar.gz" ]
	# What it would start is said; without a terminal nobody can say yes.
	run --separate-stderr sh rerun.sh --results "$work/results" </dev/null
	[ "$status" = 2 ]
	[[ $stderr == *"is not this installation's"*"iperf3"*"--trust"* ]]
	[ ! -e "$work/results" ]
	# Its words are shown as words.
	jq '.environment.machine.processor = "x\u001b[31mred"' provenance.json >p
	mv p provenance.json
	run sh rerun.sh --dry-run
	[[ $output == *'x\x1b[31mred'* ]]
	[[ $output != *$'\e'* ]]
}
