from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale.errors import MissingToolError
from tasks._testbed import bridge, mounts
from tasks._testbed.base_image import Toolchain, extra_certificates
from tasks._testbed.commands import run
from tasks._testbed.packages import Source, parse_sources
from tasks._testbed.places import Places
from tasks._testbed.processes import Service, owned_pid, stop

_SLEEP = "import sys, time; print('started', flush=True); time.sleep(600)"


def _service(folder: Path, code: str) -> Service:
    return Service(
        name="sleeper",
        arguments=(sys.executable, "-c", code, str(folder / "mark")),
        mark=str(folder / "mark"),
        pid_file=folder / "pid",
        log=folder / "log",
        environment=dict(os.environ),
    )


def test_a_service_is_started_and_stopped_by_its_pid(tmp_path: Path) -> None:
    """What was started is known by its pid file until it is stopped, and then is gone with the file."""
    service = _service(tmp_path, _SLEEP)
    pid = service.start(ready=lambda: b"started" in service.log.read_bytes(), timeout=60)
    assert owned_pid(service.pid_file, service.mark) == pid
    assert stop(service.pid_file, service.mark, timeout=30)
    assert owned_pid(service.pid_file, service.mark) is None
    assert not service.pid_file.exists()


def test_a_deaf_service_is_killed(tmp_path: Path) -> None:
    """A service that ignores SIGTERM does not run afterwards either."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEP
    service = _service(tmp_path, deaf)
    service.start(ready=lambda: b"started" in service.log.read_bytes(), timeout=60)
    assert stop(service.pid_file, service.mark, timeout=0.2)
    assert owned_pid(service.pid_file, service.mark) is None


def test_another_process_with_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    """A pid that now belongs to somebody else gets no signal."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        pid_file = tmp_path / "pid"
        pid_file.write_text(str(other.pid), encoding="ascii")
        assert not stop(pid_file, str(tmp_path / "mark"), timeout=5)
        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0


@pytest.mark.parametrize("content", ["", "-1", "0", "1", "dockerd", "999999999999"])
def test_a_damaged_pid_file_names_nobody(content: str, tmp_path: Path) -> None:
    """Whatever stands in a pid file, no process that is not ours is taken for ours."""
    pid_file = tmp_path / "pid"
    pid_file.write_text(content, encoding="ascii")
    assert owned_pid(pid_file, str(tmp_path)) is None


def test_a_service_that_ends_at_once_tells_its_last_words(tmp_path: Path) -> None:
    """The error holds the last line of its log and names the log."""
    service = _service(tmp_path, "raise SystemExit('no such port')")
    with pytest.raises(MissingToolError, match=r"sleeper ended with 1; see .*/log\n  no such port"):
        service.start(ready=lambda: False, timeout=60)
    assert not service.pid_file.exists()


def test_a_service_that_never_answers_does_not_go_on(tmp_path: Path) -> None:
    """A service that does not answer in time is stopped before the error is raised."""
    service = _service(tmp_path, _SLEEP)
    with pytest.raises(MissingToolError, match="did not answer"):
        service.start(ready=lambda: False, timeout=0)
    assert not service.pid_file.exists()


def test_a_failed_program_is_told_in_two_lines() -> None:
    """The first line names the program and its exit code, the second what it said."""
    code = "import sys; sys.exit('out of\\ngophers')"
    with pytest.raises(MissingToolError) as failure:
        run([sys.executable, "-c", code], timeout=60)
    assert str(failure.value).endswith("-c ended with 1\n  out of gophers")


def test_a_missing_program_is_named() -> None:
    """A program that is not there is no traceback."""
    with pytest.raises(MissingToolError, match="cannot run no-such-gopher"):
        run(["no-such-gopher"], timeout=5)


def test_sources_of_both_forms_are_read() -> None:
    """A `.sources` stanza and a `sources.list` line give the same entries; what is off gives none."""
    stanza = """# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
# between
Suites: bookworm bookworm-updates
Components: main
Signed-By: /keys/debian.gpg

Types: deb
Enabled: no
URIs: http://off.example/
Suites: bookworm
Components: main
"""
    lines = """deb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.example/debian bookworm main # here
deb-src http://mirror.example/debian bookworm main
# deb http://off.example/ bookworm main
deb [signed-by=/keys/debian.gpg] http://mirror.example/debian bookworm-updates   main
"""
    wanted = tuple(
        Source(
            uri="http://mirror.example/debian", suite=suite, components="main", signed_by="/keys/debian.gpg"
        )
        for suite in ("bookworm", "bookworm-updates")
    )
    assert parse_sources(stanza) == wanted
    assert parse_sources(lines) == wanted


def test_a_written_source_is_read_back() -> None:
    """What we write for apt is what our own reader reads."""
    source = Source(
        uri="http://mirror.example/d", suite="trixie", components="main", signed_by="/keys/debian.gpg"
    )
    assert parse_sources(source.deb822()) == (source,)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_sources(text: str) -> None:
    """Any file in apt's folder is read without an error, and an entry of it has no line break."""
    assert all("\n" not in source.uri + source.suite for source in parse_sources(text))


_NETWORKS = st.integers(0, 255).map(lambda number: f"10.213.{number}.0/24")


@given(st.lists(_NETWORKS, max_size=40))
def test_the_chosen_network_overlaps_no_route(taken: list[str]) -> None:
    """Whatever is in use, the engine's network is another one."""
    chosen = bridge.free_network(["default", "192.168.1.0/24", *taken])
    assert not any(chosen.overlaps(ipaddress.ip_network(route)) for route in taken)


def test_no_free_network_is_told() -> None:
    """Where a route covers all that we choose from, the error names the range."""
    with pytest.raises(MissingToolError, match=r"10\.213\.0\.0/16"):
        bridge.free_network(["10.0.0.0/8"])


def test_a_bridge_is_named_after_its_folder() -> None:
    """The same folder has the same bridge, another one another, and the kernel's 15 bytes suffice."""
    names = [bridge.name_of(Path(folder)) for folder in ("/a", "/b", "/a")]
    assert names[0] == names[2] != names[1]
    assert all(len(name) <= 15 for name in names)


def test_only_what_is_in_the_folder_counts_as_mounted_there() -> None:
    """A neighbour whose name begins alike is not ours; a blank in a name is read; a bind mount is known."""
    table = """22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 254:0 /bed/data /bed/data rw - ext4 /dev/vda rw
31 22 254:1 / /bed/my\\040disk rw - ext4 /dev/vdb rw
32 22 254:1 / /bedrock rw - ext4 /dev/vdb rw
"""
    assert mounts.below(mounts.parse(table), Path("/bed")) == (
        mounts.Mount(point=Path("/bed/data"), bound=True),
        mounts.Mount(point=Path("/bed/my disk"), bound=False),
    )


def test_sockets_of_a_deep_folder_lie_in_a_short_one(tmp_path: Path) -> None:
    """A socket's name fits into the kernel's 107 bytes, and nothing of the short folder stays."""
    places = Places(folder=tmp_path / ("deep" * 20))
    places.create()
    run_folder = places.open_run()
    assert len(str(run_folder / "exec/containerd/containerd-debug.sock.ttrpc")) <= 107
    assert places.run.resolve() == run_folder
    places.remove_run()
    assert not run_folder.exists()
    assert not os.path.lexists(places.run)


def test_the_base_image_has_no_untrue_name(tmp_path: Path) -> None:
    """The image is Debian bookworm: it is never called Alpine, nor a newer Debian."""
    (tmp_path / "VERSION").write_text("go1.26.8\ntime 2026-01-01T00:00:00Z\n", encoding="utf-8")
    assert Toolchain.at(tmp_path).image_names() == (
        *("golang:1.26.8", "golang:1.26.8-bookworm"),
        *("golang:1.26", "golang:1.26-bookworm"),
    )


def test_only_certificates_that_are_new_are_added() -> None:
    """The same certificate is known again whatever its line breaks are."""
    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    one, two = pem.format("QQ=="), pem.format("Qg==")
    assert extra_certificates(one.replace("\n", "\n\n"), one + two) == (two,)
