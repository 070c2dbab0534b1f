"""Builds a topology with Mininet for the driver, with few processes: many networks are built during an experiment.

Mininet runs a program a setting, through an interactive shell a node; here a node's shell reads from a pipe, one `ip -batch`
makes all links, and one a node sets the node up, all nodes at the same time. Nothing is made outside the nodes' namespaces,
which live as long as the shells, which live as long as our ends of their pipes.
"""

from __future__ import annotations

import subprocess
from typing import Any

import mininet.net
from links import Refused, forwarding, own_addresses
from mininet.link import Intf, Link
from mininet.log import setLogLevel
from mininet.node import Node
from mininet.topo import Topo

DONE = "done "


class PipeNode(Node):
    """A node whose shell reads commands from a pipe: no terminal, and its end of file when we end, however we end."""

    isSetup = True  # Mininet would look for ifconfig, which we do not use

    def startShell(self, mnopts: str | None = None) -> None:
        self.shell = subprocess.Popen(
            ["mnexec", "-n", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # an interrupt from the keyboard is not for the network
        )
        self.pid = self.shell.pid
        self.run(":")

    def run(self, script: str) -> None:
        """Starts a script; finish() waits for it."""
        self.shell.stdin.write(f'{script}\necho "{DONE}$?"\n')
        self.shell.stdin.flush()

    def finish(self) -> None:
        output = ""
        for line in self.shell.stdout:
            if line == f"{DONE}0\n":
                return
            if line.startswith(DONE):
                break
            output += line
        raise Refused(f"node {self.name}: {' '.join(output.split())}")

    def settle(self) -> None:
        """Starts what gives the node its addresses and routes."""
        lines = ["link set dev lo up"]
        for intf in self.intfList():
            mtu = f" mtu {intf.params['mtu']}" if intf.params["mtu"] else ""
            lines += [f"addr add {intf.params['ip']} dev {intf}", f"link set dev {intf} up{mtu}"]
            if intf.params["ip6"]:
                lines.append(f"addr add {intf.params['ip6']} dev {intf} nodad")
        lines += own_addresses(self.params["addresses"])
        if self.params["bridge"]:
            lines += ["link add bridge type bridge", "link set bridge up"]
            lines += [f"link set dev {name} master bridge" for name in self.intfNames()]
        lines += [f"route add {route}" for route in self.params["routes"]]
        # A namespace begins with what its machine has, 1 where containers run.
        self.run(f"{{ {forwarding(self.params['forward'])}; }} && ip -batch - <<'END'\n" + "\n".join(lines) + "\nEND")

    def await_links(self) -> None:
        """Starts to wait for the interfaces: the kernel lets packets out a moment after both ends of a link are up."""
        interfaces = " ".join(self.intfNames())
        self.run(
            f"tries=0; for name in {interfaces}; do\n"
            "until read -r state </sys/class/net/$name/operstate && [ $state = up ]; do\n"
            "tries=$((tries + 1)); [ $tries -lt 2000 ] || { echo $name stays $state; exit 1; }\n"
            "sleep 0.001; done; done"  # no event to wait for without a program a node; it takes about a millisecond
        )


class LaterIntf(Intf):
    """An interface that the network makes when it knows all of them."""

    def config(self, **params: Any) -> dict[str, Any]:
        return {}


class LaterLink(Link):
    def makeIntfPair(self, *names: Any, **options: Any) -> None:
        """The network makes it."""


class Network(mininet.net.Mininet):
    def addHost(self, name: str, cls: type[Node] | None = None, **params: Any) -> Node:
        return super().addHost(name, cls=PipeNode, **params)

    def addLink(self, node1: Node, node2: Node, cls: type[Link] | None = None, **params: Any) -> Link:
        return super().addLink(node1, node2, cls=LaterLink, intf=LaterIntf, **params)

    def configHosts(self) -> None:
        for node in self.hosts:
            node.finish()  # its namespace exists
        lines = []
        for i, link in enumerate(self.links, start=1000):
            # The kernel reports a link whose ends have the same index up to a second later: no two have.
            left, right = (
                f"name {end} index {2 * i + side} address {end.mac} netns {end.node.pid}"
                for side, end in enumerate((link.intf1, link.intf2))
            )
            lines.append(f"link add {left} type veth peer {right}\n")
        made = subprocess.run(["ip", "-batch", "-"], input="".join(lines), capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Refused(f"links: {' '.join(made.stderr.split())}")
        for step in (PipeNode.settle, PipeNode.await_links):
            for node in self.hosts:
                step(node)
            for node in self.hosts:
                node.finish()


def build(topology: Topo) -> Network:
    """Builds it. The network lives as long as this process."""
    setLogLevel("error")
    mininet.net.fixLimits = lambda: None  # would raise limits of the host: not ours to change, impossible in a sandbox
    return Network(topology, controller=None)
