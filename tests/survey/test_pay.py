"""Pay by the hour against what panels ask for."""

from decimal import Decimal

import pytest

from survey.flow.pay import hourly_pay, judge_pay


@pytest.mark.parametrize(
    ("reward", "seconds", "expected"),
    [
        (Decimal("1.50"), [600, 500, 9000], Decimal("9.00")),
        (Decimal("1.50"), [600, 1200], Decimal("6.00")),
        (Decimal("1.50"), [], None),
        (None, [600], None),
        (Decimal("1.50"), [0, 0], None),
    ],
)
def test_hourly_pay_is_the_reward_by_the_median_time(
    reward: Decimal | None, seconds: list[int], expected: Decimal | None
) -> None:
    assert hourly_pay(reward, seconds) == expected


@pytest.mark.parametrize(
    ("hourly", "currency", "words"),
    [
        ("5.99", "GBP", "below the floor of 6"),
        ("6", "GBP", "below the recommended 9"),
        ("9", "GBP", "as recommended"),
        ("7.99", "USD", "below the floor of 8"),
        ("11.99", "USD", "below the recommended 12"),
        ("12", "USD", "as recommended"),
        ("1", "INR", ""),
    ],
)
def test_pay_is_judged_by_floor_and_recommendation(hourly: str, currency: str, words: str) -> None:
    assert judge_pay(Decimal(hourly), currency) == words


def test_unknown_pay_is_not_judged() -> None:
    assert judge_pay(None, "GBP") == ""
