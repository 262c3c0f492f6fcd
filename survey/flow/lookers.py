"""Who asks for an entry link without anybody coming: programs that preview links, browsers that fetch ahead. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# By their names alone: "bot" ends the name of a make of phone, too, and messengers' own browsers are people's.
PREVIEWERS = re.compile(
    r"^(?:WhatsApp|Viber)/"
    r"|facebookexternalhit|meta-externalagent|Facebot|TelegramBot|Twitterbot|Slackbot|LinkedInBot|Discordbot"
    r"|SkypeUriPreview|redditbot|Pinterestbot|Snap URL Preview|Googlebot|bingbot|BingPreview|Applebot",
    re.IGNORECASE,
)
AHEAD = {"Sec-Purpose": "prefetch", "Purpose": "prefetch", "X-Moz": "prefetch", "X-Purpose": "preview"}


def is_previewer(headers: Mapping[str, str]) -> bool:
    """Say whether a messenger or a search engine looks at a link."""
    return bool(PREVIEWERS.search(headers.get("User-Agent", "")))


def is_fetched_ahead(headers: Mapping[str, str]) -> bool:
    """Say whether a browser fetches a page that its user may never open."""
    return any(headers.get(name, "").lower().startswith(word) for name, word in AHEAD.items())
