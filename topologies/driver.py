"""Builds a topology and hands its nodes over.

    python3 -I -S driver.py TOPOLOGY              build; print one line of JSON; live until standard input closes
    python3 -I -S driver.py --describe TOPOLOGY   print the same without process ids; build nothing, need no root
    python3 -I -S driver.py --list                the topologies' names

Links are bare veth pairs: who starts the driver shapes each interface's egress. In a sandbox (the driver is a child of
process 1) nothing is taken down: its owner kills it whole. Elsewhere the driver takes down what it built. Errors are one line
on standard error, exit status 2.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

HERE = os.path.dirname(os.path.realpath(__file__))
NOT_TOPOLOGIES = {"driver", "links"}


def refuse(text: str) -> None:
    sys.stderr.write(f"driver.py: {text}\n")
    sys.exit(2)


def known() -> list[str]:
    names = (name[:-3] for name in os.listdir(HERE) if name.endswith(".py"))
    return sorted(name for name in names if name not in NOT_TOPOLOGIES)


def load(name: str) -> Any:
    if name not in known():
        refuse(f"no topology `{name}`; there are: {', '.join(known())}")
    return importlib.import_module(name).TOPOLOGY


def build(topology: Any) -> Any:
    import mininet.net
    from mininet.log import setLogLevel

    setLogLevel("error")
    mininet.net.fixLimits = lambda: None  # raises the host's limits: not ours to change, and impossible in a sandbox
    net = mininet.net.Mininet(topology(), controller=None, waitConnected=False)
    net.build()
    for node in net.hosts:
        node.settle()
    return net


def main(arguments: list[str]) -> None:
    sys.path[:0] = [HERE]
    if sys.flags.no_site:
        sys.path.append("/usr/lib/python3/dist-packages")
    if arguments == ["--list"]:
        print("\n".join(known()))
        return
    describe = arguments[:1] == ["--describe"]
    names = arguments[1:] if describe else arguments
    if len(names) != 1:
        refuse("usage: driver.py [--describe] TOPOLOGY | --list")
    topology = load(names[0])
    description = topology.describe(names[0])
    if describe:
        print(json.dumps(description))
        return
    if os.geteuid() != 0:
        refuse("building a network needs root")
    net = build(topology)
    for node in net.hosts:
        description["nodes"][node.name]["pid"] = node.pid
    print(json.dumps(description), flush=True)
    sys.stdin.buffer.read()
    if os.getppid() == 1 and os.getpid() < 1000:
        os._exit(0)
    net.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
