"""Which machines SSH may send a backup to: those that the user has met before."""

from pathlib import Path

import paramiko


class KnownHostsOnly(paramiko.MissingHostKeyPolicy):
    """Take the keys of ``~/.ssh/known_hosts`` and no others, as ``ssh`` itself does when nobody is there to ask."""

    def __init__(self, known_hosts: Path | None = None):
        self._path = known_hosts or Path.home() / ".ssh" / "known_hosts"

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse a host that is not known, or that has another key than before.

        Raises:
            paramiko.SSHException: It says which, and what to type.
        """
        known = paramiko.HostKeys(str(self._path)) if self._path.exists() else paramiko.HostKeys()
        if known.check(hostname, key):
            return
        why = "has another key than before" if known.lookup(hostname) else "is not known"
        raise paramiko.SSHException(
            f"{hostname} {why}: its {key.get_name()} key is {key.fingerprint}. "
            f"Connect once with ssh, which puts it into {self._path}, after comparing it"
        )
