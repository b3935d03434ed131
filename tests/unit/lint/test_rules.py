from __future__ import annotations

from typing import Any

import pytest

from gopherwhale.dockerfile import shell
from gopherwhale.dockerfile.shell import Command
from gopherwhale.dockerfile.syntax import parse
from gopherwhale.lint import scripts
from gopherwhale.lint.codes import CODES
from gopherwhale.lint.findings import Finding
from gopherwhale.lint.fixing import fix
from gopherwhale.lint.linter import lint, pinned_bases
from gopherwhale.lint.view import MOST_BUILDS, Surroundings, View
from gopherwhale.platforms import parse_many
from tasks._lint_examples import EXAMPLES, GOOD, IGNORE, Example

UNWANTED = {"dockerignore-git": ".git", "dockerignore-dist": "dist"}
# What no edit can mend: a person has to know a version, a digest, a name or a secret's place.
BY_HAND = {
    *(
        "base-digest",
        "base-digest-of-one-platform",
        "ignore-unknown",
        "ignore-unused",
        "ignore-without-reason",
        "latest-tag",
    ),
    *("secret-in-arg", "secret-in-env", "syntax"),
}


def found(text: str, **around: Any) -> tuple[Finding, ...]:
    given = {"ignore_text": IGNORE, "unwanted": UNWANTED, **around}
    return lint("Dockerfile", text, Surroundings(**given)).findings


def lines(code: str, text: str, **around: Any) -> list[tuple[int, str]]:
    """Where a code is found, and how bad each is."""
    return [(one.line, one.severity.value) for one in found(text, **around) if one.code == code]


def stage(*instructions: str, base: str = "FROM --platform=$BUILDPLATFORM golang:1 AS build") -> str:
    """A stage that compiles, whose own lines begin at 2, and an image of what it makes."""
    return "\n".join([base, *instructions, "FROM scratch", "COPY --from=build /app /app", ""])


def test_the_good_dockerfile_is_good() -> None:
    """The page's own example has nothing to mend, whatever is built."""
    assert found(GOOD) == ()
    assert found(GOOD, platforms=parse_many(["linux/amd64,linux/arm/v6,windows/amd64"])) == ()


def test_each_code_has_one_example() -> None:
    """The page shows a mistake of every kind."""
    assert sorted(example.code for example in EXAMPLES) == sorted(CODES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_an_example_is_one_mistake_and_the_mended_line_mends_it(example: Example) -> None:
    """Each is found once and nothing else is; what can be mended without thought is good afterwards."""
    around = Surroundings(
        ignore_text=example.ignore, unwanted=UNWANTED, single=dict.fromkeys([example.single], True)
    )
    (one,) = lint("Dockerfile", example.text, around).findings
    assert (one.code, one.severity) == (example.code, CODES[example.code].severity)
    assert one.mended
    assert one.found
    changed, left = fix("Dockerfile", example.text, around)
    assert [finding.code for finding in left.findings] == ([example.code] if example.code in BY_HAND else [])
    assert bool(changed) == (example.code not in BY_HAND)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("platform-arg-default", "ARG TARGETARCH=amd64\nFROM a", [(1, "error")]),
        ("platform-arg-default", "FROM a\nARG TARGETARCH=", [(2, "error")]),
        ("platform-arg-default", 'FROM a\nARG A \\\n  "TARGETVARIANT=v7"', [(3, "error")]),
        ("platform-arg-default", "FROM a\nARG TARGETARCH=${TARGETARCH:-amd64}", [(2, "error")]),
        ("platform-arg-default", "FROM a\nARG TARGETOS=linux", [(2, "warning")]),
        ("platform-arg-default", "FROM a\nARG TARGETOS=windows", [(2, "error")]),
        ("platform-arg-default", "ARG BUILDPLATFORM=linux/amd64\nFROM a", [(1, "warning")]),
        ("platform-arg-default", "FROM a\nENV TARGETARCH=amd64 X=y", [(2, "error")]),
        ("platform-arg-default", "FROM a\nENV TARGETARCH amd64", [(2, "error")]),
        ("platform-arg-default", "FROM a\nARG TARGETARCH\nENV TARGETARCH=$TARGETARCH", []),
        ("platform-arg-default", "ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM a", []),
        ("platform-arg-default", "FROM a\nARG MY_TARGETARCH=amd64\n# ARG TARGETARCH=amd64", []),
        ("platform-arg-default", "FROM a\nRUN <<EOF\nARG TARGETARCH=amd64\nEOF", []),
        ("platform-arg-default", "FROM a AS b\nARG TARGETARCH=amd64\nFROM b", [(2, "error")]),
        ("platform-arg-default", "FROM a\nONBUILD ARG X TARGETARCH=amd64", [(2, "error")]),
        ("platform-arg-default", "FROM a\nONBUILD ARG TARGETARCH", []),
        ("target-platform-default", "ARG TARGETPLATFORM=linux/amd64\nFROM a", [(1, "error")]),
        ("target-platform-default", "FROM a\nARG TARGETPLATFORM", []),
    ],
)
def test_defaults_of_platform_arguments(code: str, text: str, expected: list[tuple[int, str]]) -> None:
    """A default hides BuildKit's value, in every way of writing one."""
    assert lines(code, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nRUN echo $TARGETARCH", [(2, "error")]),
        ("FROM a\nRUN echo \\\n # c\n  ${TARGETARCH:-amd64}", [(4, "error")]),
        ("FROM a\nRUN echo '$TARGETARCH' \\$TARGETOS", []),
        ("FROM a\nRUN true && \\\n  sh -c 'echo $TARGETARCH'", [(2, "error")]),
        ("FROM a\nRUN echo \"'$TARGETARCH'\"", [(2, "error")]),
        ("FROM a\nARG TARGETARCH\nRUN echo $TARGETARCH", []),
        ("FROM a\nRUN echo $TARGETARCH\nARG TARGETARCH", [(2, "error")]),
        ("FROM a\nRUN TARGETARCH=x; echo $TARGETARCH", []),
        ("FROM a\nCOPY x-$TARGETARCH /x", [(2, "error")]),
        ("FROM a\nENV X=${TARGETOS}", [(2, "error")]),
        ("FROM a\nARG X=${TARGETOS}", [(2, "error")]),
        ("FROM a\nWORKDIR /$TARGETPLATFORM", [(2, "error")]),
        ("FROM a\nRUN echo $BUILDARCH", [(2, "warning")]),
        ("FROM a\nRUN <<EOF\n# $TARGETARCH\necho $TARGETOS\nEOF", [(3, "error")]),
        ("FROM a\nRUN <<'EOF'\necho $TARGETOS\nEOF", [(3, "error")]),
        ("FROM a\nRUN <<EOF\n#!/usr/bin/env python3\nx = '$TARGETOS'\nEOF", []),
        ("FROM a\nCOPY <<EOF /x\n$TARGETOS\nEOF", [(3, "error")]),
        ("FROM a\nCOPY <<'EOF' /x\n$TARGETOS\nEOF", []),
        ("FROM a-$TARGETARCH", []),
        ("FROM --platform=$TARGETPLATFORM a", []),
        ("FROM a\nCMD echo $TARGETARCH\nENTRYPOINT echo $TARGETARCH", []),
        ("FROM a\nONBUILD RUN echo $TARGETARCH", [(2, "error")]),
        ("FROM a\nONBUILD ARG TARGETARCH\nONBUILD RUN echo $TARGETARCH", []),
        ("FROM a\nENV TARGETARCH=$TARGETARCH\nONBUILD RUN echo $TARGETARCH", [(2, "error")]),
        ("FROM a\nARG TARGETARCH\nFROM b\nRUN echo $TARGETARCH", [(4, "error")]),
        ("FROM a AS b\nARG TARGETARCH\nFROM b\nRUN echo $TARGETARCH", []),
        ("FROM a\nRUN echo $TARGETARCH $TARGETARCH\nRUN echo $TARGETARCH", [(2, "error")]),
        ("FROM --platform=$BUILDPLATFORM a\nRUN xx-go build", [(2, "error")]),
        ("FROM --platform=$BUILDPLATFORM a\nRUN xx-info env", []),
        ("FROM --platform=$BUILDPLATFORM a\nARG TARGETPLATFORM\nRUN xx-apk add x", []),
        ("FROM a\nRUN xx-go build", []),
    ],
)
def test_arguments_that_a_stage_does_not_declare(text: str, expected: list[tuple[int, str]]) -> None:
    """What is read where nothing is declared is empty: by instructions, scripts, heredocs and helpers."""
    assert lines("platform-arg-undeclared", text) == expected


@pytest.mark.parametrize(
    ("text", "above", "undeclared"),
    [
        ("ARG TARGETARCH\nFROM a\nRUN echo $TARGETARCH", [(1, "error")], [(3, "error")]),
        ("ARG TARGETARCH\nFROM a\nARG TARGETARCH\nRUN echo $TARGETARCH", [(1, "error")], []),
        ("ARG A=b TARGETARCH\nFROM a-$TARGETARCH", [(1, "error")], []),
        ("ARG BUILDPLATFORM\nFROM --platform=$BUILDPLATFORM a", [(1, "warning")], []),
        ("ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM a-$TARGETARCH", [], []),
        ("ARG GO_VERSION\nFROM a:$GO_VERSION", [], []),
    ],
)
def test_arguments_declared_above_from(
    text: str, above: list[tuple[int, str]], undeclared: list[tuple[int, str]]
) -> None:
    """They are empty there for FROM lines and for stages, and mending takes them away."""
    assert lines("platform-arg-above-from", text) == above
    assert lines("platform-arg-undeclared", text) == undeclared
    mended = fix("Dockerfile", text)[0].get("Dockerfile", text)
    assert lines("platform-arg-above-from", mended) == lines("platform-arg-undeclared", mended) == []


def test_what_is_handed_on_is_mended_where_it_stands() -> None:
    """ONBUILD stays, and the default behind it goes; what it declares is not declared in its own stage."""
    text = "FROM a:1\nONBUILD ARG TARGETARCH=amd64\nRUN echo $TARGETARCH\n"
    mended = fix("Dockerfile", text)[0]["Dockerfile"]
    assert mended == "FROM a:1\nONBUILD ARG TARGETARCH\nARG TARGETARCH\nRUN echo $TARGETARCH\n"


TARGET = "ARG TARGETOS TARGETARCH"


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        (["RUN go build"], [(2, "error")]),
        (["RUN go install ./..."], [(2, "error")]),
        (["RUN GOOS=linux go build"], [(2, "error")]),
        (["RUN apk add git && \\", "  /usr/local/go/bin/go build"], [(3, "error")]),
        (["RUN <<EOF", "set -e", "go build", "EOF"], [(4, "error")]),
        (["RUN X=$(go build)"], [(2, "error")]),
        (['RUN ["go", "build"]'], [(2, "error")]),
        (['RUN ["sh", "-c", "go build"]'], [(2, "error")]),
        (['RUN ["/bin/bash", "-euc", "cd x && go build"]'], [(2, "error")]),
        (["RUN true && bash -c 'cd x && go build'"], [(2, "error")]),
        (["RUN sh -eux <<'EOF'", "go build", "EOF"], [(3, "error")]),
        (["RUN sh -c 'cat >/x' <<'EOF'", "go build", "EOF"], []),
        (["RUN cat >/x <<'EOF'", "go build", "EOF"], []),
        ([TARGET, 'RUN bash -c "GOARCH=$TARGETARCH go build"'], []),
        ([TARGET, "RUN GOARCH=${TARGETARCH:?is not set} go build"], []),
        (["RUN X=${Y:-a b} go build"], [(2, "error")]),
        ([TARGET, 'RUN ["sh", "-c", "GOARCH=$TARGETARCH go build"]'], []),
        ([TARGET, "RUN GOARCH=$TARGETARCH go build"], []),
        ([TARGET, "RUN env GOARCH=$TARGETARCH go build"], []),
        ([TARGET, "RUN export GOARCH=$TARGETARCH && go build"], []),
        ([TARGET, "RUN go env -w GOARCH=$TARGETARCH && go build"], []),
        ([TARGET, "ENV GOARCH=$TARGETARCH", "RUN go build"], []),
        ([TARGET, "RUN GOARCH=$TARGETARCH true && go build"], []),
        (["RUN go install example.com/tool@v1"], []),
        (["RUN go build -ldflags '-X main.by=a@b'"], [(2, "error")]),
        (["RUN go install -ldflags=-X=main.by=a@b ./cmd/app"], [(2, "error")]),
        (["RUN go run ./gen", "RUN go test ./...", "RUN go generate"], []),
        (["RUN make build"], [(2, "warning")]),
        (["RUN make"], [(2, "warning")]),
        (["RUN make deps", "RUN make -C x linux-build"], [(3, "warning")]),
        (["RUN make generate lint test"], []),
        (["RUN make build", "RUN go build"], [(3, "error")]),
        ([TARGET, "RUN make build"], []),
        (["RUN goreleaser build --single-target"], [(2, "warning")]),
        (["RUN goreleaser build"], []),
        (["RUN GOARCH=$(cat arch) make build"], []),
        (["RUN CGO_ENABLED=0 go -C cmd build"], [(2, "error")]),
        (["RUN nice -n 5 go build"], [(2, "error")]),
        (["RUN env -i X=y go build"], [(2, "error")]),
        (["RUN ls cmd | xargs -I{} go build ./cmd/{}"], [(2, "error")]),
        (["RUN find cmd -exec go build {} ';'"], [(2, "error")]),
        (["RUN garble -tiny build"], [(2, "error")]),
        ([TARGET, "RUN go env -w GOARCH=$TARGETARCH", "RUN go build"], []),
        (["ARG GOARCH", "RUN go build"], []),
        (["RUN echo go build"], []),
        (['SHELL ["powershell"]', "RUN go build"], []),
        (["ARG TARGETPLATFORM", "RUN xx-go build"], []),
        (["ARG TARGETPLATFORM", "RUN xx-go --wrap", "RUN go build"], []),
        (["RUN go build", "ARG TARGETPLATFORM", "RUN xx-go --wrap"], [(2, "error")]),
    ],
)
def test_a_build_that_ignores_its_platform(instructions: list[str], expected: list[tuple[int, str]]) -> None:
    """On the builder's platform, and with no word of the target's."""
    assert lines("target-ignored", stage(*instructions)) == expected


@pytest.mark.parametrize(
    ("platforms", "expected"), [("", [(2, "error")]), ("linux/arm64", [(2, "error")]), ("linux/amd64", [])]
)
def test_a_build_on_one_platform_must_not_ignore_the_target(
    platforms: str, expected: list[tuple[int, str]]
) -> None:
    """Whoever pins the stage that compiles to one architecture gets a program for that one everywhere."""
    around = {"platforms": parse_many([platforms])} if platforms else {}
    pinned = "FROM --platform=linux/amd64 golang:1 AS build"
    assert lines("target-ignored", stage("RUN go build", base=pinned), **around) == expected
    assert (
        lines("target-ignored", stage(TARGET, "RUN GOARCH=$TARGETARCH go build", base=pinned), **around) == []
    )


@pytest.mark.parametrize(
    ("install", "copy", "expected"),
    [
        ("go install e.com/x/cmd/dlv@v1", "COPY --from=build /go/bin/dlv /", [(2, "error")]),
        ("go install e.com/tool/v2@latest", "COPY --from=0 /go/bin/tool /usr/bin/", [(2, "error")]),
        ("GOBIN=/b CGO_ENABLED=0 go install e.com/x@v1", 'COPY --from=BUILD ["/b/x", "/"]', [(2, "error")]),
        ("go install e.com/x@v1", "COPY --from=build /go/bin/ /bin/", [(2, "error")]),
        ("go install e.com/x@v1", "COPY --from=build /app /x", []),
        ("go install e.com/x@v1", "COPY --from=other:1 /go/bin/x /", []),
        ("GOARCH=$TARGETARCH go install e.com/x@v1", "COPY --from=build /go/bin/x /", []),
        ("xx-go install e.com/x@v1", "COPY --from=build /go/bin/x /", []),
    ],
)
def test_a_tool_that_the_image_takes_is_for_its_platform(
    install: str, copy: str, expected: list[tuple[int, str]]
) -> None:
    """A debugger beside the program; a generator that only the build runs may be the builder's."""
    head = "FROM --platform=$BUILDPLATFORM golang:1 AS build"
    assert lines("target-ignored", f"{head}\nRUN {install}\nFROM a:1\n{copy}") == expected
    assert lines("target-ignored", f"FROM golang:1 AS build\nRUN {install}\nFROM a:1\n{copy}") == []
    stood_on = f"{head}\nRUN {install}\nFROM build AS next\nFROM a:1\n{copy.replace('=build', '=next')}"
    if "--from=build" in copy:
        assert lines("target-ignored", stood_on) == expected


def test_a_build_off_the_builders_platform_may_ignore_the_target() -> None:
    """There the target is the machine's own; and what the image does not take is nobody's business."""
    assert lines("target-ignored", stage("RUN go build", base="FROM golang:1 AS build")) == []
    assert lines("target-ignored", "FROM --platform=$BUILDPLATFORM a\nRUN go build\nFROM b\nCOPY x /x") == []


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        (["RUN GOARCH=amd64 go build"], [(2, "error")]),
        (["RUN export GOARCH='arm64'; go build"], [(2, "error")]),
        (["RUN env GOARCH=amd64 go build"], [(2, "error")]),
        (["ENV GOOS=linux GOARCH=amd64", "RUN go build"], [(2, "error")]),
        (["ARG GOARCH=amd64", "RUN go build"], [(2, "error")]),
        (["ARG ARCH=amd64", "RUN GOARCH=$ARCH go build"], [(3, "error")]),
        (["ARG BUILDARCH", "RUN GOARCH=$BUILDARCH go build"], [(3, "error")]),
        (["RUN \\", "  go env -w GOARCH=amd64 && go build"], [(3, "error")]),
        ([TARGET, "RUN echo $TARGETARCH && GOARCH=amd64 go build"], [(3, "error")]),
        ([TARGET, "RUN case $TARGETARCH in arm) x;; esac; GOARCH=arm64 go build"], [(3, "error")]),
        ([TARGET, "RUN case $TARGETARCH in arm) GOARCH=arm go build;; *) go build;; esac"], []),
        ([TARGET, "RUN if [ $TARGETARCH = arm ]; then export GOARCH=arm; fi; go build"], []),
        ([TARGET, "RUN [ $TARGETARCH = arm ] && GOARCH=arm go build"], []),
        (["RUN GOARCH=amd64 go build -o a && GOARCH=arm64 go build -o b"], []),
        (["RUN for a in amd64 arm64; do GOARCH=$a go build; done"], []),
        (["ARG GOARCH", "RUN go build"], [(2, "warning")]),
        (["ARG ARCH", "RUN GOARCH=$ARCH go build"], [(3, "warning")]),
        (["ARG ARCH", "RUN ARCH=${ARCH:-$(cat arch)}; GOARCH=$ARCH go build"], []),
        (["ARG GOARCH=amd64", "RUN GOARCH=$GOARCH go build"], [(3, "error")]),
        (["RUN GOARCH=${GOARCH:-amd64} go build"], [(2, "error")]),
        (["RUN GOARCH=${ARCH:-amd64} go build"], [(2, "error")]),
        (["RUN for ARCH in a b; do GOARCH=${ARCH:-amd64} go build; done"], []),
        (["RUN read ARCH <x; GOARCH=${ARCH:-amd64} go build"], []),
        (["RUN export ARCH=$(cat x); GOARCH=${ARCH:-amd64} go build"], []),
        ([TARGET, "RUN GOARCH=${TARGETARCH:-amd64} go build"], []),
        (["RUN go env -w GOARCH=amd64", "RUN go build"], [(2, "error")]),
        (["RUN go env -w GOARCH=amd64", TARGET, "RUN GOARCH=$TARGETARCH go build"], []),
        (["RUN GOARCH=amd64 make build"], [(2, "warning")]),
        (["RUN make GOARCH=amd64"], [(2, "warning")]),
        (["ENV GOARCH=amd64", "RUN mage"], [(2, "warning")]),
        (["RUN make GOARCH=amd64 && make GOARCH=arm64"], []),
        ([TARGET, "RUN make GOARCH=$TARGETARCH"], []),
        ([TARGET, "RUN ARCH=$TARGETARCH; GOARCH=$ARCH go build"], []),
        (["RUN GOARCH=$(dpkg --print-architecture) go build"], [(2, "error")]),
        (['RUN export GOARCH="$(go env GOARCH)" && go build'], [(2, "error")]),
        (["RUN GOARCH=`uname -m | sed s/x/y/` go build"], [(2, "error")]),
        (["RUN GOARCH=$(cat arch) go build"], []),
        (["RUN GOARCH=amd64 true; GOARCH=$TARGETARCH go build"], []),
    ],
)
def test_goarch_by_hand(instructions: list[str], expected: list[tuple[int, str]]) -> None:
    """One architecture for every platform; several, or one that a condition chooses, are meant."""
    assert lines("goarch-by-hand", stage(*instructions)) == expected


def test_what_is_passed_is_one_architecture_for_all() -> None:
    """An argument that the build passes counts as its default would; elsewhere none is well."""
    text = stage("ARG GOARCH", "RUN go build")
    assert lines("goarch-by-hand", text, build_args={"GOARCH": "arm64"}) == [(2, "error")]
    text = stage("ARG GOARCH", "RUN go build", base="FROM golang:1 AS build")
    assert lines("goarch-by-hand", text) == []


@pytest.mark.parametrize(
    ("instructions", "mended"),
    [
        (["RUN go env -w GOARCH=amd64", "RUN go build"], "RUN go env -w GOARCH=${TARGETARCH}"),
        (["ARG GOARCH=amd64", "RUN GOARCH=$GOARCH go build"], "RUN GOARCH=${TARGETARCH} go build"),
        (["RUN nice go build"], "RUN GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} nice go build"),
        (["RUN make GOARCH=amd64"], "RUN make GOARCH=${TARGETARCH}"),
        (["RUN env -i go build"], "RUN env -i GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build"),
        (
            ["RUN <<-EOF", "\t\tCGO_ENABLED=0 go build", "\tEOF"],
            "\t\tCGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} go build",
        ),
        (["RUN <<-EOF", "\tGOARCH=amd64 go build", "EOF"], "\tGOARCH=${TARGETARCH} go build"),
    ],
)
def test_a_build_is_mended_where_its_platform_is_set(instructions: list[str], mended: str) -> None:
    """In the script that sets it, which may be another than the build's; in front of a launcher."""
    (first, *_) = [one for one in found(stage(*instructions)) if one.severity.value != "notice"]
    assert first.mended == mended


def test_what_a_stage_writes_for_go_counts_for_those_that_stand_on_it() -> None:
    """`go env -w` stays in the file system."""
    head = "FROM --platform=$BUILDPLATFORM golang:1 AS base\nARG TARGETARCH\nRUN go env -w GOARCH="
    rest = "\nFROM base AS build\nRUN go build\nFROM scratch\nCOPY --from=build /app /app\n"
    assert lines("target-ignored", f"{head}$TARGETARCH{rest}") == []
    assert lines("goarch-by-hand", f"{head}arm64{rest}") == [(3, "error")]


def test_a_machine_that_is_the_target_s_may_be_asked() -> None:
    """Off the builder's platform it says the right one; and mending the one mistake makes no other."""
    text = stage("RUN CGO_ENABLED=0 GOARCH=$(go env GOARCH) go build -o /app", base="FROM golang:1 AS build")
    assert lines("goarch-by-hand", text) == []
    mended = fix("Dockerfile", text)[0]["Dockerfile"]
    assert "FROM --platform=$BUILDPLATFORM golang:1 AS build" in mended
    assert "GOARCH=${TARGETARCH}" in mended
    pinned = stage(
        "RUN GOARCH=$(go env GOARCH) go build", base="FROM --platform=linux/amd64 golang:1 AS build"
    )
    assert lines("goarch-by-hand", pinned) == [(2, "error")]
    assert lines("goarch-by-hand", pinned, platforms=parse_many(["linux/amd64"])) == []


def test_stages_of_one_architecture_each_are_meant() -> None:
    """A stage that FROM chooses by a variable may name its architecture in every way."""
    text = (
        "FROM --platform=linux/amd64 golang:1 AS build-amd64\nRUN GOARCH=amd64 go build\n"
        "FROM arm64v8/golang:1 AS build-arm64\nADD https://e.com/x-arm64 /x\nRUN GOARCH=arm64 go build\n"
        "FROM build-${TARGETARCH} AS build\nFROM alpine:3\nCOPY --from=build /a /a\nUSER 1\n"
    )
    assert {one.code for one in found(text)} <= {"no-cache-mount"}


@pytest.mark.parametrize(
    ("platforms", "severity"),
    [("", "notice"), ("linux/amd64,linux/arm64", ""), ("linux/amd64,windows/amd64", "error")],
)
def test_goos_by_hand(platforms: str, severity: str) -> None:
    """As bad as the platforms that are built make it."""
    text = stage(TARGET, "RUN GOOS=linux GOARCH=$TARGETARCH go build")
    given = parse_many([platforms]) if platforms else ()
    assert lines("goos-by-hand", text, platforms=given) == ([(3, severity)] if severity else [])


@pytest.mark.parametrize(
    ("platforms", "build", "severity"),
    [
        ("", "GOARCH=$TARGETARCH go build", "warning"),
        ("linux/amd64,linux/arm64", "GOARCH=$TARGETARCH go build", ""),
        ("linux/arm/v7", "GOARCH=$TARGETARCH go build", "notice"),
        ("linux/arm/v6,linux/arm/v7", "GOARCH=${TARGETARCH} go build", "error"),
        ("linux/arm/v6", "GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} go build", ""),
        ("linux/arm/v6", "GOARCH=$TARGETARCH GOARM=6 go build", ""),
        ("linux/arm/v6", "GOARCH=$TARGETARCH GOARM=7 go build", "error"),
        ("linux/arm/v7", "GOARCH=$TARGETARCH GOARM=7 go build", ""),
        ("linux/arm/v6", "case $TARGETVARIANT in v6) export GOARM=6;; esac; GOARCH=$TARGETARCH go build", ""),
        ("linux/arm/v6", "GOARCH=amd64 go build", ""),
    ],
)
def test_arm_without_its_variant(platforms: str, build: str, severity: str) -> None:
    """Go takes v7 where nothing is said, which v5 and v6 cannot run."""
    text = stage("ARG TARGETOS TARGETARCH TARGETVARIANT", f"RUN {build}")
    given = parse_many([platforms]) if platforms else ()
    assert lines("arm-without-variant", text, platforms=given) == ([(3, severity)] if severity else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (stage("RUN go build", base="FROM golang:1 AS build"), [(1, "warning")]),
        (stage("RUN go build", base="FROM --platform=$TARGETPLATFORM golang:1 AS build"), [(1, "warning")]),
        (stage("RUN go build", base="FROM --platform=${BUILDPLATFORM} golang:1 AS build"), []),
        (stage("RUN CGO_ENABLED=1 go build", base="FROM golang:1 AS build"), []),
        (stage("RUN make", base="FROM golang:1 AS build"), []),
        (
            "FROM golang:1 AS base\nFROM base AS build\nRUN go build\nFROM a:1\nCOPY --from=1 /a /a",
            [(1, "warning")],
        ),
        ("FROM golang:1\nRUN go build", [(1, "warning")]),
        ("FROM golang:1\nRUN go build\nFROM a:1\nCOPY x /x", []),
    ],
)
def test_compilers_under_emulation(text: str, expected: list[tuple[int, str]]) -> None:
    """Go runs on the target's platform: by no --platform, by the wrong one, or by the stage below."""
    assert lines("build-emulated", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM --platform=$BUILDPLATFORM a:1", [("final-on-build-platform", 1, "error")]),
        ("FROM --platform=${BUILDPLATFORM} a:1 AS b\nFROM b", [("final-on-build-platform", 1, "error")]),
        ("FROM --platform=linux/amd64 a:1", [("platform-pinned", 1, "error")]),
        ("ARG P=linux/amd64\nFROM --platform=$P a:1", [("platform-pinned", 2, "error")]),
        (
            "FROM --platform=linux/amd64 a:1 AS b\nFROM c:1\nCOPY --from=b /x /x",
            [("platform-pinned", 1, "warning")],
        ),
        ("FROM --platform=linux/amd64 a:1 AS b\nFROM c:1\nCOPY x /x", []),
        ("FROM --platform=$TARGETPLATFORM a:1", []),
        (
            "ARG BUILDPLATFORM=x\nFROM --platform=$BUILDPLATFORM a:1 AS b\nFROM c:1\nCOPY --from=b / /",
            [],
        ),
        ("FROM amd64/a:1", [("base-of-one-architecture", 1, "error")]),
        ("FROM docker.io/arm32v7/a:1", [("base-of-one-architecture", 1, "error")]),
        (
            "FROM a:1-arm64v8 AS b\nFROM c:1\nCOPY --from=b /x /x",
            [("base-of-one-architecture", 1, "warning")],
        ),
        ("FROM quay.io/x/y-s390x:2", [("base-of-one-architecture", 1, "error")]),
        ("FROM a/armory:amd64ish", []),
        ("FROM $TARGETARCH/a:1", []),
        ("FROM a:1@sha256:00", [("base-digest", 1, "notice")]),
        ("FROM amd64/a:1 AS amd64\nFROM $TARGETARCH", []),
    ],
)
def test_bases(text: str, expected: list[tuple[str, int, str]]) -> None:
    """The builder's platform, one platform, one architecture, and what only a registry could tell."""
    codes = {"final-on-build-platform", "platform-pinned", "base-of-one-architecture", "base-digest"}
    assert [(one.code, one.line, one.severity.value) for one in found(text) if one.code in codes] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a:1\nRUN curl -LO https://e.com/x-linux-amd64.tgz", [(2, "error")]),
        ("FROM a:1\nRUN wget -q \\\n  https://e.com/x_x86_64.tgz", [(3, "error")]),
        ("FROM a:1\nADD https://e.com/aarch64/x /x", [(2, "error")]),
        ("FROM a:1\nADD https://e.com/x-${TARGETARCH} /x", []),
        ("FROM a:1\nARG A=arm64\nRUN curl https://e.com/x-$A", [(3, "error")]),
        ("FROM a:1\nARG TARGETARCH\nRUN curl https://e.com/x-$TARGETARCH", []),
        ("FROM a:1\nRUN curl https://e.com/x-$(uname -m)", []),
        ("FROM a:1\nARG U=https://e.com/x-arm64\nRUN curl -o /x $U", [(3, "error")]),
        ("FROM a:1\nARG U=https://e.com/x-arm64\nADD $U /x", [(3, "error")]),
        ("FROM a:1\nRUN ARCH=amd64 && curl https://e.com/x-${ARCH}", [(2, "error")]),
        ('FROM a:1\nRUN export U=https://e.com/x-amd64; wget "$U"', [(2, "error")]),
        ("FROM a:1\nRUN A=amd64; [ $(uname -m) = aarch64 ] && A=arm64; wget https://e.com/x-$A", []),
        ("FROM a:1\nRUN A=amd64; read A; wget https://e.com/x-$A", []),
        ("FROM a:1\nARG TARGETARCH\nRUN curl https://e.com/${TARGETARCH:-amd64}/x", []),
        ("FROM a:1\nARG TARGETARCH\nRUN curl https://e.com/${TARGETARCH/amd64/x86_64}/x", []),
        ("FROM a:1\nRUN curl https://e.com/$(uname -m | sed s/aarch64/arm64/)/x", []),
        ("FROM a:1\nRUN wget https://e.com/x-amd64 https://e.com/x-arm64", []),
        ("FROM a:1\nRUN wget https://e.com/x-amd64 https://e.com/y-x86_64", [(2, "error"), (2, "error")]),
        ("FROM a:1\nRUN case $(uname -m) in x86_64) curl https://e.com/x-amd64;; esac", []),
        ("FROM a:1\nRUN curl https://amd64.e.com/x", []),
        ("FROM a:1\nRUN curl https://e.com/armada/x-1386.tgz", []),
        ("FROM a:1 AS b\nRUN curl https://e.com/x-amd64\nFROM c:1\nCOPY --from=b /x /x", [(2, "warning")]),
        ("FROM a:1 AS b\nRUN curl https://e.com/x-amd64\nFROM c:1\nCOPY x /x", []),
    ],
)
def test_downloads(text: str, expected: list[tuple[int, str]]) -> None:
    """One architecture's file for every platform, unless the URL or a condition follows it."""
    assert lines("download-of-one-architecture", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a:1\nCOPY build/linux-amd64/app /app", [(2, "error")]),
        ('FROM a:1\nCOPY ["bin/app_linux_arm64", "/app"]', [(2, "error")]),
        ("FROM a:1\nARG A=x86_64\nADD dist/app-$A.tar.gz /", [(3, "error")]),
        ("FROM a:1\nCOPY \\\n  --chmod=755 \\\n  bin/app-amd64 /app", [(4, "error")]),
        ("FROM b:1 AS b\nFROM a:1\nCOPY --from=b /go/bin/linux_arm64/app /app", [(3, "error")]),
        ("FROM b:1 AS b\nCOPY tool-amd64 /t\nFROM a:1\nCOPY --from=b /app /app", [(2, "warning")]),
        ("FROM b:1 AS b\nCOPY tool-amd64 /t\nFROM a:1\nCOPY x /x", []),
        ("FROM a:1\nCOPY bin/app-amd64 bin/app-arm64 /stock/", []),
        ("FROM a:1\nCOPY bin/app-$TARGETARCH /app-amd64", []),
        ("FROM a:1\nCOPY docs/camd64.md /x", []),
        ("FROM a:1\nARG TARGETARCH\nCOPY bin/${TARGETARCH:-amd64} /x", []),
        ("FROM a:1\nARG TARGETARCH\nCOPY bin/${TARGETARCH/amd64/x86_64} /x", []),
        ("FROM a:1\nADD https://e.com/x-amd64 /x", []),
        ("FROM a AS x-amd64\nCOPY amd64/a /a\nFROM a AS x-arm64\nCOPY arm64/a /a\nFROM x-$TARGETARCH", []),
    ],
)  # fmt: skip
def test_copies(text: str, expected: list[tuple[int, str]]) -> None:
    """What was compiled for one architecture, outside or in a stage, and goes into the image of each."""
    assert lines("copy-of-one-architecture", text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY --from=e.com/tool:1-amd64 /t /t", [(2, "warning")]),
        ("COPY --from=arm64v8/busybox:1 /t /t", [(2, "warning")]),
        ("RUN --mount=from=e.com/tool:1-amd64,target=/t /t/t", [(2, "warning")]),
        ("COPY --from=e.com/tool:1-$TARGETARCH /t /t", []),
        ("COPY --from=e.com/tool:1 /t-amd64 /t", []),
        ("COPY --from=a /t /t", []),
    ],
)
def test_images_that_files_are_taken_from(line: str, expected: list[tuple[int, str]]) -> None:
    """They are as much of the image as its base, though what is taken may be the same for all."""
    assert lines("base-of-one-architecture", f"FROM a:1\n{line}") == expected
    one = parse_many(["linux/amd64"])
    if "amd64 " in line and expected:
        assert lines("base-of-one-architecture", f"FROM a:1\n{line}", platforms=one) == [(2, "notice")]


def test_a_digest_that_files_are_taken_from_is_asked_about() -> None:
    """Only where a registry has said that it is one platform's: most are an index's."""
    image = f"e.com/tool@sha256:{'0' * 64}"
    text = f"FROM a:1\nCOPY --from={image} /t /t\n"
    assert pinned_bases(text, Surroundings()) == [image]
    for single, expected in (({}, []), ({image: False}, []), ({image: True}, [(2, "warning")])):
        assert lines("base-digest-of-one-platform", text, single=single) == expected
        assert lines("base-digest", text, single=single) == []


def test_a_copy_for_the_one_architecture_that_is_built_stops_nothing() -> None:
    """As with a base of one architecture, and a download."""
    text = "FROM a:1\nCOPY bin/app-amd64 /app"
    one = parse_many(["linux/amd64"])
    assert lines("copy-of-one-architecture", text, platforms=one) == [(2, "notice")]


DOWNLOAD = "RUN go mod download"
BUILD = "RUN GOARCH=$TARGETARCH go build"


@pytest.mark.parametrize(
    ("instructions", "apart", "before"),
    [
        (["COPY . .", TARGET, BUILD], [2], []),
        (["COPY go.mod main.go ./", BUILD], [2], []),
        (["COPY go.mod go.sum ./", DOWNLOAD, "COPY . .", BUILD], [], []),
        (["COPY go.* ./", DOWNLOAD, "COPY . .", BUILD], [], []),
        (["COPY go.mod go.sum ./", "COPY . .", DOWNLOAD, BUILD], [], [3]),
        (["ADD . /src", "RUN cd /src && go mod download", BUILD], [], [2]),
        (["COPY api/ api/", DOWNLOAD, "COPY . .", BUILD], [], []),
        (["COPY . .", "RUN --mount=type=cache,target=/go/pkg/mod go build"], [], []),
        (["RUN --mount=type=bind,target=. go build"], [], []),
        (["COPY . .", "RUN go build -mod=vendor"], [], []),
        (["COPY vendor vendor", "COPY . .", BUILD], [], []),
        (["COPY --from=deps /go /go", BUILD], [], []),
        (["COPY . .", "RUN go test ./..."], [], []),
    ],
)
def test_modules(instructions: list[str], apart: list[int], before: list[int]) -> None:
    """Modules in a layer above the sources, or in a cache."""
    text = stage(*instructions)
    assert lines("modules-not-apart", text) == [(line, "warning") for line in apart]
    assert lines("sources-before-modules", text) == [(line, "warning") for line in before]


def test_a_program_without_modules_downloads_none() -> None:
    """Where go.mod is known and requires nothing, there is nothing to keep apart."""
    text = stage("COPY . .", BUILD)
    assert lines("modules-not-apart", text, go_mod="module x\n\ngo 1.24\n") == []
    assert lines("modules-not-apart", text, go_mod="module x\n\nrequire y v1\n") == [(2, "warning")]


@pytest.mark.parametrize(
    ("go_mod", "lines_", "is_mended"),
    [
        (None, [], True),
        ("require y v1\nreplace y => z.com/y v2\n", [], True),
        ("require y v1\nreplace y v1 => ./libs/y // ours\n", ["COPY libs/y/go.mod libs/y/"], False),
        ("require y v1\nreplace (\n\ty => ../y\n)\n", [], False),
        ("", [], False),
    ],
)
@pytest.mark.parametrize(
    "instructions",
    [["COPY . .", f"{BUILD} -o /app"], ["COPY . .", DOWNLOAD, f"{BUILD} -o /app"]],
    ids=["apart", "before"],
)
def test_modules_are_put_apart_where_that_is_known_to_build(
    instructions: list[str], go_mod: str | None, lines_: list[str], *, is_mended: bool
) -> None:
    """Folders that stand for modules, or a go.mod elsewhere, are told and left to a person."""
    text = stage(TARGET, *instructions)
    around = Surroundings(go_mod=go_mod)
    codes = {"modules-not-apart", "sources-before-modules"}
    (one,) = [one for one in lint("Dockerfile", text, around).findings if one.code in codes]
    mended = [line for line in one.mended.splitlines() if line.startswith("COPY") and line != "COPY . ."]
    assert mended == ["COPY go.mod go.sum* ./", *lines_]
    assert ("COPY go.mod" in fix("Dockerfile", text, around)[0]["Dockerfile"]) is is_mended


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("go-build-all", stage("RUN go build -a -o x"), [(2, "error")]),
        ("go-build-all", stage("RUN go build -o -a-b"), []),
        ("go-build-all", stage("RUN tar -a x && go build"), []),
        ("no-cache-mount", stage("RUN go build"), [(2, "notice")]),
        ("no-cache-mount", stage("RUN --mount=type=cache,target=/root/.cache go build"), []),
        ("no-cache-mount", stage("RUN --mount=type=bind,target=/x go build && go build"), [(2, "notice")]),
        ("cgo-for-static-base", stage("RUN go build"), [(2, "warning")]),
        ("cgo-for-static-base", stage("RUN CGO_ENABLED=1 go build"), [(2, "error")]),
        ("cgo-for-static-base", stage("RUN CGO_ENABLED=0 go build"), []),
        ("cgo-for-static-base", stage("ENV CGO_ENABLED=0", "RUN go build"), []),
        ("cgo-for-static-base", stage("ARG CGO_ENABLED=0", "RUN go build"), []),
        ("cgo-for-static-base", stage("RUN export CGO_ENABLED=0; go build"), []),
        ("cgo-for-static-base", stage("RUN CGO_ENABLED=1 go build -ldflags '-extldflags -static'"), []),
        ("cgo-for-static-base", stage("RUN go build", base="FROM golang:alpine AS build"), [(2, "warning")]),
        ("cgo-for-static-base", "FROM golang:1 AS b\nRUN go build\nFROM alpine:3\nCOPY --from=b /a /a", []),
        (
            "cgo-for-static-base",
            "FROM golang:1 AS b\nRUN go build\nFROM gcr.io/distroless/static:1\nCOPY --from=b /a /a",
            [(2, "warning")],
        ),
        ("secret-in-arg", "FROM a\nARG NPM_TOKEN", [(2, "warning")]),
        ("secret-in-arg", "FROM a\nARG DB_PASSWORD=hunter2", [(2, "error")]),
        ("secret-in-arg", "ARG API_KEY\nFROM a", [(1, "warning")]),
        ("secret-in-arg", "FROM a\nARG TOKEN_FILE=/x PUBLIC_KEY SECRET_NAME TOKEN= KEYBOARD AUTHOR", []),
        ("secret-in-env", "FROM a\nENV AWS_SECRET_ACCESS_KEY=abc", [(2, "error")]),
        ("secret-in-env", "FROM a\nARG T\nENV TOKEN=$T", [(3, "error")]),
        ("secret-in-env", "FROM a\nENV PASSWORD=/run/secrets/p", []),
        ("secret-in-env", f"FROM a\nENV GPG_KEY {'A0b1' * 10}", []),
        ("secret-in-env", f"FROM a\nENV GPG_KEY={'x' * 40} API_KEY={'A' * 40}", [(2, "error"), (2, "error")]),
        ("secret-in-env", "FROM a\nONBUILD ENV PASSWORD=x", [(2, "error")]),
        ("secret-in-env", "FROM a\nENV POSTGRES_HOST_AUTH_METHOD=trust TOKEN_EXPIRES=30m AUTH_SOCK=$S", []),
        ("secret-in-env", "FROM a\nENV TOKEN_EXPIRE_MINUTES=30 SECRET_STORE=vault REQUIRE_AUTH=true", []),
        ("secret-in-env", "FROM a\nENV AUTH_METHOD_SECRET=x", [(2, "error")]),
        ("secret-in-env", "FROM a\nENV PROXY=http://user:pass@e.com X=http://e.com:80/a@b", [(2, "error")]),
        ("secret-in-env", f"FROM a\nENV X=ghp_{'a' * 36}", [(2, "error")]),
        ("secret-in-env", "FROM a AS b\nENV TOKEN=x\nFROM b", [(2, "error")]),
        ("latest-tag", "FROM alpine", [(1, "warning")]),
        ("latest-tag", "FROM localhost:5000/alpine:latest", [(1, "warning")]),
        ("latest-tag", "FROM localhost:5000/alpine", [(1, "warning")]),
        ("latest-tag", "ARG T=latest\nFROM alpine:$T", [(2, "warning")]),
        ("latest-tag", "FROM a:1\nCOPY --from=b /x /x", [(2, "warning")]),
        ("latest-tag", "FROM a:1\nRUN --mount=from=c,target=/c x", [(2, "warning")]),
        ("latest-tag", "FROM a:1 AS b\nFROM B\nCOPY --from=0 /x /x\nCOPY --from=b /x /x", []),
        ("latest-tag", "FROM scratch\nFROM a@sha256:00\nFROM a:1\nFROM $X\nFROM a:$X", []),
        ("runs-as-root", "FROM alpine:3", [(1, "warning")]),
        ("runs-as-root", "FROM alpine:3\nUSER root", [(2, "warning")]),
        ("runs-as-root", "FROM alpine:3\nUSER 1\nUSER 0:0", [(3, "warning")]),
        ("runs-as-root", "FROM alpine:3\nARG U=0\nUSER $U", [(3, "warning")]),
        ("runs-as-root", "FROM alpine:3\nUSER 65532", []),
        ("runs-as-root", "FROM alpine:3 AS b\nUSER 1\nFROM b", []),
        ("runs-as-root", "FROM alpine:3\nUSER 1\nFROM alpine:3", [(3, "warning")]),
        ("runs-as-root", "FROM gcr.io/distroless/static:nonroot", []),
        ("runs-as-root", "FROM cgr.dev/chainguard/static:1", []),
        ("runs-as-root", "FROM registry.example.com/base:1", []),
        ("syntax", "RUN x", [(1, "error")]),
        ("syntax", "", [(1, "error")]),
        ("syntax", "RUN x\nFROM a", [(1, "error")]),
        ("syntax", "FROM a\nRNU x", [(2, "error")]),
        ("syntax", "FROM a\nRUN <<EOF", [(2, "error")]),
        ("syntax", "# syntax=docker/dockerfile:1\nFROM a\nNEW x", [(3, "error")]),
        ("syntax", "# syntax=example.com/other:1\nFROM a\nNEW x", []),
    ],
)  # fmt: skip
def test_habits(code: str, text: str, expected: list[tuple[int, str]]) -> None:
    """How Go is built, what an image holds and runs as, and what BuildKit would refuse."""
    assert [line for line, _ in lines(code, text)] == [line for line, _ in expected]
    if code != "go-build-all":
        assert lines(code, text) == expected


def test_no_secret_is_shown() -> None:
    """A finding names the variable and never its value."""
    for one in found("FROM a\nENV TOKEN=hunter2 \\\n  PASSWORD=hunter2\nARG API_KEY=hunter2\nUSER 0"):
        assert "hunter2" not in str(one.to_document())


@pytest.mark.parametrize(
    ("copy", "ignore", "codes"),
    [
        ("COPY . .", None, ["dockerignore-dist", "dockerignore-git"]),
        ("COPY . .", "", ["dockerignore-dist", "dockerignore-git"]),
        ("COPY . .", ".git\n", ["dockerignore-dist"]),
        ("ADD ./ /x", "*\n!dist\n", ["dockerignore-dist"]),
        ("RUN --mount=target=. x", ".git\n", ["dockerignore-dist"]),
        ("RUN --mount=type=bind,source=go.mod,target=go.mod x", None, []),
        ("COPY main.go .", None, []),
        ("COPY --from=x . .", None, []),
        ("COPY . .", "dist\n.git\n", []),
    ],
)
def test_the_ignore_file(copy: str, ignore: str | None, codes: list[str]) -> None:
    """Only where the whole context is read does it matter what is left out."""
    text = f"FROM registry.example.com/base:1\n{copy}\n"
    assert sorted(one.code for one in found(text, ignore_text=ignore) if one.code in UNWANTED) == codes


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("goarch-by-hand", stage("RUN GOARCH=arm64 go build")),
        ("platform-pinned", "FROM --platform=linux/arm64 a:1"),
        ("base-of-one-architecture", "FROM arm64v8/a:1"),
        ("download-of-one-architecture", "FROM a:1\nADD https://e.com/x-aarch64 /x"),
        ("platform-arg-default", "FROM a:1\nARG TARGETARCH=arm64"),
        ("target-platform-default", "FROM a:1\nARG TARGETPLATFORM=linux/arm64"),
    ],
)
def test_one_architecture_by_hand_stops_no_build_of_that_one(code: str, text: str) -> None:
    """Where all that is built is of that architecture the image is right; for any other it is an error."""
    ((_, severity),) = lines(code, text, platforms=parse_many(["linux/arm64"]))
    assert severity in ("notice", "warning")
    for platforms in ("linux/amd64", "linux/arm64,linux/amd64"):
        ((_, severity),) = lines(code, text, platforms=parse_many([platforms]))
        assert severity == "error"


@pytest.mark.parametrize(
    "lines",
    [
        "RUN " + "go build && " * 600 + "true\n",
        "RUN GOARCH=amd64 go build\n" * 600,
        "".join(f"ENV A{number}=x\nRUN go build\n" for number in range(600)),
        "RUN case $TARGETARCH in " + "a) GOARCH=arm64 go build;; " * 600 + "esac\n",
    ],
    ids=["one run", "many runs", "many variables", "many choices"],
)
def test_a_file_of_nothing_but_builds_costs_no_more_than_its_first_hundred(lines: str) -> None:
    """What stands first is judged as ever; nobody writes more, and nothing grows with the square of it."""
    start = "FROM --platform=$BUILDPLATFORM golang:1 AS build\nARG TARGETARCH\n"
    text = f"{start}{lines}FROM scratch\nCOPY --from=build /app /app\nUSER 1\n"
    view = View(path="Dockerfile", file=parse(text), around=Surroundings())
    assert len(view.builds) == MOST_BUILDS
    assert "no-cache-mount" in {one.code for one in found(text)}


def test_a_file_of_nothing_but_tools_costs_no_more_than_its_first_hundred() -> None:
    """Each is looked for in what the image copies, and nothing grows with the square of them."""
    head = "FROM --platform=$BUILDPLATFORM golang:1 AS build\n"
    text = head + "RUN go install e.com/x@v1\n" * 600
    assert len(lines("target-ignored", f"{text}FROM a:1\nCOPY --from=build /go/bin/x /\n")) == MOST_BUILDS


def test_every_script_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rules look at it: a file of half a megabyte cost 10 s."""
    seen: list[str] = []

    def counted(text: str, start: int = 0) -> list[Command]:
        seen.append(text[start:])
        return shell.commands(text, start)

    monkeypatch.setattr(scripts, "commands", counted)
    found(stage("RUN go mod download", "RUN sh -c 'xx-go build'", "RUN <<EOF", "go build", "EOF"))
    assert sorted(seen) == ["<<EOF", "go build", "go mod download", "sh -c 'xx-go build'", "xx-go build"]


HANDED_ON = """\
FROM golang:1
ARG TARGETARCH
ONBUILD COPY . .
ONBUILD RUN GOARCH=amd64 go build -a -o /app .
ONBUILD RUN <<EOF
curl -o /x https://e.com/x-arm64
EOF
ONBUILD ADD https://e.com/x-arm64 /x
ONBUILD COPY bin/app-amd64 /app
USER 1
"""


def test_what_an_onbuild_does_is_judged_by_what_it_leaves() -> None:
    """Programs, downloads and copies of one architecture; where it runs and on what is for others to say."""
    assert [(one.line, one.code) for one in found(HANDED_ON)] == [
        (4, "goarch-by-hand"),
        (4, "go-build-all"),
        (4, "no-cache-mount"),
        (6, "download-of-one-architecture"),
        (8, "download-of-one-architecture"),
        (9, "copy-of-one-architecture"),
    ]
    assert all(one.mended.startswith("ONBUILD ") for one in found(HANDED_ON) if one.edit and one.line != 6)
    assert lines("target-ignored", HANDED_ON.replace("GOARCH=amd64 ", "")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nENTRYPOINT /app -v", [(2, "error")]),
        ("FROM scratch\nCMD exec /app $PORT", [(2, "error")]),
        ('FROM scratch\nENTRYPOINT ["/app"]\nCMD -v', []),
        ('FROM scratch\nENTRYPOINT /no\nENTRYPOINT [ "/app" ]', []),
        ("FROM gcr.io/distroless/base-debian12\nENTRYPOINT /app", [(2, "error")]),
        ("FROM gcr.io/distroless/base-debian12:debug\nENTRYPOINT /app", []),
        ("FROM cgr.dev/chainguard/static:1\nENTRYPOINT /app", [(2, "error")]),
        ("FROM cgr.dev/chainguard/wolfi-base:1\nENTRYPOINT /app", []),
        ("FROM alpine:3\nENTRYPOINT /app", []),
        ("FROM scratch\nCOPY --from=busybox:1 /bin/sh /bin/sh\nENTRYPOINT /app", []),
        ("FROM scratch\nADD rootfs.tar.gz /\nENTRYPOINT /app", []),
        ('FROM scratch\nSHELL ["/x/sh", "-c"]\nENTRYPOINT /app', []),
        ("FROM scratch AS a\nENTRYPOINT /app\nFROM a", [(2, "error")]),
        ("FROM scratch AS a\nENTRYPOINT /app\nFROM alpine:3", []),
        ("FROM scratch\nHEALTHCHECK --interval=5s CMD wget -q http://localhost/ || exit 1", [(2, "warning")]),
        ('FROM scratch\nHEALTHCHECK CMD ["/app", "-health"]', []),
        ("FROM scratch\nHEALTHCHECK NONE", []),
        ("FROM scratch\nENTRYPOINT", []),
    ],
)
def test_a_shell_that_the_image_lacks(text: str, expected: list[tuple[int, str]]) -> None:
    """What starts is what counts; whatever may have brought a shell is believed."""
    assert lines("shell-form-without-shell", text) == expected


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("FROM scratch\nENTRYPOINT exec /app -v=1\n", 'ENTRYPOINT ["/app", "-v=1"]'),
        ("FROM scratch\nENTRYPOINT /app $PORT\n", 'ENTRYPOINT ["/app"]'),
        ("FROM scratch\nHEALTHCHECK CMD /app -h\n", 'HEALTHCHECK CMD ["/app"]'),
    ],
)
def test_a_command_is_mended_where_a_shell_would_only_pass_it_on(text: str, mended: str) -> None:
    """With variables in it a person has to say what is meant."""
    (one,) = (one for one in found(text) if one.code == "shell-form-without-shell")
    assert one.mended == mended
    assert bool(one.edit) == ("exec" in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nUSER nobody", [(2, "error")]),
        ("FROM scratch\nUSER 1000:app", [(2, "error")]),
        ("FROM scratch\nUSER root", [(2, "error")]),
        ("FROM scratch\nARG U=app\nUSER $U", [(3, "error")]),
        ("FROM scratch\nARG U\nUSER $U", []),
        ("FROM scratch\nUSER 1000:1000", []),
        ("FROM scratch\nUSER app\nUSER 1000", []),
        ("FROM scratch\nCOPY --from=b /etc/passwd /etc/passwd\nUSER app", []),
        ("FROM scratch\nCOPY --from=b /etc/ /etc/\nUSER app", []),
        ("FROM scratch\nCOPY rootfs/ /\nUSER app", []),
        ("FROM scratch\nCOPY --from=b /app /app\nUSER app", [(3, "error")]),
        ("FROM gcr.io/distroless/static:nonroot\nUSER nonroot", []),
        ("FROM alpine:3\nUSER app", []),
    ],
)
def test_a_user_that_nothing_brings(text: str, expected: list[tuple[int, str]]) -> None:
    """Docker looks names up in the image, which has none where nothing was copied."""
    assert lines("user-unknown", text) == expected


@pytest.mark.parametrize(
    "script",
    [
        "wget https://e.com/$A-amd64 && " * 9000 + "true",
        "xargs " * 9000 + "go build",
        "GOARCH=" + "${A:-x}" * 9000 + " go build && " + "A=b true && " * 9000 + "true",
    ],
    ids=["many downloads", "launchers of launchers", "a value of many defaults"],
)
def test_a_long_line_holds_no_edits(script: str) -> None:
    """Each would hold the whole of the line, gigabytes in all; and no rule goes over it more than once."""
    assert not any(one.edit for one in found(stage(f"RUN {script}")) if one.line == 2)
