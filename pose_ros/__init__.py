"""RGB-D topics to human skeletons and 6D object poses a robot can act on."""

import os

# OpenMP's threads wait for each other asleep: awake they were measured to take a frame from 15 ms to
# 300 ms on a busy machine. It must be said before torch is loaded; your own setting is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.5.0"
