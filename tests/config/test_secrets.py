"""A secret stands in no excerpt, no repr and no traceback, however it was written."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from gateway.config import load
from gateway.config.cautions import inline_secrets
from gateway.config.masking import masked_lines
from gateway.endpoints.ftp import FtpOptions
from gateway.errors import ConfigError
from tests.config.conftest import GOOD, Written

SECRET = "hunter2"
BLOCK = GOOD.replace(
    '{type: ftp, host: ftp.example.cz, user: shop, password: "${env:SHOP_PASSWORD}"}',
    "\n    type: ftp\n    host: ftp.example.cz\n    user: shop\n    PASSWORD\n    prot: 21",
)
FORMS = {
    "plain": "password: hunter2",
    "in double quotes": 'password: "hunter2"',
    "in single quotes": "password: 'hunter2'",
    "with commas and braces": 'password: "a,b}hunter2"',
    "with escaped quotes": 'password: "a\\"hunter2"',
    "behind a quoted key": '"password": hunter2',
    "with a reference in it": 'password: "${env:SHOP_PASSWORD}hunter2"',
    "on a line of its own": "password:\n      hunter2",
    "as a block": "password: |\n      first\n      hunter2",
    "of two quoted lines": 'password: "first\n      hunter2"',
    "behind a misspelt key": "pasword: hunter2",
    "behind a key in capitals": "PASSWORD: hunter2",
    "as a passphrase": "passphrase: hunter2",
    "as a table": "password: {a: hunter2}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_literal_secret_is_masked_in_every_excerpt(written: Written, form: str) -> None:
    # given a problem on another line, and one on each line of the secret
    written.write(BLOCK.replace("PASSWORD", form))
    said = written.refused()
    assert "unknown key `prot`" in said
    assert SECRET not in said
    # and a file that is not even YAML
    assert SECRET not in written.write(BLOCK.replace("PASSWORD", form + " ]")).refused()
    assert SECRET not in written.write(BLOCK.replace("PASSWORD", form + ": [")).refused()
    # and in the masked lines themselves
    assert SECRET not in "\n".join(masked_lines(BLOCK.replace("PASSWORD", form)))


def test_the_lines_keep_their_length_and_everything_else(written: Written) -> None:
    flow = '  a: {type: ftp, password: "s,e}c", prot: 3}\n  b: {password: ${env:X}, user: u}\npassive: true\n'
    masked = "  a: {type: ftp, password: *******, prot: 3}\n  b: {password: ${env:X}, user: u}\npassive: true\n"
    assert masked_lines(flow) == masked.splitlines()
    assert masked_lines(GOOD) == GOOD.splitlines()


LONG = {
    "a word": "a" * 200_000,
    "a word of secrets": "pwd" * 66_000,
    "words": "secret " * 30_000,
    "blanks": "secret" + " " * 200_000,
    "keys without an end": "secret: '" * 20_000,
    "references without an end": "secret: " + "${" * 100_000,
    "a table in one line": "{" + "secret: a, " * 18_000 + "}",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("line", LONG.values(), ids=LONG.keys())
def test_a_long_line_is_masked_in_one_go(line: str) -> None:
    assert len(masked_lines(line)[0]) == len(line)


def test_the_value_of_an_unknown_key_of_an_endpoint_may_be_a_secret_and_is_masked(written: Written) -> None:
    written.write(GOOD.replace('password: "${env:SHOP_PASSWORD}"', 'password: "${env:SHOP_PASSWORD}", pin: 4711'))
    said = written.refused()
    assert "unknown key `pin`" in said
    assert "4711" not in said
    assert "pin: ****}" in said


@pytest.mark.parametrize("reference", ["${env:SHOP_PASSWORD}", "hunter2", "${file:secrets/shop}"])
def test_a_secret_stands_in_no_repr_of_the_configuration(written: Written, reference: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text("hunter2\n")
    config = written.write(GOOD.replace("${env:SHOP_PASSWORD}", reference)).load()
    options = config.endpoints["shop-ftp"]
    assert isinstance(options, FtpOptions)
    assert options.password.get_secret_value() == SECRET
    assert SECRET not in repr(config)
    assert SECRET not in repr(config.routes["shop"].to[0])


def test_the_addresses_of_who_is_told_stand_in_no_repr_of_the_configuration(written: Written) -> None:
    config = written.write(f"{GOOD}\nalerts: {{notify: 'mailto://jana:hunter2@example.cz'}}\n").load()
    assert config.alerts is not None
    assert "hunter2" in config.alerts.notify[0]
    assert "hunter2" not in repr(config)
    assert repr(config.alerts) == "AlertSpec(name='gateway', 1 hidden)"
    assert "hunter2" not in pretty_repr(config)


@pytest.mark.parametrize(
    "options",
    [
        {"type": "local", "path": "x", "password": SECRET},
        {"type": "ftp", "host": "x", "key_passphrase": SECRET},
        {"type": "sftp", "host": "x", "query": {"hash": SECRET}},
        {"type": "fpt", "password": SECRET},
        {"type": ["ftp"], "password": SECRET},
        {"password": SECRET},
    ],
    ids=str,
)
def test_a_secret_is_found_in_the_file_also_where_its_endpoint_is_wrong(options: dict[str, object]) -> None:
    assert [place[0] for place in inline_secrets({"endpoints": {"shop": options}})] == ["shop"]


def test_a_secret_stands_in_no_traceback(written: Written) -> None:
    written.write(GOOD.replace("host: ftp.example.cz, ", ""))
    with pytest.raises(ConfigError) as caught:
        load(Path("config.yaml"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_credential_of_systemd_is_read_from_its_folder(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.write(GOOD.replace("${env:SHOP_PASSWORD}", "${cred:shop-ftp}"))
    assert "error[C005]: there are no systemd credentials here" in written.refused()
    (tmp_path / "shop-ftp").write_text("s3cret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    options = written.load().endpoints["shop-ftp"]
    assert isinstance(options, FtpOptions)
    assert options.password.get_secret_value() == "s3cret"


def test_a_reference_may_be_a_part_of_a_value(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "test")
    config = written.write(GOOD.replace("folder: /export", 'folder: "/export/${env:STAGE}/in"')).load()
    assert config.routes["shop"].pickup.folder == "/export/test/in"
