"""The mails that Django's file backend wrote: a folder of files, each with one mail or more."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings

FILE_NAME = re.compile(r"\d{8}-\d{6}-\d+\.log")
SEPARATOR = b"-" * 79 + b"\n"
LISTED = 100
LARGEST_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mail:
    """`id` names the file and the place in it; `sent_at` is None when the mail does not say."""

    id: str
    subject: str
    sender: str
    recipient: str
    sent_at: datetime | None
    text: str

    @property
    def is_sms(self) -> bool:
        return self.recipient.startswith("+")


def newest(limit: int = LISTED) -> list[Mail]:
    """The latest mails, newest first. File names begin with the second."""
    latest = heapq.nlargest(limit, _names())
    latest.sort(key=lambda name: (_folder() / name).stat().st_mtime_ns, reverse=True)
    mails = (mail for name in latest for mail in reversed(_mails(name)))
    return [mail for mail, _ in zip(mails, range(limit), strict=False)]


def get(mail_id: str) -> Mail | None:
    """One mail, or None when there is no such."""
    name, _, _ = mail_id.rpartition("-")
    if not FILE_NAME.fullmatch(name) or not (_folder() / name).is_file():
        return None
    return next((mail for mail in _mails(name) if mail.id == mail_id), None)


def _folder() -> Path:
    return Path(settings.EMAIL_FILE_PATH)


def _names() -> Iterator[str]:
    folder = _folder()
    if folder.is_dir():
        yield from (path.name for path in folder.iterdir() if FILE_NAME.fullmatch(path.name))


def _mails(name: str) -> list[Mail]:
    with (_folder() / name).open("rb") as file:
        parts = file.read(LARGEST_FILE).split(SEPARATOR)
    return [_mail(f"{name}-{place}", part) for place, part in enumerate(parts) if part.strip()]


def _mail(mail_id: str, content: bytes) -> Mail:
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    return Mail(
        id=mail_id,
        subject=str(message["subject"] or ""),
        sender=str(message["from"] or ""),
        recipient=str(message["to"] or ""),
        sent_at=parsedate_to_datetime(str(message["date"])) if message["date"] else None,
        text=body.get_content() if body else "",
    )
