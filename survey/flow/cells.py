"""How quota cells are named and put in order. Pure."""

from survey.enums import AgeBucket, Gender

PEOPLE = {Gender.WOMAN: "women", Gender.MAN: "men"}


def cell_order(age_bucket: str, gender: str) -> tuple[int, int]:
    """Sort by age and gender as the vocabularies list them, what stands for any last."""
    ages, genders = [*AgeBucket.values, ""], [*Gender.values, ""]
    return ages.index(age_bucket), genders.index(gender)


def cell_label(age_bucket: str, gender: str) -> str:
    if not age_bucket and not gender:
        return "Everybody else"
    age = AgeBucket(age_bucket).label if age_bucket else "All"
    return f"{age} {PEOPLE.get(Gender(gender), Gender(gender).label.lower()) if gender else 'people'}"
