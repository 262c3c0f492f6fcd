"""A new SECRET_KEY, with the old one behind it: who is under way goes on; without it, what docs/operations.md says."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from pact_site.accounts import sealing
from pact_site.team import link_for
from survey.enums import Page, Status
from survey.models import AuditEntry, Response, SurveySession
from tests.factories import make_session, make_study
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(settings: LazySettings) -> str:
    return str(settings.SECRET_KEY)


def take_new(settings: LazySettings, *fallbacks: str) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, list(fallbacks)


def at_first_item() -> tuple[Walker, str]:
    walker = Walker(make_session(make_study()))
    walker.walk_to(Page.SCENARIO)
    return walker, walker.stamp()


def n_answers(session: SurveySession) -> int:
    return Response.objects.filter(session=session).count()


def test_participant_in_the_middle_goes_on(settings: LazySettings, old: str) -> None:
    walker, stamp = at_first_item()
    take_new(settings, old)
    before = walker.session.position
    walker.post(stamp, **walker.answers(Page.SCENARIO))
    walker.session.refresh_from_db()
    assert (walker.session.position, n_answers(walker.session)) == (before + 1, 2)


def test_without_the_old_secret_the_open_page_is_asked_once_more(settings: LazySettings, old: str) -> None:
    walker, stamp = at_first_item()
    take_new(settings)
    before = walker.session.position
    walker.post(stamp, **walker.answers(Page.SCENARIO))
    walker.session.refresh_from_db()
    assert (walker.session.position, n_answers(walker.session)) == (before, 0)
    walker.finish()
    assert walker.session.status == Status.COMPLETE


def test_receipts_need_no_secret(settings: LazySettings, old: str) -> None:
    walker, _ = at_first_item()
    walker.finish()
    take_new(settings)
    Client().post("/withdraw/", {"receipt": walker.session.receipt})
    walker.session.refresh_from_db()
    assert walker.session.status == Status.WITHDREW


@pytest.mark.parametrize("is_behind", [True, False])
def test_logins_and_links_hold_while_the_old_secret_stands_behind(
    settings: LazySettings, old: str, is_behind: bool
) -> None:
    user, client = make_staff("ada"), Client()
    client.force_login(user)
    link = link_for(RequestFactory().get("/"), user)
    take_new(settings, *[old] * is_behind)
    assert (client.get("/").status_code == 200) is is_behind
    assert ("password1" in Client().get(link, follow=True).content.decode()) is is_behind


def test_second_factors_are_carried_over(settings: LazySettings, old: str) -> None:
    user = make_staff("ada")
    TOTP.activate(user, "JBSWY3DP")
    RecoveryCodes.activate(user)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    take_new(settings, old)
    assert reseal("--dry-run") == reseal("--dry-run") == "2 factor(s) would be sealed anew\n"
    assert reseal() == "2 factor(s) sealed anew\n"
    assert reseal() == "0 factor(s) sealed anew\n"
    take_new(settings)
    assert sealing.unseal(Authenticator.objects.get(type="totp").data["secret"]) == "JBSWY3DP"
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == codes
    assert AuditEntry.objects.filter(act="reseal_factors").count() == 2


def test_factors_that_no_secret_opens_are_named(settings: LazySettings, old: str) -> None:
    TOTP.activate(make_staff("ada"), "JBSWY3DP")
    take_new(settings)
    TOTP.activate(make_staff("ben"), "JBSWY3DP")
    settings.SECRET_KEY_FALLBACKS = ["some other"]
    with pytest.raises(CommandError, match="no secret opens the factors of ada: put the one"):
        reseal()


def reseal(*options: str) -> str:
    out = StringIO()
    call_command("reseal_factors", *options, stdout=out)
    return out.getvalue()
