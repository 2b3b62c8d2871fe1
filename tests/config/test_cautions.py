"""What loads but should not stay so is a warning of `gateway check`, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.diagnostics import render_all

SITE = """\
version: 1
endpoints:
  office: {{type: ftp, host: ftp.example.cz, user: u, password: {password}{more}}}
targets: {{pohoda: {{endpoint: office}}}}
routes: {{shop: {{origin: a, mapping: shoptet/order, to: [{{target: pohoda, template: pohoda/order}}]}}}}
"""


def written(folder: Path, password: str, more: str = "", *, mode: int = 0o600) -> Path:
    path = folder / "config.yaml"
    path.write_text(SITE.format(password=password, more=more), encoding="utf-8")
    path.chmod(mode)
    (folder / "secret").write_text("s3cret")
    return path


def test_a_password_in_the_file_is_a_warning_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, "hunter2", ", tls: explicit")
    config = load(path)
    assert config.problems == ()
    assert render_all(config.cautions) == (
        "warning[C009]: the secret `password` of `office` stands in the file\n"
        " --> config.yaml:3:54\n"
        "  |\n"
        "3 |   office: {type: ftp, host: ftp.example.cz, user: u, password: *******, tls: explicit}\n"
        "  |                                                      ^^^^^^^^\n"
        "  |\n"
        "  = help: write `password: ${file:secrets/office}` (or env, cred), and put it there"
    )


def test_it_says_where_others_can_read_the_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, "hunter2", ", tls: explicit", mode=0o644))
    assert config.cautions[0].message == (
        "the secret `password` of `office` stands in the file, which others can read"
    )


def test_plain_ftp_is_a_warning_and_tls_is_none(tmp_path: Path) -> None:
    plain = load(written(tmp_path, '"${file:secret}"'))
    assert [problem.code for problem in plain.cautions] == ["C010"]
    under_tls = load(written(tmp_path, '"${file:secret}"', ", tls: explicit"))
    assert under_tls.cautions == ()
