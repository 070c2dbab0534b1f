"""Data-centre networks as graphs: servers, switches, cables. From these come Mininet networks (fabric.py), and what can be said of a topology
without traffic (topology.py). Nothing here needs Mininet.

Sources: fat tree: Al-Fares et al., SIGCOMM 2008. VL2: Greenberg et al., SIGCOMM 2009. BCube: Guo et al., SIGCOMM 2009. CamCube (torus): Abu-Libdeh et
al., SIGCOMM 2010. Jellyfish: Singla et al., NSDI 2012. Which of them D1.4 (Trilogy2, 2015), section 3.1, asks about, and how.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
DRAW_BITS = 53


class Impossible(Exception):
    """Parameters that make no network. The message is one line: which, and what is allowed."""


@dataclass
class Graph:
    """Nodes are numbers: servers 0..servers-1, then switches. `forwards`: servers forward for others (direct networks)."""

    name: str
    servers: list[str]
    switches: list[str]
    cables: list[tuple[int, int]]
    forwards: bool = False
    edges: dict[int, int] = field(default_factory=dict)  # the switch of each server that has one cable
    bisection: int | None = None  # cables of the least balanced cut, where a formula is known
    next_size: str = ""  # the next larger network of its kind
    external: list[int] = field(default_factory=list)  # of the servers: external links (pop)
    external_rate: float = 1.0  # of each, in rates of a cable

    def __post_init__(self) -> None:
        self.neighbours: list[list[int]] = [[] for _ in range(len(self.servers) + len(self.switches))]
        for left, right in self.cables:
            self.neighbours[left].append(right)
            self.neighbours[right].append(left)
        for server in range(len(self.servers)):
            if len(self.neighbours[server]) == 1:
                self.edges[server] = self.neighbours[server][0]

    def label(self, node: int) -> str:
        return self.servers[node] if node < len(self.servers) else self.switches[node - len(self.servers)]

    def inside(self) -> list[int]:
        """The servers that are no external links."""
        return [server for server in range(len(self.servers)) if server not in self.external]

    def passes(self, node: int) -> bool:
        """Whether a node forwards for others."""
        return node >= len(self.servers) or self.forwards

    def distances(self, target: int) -> list[int]:
        """Cables from every node to `target`; -1: no way."""
        hops = [-1] * len(self.neighbours)
        hops[target] = 0
        queue = deque([target])
        while queue:
            node = queue.popleft()
            if node != target and not self.passes(node):
                continue
            for other in self.neighbours[node]:
                if hops[other] < 0:
                    hops[other] = hops[node] + 1
                    queue.append(other)
        return hops


# --- random numbers: lib/base/draw.h, so that the simulator draws the same graph from the same seed


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Draws:
    """splitmix64 by counter: a sequence of draws of one seed, stream and purpose."""

    def __init__(self, seed: int, stream: int = 0, what: int = 1) -> None:
        self.key = mix((mix((seed + GOLDEN) & MASK) + 16 * stream + what) & MASK)
        self.number = 0

    def below(self, count: int) -> int:
        draw = mix((self.key + self.number * GOLDEN) & MASK) >> (64 - DRAW_BITS)
        self.number += 1
        return ((draw >> (DRAW_BITS - 32)) * count) >> 32


# --- the networks


def whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Impossible(f"{name}={value}: write {least} to {most}")
    return value


def fattree(k: int = 4, oversubscribed: int = 1) -> Graph:
    """k pods of k/2 edge and k/2 aggregation switches, k^2/4 cores; k^3/4 servers, 5k^2/4 switches, 3k^3/4 cables; (k/2)^2 paths between
    pods. With `oversubscribed`, so many times as many servers below each edge switch."""
    whole("k", k, 2, 32)
    whole("oversubscribed", oversubscribed, 1, 64)
    if k % 2:
        raise Impossible(f"k={k}: a fat tree has an even number of ports a switch")
    half = k // 2
    below = half * oversubscribed
    servers = [f"h{p}.{e}.{n}" for p in range(k) for e in range(half) for n in range(below)]
    edge = [f"e{p}.{e}" for p in range(k) for e in range(half)]
    aggregation = [f"a{p}.{a}" for p in range(k) for a in range(half)]
    core = [f"c{a}.{c}" for a in range(half) for c in range(half)]
    first = len(servers)
    second, third = first + len(edge), first + 2 * len(edge)
    cables = [(i, first + i // below) for i in range(len(servers))]
    cables += [(first + p * half + e, second + p * half + a) for p in range(k) for e in range(half) for a in range(half)]
    cables += [(second + p * half + a, third + a * half + c) for p in range(k) for a in range(half) for c in range(half)]
    graph = Graph("fattree", servers, edge + aggregation + core, cables, bisection=k**3 // 8)
    graph.next_size = f"fattree:k={k + 2},oversubscribed={oversubscribed}"
    return graph


def leafspine(leaves: int = 4, spines: int = 2, hosts: int = 2) -> Graph:
    """Every leaf joined to every spine; `hosts` a leaf. The default is the testbed of NDP (SIGCOMM 2017): 8 hosts, six four-port switches,
    16 cables."""
    whole("leaves", leaves, 1, 255)
    whole("spines", spines, 1, 64)
    whole("hosts", hosts, 1, 63)
    servers = [f"h{leaf}.{n}" for leaf in range(leaves) for n in range(hosts)]
    first = len(servers)
    cables = [(i, first + i // hosts) for i in range(len(servers))]
    cables += [(first + leaf, first + leaves + spine) for leaf in range(leaves) for spine in range(spines)]
    switches = [f"l{leaf}" for leaf in range(leaves)] + [f"s{spine}" for spine in range(spines)]
    graph = Graph("leafspine", servers, switches, cables, bisection=leaves * min(spines, hosts) // 2 if leaves % 2 == 0 else None)
    graph.next_size = f"leafspine:leaves={leaves + 1},spines={spines},hosts={hosts}"
    return graph


def star(leaves: int = 3) -> Graph:
    """One switch; the baseline of D1.4, section 3.1.2.2, for tens of servers."""
    whole("leaves", leaves, 2, 8192)
    cables = [(i, leaves) for i in range(leaves)]
    graph = Graph("star", [f"leaf{i}" for i in range(1, leaves + 1)], ["hub"], cables, bisection=leaves // 2)
    graph.next_size = f"star:leaves={leaves + 1}"
    return graph


def tree(aggregation: int = 2, access: int = 2, hosts: int = 2) -> Graph:
    """One core, `aggregation` switches below it, `access` switches below each, `hosts` below each of these: no redundancy."""
    whole("aggregation", aggregation, 1, 32)
    whole("access", access, 1, 32)
    whole("hosts", hosts, 1, 63)
    servers = [f"h{a}.{e}.{n}" for a in range(aggregation) for e in range(access) for n in range(hosts)]
    first, second = len(servers), len(servers) + aggregation * access
    cables = [(i, first + i // hosts) for i in range(len(servers))]
    cables += [(first + i, second + i // access) for i in range(aggregation * access)]
    cables += [(second + a, second + aggregation) for a in range(aggregation)]
    switches = [f"e{a}.{e}" for a in range(aggregation) for e in range(access)] + [f"a{a}" for a in range(aggregation)] + ["c"]
    graph = Graph("tree", servers, switches, cables)
    graph.next_size = f"tree:aggregation={aggregation + 1},access={access},hosts={hosts}"
    return graph


def vl2(da: int = 4, di: int = 4, hosts: int = 2) -> Graph:
    """da di / 4 top-of-rack switches with two uplinks, di aggregation switches of da ports, da / 2 intermediate switches of di ports. All
    cables have one rate here; in the paper those between switches have ten times a server's."""
    whole("da", da, 2, 128)
    whole("di", di, 2, 128)
    whole("hosts", hosts, 1, 63)
    if da % 2 or di % 2:
        raise Impossible(f"da={da}, di={di}: both are even")
    racks = da * di // 4
    servers = [f"h{rack}.{n}" for rack in range(racks) for n in range(hosts)]
    first, second = len(servers), len(servers) + racks
    third = second + di
    cables = [(i, first + i // hosts) for i in range(len(servers))]
    for rack in range(racks):
        cables += [(first + rack, second + 2 * rack % di), (first + rack, second + (2 * rack + 1) % di)]
    cables += [(second + a, third + i) for a in range(di) for i in range(da // 2)]
    switches = [f"t{rack}" for rack in range(racks)] + [f"a{a}" for a in range(di)] + [f"i{i}" for i in range(da // 2)]
    graph = Graph("vl2", servers, switches, cables)
    graph.next_size = f"vl2:da={da},di={di + 2},hosts={hosts}"
    return graph


def bcube(n: int = 4, levels: int = 1) -> Graph:
    """BCube(n, k) with k = `levels`: n^(k+1) servers that forward, (k+1) n^k switches of n ports, (k+1) n^(k+1) cables; k+1 disjoint paths,
    at most k+1 servers onwards. Cut in half by the highest digit, n even: n^(k+1) / 2 cables."""
    whole("n", n, 2, 64)
    whole("levels", levels, 0, 5)
    count = n ** (levels + 1)
    if count > 8192:
        raise Impossible(f"bcube:n={n},levels={levels}: {count} servers; at most 8192")
    each = n**levels
    cables = []
    for level in range(levels + 1):
        for server in range(count):
            # The switch of a level joins the servers that differ in that digit.
            high, low = divmod(server, n ** (level + 1))
            cables.append((server, count + level * each + high * n**level + low % n**level))
    switches = [f"b{level}.{i}" for level in range(levels + 1) for i in range(each)]
    graph = Graph("bcube", [f"h{i}" for i in range(count)], switches, cables, forwards=True)
    graph.bisection = count // 2 if n % 2 == 0 else None
    graph.next_size = f"bcube:n={n},levels={levels + 1}"
    return graph


def torus(x: int = 3, y: int = 3, z: int = 3) -> Graph:
    """CamCube: x y z servers and no switches; each has a cable to six neighbours (two in a direction of length 2 are one). For even
    lengths the least balanced cut is across the longest direction: twice the servers of a slice."""
    lengths = [whole(name, value, 1, 32) for name, value in (("x", x), ("y", y), ("z", z))]
    count = x * y * z
    if not 2 <= count <= 8192:
        raise Impossible(f"torus:x={x},y={y},z={z}: {count} servers; 2 to 8192")

    def at(i: int, j: int, k: int) -> int:
        return (i % x * y + j % y) * z + k % z

    cables = set()
    for i in range(x):
        for j in range(y):
            for k in range(z):
                for other in (at(i + 1, j, k), at(i, j + 1, k), at(i, j, k + 1)):
                    if other != at(i, j, k):
                        cables.add((min(at(i, j, k), other), max(at(i, j, k), other)))
    servers = [f"h{i}.{j}.{k}" for i in range(x) for j in range(y) for k in range(z)]
    graph = Graph("torus", servers, [], sorted(cables), forwards=True)
    longest = max(lengths)
    if longest % 2 == 0:
        graph.bisection = (2 if longest > 2 else 1) * count // longest
    graph.next_size = f"torus:x={x + 1},y={y},z={z}"
    return graph


def jellyfish(switches: int = 10, ports: int = 4, degree: int = 3, seed: int = 1) -> Graph:
    """A random regular graph of switches with `ports` ports, of which `degree` lead to other switches and the rest to servers. Another
    graph for each seed; the same as the simulator's."""
    whole("switches", switches, 3, 1024)
    whole("ports", ports, 2, 1024)
    whole("degree", degree, 2, switches - 1)
    whole("seed", seed, 0, 2**63 - 1)
    if degree >= ports:
        raise Impossible(f"ports={ports}, degree={degree}: no port is left for a server")
    if switches * degree % 2:
        raise Impossible(f"switches={switches}, degree={degree}: their product is even, each cable has two ends")
    joined = regular(switches, degree, Draws(seed, 0, 3))
    hosts = ports - degree
    servers = [f"h{s}.{n}" for s in range(switches) for n in range(hosts)]
    first = len(servers)
    cables = [(i, first + i // hosts) for i in range(first)]
    cables += [(first + a, first + b) for a in range(switches) for b in range(a + 1, switches) if b in joined[a]]
    graph = Graph("jellyfish", servers, [f"s{s}" for s in range(switches)], cables)
    if min(graph.distances(0)) < 0:
        raise Impossible(f"jellyfish of seed {seed}: the graph falls apart; another seed, or a larger degree")
    graph.next_size = f"jellyfish:switches={switches + 1 if degree % 2 == 0 else switches + 2},ports={ports},degree={degree},seed={seed}"
    return graph


def regular(count: int, degree: int, draws: Draws) -> list[set[int]]:
    """Joins random pairs that are not joined until none can be; then takes cables apart for the ports that are left."""
    joined: list[set[int]] = [set() for _ in range(count)]
    free = [degree] * count

    def join(a: int, b: int) -> None:
        joined[a].add(b)
        joined[b].add(a)
        free[a] -= 1
        free[b] -= 1

    while True:
        pairs = [(a, b) for a in range(count) if free[a] for b in range(a + 1, count) if free[b] and b not in joined[a]]
        if not pairs:
            break
        join(*pairs[draws.below(len(pairs))])
    while any(free):
        a = next(i for i in range(count) if free[i])
        b = a if free[a] > 1 else next(i for i in range(a + 1, count) if free[i])
        cables = [
            (x, y)
            for x in range(count)
            for y in sorted(joined[x])
            if x not in (a, b) and y not in (a, b) and x not in joined[a] and y not in joined[b]
        ]
        if not cables:
            raise Impossible("jellyfish: no regular graph came of this seed; another seed, or a smaller degree")
        x, y = cables[draws.below(len(cables))]
        joined[x].discard(y)
        joined[y].discard(x)
        free[x] += 1
        free[y] += 1
        join(a, x)
        join(b, y)
    return joined


def pop(of: str = "leafspine", users: int = 2, cores: int = 2, rate: float = 1.0) -> Graph:
    """A point of presence (D1.4, section 3.1.2.1): a network, with `users` external links to users (u1, ...) and `cores` to the rest of the
    operator's network (c1, ...), in turn at the switches that have servers, or at the servers of a network without switches. `of` is
    another network, NAME or NAME:KEY=VALUE,KEY=VALUE; `rate`: of an external link, in rates of a cable."""
    whole("users", users, 1, 1024)
    whole("cores", cores, 1, 1024)
    if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate <= 1000:
        raise Impossible(f"rate={rate}: write a number, up to 1000")
    if of.partition(":")[0] == "pop":
        raise Impossible("of=pop: a point of presence of another network")
    base = parsed(of)
    count = len(base.servers)
    places = sorted(set(base.edges.values())) or list(range(count))
    names = [f"u{i}" for i in range(1, users + 1)] + [f"c{i}" for i in range(1, cores + 1)]
    if set(names) & set(base.servers + base.switches):
        names = [f"x{name}" for name in names]
    # Numbers of switches move up by the external links, which are servers.
    more = len(names)
    cables = [(left + more * (left >= count), right + more * (right >= count)) for left, right in base.cables]
    for i in range(more):
        place = places[i % len(places)]
        cables.append((count + i, place + more * (place >= count)))
    graph = Graph("pop", base.servers + names, base.switches, cables, base.forwards)
    graph.external, graph.external_rate = list(range(count, count + more)), float(rate)
    graph.next_size = ""
    return graph


def value(text: str) -> Any:
    """A parameter as people write it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def parsed(text: str) -> Graph:
    """NAME, or NAME:KEY=VALUE,KEY=VALUE."""
    name, _, rest = text.partition(":")
    if name not in NETWORKS:
        raise Impossible(f"no topology `{name}`; there are: {', '.join(NETWORKS)}")
    parameters = {}
    for word in rest.split(",") if rest else []:
        key, equals, given = word.partition("=")
        if not equals:
            raise Impossible(f"{text}: `{word}` is no parameter; write KEY=VALUE")
        parameters[key] = value(given)
    return made(name, parameters)


def made(name: str, parameters: dict[str, Any]) -> Graph:
    build = NETWORKS[name]
    known = build.__code__.co_varnames[: build.__code__.co_argcount]
    for key in parameters:
        if key not in known:
            raise Impossible(f"{name}: no parameter `{key}`; there are: {', '.join(known)}")
    return build(**parameters)


NETWORKS: dict[str, Callable[..., Graph]] = {
    "fattree": fattree,
    "leafspine": leafspine,
    "star": star,
    "tree": tree,
    "vl2": vl2,
    "bcube": bcube,
    "torus": torus,
    "jellyfish": jellyfish,
    "pop": pop,
}
