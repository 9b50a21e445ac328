"""RGB-D topics to human skeletons and 6D object poses a robot can act on."""

__version__ = "0.1.0"
