"""@NAME@: a client and a server with two disjoint paths.

    client --a1-- ra --a2-- server
    client --b1-- rb --b2-- server

The experiment beside this file uses it (topology: @NAME@). docs/topologies.md explains every call.
"""

from __future__ import annotations

from links import RoutedTopo


class OwnTopo(RoutedTopo):
    def layout(self) -> None:
        # host(NAME, ROUTE...): routes as `ip route add` takes them. A router forwards, a host does not.
        self.host("client", "default via 10.1.1.2", "10.2.2.0/24 via 10.2.1.2")
        self.router("ra")
        self.router("rb")
        self.host("server", "default via 10.1.2.2", "10.2.1.0/24 via 10.2.2.2")
        # link(NAME, (NODE, ADDRESS), (NODE, ADDRESS)): rate, delay and loss are the experiment's business.
        self.link("a1", ("client", "10.1.1.1/24"), ("ra", "10.1.1.2/24"))
        self.link("a2", ("ra", "10.1.2.2/24"), ("server", "10.1.2.1/24"))
        self.link("b1", ("client", "10.2.1.1/24"), ("rb", "10.2.1.2/24"))
        self.link("b2", ("rb", "10.2.2.2/24"), ("server", "10.2.2.1/24"))


topos = {"@NAME@": OwnTopo}
