"""A study's data as a folder of files with checksums."""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from analysis.export.codebook import codebook_csv, codebook_markdown
from analysis.extract import ALL_TABLES, EVERYTHING, SNAPSHOT_TABLES, Selection, snapshot, stream_csv
from analysis.paper_columns import DECISIONS, EVALUATION_COLUMNS, FILE_BY, PAPER_TABLES, evaluation_file
from survey.domain.deviation_log import log_csv
from survey.domain.registration import newest_registration
from survey.models import Study

Format = Literal["long", "pact", "all"]
FORMATS: dict[Format, tuple[str, ...]] = {
    "long": tuple(table.name for table in SNAPSHOT_TABLES),
    "pact": tuple(PAPER_TABLES),  # and an evaluation file per model, stage and prompt condition
    "all": tuple(ALL_TABLES),
}
CHECKSUMS = "SHA256SUMS"


def write_folder(study: Study, path: Path, format: Format = "long", selection: Selection = EVERYTHING) -> list[Path]:
    """Write the files of a format, all of one moment, with SHA256SUMS; give their paths."""
    path.mkdir(parents=True, exist_ok=True)
    codebooks: dict[str, Callable[[], str]] = {"codebook.csv": codebook_csv, "codebook.md": codebook_markdown}
    digests = {}
    with snapshot():
        for name in FORMATS[format]:
            digests[f"{name}.csv"] = _write(path / f"{name}.csv", stream_csv(ALL_TABLES[name], study, selection))
        if format == "pact":
            digests |= _write_evaluations(path, study, selection)
    if format != "pact":
        for name, write in codebooks.items():
            digests[name] = _write(path / name, [write().encode()])
        digests |= _write_registration(path, study)
    sums = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    (path / CHECKSUMS).write_text(sums, encoding="utf-8", newline="\n")
    return [path / name for name in (*digests, CHECKSUMS)]


def _write_registration(folder: Path, study: Study) -> dict[str, str]:
    """Add what the study was registered with, and what deviates from it; nothing before its launch."""
    newest = newest_registration(study)
    if newest is None:
        return {}
    files = {"registration.json": newest.content, "deviations.csv": log_csv(study)}
    return {name: _write(folder / name, [text.encode()]) for name, text in files.items()}


def _write_evaluations(folder: Path, study: Study, selection: Selection) -> dict[str, str]:
    """Divide the decisions of behaviour runs into the paper's evaluation files; give each file's digest."""
    with ExitStack() as files:
        writers: dict[str, Any] = {}
        for row in csv.DictReader(_lines(stream_csv(DECISIONS, study, selection))):
            name = evaluation_file(*(row[column] for column in FILE_BY))
            if name not in writers:
                file = files.enter_context((folder / name).open("w", encoding="utf-8", newline=""))
                writers[name] = csv.DictWriter(file, EVALUATION_COLUMNS, extrasaction="ignore", lineterminator="\n")
                writers[name].writeheader()
            writers[name].writerow(row)
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in writers}


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from (f"{line.decode()}\n" for line in lines)
    if rest:
        yield rest.decode()


def _write(path: Path, parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for part in parts:
            digest.update(part)
            file.write(part)
    return digest.hexdigest()
