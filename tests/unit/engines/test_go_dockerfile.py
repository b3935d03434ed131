from __future__ import annotations

import pytest

from gopherwhale.engines.dockerfile import differences
from gopherwhale.engines.recipe import Recipe, read
from tests.template.baking import bake
from tests.unit.engines.test_go_engine import Bench, bench

__all__ = ["bench"]

SAME = """\
# syntax=docker/dockerfile:1
FROM golang AS build
RUN go build -o /out/hello .
COPY <<EOF /etc/x
RUN not an instruction
EOF

FROM --platform=$TARGETPLATFORM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The binary.
COPY --from=build --chown=0:0 \\
    # for this platform
    /out/${TARGETPLATFORM}/hello /hello
ARG COMMIT
LABEL a="b" \\
      c="d"
USER 65532:65532
ENTRYPOINT ["/hello"]
"""


@pytest.fixture
def recipe(bench: Bench) -> Recipe:
    return read(bench.plan())


def test_a_dockerfile_that_does_what_the_recipe_says_has_no_difference(recipe: Recipe) -> None:
    """Builder stages, comments, continued lines, heredocs and labels are no difference."""
    assert differences(SAME, recipe) == []


@pytest.mark.parametrize("time_zones", ["no", "yes"])
def test_the_scaffold_has_no_difference(tmp_path_factory: pytest.TempPathFactory, time_zones: str) -> None:
    """The template's Dockerfile and its table `[go]` say the same."""
    from gopherwhale import plan  # noqa: PLC0415
    from gopherwhale.settings import load  # noqa: PLC0415

    root = bake(tmp_path_factory.mktemp("baked") / "out", time_zones=time_zones)
    made = read(plan.make(load(root), None, source_date=0).images[0])
    assert differences((root / "Dockerfile").read_text(), made) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("RUN adduser me", "RUN adduser me"),
        ("COPY web /web", "COPY web /web"),
        ("ADD --chown=1 x.tar /", "ADD --chown=1 x.tar /"),
        ("USER nobody", "USER nobody"),
        ("ENTRYPOINT /hello", None),
        ('ENTRYPOINT ["/bin/sh"]', 'ENTRYPOINT ["/bin/sh"]'),
        ('CMD ["serve"]', 'CMD ["serve"]'),
        ("EXPOSE 8080", "EXPOSE 8080"),
        ("ENV A=b", "ENV A=b"),
        ("WORKDIR /data", "WORKDIR /data"),
        ("WORKDIR /", None),
        ("STOPSIGNAL SIGINT", "STOPSIGNAL SIGINT"),
        ("HEALTHCHECK CMD x", "HEALTHCHECK CMD x"),
        ("VOLUME /data", "VOLUME /data"),
        ("run " + "x" * 200, "RUN " + "x" * 76 + "…"),
    ],
)
def test_a_line_that_the_recipe_does_not_say_is_named(recipe: Recipe, line: str, shown: str | None) -> None:
    """Each such instruction of the final stage is shown with its line."""
    number = len(SAME.splitlines()) + 1
    assert differences(f"{SAME}{line}\n", recipe) == ([(number, shown)] if shown else [])


def test_another_base_is_named_and_a_target_is_followed(recipe: Recipe) -> None:
    """The stage that would be built is the one that counts."""
    text = f"{SAME}FROM alpine AS debug\nRUN x\n"
    assert [line for line, _ in differences(text, recipe)] == [19, 20]
    assert [line for line, _ in differences(text, recipe, target="build")] == [2, 3, 4]


def test_auto_warns_before_it_builds(bench: Bench) -> None:
    """Only where the engine was not chosen: who sets `go` knows."""
    (bench.root / "Dockerfile").write_text("FROM alpine\n")
    bench.build(engine="auto")
    assert bench.said[1] == ("warning: Dockerfile:1: `FROM alpine` is not what the go engine makes; see [go]")
    bench.said.clear()
    bench.build(engine="go")
    assert not any("warning" in line for line in bench.said)
