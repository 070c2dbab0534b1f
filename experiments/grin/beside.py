"""Figure 3.8 of Trilogy2 D1.2 beside the simulator: each trial of grin-permutation, -group, -all-to-all or -random, at whatever rate, over the simulator's number for
the same cables and the same matrix (its seed is the trial's).

    beside.py FOLDER [MODEL]    a folder of results; MODEL: tcp (default), uncoupled, lia, optimum, packets

Prints CSV: configuration, procedure, measured and simulated mean rate of a receiver, in uplinks, and their quotient; then median, least and most of the quotients by
configuration and procedure. An uplink is what an undisturbed flow over it alone has: 941 Mbit/s, as published. In the simulator, too, acknowledgements take their share of
the uplinks on their way back.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cells import middle, read, simulate, uplink_of


def main(folder: str, model: str = "tcp") -> None:
    experiment = Path(folder).resolve().parent.name
    quotients: dict[str, list[float]] = {}
    print("configuration,procedure,measured,simulated,quotient")
    for trial in read(Path(folder)):
        measured = trial["measures"]["goodput"] / uplink_of(experiment)
        simulated = simulate(experiment, trial, model)
        cell = f"{trial['configuration']},{trial['procedure']}"
        quotients.setdefault(cell, []).append(measured / simulated)
        print(f"{cell},{measured:.3f},{simulated:.3f},{measured / simulated:.3f}")
    print("\nconfiguration,procedure,trials,median,least,most")
    for cell, values in sorted(quotients.items()):
        print(f"{cell},{len(values)},{middle(values)[0]:.3f},{min(values):.3f},{max(values):.3f}")


main(*sys.argv[1:])
