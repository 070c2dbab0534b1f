"""What the topologies share: routed nodes with named links and addresses, and a link class for plain `mn` that says so when
the kernel cannot shape as asked (Mininet's own prints tc's complaint and goes on without delay or loss)."""

from __future__ import annotations

from typing import Any

from mininet.link import Link, TCIntf
from mininet.node import Node
from mininet.topo import Topo


class ShapedIntf(TCIntf):
    """A TCIntf whose tc commands must succeed."""

    def tc(self, cmd: str, tc: str = "tc") -> str:
        output = super().tc(cmd, tc)
        if "Error" in output or "Invalid" in output or "unknown" in output.lower() or "RTNETLINK" in output:
            raise RuntimeError(
                f"{self}: this kernel cannot shape the link as asked: `{cmd % (tc, self)}` says: {output.strip()}; "
                "use a kernel with sch_netem, or `liquidnet run`, which brings a link emulator of its own"
            )
        return output


class ShapedLink(Link):
    """A link with Mininet's parameters (bw, delay, loss, max_queue_size) that refuses what it cannot do."""

    def __init__(self, node1: Node, node2: Node, **params: Any) -> None:
        super().__init__(node1, node2, cls1=ShapedIntf, cls2=ShapedIntf, **params)


class Host(Node):
    """A node with static routes; a router forwards as well."""

    def config(self, routes: list[str] | None = None, forward: bool = False, **params: Any) -> dict[str, Any]:
        result = super().config(**params)
        commands = ["echo 1 > /proc/sys/net/ipv4/ip_forward"] if forward else []
        commands += [f"ip route add {route}" for route in routes or []]
        self.pending = " && ".join(commands)
        return result

    def settle(self) -> None:
        """Routes need the addresses of every interface: they follow when all links are there."""
        if self.pending:
            output = self.cmd(self.pending)
            if output.strip():
                raise RuntimeError(f"{self.name}: `{self.pending}` says: {output.strip()}")
            self.pending = ""


class RoutedTopo(Topo):
    """A topology of nodes {name: {"routes": [...], "forward": bool}} and links {name: ((node, address), (node, address))}.

    Interfaces are called NODE-LINK. Shaping parameters, given to the constructor, go to every link (plain `mn` only)."""

    NODES: dict[str, dict[str, Any]] = {}
    LINKS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}

    def build(self, **shape: Any) -> None:
        for name, about in self.NODES.items():
            self.addNode(name, cls=Host, ip=None, inNamespace=True, **about)
        for link, ((left, left_address), (right, right_address)) in self.LINKS.items():
            options: dict[str, Any] = {"cls": ShapedLink, **shape} if shape else {}
            self.addLink(
                left,
                right,
                intfName1=f"{left}-{link}",
                intfName2=f"{right}-{link}",
                params1={"ip": left_address},
                params2={"ip": right_address},
                **options,
            )

    @classmethod
    def describe(cls, topology: str) -> dict[str, Any]:
        """Nodes, interfaces and links by name: what the driver prints, without process ids."""
        nodes: dict[str, Any] = {name: {"interfaces": {}} for name in cls.NODES}
        links: dict[str, Any] = {}
        for link, ends in cls.LINKS.items():
            for node, address in ends:
                nodes[node]["interfaces"][f"{node}-{link}"] = {"link": link, "address": address}
            links[link] = {"ends": [{"node": node, "interface": f"{node}-{link}"} for node, _ in ends]}
        return {"topology": topology, "nodes": nodes, "links": links}
