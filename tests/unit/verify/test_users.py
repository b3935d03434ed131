"""The user that a container starts as, and what that user may not do, as Docker 26 and runc 1.1 have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.oci.documents import digest_of
from gopherwhale.verify.filesystem import NotRunnable
from gopherwhale.verify.findings import Report
from gopherwhale.verify.users import Identity, identify
from tests.unit.verify.judged import alone, code, codes, named, program
from tests.unit.verify.layers import contents_of, system_of, tar

AMD: Final = "linux/amd64"
PASSWD: Final = b"root:x:0:0:root:/root:/bin/sh\n\napp:x:1000:1000::/:/bin/sh\n42:x:7:8::/:\nodd\n"
GROUP: Final = b"root:x:0:\nstaff:x:50:other,app\nextra:x:2000:app\n"
SCRIPT: Final = b"#!/bin/sh\nexit\n"


def system(passwd: bytes | None = PASSWD, group: bytes | None = GROUP) -> Any:
    texts = {"etc/passwd": passwd, "etc/group": group}
    kept = {name: text for name, text in texts.items() if text is not None}
    return system_of(tar(*((name, "file", 0o644) for name in kept), contents=kept))


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("app", (1000, {1000, 50, 2000})),
        ("1000", (1000, {1000, 50, 2000})),
        ("app:staff", (1000, {50, 2000})),
        ("app:9", (1000, {9, 50, 2000})),
        ("65532", (65532, {0})),
        ("65532:65532", (65532, {65532})),
        ("65532:staff", (65532, {50})),
        (":50", (0, {50})),
        ("42", (42, {0})),
        ("root", (0, {0})),
        ("odd", (0, {0})),
        ("app:50:x", (1000, {50, 2000})),
    ],
)
def test_a_user_is_told_by_the_image_s_own_files(user: str, expected: tuple[int, set[int]]) -> None:
    """Names and numbers, with the groups that have the user in them; a number is never taken for a name."""
    assert identify(user, system()) == Identity(expected[0], frozenset(expected[1]))


@pytest.mark.parametrize(
    ("user", "passwd", "group"),
    [
        ("nobody", PASSWD, GROUP),
        ("nobody", None, None),
        ("root", None, None),
        ("65532:nobody", PASSWD, None),
        ("app:wheel", PASSWD, GROUP),
        ("${UID}", PASSWD, GROUP),
        ("4294967295", PASSWD, GROUP),
        ("-1", PASSWD, GROUP),
    ],
)
def test_who_is_in_no_file_starts_nothing(user: str, passwd: bytes | None, group: bytes | None) -> None:
    """Docker: unable to find user; containerd and Podman say the same."""
    with pytest.raises(NotRunnable, match="names no"):
        identify(user, system(passwd, group))


@pytest.mark.parametrize(("passwd", "group"), [(b"", GROUP), (PASSWD, b""), (b"x" * 300_000, None)])
def test_where_a_file_is_not_known_nothing_is_said(passwd: bytes, group: bytes | None) -> None:
    """One that is empty may be a link to what was not kept; a long one is kept whole or not at all."""
    assert identify("app", system(passwd, group)) is None


def started(
    mode: int,
    *,
    owner: tuple[int, int] = (0, 0),
    content: bytes = b"",
    folder: int = 0o755,
    records: Mapping[str, str] | None = None,
    **process: Any,
) -> Report:
    """An image of one program in a folder, and a shell."""
    contents = {"srv/app": content or program(AMD), "bin/sh": code("amd64"), "etc/passwd": PASSWD}
    layer = tar(
        ("srv", "folder", folder),
        ("srv/app", "file", mode),
        ("bin/sh", "file", 0o755),
        ("etc/passwd", "file", 0o644),
        ("etc/group", "file", 0o644),
        ("app", "link", "/srv/app"),
        contents={**contents, "etc/group": GROUP},
        owners={"srv/app": owner},
        records=records,
    )
    return alone(AMD, layer, **{"Entrypoint": ["/srv/app"], "User": "65532", **process})


ACL: Final = {"SCHILY.xattr.system.posix_acl_access": "x"}


@pytest.mark.parametrize(
    ("report", "severity"),
    [
        (lambda: started(0o700), "warning"),
        (lambda: started(0o754), ""),
        (lambda: started(0o745), "warning"),
        (lambda: started(0o755), ""),
        (lambda: started(0o111), ""),
        (lambda: started(0o700, User="0"), ""),
        (lambda: started(0o700, User=""), "root"),
        (lambda: started(0o700, owner=(65532, 0)), ""),
        (lambda: started(0o075, owner=(65532, 0)), "warning"),
        (lambda: started(0o750), ""),
        (lambda: started(0o750, User="65532:65532"), "warning"),
        (lambda: started(0o750, owner=(0, 2000), User="app"), ""),
        (lambda: started(0o705, owner=(0, 2000), User="app"), "warning"),
        (lambda: started(0o700, records=ACL), ""),
        (lambda: started(0o700, records={"uid": "65532"}), ""),
        (lambda: started(0o755, folder=0o700), "warning"),
        (lambda: started(0o755, folder=0o700, Entrypoint=["/app"]), "warning"),
        (lambda: started(0o755, folder=0o700, Entrypoint=["./app"], WorkingDir="/srv"), "warning"),
        (lambda: started(0o755, folder=0o744, Entrypoint=["app"], Env=["PATH=/srv"]), "warning"),
        (lambda: started(0o755, content=SCRIPT), ""),
        (lambda: started(0o711, content=SCRIPT), "error"),
        (lambda: started(0o744, content=SCRIPT), "warning"),
        (lambda: started(0o755, content=SCRIPT, folder=0o700), "error"),
        (lambda: started(0o700, Entrypoint=["/bin/sh", "-c", "/srv/app"]), "error"),
        (lambda: started(0o700, Entrypoint=["/bin/sh", "-c", "test -x /srv/app && /srv/app"]), ""),
        (lambda: started(0o755, Entrypoint=["/bin/sh", "-c", "/srv/app"]), ""),
    ],
)  # fmt: skip
def test_a_program_that_its_user_may_not_run_is_told(report: Any, severity: str) -> None:
    """A warning, as Docker's own capabilities pass it; an error where a shell or a launcher has none."""
    found = report()
    root = {"root-user"} if severity == "root" or "root-user" in codes(found) else set()
    expected = {"user-not-permitted"} if severity in ("warning", "error") else set()
    assert codes(found) == expected | root
    if expected:
        assert named(found, "user-not-permitted").severity.value == severity


def test_whoever_starts_below_a_folder_may_not_be_able_to_enter_it() -> None:
    """The runtime changes into the working folder as root; what is named from there on is the user's."""
    layer = tar(
        ("root", "folder", 0o700), ("root/sub", "folder", 0o755), ("root/sub/app", "file", 0o755),
        contents={"root/sub/app": program(AMD)},
    )  # fmt: skip
    assert codes(alone(AMD, layer, Entrypoint=["./app"], WorkingDir="/root/sub")) == set()
    told = alone(AMD, layer, Entrypoint=["/root/sub/app"], WorkingDir="/root/sub")
    assert named(told, "user-not-permitted").found == "USER 65532 may not enter /root, mode 0700 of 0:0"


def test_what_a_program_with_another_s_rights_starts_is_that_one_s() -> None:
    """What sudo starts, and like, runs as root."""
    layer = tar(
        ("usr/bin/sudo", "file", 0o4755), ("app", "file", 0o700),
        contents={"usr/bin/sudo": code("amd64"), "app": program(AMD)},
    )  # fmt: skip
    assert codes(alone(AMD, layer, Entrypoint=["sudo", "--", "/app"])) == set()
    plain = tar(("usr/bin/env", "file", 0o755), ("app", "file", 0o700), contents={
        "usr/bin/env": code("amd64"), "app": program(AMD)
    })  # fmt: skip
    assert (
        named(alone(AMD, plain, Entrypoint=["env", "/app"]), "user-not-permitted").severity.value == "error"
    )


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12), st.binary(max_size=80), st.binary(max_size=80))
def test_no_user_and_no_file_of_users_breaks_the_judging(user: str, passwd: bytes, group: bytes) -> None:
    """Whatever they hold, somebody is told, nobody, or that it cannot be told."""
    report = alone(AMD, tar(("app", "file", 0o755), ("etc/passwd",), ("etc/group",), contents={
        "app": program(AMD), "etc/passwd": passwd, "etc/group": group
    }), User=user)  # fmt: skip
    assert codes(report) <= {"user-unknown", "root-user"}


def test_owners_are_kept_for_the_next_run() -> None:
    """What the cache gives back is what was read."""
    layer = tar(("a", "file", 0o700), ("b", "file", 0o711), owners={"a": (7, 8)})
    kept = dict(contents_of(layer, diff_id=digest_of(layer)).entries)
    assert (kept["/a"].owner, kept["/b"].owner) == ((7, 8), (0, 0))
