"""The entry of an endpoint, and the secrets that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from gateway.clock import SystemClock
from gateway.endpoints.api_description import PLACEHOLDER, ApiModel, load_description
from gateway.endpoints.http import may_be_secret
from gateway.errors import UsageError
from gateway.workbench.site_setup.addresses import Address
from gateway.workbench.site_setup.insertion import Entry
from gateway.workbench.site_setup.secret_files import Secret
from gateway.workbench.site_setup.yaml_text import line, said_by, scalar

if TYPE_CHECKING:
    from gateway.endpoints.options import AnyOptions

_TYPE_OF = {"local": "local", "ftp": "ftp", "sftp": "sftp", "http": "http", "api": "api", "mserver": "mserver"}


class Wanted(msgspec.Struct, frozen=True):
    """An endpoint that is to be written: where it is, what for, whose API it speaks, whose books it keeps.

    in_site: whether it is a target, whose folder the gateway makes where it is missing.
    """

    name: str
    address: Address
    about: str
    platform: str = ""
    company_id: str = ""
    user: str | None = None
    key_file: str | None = None


def secrets_of(wanted: Wanted, site: Path) -> list[Secret]:
    """What the endpoint must be told that stands in no file of the site."""
    address, name = wanted.address, wanted.name
    if address.kind == "api":
        asked = needs_of(load_description(wanted.platform, site))
        about = f"of the API of {wanted.platform}"
        return [Secret(name, option, f"the {option} {about}") for option in asked if option != "user"]
    if address.kind == "sftp" and wanted.key_file:
        return []
    found = [
        Secret(name, key, f"`{key}` of {address.url}", value)
        for key, value in address.query
        if may_be_secret(key, value)
    ]
    if address.kind in ("ftp", "sftp", "mserver") or (address.kind == "http" and wanted.user):
        found.append(Secret(name, "password", f"the password of {wanted.user} at {address.host}"))
    return found


def needs_user(wanted: Wanted, site: Path) -> bool:
    """Whether a login name is needed that nobody has given."""
    if wanted.user:
        return False
    if wanted.address.kind == "api":
        return "user" in needs_of(load_description(wanted.platform, site))
    return wanted.address.kind in ("ftp", "sftp", "mserver")


def needs_of(description: ApiModel) -> tuple[str, ...]:
    """Which of user, password and key an API logs in by, as its description shows."""
    if description.key_is_user:
        return ("key",)
    texts = [*description.headers.values(), *description.probe_query.values()]
    texts += [text for each in description.lists.values() for text in (each.path, *each.query.values())]
    if description.login is not None:
        texts += description.login.fields.values()
    found = {name for text in texts for name in PLACEHOLDER.findall(text)}
    named = tuple(name for name in ("user", "password", "key") if name in found)
    return named or ("user", "password")


def endpoint_entry(wanted: Wanted, site: Path, reference: Callable[[Secret], str]) -> Entry:
    """The endpoint as it is written. reference: how config.yaml names a secret."""
    secrets = secrets_of(wanted, site)
    lines = [f"# {wanted.about}", f"{wanted.name}:", *_lines(wanted, site, secrets, reference)]
    return Entry(("endpoints",), wanted.name, tuple(lines), said_by(wanted.name, lines))


def _lines(
    wanted: Wanted, site: Path, secrets: Sequence[Secret], reference: Callable[[Secret], str]
) -> Iterator[str]:
    address = wanted.address
    yield line(1, f"type: {_TYPE_OF[address.kind]}")
    if address.kind == "local":
        yield line(1, f"path: {scalar(address.path)}", "counted from this file's folder")
        return
    if address.kind in ("ftp", "sftp"):
        yield line(1, f"host: {scalar(address.host)}")
        if address.port:
            yield line(1, f"port: {address.port}")
    if address.kind == "api":
        yield line(1, f"platform: {wanted.platform}", "how it is spoken stands in its api.yaml")
    if address.kind in ("http", "api", "mserver"):
        yield line(1, f"url: {scalar(address.url)}")
    if wanted.user:
        yield line(1, f"user: {scalar(wanted.user)}")
    if address.kind == "http":
        kept = {secret.option: secret for secret in secrets if secret.value is not None}
        yield from _query(address, kept, reference)
    if wanted.key_file:
        yield line(1, f"key_file: {scalar(wanted.key_file)}", "its passphrase, if any: `key_passphrase:`")
    for secret in secrets:
        if secret.value is None:
            yield line(1, f'{secret.option}: "{reference(secret)}"', "the secret itself never stands here")
    yield from _more(wanted, site)


def _query(address: Address, secrets: dict[str, Secret], reference: Callable[[Secret], str]) -> Iterator[str]:
    if address.query:
        yield line(1, "query:", "what follows the `?` of the address")
    for key, value in address.query:
        text = f'"{reference(secrets[key])}"' if key in secrets else scalar(value)
        yield line(2, f"{scalar(key)}: {text}")


def _more(wanted: Wanted, site: Path) -> Iterator[str]:
    """What each kind needs besides, and what most people will want to change."""
    address = wanted.address
    if address.kind == "ftp":
        if address.tls == "none":
            yield line(1, "# tls: explicit", "encrypted; without it the password travels readable")
        else:
            yield line(1, f"tls: {address.tls}", "encrypted; `explicit` is the usual, `implicit` is port 990")
    elif address.kind == "sftp":
        yield line(1, "known_hosts: known_hosts", f"written by `gateway trust-host {wanted.name}`")
    elif address.kind == "mserver":
        yield line(1, f"company_id: {scalar(wanted.company_id)}", "the accounting unit that must answer")
        yield line(1, f"# year: {SystemClock().now().year}", "and its year; nothing is sent into another one")
    elif address.kind == "api":
        for name, default in load_description(wanted.platform, site).settings.items():
            if default is None:
                raise UsageError(
                    f"the API of `{wanted.platform}` must be told `{name}`, which only a person can: write the "
                    "endpoint by hand (docs/endpoints.md), and give its name"
                )
            yield line(1, f"# settings: {{{name}: {default}}}", "a setting of its api.yaml, and its default")


def is_same(wanted: Wanted, options: AnyOptions, site: Path) -> bool:
    """Whether an endpoint that is there is the very one."""
    address = wanted.address
    if getattr(options, "type", None) != _TYPE_OF.get(address.kind):
        return False
    if address.kind == "local":
        return (site / address.path).resolve() == (site / str(getattr(options, "path", ""))).resolve()
    if address.kind in ("ftp", "sftp"):
        usual = {"ftp": None, "sftp": 22}[address.kind]
        ours = (address.host.lower(), address.port or usual, wanted.user)
        theirs = (
            str(getattr(options, "host", "")).lower(),
            getattr(options, "port", None),
            getattr(options, "user", None),
        )
        return ours == theirs and (
            address.kind == "sftp" or address.tls in (getattr(options, "tls", None), "none")
        )
    if address.query or getattr(options, "query", None):
        return False
    same_url = urlsplit(address.url)[:3] == urlsplit(str(getattr(options, "url", "")).rstrip("/"))[:3]
    return same_url and wanted.platform == (getattr(options, "platform", None) or "")
