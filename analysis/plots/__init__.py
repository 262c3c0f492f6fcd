"""Figures for print, from the stored tables of a report. matplotlib is imported here only, never by the web process."""
