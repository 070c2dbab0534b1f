"""Builds a topology and hands its nodes over.

    python3 -I -S driver.py TOPOLOGY [OPTION...]             build; print one line of JSON; live until standard input closes
    python3 -I -S driver.py --describe TOPOLOGY [OPTION...]  print the same without process ids; build nothing, need no root
    python3 -I -S driver.py --list                           the topologies' names

    --parameters JSON   the topology's parameters, an object
    --file PATH         where the topology is, when it does not lie beside this file

Links are bare veth pairs: who starts the driver shapes each interface's egress, and sets the nodes' sysctls. Nothing is
taken down, in a sandbox or outside: everything is inside the nodes' namespaces, and those go when the driver ends, however it
ends, as soon as no process of others is left in them. Errors are one line on standard error, exit status 2.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

HERE = os.path.dirname(os.path.realpath(__file__))
NOT_TOPOLOGIES = (
    "drawing.py",
    "driver.py",
    "fabric.py",
    "graphs.py",
    "links.py",
    "network.py",
    "quantities.py",
    "topology.py",
    "twins.py",
)
USAGE = "usage: driver.py [--describe] TOPOLOGY [--parameters JSON] [--file PATH] | --list"


def refuse(text: str) -> NoReturn:
    sys.stderr.write(f"driver.py: {text}\n")
    sys.exit(2)


def known() -> list[str]:
    files = (name for name in os.listdir(HERE) if name.endswith(".py") and name not in NOT_TOPOLOGIES)
    return sorted(name[:-3] for name in files)


def load(name: str, parameters: dict[str, Any], path: str | None) -> Any:
    """The topology as an object. Runs its file as `mn --custom` does."""
    if path is None and name not in known():
        refuse(f"no topology `{name}`; there are: {', '.join(known())}")
    path = path or os.path.join(HERE, name + ".py")
    names: dict[str, Any] = {"__name__": name}
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), names)
    if name not in names.get("topos", {}):
        refuse(f"{path}: defines no topos = {{'{name}': ...}}")
    topology = names["topos"][name](**parameters)
    if topology.shape:
        refuse("bw, delay, jitter, loss and max_queue_size are for `mn`; here, shape the interfaces after the network is up")
    return topology


def parsed(arguments: list[str]) -> tuple[str, bool, dict[str, Any], str | None]:
    """The topology's name, whether to describe only, the parameters, its file."""
    names, describe, parameters, path = [], False, {}, None
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--describe":
            describe = True
        elif argument == "--parameters" and left:
            text = left.pop(0)
            try:
                parameters = json.loads(text)
            except ValueError as error:
                refuse(f"--parameters {text}: {error}")
            if not isinstance(parameters, dict):
                refuse(f"--parameters {text}: is no JSON object; write '{{\"name\": value}}'")
        elif argument == "--file" and left:
            path = left.pop(0)
        elif argument.startswith("-"):
            refuse(f"unknown option {argument}; {USAGE}")
        else:
            names.append(argument)
    if len(names) != 1:
        refuse(USAGE)
    return names[0], describe, parameters, path


def main(arguments: list[str]) -> None:
    if arguments == ["--list"]:
        print("\n".join(known()))
        return
    if arguments == ["--help"]:
        print(__doc__.strip())
        return
    name, describe, parameters, path = parsed(arguments)
    sys.path.insert(0, HERE)
    if sys.flags.no_site:
        sys.path.append("/usr/lib/python3/dist-packages")
    topology = load(name, parameters, path)
    description = topology.describe(name)
    if describe:
        print(json.dumps(description))
        return
    if os.geteuid() != 0:
        refuse("building a network needs root")
    from network import build

    network = build(topology)
    for node in network.hosts:
        description["nodes"][node.name]["pid"] = node.pid
    print(json.dumps(description), flush=True)
    while os.read(0, 4096):
        pass
    os._exit(0)  # at once: there is nothing to take down


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SystemExit as error:  # Refused carries a text, refuse() a status
        refuse(error.code) if isinstance(error.code, str) else sys.exit(error.code)
    except ImportError as error:
        refuse(f"{error}; install Debian's packages mininet and iproute2")
    except Exception as error:
        refuse(f"{type(error).__name__}: {error}")
