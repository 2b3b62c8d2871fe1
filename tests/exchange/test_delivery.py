"""The way to the target: a server that is down, names that are taken, interruptions between any two steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.endpoints import Staged, Written
from gateway.endpoints.local import LocalTarget
from gateway.errors import EndpointRefused, EndpointUnreachable, LoginRefused, OutcomeUnknown
from gateway.exchange.courier import Courier
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.servers import PASSWORD, USER, RunningFtp, ftp_server

FTP = f"""\
  office:
    type: ftp
    host: 127.0.0.1
    port: {{port}}
    user: {USER}
    password: "${{{{file:password}}}}"
    connect_timeout: 2
    data_timeout: 5
"""


def use_ftp(site: TestSite, port: int, route: str = "") -> None:
    """Ship to an FTP server instead of a folder."""
    (site.folder / "password").write_text(PASSWORD)
    site.configure(route, endpoints=FTP.format(port=port), replace=("endpoint: out", "endpoint: office"))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[RunningFtp]:
    root = tmp_path / "office"
    (root / "pohoda").mkdir(parents=True)
    with ftp_server(root) as server:
        yield server


def test_orders_arrive_on_an_ftp_server_under_their_final_names(site: TestSite, office: RunningFtp) -> None:
    use_ftp(site, office.port)
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    assert list(site.shipped("office/pohoda")) == ["shop-main_order_1001.xml", "shop-main_order_1002.xml"]
    assert site.numbers("office/pohoda") == ["1001", "1002"]


def test_a_target_that_is_down_loses_nothing_and_doubles_nothing(site: TestSite, tmp_path: Path) -> None:
    # given a server that is down
    root = tmp_path / "office"
    (root / "pohoda").mkdir(parents=True)
    with ftp_server(root) as server:
        port = server.port
    use_ftp(site, port)
    site.drop("orders.xml", export("1001", "1002"))
    # when
    result = site.run()
    # then
    assert "connection refused" in result.unreachable["pohoda"]
    assert [line.state for line in result.exchanges] == ["on its way"]
    assert site.status().routes[0].waiting == 2
    # and when the server is back, everything arrives once
    with ftp_server(root, port=port):
        site.run()
        site.run()
    assert site.numbers("office/pohoda") == ["1001", "1002"]


def test_a_wrong_password_holds_the_target_after_three_logins_and_says_so(
    site: TestSite, office: RunningFtp
) -> None:
    # given
    use_ftp(site, office.port)
    (site.folder / "password").write_text("wrong")
    site.drop("orders.xml", export("1001", "1002"))
    # when it is tried again and again
    for _ in range(5):
        site.run()
    # then it is not hammered, and nothing is lost
    (matter,) = site.status().matters
    assert (matter.what, matter.name, matter.do) == ("target held", "pohoda", "gateway release pohoda")
    assert matter.reason.startswith("127.0.0.1: the login of `shop` is refused: `530")
    (story,) = site.story("1001")
    assert [d["attempts"] for d in story.deliveries] == [2]
    # and once the password is mended and the target released, everything goes out
    (site.folder / "password").write_text(PASSWORD)
    site.do("release", "pohoda")
    site.run()
    assert site.numbers("office/pohoda") == ["1001", "1002"]
    assert site.status().matters == ()


def test_a_wrong_password_at_a_source_holds_its_route(site: TestSite, office: RunningFtp) -> None:
    routes = """\
  by-ftp:
    origin: shop-main
    from: {endpoint: office, folder: /pohoda}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    (site.folder / "password").write_text("wrong")
    site.configure(routes=routes, endpoints=FTP.format(port=office.port))
    for _ in range(4):
        site.run()
    (matter,) = site.status().matters
    assert (matter.what, matter.name) == ("route held", "by-ftp")


def test_a_foreign_file_of_the_same_name_is_never_overwritten(site: TestSite) -> None:
    place = site.folder / "out" / "pohoda"
    place.mkdir(parents=True)
    (place / "shop-main_order_1001.xml").write_bytes(b"typed by hand")
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    assert (place / "shop-main_order_1001.xml").read_bytes() == b"typed by hand"
    assert site.numbers() == ["1002"]
    (matter,) = site.status().matters
    assert matter.what == "delivery failed"
    # and when the file is moved away, the delivery is retried
    (place / "shop-main_order_1001.xml").unlink()
    site.do("retry", "1001")
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_the_same_order_by_folder_and_by_ftp_is_sent_once(site: TestSite, tmp_path: Path) -> None:
    # given the shop leaves its export on an FTP server, and somebody drops the same order by hand
    shop = tmp_path / "shop-account"
    (shop / "export").mkdir(parents=True)
    (shop / "export" / "orders-1.xml").write_bytes(export("1001", "1002"))
    with ftp_server(shop) as server:
        (site.folder / "password").write_text(PASSWORD)
        routes = """\
  by-ftp:
    origin: shop-main
    from: {endpoint: office, folder: /export, files: "orders*.xml", after: {move: done}}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
        site.configure(routes=routes, endpoints=FTP.format(port=server.port))
        site.drop("by-hand.xml", export("1002", "1003"))
        site.run()
        site.run()
    # then
    assert site.numbers() == ["1001", "1002", "1003"]
    # and the export was put away on the server
    assert [path.name for path in (shop / "export").iterdir()] == ["done"]
    assert (shop / "export" / "done" / "orders-1.xml").exists()


def test_a_source_that_is_down_is_told_and_the_other_routes_go_on(site: TestSite) -> None:
    routes = """\
  by-ftp:
    origin: shop-main
    from: {endpoint: office, folder: /export}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    (site.folder / "password").write_text(PASSWORD)
    site.configure(routes=routes, endpoints=FTP.format(port=1))
    site.drop("orders.xml", export("1001"))
    result = site.run()
    assert site.numbers() == ["1001"]
    assert list(result.unreachable) == ["by-ftp"]
    states = {route.route: route.state for route in site.status().routes}
    assert states == {"shop": "up", "by-ftp": "down"}


def test_a_folder_that_vanished_is_an_error_and_never_no_orders(site: TestSite, tmp_path: Path) -> None:
    shop = tmp_path / "shop-account"
    shop.mkdir()
    with ftp_server(shop) as server:
        routes = """\
  by-ftp:
    origin: shop-main
    from: {endpoint: office, folder: /export}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
        (site.folder / "password").write_text(PASSWORD)
        site.configure(routes=routes, endpoints=FTP.format(port=server.port))
        result = site.run()
    assert "cannot be entered" in result.unreachable["by-ftp"]


def test_kept_files_are_read_again_only_when_they_change(site: TestSite) -> None:
    inbox = site.folder / "exports"
    inbox.mkdir()
    (inbox / "orders.xml").write_bytes(export("1001"))
    site.configure(
        "from: {endpoint: shop-folder, after: keep}",
        endpoints="  shop-folder: {type: local, path: exports}",
    )
    first = site.run()
    second = site.run()
    assert (len(first.exchanges), len(second.exchanges)) == (1, 0)
    # and the same name with new content is new
    (inbox / "orders.xml").write_bytes(export("1001", "1002"))
    site.run()
    assert site.numbers() == ["1001", "1002"]
    assert (inbox / "orders.xml").exists()


class TestInterruptions:
    """The process ends between any two steps of a delivery; the next run finishes it exactly once."""

    @pytest.fixture
    def dropped(self, site: TestSite) -> TestSite:
        site.drop("orders.xml", export("1001"))
        return site

    def interrupted(self, site: TestSite, monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool) -> None:
        """Run until `step` of the target is reached (or just done), where the process 'ends'."""
        original = getattr(LocalTarget, step)

        class Killed(BaseException):
            """Nothing catches this: it stands for the end of the process."""

        def ends(self: LocalTarget, *args: object, **options: object) -> object:
            if after:
                original(self, *args, **options)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(LocalTarget, step, ends)
            with pytest.raises(Killed):
                site.run()

    @pytest.mark.parametrize("step", ["stage", "publish"])
    @pytest.mark.parametrize("after", [False, True])
    def test_nothing_is_lost_and_nothing_doubled(
        self, dropped: TestSite, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
    ) -> None:
        self.interrupted(dropped, monkeypatch, step, after=after)
        dropped.run()
        assert dropped.numbers() == ["1001"]
        assert dropped.status().matters == ()
        assert [name for name in dropped.shipped() if name.startswith(".")] == []

    def test_a_file_that_the_receiver_took_meanwhile_is_not_sent_again(
        self, dropped: TestSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given the process ends right after the rename
        self.interrupted(dropped, monkeypatch, "publish", after=True)
        # and the accounting program takes the file before the gateway runs again
        (dropped.folder / "out" / "pohoda" / "shop-main_order_1001.xml").unlink()
        # when
        dropped.run()
        # then it counts as delivered
        assert dropped.shipped() == {}
        (story,) = dropped.story("1001")
        assert (story.deliveries[0]["state"], story.postings[0].state) == ("delivered", "sent")
        assert story.timeline[-1].detail["found"] == "taken by the receiver"


def test_a_lost_answer_is_settled_by_looking(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LocalTarget.publish

    def loses_the_answer(self: LocalTarget, staged: Staged) -> Written:
        original(self, staged)
        raise OutcomeUnknown("the line was cut", code="E001")

    monkeypatch.setattr(LocalTarget, "publish", loses_the_answer)
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()


def test_where_nobody_can_look_the_delivery_is_in_doubt_and_a_person_decides(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a server that loses the answer and does not let us look
    def loses_the_answer(self: LocalTarget, staged: Staged) -> Written:
        raise OutcomeUnknown("the line was cut", code="E001")

    def refuses(self: LocalTarget, staged: Staged) -> Written:
        raise EndpointRefused("listing is not allowed here", code="E004")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", loses_the_answer)
        patch.setattr(LocalTarget, "look", refuses)
        site.drop("orders.xml", export("1001"))
        site.run()
    (matter,) = site.status().matters
    assert matter.what == "delivery in_doubt"
    assert matter.reason == (
        "nobody knows whether `shop-main_order_1001.xml` arrived: listing is not allowed here"
    )
    # when the person looks and finds nothing
    delivery = site.story("1001")[0].deliveries[0]["id"]
    site.do("retry", delivery)
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_a_delivery_in_doubt_that_is_there_is_released(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LocalTarget.publish

    def loses_the_answer(self: LocalTarget, staged: Staged) -> Written:
        original(self, staged)
        raise OutcomeUnknown("the line was cut", code="E001")

    def refuses(self: LocalTarget, staged: Staged) -> Written:
        raise EndpointRefused("listing is not allowed here", code="E004")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", loses_the_answer)
        patch.setattr(LocalTarget, "look", refuses)
        site.drop("orders.xml", export("1001"))
        site.run()
    site.do("release", "1001")
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_when_looking_is_not_possible_for_now_the_delivery_waits_and_is_not_repeated(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LocalTarget.publish

    def loses_the_answer(self: LocalTarget, staged: Staged) -> Written:
        original(self, staged)
        raise OutcomeUnknown("the line was cut", code="E001")

    def is_down(self: LocalTarget, staged: Staged) -> Written:
        raise EndpointUnreachable("no answer in time", code="E001")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", loses_the_answer)
        patch.setattr(LocalTarget, "look", is_down)
        site.drop("orders.xml", export("1001"))
        site.run()
    assert site.status().routes[0].waiting == 1
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().routes[0].waiting == 0


def test_a_held_target_ships_nothing_until_it_is_released(site: TestSite) -> None:
    site.do("hold", "pohoda")
    site.drop("orders.xml", export("1001"))
    site.run()
    assert site.shipped() == {}
    site.do("release", "pohoda")
    site.run()
    assert site.numbers() == ["1001"]


def test_a_held_route_takes_nothing_in_until_it_is_released(site: TestSite) -> None:
    dropped = site.drop("orders.xml", export("1001"))
    site.do("hold", "shop")
    site.run()
    assert dropped.exists()
    assert site.status().routes[0].state == "held"
    site.do("release", "shop")
    site.run()
    assert site.numbers() == ["1001"]


def test_stored_bytes_that_are_gone_are_written_anew_by_a_retry(site: TestSite) -> None:
    # given a delivery whose bytes somebody deleted
    site.configure(settings="pack: 2")
    site.do("hold", "pohoda")
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    for segment in (site.folder / "spool" / "blobs").glob("*.deliveries"):
        segment.unlink()
    site.do("release", "pohoda")
    site.run()
    (matter,) = site.status().matters
    assert matter.what == "delivery failed"
    # when
    site.do("retry", "1001")
    site.run()
    # then
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()


def lose_the_answer(monkeypatch: pytest.MonkeyPatch, *, look: BaseException | None) -> None:
    """The rename is done, its answer is lost; and looking raises `look` where it is given."""
    original = LocalTarget.publish

    def publish(self: LocalTarget, staged: Staged) -> Written:
        original(self, staged)
        raise OutcomeUnknown("the line was cut", code="E001")

    def looking(self: LocalTarget, staged: Staged) -> Written:
        assert look is not None
        raise look

    monkeypatch.setattr(LocalTarget, "publish", publish)
    if look is not None:
        monkeypatch.setattr(LocalTarget, "look", looking)


def test_a_retry_of_a_delivery_in_doubt_never_doubles_what_the_receiver_took(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a delivery in doubt that did arrive, and was imported
    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        lose_the_answer(patch, look=EndpointRefused("not allowed", code="E004"))
        site.run()
    for path in (site.folder / "out" / "pohoda").iterdir():
        path.unlink()
    # when the command that status names is followed, and then a plain retry
    (matter,) = site.status().matters
    assert matter.do.startswith("gateway show ")
    (told,) = site.do("retry", "1001")
    site.run()
    # then nothing is sent, and the person is asked
    assert "neither it nor its temporary file is there" in told
    assert site.shipped() == {}
    # and only an explicit word sends it again
    site.do("retry", "1001", send_again=True)
    site.run()
    assert site.numbers() == ["1001"]


def test_a_retry_of_a_delivery_in_doubt_that_is_there_settles_it(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        lose_the_answer(patch, look=EndpointRefused("not allowed", code="E004"))
        site.run()
    (told,) = site.do("retry", "1001")
    assert told == "shop-main_order_1001.xml: it is there"
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_a_login_refused_while_looking_is_no_doubt(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        lose_the_answer(patch, look=LoginRefused("530 too many users", code="E002"))
        site.run()
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_a_target_that_moved_while_a_delivery_was_on_its_way_is_asked_about(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.drop("orders.xml", export("1001"))

    def cut(self: LocalTarget, staged: Staged) -> Written:
        raise OutcomeUnknown("the line was cut", code="E001")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", cut)
        site.run()
    site.configure(replace=("folder: pohoda", "folder: elsewhere"))
    site.run()
    (matter,) = site.status().matters
    assert matter.what == "delivery in_doubt"
    delivery = site.story("1001")[0].deliveries[0]["id"]
    out = site.folder / "out"
    assert render_all(site.problems()) == (
        f"error[G011]: `shop-main_order_1001.xml` was on its way to {out / 'pohoda'} when the target became "
        f"{out / 'elsewhere'}\n"
        f"  = help: look there; then `gateway release {delivery}` (it arrived) or "
        f"`gateway retry {delivery} --send-again` (it did not)"
    )
    site.do("retry", "1001", send_again=True)
    site.run()
    assert site.numbers("out/elsewhere") == ["1001"]


def test_a_refused_rename_and_a_crash_right_after_it_lose_nothing(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def refuses(self: LocalTarget, staged: Staged) -> Written:
        raise EndpointRefused("550 not allowed", code="E004")

    def killed(*_: object) -> None:
        raise Killed

    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", refuses)
        patch.setattr(Courier, "_trouble", killed)
        with pytest.raises(Killed):
            site.run()
    site.run()
    assert site.numbers() == ["1001"]


def test_temporary_files_of_failed_attempts_are_removed(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LocalTarget.stage

    def short(self: LocalTarget, name: str, content: bytes, *, attempt: str) -> Staged:
        original(self, name, content, attempt=attempt)
        raise EndpointUnreachable("the size differs", code="E006")

    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "stage", short)
        for _ in range(4):
            site.run()
    site.run()
    assert list(site.shipped()) == ["shop-main_order_1001.xml"]


def test_a_hold_stops_a_batch_in_the_middle(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    original, count = LocalTarget.publish, 0

    def held_at_the_fifth(self: LocalTarget, staged: Staged) -> Written:
        nonlocal count
        count += 1
        if count == 5:
            with sqlite3.connect(site.folder / "spool" / "ledger.db") as other:
                other.execute("INSERT INTO hold VALUES ('target:pohoda', 'by hand', 'tester', '2026')")
        return original(self, staged)

    monkeypatch.setattr(LocalTarget, "publish", held_at_the_fifth)
    site.drop("orders.xml", export(*[f"{n:03}" for n in range(20)]))
    site.run()
    assert len(site.shipped()) == 5
    site.do("release", "pohoda")
    site.run()
    assert len(site.shipped()) == 20


def test_a_staged_file_that_the_server_cleans_away_while_the_lane_waits_is_sent_anew(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every missing file was taken by the receiver: this one surely never had its final name."""
    # given a publish that is refused for now, before anything was done
    site.drop("orders.xml", export("1001"))

    def unreachable(_target: LocalTarget, _staged: Staged) -> Written:
        raise EndpointUnreachable("the share is away", code="E001")

    monkeypatch.setattr(LocalTarget, "publish", unreachable)
    site.run()
    monkeypatch.undo()
    # when the temporary file is cleaned away meanwhile
    (waiting,) = (site.folder / "out" / "pohoda").iterdir()
    assert waiting.name.startswith(".")
    waiting.unlink()
    site.run()
    # then the order arrives all the same, once
    assert list(site.shipped()) == ["shop-main_order_1001.xml"]
    assert site.status().routes[0].waiting == 0


def test_what_was_staged_and_surely_not_published_follows_a_target_that_moves(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.drop("orders.xml", export("1001"))

    def unreachable(_target: LocalTarget, _staged: Staged) -> Written:
        raise EndpointUnreachable("the share is away", code="E001")

    monkeypatch.setattr(LocalTarget, "publish", unreachable)
    site.run()
    monkeypatch.undo()
    site.configure(replace=("    folder: pohoda\n", "    folder: elsewhere\n"))
    site.run()
    assert list(site.shipped("out/elsewhere")) == ["shop-main_order_1001.xml"]
    assert not any(name.endswith(".xml") for name in site.shipped())


def test_a_trouble_right_after_the_rename_is_looked_at_and_not_repeated(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder cannot be synced, but the receiver has taken the file by then."""
    site.drop("orders.xml", export("1001"))
    place = site.folder / "out" / "pohoda"

    def taken_and_broken(_folder: Path) -> None:
        for path in place.glob("shop-main*.xml"):
            path.rename(site.folder / path.name)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.endpoints.local.fsync_folder", taken_and_broken)
    site.run()
    monkeypatch.undo()
    site.run()
    site.run()
    assert site.shipped() == {}
    assert (site.folder / "shop-main_order_1001.xml").exists()
    assert site.status().routes[0].waiting == 0


def test_an_order_that_is_cancelled_while_its_upload_fails_is_not_sent_later(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that is down takes twenty seconds to say so: long enough for the shop to cancel."""
    site.drop("orders.xml", export("1001", "1002"))
    real, cancelled = LocalTarget.stage, list[bool]()

    def cancelled_meanwhile(target: LocalTarget, name: str, content: bytes, *, attempt: str) -> Staged:
        if not cancelled:
            cancelled.append(True)
            with sqlite3.connect(site.folder / "spool" / "ledger.db") as ledger:
                ledger.execute("UPDATE delivery SET state = 'dropped' WHERE name LIKE '%1001%'")
            raise EndpointUnreachable("no answer in time", code="E001")
        return real(target, name, content, attempt=attempt)

    monkeypatch.setattr(LocalTarget, "stage", cancelled_meanwhile)
    site.run()
    site.run()
    assert site.numbers() == ["1002"]


@pytest.mark.parametrize("number", [5, 110, 116, 2], ids=["EIO", "ETIMEDOUT", "ESTALE", "ENOENT"])
def test_a_rename_on_a_share_whose_answer_is_lost_is_looked_at(
    site: TestSite, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """And the receiver took the file in the same moment."""
    site.drop("orders.xml", export("1001"))
    real, taken = Path.rename, list[Path]()

    def done_and_lost(path: Path, target: Path) -> Path:
        if path.parent.name != "pohoda":
            return real(path, target)
        taken.append(real(path, site.folder / f"taken-{len(taken)}.xml"))
        raise OSError(number, "the answer is lost")

    monkeypatch.setattr(Path, "rename", done_and_lost)
    site.run()
    site.run()
    monkeypatch.undo()
    site.run()
    assert len(taken) == 1
    assert site.shipped() == {}
    assert site.status().matters == ()


def test_after_an_attempt_of_unknown_outcome_an_error_proves_nothing(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The done-file is not stored, and then the server is away for a moment: the file has its name by then."""
    site.configure(replace=("    folder: pohoda\n", '    folder: pohoda\n    done_file: "{name}.done"\n'))
    site.drop("orders.xml", export("1001"))
    real, calls = LocalTarget.publish, list[int]()

    def marks_fail(_target: LocalTarget, _staged: Staged) -> None:
        raise OSError(5, "Input/output error")

    def publish(target: LocalTarget, staged: Staged) -> Written:
        calls.append(1)
        if len(calls) == 2:
            raise EndpointUnreachable("the share is away", code="E001")
        return real(target, staged)

    monkeypatch.setattr(LocalTarget, "_mark", marks_fail)
    monkeypatch.setattr(LocalTarget, "publish", publish)
    site.run()
    monkeypatch.undo()
    site.run()
    assert list(site.shipped()) == ["shop-main_order_1001.xml", "shop-main_order_1001.xml.done"]
    assert site.status().matters == ()


def test_a_target_folder_that_cannot_be_made_stops_nothing_else(site: TestSite) -> None:
    (site.folder / "out").write_text("a file where a folder should be")
    site.drop("orders.xml", export("1001"))
    result = site.run()
    assert "cannot be created" in result.unreachable["pohoda"]
    assert result.status is not None


def test_a_retry_of_what_was_delivered_says_so_and_sends_nothing(site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (story,) = site.story("1001")
    (said,) = site.do("retry", story.deliveries[0]["id"])
    assert said == "shop-main_order_1001.xml was delivered already: nothing is sent"
