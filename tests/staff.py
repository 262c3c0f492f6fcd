"""Accounts of researchers."""

from django.contrib.auth.models import Group, User

from pact_site.roles import Role


def make_staff(name: str, *roles: Role, password: str | None = None) -> User:
    """Create an account of staff in these roles; without any, a PI."""
    user = User.objects.create_user(name, password=password, is_staff=True)
    user.groups.set(Group.objects.get_or_create(name=role)[0] for role in roles or (Role.PI,))
    return user
