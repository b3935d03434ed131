"""Real images by the real builder, one for each way of publishing a wrong one, all made in one go."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.oci.layout import Layout
from gopherwhale.platforms import parse_many
from gopherwhale.verify.findings import Report, Severity
from gopherwhale.verify.image import Wanted, verify_image
from tests.engine.conftest import Testbed
from tests.unit.verify.judged import code, program

pytestmark = pytest.mark.engine

_AT_ONCE: Final = 6
BOTH: Final = "linux/amd64,linux/arm64"
ARMS: Final = "linux/arm/v6,linux/arm/v7"
# Folder below bin/, and what the Go toolchain is told; `default` is what it makes of arm without GOARM.
PROGRAMS: Final[Mapping[str, Mapping[str, str]]] = {
    "linux/amd64": {"GOARCH": "amd64"},
    "linux/amd64/v3": {"GOARCH": "amd64", "GOAMD64": "v3"},
    "linux/arm64": {"GOARCH": "arm64"},
    "linux/arm/v6": {"GOARCH": "arm", "GOARM": "6"},
    "linux/arm/v7": {"GOARCH": "arm", "GOARM": "7"},
    "linux/arm": {"GOARCH": "arm"},
}
HEAD: Final = "FROM scratch\nCOPY ca.crt /etc/ssl/certs/ca-certificates.crt\n"
TAIL: Final = 'USER 65532\nENTRYPOINT ["/app"]\n'
APP: Final = "ARG TARGETPLATFORM\nCOPY bin/${TARGETPLATFORM}/app /app\n"
GOOD: Final = HEAD + APP + TAIL
# A small Debian for amd64 alone: a shell, its loader and its library.
DEBIAN: Final = """\
FROM --platform=linux/amd64 BASE AS debian
FROM scratch AS small
COPY --from=debian /bin/dash /bin/sh
COPY --from=debian /bin/cat /bin/cat
COPY --from=debian /lib64/ld-linux-x86-64.so.2 /lib64/
COPY --from=debian /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/
"""
ON_DEBIAN: Final = DEBIAN + HEAD.replace("scratch", "small")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A recipe, and what is found in its image: errors and warnings, then notices."""

    recipe: str
    found: set[str]
    platforms: str = BOTH
    wanted: str = ""
    revision: str = ""
    noticed: frozenset[str] | set[str] = frozenset()
    more: Mapping[str, Any] | None = None


def put(name: str) -> str:
    """The recipe of an image whose program is one of the files beside it."""
    return HEAD + f"COPY --chmod=0755 odd/{name} /app\n" + TAIL


def started(*words: str) -> str:
    return f"USER 65532\nENTRYPOINT {json.dumps(words)}\n"


CASES: Final[Mapping[str, Case]] = {
    "good": Case(recipe=GOOD, found=set()),
    "good: attestations": Case(recipe=GOOD, found=set(), more={"attest": ["type=provenance,mode=min"]}),
    "good: variants": Case(recipe=GOOD, found=set(), platforms=f"{ARMS},linux/amd64/v3"),
    "good: a script on Debian": Case(
        recipe=ON_DEBIAN + APP + "COPY --chmod=0755 run.sh /\n" + started("/run.sh", "app"),
        found=set(),
        platforms="linux/amd64",
    ),
    "good: the shell form": Case(
        recipe=ON_DEBIAN + APP + 'USER 65532\nENTRYPOINT exec /app --port "$PORT"\n',
        found=set(),
        platforms="linux/amd64",
    ),
    "good: libraries": Case(recipe=ON_DEBIAN + started("cat"), found=set(), platforms="linux/amd64"),
    # Turbootzz/Vaultwarden-API#47 and its like: the default hides BuildKit's value.
    "an ARG's default": Case(
        recipe=HEAD + "ARG TARGETARCH=amd64\nCOPY bin/linux/${TARGETARCH}/app /app\n" + TAIL,
        found={"wrong-machine", "same-binary", "same-layers"},
    ),
    "berglas#297": Case(recipe=ON_DEBIAN + APP + TAIL, found={"wrong-base", "same-layer"}, platforms=BOTH),
    "loop#1211": Case(
        recipe=HEAD.replace("FROM", "FROM --platform=$BUILDPLATFORM")
        + "ARG BUILDARCH\nCOPY bin/linux/${BUILDARCH}/app /app\n"
        + TAIL,
        found={"wrong-machine", "same-binary", "same-layers"},
    ),
    "shellhub#5801": Case(
        recipe=HEAD + "ARG TARGETARCH\nCOPY bin/linux/${TARGETARCH}/app /app\n" + TAIL,
        found={"variant-too-new", "same-binary-variant"},
        platforms=ARMS,
    ),
    "goreleaser#6880": Case(
        recipe=HEAD + "COPY bin/linux/amd64/v3/app /app\n" + TAIL,
        found={"variant-too-new"},
        platforms="linux/amd64",
    ),
    "a variant of no use": Case(
        recipe=HEAD + "COPY bin/linux/arm/v6/app /app\n" + TAIL,
        found={"variant-older", "same-binary-variant"},
        platforms=ARMS,
    ),
    "microsoft/go#2313": Case(recipe=GOOD, found={"platform-missing"}, platforms="linux/arm64", wanted=BOTH),
    "a platform too many": Case(recipe=GOOD, found={"platform-unexpected"}, wanted="linux/amd64"),
    "another system": Case(recipe=put("windows.exe"), found={"wrong-os"}, platforms="linux/amd64"),
    "another class": Case(recipe=put("mips"), found={"wrong-class"}, platforms="linux/mips64"),
    "another byte order": Case(recipe=put("ppc64"), found={"wrong-byte-order"}, platforms="linux/ppc64le"),
    "no program at all": Case(recipe=put("ca.crt"), found={"not-a-program"}, platforms="linux/amd64"),
    "half a header": Case(recipe=put("half"), found={"malformed"}, platforms="linux/amd64"),
    "cut short": Case(recipe=put("short"), found={"cut-short"}, platforms="linux/amd64"),
    "altered": Case(recipe=put("altered"), found={"build-info-disagrees"}, platforms="linux/amd64"),
    "cannot be told": Case(
        recipe=put("packed"), found=set(), noticed={"cannot-tell"}, platforms="linux/amd64"
    ),
    "root": Case(recipe=HEAD + APP + 'ENTRYPOINT ["/app"]\n', found=set(), noticed={"root-user"}),
    "no certificates": Case(
        recipe="FROM scratch\n" + APP + TAIL, found=set(), noticed={"no-ca-certificates"}
    ),
    "everybody may write": Case(
        recipe=HEAD + "COPY --chmod=0777 bin/linux/amd64/app /app\n" + TAIL,
        found=set(),
        noticed={"entrypoint-world-writable"},
        platforms="linux/amd64",
    ),
    "a user of nowhere": Case(
        recipe=HEAD + APP + 'USER nonroot\nENTRYPOINT ["/app"]\n', found={"user-unknown"}
    ),
    # As where a program of Debian 12 comes into an image of Debian 11.
    "linked with a newer library": Case(
        recipe=DEBIAN
        + "FROM debian AS newer\nRUN sed 's/GLIBC_2[.]34/GLIBC_2.99/' /bin/cat >/bin/newer\n"
        + HEAD.replace("scratch", "small")
        + "COPY --from=newer --chmod=0755 /bin/newer /bin/\n"
        + started("newer"),
        found={"library-too-old"},
        platforms="linux/amd64",
    ),
    "a health check without a shell": Case(
        recipe=GOOD + "HEALTHCHECK CMD wget -q http://localhost/ || exit 1\n", found={"health-missing"}
    ),
    "a health check of one architecture": Case(
        recipe=GOOD + 'COPY bin/linux/amd64/app /probe\nHEALTHCHECK CMD ["/probe"]\n',
        found={"wrong-machine", "same-layer"},
    ),
    "its user may not run it": Case(
        recipe=HEAD + "COPY --chmod=0700 bin/linux/amd64/app /app\n" + TAIL,
        found={"user-not-permitted"},
        platforms="linux/amd64",
    ),
    "another commit": Case(
        recipe=GOOD + f"LABEL org.opencontainers.image.revision={'f' * 40}\n",
        found={"revision"},
        revision="0123456",
    ),
    "one build, stripped anew": Case(
        recipe=HEAD + "ARG TARGETARCH\nCOPY --chmod=0755 bin/linux/${TARGETARCH}.again/app /app\n" + TAIL,
        found={"same-build-id", "wrong-machine"},
    ),
    "a loader of another machine": Case(
        recipe=DEBIAN + HEAD + "COPY --from=small /bin/cat /app\n"
        "COPY bin/linux/arm64/app /lib64/ld-linux-x86-64.so.2\n" + TAIL,
        found={"interpreter-wrong", "wrong-base"},
        platforms="linux/amd64",
    ),
    "a library of another machine": Case(
        recipe=DEBIAN + HEAD + "COPY --from=small /bin/cat /app\nCOPY --from=small /lib64 /lib64\n"
        "COPY bin/linux/arm64/app /lib/x86_64-linux-gnu/libc.so.6\n" + TAIL,
        found={"library-wrong"},
        platforms="linux/amd64",
    ),
    "a library elsewhere": Case(
        recipe=DEBIAN + HEAD + "COPY --from=small /bin/cat /app\nCOPY --from=small /lib64 /lib64\n"
        "COPY --from=small /lib/x86_64-linux-gnu/libc.so.6 /opt/lib/\n" + TAIL,
        found={"library-elsewhere"},
        platforms="linux/amd64",
    ),
    "no program": Case(recipe=HEAD + TAIL, found={"entrypoint-missing"}, platforms="linux/amd64"),
    "a folder": Case(
        recipe=HEAD + "COPY bin /app\n" + TAIL, found={"entrypoint-folder"}, platforms="linux/amd64"
    ),
    "no execute bit": Case(
        recipe=HEAD + "COPY --chmod=0644 bin/linux/amd64/app /app\n" + TAIL,
        found={"entrypoint-not-executable"},
        platforms="linux/amd64",
    ),
    "links that go round": Case(
        recipe=HEAD + "COPY links/ /\n" + TAIL, found={"entrypoint-loop"}, platforms="linux/amd64"
    ),
    "a script without its shell": Case(
        recipe=HEAD + "COPY --chmod=0755 run.sh /app\n" + TAIL,
        found={"interpreter-missing"},
        platforms="linux/amd64",
    ),
    "a program without its loader": Case(
        recipe=DEBIAN + HEAD + "COPY --from=small /bin/cat /app\n" + TAIL,
        found={"interpreter-missing"},
        platforms="linux/amd64",
    ),
    "a program without its library": Case(
        recipe=DEBIAN + HEAD + "COPY --from=small /bin/cat /app\nCOPY --from=small /lib64 /lib64\n" + TAIL,
        found={"library-missing"},
        platforms="linux/amd64",
    ),
    "a shell that starts nothing": Case(
        recipe=ON_DEBIAN + 'USER 65532\nENTRYPOINT ["sh", "-c", "serve --all"]\n',
        found={"entrypoint-missing"},
        platforms="linux/amd64",
    ),
    "the wrong program behind a script": Case(
        recipe=ON_DEBIAN
        + "COPY --chmod=0755 run.sh /\nCOPY bin/linux/arm64/app /usr/bin/app\n"
        + started("/run.sh", "app"),
        found={"wrong-machine"},
        platforms="linux/amd64",
    ),
}


@pytest.fixture(scope="module")
def images(
    testbed: Testbed, go_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Every case's layout, from programs that Go compiled and one run of the builder."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    (folder / "go.mod").write_text("module example.invalid/app\n\ngo 1.24\n")
    for name, levels in PROGRAMS.items():
        environment = {**go_environment, "GOOS": "linux", "CGO_ENABLED": "0", **levels}
        run(["go", "build", "-trimpath", "-o", f"bin/{name}/app", "."], folder, environment)
    shutil.copy(folder / "bin/linux/arm/v7/app", folder / "bin/linux/arm/app")
    odd(folder)
    (folder / "ca.crt").write_text("a certificate\n")
    (folder / "run.sh").write_text('#!/bin/sh\nset -e\nexec "$@"\n')
    (folder / "links").mkdir()
    for one, other in (("app", "b"), ("b", "app")):
        (folder / "links" / one).symlink_to(other)
    targets = {slug(name): target(case, slug(name)) for name, case in CASES.items()}
    for name, case in CASES.items():
        recipe = case.recipe.replace("BASE", testbed.base_images[0])
        (folder / f"{slug(name)}.Dockerfile").write_text(recipe)
    (folder / "bake.json").write_text(json.dumps({"target": targets}))
    # A few at a time: those that export one layer at once wait for each other, and not for ever.
    names = list(targets)
    for start in range(0, len(names), _AT_ONCE):
        chosen = names[start : start + _AT_ONCE]
        run(["docker", "buildx", "bake", "--file", "bake.json", *chosen], folder, testbed.environment())
    return folder


def odd(folder: Path) -> None:
    """Programs that no compiler would make, most of them made of one that it did."""
    good = (folder / "bin/linux/amd64/app").read_bytes()
    files = {
        "windows.exe": program("windows/amd64"),
        "mips": program("linux/mips"),
        "ppc64": program("linux/ppc64"),
        "half": good[:100],
        "short": good[: len(good) // 2],
        "altered": good.replace(b"GOARCH=amd64", b"GOARCH=riscv"),
        "packed": code("amd64", data=b"UPX!" + bytes(64)),
        "ca.crt": b"a certificate\n",
    }
    (folder / "odd").mkdir()
    for name, content in files.items():
        (folder / "odd" / name).write_bytes(content)
    for architecture in ("amd64", "arm64"):
        again = folder / f"bin/linux/{architecture}.again/app"
        again.parent.mkdir()
        again.write_bytes(good + architecture.encode())


def slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def target(case: Case, name: str) -> dict[str, Any]:
    return {
        "context": ".",
        "dockerfile": f"{name}.Dockerfile",
        "platforms": case.platforms.split(","),
        "output": [f"type=oci,tar=false,dest=out/{name}"],
        "attest": ["type=provenance,disabled=true"],
        **(case.more or {}),
    }


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def judged(folder: Path, name: str, case: Case) -> Report:
    wanted = Wanted(platforms=parse_many([case.wanted or case.platforms]), revision=case.revision)
    return verify_image(Layout(folder / "out" / slug(name)), wanted)


@pytest.mark.parametrize("name", CASES)
def test_an_image_of_the_real_builder_gets_its_verdict(images: Path, name: str) -> None:
    """Every fault is found under its code, and nothing else is."""
    case = CASES[name]
    report = judged(images, name, case)
    notices = {one.code for one in report.all_findings if one.severity is Severity.NOTICE}
    others = {one.code for one in report.all_findings if one.severity is not Severity.NOTICE}
    assert (others, notices) == (case.found, case.noticed), report.to_document()
    if name.startswith("good"):
        assert report.undecided == 0
        assert report.ok


def test_attestations_of_the_real_builder_are_counted(images: Path) -> None:
    """Two platforms, each with its provenance: told by annotation, judged as nothing."""
    name = "good: attestations"
    report = judged(images, name, CASES[name])
    assert (len(report.platforms), report.attestations) == (2, 2)
