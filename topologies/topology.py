"""liquidnet topology: what a data-centre topology is, without traffic

    liquidnet topology NAME [KEY=VALUE...]           its quantities (Trilogy2 D1.4, section 3.1.3)
    liquidnet topology --compare SPEC SPEC...        those of several with as many servers, side by side
    liquidnet topology --list                        the topologies and their parameters
    liquidnet topology NAME [KEY=VALUE...] --plot    a drawing, SVG
    liquidnet topology NAME [KEY=VALUE...] --dot     the graph for graphviz

  --format table|csv|json   (default table)
  --seed N                  of samples, random splits and permutations (default 1)
  --brief                   without disjoint paths, faults and loads of permutations, which take longest

SPEC: NAME, or NAME:KEY=VALUE,KEY=VALUE. The same names and parameters make Mininet networks: topologies/driver.py, mn --custom, experiments.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import drawing  # noqa: E402
import graphs  # noqa: E402
import quantities as q  # noqa: E402

PERMUTATIONS = 20
LARGE = 2000  # servers: above, one permutation is enough of a sample
Row = tuple[str, Any, str]  # a quantity, its value, what is to be known of it


def refuse(text: str) -> NoReturn:
    sys.stderr.write(f"liquidnet topology: {text}\n")
    sys.exit(2)


class Request:
    """The command line, checked."""

    def __init__(self, arguments: list[str]) -> None:
        self.format, self.seed, self.brief, self.action = "table", 1, False, "quantities"
        self.words: list[str] = []
        left = list(arguments)
        while left:
            word = left.pop(0)
            if word in ("--compare", "--list", "--plot", "--dot"):
                self.action = word[2:]
            elif word == "--brief":
                self.brief = True
            elif word in ("--format", "--seed"):
                if not left:
                    refuse(f"{word} needs a value")
                self.option(word, left.pop(0))
            elif word.startswith("-"):
                refuse(f"unknown option {word}; `liquidnet topology --help` lists them")
            else:
                self.words.append(word)

    def option(self, name: str, text: str) -> None:
        if name == "--format":
            if text not in ("table", "csv", "json"):
                refuse(f"--format {text}: there are table, csv, json")
            self.format = text
        elif text.isdigit() and int(text) < 2**63:
            self.seed = int(text)
        else:
            refuse(f"--seed {text}: a whole number, from 0")


def one(words: list[str]) -> graphs.Graph:
    """NAME KEY=VALUE..., or a SPEC."""
    if not words:
        refuse("which topology? `liquidnet topology --list` lists them")
    if len(words) == 1:
        return graphs.parsed(words[0])
    separator = "," if ":" in words[0] else ":"
    return graphs.parsed(words[0] + separator + ",".join(words[1:]))


# --- quantities


def rows(graph: graphs.Graph, request: Request) -> list[Row]:
    mean, most = q.hops(graph)
    cut, how = q.bisection(graph, request.seed)
    table: list[Row] = [(name, value, "") for name, value in q.cost(graph).items()]
    table += [("hops, mean", round(mean, 4), "cables between two servers"), ("hops, most", most, "")]
    table += [("bisection, cables", cut, how)]
    if not request.brief:
        table += faults(graph, request.seed)
    table += growth(graph)
    table.append(("load, all to all", round(q.uniform_load(graph), 4), "of a server's rate; split over all shortest ways"))
    if graph.external:
        table += outside(graph)
    elif not request.brief:
        table += permutations(graph, request.seed)
    return table


def faults(graph: graphs.Graph, seed: int) -> list[Row]:
    table: list[Row] = []
    for name, kind in (("node-disjoint paths, least", "node"), ("edge-disjoint paths, least", "cable")):
        least, sampled = q.disjoint(graph, kind, seed)
        table.append((name, least, f"{q.PAIRS_SAMPLED} sampled pairs" if sampled else "all pairs"))
    for kind, name in (("cable", "cables"), ("switch", "switches"), ("server", "servers")):
        table.append((f"survives failures of any {name}", q.survives(graph, kind, seed), "redundancy level"))
    return table


def growth(graph: graphs.Graph) -> list[Row]:
    if not graph.next_size:
        return []
    try:
        larger = graphs.parsed(graph.next_size)
    except graphs.Impossible:
        return []
    more = q.growth(graph, larger)
    if graph.name == "jellyfish":  # the paper's way to grow, not another draw
        degree = max(len(others) for others in graph.neighbours[len(graph.servers) :]) - len(graph.servers) // len(graph.switches)
        more = {"servers": len(graph.servers) // len(graph.switches), "cables": degree // 2, "moved": degree // 2, "outgrown": 0}
    return [
        ("next size: more servers", more["servers"], graph.next_size),
        ("next size: new cables", more["cables"], ""),
        ("next size: cables that move", more["moved"], ""),
        ("next size: switches that need more ports", more["outgrown"], ""),
    ]


def permutations(graph: graphs.Graph, seed: int) -> list[Row]:
    """Every server sends to one: the mean and the least share of a cable that a flow gets."""
    table: list[Row] = []
    count = 1 if len(graph.servers) > LARGE else PERMUTATIONS
    for name, subflows in (("split over all shortest ways", 0), ("one random way", 1), ("eight subflows", 8)):
        loads = [q.permutation_load(graph, subflows, seed + i) for i in range(count)]
        mean = sum(sum(load) / len(load) for load in loads) / count
        table.append((f"load, permutation, {name}", round(mean, 4), f"mean of {count}; least {min(map(min, loads)):.4f}"))
    return table


def outside(graph: graphs.Graph) -> list[Row]:
    """What a point of presence carries, and how far."""
    table: list[Row] = []
    for servers in range(6):
        mean, most = q.chain_hops(graph, servers)
        table.append((f"hops over {servers} servers, mean", round(mean, 4), f"from outside to outside; most {most}"))
    for servers in range(1, 4):
        for name, straight in (("any link to any", False), ("users to cores", True)):
            share = q.chain_load(graph, servers, straight)
            table.append((f"load over {servers} servers, {name}", round(share, 4), "delivered of offered"))
    return table


# --- output


def put(columns: list[str], table: list[list[Any]], request: Request) -> None:
    if request.format == "json":
        print(json.dumps([dict(zip(columns, row)) for row in table], indent=1))
    elif request.format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(table)
    else:
        texts = [columns, *([str(cell) for cell in row] for row in table)]
        widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]
        for row in texts:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def compare(request: Request) -> None:
    found = [(spec, graphs.parsed(spec)) for spec in request.words]
    if len(found) < 2:
        refuse("--compare needs two topologies or more: --compare fattree:k=4 bcube:n=4,levels=1")
    if len({len(graph.inside()) for _, graph in found}) > 1:
        sizes = ", ".join(f"{spec} has {len(graph.inside())}" + near(graph) for spec, graph in found)
        refuse(f"--compare: not as many servers: {sizes}")
    tables = [{name: value for name, value, _ in rows(graph, request)} for _, graph in found]
    names = list(dict.fromkeys(name for table in tables for name in table))
    put(["quantity", *(spec for spec, _ in found)], [[name, *(table.get(name, "") for table in tables)] for name in names], request)


def near(graph: graphs.Graph) -> str:
    try:
        larger = graphs.parsed(graph.next_size) if graph.next_size else None
    except graphs.Impossible:
        larger = None
    return f" (next: {graph.next_size}, {len(larger.servers)})" if larger else ""


def known(request: Request) -> None:
    table = []
    for name, build in graphs.NETWORKS.items():
        code, defaults = build.__code__, build.__defaults__ or ()
        parameters = [f"{key}={value}" for key, value in zip(code.co_varnames[: code.co_argcount], defaults)]
        table.append([name, " ".join(parameters), " ".join((build.__doc__ or "").split()).partition(". ")[0]])
    put(["topology", "parameters", "what"], table, request)


def main(arguments: list[str]) -> None:
    if "--help" in arguments or "-h" in arguments:
        print((__doc__ or "").strip())
        return
    request = Request(arguments)
    if request.action == "list":
        known(request)
    elif request.action == "compare":
        compare(request)
    elif request.action == "plot":
        sys.stdout.write(drawing.svg(one(request.words)))
    elif request.action == "dot":
        sys.stdout.write(drawing.dot(one(request.words)))
    else:
        put(["quantity", "value", "note"], [list(row) for row in rows(one(request.words), request)], request)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except graphs.Impossible as impossible:
        refuse(str(impossible))
    except BrokenPipeError:
        os._exit(1)  # who reads has enough
