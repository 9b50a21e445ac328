"""Imitation data: what was seen and done, in episodes, as rosbag2 (MCAP) and as LeRobotDataset v3.0.

    messages ─► McapBag                                      (everything, as it came)
    samples  ─► Resampler ─► Rows ─► Take ─► LeRobotSet      (a declared table at a fixed rate)

Live and from a bag the same code runs; a Take is a journal on disk, so that a process may die at any time.
"""
