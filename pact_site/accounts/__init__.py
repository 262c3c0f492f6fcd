"""Accounts of staff: the second factor, confirming who one is, tokens for programs."""
