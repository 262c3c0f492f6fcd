"""Instruments as files: read, validated and hashed here without a database."""
