"""A backup has the ledger at one moment with every blob it names; restored, nothing is sent before a release."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from gateway.config import load
from gateway.diagnostics import render_all
from gateway.errors import GatewayError, SpoolInUse, UsageError
from gateway.exchange.backup import BackedUp, back_up
from gateway.exchange.restore import Restored, check, restore
from gateway.store import archive, tables
from gateway.store.archive import BrokenBackup
from gateway.store.ledger import open_ledger
from gateway.store.schema import current_revision, newest_revision, upgrade
from gateway.store.spool import Spool
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


def quiet(_text: str) -> None:
    """Where nobody watches."""


def made(site: TestSite, name: str = "backup.tar.gz") -> BackedUp:
    return back_up(site.config_path, site.folder / name, told=quiet)


def restored(site: TestSite, tmp_path: Path, name: str = "backup.tar.gz") -> tuple[TestSite, Restored]:
    folder = tmp_path / "again"
    result = restore(site.folder / name, folder, told=quiet)
    found = TestSite.__new__(TestSite)
    found.folder, found.config_path = folder, folder / "config.yaml"
    return found, result


def minute(result: Restored) -> str:
    """When the backup was made, as a person reads it here."""
    return f"{datetime.fromisoformat(result.at).astimezone():%Y-%m-%d %H:%M}"


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


@pytest.fixture
def worked(site: TestSite) -> TestSite:
    """Sent, held, set aside, failed, and waiting orders."""
    site.drop("a.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    site.drop("cut.xml", export("1003")[:-20])
    site.run()
    site.drop("b.xml", export(ShopOrder("1001", price="242.00"), "1004"))
    site.run()
    site.drop("waits.xml", export("1005"))
    return site


# -- what is in it ---------------------------------------------------------------------------------------


def test_a_backup_has_the_ledger_its_blobs_and_what_belongs_to_the_site(worked: TestSite) -> None:
    (worked.folder / "mappings").mkdir()
    (worked.folder / "mappings" / "own.yaml").write_text("kind: order\n")
    (worked.folder / "known_hosts").write_text("[sftp.example.cz]:22 ssh-ed25519 AAAA\n")
    (worked.folder / "routes").mkdir()
    (worked.folder / "routes" / "more.yaml").write_text("routes: {}\n")
    worked.configure(replace=("version: 1\n", "version: 1\ninclude: [routes/*.yaml]\n"))
    done = made(worked)
    file = Path(done.file)
    listed = names(file)
    segments = sorted(path.name for path in (worked.folder / "spool" / "blobs").iterdir())
    assert listed[0] == "waiting/shop/waits.xml"
    assert sorted(n for n in listed if n.startswith("blobs/")) == [f"blobs/{segment}" for segment in segments]
    assert [n for n in listed if n.startswith("site/")] == [
        "site/config.yaml",
        "site/routes/more.yaml",
        "site/known_hosts",
        "site/mappings/own.yaml",
    ]
    assert sum(n.startswith("failed/shop/") for n in listed) == 4
    assert (listed[-1], file.stat().st_mode & 0o777) == ("manifest.json", 0o600)
    assert [path.name for path in worked.folder.iterdir() if path.name.startswith(".")] == []
    assert check(file).exchanges == 3


def test_no_secret_is_in_a_backup(worked: TestSite) -> None:
    # given secrets in files, in the folder of the secrets and a key beside the configuration
    (worked.folder / "secrets").mkdir()
    (worked.folder / "secrets" / "office").write_text("hunter-two-secret")
    (worked.folder / "mappings").mkdir()
    (worked.folder / "mappings" / "password").write_text("hunter-three-secret")
    (worked.folder / "xsd").mkdir()
    (worked.folder / "xsd" / "id_ed25519").write_text("hunter-four-secret")
    endpoint = (
        '  office: {type: ftp, host: h, user: u, password: "${file:secrets/office}"}\n'
        '  other: {type: ftp, host: h, user: u, password: "${file:mappings/password}"}\n'
        "  third: {type: sftp, host: h, user: u, key_file: xsd/id_ed25519}"
    )
    worked.configure(endpoints=endpoint)
    done = made(worked)
    with tarfile.open(done.file) as tar:
        contents = b"".join(tar.extractfile(name).read() for name in tar.getnames())  # type: ignore[union-attr]
    assert b"hunter" not in contents
    assert not done.has_inline_secrets


def test_a_backup_can_be_made_where_the_secrets_are_not_there(worked: TestSite) -> None:
    """A timer has not the variables and credentials of the service."""
    worked.configure(
        endpoints='  office: {type: ftp, host: h, user: u, password: "${env:NOT_SET_HERE}"}\n'
        '  other: {type: ftp, host: h, user: u, password: "${cred:office}"}'
    )
    assert made(worked).contents > 0


def test_a_password_in_the_configuration_itself_is_told(worked: TestSite) -> None:
    worked.configure(endpoints="  office: {type: ftp, host: h, user: u, password: hunter2}")
    assert made(worked).has_inline_secrets


def test_an_input_that_is_taken_in_while_the_backup_is_made_is_in_it(
    worked: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a gateway that takes the waiting file right after the drop folders were copied
    from gateway.exchange import backup

    real = backup._snapshot

    def snapshot(ledger: Path, copy: Path) -> None:
        worked.run()
        real(ledger, copy)

    monkeypatch.setattr(backup, "_snapshot", snapshot)
    made(worked)
    listed = names(worked.folder / "backup.tar.gz")
    assert "waiting/shop/waits.xml" in listed
    assert check(worked.folder / "backup.tar.gz").exchanges == 4


def test_stored_bytes_that_were_lost_before_are_told_and_hinder_nothing(worked: TestSite, tmp_path: Path) -> None:
    lost = next((worked.folder / "spool" / "blobs").glob("*.input"))
    lost.unlink()
    done = made(worked)
    assert done.missing == (lost.name.removesuffix(".input"),)
    assert check(Path(done.file)).missing == done.missing
    _, result = restored(worked, tmp_path)
    assert result.missing == done.missing


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("there.tar.gz", "{}/there.tar.gz is there already; choose another name, a backup is never written over"),
        ("nowhere/b.tar.gz", "there is no folder {}/nowhere"),
        (
            "spool/b.tar.gz",
            "{}/spool/b.tar.gz lies in the spool itself; choose a folder outside, best on another disk",
        ),
    ],
)
def test_a_place_that_is_no_good_is_refused(worked: TestSite, where: str, said: str) -> None:
    (worked.folder / "there.tar.gz").write_bytes(b"an older backup")
    with pytest.raises(UsageError) as caught:
        made(worked, where)
    assert str(caught.value) == said.format(worked.folder)
    assert (worked.folder / "there.tar.gz").read_bytes() == b"an older backup"


def test_where_there_is_no_ledger_there_is_nothing_to_back_up(site: TestSite) -> None:
    with pytest.raises(UsageError) as caught:
        made(site)
    assert str(caught.value) == f"there is no ledger in {site.folder}/spool: nothing to back up"


def test_a_disk_that_is_full_leaves_no_half_backup(worked: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any, **_named: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.ArchiveWriter, "finish", full)
    before = sorted(path.name for path in worked.folder.iterdir())
    with pytest.raises(OSError, match="No space left"):
        made(worked)
    assert sorted(path.name for path in worked.folder.iterdir()) == before


def test_a_gateway_that_starts_meanwhile_and_removes_contents_spoils_the_backup_and_that_is_said(
    worked: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.exchange import backup

    real = backup._snapshot

    def snapshot(ledger: Path, copy: Path) -> None:
        real(ledger, copy)
        with worked.open():  # frees all lanes
            for path in (worked.folder / "spool" / "blobs").iterdir():
                path.unlink()

    monkeypatch.setattr(backup, "_snapshot", snapshot)
    with pytest.raises(GatewayError) as caught:
        made(worked)
    assert str(caught.value) == (
        "a gateway was started while the backup was made, and old contents were removed; make it again"
    )


# -- what is refused as a backup -------------------------------------------------------------------------


Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], list[tuple[tarfile.TarInfo, bytes]]]


def rewritten(file: Path, change: Change) -> Path:
    with tarfile.open(file) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    changed = file.with_name("changed.tar.gz")
    with tarfile.open(changed, "w:gz") as tar:
        for member, content in change(members):
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return changed


def altered(name: str, content: Callable[[bytes], bytes]) -> Change:
    return lambda members: [(m, content(c) if m.name.startswith(name) else c) for m, c in members]


def with_manifest(**changes: Any) -> Change:
    return altered("manifest.json", lambda c: msgspec.json.encode({**json.loads(c), **changes}))


def named(name: str, **header: Any) -> Change:
    def add(members: list[tuple[tarfile.TarInfo, bytes]]) -> list[tuple[tarfile.TarInfo, bytes]]:
        extra = tarfile.TarInfo(name)
        for key, value in header.items():
            setattr(extra, key, value)
        return [(extra, b""), *members]

    return add


BROKEN = {
    "a changed blob": (altered("blobs/", lambda c: c[:-1] + b"?"), "{} was altered: blobs/"),
    "a changed ledger": (altered("ledger.db", lambda c: c[:5000] + b"?" + c[5001:]), "{} was altered: ledger.db"),
    "a missing blob": (
        lambda members: [m for m in members if not m[0].name.startswith("blobs/")],
        "{} is no whole backup: ",
    ),
    "no manifest": (lambda members: members[:-1], "{} is no whole backup: it ends before its manifest"),
    "something after it": (
        lambda members: [*members, members[0]],
        "{} is no whole backup: something follows its manifest",
    ),
    "a file twice": (
        lambda members: [members[0], *members],
        "{} is no whole backup: waiting/shop/waits.xml is in",
    ),
    "a file too many": (named("site/evil.yaml"), "{} was altered: site/evil.yaml is not what its manifest says"),
    "a way out": (named("site/../../evil"), "{} is no backup of the gateway: it holds 'site/../../evil'"),
    "a way from the root": (named("/etc/evil"), "{} is no backup of the gateway: it holds '/etc/evil'"),
    "a way out on Windows": (named("site/..\\evil"), "{} is no backup of the gateway: it holds 'site/..\\\\evil'"),
    "another room": (named("bin/evil"), "{} is no backup of the gateway: it holds 'bin/evil'"),
    "a link": (
        named("site/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "{} is no backup of the gateway: it holds 'site/link'",
    ),
    "a device": (named("site/null", type=tarfile.CHRTYPE), "{} is no backup of the gateway: it holds 'site/null'"),
    "a newer format": (with_manifest(format=2), "{} was made by a newer gateway (format 2): install that version"),
    "a manifest of nothing": (with_manifest(files=[]), "{} is no backup of the gateway: it holds no ledger"),
    "a manifest that is none": (altered("manifest.json", lambda _: b"[]"), "{} is no whole backup: "),
}


@pytest.mark.parametrize(("change", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_backup_that_was_altered_is_refused_and_nothing_is_written(
    worked: TestSite, tmp_path: Path, change: Change, said: str
) -> None:
    made(worked)
    file = rewritten(worked.folder / "backup.tar.gz", change)
    for attempt in (lambda: check(file), lambda: restore(file, tmp_path / "again", told=quiet)):
        with pytest.raises(BrokenBackup) as caught:
            attempt()
        assert str(caught.value).startswith(said.format(file))
    assert list((tmp_path / "again").iterdir()) == []


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.999])
def test_a_backup_that_was_cut_is_refused(worked: TestSite, tmp_path: Path, part: float) -> None:
    content = Path(made(worked).file).read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BrokenBackup) as caught:
        check(cut)
    assert str(caught.value).startswith(f"{cut} is no whole backup: ")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 a zip", gzip.compress(b"no tar at all" * 100)],
    ids=["empty", "a zip", "gzip without a tar"],
)
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(BrokenBackup) as caught:
        check(file)
    assert str(caught.value).startswith(f"{file} is no whole backup: ")


def test_a_ledger_that_names_what_is_not_there_is_refused(worked: TestSite) -> None:
    """A backup whose manifest fits and whose ledger does not: made by other means, or by a bug."""
    with worked.open() as opened, opened.ledger.write() as connection:
        connection.execute(
            tables.blob.insert().values(sha256="f" * 64, segment="gone", start=0, size=1, created_at="-")
        )
    file = rewritten(Path(made(worked).file), with_manifest(missing=[]))
    with pytest.raises(BrokenBackup) as caught:
        check(file)
    assert str(caught.value) == (
        f"{file} is no whole backup: its ledger names 1 content that it does not hold, such as ffffffffffff"
    )


# -- restoring -------------------------------------------------------------------------------------------


def test_a_restored_site_knows_everything_and_sends_nothing_before_a_release(
    worked: TestSite, tmp_path: Path
) -> None:
    made(worked)
    again, result = restored(worked, tmp_path)
    assert (result.held, result.kept, result.exchanges) == (("route:shop", "target:pohoda"), (), 3)
    # when it runs, also with what waited in the drop folder
    again.run()
    assert again.numbers() == []
    status = again.status()
    (hold, _) = [matter for matter in status.matters if matter.what.endswith(" held")]
    assert hold.reason.endswith(
        ": compare with the accounting program, `gateway adopt` what came since, then release"
    )
    # and goes on as before once it is released
    again.do("release", "shop", "pohoda")
    again.drop("c.xml", export("1001", "1004", "1006"))
    again.run()
    assert again.numbers() == ["1005", "1006"]


def test_what_came_after_the_backup_is_adopted_and_not_sent_twice(worked: TestSite, tmp_path: Path) -> None:
    # given a backup, after which the waiting order was sent
    made(worked)
    worked.run()
    assert worked.numbers() == ["1001", "1004", "1005"]
    again, _ = restored(worked, tmp_path)
    # when what lies at the source is adopted before the release
    lines = again.do("adopt", "shop")
    assert lines == ["shop: 1 order of 1 file are known now and were not sent"]
    again.do("release", "shop", "pohoda")
    again.drop("again.xml", export("1005", "1007"))
    again.run()
    assert again.numbers() == ["1007"]


@pytest.mark.parametrize("state", ["drafted", "shipping", "deferred", "failed"])
def test_a_delivery_that_was_not_settled_is_in_doubt(site: TestSite, tmp_path: Path, state: str) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened, opened.ledger.write() as connection:
        connection.execute(update(tables.delivery).values(state=state))
        connection.execute(update(tables.posting).values(state="planned"))
    made(site)
    again, result = restored(site, tmp_path)
    assert result.in_doubt == 1
    again.do("release", "shop", "pohoda")
    again.run()
    assert again.numbers() == []
    (matter,) = again.status().matters
    assert matter.what == "delivery in_doubt"
    delivery = again.story("1001")[0].deliveries[0]["id"]
    assert render_all(again.problems()) == (
        f"error[G017]: `shop-main_order_1001.xml` was not settled when the backup of {minute(result)} was made\n"
        f"  = help: look in the accounting program; then `gateway release {delivery}` (it arrived) or "
        f"`gateway retry {delivery} --send-again` (it did not)"
    )
    # and a person decides
    assert again.do("retry", delivery, send_again=True) == [
        "shop-main_order_1001.xml is on its way to pohoda again"
    ]
    again.run()
    assert again.numbers() == ["1001"]


def test_an_input_that_was_being_read_is_left_to_a_person(site: TestSite, tmp_path: Path) -> None:
    # given an exchange without a plan, with its drafts
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    with site.open() as opened, opened.ledger.write() as connection:
        connection.execute(update(tables.exchange).values(planned_at=None))
        connection.execute(update(tables.delivery).values(state="drafted"))
    made(site)
    again, result = restored(site, tmp_path)
    assert (result.in_doubt, result.failed) == (0, 1)
    again.do("release", "shop", "pohoda")
    again.run()
    assert again.numbers() == []
    (matter,) = again.status().matters
    exchange = matter.do.rsplit(" ", 1)[-1]
    assert render_all(again.problems()) == (
        f"error[G017]: `a.xml` was being read when the backup of {minute(result)} was made\n"
        f"  = help: compare with the accounting program; `gateway retry {exchange}` reads it and sends what is new"
    )
    again.do("retry", exchange)
    again.run()
    assert again.numbers() == ["1001", "1002"]


def test_a_whole_input_that_was_held_stays_held(site: TestSite, tmp_path: Path) -> None:
    site.configure("max_new: 1")
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    made(site)
    again, result = restored(site, tmp_path)
    assert result.in_doubt == 0
    again.do("release", "shop", "pohoda")
    again.run()
    assert again.numbers() == []
    (matter,) = again.status().matters
    assert matter.what == "held: max_new"
    exchange = again.story("1001")[0].exchange.id
    assert render_all(again.problems()).startswith(
        f"error[G017]: `a.xml` was held when the backup of {minute(result)} was made\n"
        f"  = help: compare with the accounting program before `gateway release {exchange}`; "
        f"`gateway release {exchange} --drop` sends none of it\n"
    )


def test_inputs_that_the_ledger_never_heard_of_are_in_a_backup_too(worked: TestSite, tmp_path: Path) -> None:
    (worked.folder / "spool" / "unknown").mkdir()
    (worked.folder / "spool" / "unknown" / "b.xml").write_bytes(export("1009"))
    made(worked)
    again, _ = restored(worked, tmp_path)
    assert (again.folder / "spool" / "unknown" / "b.xml").read_bytes() == export("1009")


def test_what_operators_had_asked_for_is_not_done_again(site: TestSite, tmp_path: Path) -> None:
    from gateway.exchange import requests
    from gateway.exchange.naming import Arguments

    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened:
        requests.ask(opened, "tester", "release", Arguments(("shop",)))
    made(site)
    again, _ = restored(site, tmp_path)
    with again.open() as opened, opened.ledger.read() as connection:
        row = connection.execute(select(tables.request)).one()
    assert (row.done_at is not None, json.loads(row.outcome)) == (
        True,
        ["not done: the ledger was restored from a backup"],
    )


def test_files_of_the_site_that_are_there_already_stay(worked: TestSite, tmp_path: Path) -> None:
    made(worked)
    folder = tmp_path / "again"
    folder.mkdir()
    newer = (
        worked.config_path.read_text()
        .replace("spool", "other")
        .replace("version: 1\n", "version: 1\nspool: box\n")
    )
    (folder / "config.yaml").write_text(newer)
    _, result = restored(worked, tmp_path)
    assert (result.kept, result.spool) == (("config.yaml",), str(folder / "box"))
    assert (folder / "config.yaml").read_text() == newer
    assert (folder / "box" / "ledger.db").is_file()


def test_where_a_ledger_is_already_nothing_is_restored(worked: TestSite) -> None:
    done = made(worked)
    before = (worked.folder / "spool" / "ledger.db").read_bytes()
    with pytest.raises(UsageError) as caught:
        restore(Path(done.file), worked.folder, told=quiet)
    spool = worked.folder / "spool"
    assert str(caught.value) == (
        f"{spool}/ledger.db is there already, and a restore never replaces a ledger: stop the gateway and move "
        f"the folder {spool} away (keep it: it may know what was sent after the backup), or restore elsewhere "
        "with --to DIR"
    )
    assert (spool / "ledger.db").read_bytes() == before


def test_where_a_gateway_runs_nothing_is_restored(worked: TestSite, tmp_path: Path) -> None:
    made(worked)
    spool = Spool(tmp_path / "again" / "spool")
    spool.prepare()
    with spool.lock(), pytest.raises(SpoolInUse):
        restored(worked, tmp_path)


def test_a_restore_that_broke_off_can_be_begun_anew(
    worked: TestSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.exchange import restore as restoring

    made(worked)
    monkeypatch.setattr(restoring, "fsync_folder", lambda _: None)
    monkeypatch.setattr(restoring._Restoring, "_place_of_route", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        restored(worked, tmp_path)
    monkeypatch.undo()
    again, _ = restored(worked, tmp_path)
    assert [story.exchange.state for story in again.story("1004")] == ["sent"]
    assert not (again.folder / "spool" / "ledger.restoring.db").exists()


def with_ledger(site: TestSite, change: Callable[[sqlite3.Connection], None]) -> None:
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as connection:
        change(connection)


def test_a_backup_of_a_newer_gateway_is_refused(worked: TestSite, tmp_path: Path) -> None:
    with_ledger(worked, lambda c: c.execute("UPDATE alembic_version SET version_num = '0099'"))  # type: ignore[arg-type, return-value]
    done = made(worked)
    with pytest.raises(UsageError) as caught:
        restored(worked, tmp_path)
    assert str(caught.value).startswith(f"{done.file} was made by a newer gateway (version ")
    assert str(caught.value).endswith(
        f"ledger revision 0099; this one has {newest_revision()}): install that version"
    )


def test_a_backup_of_an_older_gateway_is_brought_up_to_date(site: TestSite, tmp_path: Path) -> None:
    # given a ledger of the first schema
    spool = Spool(site.folder / "spool")
    spool.prepare()
    old = open_ledger(spool.ledger, migrate=False)
    upgrade(old, "0001")
    old.close()
    made(site)
    again, result = restored(site, tmp_path)
    assert result.held == ("route:shop", "target:pohoda")
    with again.open() as opened:
        assert current_revision(opened.ledger) == newest_revision()
    assert load(again.config_path).problems == ()
