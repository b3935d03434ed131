"""Up, down and what stands: the order of things."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError
from tasks._testbed import base_image, bridge, engine, mounts, packages
from tasks._testbed.base_image import Toolchain
from tasks._testbed.machine import Machine
from tasks._testbed.places import Places
from tasks._testbed.processes import owned_pid, stop
from tasks._testbed.registry import answers, start_registry
from tasks._testbed.state import State

Say = Callable[[str], None]
_REGISTRY: Final = "registry"
# A whole run of the engine tests leaves less; benchmarks of many days would fill the disk.
_KEPT_BYTES: Final = 8 * 1000**3


def up(places: Places, machine: Machine, say: Say) -> State:
    """Have the testbed stand; what stands already is left as it is.

    Raises:
        MissingToolError: It cannot stand here, or something it needs cannot be had.
        UsageError: The folder is not the testbed's.
    """
    machine.require()
    places.create()
    with _alone(places):
        state = standing(places)
        if state is not None:
            say("the testbed is up already")
            return state
        _end_services(places)
        _trim(places, say)
        packages.install(say)
        # debootstrap waits for the network and for Debian's scripts, while the rest comes and starts.
        with ThreadPoolExecutor(1) as beside:
            archive = beside.submit(base_image.system, places, say)
            packages.unpack(places, say)
            packages.link_buildx(places)
            toolchain = Toolchain.find(os.environ)
            try:
                state = _start(places, toolchain, archive.result, say)
            except BaseException:
                _end_services(places)
                raise
        state.write(places.state)
        say(f"the testbed is up: engine {state.docker_host}, registry {state.registry}")
        return state


def down(places: Places, say: Say, *, purge: bool = False) -> None:
    """Stop what runs; packages and a bounded store of images stay for the next `up` unless they are purged.

    Raises:
        UsageError: Something is still mounted in a folder that shall be purged.
    """
    if not places.mark.exists():
        say(f"there is no testbed in {places.folder}")
        return
    with _alone(places):
        say("the testbed is down" if _end_services(places) else "the testbed was down already")
        _trim(places, say)
        if purge:
            _refuse_mounts(places.folder)
            shutil.rmtree(places.folder)
            say(f"removed {places.folder}")


def standing(places: Places) -> State | None:
    """Give the state of a testbed that answers; None where it is down or only half there."""
    try:
        state = State.read(places.state)
    except UsageError:
        return None
    if state is None or not engine.running(places) or owned_pid(*_registry(places)) is None:
        return None
    return state if engine.answers(places, state.docker_host) and answers(state.registry) else None


def _start(places: Places, toolchain: Toolchain, system: Callable[[], Path], say: Say) -> State:
    say("starting the engine and the registry")
    host, engine_pid = engine.start(places)
    registry, registry_pid = start_registry(
        places.prefix / "usr/bin/docker-registry",
        places.folder / _REGISTRY,
        pid_file=places.pid_file(_REGISTRY),
        log=places.logs / "registry.log",
    )
    docker = engine.environment(places) | {"DOCKER_HOST": host}
    return State(
        docker_host=host,
        docker_config=str(places.docker_config),
        path=(*map(str, places.binaries()), str(toolchain.root / "bin")),
        registry=registry,
        go_version=toolchain.version,
        base_images=base_image.ensure(places, toolchain, system(), docker, say),
        bridge=bridge.name_of(places.folder),
        pids={engine.NAME: engine_pid, _REGISTRY: registry_pid},
    )


def _end_services(places: Places) -> bool:
    # First of all: nobody shall be led to an engine that is about to go.
    places.state.unlink(missing_ok=True)
    registry_ran = stop(*_registry(places), timeout=20)
    return engine.end(places) or registry_ran


def _trim(places: Places, say: Say) -> None:
    """Remove what was pushed, and the engine's store once it has grown large: `up` imports the base again."""
    shutil.rmtree(places.folder / _REGISTRY, ignore_errors=True)
    size = _size(places.data)
    if size > _KEPT_BYTES:
        _refuse_mounts(places.data)
        say(f"the engine's store held {size / 1e9:.1f} GB and starts afresh")
        shutil.rmtree(places.data)


def _size(folder: Path) -> int:
    """The bytes of the disk below a folder."""
    here = (os.lstat(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)  # noqa: PTH118
    return sum(found.st_blocks * 512 for found in here)


def _registry(places: Places) -> tuple[Path, str]:
    return places.pid_file(_REGISTRY), str(places.folder / _REGISTRY / "registry.json")


@contextlib.contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Hold the folder's lock: a second `up` waits, and then finds the testbed standing."""
    with (places.folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_mounts(folder: Path) -> None:
    for mount in mounts.below(mounts.here(), folder):
        hint = "unmount it, then run `invoke testbed.down --purge`"
        raise UsageError(f"{mount.point} is still mounted", hint=hint)
