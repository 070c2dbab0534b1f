"""Runs of GRIN's experiments, read by beside.py, curves.py and score.py."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOODPUT = 1424 / 1514  # of a frame: what Multipath TCP carries with its DSS option, without preamble and gap, which the links here do not have
ACKS = 78 / (2 * 1514)  # what acknowledgements take on their way back: one of 78 bytes for two frames
NETS = {"grin0": "single", "grin1": "grin1", "grin2": "grin2", "grin2-static": "grin2"}
QUEUES = {"grin-random-1g": 100, "grin-group-1g": 100}  # packets, as the experiments have them; 300 in the others at 1 Gbit/s
PHASES = 5  # runs of the packet simulator per trial, which differ in when connections begin
PATTERNS = {"permutation": "active", "random": "active", "group": "group", "all-to-all": "active"}

Trial = dict[str, Any]


def read(folder: Path) -> list[Trial]:
    """The trials that count, in their order."""
    trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    counted = [trial for trial in trials if trial.get("measures") and trial["status"] in ("valid", "suspect")]
    return sorted(counted, key=lambda trial: trial["trial"])


def pattern_of(experiment: str) -> str:
    return experiment.removeprefix("grin-").removesuffix("-1g")


def level_of(configuration: str) -> int:
    return int(configuration.lstrip("abcdefghijklmnopqrstuvwxyz-"))


def uplink_of(experiment: str) -> float:
    """What a flow alone on an uplink has, in Mbit/s; published: 941."""
    return (1000.0 if experiment.endswith("-1g") else 5.0) * GOODPUT


def words_of(experiment: str, model: str) -> list[str]:
    """What the model adds to a scenario: a text for each run of it."""
    if model != "packets":
        return [f"model={model} acks={100 * ACKS:.2f}%"]
    links = f"queue={QUEUES.get(experiment, 300)}" if experiment.endswith("-1g") else "queue=100 rate=5Mbit/s delay=2500us length=20s measure=16s"
    return [f"model=packets {links} phase={phase}" for phase in range(PHASES)]


def simulate(experiment: str, trial: Trial, model: str) -> float:
    """The mean rate of a receiver, in uplinks, for the trial's cables and its matrix, which its seed is; packet by packet the median of some runs."""
    pattern = pattern_of(experiment)
    share = "" if PATTERNS[pattern] == "group" else "%"
    text = f"net={NETS[trial['procedure']]} racks=1 size=10 cables=rounds subflows=0 shuffle=no pattern={pattern} {PATTERNS[pattern]}={level_of(trial['configuration'])}{share} "
    texts = [text + words for words in words_of(experiment, model)]
    command = [ROOT / "build/bin/liquidnet-grin-sim", "--instances", "1", "--seed", trial["seed"], "--format", "csv", *texts]
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return statistics.median(float(line.split(",")[1]) for line in out.stdout.splitlines()[1:])


def by_cell(trials: list[Trial]) -> dict[tuple[str, str], list[Trial]]:
    """(configuration, procedure) -> its trials."""
    cells: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        cells.setdefault((trial["configuration"], trial["procedure"]), []).append(trial)
    return cells


def middle(values: list[float]) -> tuple[float, float, float]:
    """Median, least, most."""
    return statistics.median(values), min(values), max(values)
