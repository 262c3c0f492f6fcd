"""Pure statistics: arrays and DataFrames in, dataclasses and tidy DataFrames out."""
