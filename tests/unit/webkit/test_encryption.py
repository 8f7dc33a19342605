import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hookshop.webkit.encryption import DecryptionFailed, Encryption


def test_what_is_locked_is_unreadable_and_can_be_unlocked(tmp_path: Path) -> None:
    encryption = Encryption.open(tmp_path / "secrets.key")

    locked = encryption.encrypt("whsec_secret")

    assert "whsec" not in locked
    assert encryption.decrypt(locked) == "whsec_secret"


def test_the_key_outlives_a_restart_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.key"
    locked = Encryption.open(path).encrypt("whsec_secret")

    assert Encryption.open(path).decrypt(locked) == "whsec_secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        vaults = list(pool.map(lambda _: Encryption.open(tmp_path / "secrets.key"), range(20)))

    assert {encryption.decrypt(vaults[0].encrypt("s")) for encryption in vaults} == {"s"}


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    locked = Encryption.open(tmp_path / "one.key").encrypt("whsec_secret")

    with pytest.raises(DecryptionFailed):
        Encryption.open(tmp_path / "other.key").decrypt(locked)
