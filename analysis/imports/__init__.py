"""Data collected elsewhere as read-only studies: files in, faults row by row, or a study of its own; never mixed."""
