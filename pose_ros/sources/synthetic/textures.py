"""Colours of surfaces as functions of the point: no pictures to ship, sharp at every distance."""

from __future__ import annotations

import numpy as np

from pose_ros.sources.synthetic.solids import Texture


def plain(colour) -> Texture:
    colour = np.asarray(colour, float)
    return lambda points: np.broadcast_to(colour, points.shape)


def paint(rng) -> Texture:
    colour = (
        rng.uniform(0.25, 0.9)
        * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.6, 1.0)])[rng.permutation(3)]
    )
    return speckled(rng, colour, 0.03)


def speckled(rng, colour, strength: float = 0.12) -> Texture:
    noise, colour = _Noise(rng), np.asarray(colour, float)
    return lambda points: colour * (1 + strength * noise(points, 3.0))[:, None]


def fabric(rng) -> Texture:
    noise, colour, other = _Noise(rng), rng.uniform(0.1, 0.8, 3), rng.uniform(0.1, 0.8, 3)
    period, striped = rng.uniform(0.05, 0.2), rng.random() < 0.4
    return lambda points: (
        np.where(striped & (np.mod(points[:, 1] / period, 1) < 0.3)[:, None], other, colour)
        * (1 + 0.15 * noise(points, 40.0))[:, None]
    )


def wood(rng) -> Texture:
    noise, colour = _Noise(rng), rng.uniform(0.35, 1.0) * np.array([0.75, 0.55, 0.36])
    return lambda points: colour * (1 + 0.25 * noise(points * (1, 12, 12), 1.5))[:, None]


def painting(rng) -> Texture:
    noises, colours = [_Noise(rng) for _ in range(3)], rng.uniform(0, 1, (3, 3))

    def texture(points: np.ndarray) -> np.ndarray:
        layers = [np.tanh(4 * noise(points, 4.0)) for noise in noises]
        return np.clip(0.5 + 0.5 * np.stack(layers, axis=-1) @ colours, 0, 1)

    return texture


def floor(rng) -> Texture:
    noise, colour = _Noise(rng), rng.uniform(0.5, 1.1) * np.array([0.62, 0.5, 0.38])
    plank, tiled = rng.uniform(0.09, 0.2), rng.random() < 0.3
    tile, grey = rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.8)

    def texture(points: np.ndarray) -> np.ndarray:
        row = np.floor(points[:, 1] / plank)
        grain = noise(points * (1, 14, 1) + np.stack([row * 7.3, 0 * row, 0 * row], -1), 1.2)
        tone = 0.85 + 0.3 * np.mod(np.sin(row * 12.9898) * 43758.5453, 1)
        seam = np.mod(points[:, 1] / plank, 1) < 0.03
        planks = colour * (tone * (1 + 0.2 * grain) * np.where(seam, 0.6, 1))[:, None]
        joint = (np.mod(points[:, :2] / tile, 1) < 0.015).any(1)
        tiles = grey * (np.where(joint, 0.7, 1) * (1 + 0.05 * noise(points, 6.0)))[:, None] * np.ones(3)
        return tiles if tiled else planks

    return texture


class _Noise:
    """Smooth noise over points, mean 0, about ±1: a random lattice, interpolated."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._lattice = rng.normal(0, 0.6, (32, 32, 32))

    def __call__(self, points: np.ndarray, frequency: float) -> np.ndarray:
        scaled = points * frequency
        cell = np.floor(scaled).astype(int)
        x = scaled - cell
        x = x * x * (3 - 2 * x)
        result = np.zeros(len(points))
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(corner, x, 1 - x), axis=1)
            result += weight * self._lattice[tuple(((cell + corner) % 32).T)]
        return result
