"""A house whose NATS knows its users: every service logs in as itself, from a file, and may say its own words only."""

import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from shale.runtime.bus.connection import Bus, connected
from shale.runtime.settings import Login
from shale.testkit.house import House
from shale.testkit.nats import NatsServer

_USER = re.compile(r"user: (\S+)\s+password: \$(\S+)")
_CLI = {"init": "init", "visitor": "operator"}
"""Who uses the `shale` command, and is called as it is."""


class GuardedHouse(House):
    """`accounts` is the page of nats-server's config that is deployed; the passwords are made for this house alone."""

    def __init__(self, folder: Path, accounts: Path) -> None:
        super().__init__(folder)
        self._passwords: dict[str, Path] = {}
        environ: dict[str, str] = {}
        (folder / "passwords").mkdir(parents=True)
        for user, variable in _USER.findall(accounts.read_text()):
            environ[variable] = f"p{secrets.token_hex(16)}"
            self._passwords[user] = folder / "passwords" / user
            self._passwords[user].write_text(f"{environ[variable]}\n")
        self.server = NatsServer(folder / "nats", port=self.server.port, accounts=accounts, environ=environ)

    @property
    def users(self) -> tuple[str, ...]:
        """Everyone who may log in."""
        return tuple(self._passwords)

    def login(self, user: str) -> Login:
        """Return how a user logs in."""
        return Login(user, str(self._passwords[user]))

    def environ_of(self, name: str) -> Mapping[str, str]:
        """Return the environment of a service's processes, with its own login."""
        login = self.login(name)
        return {
            **self.environ,
            "SHALE_NATS_USER": login.nats_user,
            "SHALE_NATS_PASSWORD_FILE": login.nats_password_file,
        }

    def connected(self, name: str) -> AbstractAsyncContextManager[Bus]:
        """Connect as the user of that name; a visitor is an operator at the command line."""
        user = _CLI.get(name, name)
        return connected(self.server.url, "cli" if name in _CLI else name, fatal=False, login=self.login(user))
