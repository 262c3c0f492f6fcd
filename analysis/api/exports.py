"""The exported tables, streamed: CSV as PostgreSQL writes it, or a line of JSON per row."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.api.summaries import STUDY
from analysis.blinding import WITHHELD, is_withheld
from analysis.columns import Column, Table
from analysis.extract import ALL_TABLES, Selection, stream_csv
from survey.api.base import find_study
from survey.csv_reader import csv_reader
from survey.views.downloads import as_download

KINDS = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
FILES = [f"{name}.{kind}" for name in ALL_TABLES for kind in KINDS]


class ColumnSerializer(serializers.Serializer[Column]):
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["code", "text", "integer", "number", "boolean"])
    label = serializers.CharField(help_text="what it means")  # type: ignore[assignment]
    levels = serializers.ListField(child=serializers.CharField())
    missing = serializers.CharField(help_text="what an empty value means; blank: it is never empty")


class ExportedTableSerializer(serializers.Serializer[Table]):
    name = serializers.CharField()
    title = serializers.CharField()
    key = serializers.ListField(child=serializers.CharField(), help_text="columns that name a row")
    columns = ColumnSerializer(many=True)


class AsAsked(BaseContentNegotiation):
    """The address says which kind of file it is; faults are told as JSON."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ExportViewSet(viewsets.GenericViewSet[Any]):
    serializer_class = ExportedTableSerializer
    pagination_class = None
    filter_backends = ()
    lookup_field = "study"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    content_negotiation_class = AsAsked

    @extend_schema(parameters=[STUDY], responses=ExportedTableSerializer(many=True))
    def retrieve(self, request: Request, study: str) -> Response:
        """The tables that can be downloaded, with the meaning of every column."""
        find_study(request, study)
        return Response([ExportedTableSerializer(table).data for table in ALL_TABLES.values()])

    @extend_schema(
        parameters=[
            STUDY,
            OpenApiParameter("file", str, OpenApiParameter.PATH, enum=FILES),
            OpenApiParameter("data", OpenApiTypes.STR, enum=["all", "real"], description="real: without simulated"),
            OpenApiParameter(
                "sessions", OpenApiTypes.STR, enum=["all", "complete"], description="complete: no unfinished sessions"
            ),
        ],
        responses={
            (200, "application/x-ndjson"): OpenApiResponse(
                OpenApiTypes.STR, 'An object per row; the last line is `{"end": true, "rows": N}`.'
            ),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "RFC 4180 with a header; NA where nothing is known."),
        },
    )
    @action(detail=True, url_path=r"(?P<file>[a-z_]+\.(?:csv|ndjson))", url_name="file")
    def file(self, request: Request, study: str, file: str) -> StreamingHttpResponse:
        """A whole table, streamed.

        The last line of NDJSON tells how many rows there were: without it something was cut. CSV comes in
        chunks, and a client that respects HTTP tells when the last one is missing. While a study
        hides its outcomes, tables of what people answered are refused.
        """
        found = find_study(request, study)
        name, _, kind = file.rpartition(".")
        table = ALL_TABLES.get(name)
        if table is None:
            raise Http404(f"There is no table {name}; there are {', '.join(ALL_TABLES)}.")
        if is_withheld(found, table):
            raise PermissionDenied(WITHHELD)
        chosen = Selection(
            include_simulated=_choice(request, "data", "real") == "all",
            complete_only=_choice(request, "sessions", "complete") == "complete",
        )
        parts = stream_csv(table, found, chosen)
        sent = parts if kind == "csv" else as_lines(table, parts)
        response = as_download(sent, f"{found.code}_{file}", KINDS[kind])
        response["Cache-Control"] = "no-store"
        return response


def _choice(request: Request, name: str, narrower: str) -> str:
    wanted: str = request.query_params.get(name, "all")
    if wanted not in ("all", narrower):
        raise serializers.ValidationError({name: [f"Choose all or {narrower}."]})
    return wanted


def as_lines(table: Table, parts: Generator[bytes, None, int]) -> Iterator[bytes]:
    """Turn CSV into a line of JSON per row, a part at a time; the last line says how many rows there were."""
    n_rows = 0
    is_header = True
    for part in parts:  # each holds whole rows
        rows = list(csv_reader(io.StringIO(part.decode(), newline="")))
        if is_header and rows:
            rows, is_header = rows[1:], False
        n_rows += len(rows)
        if rows:
            yield "".join(_line(table, row) for row in rows).encode()
    yield json.dumps({"end": True, "rows": n_rows}).encode() + b"\n"


def _line(table: Table, row: list[str]) -> str:
    values = {c.name: _value(c, value, table.missing_as) for c, value in zip(table.columns, row, strict=True)}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _value(column: Column, value: str, missing_as: str) -> Any:
    """Give a value its type; what is missing is null."""
    if value == missing_as and (column.missing or value == ""):
        return None
    if column.type == "integer":
        return int(value)
    if column.type == "number":
        return float(value)
    return value == "true" if column.type == "boolean" else value
