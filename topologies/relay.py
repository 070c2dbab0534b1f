"""A client behind an access link, a relay, a server behind a backbone link:

client --access-- relay --backbone-- server
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from links import RoutedTopo  # noqa: E402


class RelayTopo(RoutedTopo):
    NODES = {
        "client": {"routes": ["default via 10.1.1.2"]},
        "relay": {"forward": True},
        "server": {"routes": ["default via 10.1.2.1"]},
    }
    LINKS = {
        "access": (("client", "10.1.1.1/24"), ("relay", "10.1.1.2/24")),
        "backbone": (("relay", "10.1.2.1/24"), ("server", "10.1.2.2/24")),
    }


TOPOLOGY = RelayTopo
topos = {"relay": RelayTopo}
