"""A real Postfix on loopback, with its own configuration and queue, and opendkim before it. Nothing leaves the machine.

It needs root and Debian's packages `postfix` and `opendkim`; tests that ask for it are skipped without.
"""

import grp
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/spool
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.net
mydestination =
alias_maps =
alias_database =
local_transport = error:local mail disabled
default_transport = error:5.4.4 there is no world outside
mynetworks = 127.0.0.0/8
recipient_delimiter = +
virtual_mailbox_domains = example.net, {bounces}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = regexp:{home}/etc/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
relay_domains = full.example.net
relay_recipient_maps =
transport_maps = texthash:{home}/etc/transport
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_milters = inet:127.0.0.1:{milter}
milter_default_action = tempfail
maillog_file = {home}/maillog
maillog_file_prefixes = {home}
"""

_OPENDKIM = """
Mode v
Socket inet:{milter}@127.0.0.1
TestPublicKeys {home}/dkim/keys
AuthservID mx.example.net
AlwaysAddARHeader yes
PidFile {home}/opendkim.pid
UserID root
Syslog no
On-BadSignature accept
On-NoSignature accept
InternalHosts /dev/null
"""


@dataclass(frozen=True)
class Postfix:
    """Where the server listens, and where mail for readers and for the bounce domain arrives."""

    port: int
    readers: Path
    bounces: Path

    def arrived(self, box: Path, count: int, seconds: float = 20.0) -> list[Path]:
        """Return the messages in `box` once there are `count` of them."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = sorted((box / "new").glob("*"))
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{len(list((box / 'new').glob('*')))} of {count} messages arrived in {box.name}")


def why_not() -> str:
    """Return why there can be no Postfix here; empty when there can."""
    if os.geteuid() != 0:
        return "Postfix has to be started by root"
    missing = [p for p in ("/usr/sbin/postfix", "/usr/sbin/opendkim") if not Path(p).exists()]
    return f"{', '.join(missing)} not installed" if missing else ""


@contextmanager
def postfix(
    home: Path, keys: dict[str, str], port: int = 2525, bounces: str = "bounces.example.org", full: int = 2599
) -> Iterator[Postfix]:
    """Run Postfix in `home`.

    Args:
        home: A folder of its own, which others may enter.
        keys: Public DKIM records by name, instead of the DNS.
        port: Where it listens; the milter takes the next one.
        bounces: The domain whose mail is kept as bounces.
        full: The port that mail to full.example.net is relayed to.
    """
    user = pwd.getpwnam("nobody")
    values = {"home": home, "milter": port + 1, "uid": user.pw_uid, "gid": user.pw_gid, "bounces": bounces}
    for folder in ("etc/dynamicmaps.cf.d", "etc/postfix-files.d", "spool", "data", "mail", "dkim"):
        (home / folder).mkdir(parents=True)
    (home / "etc/main.cf").write_text(_MAIN.format(**values))
    (home / "etc/transport").write_text(f"full.example.net smtp:[127.0.0.1]:{full}\n")
    escaped = bounces.replace(".", r"\.")
    boxes = (r"/^reader(\+.*)?@example\.net$/ readers/", rf"/^.*@{escaped}$/ bounces/")
    (home / "etc/boxes").write_text("\n".join(boxes) + "\n")
    (home / "etc/master.cf").write_text(_master(port))
    for name in ("postfix-files", "dynamicmaps.cf"):
        shutil.copy(f"/etc/postfix/{name}", home / "etc" / name)
    (home / "dkim/keys").write_text("".join(f"{name} {record}\n" for name, record in keys.items()))
    (home / "dkim/opendkim.conf").write_text(_OPENDKIM.format(**values))
    _give_away(home)
    subprocess.run(["opendkim", "-x", str(home / "dkim/opendkim.conf")], check=True)
    control = ["postfix", "-c", str(home / "etc")]
    subprocess.run([*control, "start"], check=True, capture_output=True)
    try:
        yield Postfix(port, home / "mail/readers", home / "mail/bounces")
    finally:
        subprocess.run([*control, "stop"], check=False, capture_output=True)
        pid = (home / "opendkim.pid").read_text().strip()
        os.kill(int(pid), 15)


def _master(port: int) -> str:
    lines = []
    for line in Path("/etc/postfix/master.cf.proto").read_text().splitlines():
        if line.startswith("smtp ") and "inet" in line:
            lines.append(f"127.0.0.1:{port} inet n - n - - smtpd")
        elif line[:1].isalpha() and len(parts := line.split(None, 7)) == 8:
            parts[4] = "n"  # no chroot
            lines.append(" ".join(parts))
        else:
            lines.append(line)
    if not any(line.startswith("postlog") for line in lines):
        lines.append("postlog unix-dgram n - n - 1 postlogd")
    return "\n".join(lines) + "\n"


def _give_away(home: Path) -> None:
    mailer, drop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
    queues = "active bounce corrupt defer deferred flush hold incoming private saved trace"
    for name in queues.split():
        (home / "spool" / name).mkdir(mode=0o700)
        os.chown(home / "spool" / name, mailer, 0)
    for name, mode in (("maildrop", 0o730), ("public", 0o710), ("pid", 0o755)):
        (home / "spool" / name).mkdir()
        (home / "spool" / name).chmod(mode)
    for name in ("maildrop", "public"):
        os.chown(home / "spool" / name, mailer, drop)
    os.chown(home / "data", mailer, 0)
    os.chown(home / "mail", pwd.getpwnam("nobody").pw_uid, 0)
