"""Wrong images, by the numbers of the reliability notes and by what people have published."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from gopherwhale.oci.documents import ATTESTATION, OCI_INDEX, OCI_MANIFEST, REFERENCE_TYPE, encode
from gopherwhale.platforms import normalise, parse, parse_many
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import Wanted, verify_image
from tests.unit.verify.binaries import elf, note, pe
from tests.unit.verify.judged import (
    LOADERS,
    alone,
    code,
    codes,
    files,
    judge,
    library,
    named,
    program,
    put,
)
from tests.unit.verify.layers import Memory, tar

AMD, ARM, V6, V7 = "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7"
SHELL: Final = code("amd64")


def wrong(report: Report) -> set[tuple[str, str, str]]:
    """Platform, code and path of each error."""
    return {(f.platform, f.code, f.path) for f in report.all_findings if f.severity is Severity.ERROR}


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (AMD, ARM, "wrong-machine"),
        ("linux/ppc64", "linux/ppc64le", "wrong-byte-order"),
        ("linux/mips", "linux/mipsle", "wrong-byte-order"),
        ("linux/mips64le", "linux/mipsle", "wrong-class"),
        ("linux/s390x", "linux/riscv64", "wrong-machine"),
    ],
)
def test_09_swapped_programs_are_both_named(one: str, other: str, name: str) -> None:
    """Each of the two platforms has its finding, with what is there and what should be."""
    report = judge({one: {"/app": program(other)}, other: {"/app": program(one)}})
    assert wrong(report) == {(one, name, "/app"), (other, name, "/app")}
    first = next(found for found in report.platforms[0].findings if found.code == name)
    assert first.expected == one
    assert first.found.startswith(other)


@pytest.mark.parametrize(
    ("declared", "level", "name"),
    [
        (V6, "7", "variant-too-new"),
        ("linux/arm/v5", "6", "variant-too-new"),
        (V7, "6", "variant-older"),
        (V7, "7", ""),
        (V6, "6,softfloat", ""),
        (AMD, "v3", "variant-too-new"),
        ("linux/amd64/v2", "v3", "variant-too-new"),
        ("linux/amd64/v3", "v3", ""),
        ("linux/amd64/v3", "v1", "variant-older"),
        (ARM, "v8.0", ""),
        (ARM, "v8.1", "variant-too-new"),
        (ARM, "v8.0,lse", "variant-too-new"),
        (ARM, f"v{'9' * 5000}.{'9' * 5000}", "variant-too-new"),
        ("linux/arm64/v9", "v8.5", "variant-older"),
        ("linux/arm64/v8.2", "v9.0", "variant-too-new"),
    ],
)
def test_10_a_variant_is_held_against_the_program_s_own(declared: str, level: str, name: str) -> None:
    """Too new is an error, older is a warning, and the same is nothing."""
    report = alone(declared, files({"/app": program(declared, level)}))
    assert codes(report) == ({name} if name else set())
    assert report.ok is (name != "variant-too-new")


def test_10_c_code_counts_beside_go_s() -> None:
    """A program of cgo's is for the newer of the two: GOARM=6 means nothing where libc is for v7."""
    isa = note(b"GNU", 5, struct.pack("<IIII", 0xC0008002, 4, 0b111, 0))
    linked = program(AMD, "v1", lines={"CGO_ENABLED": "1"}, notes=isa)
    too_new = named(alone(AMD, files({"/app": linked})), "variant-too-new")
    assert (too_new.found, too_new.severity) == ("code for v3", Severity.ERROR)
    old = BinaryFacts(format="ELF", architecture="arm", settings={"GOARM": "6"}, cpu_level="v7")
    new = BinaryFacts(format="ELF", architecture="arm", settings={"GOARM": "7"}, cpu_level="v5")
    assert (old.level, new.level) == ("v7", "v7")


@pytest.mark.parametrize(
    ("declared", "bits", "severity"),
    [(AMD, 0b11, Severity.WARNING), (AMD, 0b1, None), ("linux/amd64/v2", 0b111, Severity.ERROR)],
)
@pytest.mark.parametrize("start", ["/app", "/run", "/bin/sh"])
def test_10_the_cpu_that_a_distribution_asks_for_is_told(
    declared: str, bits: int, severity: Severity | None, start: str
) -> None:
    """Some are compiled for v2 or v3 and published for amd64: no mistake of whoever stands on them."""
    isa = note(b"GNU", 5, struct.pack("<IIII", 0xC0008002, 4, bits, 0))
    contents = {
        "/bin/sh": code("amd64", notes=isa),
        "/app": program(declared),
        "/run": b"#!/bin/sh\nexec /app\n",
    }
    report = alone(declared, files(contents), Entrypoint=[start])
    found = [one for one in report.all_findings if one.severity in (Severity.ERROR, Severity.WARNING)]
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert report.ok is (severity is not Severity.ERROR)


@pytest.mark.parametrize("variant", ["v8", "", "8"])
@pytest.mark.parametrize("own", ["v8", ""])
def test_10_arm64_and_arm64_v8_are_one(variant: str, own: str) -> None:
    """However index and config write it."""
    memory = Memory()
    entry = put(memory, ARM, files({"/app": program(ARM)}))
    document = json.loads(memory.blobs[entry.digest])
    config = json.loads(memory.blobs[document["config"]["digest"]])
    document["config"] = memory.put(
        encode({**config, "variant": own}), document["config"]["mediaType"]
    ).to_document()
    row = memory.put(encode(document), OCI_MANIFEST).to_document()
    platform = {"os": "linux", "architecture": "arm64", "variant": variant}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**row, "platform": platform}]}
    memory.root = memory.put(encode(index), OCI_INDEX)
    assert codes(verify_image(memory, Wanted(platforms=[parse("linux/arm64/v8")]))) == set()


@pytest.mark.parametrize(
    "wanted",
    [Wanted(), Wanted(platforms=[]), Wanted(only=[parse(ARM)]), Wanted(platforms=[], only=[parse(ARM)])],
)
@pytest.mark.parametrize("held", ["nothing", "attestations", "another platform"])
def test_11_where_no_image_was_judged_nothing_is_good(held: str, wanted: Wanted) -> None:
    """An index of attestations alone, or of no platform that was asked about, is an error and no table."""
    memory = Memory()
    image = put(memory, AMD, files({"/app": program(AMD)}))
    unknown = replace(
        image, platform=normalise("unknown", "unknown"), annotations={REFERENCE_TYPE: ATTESTATION}
    )
    entries = {"nothing": [], "attestations": [unknown], "another platform": [image]}[held]
    memory.put_index(entries)
    report = verify_image(memory, wanted)
    if held == "another platform" and wanted.only is None:
        assert report.ok == (wanted.platforms is None)
    else:
        assert codes(report) == {"platform-missing"}
        assert not report.ok


@pytest.mark.parametrize(
    ("declared", "wanted", "found"),
    [
        ([AMD, ARM], [AMD, ARM], set()),
        ([AMD, ARM], [ARM, AMD], set()),
        ([AMD], [AMD, ARM], {"platform-missing"}),
        ([AMD, ARM], [AMD], {"platform-unexpected"}),
        ([AMD, AMD], [AMD], {"platform-duplicated"}),
        ([AMD, V7], [AMD, ARM], {"platform-missing", "platform-unexpected"}),
        ([V6, V7], [V7], {"platform-unexpected"}),
        ([], [AMD], {"platform-missing"}),
    ],
)
def test_11_what_was_asked_for_is_what_is_there(
    declared: list[str], wanted: list[str], found: set[str]
) -> None:
    """Missing, unexpected and duplicated platforms are named, each by itself."""
    memory = Memory()
    memory.put_index([put(memory, one, files({"/app": program(one)})) for one in declared])
    assert codes(verify_image(memory, Wanted(platforms=parse_many(wanted)))) == found


def test_11_index_config_and_program_disagree() -> None:
    """Each of the three is compared with the index."""
    memory = Memory()
    entry = put(memory, "linux/s390x", files({"/app": program(AMD)}))
    memory.put_index([replace(entry, platform=parse(ARM))])
    report = verify_image(memory)
    assert wrong(report) == {(ARM, "platform-disagrees", ""), (ARM, "wrong-machine", "/app")}
    assert named(report, "platform-disagrees").found == "linux/s390x"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"manifests": []}, "ambiguous"),
        ({"Layers": []}, "ambiguous"),
        ({"mediaType": OCI_INDEX}, "media-type-differs"),
        ({"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}, "media-type-differs"),
    ],
)
def test_12_a_document_with_two_readings_is_a_finding_and_the_rest_is_judged(
    change: Mapping[str, Any], name: str
) -> None:
    """CVE-2021-41190: one platform's document is refused, the other platform has its verdict."""
    memory = Memory()
    good, bad = (put(memory, one, files({"/app": program(one)})) for one in (AMD, ARM))
    document = {**json.loads(memory.blobs[bad.digest]), **change}
    memory.put_index([good, memory.put(encode(document), OCI_MANIFEST, ARM)])
    report = verify_image(memory)
    assert wrong(report) == {(ARM, name, "")}
    assert report.platforms[0].program == "/app"


@pytest.mark.parametrize("member", ["layers", "config", "fsLayers"])
def test_12_an_index_with_a_manifest_s_members_is_a_finding(member: str) -> None:
    """CVE-2021-41190: nothing below an ambiguous index is judged."""
    memory = Memory()
    memory.put_index([put(memory, AMD, files({"/app": program(AMD)}))])
    document = {**json.loads(memory.blobs[memory.root.digest]), member: []}
    memory.root = memory.put(encode(document), OCI_INDEX)
    report = verify_image(memory, Wanted(platforms=[parse(AMD)]))
    assert codes(report) == {"ambiguous"}
    assert (report.platforms, report.ok) == ((), False)


APP: Final = {"opt/app": program(ARM)}


@pytest.mark.parametrize(
    ("layers", "process", "path"),
    [
        ([tar(("opt/app",), contents=APP)], {"Entrypoint": ["/opt/app"]}, "/opt/app"),
        ([tar(("opt/app",), ("a", "link", "b"), ("b", "link", "opt/app"), contents=APP)],
         {"Entrypoint": ["/a"]}, "/opt/app"),
        ([tar(("opt/app",), ("bin/x", "link", "/opt/app"), contents=APP)], {"Entrypoint": ["x"]}, "/opt/app"),
        ([tar(("opt/app",), ("copy", "hard", "opt/app"), contents=APP)], {"Entrypoint": ["/copy"]}, "/copy"),
        ([tar(("opt/app",), contents=APP)], {"Entrypoint": ["app"], "Env": ["PATH=/bin:/opt"]}, "/opt/app"),
        ([files({"/opt/app": program(AMD)}), tar(("opt/app",), contents=APP)],
         {"Entrypoint": ["/opt/app"]}, "/opt/app"),
        ([tar(("opt/app",), contents=APP), files({"/bin/app": program(AMD)}), tar(("bin/.wh.app",))],
         {"Entrypoint": ["app"], "Env": ["PATH=/bin:/opt"]}, "/opt/app"),
    ],
)  # fmt: skip
def test_13_the_program_is_judged_wherever_a_container_finds_it(
    layers: list[bytes], process: dict[str, Any], path: str
) -> None:
    """Through links, PATH, upper layers and whiteouts, the wrong program is named by its place."""
    assert wrong(alone(AMD, *layers, **process)) == {(AMD, "wrong-machine", path)}


BASE: Final = {"/bin/sh": SHELL, "/usr/bin/tini": code("amd64"), "/bin/cat": SHELL}


@pytest.mark.parametrize(
    ("contents", "process"),
    [
        ({}, {"Entrypoint": ["/bin/sh", "-c", "exec app --port=$PORT"]}),
        ({}, {"Entrypoint": None, "Cmd": ["sh", "-ec", "cat /etc/x; /usr/local/bin/app | cat"]}),
        ({}, {"Entrypoint": ["tini", "--", "app"]}),
        ({}, {"Entrypoint": ["tini", "-g"], "Cmd": ["/usr/local/bin/app"]}),
        ({"/run": b'#!/bin/sh\nexec app "$@"\n'}, {"Entrypoint": ["/run"]}),
        ({"/run": b'#!/bin/sh\nexec "$@"\n'}, {"Entrypoint": ["/run"], "Cmd": ["app"]}),
        ({"/run": b'#!/bin/sh\nexec "$@"\n'}, {"Entrypoint": ["tini", "--", "/run", "app"]}),
        ({"/run": b"#!/usr/local/bin/app\n"}, {"Entrypoint": ["/run"]}),
        ({}, {"Entrypoint": ["sh", "-e", "-o", "pipefail", "-c", "/usr/local/bin/app --x"]}),
        ({"/run": b'#!/bin/sh\nexec "$@"\n'}, {"Entrypoint": ["/run"], "Cmd": ["sh", "-c", "app --x"]}),
        ({}, {"Entrypoint": ["tini", "-g", "sh", "-c", "/usr/local/bin/app --x"]}),
        ({}, {"Entrypoint": ["/bin/cat", "exec", "--", "app"]}),
        ({"/run": b"#!/usr/bin/tini /bin/sh\nexec app\n"}, {"Entrypoint": ["/run"]}),
        ({"/run": b"#!/bin/sh\ncd /usr/local && exec ./bin/app\n"}, {"Entrypoint": ["/run"]}),
        ({"/run": b"#!/bin/sh\nexec gosu nobody app\n"}, {"Entrypoint": ["/run"]}),
        ({"/run": b"#!/bin/sh\nexec sh -c '/usr/local/bin/app --x'\n"}, {"Entrypoint": ["/run"]}),
    ],
)  # fmt: skip
def test_a_program_behind_a_shell_a_launcher_or_a_script_is_judged(
    contents: Mapping[str, bytes], process: dict[str, Any]
) -> None:
    """The wrong program is found although what starts first is right."""
    app = {"/usr/local/bin/app": program(ARM)}
    report = alone(AMD, files({**BASE, **contents, **app}), **process)
    assert wrong(report) == {(AMD, "wrong-machine", "/usr/local/bin/app")}


@pytest.mark.parametrize(
    ("name", "text", "words", "folder"),
    [
        ("/run.sh", b"exec app\n", ["sh", "/run.sh"], ""),
        ("/srv/start", b"#!/bin/bash\nexec app\n", ["/bin/sh", "-e", "start"], "/srv"),
        ("/run.sh", b'exec "$@"\n', ["sh", "/run.sh", "app"], ""),
        ("/run.sh", b"app\n", ["tini", "--", "sh", "run.sh"], "/"),
        ("/run.sh", b"app\n", ["sh", "-c", "exec sh /run.sh"], ""),
    ],
)
def test_a_script_that_a_shell_is_given_needs_no_execute_bit(
    name: str, text: bytes, words: list[str], folder: str
) -> None:
    """`sh run.sh` is followed like a script that runs by itself, from the working folder on."""
    app = files({**BASE, "/usr/local/bin/app": program(ARM)})
    report = alone(AMD, app, files({name: text}, mode=0o644), Entrypoint=words, WorkingDir=folder)
    assert wrong(report) == {(AMD, "wrong-machine", "/usr/local/bin/app")}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"/bin/java": SHELL, "/app.jar": b"PK\3\4"}, ["java", "-jar", "/app.jar"]),
        ({"/bin/python3": SHELL, "/app.py": b"#!/usr/bin/env python\n"}, ["python3", "/app.py"]),
        ({"/bin/dotnet": SHELL, "/app.dll": pe()}, ["dotnet", "/app.dll"]),
        ({"/app": program(AMD), "/etc/app.yml": b"a: b\n"}, ["/app", "/etc/app.yml"]),
        ({"/run": b"#!/bin/sh\n. /etc/env.sh\n/app -c /etc/app.conf\n", "/app": program(AMD),
          "/etc/env.sh": b"A=b\n", "/etc/app.conf": b"x\n"}, ["/run"]),
        ({"/run": b"#!/bin/bash\n/app\n", "/app": program(AMD)}, ["sh", "/run"]),
        ({"/etc/profile": b"PATH=/opt:$PATH\n"}, ["sh", "-lc", "tool serve"]),
        ({}, ["sh", "-c", "PATH=/opt:$PATH tool serve"]),
    ],
)  # fmt: skip
def test_what_a_program_reads_is_not_taken_for_one(contents: Mapping[str, bytes], words: list[str]) -> None:
    """An execute bit, as Windows gives to every file, makes no program of an argument."""
    report = alone(AMD, files({**BASE, "/usr/bin/env": SHELL, **contents}), Entrypoint=words)
    assert wrong(report) == set()


@pytest.mark.parametrize(
    ("line", "found", "remedy"),
    [
        (b"#!/bin/bash", "/bin/bash does not exist", "put /bin/bash into"),
        (b"#!/usr/bin/env bash", "bash is not on the image's PATH", "put bash into"),
        (b"#!/bin/sh\r", "a carriage return at the end of its first line", "write the script with LF alone"),
        (b"#!/usr/bin/env sh\r", "a carriage return", "write the script with LF alone"),
        (b"#!/bin/sh -e\r", "a carriage return", "write the script with LF alone"),
    ],
)
def test_a_script_that_nothing_can_run_is_told_with_what_mends_it(
    line: bytes, found: str, remedy: str
) -> None:
    """A shell that the image lacks, and the line endings of Windows, which no build of Go's mends."""
    contents = {**BASE, "/usr/bin/env": SHELL, "/run": line + b"\nexec app\n"}
    report = alone(AMD, files(contents), Entrypoint=["/run"])
    one = named(report, "interpreter-missing")
    assert one.found.startswith(found)
    assert one.remedy.startswith(remedy)


def test_a_start_of_many_steps_is_followed_to_its_end() -> None:
    """Scripts that start each other by the hundred, and launchers that do."""
    chain = {f"/s{number}": f"#!/bin/sh\nexec /s{number + 1}\n".encode() for number in range(500)}
    layer = files({**BASE, **chain, "/s500": program(ARM), "/usr/bin/env": SHELL})
    assert wrong(alone(AMD, layer, Entrypoint=["/s0"])) == {(AMD, "wrong-machine", "/s500")}
    words = [*["env"] * 900, "/s500"]
    assert wrong(alone(AMD, layer, Entrypoint=words)) == {(AMD, "wrong-machine", "/s500")}
    assert wrong(alone(AMD, layer, Entrypoint=["env"] * 100_000)) == set()


@pytest.mark.parametrize(
    ("path", "found"),
    [("/opt/app-arm64", set()), ("/opt/aarch64/app", set()), ("/opt/app", {"wrong-machine"}),
     ("/opt/charm64/app", {"wrong-machine"}), ("/opt/app-amd64", {"wrong-machine"})],
)  # fmt: skip
def test_a_script_may_name_programs_of_other_machines_by_their_names(path: str, found: set[str]) -> None:
    """One that says its own machine is there for scripts that choose; any other is the wrong one."""
    script = f"#!/bin/sh\n{path} || exec /opt/own\n".encode()
    contents = {**BASE, "/run": script, path: program(ARM), "/opt/own": program(AMD)}
    assert codes(alone(AMD, files(contents), Entrypoint=["/run"])) == found


@pytest.mark.parametrize(
    "words",
    [
        ["/bin/sh", "-c", "app --port=8080"],
        ["sh", "-c", "A=b exec /opt/app"],
        ["tini", "--", "/opt/app"],
        ["/usr/bin/tini", "app"],
    ],
)
def test_what_a_shell_or_a_launcher_shall_start_must_be_there(words: list[str]) -> None:
    """A command that the image lacks is named, with where the image has a program of that name."""
    report = alone(AMD, files({**BASE, "/srv/app": program(AMD)}), Entrypoint=words)
    assert {name for _, name, _ in wrong(report)} == {"entrypoint-missing"}
    assert named(report, "entrypoint-missing").found.endswith("; the image has /srv/app")


@pytest.mark.parametrize(
    ("contents", "path"),
    [
        ({"/bin/busybox": code("amd64")}, "/bin/busybox"),
        ({"/bin/sh": code("amd64"), LOADERS["arm64"]: library("arm64")}, "/bin/sh"),
        ({"/lib/libc.so.6": library("amd64"), LOADERS["amd64"]: library("amd64")}, "/lib/libc.so.6"),
    ],
)
def test_the_wrong_base_is_named_though_the_program_is_right(contents: dict[str, bytes], path: str) -> None:
    """berglas#297: the program is for arm64, the root file system is that of amd64."""
    report = alone(ARM, files({**contents, "/app": program(ARM)}))
    assert wrong(report) == {(ARM, "wrong-base", path)}


def test_a_base_of_many_wrong_files_is_told_shortly() -> None:
    """A script that starts twenty tools of the wrong base is not told twenty times."""
    tools = {f"/bin/tool{number}": code("arm64") for number in range(20)}
    script = "#!/bin/sh\n" + "".join(f"{tool}\n" for tool in tools)
    layer = files({"/bin/sh": code("arm64"), "/run": script.encode(), **tools})
    shell, rest = alone(AMD, layer, Entrypoint=["/run"]).all_findings
    assert (shell.code, shell.path) == ("wrong-machine", "/bin/sh")
    assert rest.found.endswith("; so are 19 more: /bin/tool1, /bin/tool2, /bin/tool3, ...")


def test_all_judges_what_nothing_reaches() -> None:
    """A program that the start does not come to counts with `everything` alone; one for eBPF never does."""
    probe = elf(machine=247, kind=1)
    layer = files(
        {"/app": program(AMD), "/opt/tool": program(ARM), "/opt/lib.so": library("s390x"), "/probe.o": probe}
    )
    assert wrong(alone(AMD, layer)) == set()
    report = alone(AMD, layer, wanted=Wanted(everything=True))
    assert wrong(report) == {(AMD, "wrong-machine", "/opt/tool"), (AMD, "wrong-machine", "/opt/lib.so")}
    assert report.judged == 3


@pytest.mark.parametrize(
    ("user", "passwd", "found"),
    [
        ("", b"", {"root-user"}),
        ("root", b"", {"root-user"}),
        ("0:65532", b"", {"root-user"}),
        ("00", b"", {"root-user"}),
        ("toor:0", b"toor:x:0:0::/:/bin/sh\n", {"root-user"}),
        ("app", b"app:x:100:0::/:/bin/sh\nx\n", set()),
        ("65532", b"", set()),
        ("nonroot:nonroot", b"", set()),
    ],
)
def test_root_is_told_by_name_number_and_passwd(user: str, passwd: bytes, found: set[str]) -> None:
    """Root under another name is root; a name that nobody knows is not."""
    report = alone(AMD, files({"/app": program(AMD), "/etc/passwd": passwd}), User=user)
    assert codes(report) == found


@pytest.mark.parametrize("own", [{}, {"vcs.revision": "a" * 40}])
@pytest.mark.parametrize("label", ["", "a" * 40])
def test_a_revision_is_read_from_the_label_and_from_the_program(own: dict[str, str], label: str) -> None:
    """Where either tells the commit that is wanted, even by its first digits, it is the right one."""
    labels = {"org.opencontainers.image.revision": label} if label else {}
    report = alone(
        AMD,
        files({"/app": program(AMD, lines=own)}),
        wanted=Wanted(revision="a" * 12),
        Labels=labels,
    )
    assert codes(report) == (set() if own or label else {"revision"})


def test_a_manifest_without_an_index_is_judged_by_its_config() -> None:
    """A single image declares its platform in the config alone."""
    memory = Memory()
    memory.root = replace(put(memory, ARM, files({"/app": program(AMD)})), platform=None)
    assert wrong(verify_image(memory)) == {(ARM, "wrong-machine", "/app")}


def test_an_entry_without_platform_and_an_unknown_one_are_told_apart() -> None:
    """The former is a warning, the latter an error unless an annotation makes it an attestation."""
    memory = Memory()
    entry = put(memory, AMD, files({"/app": program(AMD)}))
    memory.put_index(
        [replace(entry, platform=None), replace(entry, platform=normalise("unknown", "unknown"))]
    )
    assert {"platform-undeclared", "platform-unknown"} <= codes(verify_image(memory))


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ({"Test": ["CMD", "/probe"]}, set()),
        ({"Test": ["CMD", "/app", "-health"]}, set()),
        ({"Test": ["CMD", "/gone"]}, {"health-missing"}),
        ({"Test": ["CMD", "/foreign"]}, {"wrong-machine"}),
        ({"Test": ["CMD-SHELL", "/probe || exit 1"]}, set()),
        ({"Test": ["CMD-SHELL", "/foreign || exit 1"]}, {"wrong-machine"}),
        ({"Test": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]}, {"health-missing"}),
        ({"Test": ["CMD-SHELL", "[ -e /tmp/up ]"]}, set()),
        ({"Test": ["NONE"]}, set()),
        ({"Test": []}, set()),
        ({"Interval": 1}, set()),
        (None, set()),
        ("CMD", set()),
        ({"Test": "CMD"}, set()),
    ],
)
def test_what_looks_after_a_program_is_judged_beside_it(check: Any, found: set[str]) -> None:
    """Docker's HEALTHCHECK in each of its forms; it never is the program that all is about."""
    contents = {
        "/app": code("amd64"),
        "/probe": program(AMD),
        "/foreign": program(ARM),
        "/bin/sh": code("amd64"),
    }
    report = alone(AMD, files(contents), Healthcheck=check)
    assert codes(report) == found
    assert report.platforms[0].program == "/app"


def test_a_health_check_is_run_by_the_image_s_own_shell() -> None:
    """SHELL of the Dockerfile is kept, and takes the place of /bin/sh."""
    layer = files({"/app": program(AMD), "/bin/sh": code("amd64")})
    check = {"Test": ["CMD-SHELL", "true"]}
    assert codes(alone(AMD, layer, Healthcheck=check)) == set()
    told = alone(AMD, layer, Healthcheck=check, Shell=["/bin/bash", "-o", "pipefail", "-c"])
    assert codes(told) == {"health-missing"}
