"""A Mininet network of any graph (graphs.py): names, addresses, routes.

Every server has, on its loopback, one address that is reached over all equal shortest paths by turns of flows (`any`, 10.128.x.y), and one address
for each of these paths (`path0`, 10.64.x.y; `path1`, 10.65.x.y; ...). A server with one cable also has the address of its interface there, which
is reached like `any`; its own packets carry `any`.

Path number p of a server is a tree of single routes that lead to it: at each node, digit of p by digit, another one of the next hops.
"""

from __future__ import annotations

from typing import Callable

from graphs import Graph, Impossible
from links import Refused
from twins import TwinTopo

PATHS_MAX = 64  # 10.64 to 10.127
ADDRESSES_MAX = 1 << 16


def dotted(first: int, number: int) -> str:
    """Address `number` of 10.first.0.0/16, or beyond."""
    return f"10.{first + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


class FabricTopo(TwinTopo):
    def fabric(self, graph: Graph, mtu: int = 0, ipv6: bool = False) -> None:
        """Lays the graph out."""
        self.ipv6 = bool(ipv6)
        self.graph = graph
        self.number_servers()
        self.routes: list[list[str]] = [[] for _ in graph.neighbours]
        self.hops = self.cable_addresses()
        for target, servers in self.targets().items():
            self.route_to(target, servers)
        for node in range(len(graph.neighbours)):
            add = self.router if graph.passes(node) else self.host
            add(graph.label(node), *self.routes[node])
        for name, (left, a), (right, b) in self.ends:
            self.link(name, (graph.label(left), a), (graph.label(right), b), mtu)
        for server, number in enumerate(self.numbers):
            self.address(graph.label(server), "any", dotted(128, number))
            for path in range(self.paths):
                self.address(graph.label(server), f"path{path}", dotted(64 + path, number))

    def number_servers(self) -> None:
        """A number for each server: those below one switch have a block of their own, so that one route leads to all."""
        graph = self.graph
        below = [[s for s, edge in graph.edges.items() if edge == switch] for switch in sorted(set(graph.edges.values()))]
        self.bits = max((len(servers) - 1).bit_length() for servers in below) if below else 0
        self.numbers = list(range(len(graph.servers)))
        for block, servers in enumerate(below):
            for place, server in enumerate(servers):
                self.numbers[server] = block << self.bits | place
        if max(self.numbers) >= ADDRESSES_MAX:
            raise Refused(f"{len(graph.servers)} servers: addresses run out; at most {ADDRESSES_MAX} numbers, a power of two a switch")

    def targets(self) -> dict[int, list[int]]:
        """Where routes lead: to switches with servers of one cable, and to all other servers themselves."""
        targets: dict[int, list[int]] = {}
        for server in range(len(self.graph.servers)):
            targets.setdefault(self.graph.edges.get(server, server), []).append(server)
        return targets

    def cable_addresses(self) -> dict[tuple[int, int], str]:
        """Names the cables and gives their ends addresses, a /30 each. The address of the next hop from one node to another."""
        hops, self.ends = {}, []
        between = 0
        for left, right in self.graph.cables:
            server = left if left in self.graph.edges else right if right in self.graph.edges else None
            if server is None:
                base, first, between = 4 * between, 32, between + 1
                name = f"{self.graph.label(left)}{self.graph.label(right)}" if self.graph.switches else f"w{between}"
                name = name if len(name) <= 7 else f"w{between}"
            else:
                base, first, name = 4 * self.numbers[server], 0, self.graph.label(server)
            a, b = dotted(first, base + 1), dotted(first, base + 2)
            hops[right, left], hops[left, right] = a, b
            self.ends.append((name, (left, a + "/30"), (right, b + "/30")))
        return hops

    def route_to(self, target: int, servers: list[int]) -> None:
        """Routes of all nodes to one target."""
        graph, distance = self.graph, self.graph.distances(target)
        if min(distance) < 0:
            raise Refused(f"no way from {graph.label(distance.index(-1))} to {graph.label(target)}")
        choices = [self.closer(node, distance) for node in range(len(distance))]
        weights = self.weights(choices, distance)
        number, bits = self.numbers[servers[0]] >> self.bits << self.bits, self.bits if target not in servers else 0
        for node in range(len(distance)):
            if node == target:
                continue
            if node in graph.edges:  # a server with one cable: all it knows is its switch
                if node in servers:
                    self.default(node, target)
                continue
            self.block(node, dotted(128, number), 32 - bits, choices[node])
            if target not in servers:
                self.block(node, dotted(0, 4 * number), 30 - bits, choices[node])
            for path in range(self.paths):
                which = path // weights[distance[node]] if weights[distance[node]] < self.paths else path
                self.block(node, dotted(64 + path, number), 32 - bits, [choices[node][which % len(choices[node])]])
        for server in servers:
            if server != target:  # the last step; the interface's own network is there already
                for first in (128, *range(64, 64 + self.paths)):
                    self.block(target, dotted(first, self.numbers[server]), 32, [server])

    def closer(self, node: int, distance: list[int]) -> list[int]:
        return [
            other
            for other in sorted(self.graph.neighbours[node])
            if distance[other] == distance[node] - 1 and (distance[other] == 0 or self.graph.passes(other))
        ]

    def weights(self, choices: list[list[int]], distance: list[int]) -> list[int]:
        """By what a path's number is divided at each distance: the farthest node takes the lowest digit."""
        most = [1] * (max(distance) + 1)
        for node, hops in enumerate(distance):
            most[hops] = max(most[hops], len(choices[node]))
        weights, weight = [1] * len(most), 1
        for hops in reversed(range(len(most))):
            weights[hops] = weight
            weight *= most[hops]
        return weights

    def block(self, node: int, network: str, length: int, choices: list[int]) -> None:
        """A route of a node, over one next hop or a group of them. What a server sends itself carries its address `any`."""
        gateways = [self.hops[node, other] for other in choices]
        source = f" src {dotted(128, self.numbers[node])}" if node < len(self.numbers) else ""
        group = f" via {gateways[0]}" if len(gateways) == 1 else "".join(f" nexthop via {gateway}" for gateway in gateways)
        self.routes[node].append(f"{network}/{length}{source}{group}")

    def default(self, server: int, switch: int) -> None:
        self.routes[server].append(f"default via {self.hops[server, switch]} src {dotted(128, self.numbers[server])}")

    @property
    def paths(self) -> int:
        """The most equal paths that two servers have."""
        if not hasattr(self, "most_paths"):
            self.most_paths = max(self.paths_to(target) for target in self.targets())
            if self.most_paths > PATHS_MAX:
                raise Refused(f"{self.most_paths} equal paths between two servers: addresses run out; at most {PATHS_MAX}")
        return self.most_paths

    def paths_to(self, target: int) -> int:
        distance = self.graph.distances(target)
        count = [0] * len(distance)
        count[target] = 1
        for node in sorted(range(len(distance)), key=lambda n: distance[n]):
            if node != target:
                count[node] = sum(count[other] for other in self.closer(node, distance))
        return max(count)


def made(build: Callable[..., Graph], **parameters: int | str) -> Graph:
    """The graph, or Refused, as Mininet's topologies refuse."""
    try:
        return build(**parameters)
    except Impossible as error:
        raise Refused(str(error)) from error
