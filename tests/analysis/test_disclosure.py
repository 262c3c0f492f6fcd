"""Who is covered by whom: the rule on counts, by example and for any counts."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.disclosure import Detail, Disclosure, Traits, decide

BUCKETS = {"18-24": "younger", "25-34": "younger", "55-64": "older", "undisclosed": "", "": ""}


def people(**counts: int) -> dict[Traits, int]:
    """Count people of one place, written as ``band_gender=n`` with _ for - in the band."""
    found = {}
    for name, n in counts.items():
        band, _, gender = name.removeprefix("a").replace("_", "-", 1).partition("_")
        band = {"undisclosed-": "undisclosed"}.get(band, band)
        found[Traits("BR", "pt-BR", band, BUCKETS[band], gender)] = n
    return found


def details(decided: Disclosure) -> dict[tuple[str, str], Detail]:
    named = {(True, True): Detail.BAND, (False, True): Detail.GROUP, (False, False): Detail.WITHHELD}
    return {(r.age_band, r.gender): named[r.shows_band, r.shows_group] for r in decided.rules}


def test_everything_is_shown_where_all_are_covered() -> None:
    decided = decide(people(a18_24_woman=5, a55_64_man=9))
    assert details(decided) == {("18-24", "woman"): Detail.BAND, ("55-64", "man"): Detail.BAND}
    assert (decided.places[0].smallest, decided.n_withheld) == (5, 0)


def test_a_rare_age_band_hides_the_bands_of_its_group_only() -> None:
    decided = decide(people(a18_24_woman=7, a25_34_woman=3, a55_64_man=9))
    assert details(decided) == {
        ("18-24", "woman"): Detail.GROUP,
        ("25-34", "woman"): Detail.GROUP,
        ("55-64", "man"): Detail.BAND,
    }
    assert decided.places[0].smallest == 9


def test_few_of_a_group_are_withheld_with_the_smallest_other_group_until_they_are_enough() -> None:
    decided = decide(people(a18_24_woman=20, a55_64_man=6, a18_24_another=1))
    assert details(decided) == {
        ("18-24", "woman"): Detail.BAND,
        ("55-64", "man"): Detail.WITHHELD,
        ("18-24", "another"): Detail.WITHHELD,
    }
    assert decided.n_withheld == 7


def test_enough_withheld_need_no_other_group() -> None:
    decided = decide(people(a18_24_woman=6, a55_64_man=3, a18_24_another=2))
    assert details(decided)["18-24", "woman"] == Detail.BAND
    assert decided.n_withheld == 5


def test_people_who_told_nothing_count_as_withheld() -> None:
    told = people(a18_24_woman=6, a55_64_man=8)
    decided = decide({**told, Traits("BR", "pt-BR", "", "", ""): 2})
    assert details(decided) == {("18-24", "woman"): Detail.WITHHELD, ("55-64", "man"): Detail.BAND}


def test_a_place_with_too_few_people_is_named() -> None:
    decided = decide({**people(a18_24_woman=5), Traits("IN", "hi-IN", "18-24", "younger", "man"): 4})
    assert decided.too_small == {("IN", "hi-IN"): 4}
    assert [rule.country for rule in decided.rules] == ["BR"]


COUNTS = st.dictionaries(
    st.tuples(
        st.sampled_from(["BR", "IN"]),
        st.sampled_from(list(BUCKETS)),
        st.sampled_from(["woman", "man", "another", "undisclosed"]),
    ).map(lambda told: Traits(told[0], "xx", told[1], BUCKETS[told[1]], told[2] if told[1] else "")),
    st.integers(1, 30),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(COUNTS, st.integers(2, 9))
def test_nobody_shown_is_alone(counts: dict[Traits, int], k: int) -> None:
    decided = decide(counts, k)
    rules = {(r.country, r.age_band, r.gender): r for r in decided.rules}
    alike: Counter[tuple[str, ...]] = Counter()
    for traits, n in counts.items():
        if (traits.country, traits.locale) in decided.too_small:
            continue
        rule = rules.get((traits.country, traits.age_band, traits.gender))
        band = traits.age_band if rule and rule.shows_band else ""
        group = (traits.age_bucket, traits.gender) if rule and rule.shows_group else ("", "")
        alike[traits.country, band, *group] += n
    assert all(n >= k for n in alike.values())
    assert sum(alike.values()) + sum(decided.too_small.values()) == sum(counts.values())
    assert min(alike.values(), default=k) == min((place.smallest for place in decided.places), default=k)
