"""What figures 3.8, 3.9 and 3.12 of Trilogy2 D1.2 are drawn of: the last run of each of GRIN's experiments, as CSV.

    curves.py RESULTS OUT    writes into OUT, of the runs that there are in RESULTS
      3.8a-measured.csv to 3.8d-measured.csv    level, then of each procedure median, least and most mean rate of a receiver, in uplinks
      3.9.csv                                   bytes, then of each procedure the median time in ms
      3.12-PROCEDURE.csv                        time in ms, share of the transfers that were done by then
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from cells import by_cell, level_of, middle, read, uplink_of

FIGURES = {"3.8a": "permutation", "3.8b": "random", "3.8c": "group", "3.8d": "all-to-all"}
PROCEDURES = ("grin0", "grin1", "grin2")


def rates(folder: Path, experiment: str) -> str:
    cells = by_cell(read(folder))
    lines = ["level," + ",".join(f"{name},{name}_least,{name}_most" for name in PROCEDURES)]
    for configuration in sorted({cell[0] for cell in cells}, key=level_of):
        parts = [str(level_of(configuration))]
        for procedure in PROCEDURES:
            values = [trial["measures"]["goodput"] / uplink_of(experiment) for trial in cells.get((configuration, procedure), [])]
            parts += [f"{value:.4f}" for value in middle(values)] if values else ["", "", ""]
        lines.append(",".join(parts))
    return "\n".join(lines) + "\n"


def transfers(folder: Path) -> str:
    cells = by_cell(read(folder))
    sizes = {cell[0]: round(trials[0]["factors"]["size"]) for cell, trials in cells.items()}
    lines = ["bytes," + ",".join(PROCEDURES)]
    for configuration in sorted(sizes, key=sizes.__getitem__):
        parts = [str(sizes[configuration])]
        for procedure in PROCEDURES:
            times = [time for trial in cells.get((configuration, procedure), []) for time in trial["samples"]["time"]]
            parts.append(f"{statistics.median(times):.4f}" if times else "")
        lines.append(",".join(parts))
    return "\n".join(lines) + "\n"


def shares(times: list[float]) -> str:
    times = sorted(times)
    return "ms,share\n" + "".join(f"{time:.4f},{(i + 1) / len(times):.5f}\n" for i, time in enumerate(times))


def main(results: str, out: str) -> None:
    for figure, pattern in FIGURES.items():
        folder = Path(results, f"grin-{pattern}-1g", "latest")
        if folder.is_dir():
            Path(out, f"{figure}-measured.csv").write_text(rates(folder, f"grin-{pattern}-1g"))
    folder = Path(results, "grin-transfer", "latest")
    if folder.is_dir():
        Path(out, "3.9.csv").write_text(transfers(folder))
    folder = Path(results, "grin-incast", "latest")
    for (_, procedure), trials in by_cell(read(folder)).items() if folder.is_dir() else ():
        Path(out, f"3.12-{procedure}.csv").write_text(shares([time for trial in trials for time in trial["samples"]["time"]]))


main(*sys.argv[1:])
