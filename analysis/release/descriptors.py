"""The release described for programs: Psych-DS, Frictionless Data Package, Croissant with its RAI part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.columns import Column, Table
from analysis.release.facts import Facts
from analysis.release.writing import Folder, Written

KEYWORDS = ("social norms", "personal preferences", "culture", "survey", "language models", "PACT")
FIELD_TYPES = {"code": "string", "text": "string", "integer": "integer", "number": "number", "boolean": "boolean"}
PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
# Which columns point into which table.
REFERENCES = {"respondent_id": "participants", "yoked_to": "participants", "item_code": "items"}


def add_descriptors(folder: Folder, facts: Facts) -> None:
    """Write the descriptors that stand in the root of the folder, but Croissant."""
    folder.add_json("dataset_description.json", psych_ds(facts, folder.tables))
    folder.add_json("datapackage.json", data_package(facts, folder.tables))


def in_data(files: Sequence[Written]) -> list[Written]:
    return [file for file in files if file.path.startswith("data/")]


def psych_ds(facts: Facts, files: Sequence[Written]) -> dict[str, Any]:
    """Describe the data set as Psych-DS asks: all variables of all data files, and no other."""
    choices = facts.choices
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "schemaVersion": "Psych-DS 1.5.1",
        "name": facts.title,
        "description": facts.description,
        "version": facts.number,
        "author": [person(author) for author in choices.authors],
        "citation": facts.citation,
        "license": choices.licence.url,
        "url": choices.url,
        **({"identifier": f"https://doi.org/{choices.doi}"} if choices.doi else {}),
        "datePublished": facts.day.isoformat(),
        "inLanguage": list(facts.locales),
        "keywords": list(KEYWORDS),
        "variableMeasured": variables(in_data(files)),
    }


def person(author: Any) -> dict[str, str]:
    """Describe an author in the words of schema.org."""
    if not author.given:
        return {"@type": "Organization", "name": author.name}
    known = {"@type": "Person", "name": author.name, "givenName": author.given, "familyName": author.family}
    return {**known, "@id": f"https://orcid.org/{author.orcid}"} if author.orcid else known


def variables(files: Sequence[Written]) -> list[dict[str, Any]]:
    """Describe each variable once, whatever number of tables it stands in."""
    labels: dict[str, dict[str, list[str]]] = {}
    columns: dict[str, Column] = {}
    for file in files:
        for column in file.table.columns if file.table else ():
            columns.setdefault(column.name, column)
            labels.setdefault(column.name, {}).setdefault(column.label, []).append(
                file.table.name if file.table else ""
            )
    return [_variable(columns[name], said) for name, said in labels.items()]


def _variable(column: Column, said: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    texts = [label if len(said) == 1 else f"{label} ({', '.join(tables)})" for label, tables in said.items()]
    described: dict[str, Any] = {"@type": "PropertyValue", "name": column.name, "description": "; ".join(texts)}
    if column.name.endswith("_ms"):
        described["unitText"] = "milliseconds"
    if column.levels:
        described["valueReference"] = list(column.levels)
    return described


def data_package(facts: Facts, files: Sequence[Written]) -> dict[str, Any]:
    choices = facts.choices
    names = {file.table.name for file in files if file.table}
    return {
        "$schema": PROFILE,
        "name": facts.release_id.lower(),
        "id": f"https://doi.org/{choices.doi}" if choices.doi else choices.url,
        "title": facts.title,
        "description": facts.description,
        "version": facts.number,
        "created": f"{facts.day.isoformat()}T00:00:00Z",
        "homepage": choices.url,
        "keywords": list(KEYWORDS),
        "licenses": [{"name": choices.licence.value, "path": choices.licence.url, "title": choices.licence.full_name}],
        "contributors": [
            {
                "title": author.name,
                "roles": ["author"],
                **({"path": f"https://orcid.org/{author.orcid}"} if author.orcid else {}),
            }
            for author in choices.authors
        ],
        "resources": [_resource(file, file.table, names) for file in files if file.table],
        "release": {
            "id": facts.release_id,
            "study": facts.study.code,
            "instrument": str(facts.study.version),
            "content_hash": facts.study.version.content_hash,
            "snapshot_hash": facts.snapshot_hash,
            "code_version": facts.code_version,
            "k": choices.k,
            "sessions": choices.sessions.value,
            "simulated": choices.simulated.value,
            "is_simulated": facts.is_simulated,
            "n_people": facts.n_people,
            "n_simulated": facts.n_simulated,
            "registrations": facts.registered.listed,
        },
    }


def _resource(file: Written, table: Table, names: set[str]) -> dict[str, Any]:
    return {
        "name": table.name,
        "type": "table",
        "path": file.path,
        "title": table.title,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": file.n_bytes,
        "hash": f"sha256:{file.sha256}",
        "rows": file.n_rows,
        "schema": schema(table, names),
    }


def schema(table: Table, names: set[str]) -> dict[str, Any]:
    """Describe a table's fields; its key only where no part of it may be missing."""
    by_name = {column.name: column for column in table.columns}
    keys = [
        {
            "fields": [name],
            "reference": {"resource": target, "fields": [name if name != "yoked_to" else "respondent_id"]},
        }
        for name, target in REFERENCES.items()
        if name in by_name and target in names - {table.name} and not by_name[name].missing
    ]
    return {
        "fields": [field(column) for column in table.columns],
        "missingValues": [table.missing_as],
        **({} if any(by_name[name].missing for name in table.key) else {"primaryKey": list(table.key)}),
        **({"foreignKeys": keys} if keys else {}),
    }


def field(column: Column) -> dict[str, Any]:
    """Describe one column as a field of a table schema."""
    constraints: dict[str, Any] = {} if column.missing else {"required": True}
    if column.levels:
        constraints["enum"] = list(column.levels)
    return {
        "name": column.name,
        "type": FIELD_TYPES[column.type],
        "description": column.label,
        **({"trueValues": ["true"], "falseValues": ["false"]} if column.type == "boolean" else {}),
        **({"constraints": constraints} if constraints else {}),
    }
