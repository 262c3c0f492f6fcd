"""When alarms ring: numbers in, findings out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import fisher_exact

from analysis.alarms.judging import (
    Asked,
    Filled,
    Group,
    Paid,
    Sign,
    Spent,
    chance_of_as_many,
    judge_budgets,
    judge_dropouts,
    judge_pay,
    judge_quotas,
    judge_reconciliation,
    judge_runs,
    judge_signs,
    judge_silence,
    judge_texts,
)
from analysis.alarms.kinds import DEFINITIONS, Kind, Limits
from analysis.alarms.letters import Letter, Told, subject_line

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def test_guide_says_what_to_do_about_every_kind() -> None:
    guide = Path(__file__).resolve().parents[3].joinpath("docs/operations.md").read_text(encoding="utf-8")
    assert [kind.label for kind in Kind if f"| {kind.label} |" not in guide] == []


def test_every_kind_is_defined() -> None:
    assert set(DEFINITIONS) == set(Kind)
    for definition in DEFINITIONS.values():
        assert definition.words(definition.limit).endswith(".")
        assert "{" not in definition.words(definition.limit)
        assert definition.what_to_do.endswith(".")


@pytest.mark.parametrize(
    "table", [(9, 30, 12, 200), (3, 3, 10, 200), (0, 20, 5, 20), (20, 20, 0, 50), (40, 400, 900, 24000)]
)
def test_chance_is_that_of_fishers_exact_test(table: tuple[int, int, int, int]) -> None:
    k, n, others_k, others_n = table
    expected = fisher_exact(np.array([[k, n - k], [others_k, others_n - others_k]]), alternative="greater").pvalue
    assert chance_of_as_many(k, n, others_k, others_n) == pytest.approx(expected, rel=1e-6)


def test_drop_out_rings_for_many_not_for_three() -> None:
    def rings(*groups: tuple[int, int], factor: float = 2) -> list[str]:
        named = [Group(str(place), f"G{place}", k, n) for place, (k, n) in enumerate(groups)]
        limits = Limits({Kind.DROP_OUT: factor})
        return [found.subject for found in judge_dropouts("locale", named, limits=limits)]

    assert rings((3, 3), (10, 200)) == []  # three people
    assert rings((12, 40), (20, 200)) == ["locale:0"]
    assert rings((12, 40), (20, 200), factor=4) == []
    assert rings((6, 40), (20, 200)) == []  # half as many again
    assert rings((4, 20), (2, 20)) == []  # twice as many, and chance would do it
    assert rings((12, 40), (0, 200)) == ["locale:0"]
    assert rings((30, 40)) == []  # nobody to compare with
    assert rings((0, 40), (0, 40)) == []


def test_silence_rings_from_its_limit_on() -> None:
    assert list(judge_silence(NOW, ago(hours=5.9))) == []
    (found,) = judge_silence(NOW, ago(hours=6))
    assert (found.kind, found.text) == (Kind.NO_ANSWERS, "Nobody has answered an item for 6 hours.")
    assert list(judge_silence(NOW, ago(hours=6), limits=Limits({Kind.NO_ANSWERS: 12}))) == []


def test_pay_rings_below_the_floor_with_enough_people() -> None:
    def rings(hourly: str, n: int) -> bool:
        return bool(list(judge_pay([Paid("BR", "Brazil", "GBP", Decimal(hourly), Decimal(6), n)])))

    assert [rings("5.99", 10), rings("6.00", 10), rings("5.99", 9)] == [True, False, False]
    assert list(judge_pay([Paid("BR", "Brazil", "", None, None, 50)])) == []


def test_reconciliation_rings_once_with_all_it_found() -> None:
    (found,) = judge_reconciliation(
        [("Timed out there, complete here", 2), ("Paid, but no complete answers", 1), ("x", 0)]
    )
    assert found.text == "3 in all: 2 × timed out there, complete here, 1 × paid, but no complete answers."
    assert list(judge_reconciliation([("x", 0)])) == []
    assert list(judge_reconciliation([("x", 4)], limits=Limits({Kind.RECONCILIATION: 5}))) == []


def test_quotas_ring_nearly_full_then_full() -> None:
    lines = [Filled("A", "A", 89, 100, False), Filled("B", "B", 90, 100, False), Filled("C", "C", 95, 100, True)]
    assert [(found.kind, found.subject) for found in judge_quotas([*lines, Filled("D", "D", 0, 0, False)])] == [
        (Kind.QUOTA_NEARLY_FULL, "B"),
        (Kind.QUOTA_FULL, "C"),
    ]


def test_budgets_ring_at_their_share_and_at_the_whole() -> None:
    def line(spent: str, budget: str | None) -> Spent:
        return Spent(spent, "Brazil", "GBP", Decimal(spent), Decimal(budget) if budget else None)

    found = list(judge_budgets([line("79.9", "100"), line("80", "100"), line("100", "100"), line("5", None)]))
    assert [(one.kind, one.text) for one in found] == [
        (Kind.BUDGET_NEARLY_SPENT, "Brazil: GBP 80.00 of 100.00 (80%)."),
        (Kind.BUDGET_SPENT, "Brazil: GBP 100.00 of 100.00 (100%)."),
    ]


def test_runs_ring_when_they_stand_still_or_stopped() -> None:
    runs = [
        Asked("run:1", "Run 1", True, False, "", ago(minutes=9)),
        Asked("run:2", "Run 2", True, False, "", ago(minutes=10)),
        Asked("run:3", "Run 3", False, True, "the key is refused", ago(minutes=1)),
        Asked("run:4", "Run 4", False, False, "", ago(days=3)),
    ]
    assert [(found.kind, found.subject) for found in judge_runs(NOW, runs)] == [
        (Kind.RUN_STALLED, "run:2"),
        (Kind.RUN_STOPPED, "run:3"),
    ]


def test_signs_and_texts() -> None:
    signs = [Sign("celery", "Workers", ago(minutes=4)), Sign("llm", "Others", ago(minutes=6))]
    assert [found.subject for found in judge_signs(NOW, signs)] == ["llm"]
    assert [found.text for found in judge_texts([("pt-BR", 1), ("hi-IN", 0)])] == ["pt-BR: 1 text stale."]


@pytest.mark.parametrize(
    ("events", "subject"),
    [
        (["opened", "opened"], "[norms] 2 alarms"),
        (["opened", "closed"], "[norms] 1 alarm, 1 over"),
        (["closed", "closed", "closed"], "[norms] 3 alarms over"),
        (["closed"], "[norms] Over: Quotas full"),
    ],
)
def test_subject_of_a_message_counts_its_alarms(events: list[str], subject: str) -> None:
    told = [
        Told(1, event, "quota_full", "Quotas full", "BR", "", "", ago(minutes=9), None, "https://example.org/")
        for event in events
    ]
    site = "https://example.org:8443"
    letter = Letter(1, events[0], site, "norms", "Norms", f"{site}/", told)
    assert subject_line(letter) == f"{subject} (example.org:8443)"
