from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gopherwhale.engines.buildkit import Progress

LINES = """\
#0 building with "default" instance using docker driver
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#4 [linux/amd64 build 2/6] WORKDIR /src
#4 CACHED
#9 [linux/amd64 build 4/6] RUN go mod download
#9 0.169 go: no module dependencies to download
#9 DONE 0.2s
#11 [linux/amd64->arm/v7 build 6/6] RUN go build
#11 ...
#13 [linux/amd64->arm64 build 6/6] RUN go build
#13 DONE 39.0s
#11 [linux/amd64->arm/v7 build 6/6] RUN go build
#11 DONE 37.2s
#16 [linux/arm64 stage-2 2/2] COPY --from=build /out/linux/arm64/hello /hello
#16 CACHED
#17 [build 3/3] RUN false
#17 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1
""".splitlines(keepends=True)


def progress() -> Progress:
    read = Progress()
    for line in LINES:
        read.read(line)
    return read


def test_steps_are_told_by_the_platform_that_they_are_for() -> None:
    """A cross-compiled step belongs to its target, and BuildKit's own errands to nobody."""
    assert [step.name for step in progress().of("linux/arm/v7")] == ["RUN go build"]
    assert [step.name for step in progress().of("linux/arm64")] == [
        "RUN go build",
        "COPY --from=build /out/linux/arm64/hello /hello",
    ]
    assert len(progress().of("linux/amd64")) == 2
    assert not any("load build definition" in step.name for step in progress().steps.values())


def test_cached_steps_and_seconds_are_counted() -> None:
    """What was found in the cache is told from what ran, and how long it ran."""
    (compiled, copied) = progress().of("linux/arm64")
    assert (compiled.cached, compiled.seconds) == (False, 39.0)
    assert (copied.cached, copied.seconds) == (True, 0.0)


def test_the_cause_of_a_failure_is_kept() -> None:
    """The last error line says what to show."""
    assert progress().errors == ['process "/bin/sh -c false" did not complete successfully: exit code: 1']


def test_what_runs_is_told_in_few_words() -> None:
    """A step is under way from its first line until it is done, was cached, failed or was cancelled."""
    read = Progress()
    assert read.under_way() == "no step is under way"
    mounted = "RUN --mount=type=cache,target=/go/pkg/mod     --mount=type=cache,target=/c go mod download"
    read.read(f"#5 [linux/amd64->arm64 build 4/6] {mounted}")
    read.read("#1 [internal] load build context")
    assert read.under_way() == "under way: linux/arm64 RUN go mod download"
    read.read(f"#6 [build 5/6] RUN {'x' * 100}")
    assert read.under_way() == f"under way: linux/arm64 RUN go mod download, RUN {'x' * 56}"
    for number, end in ((5, "DONE 3.1s"), (6, "CACHED"), (7, "CANCELED"), (8, "ERROR: it failed")):
        read.read(f"#{number} [build 6/6] RUN true")
        assert "RUN" in read.under_way()
        read.read(f"#{number} {end}")
    assert read.under_way() == "no step is under way"


def test_colours_are_taken_out() -> None:
    """A line that is shown off a terminal holds no escape sequence."""
    assert Progress().read("\x1b[34m#4 CACHED\x1b[0m\r\n") == "#4 CACHED"


@example(["#0 DONE .s"])
@given(
    st.lists(
        st.text(max_size=60) | st.from_regex(r"#\d{1,3} (\[.*\] .*|CACHED|DONE [0-9.]+s|ERROR: .*)"),
        max_size=8,
    )
)
def test_no_line_stops_the_reading(lines: list[str]) -> None:
    """Whatever a builder prints, the build is not failed by its progress."""
    read = Progress()
    for line in lines:
        read.read(line)
    assert len(read.steps) <= len(lines)
