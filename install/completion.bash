# Completion for bash: liquidnet and its programs. Commands and options are what --help says, experiments what `liquidnet list
# --names` says, so there is no list here that could grow old. bash-completion loads it by the programs' names.
# shellcheck shell=bash

# Every option that a help text names.
_liquidnet_options() { "$@" --help 2>/dev/null </dev/null | grep -oE '(^|[^a-zA-Z0-9-])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u; }

_liquidnet_offer() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_liquidnet_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }

# Runs: the folders of results/, and the experiments that have one there.
_liquidnet_runs() {
	local runs
	runs=$(cd results 2>/dev/null && for run in */latest; do [ -e "$run" ] && printf '%s\n' "${run%/latest}"; done)
	_liquidnet_offer "$runs"
	compopt -o filenames 2>/dev/null
	local folders
	mapfile -t folders < <(compgen -d -- "$cur")
	COMPREPLY+=("${folders[@]}")
}

# What an experiment has: `liquidnet list NAME`, the lines under a heading.
_liquidnet_parts() { liquidnet list "$1" 2>/dev/null | awk -v part="$2:" '/^[a-z]/ { inside = $0 == part; next } inside { print $1 }'; }

_liquidnet_value() { # of option $1, of command $2 with experiment $3; false: it has no values that are known
	case $1 in
	--backend) _liquidnet_offer "auto netem wheel link" ;;
	--clock) _liquidnet_offer "real virtual virtual-cpu" ;;
	--jobs) _liquidnet_offer auto ;;
	--until) _liquidnet_offer "ci=1% ci=2% ci=5%" ;;
	--engine) _liquidnet_offer "local slurm" ;;
	--format) _liquidnet_offer "table csv json" ;;
	--log-level) _liquidnet_offer "error warning info debug" ;;
	--procedures | --procedure) [ -n "$3" ] && _liquidnet_offer "$(_liquidnet_parts "$3" procedures)" ;;
	--only | --configuration) [ -n "$3" ] && _liquidnet_offer "$(_liquidnet_parts "$3" configurations)" ;;
	--results | --resume | --status | --output | --html | --csv | --plot | --graph | --packets | --config | --control | --kernel | --out | --directory) _liquidnet_files ;;
	--trials | --seed | --slices | --slice | --points | --runs | --port | --ready-fd | --for | --every) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_liquidnet() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
	local command=${COMP_WORDS[1]:-} experiment=
	COMPREPLY=()
	if [ "${program##*/}" != liquidnet ]; then
		_liquidnet_value "$previous" "" "" && return
		case $cur in
		-*) _liquidnet_offer "$(_liquidnet_options "$program")" ;;
		*) _liquidnet_files ;;
		esac
		return
	fi
	if [ "$COMP_CWORD" = 1 ]; then
		_liquidnet_offer "$("$program" --help 2>/dev/null | sed -n 's/^  liquidnet \([a-z]*\) .*/\1/p') --help --version"
		return
	fi
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in -*) ;; *) experiment=${experiment:-${COMP_WORDS[i]}} ;; esac
	done
	_liquidnet_value "$previous" "$command" "$experiment" && return
	case $cur in
	-*)
		_liquidnet_offer "$(_liquidnet_options "$program" "$command")"
		return
		;;
	esac
	case $command in
	run | list | doctor | shell | sweep)
		[ -z "$experiment" ] || [ "$command" = doctor ] || return
		_liquidnet_offer "$("$program" list --names 2>/dev/null)"
		local files
		mapfile -t files < <(compgen -f -X '!*.yaml' -- "$cur")
		COMPREPLY+=("${files[@]}")
		;;
	watch | open | report | compare | bundle | rerun | collect) _liquidnet_runs ;;
	sim) [ -n "$experiment" ] || _liquidnet_offer "$("$program" sim --help 2>/dev/null | sed -n 's/.*published systems: //p' | tr -d ,)" ;;
	design) [ -n "$experiment" ] || _liquidnet_offer "wsp lhs sobol grid points check" ;;
	new) ;;
	*) _liquidnet_files ;;
	esac
}

complete -F _liquidnet liquidnet
# The programs beside it, by the names under which they are installed.
while IFS= read -r _liquidnet_name; do complete -F _liquidnet "$_liquidnet_name"; done < <(compgen -c liquidnet- | sort -u)
unset _liquidnet_name
