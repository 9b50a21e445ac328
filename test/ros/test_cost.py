from pose_ros.ros.cost import ros_costs


def test_decoding_and_publishing_are_measured_with_listeners():
    rows = ros_costs(13)
    assert len(rows) == 5
    assert all(row["ours"]["calls"] == 3 and row["ours"]["wall_ms"] > 0 for row in rows)
