"""Whole participants through PACT Site, oTree, Potato and a bare application, side by side."""
