"""probe and trust-host, as an integrator calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.running import gateway
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.real_servers import RealServer, openssh, why_no_sshd


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    (tmp_path / "site").mkdir()
    return TestSite(tmp_path / "site")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if reason := why_no_sshd():
        pytest.skip(reason)
    with openssh(tmp_path_factory.mktemp("openssh")) as running:
        yield running


def use_sftp(site: TestSite, server: RealServer, name: str = "pohoda") -> None:
    folder = server.root / name
    folder.mkdir(exist_ok=True)
    site.configure(
        endpoints=f"  office: {{type: sftp, host: 127.0.0.1, port: {server.port}, user: {server.user}, "
        f"key_file: {server.secrets}/user_key}}",
        replace=("endpoint: out\n    folder: pohoda", f"endpoint: office\n    folder: {folder}"),
    )


def test_probe_says_of_every_endpoint_what_was_found(site: TestSite) -> None:
    told = gateway(site.config_path, "probe")
    assert told.returncode == 0
    assert told.stdout.startswith(f"✓ out  {site.folder}/out can be written  (")
    assert told.stdout.endswith("next: `gateway run`\n")


def test_probe_of_an_unknown_endpoint_names_the_known_ones(site: TestSite) -> None:
    told = gateway(site.config_path, "probe", "office")
    assert (told.returncode, told.stderr) == (2, "gateway: there is no endpoint `office`; known: out\n")


def test_a_host_is_trusted_once_its_fingerprint_was_compared_and_then_orders_go_there(
    site: TestSite, server: RealServer
) -> None:
    # given a server that nobody has trusted yet
    use_sftp(site, server)
    refused = gateway(site.config_path, "probe", "office")
    assert refused.returncode == 6
    assert "✗ office  the host key of [127.0.0.1]:" in refused.stdout
    # when its key is shown
    shown = gateway(site.config_path, "trust-host", "office")
    assert shown.returncode == 2
    fingerprint = shown.stdout.split()[-1]
    assert fingerprint.startswith("SHA256:")
    assert f"compare it and give `--fingerprint {fingerprint}`" in shown.stderr
    # and another fingerprint is not accepted
    wrong = gateway(site.config_path, "trust-host", "office", "--fingerprint", "SHA256:somethingelse")
    assert wrong.returncode == 2
    # but the right one is
    trusted = gateway(site.config_path, "trust-host", "office", "--fingerprint", fingerprint)
    assert trusted.returncode == 0
    assert (
        gateway(site.config_path, "trust-host", "office")
        .stdout.splitlines()[1]
        .startswith("it is trusted already")
    )
    # then orders arrive there
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    names = sorted(path.name for path in (server.root / "pohoda").iterdir())
    assert names == ["shop-main_order_1001.xml", "shop-main_order_1002.xml"]


def test_probe_looks_through_the_server_at_the_ini_of_pohoda(site: TestSite, server: RealServer) -> None:
    # given a server whose folder has an ini for Pohoda.exe, and a target that names it
    use_sftp(site, server, "unit")
    folder = server.root / "unit"
    config = site.config_path.read_text(encoding="utf-8")
    answers = f"    answers: {{folder: {folder}/response, ini: pohoda.ini}}\n"
    site.config_path.write_text(config.replace(f"{folder}\n", f"{folder}\n{answers}", 1), encoding="utf-8")
    key = gateway(site.config_path, "trust-host", "office").stdout.split()[-1]
    gateway(site.config_path, "trust-host", "office", "--fingerprint", key)
    for value, code in (("0", 6), ("1", 0)):
        # when it is probed
        (folder / "pohoda.ini").write_bytes(f"[XML]\r\ncheck_duplicity={value}\r\n".encode())
        told = gateway(site.config_path, "probe", "office")
        # then what the ini says decides
        assert (told.returncode, told.stderr) == (code, "")
        assert f" office → pohoda  {folder}/pohoda.ini has `check_duplicity={value}`" in told.stdout


def test_only_sftp_has_host_keys(site: TestSite) -> None:
    told = gateway(site.config_path, "trust-host", "out")
    assert (told.returncode, told.stderr) == (2, "gateway: `out` is no endpoint of type sftp\n")
