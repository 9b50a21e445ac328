"""What people do: joint angles, postures, repetitions, and movements compared with a reference."""
