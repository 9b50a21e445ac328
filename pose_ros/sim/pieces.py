"""Convex pieces of a mesh, which is what physics engines push against each other."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from pose_ros.geometry.mesh import Mesh
from pose_ros.sim.engine import SimError, connect, quiet
from pose_ros.weights import cache_dir

CONVEX = 0.96  # of its hull's volume that a mesh must fill to be taken as convex
FORMAT = 1  # of what is kept; raise it when what is computed changes


def convex_pieces(mesh: Mesh) -> list[np.ndarray]:
    """Corner points (P,3) m of convex pieces that together fill the mesh; computed once, then kept."""
    hull = ConvexHull(mesh.vertices)
    if signed_volume(mesh) > CONVEX * hull.volume:
        return [mesh.vertices[hull.vertices]]
    digest = hashlib.sha256(mesh.vertices.tobytes() + mesh.triangles.tobytes() + bytes([FORMAT]))
    file = cache_dir() / "pieces" / f"{digest.hexdigest()[:32]}.obj"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _decompose(mesh, file)
    return _read(file)


def signed_volume(mesh: Mesh) -> float:
    """m³ within a closed mesh."""
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def write_pieces(pieces: list[np.ndarray], file: Path) -> None:
    """As an OBJ of one group a piece, which PyBullet reads as so many convex hulls."""
    lines, offset = [], 1
    for n, points in enumerate(pieces):
        hull = ConvexHull(points)
        lines.append(f"o piece_{n}")
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
        lines += [f"f {a} {b} {c}" for a, b, c in hull.simplices + offset]
        offset += len(points)
    file.write_text("\n".join(lines) + "\n")


def _decompose(mesh: Mesh, file: Path) -> None:
    """V-HACD (Mamou), as PyBullet has it, at about 1 mm; thin walls come out about a third thicker."""
    client = connect(gravity=False)
    with tempfile.TemporaryDirectory() as folder:
        whole, parts, log = (Path(folder) / name for name in ("whole.obj", "parts.obj", "log.txt"))
        lines = [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in mesh.vertices]
        lines += [f"f {a} {b} {c}" for a, b, c in mesh.triangles + 1]
        whole.write_text("\n".join(lines) + "\n")
        with quiet():
            client.vhacd(
                str(whole), str(parts), str(log), resolution=600_000, concavity=0.0005, maxNumVerticesPerCH=48
            )
        client.disconnect()
        pieces = _read(parts) if parts.exists() else []
        if not pieces:
            raise SimError(f"no convex pieces were found of a mesh of {len(mesh.triangles)} triangles")
        half = file.with_suffix(".part")
        write_pieces(pieces, half)
        half.replace(file)


def _read(file: Path) -> list[np.ndarray]:
    pieces: list[list[list[float]]] = []
    for line in file.read_text().splitlines():
        if line.startswith("o "):
            pieces.append([])
        elif line.startswith("v "):
            pieces[-1].append([float(value) for value in line.split()[1:4]])
    solid = []
    for piece in pieces:
        points = np.array(piece)
        try:
            ConvexHull(points)
        except (QhullError, ValueError):  # a sliver without volume
            continue
        solid.append(points)
    return solid
