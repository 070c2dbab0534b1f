"""The rows of Barre's assessment, from folders of results: what was measured, its 95 % interval, what was expected, and whether that holds.

    scorecard.py FOLDER...    results of host-mss, host-reorder, short-flows, ecmp-ports, failure, in any order; prints Markdown

Intervals are bootstraps: whole trials (of short-flows single transfers, each of which has a connection of its own) are drawn with replacement, 10,000 times, with one seed;
the 2.5th and 97.5th percentile of what is made of them.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Callable

RESAMPLES = 10000
SEGMENT = 1428  # bytes of data that one carries in short-flows
Values = dict[tuple[str, str], list[dict]]  # records by configuration and procedure


def load(folder: Path) -> Values:
    records: Values = defaultdict(list)
    for line in (folder / "trials.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["status"] in ("valid", "suspect"):
            records[record["configuration"], record["procedure"]].append(record)
    return records


def of(records: list[dict], measure: str) -> list[float]:
    return [record["measures"][measure] for record in records]


def bootstrap(made: Callable[..., float | None], *samples: list) -> tuple[float | None, float, float]:
    """What is made of the samples, and its interval; resamples of which nothing can be made count as infinite."""
    draws = random.Random(2011)
    value = made(*samples)
    drawn = []
    for _ in range(RESAMPLES):
        found = made(*(draws.choices(sample, k=len(sample)) for sample in samples))
        drawn.append(math.inf if found is None else found)
    drawn.sort()
    return value, drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES)]


def ratio(a: list[float], b: list[float]) -> float:
    return statistics.mean(a) / statistics.mean(b)


def row(name: str, trials: int, found: tuple[float | None, float, float], unit: str, expected: str, verdict: str) -> None:
    value = "none" if found[0] is None else f"{found[0]:.4g}"
    print(f"| {name} | {trials} | {value}{unit} | {found[1]:.4g} .. {found[2]:.4g} | {expected} | {verdict} |")


def within(found: tuple[float | None, float, float], low: float, high: float) -> str:
    """same: the interval touches the range."""
    return "same" if found[0] is not None and found[1] <= high and found[2] >= low else "different"


def host_mss(records: Values) -> None:
    for configuration in sorted({c for c, _ in records}):
        tcp, mptcp = records[configuration, "tcp"], records[configuration, "mptcp-2"]
        if not tcp or not mptcp:
            continue
        if configuration == "hundred-mtu-1500":
            found = bootstrap(ratio, of(mptcp, "goodput"), of(tcp, "goodput"))
            row("aggregation, 2 x 100 Mbit/s", len(mptcp), found, " x", "1.97 .. 2.0", within(found, 1.97, 2.0))
        if configuration.startswith("bare"):
            for name in ("cost", "receiver-cost"):
                for procedure in ("tcp", "mptcp-2"):
                    cell = records[configuration, procedure]
                    found = bootstrap(statistics.mean, of(cell, name))
                    row(f"{name}, {configuration}, {procedure}", len(cell), found, " ns", "falls with the MTU", "")
                found = bootstrap(ratio, of(mptcp, name), of(tcp, name))
                row(f"{name}, {configuration}, Multipath TCP / TCP", len(mptcp), found, "", "reported", "")


def host_reorder(records: Values) -> None:
    for (configuration, _), cell in sorted(records.items()):
        if not sum(of(cell, "early")):
            print(f"| shortcuts, {configuration} | {len(cell)} | no early segment | | | |")
            continue
        found = bootstrap(statistics.mean, of(cell, "shortcuts"))
        equal = configuration == "same-delay-same-rate"
        verdict = within(found, 80, 100) if equal else ""
        row(f"shortcuts, {configuration}", len(cell), found, " %", ">= 80" if equal else "reported", verdict)


def crossing(sizes: list[int], a: list[list[float]], b: list[list[float]]) -> float | None:
    """The size in bytes beyond which b is below a at all sizes, between the two where the sign turns, on a scale of logarithms."""
    gains = [math.log(statistics.median(x) / statistics.median(y)) for x, y in zip(a, b)]
    last = max((i for i, gain in enumerate(gains) if gain <= 0), default=-1)
    if last == len(sizes) - 1:
        return None
    if last < 0:
        return sizes[0]
    share = gains[last] / (gains[last] - gains[last + 1])
    return math.exp(math.log(sizes[last]) + share * (math.log(sizes[last + 1]) - math.log(sizes[last])))


def transfers(records: list[dict]) -> list[float]:
    return [total for record in records for total in record["samples"]["total"]]


def short_flows(records: Values) -> None:
    rtts = sorted({c.rsplit("-s", 1)[0] for c, _ in records}, key=lambda c: float(c.split("-")[1]))
    for rtt in rtts:
        sizes = sorted({int(c.rsplit("-s", 1)[1]) for c, _ in records if c.startswith(rtt + "-s")})
        for procedure in ("mptcp-1", "mptcp-2", "mptcp-late"):
            cells = [(records[f"{rtt}-s{n}", "tcp"], records[f"{rtt}-s{n}", procedure]) for n in sizes]
            if not all(a and b for a, b in cells):
                continue
            count = len(cells)

            def made(*samples: list[float]) -> float | None:
                return crossing([n * SEGMENT for n in sizes], list(samples[:count]), list(samples[count:]))

            found = bootstrap(made, *(transfers(a) for a, _ in cells), *(transfers(b) for _, b in cells))
            expected = "none" if procedure == "mptcp-1" else "> 14 KB"
            verdict = "same" if (found[0] is None) == (procedure == "mptcp-1") and (found[0] is None or found[1] > 14000) else "different"
            shown = (None if found[0] is None else found[0] / 1000, found[1] / 1000, found[2] / 1000)
            row(f"crossing, {rtt} ms, {procedure}", min(len(b) for _, b in cells), shown, " KB", expected, verdict)


def ecmp_ports(records: Values) -> None:
    tcp = records["fabric", "tcp"]
    everything = [record for cell in records.values() for record in cell]
    found = bootstrap(lambda several: statistics.mean(several) / 12, of(everything, "several"))
    row("pairs with more than one path", len(everything), found, "", "2/3, exactly", within(found, 2 / 3 - 1e-9, 2 / 3 + 1e-9))
    for procedure in ("tcp", "mptcp-1", "mptcp-2", "mptcp-4", "mptcp-8"):
        cell = records["fabric", procedure]
        if not cell:
            continue
        found = bootstrap(statistics.mean, of(cell, "across"))
        row(f"a pair of two edges, {procedure}", len(cell), found, " Mbit/s", "hashing.py", "")
        if procedure == "tcp":
            continue
        found = bootstrap(ratio, of(cell, "across"), of(tcp, "across"))
        row(f"gain across, {procedure} / tcp", len(cell), found, " x", "> 1.3 for 4", within(found, 1.3, 9) if procedure == "mptcp-4" else "")
        found = bootstrap(ratio, of(cell, "within"), of(tcp, "within"))
        row(f"gain within an edge, {procedure} / tcp", len(cell), found, " x", "<= 1: none", within(found, 0, 1))


def failure(records: Values) -> None:
    for (configuration, procedure), cell in sorted(records.items()):
        found = bootstrap(statistics.mean, of(cell, "in-rto"))
        gap = statistics.mean(of(cell, "gap"))
        # TCP: nothing before the path is back, eight seconds later; then at the next of its retransmissions.
        verdict = ("same" if gap >= 8 else "different") if procedure == "tcp" else within(found, 1, 3)
        expected = ">= 8 s" if procedure == "tcp" else "1 .. 3"
        row(f"gap, {configuration}, {procedure} ({gap:.3f} s)", len(cell), found, " RTO", expected, verdict)


def main(*folders: str) -> None:
    parts = {"host-mss": host_mss, "host-reorder": host_reorder, "short-flows": short_flows, "ecmp-ports": ecmp_ports, "failure": failure}
    print("| row | trials | measured | 95 % | expected | verdict |\n|---|---|---|---|---|---|")
    for folder in folders:
        path = Path(folder).resolve()
        name = path.parent.name
        if name not in parts:
            sys.exit(f"scorecard.py: {folder}: is no results folder of {', '.join(parts)}; name one as results/failure/latest")
        parts[name](load(path))


main(*sys.argv[1:])
