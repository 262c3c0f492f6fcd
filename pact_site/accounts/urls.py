"""Logging in and one's own account: the login library's pages that the site wants, and no others."""

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as code_app
from allauth.mfa.webauthn import views as passkey
from django.urls import path

from pact_site.accounts import token_views, views
from survey.rates import LOGINS
from survey.views.limiting import limited

login = limited(LOGINS, "POST")(account.login)

urlpatterns = [
    path("login/", login, name="login"),
    path("login/", login, name="account_login"),  # the library's name for it
    path("login/code/", limited(LOGINS, "POST")(views.Code.as_view()), name="mfa_authenticate"),
    path("login/passkey/", limited(LOGINS, "POST")(passkey.login_webauthn), name="mfa_login_webauthn"),
    path("login/closed/", account.account_inactive, name="account_inactive"),
    path("logout/", account.logout, name="logout"),
    path("account/", views.Account.as_view(), name="mfa_index"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/confirm/code/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("account/confirm/passkey/", views.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("account/confirm/go-on/", views.go_on, name="own_go_on"),
    path("account/code-app/", views.NewCodeApp.as_view(), name="mfa_activate_totp"),
    path("account/code-app/remove/", code_app.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/recovery-codes/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/recovery-codes/new/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("account/passkeys/", views.Account.as_view(), name="mfa_list_webauthn"),
    path("account/passkeys/add/", views.NewPasskey.as_view(), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", views.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("account/passkeys/<int:pk>/rename/", passkey.edit_webauthn, name="mfa_edit_webauthn"),
    path("account/tokens/", token_views.own_tokens, name="own_tokens"),
    path("account/tokens/<int:pk>/revoke/", token_views.revoke_own, name="own_token_revoke"),
    path("team/tokens/", token_views.all_tokens, name="team_tokens"),
    path("team/tokens/<int:pk>/revoke/", token_views.revoke_any, name="team_token_revoke"),
]
