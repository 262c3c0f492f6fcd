"""Where models are asked: one file per provider, found by its name."""

from __future__ import annotations

from collections.abc import Callable

from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.llm.providers.contract import ChatProvider
from survey.llm.providers.openai import OpenAIProvider
from survey.llm.providers.simulated import SimulatedProvider

PROVIDERS: dict[ProviderName, Callable[[ModelSpec], ChatProvider]] = {
    ProviderName.OPENAI: OpenAIProvider,
    ProviderName.SIMULATED: SimulatedProvider,
}


def open_provider(spec: ModelSpec) -> ChatProvider:
    """Give the provider of a spec, to be entered with `async with`."""
    return PROVIDERS[ProviderName(spec.provider)](spec)
