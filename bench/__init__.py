"""Measures and trials of the running site, started by hand."""
