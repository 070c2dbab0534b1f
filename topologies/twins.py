"""Networks whose every address and route may have an IPv6 twin: fd00::/96 before its 32 bits.

A topology that sets `ipv6` before its first node writes everything once, in IPv4.
"""

from __future__ import annotations

import re

from links import RoutedTopo

IPV4 = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)(?:/(\d+))?")


def six(text: str) -> str:
    """The twin of an IPv4 address or network: 10.0.1.1/24 is fd00::a00:101/120. Another word stays as it is."""
    match = IPV4.fullmatch(text)
    if not match:
        return text
    a, b, c, d = (int(part) for part in match.group(1, 2, 3, 4))
    length = f"/{96 + int(match[5])}" if match[5] else ""
    return f"fd00::{a << 8 | b:x}:{c << 8 | d:x}{length}"


def route_six(route: str) -> str:
    """The same for a route as `ip route add` takes it."""
    return " ".join("::/0" if word == "default" else six(word) for word in route.split())


class TwinTopo(RoutedTopo):
    ipv6 = False

    def host(self, name: str, *routes: str) -> None:
        super().host(name, *self.twins(routes))

    def router(self, name: str, *routes: str) -> None:
        super().router(name, *self.twins(routes))

    def address(self, node: str, name: str, address: str) -> None:
        """An address without a prefix length; its twin is called NAMEv6."""
        super().address(node, name, f"{address}/32")
        if self.ipv6:
            super().address(node, f"{name}v6", f"{six(address)}/128")

    def link(self, name: str, left: tuple[str, ...], right: tuple[str, ...], mtu: int | None = None) -> None:
        """mtu: 0 is the kernel's, as None."""
        if self.ipv6:
            left, right = ((node, address, six(address)) for node, address in (left, right))
        super().link(name, left, right, mtu or None)

    def twins(self, routes: tuple[str, ...]) -> tuple[str, ...]:
        return routes + tuple(route_six(route) for route in routes) if self.ipv6 else routes
