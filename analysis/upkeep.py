"""What the site does every night, whether or not workers live: a backup, and deleting what was kept for long enough.

`run_due` is called every ten minutes and finds by itself what is due, so a night that was missed is made up for, and
what failed is tried again. Old backups go only after `backup` has written, checked and placed the new one.
"""

from __future__ import annotations

import fcntl
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.db import Error, close_old_connections
from django.utils import timezone

from analysis.alarms.domain import give_sign_of_life, last_sign
from analysis.alarms.letters import host_of
from analysis.alarms.looking import BACKUP
from analysis.backup import UNFINISHED, BackupError, name_of, write_backup

logger = logging.getLogger(__name__)
NAME = re.compile(r"pact-(\d{8}-\d{6})\.zip")
RETENTION = "retention"  # whose sign of life says when it was last done
PAUSE_S = 3600  # after a failure; each try reads the whole database
TOLD_S = 24 * 3600  # a failure that lasts is told once a day
DEAD_S = 3600  # nobody writes any more into an unfinished file that old
ROOM = 1.2  # of the last backup's size: less free room, and no backup is begun


def run_due(*, is_asked: bool = False) -> list[str]:
    """Do what is due, a backup also if asked for; give what failed."""
    jobs: dict[str, Callable[[], None]] = {}
    if settings.BACKUP_DIR:
        jobs[BACKUP] = partial(_back_up, settings.BACKUP_DIR, is_asked=is_asked)
    if retention_options():
        jobs[RETENTION] = _delete_old
    troubles = []
    for name, job in jobs.items():
        try:
            job()
        except (BackupError, CommandError, Error, OSError) as error:
            logger.error("%s failed: %s", name, error)
            troubles.append(f"{name} failed: {error}")
            _pause(name)
    if troubles:
        _tell(troubles)
    return troubles


def backups(folder: Path) -> list[Path]:
    """Give the backups in a folder, the newest first; other files are none of ours."""
    return sorted((path for path in folder.glob("pact-*.zip") if NAME.fullmatch(path.name)), reverse=True)


def made_at(path: Path) -> datetime:
    """Give the moment that a backup is of, by its name: copying a file leaves that as it is."""
    return datetime.strptime(path.stem, "pact-%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def last_night(now: datetime) -> datetime:
    """Give when the latest night's work began."""
    at = now.replace(hour=settings.UPKEEP_HOUR, minute=0, second=0, microsecond=0)
    return at if at <= now else at - timedelta(days=1)


def retention_options() -> list[str]:
    """Give what `retention` is to be told; nothing where no days are set."""
    days = {"identifiers": settings.RETENTION_IDENTIFIERS_DAYS, "paradata": settings.RETENTION_PARADATA_DAYS}
    return [f"--{what}-days={n}" for what, n in days.items() if n is not None]


def _back_up(folder: Path, *, is_asked: bool) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder) as is_alone:
        if not is_alone:
            logger.info("a backup is under way already")
            return
        _remove_unfinished(folder)
        newest = next(iter(backups(folder)), None)
        _note(newest)
        now = timezone.now()
        is_due = newest is None or made_at(newest) < last_night(now)
        if not is_asked and (not is_due or _is_paused(BACKUP)):
            return
        _look_for_room(folder, newest)
        path = folder / name_of(now.astimezone(UTC))
        manifest = write_backup(path)
        n_rows = sum(table["rows"] for table in manifest["tables"].values())
        logger.info("backup %s: %s rows, %s bytes, read back whole", path, n_rows, path.stat().st_size)
        _note(path)
        _forget(BACKUP)
        for old in backups(folder)[settings.BACKUP_KEEP :]:
            old.unlink(missing_ok=True)
            logger.info("backup %s removed: the %s newest are kept", old, settings.BACKUP_KEEP)


def _delete_old() -> None:
    now = timezone.now()
    last = last_sign(RETENTION)
    if (last is None or last < last_night(now)) and not _is_paused(RETENTION):
        call_command("retention", *retention_options())
        give_sign_of_life(RETENTION, at=now)
        _forget(RETENTION)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Keep everybody else from the folder's backups; the system forgets it with the process, however that ends."""
    with (folder / ".upkeep.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _remove_unfinished(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for path in folder.glob(f".pact-*.zip{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > DEAD_S:
                path.unlink()
                logger.warning("%s removed: whoever wrote it has ended", path)


def _look_for_room(folder: Path, newest: Path | None) -> None:
    """Refuse where a backup would fill a disk that the database may be on, too."""
    free = shutil.disk_usage(folder).free
    if newest is not None and free < ROOM * newest.stat().st_size:
        raise BackupError(f"{folder} has {free} bytes left, the last backup took {newest.stat().st_size}: none begun")


def _note(newest: Path | None) -> None:
    """Have web and workers, which do not see the folder, know how old the newest backup is."""
    if newest is not None:
        give_sign_of_life(BACKUP, at=made_at(newest))


def _is_paused(name: str) -> bool:
    return cache.get(f"upkeep:{name}:failed") is not None


def _pause(name: str) -> None:
    """Leave a job that failed alone for a while; a database that is away is asked again at the next look."""
    close_old_connections()
    with suppress(Error):
        cache.set(f"upkeep:{name}:failed", True, PAUSE_S)


def _forget(name: str) -> None:
    cache.delete(f"upkeep:{name}:failed")
    cache.delete("upkeep:told")


def _tell(troubles: list[str]) -> None:
    """Mail the site's contact, at most once a day; `check_alarms` tells of a database that is away."""
    try:
        if not cache.add("upkeep:told", True, TOLD_S):
            return
        told = "\n".join([f"PACT Site at {settings.SITE_URL}", *troubles])
        subject = f"PACT Site at {host_of(settings.SITE_URL)}: the nightly upkeep failed"
        send_mail(subject, f"{told}\nIt is tried again every hour.\n", None, [settings.CONTACT_EMAIL])
    except (Error, OSError) as error:  # every failure of SMTP is an OSError
        logger.error("nobody was told: %s", error)
        with suppress(Error):
            cache.delete("upkeep:told")
