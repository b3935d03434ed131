"""Tiny binaries, built by hand: what a header says, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

SENTINEL = b"0123456789abcdef"


def elf(  # noqa: PLR0913 -- each is a field of the header
    *,
    machine: int = 62,
    bits: int = 64,
    big: bool = False,
    kind: int = 2,
    flags: int = 0,
    abi: int = 0,
    interpreter: bytes = b"",
    needed: Sequence[str] = (),
    runpath: str = "",
    defines: Sequence[str] = (),
    asks: Mapping[str, Sequence[str]] | None = None,
    pie: bool = False,
    notes: bytes = b"",
    data: bytes = b"",
) -> bytes:
    """An ELF file whose one segment holds everything; `data` stands at the end, on a multiple of 16."""
    order, wide = ">" if big else "<", bits == 64
    dynamic = bool(needed or runpath or pie or defines or asks)
    count = 2 + bool(interpreter) + dynamic + bool(notes)
    size, header = (56, 64) if wide else (32, 52)
    body, at = bytearray(), header + count * size

    def put(part: bytes) -> tuple[int, int]:
        body.extend(bytes(-(at + len(body)) % 16))
        start = at + len(body)
        body.extend(part)
        return start, len(part)

    rows = []
    if interpreter:
        rows.append((3, *put(interpreter)))
    if dynamic:
        strings, entries = b"\0", []
        for tag, text in [(1, name) for name in needed] + ([(29, runpath)] if runpath else []):
            entries.append((tag, len(strings)))
            strings += text.encode() + b"\0"
        tables, strings = _versions(order, strings, defines, asks or {})
        entries += [(tag, put(table)[0]) for tag, table in tables]
        entries += [(5, put(strings)[0]), *([(0x6FFFFFFB, 0x08000000)] if pie else []), (0, 0)]
        form = order + ("QQ" if wide else "II")
        rows.append((2, *put(b"".join(struct.pack(form, *entry) for entry in entries))))
    if notes:
        rows.append((4, *put(notes)))
    writable = put(data)
    rows += [(1, 0, at + len(body)), (1, *writable)]
    table = b"".join(_row(order, kind=r[0], start=r[1], size=r[2], wide=wide) for r in rows)
    ident = b"\x7fELF" + bytes((2 if wide else 1, 2 if big else 1, 1, abi)) + bytes(8)
    form = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
    fields = (kind, machine, 1, 0, header, 0, flags, header, size, count, 0, 0, 0)
    return ident + struct.pack(order + form, *fields) + table + bytes(body)


def _row(order: str, *, kind: int, start: int, size: int, wide: bool) -> bytes:
    if wide:
        return struct.pack(order + "IIQQQQQQ", kind, 6, start, start, start, size, size, 4)
    return struct.pack(order + "IIIIIIII", kind, start, start, start, size, size, 6, 4)


def _versions(
    order: str, strings: bytes, defines: Sequence[str], asks: Mapping[str, Sequence[str]]
) -> tuple[list[tuple[int, bytes]], bytes]:
    """The tables of symbol versions by their tags, and the strings with their names; `~V` may be lacking."""

    def add(text: str) -> int:
        nonlocal strings
        strings += text.encode() + b"\0"
        return len(strings) - len(text) - 1

    defined = asked = b""
    for left, name in enumerate(defines[::-1]):
        defined = (
            struct.pack(order + "HHHHIIIII", 1, 0, 2, 1, 0, 20, 28 if left else 0, add(name), 0) + defined
        )
    for more, (library, versions) in enumerate(reversed(list(asks.items()))):
        size = 16 + 16 * len(versions)
        head = struct.pack(order + "HHIII", 1, len(versions), add(library), 16, size if more else 0)
        for at, name in enumerate(versions, 1):
            weak, behind = name.startswith("~"), 16 if at < len(versions) else 0
            head += struct.pack(order + "IHHII", 0, 2 if weak else 0, at, add(name.lstrip("~")), behind)
        asked = head + asked
    return [(tag, table) for tag, table in ((0x6FFFFFFC, defined), (0x6FFFFFFE, asked)) if table], strings


def note(name: bytes, kind: int, content: bytes, order: str = "<") -> bytes:
    """One ELF note."""
    label = name + b"\0"
    head = struct.pack(order + "III", len(label), len(content), kind)
    return head + label + bytes(-len(label) % 4) + content + bytes(-len(content) % 4)


def build_info(version: str = "go1.26.8", lines: Sequence[str] = ()) -> bytes:
    """Go's build information with its strings inline, as since Go 1.18."""
    text = SENTINEL + "".join(f"{line}\n" for line in lines).encode() + SENTINEL if lines else b""
    header = b"\xff Go buildinf:" + bytes((8, 2)) + bytes(16)
    return header + _varint(len(version)) + version.encode() + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def settings(**values: str) -> list[str]:
    """Lines of build information for settings, beside a module."""
    head = ["path\texample.com/app/cmd/app", "mod\texample.com/app\tv1.2.3\t"]
    return head + [f"build\t{key}={value}" for key, value in values.items()]


def pe(*, machine: int = 0x8664, flags: int = 0x22, data: bytes = b"", subsystem: int = 3) -> bytes:
    """A PE32+ file with one writable section that holds `data`."""
    optional = struct.pack("<H22xQ36xH38xI128x", 0x20B, 0x140000000, subsystem, 16)
    table = struct.pack("<8sIIIIIIHHI", b".data", len(data), 0x1000, len(data), 512, 0, 0, 0, 0, 0xC0000040)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, len(optional), flags) + optional + table
    return head + bytes(512 - len(head)) + data


def macho(*, machine: int = 0x01000007, kind: int = 2, flags: int = 0, data: bytes = b"") -> bytes:
    """A little-endian 64-bit Mach-O file with the section of Go's build information and one library."""
    start = 1024
    segment = struct.pack("<II16sQQQQIIII", 0x19, 152, b"__DATA", 0, 0, start, len(data), 3, 3, 1, 0)
    segment += struct.pack("<16s16sQQI28x", b"__go_buildinfo", b"__DATA", 0, len(data), start)
    library = struct.pack("<IIIIII", 0xC, 56, 24, 0, 0, 0) + b"/usr/lib/libSystem.B.dylib".ljust(32, b"\0")
    commands = segment + library
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, machine, 0, kind, 2, len(commands), flags, 0) + commands
    return head + bytes(start - len(head)) + data


def fat(*members: bytes) -> bytes:
    """A universal Mach-O file."""
    at, rows, body = 4096, b"", b""
    for member in members:
        rows += struct.pack(">IIIII", 0, 0, at + len(body), len(member), 0)
        body += member
    head = struct.pack(">II", 0xCAFEBABE, len(members)) + rows
    return head + bytes(at - len(head)) + body
