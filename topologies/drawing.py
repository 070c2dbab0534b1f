"""Drawings of graphs: SVG in rows by rank, or around a circle where nodes of one rank are joined; and graphviz's language."""

from __future__ import annotations

import math

from graphs import Graph

WIDTH_LEAST, STEP, ROW = 480, 46, 110
FONT = 10


def dot(graph: Graph) -> str:
    lines = [f"graph {graph.name} {{", "  rankdir=BT;"]
    for node in range(len(graph.neighbours)):
        shape = "box" if node >= len(graph.servers) else "ellipse"
        lines.append(f'  "{graph.label(node)}" [shape={shape}];')
    lines += [f'  "{graph.label(left)}" -- "{graph.label(right)}";' for left, right in graph.cables]
    return "\n".join([*lines, "}", ""])


def ranks(graph: Graph) -> list[int]:
    """0 a server, 1 a switch with servers, 2, 3 further up. Levels of a BCube, which all have servers, are rows of their own."""
    servers = len(graph.servers)
    rank = [0 if node < servers else -1 for node in range(len(graph.neighbours))]
    row = 0
    while -1 in rank:
        row += 1
        found = [n for n in range(servers, len(rank)) if rank[n] < 0 and any(0 <= rank[o] < row for o in graph.neighbours[n])]
        if not found:
            break
        for node in found:
            rank[node] = row
    if graph.name == "bcube":
        for node in range(servers, len(rank)):
            rank[node] = 1 + int(graph.label(node)[1:].partition(".")[0])
    return rank


Places = tuple[list[tuple[float, float]], float, float]  # where each node is drawn; width and height


def on_circle(centre: float, radius: float, turn: float) -> tuple[float, float]:
    return centre + radius * math.sin(2 * math.pi * turn), centre - radius * math.cos(2 * math.pi * turn)


def around(graph: Graph) -> Places:
    """Around a circle: servers, or switches with their servers outside."""
    servers, inner = len(graph.servers), graph.switches or graph.servers
    radius = max(WIDTH_LEAST / 2 - 40, len(inner) * STEP / (2 * math.pi))
    centre = radius + (40 if not graph.switches else ROW)
    if not graph.switches:
        return [on_circle(centre, radius, node / servers) for node in range(servers)], 2 * centre, 2 * centre
    where = [(0.0, 0.0)] * len(graph.neighbours)
    for switch in range(servers, len(where)):
        turn = (switch - servers) / len(inner)
        where[switch] = on_circle(centre, radius, turn)
        below = [node for node in graph.neighbours[switch] if node < servers]
        for i, server in enumerate(below):
            where[server] = on_circle(centre, radius + ROW / 2, turn + ((i + 0.5) / len(below) - 0.5) * 0.8 / len(inner))
    return where, 2 * centre, 2 * centre


def in_rows(graph: Graph, rank: list[int]) -> Places:
    rows: dict[int, list[int]] = {}
    for node, row in enumerate(rank):
        rows.setdefault(row, []).append(node)
    width = max(WIDTH_LEAST, STEP * max(len(nodes) for nodes in rows.values()) + 40)
    height = ROW * (max(rank) + 1)
    where = [(0.0, 0.0)] * len(rank)
    for row, nodes in rows.items():
        for i, node in enumerate(nodes):
            where[node] = (width * (i + 0.5) / len(nodes), height - ROW * (row + 0.5))
    return where, width, height


def places(graph: Graph) -> Places:
    rank = ranks(graph)
    level = any(rank[left] == rank[right] for left, right in graph.cables)
    return around(graph) if level else in_rows(graph, rank)


def svg(graph: Graph) -> str:
    where, width, height = places(graph)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="{FONT}">',
        f"<title>{graph.name}: {len(graph.servers)} servers, {len(graph.switches)} switches, {len(graph.cables)} cables</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        '<g stroke="#8a8f98" stroke-width="1">',
    ]
    for left, right in graph.cables:
        (x1, y1), (x2, y2) = where[left], where[right]
        lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    lines.append("</g>")
    for node, (x, y) in enumerate(where):
        text = graph.label(node)
        half = 4 + 3 * len(text)
        colour = "#f3d9b1" if node in graph.external else "#dbe9f6" if node < len(graph.servers) else "#e3e3e3"
        corner = 8 if node < len(graph.servers) else 2
        lines.append(
            f'<rect x="{x - half:.1f}" y="{y - 9:.1f}" width="{2 * half}" height="18" rx="{corner}" fill="{colour}" stroke="#555"/>'
            f'<text x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle">{text}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])
