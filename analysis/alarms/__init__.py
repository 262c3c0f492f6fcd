"""Alarms: what needs somebody now, kept as rows that open and close by themselves, and told to whom it concerns."""
