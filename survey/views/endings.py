"""What a finished session's last page says, by how it ended."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from survey.enums import Outcome


class Ending(NamedTuple):
    heading: Promise | str
    body: Promise | str


COMPLETE = Ending(_("Thank you"), _("All your answers are stored."))
ENDINGS: dict[Outcome, Ending] = {
    Outcome.COMPLETE: COMPLETE,
    Outcome.COMPLETE_FLAGGED: COMPLETE,
    Outcome.FAILED_ATTENTION: COMPLETE,  # for people to judge, who may decide otherwise
    Outcome.NO_CONSENT: Ending(
        _("You are not taking part"), _("You chose not to take part. No answers of yours were stored.")
    ),
    Outcome.SCREENED_OUT: Ending(
        _("This study is for others"), _("By what you told us, you are not among the people whom this study asks.")
    ),
    Outcome.QUOTA_FULL: Ending(
        _("There is no place left"), _("We have enough answers from people of your age and gender by now.")
    ),
    Outcome.FAILED_COMPREHENSION: Ending(
        _("You cannot go on"), _("The answers about the task were not the ones we need to go on. Thank you for trying.")
    ),
    Outcome.WITHDREW: Ending(_("You have stopped taking part"), _("None of your answers will be used.")),
}
