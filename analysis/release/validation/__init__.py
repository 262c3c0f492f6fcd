"""Check a release by itself: no database, nothing but its folder. Memory holds rows and respondents, not tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analysis.release.validation.agreement import check_agreement
from analysis.release.validation.checksums import check_files
from analysis.release.validation.codebook import check_codebook
from analysis.release.validation.croissant import check_croissant
from analysis.release.validation.data_package import check_data_package
from analysis.release.validation.findings import FILES, MISSHAPEN, Finding, Opened, Unreadable, open_release
from analysis.release.validation.identifiers import check_identifiers
from analysis.release.validation.people import check_people
from analysis.release.validation.psych_ds import check_psych_ds
from analysis.release.validation.registration import check_registration

__all__ = ["Finding", "Opened", "open_release", "validate"]

CHECKS = (
    check_psych_ds,
    check_croissant,
    check_data_package,
    check_identifiers,
    check_people,
    check_agreement,
    check_codebook,
    check_registration,
)


def validate(folder: Path) -> list[Finding]:
    """List everything that is wrong with a release; what is missing altogether keeps the other checks from running."""
    findings = _told(folder, FILES, check_files(folder))
    opened = open_release(folder)
    if isinstance(opened, Finding):
        return [*findings, opened]
    for check in CHECKS:
        findings += _told(folder, check.__name__.removeprefix("check_").replace("_", " "), check(opened))
    return findings


def _told(folder: Path, name: str, check: Iterator[Finding]) -> list[Finding]:
    """Run a check as far as it comes: what stops it is a finding too."""
    findings: list[Finding] = []
    try:
        findings.extend(check)
    except Unreadable as error:
        findings.append(Finding(FILES, error.path.relative_to(folder).as_posix(), error.what))
    except OSError as error:
        findings.append(Finding(FILES, Path(error.filename or folder).name, f"cannot be read: {error.strerror}"))
    except MISSHAPEN as error:
        what = f"are not those of a release, so that this could not be checked ({type(error).__name__})"
        findings.append(Finding(name, "descriptions and tables", what))
    return findings
