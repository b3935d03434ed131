"""What holds for every test: a clean environment, and no way out for those not marked `engine`."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

from tests import later, memory

REQUIRE_ENGINE: Final = "GOPHERWHALE_REQUIRE_ENGINE"
# Read before the environment is cleaned: the testbed may stand elsewhere.
AMBIENT: Final[Mapping[str, str]] = dict(os.environ)

_REPOSITORY: Final = Path(__file__).resolve().parents[1]
_ENGINE: Final = _REPOSITORY / "tests" / "engine"
_TOOLS: Final = {"docker", "dockerd", "docker-registry", "docker-buildx", "go", "podman", "skopeo"}
_DROPPED_PREFIXES: Final = (
    *("BUILDKIT_", "BUILDX_", "DOCKER_", "GITHUB_", "GITLAB_", "GOPHERWHALE_", "INVOKE_", "NOX_"),
)
_DROPPED: Final = {
    *("CI", "COLUMNS", "COMMIT", "COOKIECUTTER_CONFIG", "FORCE_COLOR", "NO_COLOR", "SOURCE_DATE_EPOCH"),
    *("CGO_ENABLED", "GO386", "GOAMD64", "GOARCH", "GOARM", "GOARM64", "GOENV", "GOEXPERIMENT", "GOFLAGS"),
    *("GOMIPS", "GOMIPS64", "GOOS", "GOPPC64", "GORISCV64", "GOROOT", "GOTOOLCHAIN", "GOWORK"),
    *("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "REGISTRY_AUTH_FILE"),
    # Each Python that a test starts would compile all that it imports.
    "PYTHONDONTWRITEBYTECODE",
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
}
# The modules that take longest, in the order in which they start: a worker that began one of them when all
# else is done would work alone for minutes. The first two wait for nothing that others compile.
_LONGEST: Final = (
    *("template_go", "go_ports", "template_rehearsal", "main_job", "adopted", "go_engine_demo", "go_engine"),
    *("lint_builds", "push_kills", "referrers", "installed", "go_engine_faults", "lint_habits"),
    *("push_registry", "verify_images", "buildx_settings", "template_guard", "go_engine_repeats"),
    *("go_engine_bases", "promotion"),
)
# Of these, each test is long, and none shares with its neighbours what the other workers do not have.
_APART: Final = {"template_rehearsal", "main_job"}
# The longest of the others. They share the template's compiled texts, or take seconds each.
_TEMPLATE: Final = "tests/template/"
_LONG: Final = (
    *(_TEMPLATE, "tests/unit/test_pushing.py", "tests/unit/oci/test_push.py", "tests/unit/test_merging.py"),
    *("tests/tasks/", "tests/unit/test_fuzz.py", "tests/unit/lint/test_rules.py", "tests/unit/app/"),
    *("tests/unit/test_house.py", "tests/unit/verify/test_formats.py", "tests/corpus/"),
)
_GIT: Final = "gitconfig"
_HOME: Final = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


# Readers of hostile bytes go through thousands of damaged inputs in tests/fuzz; here is a look at each. No
# example has a deadline, and making them may take long: where other workers have Go compile, any may be
# without a core for a second.
_LOOK: Final = hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("developing", _LOOK)
# A check of somebody's change tries the same examples every time; new ones are looked for while developing.
hypothesis.settings.register_profile("repeatable", _LOOK, derandomize=True)
hypothesis.settings.load_profile(
    "repeatable" if AMBIENT.get("CI") or AMBIENT.get(REQUIRE_ENGINE) else "developing"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the home folder in which all tests live."""
    later.put_off()
    if config.option.markexpr == "not engine":
        memory.use()
    config.stash[_HOME] = tempfile.TemporaryDirectory(
        # What a test started may still write there, as Go's telemetry does.
        prefix="gopherwhale-home-",
        ignore_cleanup_errors=True,
    )
    Path(config.stash[_HOME].name, _GIT).write_text("[maintenance]\nauto = false\n", encoding="utf-8")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    config.stash[_HOME].cleanup()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where no engine test is wanted, none is imported."""
    return True if collection_path == _ENGINE and config.option.markexpr == "not engine" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: to look through all of it for garbage, again and again, takes a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where no engine test runs, each worker keeps to one core: its threads change turns for less."""
    worker = getattr(session.config, "workerinput", {}).get("workerid", "")
    if sys.platform == "linux" and worker and not any(map(_is_engine, session.items)):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(report: object) -> Generator[None, Any, Any]:
    """A worker says of what passed that it did; its keywords are a fourth of all that the workers send."""
    data = yield
    if isinstance(report, pytest.TestReport) and report.passed:
        data["keywords"] = {}
    return data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first, then the other engine tests, then the rest in its own order."""
    items.sort(key=lambda item: _place(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A module's tests stay on one worker, those of the template too: they share what is dear to make."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 -- there only where workers are

    class Modules(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if path.startswith(_TEMPLATE):
                return _TEMPLATE
            return nodeid if _name(Path(path)) in _APART else path

    return Modules(config, log)


def _place(path: Path) -> int:
    if path.parent == _ENGINE:
        return _LONGEST.index(_name(path)) if _name(path) in _LONGEST else len(_LONGEST)
    begin = path.relative_to(_REPOSITORY).as_posix() if path.is_relative_to(_REPOSITORY) else ""
    found = (place for place, name in enumerate(_LONG) if begin.startswith(name))
    return len(_LONGEST) + 1 + next(found, len(_LONG))


def _is_engine(item: pytest.Item) -> bool:
    return item.path.parent == _ENGINE


def _name(path: Path) -> str:
    """What an engine test's module is about; empty for the others."""
    return path.stem.removeprefix("test_") if path.parent.name == "engine" else ""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their length: compressed ones hold the time, and every worker must see one name."""
    return f"{argname}-{len(val)}" if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Clean the environment around a test and all its fixtures; close the ways out unless it is `engine`."""
    with pytest.MonkeyPatch.context() as patch:
        _clean(patch, item.config.stash[_HOME].name)
        if item.get_closest_marker("engine") is None:
            _close(patch)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the engine is required, a skipped engine test is a failed one."""
    report = yield
    expected = hasattr(report, "wasxfail")
    if report.skipped and not expected and item.get_closest_marker("engine") and AMBIENT.get(REQUIRE_ENGINE):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same where a whole module of engine tests skips itself."""
    report = yield
    if report.skipped and "engine" in collector.path.parts and AMBIENT.get(REQUIRE_ENGINE):
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    report.outcome = "failed"
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
    report.longrepr = f"{REQUIRE_ENGINE} is set, and this was skipped: {reason}"


def _clean(patch: pytest.MonkeyPatch, home: str) -> None:
    for name in list(os.environ):
        if name in _DROPPED or name.startswith(_DROPPED_PREFIXES):
            patch.delenv(name)
    patch.setenv("HOME", home)
    # No repository of a test's wants examples of hooks, nor a look after each commit at whether it has grown.
    patch.setenv("GIT_TEMPLATE_DIR", "")
    patch.setenv("GIT_CONFIG_GLOBAL", os.path.join(home, _GIT))  # noqa: PTH118 -- for each of thousands
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def _close(patch: pytest.MonkeyPatch) -> None:
    """Refuse addresses beyond loopback, Docker's sockets, and starting Docker, Go or skopeo.

    A refusal is no Exception, so that code which forgives errors cannot forgive it.
    """
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    resolve, start = socket.getaddrinfo, subprocess.Popen.__init__

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_address(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_address(self.family, address)
        return connect_ex(self, address)

    def guarded_resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_host(host)
        return resolve(host, *arguments, **options)

    def guarded_start(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        _refuse_tool(args, options)
        start(self, args, *rest, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_resolve)
    patch.setattr(subprocess.Popen, "__init__", guarded_start)
    # What these tests write survives no power cut, and the disk would be waited for some thousand times.
    patch.setattr(os, "fsync", lambda _descriptor: None)


def _refuse_address(family: int, address: Any) -> None:
    if family == socket.AF_UNIX:
        if os.path.basename(os.fsdecode(address)) == "docker.sock":  # noqa: PTH119 - may be an abstract name
            pytest.fail("a test that is not marked `engine` tried to reach Docker")
    else:
        _refuse_host(address[0])


def _refuse_host(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return
    try:
        loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        pytest.fail(f"a test that is not marked `engine` tried to reach {name}")


def _refuse_tool(args: Any, options: Mapping[str, Any]) -> None:
    first = args if isinstance(args, str | bytes | os.PathLike) else args[0]
    words = os.fsdecode(first).split() or [""]
    program = words[0] if options.get("shell") else os.fsdecode(options.get("executable") or first)
    if Path(program).name not in _TOOLS:
        return
    found = shutil.which(program, path=(options.get("env") or os.environ).get("PATH"))
    # A stand-in that the test itself wrote is no way out; one that is not there fails by itself.
    if found and not _is_stand_in(Path(found)):
        pytest.fail(f"a test that is not marked `engine` tried to start {found}")


def _is_stand_in(program: Path) -> bool:
    real = (_REPOSITORY, Path(sys.prefix))
    return program.is_relative_to(tempfile.gettempdir()) and not any(map(program.is_relative_to, real))
