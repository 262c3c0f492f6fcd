"""Which code computed a result: the package's version, and a hash of the analysis code as it stands on disk."""

import hashlib
import tomllib
from functools import lru_cache
from pathlib import Path

from django.conf import settings

PACKAGE = Path(__file__).resolve().parent


@lru_cache(maxsize=1)
def code_version() -> str:
    """Give such as ``0.1.0+3f786850e387``; it changes with any source file of the analysis."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return f"{project['version']}+{digest.hexdigest()[:12]}"
