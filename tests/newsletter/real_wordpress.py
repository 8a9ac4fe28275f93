"""Starts a real WordPress on this machine, from Debian's packages, in a folder of its own; nothing leaves loopback.

    apt-get install --no-install-recommends wordpress mariadb-server php-cli php-mysql php-curl php-xml php-mbstring

MariaDB listens on a socket file only, PHP's own server on loopback, and WordPress may not call out.
"""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path("/usr/share/wordpress")
PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb-admin", "php")
#: Starting takes about 13 seconds on two busy cores.
SECONDS = 120

_CONFIG = """<?php
define('DB_NAME', 'wp'); define('DB_USER', 'root'); define('DB_PASSWORD', ''); define('DB_HOST', 'localhost:{socket}');
define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', ''); define('WP_HOME', '{url}'); define('WP_SITEURL', '{url}');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true); define('DISABLE_WP_CRON', true);
define('WP_ENVIRONMENT_TYPE', 'local');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {{
    define($name . '_KEY', 'only-for-tests-' . $name); define($name . '_SALT', 'only-for-tests-' . $name);
}}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
_ROUTER = """<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path !== '/' && is_file(__DIR__ . $path)) return false;
$_SERVER['SCRIPT_NAME'] = '/index.php';
require __DIR__ . '/index.php';
"""
_INSTALL = """
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Beauty Desk', 'admin', 'admin@example.org', true, '', wp_generate_password(20));
wp_delete_post(1, true);
update_option('permalink_structure', '/%postname%/');
update_option('timezone_string', 'America/New_York');
"""
_PASSWORD = "echo WP_Application_Passwords::create_new_application_password(1, ['name' => 'tests'])[0];"


@dataclass(frozen=True, slots=True)
class WordPress:
    """A site that runs."""

    url: str
    folder: Path
    credentials: tuple[str, str] = ("admin", "")

    def run(self, code: str, *, installing: bool = False) -> str:
        """Run PHP inside the site and return what it prints."""
        before = "define('WP_INSTALLING', true);" if installing else ""
        program = f"{before} require '{self.folder}/site/wp-load.php'; wp_set_current_user(1); {code}"
        return subprocess.run(
            ["php", "-r", program], check=True, capture_output=True, text=True, timeout=SECONDS
        ).stdout


def is_installed() -> bool:
    """Tell whether Debian's packages are there."""
    return PACKAGE.is_dir() and all(shutil.which(program) for program in PROGRAMS)


@contextmanager
def serve_wordpress(folder: Path) -> Iterator[WordPress]:
    """Run a fresh site until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = WordPress(f"http://127.0.0.1:{port}", folder)
    with _database(folder) as door, (folder / "php.log").open("wb") as log:
        shutil.copytree(PACKAGE, folder / "site", ignore=shutil.ignore_patterns("wp-config.php"))
        (folder / "site/wp-config.php").write_text(_CONFIG.format(socket=door, url=site.url))
        (folder / "site/router.php").write_text(_ROUTER)
        site.run(_INSTALL, installing=True)
        credentials = ("admin", site.run(_PASSWORD))
        arguments = ["php", "-S", f"127.0.0.1:{port}", "-t", folder / "site", folder / "site/router.php"]
        with subprocess.Popen(arguments, stdout=log, stderr=log) as server:
            try:
                _wait_for(lambda: _answers(site.url))
                yield WordPress(site.url, folder, credentials)
            finally:
                server.terminate()


@contextmanager
def _database(folder: Path) -> Iterator[Path]:
    door, data = folder / "m.sock", folder / "data"
    common = ["--no-defaults", f"--datadir={data}", "--user=root"]
    with (folder / "database.log").open("wb") as log:
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, stdout=log, stderr=log, timeout=SECONDS)
        options = [f"--socket={door}", "--skip-networking", "--skip-log-bin", "--innodb-buffer-pool-size=64M"]
        with subprocess.Popen(["mariadbd", *common, *options], stdout=log, stderr=log) as server:
            try:
                ask = ["mariadb-admin", "--no-defaults", "-uroot", f"--socket={door}"]
                _wait_for(lambda: subprocess.run([*ask, "ping"], capture_output=True).returncode == 0)
                subprocess.run([*ask, "create", "wp"], check=True, timeout=SECONDS)
                yield door
            finally:
                server.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _wait_for(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < until, "it does not start; see the logs in its folder"
        time.sleep(0.1)
