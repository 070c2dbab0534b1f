"""Figure 3.8 of Trilogy2 D1.2 beside the simulator: each trial of grin-permutation, -group, -all-to-all or -random, at whatever rate, over the simulator's number for
the same cables and the same matrix (its seed is the trial's).

    beside.py FOLDER [MODEL]    a folder of results; MODEL: uncoupled (default: the kernel's own congestion controls), lia, optimum

Prints CSV: configuration, procedure, measured and simulated mean rate of a receiver, in uplinks, and their quotient; then the mean of the quotients by procedure. An
uplink is what an undisturbed flow over it alone has in the same experiment: the most of grin0's trials (published: 941 Mbit/s); without such a trial, what the frames carry.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

GOODPUT = 1424 / 1514  # of a frame: what Multipath TCP carries with its DSS option, without preamble and gap, which the links here do not have
NETS = {"grin0": "single", "grin1": "grin1", "grin2": "grin2", "grin2-static": "grin2"}


def level(pattern: str, configuration: str) -> str:
    number = re.search(r"(\d+)$", configuration).group(1)
    return f"group={number}" if pattern == "group" else f"active={number}%"


def simulate(pattern: str, configuration: str, procedure: str, seed: int, model: str) -> float:
    text = f"net={NETS[procedure]} racks=1 size=10 cables=rounds subflows=0 model={model} pattern={pattern} {level(pattern, configuration)}"
    program = Path(__file__).resolve().parents[2] / "build/bin/liquidnet-grin-sim"
    out = subprocess.run([program, "--instances", "1", "--seed", str(seed), "--format", "csv", text], check=True, capture_output=True, text=True)
    return float(out.stdout.splitlines()[1].split(",")[1])


def main(folder: str, model: str = "uncoupled") -> None:
    experiment = Path(folder).resolve().parent.name
    pattern = re.sub(r"^grin-|-1g$", "", experiment)
    trials = [json.loads(line) for line in Path(folder, "trials.jsonl").read_text().splitlines()]
    trials = [trial for trial in trials if trial.get("measures", {}).get("goodput") and trial["status"] != "invalid"]
    alone = [trial["measures"]["goodput"] for trial in trials if trial["procedure"] == "grin0"]
    uplink = max(alone) if alone and pattern == "permutation" else (1000.0 if experiment.endswith("-1g") else 5.0) * GOODPUT
    quotients: dict[str, list[float]] = {}
    print("configuration,procedure,measured,simulated,quotient")
    for trial in trials:
        measured = trial["measures"]["goodput"] / uplink
        simulated = simulate(pattern, trial["configuration"], trial["procedure"], int(trial["seed"]), model)
        quotients.setdefault(trial["procedure"], []).append(measured / simulated)
        print(f"{trial['configuration']},{trial['procedure']},{measured:.3f},{simulated:.3f},{measured / simulated:.3f}")
    for procedure, values in sorted(quotients.items()):
        print(f"mean,{procedure},,,{sum(values) / len(values):.3f}")


main(*sys.argv[1:])
