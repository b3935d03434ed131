"""What is different in an image for Windows: names of programs, and how a layer is laid out.

A Windows layer holds `Files` and `Hives`, and each member says in PAX records what NTFS keeps of it (the
format of `wclayer`; BuildKit and containerd write the same records).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from gopherwhale.oci.assemble import Process
from gopherwhale.oci.layer_writer import Entry

WINDOWS: Final = "windows"
SUFFIX: Final = ".exe"
# MS-DTYP 2.4.2.2: the well-known group BUILTIN\\Users, S-1-5-32-545.
_USERS: Final = struct.pack("<BB6sII", 1, 2, b"\0\0\0\0\0\5", 32, 545)
# MS-DTYP 2.4.6: a self-relative security descriptor whose owner and group that is, without access lists.
_DESCRIPTOR: Final = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 20 + len(_USERS), 0, 0) + 2 * _USERS
_FOLDER, _FILE = "16", "32"


def process_of(process: Process, programs: Collection[str]) -> Process:
    """How a program starts on Windows: by its drive and suffix, and as the base's own user.

    Numbers mean nothing to Windows, and the base says who runs.

    Args:
        process: As for Linux.
        programs: The paths of the image's own programs, without suffix.
    """
    first, *rest = process.entrypoint
    path = f"{first.removesuffix(SUFFIX)}{SUFFIX}" if first in programs else first
    path = "C:" + path.replace("/", "\\") if path.startswith("/") else path
    folder = process.working_dir if "WorkingDir" in process.given else "C:\\"
    given = process.given - {"User"}
    return replace(process, entrypoint=(path, *rest), user="", working_dir=folder, given=given)


def layered(entries: Iterable[Entry]) -> list[Entry]:
    """The entries of a layer as Windows takes them."""
    found = [Entry(path=name, content=None, mode=0o755) for name in ("Files", "Hives")]
    found += [replace(entry, path=f"Files/{entry.path}") for entry in entries]
    return [replace(entry, records=_records(entry)) for entry in found]


def _records(entry: Entry) -> dict[str, str]:
    import base64  # noqa: PLC0415 -- a build for Linux alone need not pay for it

    return {
        "MSWINDOWS.fileattr": _FOLDER if entry.is_folder else _FILE,
        "MSWINDOWS.rawsd": base64.b64encode(_DESCRIPTOR).decode(),
    }
