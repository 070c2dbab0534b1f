"""What the topologies share: nodes with addresses and static routes, links with names.

A topology is a subclass of RoutedTopo that lays its nodes and links out; `mn` builds it from that, and so does driver.py.
Under `mn`, links take Mininet's shaping parameters, but refuse what the kernel cannot do: Mininet's own link prints tc's
complaint and goes on without delay or loss.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from typing import Any

from mininet.link import Link, TCIntf
from mininet.node import Node
from mininet.topo import Topo

INTERFACE_NAME_MAX = 15  # IFNAMSIZ without its zero
BW_MAX = TCIntf.bwParamMax  # Mbit/s; above it Mininet ignores the rate

# Under `mn`, a node's name is a word of its command line, which would end at the dot of h0.1.0.
if "mininet.cli" in sys.modules:
    sys.modules["mininet.cli"].CLI.identchars += "."


class Refused(SystemExit):
    """What was asked cannot be built. The message is one line: where, what, remedy.

    A SystemExit, because `mn` answers any other exception by killing programs and deleting interfaces by name, all over the
    host. What was built so far goes with the process: it has no life outside the nodes' namespaces.
    """


def check_shape(where: str, name: str, value: Any) -> None:
    """Refuses what Mininet ignores or tc misunderstands. bw in Mbit/s, loss in per cent, max_queue_size in packets."""
    if name in ("delay", "jitter"):
        # A bare number would be microseconds to tc.
        if not re.fullmatch(r"\d+(\.\d+)?(us|ms|s)", str(value)):
            raise Refused(f"{where}: {name}={value} is no time; write 5ms")
        return
    low, high, kinds = {
        "bw": (0.001, BW_MAX, (int, float)),
        "loss": (0, 100, (int, float)),
        "max_queue_size": (1, 10**9, (int,)),
    }[name]
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        raise Refused(f"{where}: {name}={value} is out of range; {name} is a number from {low} to {high}")


def check_address(where: str, text: str) -> int:
    """The IP version of an address with its prefix length."""
    try:
        if "/" not in text:
            raise ValueError
        return ipaddress.ip_interface(text).version
    except ValueError:
        raise Refused(f"{where}: {text} is no address; write 10.0.1.1/24 or fd00:1::1/64") from None


class ShapedIntf(TCIntf):
    """An interface whose tc commands must succeed, and whose queue counts packets of the wire."""

    def tc(self, cmd: str, tc: str = "tc") -> str:
        command = cmd % (tc, self)
        output, _, status = self.cmd(f"{command}; echo $?").strip().rpartition("\n")
        if status.strip() != "0":
            says = " ".join(output.split())
            raise Refused(
                f"{self}: this kernel cannot shape the link as asked: `{command}` says: {says}; take a kernel with "
                "sch_netem, or `liquidnet shell` and `liquidnet run`, which bring a link emulator of their own"
            )
        return output if " show " in command else ""

    @staticmethod
    def delayCmds(parent: str, max_queue_size: int | None = None, **netem: Any) -> tuple[list[str], str]:
        """A queue limit alone needs no netem."""
        if max_queue_size is not None and not any(netem.values()):
            return [f"%s qdisc add dev %s {parent} handle 10: pfifo limit {max_queue_size}"], " parent 10:1 "
        return TCIntf.delayCmds(parent, max_queue_size=max_queue_size, **netem)

    def config(self, **params: Any) -> dict[str, Any] | None:
        result = super().config(**params)
        # Otherwise a queue of 20 packets holds 20 super-packets; TCP builds those above the qdisc unless told by gso_max_segs.
        self.cmd(f"ethtool -K {self} tso off gso off; ip link set dev {self} gso_max_segs 1")
        return result


class ShapedLink(Link):
    """A link with Mininet's bw, delay, jitter, loss and max_queue_size, in both directions."""

    def __init__(self, node1: Node, node2: Node, **params: Any) -> None:
        super().__init__(node1, node2, cls1=ShapedIntf, cls2=ShapedIntf, **params)


def forwarding(forward: bool) -> str:
    """The command that makes a node forward, IPv6 too where the kernel has it, or not."""
    ipv6 = "/proc/sys/net/ipv6/conf/all/forwarding"
    return f"echo {int(forward)} > /proc/sys/net/ipv4/ip_forward; [ ! -e {ipv6} ] || echo {int(forward)} > {ipv6}"


def own_addresses(addresses: tuple[str, ...]) -> list[str]:
    """What `ip` is to do for addresses that are on no link. Without duplicate detection, an address is a route's source at once."""
    return [f"addr add {address} dev lo{' nodad' if ':' in address else ''}" for address in addresses]


def more_of_interface(name: str, params: dict[str, Any]) -> list[str]:
    """Commands for what Mininet does not know of an interface: its IPv6 address, its MTU. Without duplicate detection, which
    takes a second, and finds nobody on a link between two."""
    commands = []
    if params.get("ip6"):
        commands.append(f"ip addr add {params['ip6']} dev {name} nodad")
    if params.get("mtu"):
        commands.append(f"ip link set dev {name} mtu {params['mtu']}")
    return commands


class RoutedHost(Node):
    """A node of plain `mn` with static routes; a router forwards as well; a bridge joins its links into one network."""

    def config(
        self,
        routes: tuple[str, ...] = (),
        forward: bool = False,
        bridge: bool = False,
        addresses: tuple[str, ...] = (),
        **params: Any,
    ) -> dict[str, Any]:
        result = super().config(**params)  # called when every link is there, with its addresses
        # A namespace begins with what its machine has, 1 where containers run.
        commands = [forwarding(forward)]
        for intf in self.intfList():
            commands += more_of_interface(str(intf), intf.params)
        commands += [f"ip {line}" for line in own_addresses(addresses)]
        if bridge:
            commands += ["ip link add bridge type bridge", "ip link set dev bridge up"]
            commands += [f"ip link set dev {intf} master bridge" for intf in self.intfNames() if intf != "lo"]
        commands += [f"ip route add {route}" for route in routes]
        for command in commands:
            output = self.cmd(command).strip()
            if output:
                raise Refused(f"{self.name}: `{command}` says: {' '.join(output.split())}")
        return result


class RoutedTopo(Topo):
    """A topology of hosts, routers and links. A subclass overrides layout(); its keyword arguments are the topology's parameters.

    Interfaces are called NODE-LINK. `mn` may give shaping parameters as well: bw=10 for all links, link2.bw=10 for one.
    """

    SHAPE = ("bw", "delay", "jitter", "loss", "max_queue_size")

    def layout(self) -> None:
        """Calls host(), router(), bridge() and link()."""
        raise NotImplementedError

    def host(self, name: str, *routes: str) -> None:
        """A host with routes as `ip route add` takes them."""
        self._node(name, routes, forward=False)

    def router(self, name: str, *routes: str) -> None:
        """A host that forwards."""
        self._node(name, routes, forward=True)

    def bridge(self, name: str) -> None:
        """A node that joins its links into one local network, as an access point does. Addresses on its side serve nothing."""
        self._node(name, (), forward=False, bridge=True)

    def address(self, node: str, name: str, address: str) -> None:
        """One more address of a node, on none of its links, with a name: `${address:NODE/NAME}` in experiments."""
        where = f"address {name} of node {node}"
        if node not in self.described_nodes:
            raise Refused(f"{where}: no such node; add it before its addresses")
        if name in self.described_links or name in self.described_nodes[node]["addresses"]:
            raise Refused(f"{where}: there is a link or an address of that name")
        check_address(where, address)
        self.described_nodes[node]["addresses"][name] = address.split("/")[0]
        self.nodeInfo(node)["addresses"] += (address,)

    def link(self, name: str, left: tuple[str, ...], right: tuple[str, ...], mtu: int | None = None) -> None:
        """A link between two nodes that exist: (node, IPv4 address/prefix length) each, and an IPv6 address/prefix length too
        where it has one. mtu: of both ends, in bytes; without it the kernel's, 1500."""
        interfaces = []
        if name in self.described_links:
            raise Refused(f"link {name}: there are two of that name")
        if mtu is not None and not (isinstance(mtu, int) and 576 <= mtu <= 65535):
            raise Refused(f"link {name}: mtu={mtu} is out of range; write 576 to 65535")
        for node, address, *more in (left, right):
            interface = f"{node}-{name}"
            if node not in self.described_nodes:
                raise Refused(f"link {name}: no node `{node}`; add it before its links")
            if len(interface) > INTERFACE_NAME_MAX:
                raise Refused(f"link {name}: {interface} has more than {INTERFACE_NAME_MAX} characters; shorten a name")
            if check_address(f"link {name}", address) != 4 or len(more) > 1:
                raise Refused(f"link {name}: {address} is no IPv4 address; write (node, IPv4/length) or (node, IPv4/length, IPv6/length)")
            self.described_nodes[node]["interfaces"][interface] = {"link": name, "address": address}
            for address6 in more:
                if check_address(f"link {name}", address6) != 6:
                    raise Refused(f"link {name}: {address6} is no IPv6 address")
                self.described_nodes[node]["interfaces"][interface]["address6"] = address6
            interfaces.append({"node": node, "interface": interface})
        self.described_links[name] = {"ends": interfaces}
        shape = {**self.shape.get("", {}), **self.shape.get(name, {})}
        if "jitter" in shape and "delay" not in shape:
            raise Refused(f"link {name}: jitter needs a delay")
        self.addLink(
            left[0],
            right[0],
            intfName1=interfaces[0]["interface"],
            intfName2=interfaces[1]["interface"],
            params1={"ip": left[1], "ip6": left[2] if len(left) > 2 else None, "mtu": mtu},
            params2={"ip": right[1], "ip6": right[2] if len(right) > 2 else None, "mtu": mtu},
            **({"cls": ShapedLink, **shape} if shape else {}),
        )

    def describe(self, topology: str) -> dict[str, Any]:
        """Nodes, interfaces and links by name, in the order of layout(): what the driver prints, without process ids."""
        return {"topology": topology, "nodes": self.described_nodes, "links": self.described_links}

    def build(self, *unnamed: Any, **parameters: Any) -> None:
        """Called by Mininet with the parameters of the command line."""
        self.described_nodes: dict[str, dict[str, Any]] = {}
        self.described_links: dict[str, dict[str, Any]] = {}
        self.shape: dict[str, dict[str, Any]] = {}  # by link; "" is every link
        code = self.layout.__func__.__code__
        known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        own = {name: value for name, value in parameters.items() if name in known}
        for name, value in parameters.items():
            link, _, quantity = name.rpartition(".")
            if name in own:
                continue
            if quantity not in self.SHAPE:
                raise Refused(
                    f"no parameter `{name}`; the topology's own are: {', '.join(known) or 'none'}; under `mn` also "
                    f"{', '.join(self.SHAPE)} for every link, and LINK.bw and so on for one"
                )
            check_shape(f"link {link}" if link else "every link", quantity, value)
            self.shape.setdefault(link, {})[quantity] = value
        if unnamed:
            raise Refused(f"parameter {unnamed[0]} has no name; write NAME={unnamed[0]}")
        self.layout(**own)
        for link in self.shape:
            if link and link not in self.described_links:
                raise Refused(f"no link `{link}`; there are: {', '.join(self.described_links)}")

    def _node(self, name: str, routes: tuple[str, ...], forward: bool, bridge: bool = False) -> None:
        if name in self.described_nodes:
            raise Refused(f"node {name}: there are two of that name")
        self.described_nodes[name] = {"interfaces": {}, "addresses": {}}
        self.addNode(name, cls=RoutedHost, ip=None, routes=routes, forward=forward, bridge=bridge, addresses=())
