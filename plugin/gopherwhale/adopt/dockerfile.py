"""What a repository's own Dockerfile says that its settings should know."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gopherwhale.dockerfile.stages import SCRATCH, Stage, read_stages
from gopherwhale.dockerfile.syntax import parse

_GOLANG = re.compile(r"(?:.*/)?golang:(1\.\d+(?:\.\d+)?)?\S*")
# What a RUN looks like that compiles, or may.
_COMPILING = re.compile(
    r"\bgo (build|install|run|generate)\b|\b(bazel|goreleaser|just|mage|make|ninja|task)\b|\bxx-go\b|\.sh\b"
)
_TAGGED = re.compile(r"[^$@]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})")
_PORT = re.compile(r"\d{1,5}(/(tcp|udp|sctp))?")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A Dockerfile.

    Attributes:
        builder: The image of Go that compiles; may be empty.
        go: Its version, where it is written out.
        base: What the final stage starts from.
        ports: What it exposes.
        program: The name of the program that it starts; may be empty.
        compiles: Whether it may build the program; one that does not copies what something else has built.
    """

    builder: str
    go: str
    base: str
    ports: tuple[str, ...]
    program: str
    compiles: bool

    @property
    def is_plain(self) -> bool:
        """Whether the go engine could make the same: nothing but the program in it."""
        return self.base == SCRATCH

    @property
    def answer(self) -> str:
        """What it ends in as the template takes it; `scratch` for what says nothing of its version."""
        if re.fullmatch(r"gcr\.io/distroless/static(-debian\d+)?", self.base):
            return "distroless"
        return self.base if _TAGGED.fullmatch(self.base) else SCRATCH


def read(text: str) -> Recipe:
    """Read a Dockerfile."""
    stages = read_stages(parse(text))
    compiling = [match for stage in stages.all if (match := _GOLANG.fullmatch(stage.base))]
    last = list(stages.final.chain) if stages.final else []
    # What a stage says wins over what it stands on.
    said = [one for stage in reversed(last) for one in stage.instructions]
    words = {one.name: [word.text for word in one.words] for one in said}
    ports = [word.text for one in said if one.name == "EXPOSE" for word in one.words]
    started = words.get("ENTRYPOINT") or words.get("CMD") or [""]
    return Recipe(
        builder=compiling[-1][0] if compiling else "",
        go=(compiling[-1][1] or "") if compiling else "",
        base=stages.final.root_base if stages.final else "",
        ports=tuple(dict.fromkeys(port for port in ports if _PORT.fullmatch(port))),
        program=started[0].rsplit("/", 1)[-1],
        compiles=bool(compiling) or not stages.all or any(map(_may_compile, stages.all)),
    )


def _may_compile(stage: Stage) -> bool:
    runs = (one for one in stage.instructions if one.name == "RUN")
    return any(one.heredocs or _COMPILING.search(one.source) for one in runs)
