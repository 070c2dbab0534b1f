# The table of vm/compare-backends. Reads, with a back end's name before each, the lines of `liquidnet compare --csv`: A is the back end
# `first`, B the one named. Prints a row for each measure that is about links, grouped by configuration.
BEGIN {
	label["rtt"] = "round trip"
	label["deviation"] = "its deviation"
	label["lost"] = "lost"
}

function unit_of(unit) {
	return unit == "mbps" ? "Mbit/s" : unit
}

# A mean with its remark: * some of the trials are suspect.
function mean(value, suspect, unit) {
	if (value == "")
		return "-"
	return sprintf(unit == "%" ? "%.3f%s" : "%.2f%s", value, suspect > 0 ? "*" : " ")
}

function signed(value, unit) {
	return value == "" ? "-" : sprintf(unit == "%" ? "%+.3f" : "%+.2f", value)
}

# The value that begins in field i: in quotes if it has commas.
function quoted(i,   value) {
	value = $i
	while (value ~ /^"/ && (value !~ /"$/ || length(value) == 1) && i < NF)
		value = value "," $(++i)
	gsub(/^"|"$/, "", value)
	return value
}

$4 == "receiver" || ($4 in label) {
	row = $2 SUBSEP ($4 == "receiver" ? $3 : label[$4])
	if (!($2 in seen_configuration)) {
		seen_configuration[$2] = 1
		configurations[++configurations_count] = $2
	}
	if (!(row in unit)) {
		unit[row] = $5
		rows[$2, ++rows_count[$2]] = row
		reference[row] = sprintf("%4s %9s", $6, mean($7, $9, $5))
	}
	if (!($1 in seen)) {
		seen[$1] = 1
		backends[++backends_count] = $1
	}
	half = $20 == "" ? "-" : sprintf($5 == "%" ? "%.3f" : "%.2f", $20)
	cell[row, $1] = sprintf("%4s %9s %8s %7s  %-8s", $12, mean($13, $15, $5), signed($18, $5), half, $23 == "" ? "-" : $23)
	if ($4 == "receiver" || $4 == "rtt") {
		why = quoted(24)
		gsub(/of A none/, "of " first " none", why)
		gsub(/of B none/, "of " $1 " none", why)
		count = split(why, parts, /; of /)
		for (i = 1; i <= count; i++) {
			text = $2 ", " $3 ": " (i > 1 ? "of " : "") parts[i]
			if (parts[i] != "" && !(text in said)) {
				said[text] = 1
				remarks[++remarks_count] = text
			}
		}
	}
}

END {
	head = sprintf("%-28s %-14s", "", first)
	under = sprintf("%-28s %4s %9s", "", "n", "A ")
	for (b = 1; b <= backends_count; b++) {
		head = head sprintf("  %-40s", backends[b])
		under = under sprintf("  %4s %9s %8s %7s  %-8s", "n", "B ", "B - A", "+-", "B is")
	}
	sub(/ +$/, "", head)
	print head
	sub(/ +$/, "", under)
	print under
	for (c = 1; c <= configurations_count; c++) {
		print configurations[c]
		for (r = 1; r <= rows_count[configurations[c]]; r++) {
			row = rows[configurations[c], r]
			split(row, names, SUBSEP)
			line = sprintf("  %-17s %8s %s", names[2], unit_of(unit[row]), reference[row])
			for (b = 1; b <= backends_count; b++)
				line = line "  " ((row, backends[b]) in cell ? cell[row, backends[b]] : sprintf("%-40s", "-"))
			sub(/ +$/, "", line)
			print line
		}
	}
	print "\nn: trials that count; *: some of them suspect; +-: half the 95 % interval of the difference (Welch); same: not distinguishable at 95 %"
	for (i = 1; i <= remarks_count; i++)
		print remarks[i]
}
