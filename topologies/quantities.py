"""What can be said of a data-centre topology without traffic, as Trilogy2 D1.4, section 3.1.3, asks it: hops, disjoint paths, faults that are
survived, bisection, cost, growth, and the load that it carries as a fluid. What is sampled or only bounded says so. All seeded."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import Any, Iterator

from graphs import Draws, Graph

PAIRS_ALL = 250  # servers: up to here all pairs, above so many sampled ones
PAIRS_SAMPLED = 10000
SPLITS = 1000


def targets(graph: Graph) -> dict[int, list[int]]:
    """Servers by where their paths end: at their switch where they have one cable, else at themselves."""
    found: dict[int, list[int]] = {}
    for server in range(len(graph.servers)):
        found.setdefault(graph.edges.get(server, server), []).append(server)
    return found


# --- hops


def hops(graph: Graph) -> tuple[float, int]:
    """Cables between two different servers: the mean, the most."""
    total, most, pairs = 0, 0, 0
    for target, servers in targets(graph).items():
        distance = graph.distances(target)
        last = 0 if target in servers else 1
        for other in range(len(graph.servers)):
            for _ in (server for server in servers if server != other):
                steps = distance[other] + last
                total, pairs = total + steps, pairs + 1
                most = max(most, steps)
    return (total / pairs if pairs else 0.0), most


# --- disjoint paths and faults: flows of unit capacity


State = tuple[int, bool]  # a node, on its way in (False) or out (True)


class Ways:
    """Disjoint ways from one server to another: sharing no cable ("cable"), no node in between ("node"), or no switch ("switch"). A node that
    may be used once has a way in and a way out, with one place between them (Ford and Fulkerson; shortest augmenting ways)."""

    def __init__(self, graph: Graph, source: int, sink: int, removable: str) -> None:
        self.graph, self.source, self.sink, self.removable = graph, source, sink, removable
        self.used: set[tuple[int, int]] = set()  # cables in use, in this direction
        self.through: set[int] = set()  # nodes in use, of those that may be used once

    def once(self, node: int) -> bool:
        return self.removable == "node" or (self.removable == "switch" and node >= len(self.graph.servers))

    def steps(self, state: State) -> Iterator[State]:
        """Where a further way could go, or push an older one back."""
        node, out = state
        if not out:
            if not self.once(node) or node not in self.through:
                yield node, True
            for other in self.graph.neighbours[node]:
                if (other, node) in self.used:
                    yield other, True
            return
        if not self.once(node) or node in self.through:
            yield node, False
        for other in self.graph.neighbours[node]:
            if (node, other) not in self.used and (other == self.sink or self.graph.passes(other)):
                yield other, False

    def augment(self) -> bool:
        before: dict[State, State] = {(self.source, True): (self.source, True)}
        queue = deque(before)
        while queue and (self.sink, False) not in before:
            state = queue.popleft()
            for following in self.steps(state):
                if following not in before and following[0] != self.source:
                    before[following] = state
                    queue.append(following)
        if (self.sink, False) not in before:
            return False
        state = (self.sink, False)
        while state != (self.source, True):
            self.take(before[state], state)
            state = before[state]
        return True

    def take(self, left: State, right: State) -> None:
        """One step of the new way."""
        if left[0] == right[0]:
            if self.once(left[0]):
                (self.through.add if right[1] else self.through.discard)(left[0])
        elif left[1]:
            self.used.add((left[0], right[0]))
        else:
            self.used.discard((right[0], left[0]))

    def count(self, bound: int) -> int:
        """How many there are, no more than `bound`."""
        found = 0
        while found < bound and self.augment():
            found += 1
        return found


def pairs(graph: Graph, draws: Draws) -> tuple[Iterator[tuple[int, int]], bool]:
    """Pairs of servers: all of them, or sampled ones (True)."""
    count = len(graph.servers)
    if count <= PAIRS_ALL:
        return ((a, b) for a in range(count) for b in range(a + 1, count)), False

    def sampled() -> Iterator[tuple[int, int]]:
        for _ in range(PAIRS_SAMPLED):
            a = draws.below(count)
            yield a, (a + 1 + draws.below(count - 1)) % count

    return sampled(), True


def disjoint(graph: Graph, removable: str, seed: int = 1) -> tuple[int, bool]:
    """The least number of disjoint ways over pairs of servers, and whether pairs were sampled. A server has no more ways than cables; one
    cable is one way, whatever lies behind."""
    if removable != "switch" and graph.edges:
        return 1, False
    chosen, sampled = pairs(graph, Draws(seed, 0, 5))
    least = min(len(graph.neighbours[server]) for server in range(len(graph.servers)))
    if removable == "switch" and graph.edges:
        return switch_cut(graph), False
    for a, b in chosen:
        # Servers that are joined by a cable of their own cannot be parted by switches alone.
        if removable == "switch" and (not graph.switches or b in graph.neighbours[a]):
            continue
        least = min(least, Ways(graph, a, b, removable).count(least))
    return least, sampled


def switch_cut(graph: Graph) -> int:
    """Servers of one cable: their switch parts them from all others, unless there is no other."""
    return 1 if len(graph.servers) > 1 else 0


def survives(graph: Graph, kind: str, seed: int = 1) -> str:
    """How many components of a kind may fail, any of them, so that the remaining servers are still joined: connectivity less one."""
    if kind == "server":
        if not graph.forwards:
            return "all but one"
        if not graph.switches:
            return str(disjoint(graph, "node", seed)[0] - 1)
        return server_faults(graph, seed)
    if kind == "switch" and not graph.switches:
        return "none to fail"
    return str(disjoint(graph, "cable" if kind == "cable" else "switch", seed)[0] - 1)


def server_faults(graph: Graph, seed: int) -> str:
    """Servers that forward beside switches that do not fail: least ways that share no server in between, less one."""
    chosen, _ = pairs(graph, Draws(seed, 0, 6))
    # Two servers on one switch cannot be parted by other servers; others need as many as their ways.
    swapped = Graph("swapped", graph.switches or ["-"], graph.servers, flipped(graph), forwards=True)
    least = len(graph.servers) - 1
    offset = len(graph.switches)
    for a, b in chosen:
        if set(graph.neighbours[a]) & set(graph.neighbours[b]):
            continue
        least = min(least, Ways(swapped, offset + a, offset + b, "switch").count(least))
        if least <= 1:
            break
    return str(least - 1)


def flipped(graph: Graph) -> list[tuple[int, int]]:
    """The cables with switches numbered first: servers are then what can be removed."""
    servers, switches = len(graph.servers), len(graph.switches)

    def number(node: int) -> int:
        return node - servers if node >= servers else switches + node

    return [(number(left), number(right)) for left, right in graph.cables]


# --- bisection


def bisection(graph: Graph, seed: int = 1) -> tuple[int, str]:
    """Cables that a split of the servers into halves cuts at least: by formula, or no more than what a search found."""
    if graph.bisection is not None:
        return graph.bisection, "exact, by formula"
    draws = Draws(seed, 0, 7)
    best = cut(graph, halves(graph, fiedler(graph, draws)))
    for _ in range(SPLITS):
        order = [draws.below(1 << 30) / 1.0 for _ in graph.servers]
        best = min(best, cut(graph, halves(graph, order)))
    return best, f"at most: the best of {SPLITS} random splits and a spectral one"


def halves(graph: Graph, order: list[float]) -> set[int]:
    """The servers of the lower half."""
    ranked = sorted(range(len(graph.servers)), key=lambda server: (order[server], server))
    return set(ranked[: len(ranked) // 2])


def cut(graph: Graph, lower: set[int]) -> int:
    """Cables cut when each switch goes to the side where most of its neighbours are, until none changes."""
    servers = len(graph.servers)
    side = [node in lower if node < servers else False for node in range(len(graph.neighbours))]
    for _ in range(8):
        changed = False
        for switch in range(servers, len(side)):
            votes = sum(1 if side[other] else -1 for other in graph.neighbours[switch])
            if votes and side[switch] != (votes > 0):
                side[switch], changed = votes > 0, True
        if not changed:
            break
    return sum(side[left] != side[right] for left, right in graph.cables)


def fiedler(graph: Graph, draws: Draws) -> list[float]:
    """By power iteration: the vector that changes least along the cables."""
    count = len(graph.neighbours)
    vector = [draws.below(2001) / 1000 - 1 for _ in range(count)]
    most = 2 * max(len(others) for others in graph.neighbours)
    for _ in range(200):
        mean = sum(vector) / count
        vector = [value - mean for value in vector]
        vector = [
            (most - len(others)) * vector[node] + sum(vector[other] for other in others)
            for node, others in enumerate(graph.neighbours)
        ]
        size = max(abs(value) for value in vector) or 1
        vector = [value / size for value in vector]
    return vector


# --- cost and growth


def cost(graph: Graph) -> dict[str, Any]:
    servers = len(graph.servers)
    inside = len(graph.inside())
    sizes = Counter(len(graph.neighbours[node]) for node in range(servers, len(graph.neighbours)))
    ports = sum(size * count for size, count in sizes.items()) + (2 * len(graph.cables) if not graph.switches else 0)
    return {
        "servers": inside,
        **({"external links": servers - inside} if graph.external else {}),
        "switches": len(graph.switches),
        "switches by ports": ", ".join(f"{count} of {size}" for size, count in sorted(sizes.items())) or "none",
        "cables": len(graph.cables),
        "ports": ports,
        "ports a server": round(ports / inside, 3),
    }


def growth(graph: Graph, larger: Graph) -> dict[str, int]:
    """The next size beside this one: servers and cables that it has more, cables that it has not (they move), switches that need more ports."""
    old = {frozenset((graph.label(left), graph.label(right))) for left, right in graph.cables}
    new = {frozenset((larger.label(left), larger.label(right))) for left, right in larger.cables}
    degree = {larger.label(node): len(others) for node, others in enumerate(larger.neighbours)}
    outgrown = sum(degree.get(name, 0) > len(graph.neighbours[len(graph.servers) + i]) for i, name in enumerate(graph.switches))
    more = len(larger.servers) - len(graph.servers)
    return {"servers": more, "cables": len(new - old), "moved": len(old - new), "outgrown": outgrown}


# --- load, as a fluid: each cable carries 1 in each direction


def shares(graph: Graph, source: int, distance: list[int]) -> dict[tuple[int, int], float]:
    """Of a flow that splits evenly at every node among all shortest ways: what each cable carries of 1."""
    carried: dict[tuple[int, int], float] = {}
    amount = {source: 1.0}
    for hop in range(distance[source], 0, -1):
        following: dict[int, float] = {}
        for node, value in amount.items():
            choices = closer(graph, node, distance)
            for other in choices:
                carried[node, other] = carried.get((node, other), 0) + value / len(choices)
                following[other] = following.get(other, 0) + value / len(choices)
        amount = following
    return carried


def closer(graph: Graph, node: int, distance: list[int]) -> list[int]:
    return [
        other
        for other in graph.neighbours[node]
        if distance[other] == distance[node] - 1 and (distance[other] == 0 or graph.passes(other))
    ]


def single(graph: Graph, source: int, distance: list[int], draws: Draws) -> dict[tuple[int, int], float]:
    """A flow on one of its shortest ways, each next hop by chance."""
    carried = {}
    node = source
    while distance[node] > 0:
        choices = closer(graph, node, distance)
        other = choices[draws.below(len(choices))]
        carried[node, other] = 1.0
        node = other
    return carried


def max_min(flows: list[dict[tuple[int, int], float]]) -> list[float]:
    """Max-min fair rates: all grow alike until a cable is full, whose flows stay there."""
    crossing: dict[tuple[int, int], list[int]] = {}
    for number, carried in enumerate(flows):
        for cable in carried:
            crossing.setdefault(cable, []).append(number)
    weight = {cable: sum(flows[number][cable] for number in numbers) for cable, numbers in crossing.items()}
    frozen = {cable: 0.0 for cable in crossing}  # what flows that stand still take of it
    rates = [-1.0] * len(flows)
    heap = [(1 / value, cable) for cable, value in weight.items()]
    heapq.heapify(heap)
    while heap:
        level, cable = heapq.heappop(heap)
        if weight[cable] <= 1e-12:
            continue
        now = (1 - frozen[cable]) / weight[cable]
        if now > level + 1e-12:
            heapq.heappush(heap, (now, cable))
            continue
        for number in crossing[cable]:
            if rates[number] >= 0:
                continue
            rates[number] = now
            for other, share in flows[number].items():
                weight[other] -= share
                frozen[other] += share * now
    return [rate if rate >= 0 else 1.0 for rate in rates]


def permutation(count: int, draws: Draws) -> list[int]:
    while True:
        order = list(range(count))
        for i in range(count - 1, 0, -1):
            other = draws.below(i + 1)
            order[i], order[other] = order[other], order[i]
        if all(order[i] != i for i in range(count)):
            return order


def permutation_load(graph: Graph, subflows: int, seed: int) -> list[float]:
    """Every server sends to one and receives from one: what each flow gets. subflows 0: split evenly over all shortest ways, as packet
    spraying does; 1: on one of them, as ECMP does; more: so many of them, each for itself, as uncoupled Multipath TCP does."""
    draws = Draws(seed, 0, 8)
    to = permutation(len(graph.servers), draws)
    flows: list[dict[tuple[int, int], float]] = []
    distances: dict[int, list[int]] = {}
    for server, other in enumerate(to):
        target = graph.edges.get(other, other)
        if target not in distances:
            distances[target] = graph.distances(target)
        for _ in range(max(subflows, 1)):
            way = single(graph, server, distances[target], draws) if subflows else shares(graph, server, distances[target])
            if target != other:
                way[target, other] = 1.0
            flows.append(way)
    rates = max_min(flows)
    each = max(subflows, 1)
    return [sum(rates[i * each : (i + 1) * each]) for i in range(len(to))]


def spread(graph: Graph, sources: dict[int, float], sinks: dict[int, float], load: dict[tuple[int, int], float]) -> None:
    """Adds what the cables carry when each source sends sources[s] sinks[t] to each other sink, split evenly over all shortest ways."""
    groups: dict[int, list[int]] = {}
    for sink in sinks:
        groups.setdefault(graph.edges.get(sink, sink), []).append(sink)
    for target, group in groups.items():
        distance = graph.distances(target)
        total = sum(sinks[sink] for sink in group)
        carried = [0.0] * len(distance)
        for source, amount in sources.items():
            carried[source] = amount * (total - (sinks[source] if source in group else 0))
        for node in sorted(range(len(distance)), key=lambda node: -distance[node]):
            if distance[node] <= 0 or not carried[node]:
                continue
            choices = closer(graph, node, distance)
            for other in choices:
                load[node, other] = load.get((node, other), 0) + carried[node] / len(choices)
                carried[other] += carried[node] / len(choices)
        everybody = sum(sources.values())
        for sink in group:
            if sink != target:
                load[target, sink] = load.get((target, sink), 0) + sinks[sink] * (everybody - sources.get(sink, 0))


def uniform_load(graph: Graph) -> float:
    """Every server sends to all others alike: the share of its cable's rate that the fullest cable lets it send."""
    load: dict[tuple[int, int], float] = {}
    servers = graph.inside()
    spread(graph, {server: 1.0 for server in servers}, {server: 1 / (len(servers) - 1) for server in servers}, load)
    return min(1.0, 1 / max(load.values()))


def chain_load(graph: Graph, servers: int, user_to_core: bool) -> float:
    """D1.4, section 3.1.3.0.1: what arrives on an external link visits so many random servers and leaves on another: any, or from users to
    cores and back. Every external link offers its rate; the share of it that the fullest cable of the network lets through."""
    load: dict[tuple[int, int], float] = {}
    inside = graph.inside()
    users = [node for node in graph.external if graph.label(node).startswith("u")]
    cores = [node for node in graph.external if not graph.label(node).startswith("u")]
    ways = [(users, cores), (cores, users)] if user_to_core else [(graph.external, graph.external)]
    for enters, leaves in ways:
        if not enters or not leaves:
            continue
        offered = {node: graph.external_rate for node in enters}
        total = sum(offered.values())
        out = {node: 1 / max(len(leaves) - (enters is leaves), 1) for node in leaves}
        if servers == 0:
            spread(graph, offered, out, load)
            continue
        spread(graph, offered, {server: 1 / len(inside) for server in inside}, load)
        for _ in range(servers - 1):
            spread(graph, {s: total / len(inside) for s in inside}, {s: 1 / max(len(inside) - 1, 1) for s in inside}, load)
        spread(graph, {s: total / len(inside) for s in inside}, {node: 1 / len(leaves) for node in leaves}, load)
    own = set(graph.external)
    inner = [value for (left, right), value in load.items() if left not in own and right not in own]
    return min(1.0, 1 / max(inner)) if inner else 1.0


def chain_hops(graph: Graph, servers: int) -> tuple[float, int]:
    """Cables of a route from one external link over so many random servers to another: the mean, the most."""
    inside, external = graph.inside(), graph.external
    legs = [(external, external)] if servers == 0 else [(external, inside), *[(inside, inside)] * (servers - 1), (inside, external)]
    totals = [between(graph, left, right) for left, right in legs]
    return sum(mean for mean, _ in totals), sum(most for _, most in totals)


def between(graph: Graph, left: list[int], right: list[int]) -> tuple[float, int]:
    """Cables between different nodes of the two lists: the mean, the most."""
    total, most, count = 0, 0, 0
    for target in right:
        distance = graph.distances(target)
        for node in left:
            if node != target:
                total, most, count = total + distance[node], max(most, distance[node]), count + 1
    return (total / count if count else 0.0), most
