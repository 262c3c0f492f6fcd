"""Which kind of device a browser runs on, by what it says of itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from survey.enums import Device


def device_of(headers: Mapping[str, str]) -> Device:
    """Tell the kind of device. An iPad that asks for computers' pages calls itself one, and passes for one."""
    agent = headers.get("User-Agent", "")
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobi" not in agent):
        return Device.TABLET
    if headers.get("Sec-CH-UA-Mobile") == "?1" or "Mobi" in agent:
        return Device.MOBILE
    return Device.DESKTOP
