"""A client and a server with two disjoint paths, IPv4 and IPv6; a third host sends through the first of them.

    client --a1-- ra --a2-- server
    client --b1-- rb --b2-- server         cross --x-- ra

mtu: of every link; below 1280, the least that IPv6 works with, there is no IPv6.

Use it alone: mn --custom topologies/twopaths.py --topo twopaths --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import Refused, RoutedTopo  # noqa: E402


IPV6_LEAST_MTU = 1280  # RFC 8200, section 5


class TwoPathsTopo(RoutedTopo):
    def layout(self, mtu: int = 0) -> None:
        if not isinstance(mtu, int) or isinstance(mtu, bool) or (mtu and not 576 <= mtu <= 65535):
            raise Refused(f"mtu={mtu} is out of range; write 576 to 65535, or 0 for the kernel's own")
        self.ipv6 = not mtu or mtu >= IPV6_LEAST_MTU
        self.host("client", *self.known("default via 10.1.1.2", "10.2.2.0/24 via 10.2.1.2", "default via fd00:a1::2", "fd00:b2::/64 via fd00:b1::2"))
        self.router("ra")
        self.router("rb")
        self.host("server", *self.known("default via 10.1.2.2", "10.2.1.0/24 via 10.2.2.2", "default via fd00:a2::2", "fd00:b1::/64 via fd00:b2::2"))
        self.host("cross", *self.known("default via 10.1.3.2", "default via fd00:c::2"))
        for name, left, right in (
            ("a1", ("client", "10.1.1.1/24", "fd00:a1::1/64"), ("ra", "10.1.1.2/24", "fd00:a1::2/64")),
            ("a2", ("ra", "10.1.2.2/24", "fd00:a2::2/64"), ("server", "10.1.2.1/24", "fd00:a2::1/64")),
            ("b1", ("client", "10.2.1.1/24", "fd00:b1::1/64"), ("rb", "10.2.1.2/24", "fd00:b1::2/64")),
            ("b2", ("rb", "10.2.2.2/24", "fd00:b2::2/64"), ("server", "10.2.2.1/24", "fd00:b2::1/64")),
            ("x", ("cross", "10.1.3.1/24", "fd00:c::1/64"), ("ra", "10.1.3.2/24", "fd00:c::2/64")),
        ):
            self.link(name, *(self.known(*end) for end in (left, right)), mtu=mtu or None)

    def known(self, *texts: str) -> tuple[str, ...]:
        """Without what is IPv6's, where there is none."""
        return texts if self.ipv6 else tuple(text for text in texts if "::" not in text)


topos = {"twopaths": TwoPathsTopo}
