"""What a finished session's last page says, by how it ended."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from survey.enums import Status


class Ending(NamedTuple):
    heading: Promise | str
    body: Promise | str


ENDINGS: dict[Status, Ending] = {
    Status.COMPLETE: Ending(_("Thank you"), _("All your answers are stored.")),
    Status.NO_CONSENT: Ending(
        _("You are not taking part"), _("You chose not to take part. No answers of yours were stored.")
    ),
    Status.SCREENED_OUT: Ending(
        _("This study is for others"), _("By what you told us, you are not among the people whom this study asks.")
    ),
    Status.QUOTA_FULL: Ending(
        _("There is no place left"), _("We have enough answers from people of your age and gender by now.")
    ),
    Status.FAILED_COMPREHENSION: Ending(
        _("You cannot go on"), _("The answers about the task were not the ones we need to go on. Thank you for trying.")
    ),
    Status.WITHDREW: Ending(_("You have stopped taking part"), _("None of your answers will be used.")),
}
