"""`invoke demo`: the whole way on a machine with Python alone, from the template to verified images."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from invoke import Context, Exit, task

if TYPE_CHECKING:
    from gopherwhale.console import Console

_REPOSITORY: Final = Path(__file__).resolve().parent.parent
_PLATFORMS: Final = ("linux/amd64", "linux/arm64", "linux/arm/v7")
_TIMEOUT: Final = 60


@task(help={"folder": "where to make the demo; it must not exist (default: a new temporary folder)"})
def demo(_context: Context, folder: str = "") -> None:
    """Bake the template, cross-compile, put the images together, verify them, run yours. No Docker needed."""
    from gopherwhale.console import Console  # noqa: PLC0415 -- `invoke --list` stays light
    from gopherwhale.errors import ExitCode, GopherwhaleError, system_refusal  # noqa: PLC0415

    try:
        run(folder, os.environ, Console(out=sys.stdout, err=sys.stderr))
    except GopherwhaleError as error:
        raise Exit(f"demo: {error}", code=int(error.exit_code)) from None
    except OSError as error:
        raise Exit(f"demo: {system_refusal(error)}", code=int(ExitCode.USAGE)) from None


def run(folder: str, ambient: Mapping[str, str], console: Console) -> None:
    """Do the demo.

    Args:
        folder: A folder to make; empty for a temporary one.
        ambient: The process environment.
        console: Where to speak.

    Raises:
        GopherwhaleError: A step failed; MissingToolError where there is no Go.
    """
    from gopherwhale.app.building import cross_build  # noqa: PLC0415
    from gopherwhale.app.request import Request  # noqa: PLC0415
    from gopherwhale.app.verifying import verify_arch  # noqa: PLC0415
    from gopherwhale.engines.toolchain import Toolchain  # noqa: PLC0415
    from gopherwhale.errors import ExitCode, VerificationError  # noqa: PLC0415
    from gopherwhale.platforms import of_this_machine  # noqa: PLC0415

    environment = {name: text for name, text in ambient.items() if not name.startswith("GOPHERWHALE_")}
    # Before anything is made: without Go there is nothing to show.
    Toolchain.find(environment)
    console.say("1/4  a new Go repository, from the template")
    root = bake(_place(folder))
    console.say(f"     {root}")
    here = of_this_machine()
    request = Request(
        start=root,
        environment=environment,
        flags={"engine": "go", "platforms": list(dict.fromkeys((*_PLATFORMS, str(here))))},
        console=console,
    )
    console.say("2/4  an image for each platform; Go's first build of a platform takes a while")
    cross_build(request)
    console.say("3/4  proof of what is in them")
    if verify_arch(request) != ExitCode.GOOD:
        raise VerificationError("the images are not what they should be", hint="that is a bug: report it")
    console.say("4/4  the one for this machine")
    said = start(root / "dist" / root.name, here)
    console.show("\n".join([f"     {said}", "", *_next(root)]), {"folder": str(root), "said": said})


def bake(folder: Path, **answers: str) -> Path:
    """Make the repository of the template's defaults, untouched by the user's own cookiecutter settings.

    Args:
        folder: An empty folder; cookiecutter's own files go there too.
        answers: Instead of the defaults.
    """
    from cookiecutter.main import cookiecutter  # noqa: PLC0415

    own = folder / ".cookiecutter"
    own.mkdir()
    places = {"replay_dir": str(own / "replay"), "cookiecutters_dir": str(own / "templates")}
    # JSON is YAML.
    (own / "config.yaml").write_text(json.dumps({**places, "default_context": {}}), encoding="utf-8")
    made = cookiecutter(
        str(_REPOSITORY),
        no_input=True,
        # What comes next the demo says itself.
        extra_context={"_greeting": "no", **answers},
        output_dir=str(folder),
        config_file=str(own / "config.yaml"),
    )
    return Path(made)


def start(layout: Path, here: object) -> str:
    """Take this machine's program out of its image and ask it what it is.

    Args:
        layout: The image layout.
        here: This machine's platform.

    Returns:
        What it says; on a system whose programs are of another kind, that.

    Raises:
        VerificationError: It does not start, does not end, or fails.
    """
    from gopherwhale.errors import VerificationError  # noqa: PLC0415

    if not sys.platform.startswith("linux"):
        return f"(made for {here}: it runs in a container, not on {sys.platform} itself)"
    with tempfile.TemporaryDirectory(prefix="gopherwhale-demo-") as folder:
        program = _extract(layout, here, Path(folder))
        try:
            done = subprocess.run(
                [program, "-version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or getattr(error, "strerror", None) or error
            raise VerificationError(f"/{program.name} of {here} does not run here: {said}") from None
    return (done.stdout or done.stderr).strip()


def _extract(path: Path, here: object, folder: Path) -> Path:
    from gopherwhale.errors import VerificationError  # noqa: PLC0415
    from gopherwhale.oci.documents import Manifest  # noqa: PLC0415
    from gopherwhale.oci.layout import Layout, walk  # noqa: PLC0415
    from gopherwhale.oci.source import read_config  # noqa: PLC0415

    layout = Layout(path)
    for descriptor, manifest in walk(layout):
        if isinstance(manifest, Manifest) and descriptor.platform == here:
            config = read_config(layout, descriptor, manifest)
            name = config.entrypoint[0].lstrip("/")
            # What changes most stands highest: the program is in the last layer.
            with (
                layout.open_blob(manifest.layers[-1]) as stream,
                tarfile.open(fileobj=stream, mode="r:gz") as archive,
            ):
                archive.extract(name, folder, filter="data")
            return folder / name
    raise VerificationError(f"{path} holds no image for {here}")


def _place(folder: str) -> Path:
    from gopherwhale.errors import UsageError  # noqa: PLC0415

    if not folder:
        return Path(tempfile.mkdtemp(prefix="gopherwhale-demo-"))
    path = Path(folder).absolute()
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"cannot make {path}: {error.strerror}", hint="name a folder that is not there"
        ) from None
    return path


def _next(root: Path) -> list[str]:
    return [
        "Next, type:",
        f"  cd {shlex.quote(str(root))}",
        "  invoke --list                    # what can be done here",
        "  invoke docker.plan               # settings, tags, labels, the exact commands",
        "  invoke docker.cross-build        # again, after a change: seconds",
        "  git init --initial-branch main && git add --all && git commit --message 'First commit'",
        "  invoke docker.push --repository REGISTRY/NAME",
    ]
