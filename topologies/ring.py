"""Three bottlenecks in a ring, and three pairs of hosts; each pair has a path over one of them and a path over the two others.

    r1 --b1--> r2 --b2--> r3 --b3--> r1        sN --nearN-- rN --bN-- rN+1 --endN-- dN                  one bottleneck
                                               sN --farN-- rN+1 --bN+1-- rN+2 --bN+2-- rN --backN-- dN    two

The address of dN on endN is reached over one bottleneck, that on backN over two. Trilogy2 D1.1 (2013), figure 2.9.

Use it alone: mn --custom topologies/ring.py --topo ring --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402

PAIRS = 3


def ring(n: int) -> int:
    """The number of a router or bottleneck, counted around."""
    return (n - 1) % PAIRS + 1


class RingTopo(RoutedTopo):
    def layout(self) -> None:
        pairs = range(1, PAIRS + 1)
        for n in pairs:
            # Bottleneck N is 10.0.N.0/24: .1 at router N, .2 at the next. Onwards is over the own one, back over the one before.
            onwards, back = f"10.0.{n}.2", f"10.0.{ring(n - 1)}.1"
            one, two = ring(n + 1), ring(n + 2)
            self.router(
                f"r{n}",
                f"10.3.{n}.0/24 via {onwards}",  # to endN
                f"10.1.{two}.0/24 via {back}",  # from end of the pair before to its near
                f"10.4.{two}.0/24 via {onwards}",  # the two-bottleneck path of the pair before begins here
                f"10.4.{one}.0/24 via {onwards}",  # and that of the next one passes
                f"10.2.{n}.0/24 via {back}",  # from backN to farN
                f"10.2.{one}.0/24 via {back}",  # and from that of the next
            )
        for n in pairs:
            self.host(f"s{n}", f"default via 10.1.{n}.254", f"10.4.{n}.0/24 via 10.2.{n}.254")
            self.host(f"d{n}", f"default via 10.3.{n}.254", f"10.2.{n}.0/24 via 10.4.{n}.254")
        for n in pairs:
            self.link(f"b{n}", (f"r{n}", f"10.0.{n}.1/24"), (f"r{ring(n + 1)}", f"10.0.{n}.2/24"))
        for n in pairs:
            near, far = f"r{n}", f"r{ring(n + 1)}"
            self.link(f"near{n}", (f"s{n}", f"10.1.{n}.1/24"), (near, f"10.1.{n}.254/24"))
            self.link(f"far{n}", (f"s{n}", f"10.2.{n}.1/24"), (far, f"10.2.{n}.254/24"))
            self.link(f"end{n}", (f"d{n}", f"10.3.{n}.1/24"), (far, f"10.3.{n}.254/24"))
            self.link(f"back{n}", (f"d{n}", f"10.4.{n}.1/24"), (near, f"10.4.{n}.254/24"))


topos = {"ring": RingTopo}
