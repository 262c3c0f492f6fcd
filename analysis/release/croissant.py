"""The release as Croissant 1.1 with the RAI vocabulary 1.0.

The RAI specification names some properties in two ways; here it is ``dataAnnotationPlatform`` and ``dataUseCases``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.columns import Table
from analysis.disclosure import Detail
from analysis.release.descriptors import KEYWORDS, person
from analysis.release.facts import SIMULATED_MARK, Facts
from analysis.release.writing import Folder, Written
from survey.enums import Country

CROISSANT, RAI = "http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"
DATA_TYPES = {
    "code": "sc:Text",
    "text": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
}
# The terms of the vocabulary, as appendix 1 of the specification lists them.
TERMS = (
    "annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract", "field",
    "fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "readLines", "repeated", "replace", "samplingRate",
    "sdVersion", "separator", "source", "subField", "transform", "unArchive", "value",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS},
}


def add_croissant(folder: Folder, facts: Facts) -> None:
    folder.add_json("croissant.json", croissant(facts, folder.tables))


def croissant(facts: Facts, files: Sequence[Written]) -> dict[str, Any]:
    choices = facts.choices
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": facts.release_id,
        "alternateName": facts.title,
        "description": facts.description,
        "license": choices.licence.url,
        "url": choices.url,
        "creator": [person(author) for author in choices.authors],
        "datePublished": facts.day.isoformat(),
        "version": facts.number,
        "keywords": list(KEYWORDS),
        "inLanguage": list(facts.locales),
        "citeAs": facts.citation,
        "isLiveDataset": False,
        **responsible(facts),
        "distribution": [_file(file) for file in files],
        "recordSet": [_record_set(file, file.table) for file in files if file.table],
    }


def responsible(facts: Facts) -> dict[str, Any]:
    """Say what the RAI vocabulary asks of a data set that people answered."""
    choices, disclosure = facts.choices, facts.disclosure
    countries = ", ".join(str(Country(code).label) for code in facts.countries) or "none"
    n_withheld = sum(place.n_by_detail[Detail.WITHHELD] for place in disclosure.places)
    simulated = [f"{SIMULATED_MARK}: the column is_simulated says which rows."] if facts.is_simulated else []
    return {
        "rai:dataCollection": "A web survey in the languages of its respondents; each answer is stored once.",
        "rai:dataCollectionType": ["Surveys", *(["Others"] if facts.has_models else [])],
        "rai:dataCollectionMissingData": (
            "A question passed over twice has no choice and the reason 'declined'; sessions that did not come to the"
            f" questions have no rows. Sessions released: {choices.sessions.value}."
        ),
        "rai:dataAnnotationProtocol": (
            "Two questions per situation: what one would do oneself, and what most people would consider appropriate;"
            " the full texts and instructions stand in materials/."
        ),
        "rai:dataAnnotationPlatform": "PACT Site; recruitment by country in materials/methods.md.",
        "rai:annotationsPerItem": "Several respondents per item; data file 'long' has them all.",
        "rai:annotatorDemographics": [
            f"{facts.n_people} people recruited in: {countries}",
            "Age bands and gender as answered, in the data file 'participants' and in materials/methods.md",
        ],
        "rai:dataManipulationProtocol": (
            f"Respondent ids are drawn anew for each release. Ages and genders that fewer than {disclosure.k} people"
            f" share within country and language are coarsened or withheld ({n_withheld} people withheld): see"
            " documentation/disclosure.md. No answer was changed."
        ),
        "rai:personalSensitiveInformation": [
            "No names, panel identifiers, addresses or times of day",
            "Age band, gender, country and language, each combination shared by several people",
        ],
        "rai:dataBiases": [
            f"Respondents, recruited through {', '.join(facts.panels)}, are no samples of their countries",
            "Items were chosen for a conflict of expectation and preference; their rates are not rates of daily life",
        ],
        "rai:dataLimitations": [
            "Translations carry their status; machine drafts were not checked by a person (data file 'texts')",
            "Patterns of answers may be recognised by whoever knows them from elsewhere",
            *simulated,
        ],
        "rai:dataUseCases": ["Research on norms and preferences", "Evaluation of language models against people"],
        "rai:dataSocialImpact": "Not fit to judge persons or to speak for a culture: answers differ everywhere.",
        "rai:dataReleaseMaintenancePlan": (
            "A release is never changed. Corrections and withdrawals appear in the next one, named in CHANGES.md."
        ),
    }


def _file(file: Written) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path.rpartition("/")[2],
        "contentUrl": file.path,
        "contentSize": f"{file.n_bytes} B",
        "encodingFormat": "text/csv",
        "sha256": file.sha256,
    }


def _record_set(file: Written, table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.title,
        "key": [{"@id": f"{table.name}/{name}"} for name in table.key],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.name}/{column.name}",
                "name": column.name,
                "description": column.label,
                "dataType": DATA_TYPES[column.type],
                "source": {"fileObject": {"@id": file.path}, "extract": {"column": column.name}},
            }
            for column in table.columns
        ],
    }
