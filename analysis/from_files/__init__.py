"""Analyses of files alone: read and checked, without any database."""
