"""A secret never stands in a log, an error, a report, a stored text or an argument list."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.daemon.running import gateway, start, wait_until
from tests.exchange.conftest import TestSite, contents
from tests.exchange.shop import export
from tests.exchange.test_delivery import use_ftp
from tests.servers import ftp_server

SECRET = "s3cret-Pa55word-žluť"


@pytest.mark.parametrize("inline", [False, True], ids=["in a file", "in config.yaml itself"])
def test_a_password_that_is_refused_is_nowhere_to_be_read(tmp_path: Path, inline: bool) -> None:
    # given a site whose password is wrong, so that everything complains about it
    site = TestSite(tmp_path)
    root = tmp_path / "office"
    (root / "pohoda").mkdir(parents=True)
    with ftp_server(root) as server:
        use_ftp(site, server.port)
        (tmp_path / "password").write_text(SECRET, encoding="utf-8")
        if inline:
            text = site.config_path.read_text(encoding="utf-8")
            site.config_path.write_text(text.replace("${file:password}", SECRET), encoding="utf-8")
            (tmp_path / "password").unlink()
        with (tmp_path / "gateway.log").open("ab") as log:
            process = start(site.config_path, log)
            try:
                site.drop("orders.xml", export("1001"))
                wait_until(lambda: b"delivery_deferred" in (tmp_path / "gateway.log").read_bytes())
                arguments = Path(f"/proc/{process.pid}/cmdline")
                seen = arguments.read_bytes() if arguments.exists() else b""
                told = [gateway(site.config_path, *words) for words in COMMANDS]
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
    # then the password is in none of what was said, logged or stored
    said = "".join(each.stdout + each.stderr for each in told)
    stored = b"".join(contents(tmp_path / "spool", "**/*").values())
    everything = said.encode() + seen + (tmp_path / "gateway.log").read_bytes() + stored
    assert b"the login of `shop` is refused" in everything
    assert SECRET.encode() not in everything
    assert b"s3cret" not in everything


COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("show", "1001"),
    ("show", "1001", "--json"),
    ("check",),
    ("check", "--json"),
    ("probe",),
    ("probe", "--json"),
    ("retry", "--route", "shop", "--dry-run"),
    ("--debug", "probe", "nothing"),
)
