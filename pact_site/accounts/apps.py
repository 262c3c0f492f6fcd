from django.apps import AppConfig
from django.contrib import admin


class AccountsConfig(AppConfig):
    name = "pact_site.accounts"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep secrets of second factors out of the raw records; they have pages of their own."""
        from allauth.account.models import EmailAddress, EmailConfirmation
        from allauth.mfa.models import Authenticator

        admin.autodiscover()
        for model in (Authenticator, EmailAddress, EmailConfirmation):
            if admin.site.is_registered(model):
                admin.site.unregister(model)
