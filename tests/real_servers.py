"""Real servers on loopback: OpenSSH's sftp, vsftpd, proftpd and pure-ftpd, where they can be had.

OpenSSH runs as whoever runs the tests. The FTP servers need root; vsftpd also needs a login of the system, which
is made and removed again. They run only where `GATEWAY_REAL_SERVERS=1` allows that (CI sets it). Debian installs
one FTP server at a time, so proftpd and pure-ftpd are unpacked, never installed, into `GATEWAY_SERVERS_FOLDER`.
"""

from __future__ import annotations

import datetime
import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOGIN, LOGIN_PASSWORD = "gatewaytest", "only-for-tests-1"
NOBODY = 65534

_VSFTPD = """\
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
utf8_filesystem=YES
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=/var/run/vsftpd/empty
pam_service_name=vsftpd
seccomp_sandbox=NO
pasv_enable=YES
pasv_address=127.0.0.1
xferlog_enable=NO
"""
_VSFTPD_TLS = """\
ssl_enable=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
require_ssl_reuse=YES
ssl_tlsv1=NO
strict_ssl_read_eof=YES
"""
_PROFTPD = """\
ServerType standalone
ServerName test
DefaultAddress 127.0.0.1
MasqueradeAddress 127.0.0.1
SocketBindTight on
UseReverseDNS off
UseIPv6 off
User nobody
Group nogroup
AuthOrder mod_auth_file.c
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
HiddenStores off
WtmpLog off
TransferLog none
DelayEngine off
TimesGMT off
"""
_PROFTPD_TLS = """\
LoadModule mod_tls.c
TLSEngine on
TLSProtocol TLSv1.2 TLSv1.3
TLSRequired on
TLSVerifyClient off
"""


@dataclass(frozen=True)
class RealServer:
    """A server that runs, with the folder that its account sees."""

    name: str
    host: str
    port: int
    root: Path
    user: str
    secrets: Path


def why_no_sshd() -> str | None:
    """Why OpenSSH cannot be had here; None where it can."""
    shell = pwd.getpwuid(os.geteuid()).pw_shell
    if shell.endswith(("nologin", "false")):
        return f"the account of these tests may not log in by SSH: its shell is {shell}"
    return None if _program("sshd") else "OpenSSH's server is not installed (apt install openssh-server)"


def why_no_vsftpd() -> str | None:
    """Why vsftpd cannot be had here; None where it can."""
    if not _program("vsftpd"):
        return "vsftpd is not installed (apt install vsftpd)"
    return _why_not_as_root("vsftpd")


def why_no_proftpd() -> str | None:
    """Why proftpd cannot be had here; None where it can."""
    return _why_not_unpacked("proftpd") or _why_not_as_root("proftpd")


def why_no_pureftpd() -> str | None:
    """Why pure-ftpd cannot be had here; None where it can."""
    return _why_not_unpacked("pure-ftpd") or _why_not_as_root("pure-ftpd")


WHY_NOT = {
    "OpenSSH": why_no_sshd,
    "vsftpd": why_no_vsftpd,
    "vsftpd under TLS": why_no_vsftpd,
    "proftpd": why_no_proftpd,
    "proftpd under TLS": why_no_proftpd,
    "pure-ftpd": why_no_pureftpd,
}
"""Each real server by the name that the marker `real_server` gives it, and why it cannot be had."""


@contextmanager
def openssh(folder: Path) -> Iterator[RealServer]:
    """OpenSSH's sftp for the user of the tests, by key; ends with the block."""
    secrets = folder / "ssh"
    root = folder / "sftp-root"
    secrets.mkdir()
    root.mkdir()
    for name in ("host_key", "user_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(secrets / name))
    shutil.copy(secrets / "user_key.pub", secrets / "authorized")
    port = free_port()
    (secrets / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {secrets}/host_key\nPidFile {secrets}/pid\n"
        f"AuthorizedKeysFile {secrets}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "PermitRootLogin yes\nAllowTcpForwarding no\nForceCommand internal-sftp\n"
        "Subsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with _serving([_program("sshd") or "", "-D", "-e", "-f", str(secrets / "config")], port, folder / "sshd.log"):
        public = (secrets / "host_key.pub").read_text().split()
        (secrets / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        yield RealServer("OpenSSH", "127.0.0.1", port, root, getpass.getuser(), secrets)


@contextmanager
def vsftpd(folder: Path, *, tls: bool, further: str = "") -> Iterator[RealServer]:
    """vsftpd with a login of its own; under TLS it requires that data connections resume the session."""
    login = f"{LOGIN}{os.getpid()}{'s' if tls else ''}"
    home = Path("/srv") / login
    secrets = folder / "ftp"
    secrets.mkdir()
    _run("useradd", "--home-dir", str(home), "--create-home", "--shell", "/bin/sh", login)
    try:
        subprocess.run(["chpasswd"], input=f"{login}:{LOGIN_PASSWORD}", text=True, check=True, timeout=20)
        for entry in home.iterdir():
            entry.unlink()
        Path("/var/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
        port, first = free_port(), free_port()
        passive = f"pasv_min_port={first}\npasv_max_port={min(first + 50, 65000)}\n"
        lines = f"listen_port={port}\n{passive}{_VSFTPD}{further}"
        if tls:
            make_certificate(secrets)
            key = f"rsa_cert_file={secrets}/certificate.pem\nrsa_private_key_file={secrets}/key.pem\n"
            lines += key + _VSFTPD_TLS
        (secrets / "config").write_text(lines)
        with _serving([_program("vsftpd") or "", str(secrets / "config")], port, folder / "vsftpd.log"):
            name = "vsftpd under TLS" if tls else "vsftpd"
            yield RealServer(name, "127.0.0.1", port, home, login, secrets)
    finally:
        subprocess.run(["userdel", login], check=False, timeout=20, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def proftpd(
    folder: Path, *, tls: bool, time_zone: str | None = None, certificate: Mapping[str, Any] | None = None
) -> Iterator[RealServer]:
    """proftpd with an account of its own; under TLS data connections must resume the session, as by default."""
    secrets = folder / "ftp"
    secrets.mkdir()
    with _home("proftpd") as home:
        port, first = free_port(), free_port()
        accounts = {
            "users": f"{LOGIN}:{_hashed_password()}:{NOBODY}:{NOBODY}::{home}:/bin/sh\n",
            "groups": f"nogroup:x:{NOBODY}:\n",
        }
        for name, text in accounts.items():
            (secrets / name).write_text(text)
            (secrets / name).chmod(0o600)
        lines = (
            f"Port {port}\nPassivePorts {first} {min(first + 50, 65000)}\nModulePath {_modules()}\n{_PROFTPD}"
            f"AuthUserFile {secrets}/users\nAuthGroupFile {secrets}/groups\n"
            f"PidFile {secrets}/pid\nScoreboardFile {secrets}/scores\nSystemLog {folder}/proftpd-system.log\n"
        )
        if tls:
            make_certificate(secrets, **(certificate or {}))
            lines += (
                f"{_PROFTPD_TLS}TLSRSACertificateFile {secrets}/certificate.pem\n"
                f"TLSRSACertificateKeyFile {secrets}/key.pem\n"
            )
        (secrets / "config").write_text(lines)
        command = [_unpacked("proftpd") or "", "-n", "-c", str(secrets / "config")]
        with _serving(command, port, folder / "proftpd.log", TZ=time_zone or "UTC"):
            name = "proftpd under TLS" if tls else "proftpd"
            yield RealServer(name, "127.0.0.1", port, home, LOGIN, secrets)


@contextmanager
def pureftpd(folder: Path) -> Iterator[RealServer]:
    """pure-ftpd with an account of its own, plain."""
    secrets = folder / "ftp"
    secrets.mkdir()
    with _home("pureftpd") as home:
        port, first = free_port(), free_port()
        users = secrets / "users"
        # Written by hand: the hash that `pure-pw useradd` takes costs seconds at each login.
        users.write_text(f"{LOGIN}:{_hashed_password()}:{NOBODY}:{NOBODY}::{home}/./{':' * 12}\n")
        _run(_unpacked("pure-pw") or "", "mkdb", f"{users}.pdb", "-f", str(users))
        listening = ["-S", f"127.0.0.1,{port}", "-P", "127.0.0.1", "-p", f"{first}:{min(first + 50, 65000)}"]
        rules = ["-l", f"puredb:{users}.pdb", "-E", "-A", "-u", "1", "-I", "15", "-Y", "0", "-g", f"{secrets}/pid"]
        command = [_unpacked("pure-ftpd") or "", *listening, *rules]
        with _serving(command, port, folder / "pure-ftpd.log"):
            yield RealServer("pure-ftpd", "127.0.0.1", port, home, LOGIN, secrets)


@contextmanager
def _home(kind: str) -> Iterator[Path]:
    """A folder that the account nobody may write to: those of pytest are closed to it."""
    home = Path(tempfile.mkdtemp(prefix=f"{LOGIN}-{kind}-", dir="/srv"))
    home.chmod(0o777)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def make_certificate(folder: Path, *, host: str = "127.0.0.1", days: int = 2) -> None:
    """A certificate of its own for loopback: `certificate.pem` and `key.pem`."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "fingerprint").write_text(certificate.fingerprint(hashes.SHA256()).hex())


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(command: list[str], port: int, log: Path, **environment: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**_library_path(), **environment},
        )
    try:
        until = time.monotonic() + 15
        while time.monotonic() < until:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended: {log.read_text(errors='replace')}")
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _hashed_password() -> str:
    command = ["openssl", "passwd", "-6", LOGIN_PASSWORD]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def _unpacked(name: str) -> str | None:
    """A program of the servers that are unpacked beside the system's."""
    folder = os.environ.get("GATEWAY_SERVERS_FOLDER")
    return shutil.which(name, path=f"{folder}/usr/sbin:{folder}/usr/bin") if folder else None


def _modules() -> str:
    return f"{os.environ['GATEWAY_SERVERS_FOLDER']}/usr/lib/proftpd"


def _library_path() -> dict[str, str]:
    """The environment in which the unpacked programs find the libraries that were unpacked with them."""
    folder = os.environ.get("GATEWAY_SERVERS_FOLDER")
    if not folder:
        return dict(os.environ)
    libraries = ":".join(str(path) for path in sorted(Path(folder).glob("usr/lib/*-linux-gnu")))
    return {**os.environ, "LD_LIBRARY_PATH": libraries}


def _why_not_unpacked(name: str) -> str | None:
    if not os.environ.get("GATEWAY_SERVERS_FOLDER"):
        return f"{name} is not unpacked: GATEWAY_SERVERS_FOLDER names no folder (.ci/run makes one)"
    if _program("openssl") is None:
        return f"the password of the account of {name} is made with openssl, which is not installed"
    return None if _unpacked(name) else f"{name} is not in GATEWAY_SERVERS_FOLDER (it could not be downloaded)"


def _why_not_as_root(name: str) -> str | None:
    if os.geteuid() != 0 or os.environ.get("GATEWAY_REAL_SERVERS") != "1":
        return f"{name} needs root and an account: set GATEWAY_REAL_SERVERS=1 to allow it"
    return None


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)
