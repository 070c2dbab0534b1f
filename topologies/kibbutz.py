"""A Mobile Kibbutz: three phones with a cellular link each, and a local network between them; a server behind the operators, and
another one behind that, for which the first can be a proxy:

    p1 --cell1--\\                                    p1 --air1--\\
    p2 --cell2-- core --wire-- server --backbone-- origin    p2 --air2-- air
    p3 --cell3--/                                    p3 --air3--/

Phone N is 10.9.0.N on the local network, where the addresses 10.9.M.N are phone N's for what goes through phone M.

Use it alone: mn --custom topologies/kibbutz.py --topo kibbutz --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402

PHONES = 3


class KibbutzTopo(RoutedTopo):
    def layout(self) -> None:
        self.router("core")
        self.host("server", "default via 10.5.0.254")
        self.host("origin")
        self.bridge("air")
        self.link("wire", ("server", "10.5.0.1/24"), ("core", "10.5.0.254/24"))
        self.link("backbone", ("server", "10.6.0.254/24"), ("origin", "10.6.0.1/24"))
        for n in range(1, PHONES + 1):
            self.router(f"p{n}", f"default via 10.1.{n}.254")
            self.link(f"cell{n}", (f"p{n}", f"10.1.{n}.1/24"), ("core", f"10.1.{n}.254/24"))
            self.link(f"air{n}", (f"p{n}", f"10.9.0.{n}/16"), ("air", f"10.9.255.{n}/32"))


topos = {"kibbutz": KibbutzTopo}
