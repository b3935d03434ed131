"""The readers of a stranger's repository: go.mod, go.work, Go sources, Dockerfiles and our own record."""

from __future__ import annotations

from gopherwhale.adopt import dockerfile, gomod, gosource, record
from gopherwhale.errors import UsageError
from tests.fuzz.targets import Target

_MOD = b"""module "example.com/a" // the module
go 1.24.1
toolchain go1.25.0
require ( x v1.0.0 )
replace (
\tx => ../x
\ty v1 => ./y
)
"""
_WORK = b"go 1.24\nuse (\n\t./a\n\t./b // b\n)\nreplace x => ./c\n"
_SOURCE = b"""//go:build linux && (amd64 || !cgo)
// +build linux,amd64 darwin

// Command a is a.
package main

import "embed"

//go:embed all:x "y z"
var files embed.FS

func main() { println(`{`, "}", '{') }
"""
_RECORD = b"""{"template": "", "commit": "", "answers": {"project": "a", "_shape": {}},
"files": {"a/b": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}, "texts": {}}
"""
_DOCKERFILE = b"""ARG GO=1.24
FROM golang:${GO} AS build
RUN go build -o /a
FROM scratch
EXPOSE 80 53/udp
ENTRYPOINT ["/a"]
"""


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _source(data: bytes) -> object:
    return gosource.read(_text(data)), gosource.is_built("a_linux.go", _text(data))


TARGETS = (
    Target(name="go-mod", seeds=lambda: [_MOD, _WORK], read=lambda data: gomod.parse(_text(data))),
    Target(name="go-source", seeds=lambda: [_SOURCE], read=_source),
    Target(name="adopted", seeds=lambda: [_DOCKERFILE], read=lambda data: dockerfile.read(_text(data))),
    Target(
        name="record",
        seeds=lambda: [_RECORD],
        read=lambda data: record.parse(data, "it"),
        refusals=(UsageError,),
    ),
)
