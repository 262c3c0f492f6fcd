#!/usr/bin/env python3
"""Run Django's management commands with this project's settings."""

import os
import secrets
import sys

from pact_site.logs import catch_prints, is_for_programs


def works_on_files_alone(arguments: list[str]) -> bool:
    """Tell whether a command reads and writes files of the caller and nothing of the site."""
    return arguments[:1] == ["analyse"] and any(part.split("=")[0] == "--input" for part in arguments)


def speaks_to_a_log(arguments: list[str]) -> bool:
    """Tell whether a timer starts a command, so that what it prints stands among the lines of the other processes."""
    return arguments[:1] == ["upkeep"] or arguments[:2] == ["check_alarms", "--send"]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")
    if is_for_programs() and speaks_to_a_log(sys.argv[1:]):
        catch_prints()
    if works_on_files_alone(sys.argv[1:]):
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))  # signs nothing, and is gone with the process
    from django.core.management import execute_from_command_line

    from pact_site.celery import app  # noqa: F401  # what commands start goes to this application's workers

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
