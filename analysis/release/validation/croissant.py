"""The properties that Croissant 1.1 requires, and that files and columns are those that are there."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.release.croissant import CROISSANT, RAI
from analysis.release.validation.checksums import hash_file
from analysis.release.validation.findings import Finding, Json, Opened, is_file_of, missing_keys, open_csv

CHECK = "Croissant"
FILE = "croissant.json"
REQUIRED = (
    "@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished",
    "version", "distribution", "recordSet",
)  # fmt: skip
RESPONSIBLE = (
    "rai:dataCollection", "rai:dataCollectionType", "rai:dataCollectionMissingData", "rai:annotatorDemographics",
    "rai:dataAnnotationProtocol", "rai:dataManipulationProtocol", "rai:personalSensitiveInformation",
    "rai:dataBiases", "rai:dataLimitations", "rai:dataUseCases", "rai:dataReleaseMaintenancePlan",
)  # fmt: skip


def check_croissant(opened: Opened) -> Iterator[Finding]:
    """Check the description, each file that it lists, and each column that it names."""
    described = opened.croissant
    yield from missing_keys(CHECK, FILE, described, (*REQUIRED, *RESPONSIBLE))
    if described.get("@type") not in ("sc:Dataset", "Dataset"):
        yield Finding(CHECK, FILE, "@type is not sc:Dataset")
    conforms = described.get("conformsTo") or []
    for wanted in (CROISSANT, RAI):
        if wanted not in ([conforms] if isinstance(conforms, str) else conforms):
            yield Finding(CHECK, FILE, f"does not say that it conforms to {wanted}")
    headers: dict[str, list[str]] = {}
    for file in described.get("distribution") or ():
        yield from _check_file(opened, file, headers)
    for record_set in described.get("recordSet") or ():
        yield from _check_record_set(record_set, headers)


def _check_file(opened: Opened, file: Json, headers: dict[str, list[str]]) -> Iterator[Finding]:
    name = str(file.get("@id", "?"))
    yield from missing_keys(CHECK, name, file, ("@type", "@id", "contentUrl", "encodingFormat", "sha256"))
    path = opened.root / str(file.get("contentUrl", ""))
    if not is_file_of(path, opened.root):
        yield Finding(CHECK, name, "contentUrl names no file of the folder")
        return
    if hash_file(path) != file.get("sha256"):
        yield Finding(CHECK, name, "sha256 is not that of the file")
    with open_csv(path) as reader:
        headers[name] = next(reader, [])


def _check_record_set(record_set: Json, headers: dict[str, list[str]]) -> Iterator[Finding]:
    fields = record_set.get("field") or []
    place = str(record_set.get("@id", "?"))
    if not fields:
        yield Finding(CHECK, place, "has no field")
    known = {field.get("@id") for field in fields}
    for key in record_set.get("key") or ():
        if key.get("@id") not in known:
            yield Finding(CHECK, place, f"key {key.get('@id')} is no field")
    for field in fields:
        source = field.get("source") or {}
        file = (source.get("fileObject") or {}).get("@id")
        column = (source.get("extract") or {}).get("column")
        if column not in headers.get(str(file), []):
            yield Finding(CHECK, str(field.get("@id")), f"{file} has no column {column}")
        if not field.get("dataType"):
            yield Finding(CHECK, str(field.get("@id")), "has no dataType")
