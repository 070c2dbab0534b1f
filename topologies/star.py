"""Leaves around a hub."""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class StarTopo(RoutedTopo):
    def layout(self, leaves: int = 3) -> None:
        self.router("hub")
        for i in range(1, leaves + 1):
            self.host(f"leaf{i}", f"default via 10.2.{i}.2")
            self.link(f"spoke{i}", (f"leaf{i}", f"10.2.{i}.1/24"), ("hub", f"10.2.{i}.2/24"))


topos = {"star": StarTopo}
