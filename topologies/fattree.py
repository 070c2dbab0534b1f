"""A fat tree of k-port switches (Al-Fares et al., SIGCOMM 2008): k pods of k/2 edge and k/2 aggregation switches, k^2/4 cores, k^3/4 hosts; with
`oversubscribed`, so many times as many hosts below each edge switch.

    hP.E.N --P.E.N-- eP.E --ePEA-- aP.A --uPAC-- cA.C

Host N below edge switch E of pod P is 10.128.P.(16E+N) over all paths, by turns of flows (address `any`), and 10.(64+X).P.(16E+N) over path X alone
(address `pathX`): to another pod, path X goes over aggregation switch X / (k/2) of each pod and its core X mod (k/2). Links are /30 networks:
10.0.PE.4N (edge .1, host .2), 10.1.PA.4E (edge .1, aggregation .2), 10.2.PA.4C (core .1, aggregation .2), with PE, PA the number of a pod's
first switch, P k/2, plus E or A. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/fattree.py --topo fattree,k=4 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import PATHS_MAX, made  # noqa: E402
from links import Refused  # noqa: E402
from twins import TwinTopo  # noqa: E402

HOSTS_MAX = 16  # of an edge switch: four bits of an address


def group(network: str, gateways: list[str]) -> str:
    """A route over all of them."""
    return f"{network} " + " ".join(f"nexthop via {gateway}" for gateway in gateways)


class FattreeTopo(TwinTopo):
    def layout(self, k: int = 4, oversubscribed: int = 1, mtu: int = 0, ipv6: bool = False) -> None:
        made(graphs.fattree, k=k, oversubscribed=oversubscribed)
        self.ipv6 = bool(ipv6)
        self.k, self.half = k, k // 2
        self.paths, self.below = self.half**2, self.half * oversubscribed
        if self.paths > PATHS_MAX:
            raise Refused(f"k={k}: {self.paths} equal paths between two hosts: addresses run out; at most k=16, {PATHS_MAX} paths")
        if self.below > HOSTS_MAX:
            raise Refused(f"oversubscribed={oversubscribed}: {self.below} hosts an edge switch; at most {HOSTS_MAX}")
        for pod in range(k):
            self.add_pod(pod)
        for a in range(self.half):
            for c in range(self.half):
                self.router(f"c{a}.{c}", *self.core_routes(a, c))
        for pod in range(k):
            self.add_links(pod, mtu)

    def switch(self, pod: int, place: int) -> int:
        """The number of a pod's edge or aggregation switch among all."""
        return pod * self.half + place

    def prefixes(self) -> list[int]:
        """The second bytes of host addresses: of all paths together, then of each."""
        return [128, *range(64, 64 + self.paths)]

    def add_pod(self, pod: int) -> None:
        for a in range(self.half):
            self.router(f"a{pod}.{a}", *self.aggregation_routes(pod, a))
        for e in range(self.half):
            self.router(f"e{pod}.{e}", *self.edge_routes(pod, e))
            for n in range(self.below):
                name, own = f"h{pod}.{e}.{n}", f"{pod}.{16 * e + n}"
                self.host(name, f"default via 10.0.{self.switch(pod, e)}.{4 * n + 1} src 10.128.{own}")
                self.address(name, "any", f"10.128.{own}")
                for path in range(self.paths):
                    self.address(name, f"path{path}", f"10.{64 + path}.{own}")

    def edge_routes(self, pod: int, e: int) -> list[str]:
        up = [f"10.1.{self.switch(pod, a)}.{4 * e + 2}" for a in range(self.half)]
        routes = [
            f"10.{first}.{pod}.{16 * e + n}/32 via 10.0.{self.switch(pod, e)}.{4 * n + 2}"
            for first in self.prefixes()
            for n in range(self.below)
        ]
        routes += [group("10.128.0.0/16", up), group("10.0.0.0/16", up)]
        return routes + [f"10.{64 + path}.0.0/16 via {up[path // self.half]}" for path in range(self.paths)]

    def aggregation_routes(self, pod: int, a: int) -> list[str]:
        up = [f"10.2.{self.switch(pod, a)}.{4 * c + 1}" for c in range(self.half)]
        down = [f"10.1.{self.switch(pod, a)}.{4 * e + 1}" for e in range(self.half)]
        routes = [f"10.{first}.{pod}.{16 * e}/28 via {down[e]}" for first in self.prefixes() for e in range(self.half)]
        routes += [f"10.0.{self.switch(pod, e)}.0/24 via {down[e]}" for e in range(self.half)]
        routes += [group("10.128.0.0/16", up), group("10.0.0.0/16", up)]
        return routes + [f"10.{64 + a * self.half + c}.0.0/16 via {up[c]}" for c in range(self.half)]

    def core_routes(self, a: int, c: int) -> list[str]:
        routes = []
        for pod in range(self.k):
            down = f"10.2.{self.switch(pod, a)}.{4 * c + 2}"
            routes += [f"10.{first}.{pod}.0/24 via {down}" for first in (128, 64 + a * self.half + c)]
            routes += [f"10.0.{self.switch(pod, e)}.0/24 via {down}" for e in range(self.half)]
        return routes

    def add_links(self, pod: int, mtu: int) -> None:
        for e in range(self.half):
            for n in range(self.below):
                net = f"10.0.{self.switch(pod, e)}."
                self.link(f"{pod}.{e}.{n}", (f"h{pod}.{e}.{n}", f"{net}{4 * n + 2}/30"), (f"e{pod}.{e}", f"{net}{4 * n + 1}/30"), mtu)
            for a in range(self.half):
                net = f"10.1.{self.switch(pod, a)}."
                self.link(f"e{pod}{e}{a}", (f"e{pod}.{e}", f"{net}{4 * e + 1}/30"), (f"a{pod}.{a}", f"{net}{4 * e + 2}/30"), mtu)
        for a in range(self.half):
            for c in range(self.half):
                net = f"10.2.{self.switch(pod, a)}."
                self.link(f"u{pod}{a}{c}", (f"a{pod}.{a}", f"{net}{4 * c + 2}/30"), (f"c{a}.{c}", f"{net}{4 * c + 1}/30"), mtu)


topos = {"fattree": FattreeTopo}
