"""The gateway at work on invented orders: python samples/demo.py [FOLDER]

Makes a site in FOLDER (demo-site/ beside this repository's README), starts a real FTP server on this computer and
the gateway itself, lets it carry the sample orders of two shops to "POHODA", and tells step by step what happened.
Nothing leaves this computer. The folder stays, to look around in it; the next run makes it anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

SAMPLES = Path(__file__).resolve().parent
ROOT = SAMPLES.parent
MARK = "# The site of the demonstration; samples/demo.py makes it anew each time."
DROP_ROUTE, FTP_ROUTE = "shoptet-orders", "shoprenter-orders"
BROKEN_FILE, UNKNOWN_ORDER, CODE = "orders-one-broken.xml", "2026000402", "D004"
GOOD_ORDER = "2026000124"
BUSY = {"in work", "on its way"}
PATIENCE = 30.0

CONFIG = """\
{mark}
version: 1
merchant: {{company_id: "12345678"}}

endpoints:
  ftp:
    type: ftp
    host: 127.0.0.1
    port: {port}
    user: demo
    # The password stands in a file of its own that only its owner may read: this file is mailed to helpers, put
    # into version control and shown on screens, a password must not be. `${{env:NAME}}` does the same, but an
    # environment is gone with its shell, and the commands that you try afterwards need the password too.
    password: "${{file:secrets/ftp-password}}"

targets:
  pohoda:
    endpoint: ftp
    folder: /pohoda/in
    settings:
      # Only for this demonstration: the samples hold Slovak and Hungarian VAT rates, which a Czech unit must not
      # book like this. Without the line such orders are set aside (gateway explain T012).
      foreign_vat: history
    lookups:
      payment:
        cash: Hotově
        cash_on_delivery: Dobírkou
        bank_transfer: Příkazem
        card: Plat.kartou
        online: Plat.kartou

routes:
  {drop}:                 # its drop folder is spool/{drop}/in
    origin: shoptet-main
    mapping: shoptet/order
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]

  {ftp}:
    origin: shoprenter-main
    from: {{endpoint: ftp, folder: /shop/export, files: "order-extend*.xml", after: {{move: done}}}}
    every: 1 s
    mapping: shoprenter/order
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
"""


class DemoFailed(Exception):
    """Something did not work out; the message says what."""


class Screen:
    """Writes for a person; colour only where one looks."""

    def __init__(self) -> None:
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._step = 0

    def say(self, text: str = "") -> None:
        """One line, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def step(self, title: str) -> None:
        """The heading of the next step."""
        self._step += 1
        heading = f"{self._step}. {title}"
        self.say(f"\n\x1b[1;36m{heading}\x1b[0m" if self.colour else f"\n{heading}")

    def block(self, text: str) -> None:
        """Somebody else's words, moved in."""
        for line in text.rstrip().splitlines():
            self.say(f"   {line}".rstrip())


class Demo:
    """One run of the demonstration."""

    def __init__(self, folder: Path) -> None:
        self.screen = Screen()
        self.site = folder.resolve()
        self.account = self.site / "ftp"
        self.config = self.site / "config.yaml"
        self.drop_folder = self.site / "spool" / DROP_ROUTE / "in"
        self.log = self.site / "gateway.log"

    def run(self) -> None:
        """All steps. Raises DemoFailed."""
        password = self._lay_out()
        with ftp_server(self.account, password) as port:
            text = CONFIG.format(mark=MARK, port=port, drop=DROP_ROUTE, ftp=FTP_ROUTE)
            self.config.write_text(text, encoding="utf-8")
            self._tell_site(port)
            with self._daemon() as daemon:
                self._feed()
                self._tell_exchanges()
                self._tell_set_aside()
                self._tell_server()
                self._tell_xml()
                self._drop_again()
                self._stop(daemon)
        self._tell_next()

    # -- before ------------------------------------------------------------------------------------------

    def _lay_out(self) -> str:
        """The empty site with its password; what an earlier demonstration left is removed."""
        if self.site.exists():
            known = self.config.is_file() and self.config.read_text(encoding="utf-8").startswith(MARK)
            if any(self.site.iterdir()) and not known:
                raise DemoFailed(f"{shown(self.site)} holds something else; name another folder")
            shutil.rmtree(self.site)
        for folder in (self.account / "shop" / "export", self.account / "pohoda" / "in", self.drop_folder):
            folder.mkdir(parents=True)
        secret = self.site / "secrets" / "ftp-password"
        secret.parent.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        password = secrets.token_urlsafe(12)
        secret.write_text(password + "\n", encoding="utf-8")
        return password

    def _tell_site(self, port: int) -> None:
        self.screen.step("A site, and an FTP server for it")
        self.screen.say(f"   {shown(self.config)} has two routes to one POHODA:")
        self.screen.say(f"   {DROP_ROUTE:<18} its drop folder {shown(self.drop_folder)}")
        self.screen.say(f"   {FTP_ROUTE:<18} /shop/export on the FTP server; what was read moves to done/")
        self.screen.say(f"   The FTP server runs at 127.0.0.1:{port}; POHODA's folder on it is /pohoda/in.")
        self.screen.say(
            "   Its password is not in config.yaml but in secrets/ftp-password, so that config.yaml can"
        )
        self.screen.say("   be mailed, kept in version control and shown.")
        self.screen.say(
            "   `foreign_vat: history` is for this demonstration only: the samples of the Hungarian shop would"
        )
        self.screen.say(
            "   otherwise be set aside (T012). Hungarian VAT must not be booked so in a real accounting unit."
        )

    @contextlib.contextmanager
    def _daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """`gateway run`, from when it says that its routes are running; never left behind."""
        self.screen.step("The gateway starts: gateway run")
        with self.log.open("wb") as log:
            daemon = subprocess.Popen(  # noqa: S603 - our own command
                self._command("run"), stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait("the gateway does not start", lambda: "2 routes running" in self._log(), daemon)
            self.screen.say(f"   It watches both routes; its log is {shown(self.log)}.")
            yield daemon
        finally:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()

    # -- the work ----------------------------------------------------------------------------------------

    def _feed(self) -> None:
        self.screen.step("Two shops leave their orders")
        dropped = sorted((SAMPLES / "shoptet").glob("orders*.xml"))
        left = [
            *sorted((SAMPLES / "shoprenter").glob("order-extend*.xml")),
            SAMPLES / "shoprenter" / "order-push.xml",
        ]
        for sample in left:
            place_whole(sample, self.account / "shop" / "export")
        for sample in dropped:
            place_whole(sample, self.drop_folder)
        self.screen.say(f"   into the drop folder:   {', '.join(sample.name for sample in dropped)}")
        self.screen.say(f"   into FTP /shop/export:  {', '.join(sample.name for sample in left)}")
        self.screen.say(
            "   (order-push.xml has another shape: the route's mask order-extend*.xml leaves it alone)"
        )
        wanted = [*dropped, *(sample for sample in left if sample.match("order-extend*"))]
        expected = {sample.name for sample in wanted}

        def through() -> bool:
            states = {line["input"]: line["state"] for line in self._exchanges()}
            return expected <= set(states) and not BUSY & set(states.values())

        self._wait("not everything went through", through)

    def _tell_exchanges(self) -> None:
        self.screen.step("What the gateway made of it: gateway status")
        self.screen.block(self._gateway("status"))
        failed = [line for line in self._exchanges() if not line["state"].startswith("sent")]
        if failed:
            raise DemoFailed(f"{failed[0]['input']} ended as `{failed[0]['state']}`, not as sent")

    def _tell_set_aside(self) -> None:
        self.screen.step("One order could not be sent; the others of its file were")
        reasons = sorted((self.site / "spool" / DROP_ROUTE / "failed").glob("*.why.txt"))
        if not reasons:
            raise DemoFailed(f"order {UNKNOWN_ORDER} pays with an unknown method, but it was not set aside")
        for reason in reasons:
            self.screen.say(f"   {shown(reason)}:")
            self.screen.block(reason.read_text(encoding="utf-8-sig"))

    def _tell_server(self) -> None:
        self.screen.step("What lies on the FTP server now")
        self.screen.block("\n".join(tree(self.account, "/")))

    def _tell_xml(self) -> None:
        chosen = next((file for file in self._shipped() if GOOD_ORDER in file.name), None)
        if chosen is None:
            raise DemoFailed(f"order {GOOD_ORDER} did not arrive in /pohoda/in")
        self.screen.step(f"What POHODA reads: /pohoda/in/{chosen.name}")
        lines = [line for line in chosen.read_text(encoding="windows-1250").splitlines() if line.strip()]
        self.screen.block("\n".join(line if len(line) <= 112 else line[:111] + "…" for line in lines[:25]))
        self.screen.say(f"   … and {len(lines) - 25} more lines")

    def _drop_again(self) -> None:
        self.screen.step("The same file comes a second time")
        before = self._shipped()
        known = {line["id"] for line in self._exchanges()}
        place_whole(SAMPLES / "shoptet" / "orders.xml", self.drop_folder)
        new: list[dict[str, Any]] = []

        def seen() -> bool:
            new[:] = [line for line in self._exchanges() if line["id"] not in known]
            return bool(new) and new[0]["state"] not in BUSY

        self._wait("the second orders.xml was not read", seen)
        if self._shipped() != before:
            raise DemoFailed("the same file was sent twice")
        self.screen.say(f"   orders.xml dropped again: exchange {new[0]['id']} is `{new[0]['state']}`.")
        self.screen.say(f"   Nothing was sent: /pohoda/in still holds the same {len(before)} files.")

    def _stop(self, daemon: subprocess.Popen[bytes]) -> None:
        self.screen.step("The gateway stops")
        daemon.terminate()
        try:
            code = daemon.wait(timeout=10)
        except subprocess.TimeoutExpired:
            raise DemoFailed("the gateway did not stop within 10 s after SIGTERM") from None
        if code != 0 and os.name == "posix":
            raise DemoFailed(f"the gateway ended with exit code {code}; {shown(self.log)} tells why")
        self.screen.say("   SIGTERM: it finished what it had in hand and ended.")

    def _tell_next(self) -> None:
        self.screen.step("Look around")
        self.screen.say(
            f"   The site stays in {shown(self.site)}; the FTP server is gone, but these work without it:"
        )
        for command in self.commands():
            self.screen.say(f"   {command}")

    def commands(self) -> list[str]:
        """What a person may try now."""
        gateway = Path(sys.executable).parent / "gateway"
        name = f"{shown(gateway) if gateway.exists() else 'gateway'} -c {shown(self.config)}"
        sample = shown(SAMPLES / "shoptet" / "orders.xml")
        return [
            f"{name} status",
            f"{name} show {GOOD_ORDER}",
            f"{name} explain {CODE}",
            f"{name} check",
            f"{name} convert --route {DROP_ROUTE} {sample} -o {shown(self.site / 'orders-pohoda.xml')}",
        ]

    # -- tools -------------------------------------------------------------------------------------------

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "gateway", "--config", str(self.config), *arguments]

    def _gateway(self, *arguments: str) -> str:
        """The output of a command. Raises DemoFailed where it fails."""
        command = f"gateway {' '.join(arguments)}"
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                self._command(*arguments), capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"`{command}` did not answer within {PATIENCE:.0f} s") from None
        if done.returncode != 0:
            raise DemoFailed(f"`{command}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _exchanges(self) -> list[dict[str, Any]]:
        """The newest exchanges as `gateway status --json` lists them."""
        found: list[dict[str, Any]] = json.loads(self._gateway("status", "--json", "--limit", "50"))["exchanges"]
        return found

    def _log(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _shipped(self) -> list[Path]:
        return sorted((self.account / "pohoda" / "in").iterdir())

    def _wait(
        self, otherwise: str, done: Callable[[], bool], daemon: subprocess.Popen[bytes] | None = None
    ) -> None:
        until = time.monotonic() + PATIENCE
        while not done():
            if daemon is not None and daemon.poll() is not None:
                raise DemoFailed(f"{otherwise}: it ended with {daemon.returncode}\n{self._log().strip()}")
            if time.monotonic() > until:
                raise DemoFailed(f"{otherwise} within {PATIENCE:.0f} s; {shown(self.log)} may tell why")
            time.sleep(0.2)


def place_whole(sample: Path, folder: Path) -> None:
    """Copy a file so that nobody sees half of it: under a temporary name, then renamed."""
    temporary = folder / f".{sample.name}.tmp"
    shutil.copyfile(sample, temporary)
    temporary.rename(folder / sample.name)


def tree(folder: Path, name: str, indent: str = "") -> Iterator[str]:
    """A folder and all in it, line by line."""
    yield indent + name
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir():
            yield from tree(path, path.name + "/", indent + "  ")
        else:
            yield f"{indent}  {path.name}  ({path.stat().st_size} bytes)"


def shown(path: Path) -> str:
    """A path as it is typed from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@contextlib.contextmanager
def ftp_server(account: Path, password: str) -> Iterator[int]:
    """An FTP server on loopback with one account; yields its port and ends with the block."""
    authorizer = DummyAuthorizer()
    authorizer.add_user("demo", password, str(account), perm="elradfmwMT")
    handler = type("DemoHandler", (FTPHandler,), {"authorizer": authorizer, "banner": "demonstration"})
    quiet = logging.getLogger("pyftpdlib")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        stop.set()
        thread.join(timeout=5)


def main() -> int:
    """Run it; the exit code."""
    demo = Demo(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo-site")
    try:
        demo.run()
    except DemoFailed as error:
        sys.stderr.write(f"\nThe demonstration failed: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
