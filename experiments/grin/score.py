"""Published sentences about GRIN's cluster beside the last runs of the experiments: data/grin/grin-cluster-published.csv says what is compared.

    score.py RESULTS [--csv]    a row each; a row whose experiment, or cell of it, was not run says so

A judgement: same, near (within twice the tolerance), differs, - (not judged).
"""

from __future__ import annotations

import csv
import statistics
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from cells import ROOT, Trial, by_cell, read, simulate, uplink_of

TABLE = ROOT / "data/grin/grin-cluster-published.csv"
FORMS = ("value", "ratio", "difference", "simulated", "decline")
KINDS = ("value", "at-most", "at-least", "report")
Cells = dict[tuple[str, str], list[Trial]]


def rows() -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row)"""
    lines = [(number, line) for number, line in enumerate(TABLE.read_text().splitlines(), 1) if not line.startswith("#")]
    for (number, _), row in zip(lines[1:], csv.DictReader(line for _, line in lines)):
        if row["form"] not in FORMS or row["as"] not in KINDS:
            sys.exit(f"{TABLE}:{number}: form `{row['form']}`, as `{row['as']}`; there are {', '.join(FORMS)}; {', '.join(KINDS)}")
        yield number, row


def chosen(cells: Cells, text: str) -> list[Trial]:
    configuration, procedure = text.split("/")
    return [trial for cell, trials in cells.items() if fnmatch(cell[0], configuration) and cell[1] == procedure for trial in trials]


def median(trials: list[Trial], measure: str) -> float:
    return statistics.median(trial["measures"][measure] for trial in trials)


def quotient(experiment: str, trial: Trial, measure: str) -> float:
    return trial["measures"][measure] / uplink_of(experiment) / simulate(experiment, trial, "tcp")


def measured(row: dict[str, str], cells: Cells) -> tuple[float, int] | None:
    """The number, and of how many trials; None: not run."""
    of, against = chosen(cells, row["of"]), chosen(cells, row["against"]) if row["against"] else []
    if not of or (row["against"] and not against):
        return None
    experiment, measure = row["experiment"], row["measure"]
    if row["form"] == "simulated":
        return statistics.median(quotient(experiment, trial, measure) for trial in of), len(of)
    if row["form"] == "decline":
        own, other = ([quotient(experiment, trial, measure) for trial in side] for side in (of, against))
        return statistics.median(own) / statistics.median(other), len(of)
    value = median(of, measure)
    if row["form"] == "ratio":
        value /= median(against, measure)
    elif row["form"] == "difference":
        value -= median(against, measure)
    return value, len(of)


def judge(row: dict[str, str], value: float) -> str:
    published = float(row["value"])
    if row["as"] == "report":
        return "-"
    if row["as"] == "value":
        off = abs(value - published) / float(row["tolerance"])
        return "same" if off <= 1 else "near" if off <= 2 else "differs"
    return "same" if (value <= published if row["as"] == "at-most" else value >= published) else "differs"


def main(results: str, form: str = "") -> None:
    runs: dict[str, Cells] = {}
    count: dict[str, int] = {}
    if form:
        print("row,experiment,measure,form,of,against,as,published,measured,trials,judged,source")
    for _, row in rows():
        folder = Path(results, row["experiment"], "latest")
        if row["experiment"] not in runs:
            runs[row["experiment"]] = by_cell(read(folder)) if folder.is_dir() else {}
        got = measured(row, runs[row["experiment"]])
        judged = judge(row, got[0]) if got else "not run"
        count[judged] = count.get(judged, 0) + 1
        if form:
            head = [row[key] for key in ("row", "experiment", "measure", "form", "of", "against", "as", "value")]
            csv.writer(sys.stdout, lineterminator="\n").writerow([*head, f"{got[0]:.4g}" if got else "", got[1] if got else 0, judged, row["source"]])
            continue
        sign = {"at-most": "<= ", "at-least": ">= "}.get(row["as"], "")
        number = f"{got[0]:.3f} ({got[1]} trials)" if got else "-"
        print(f"{row['row']:4} {row['experiment']} {row['of']}{' / ' + row['against'] if row['against'] else ''}")
        print(f"     {row['measure']}, {row['form']}: {sign}{row['value']}, here {number}: {judged}   {row['source']}")
    if not form:
        print("\n" + ", ".join(f"{number} {judged}" for judged, number in sorted(count.items())))


main(*sys.argv[1:])
