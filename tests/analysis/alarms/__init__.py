"""Tests of alarms and of the telling."""
