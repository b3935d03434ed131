"""Every code that lint can give: what it means, how bad it is, why it matters and how to mend it.

A leaf. `docs/lint.md` is written from it, the settings refuse a policy for a code that is not here, and the
rules of SARIF are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gopherwhale.verify.codes import Code, Severity

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_SAME: Final = "every platform gets the same binary, and all but one of them cannot run it"

_ALL: Final = (
    # The platform arguments of BuildKit.
    ("platform-arg-default", _E, "a platform argument with a default",
     f"the default hides BuildKit's value: {_SAME}", "declare it without a default"),
    ("target-platform-default", _E, "TARGETPLATFORM given a default",
     f"the default hides BuildKit's value: {_SAME}", "declare it without a default"),
    ("platform-arg-undeclared", _E, "a platform argument used in a stage that does not declare it",
     f"it is empty there, and what stands for it is the machine's own: {_SAME}",
     "declare it in the stage, above its use"),
    ("platform-arg-above-from", _E, "a platform argument declared above the first FROM",
     f"BuildKit 0.13 makes it empty for FROM lines and stages, and none needs it there: {_SAME}",
     "remove it: FROM lines know it without, and each stage that uses it declares it"),
    ("target-ignored", _E, "a build off the target's platform that does not say for which one it compiles",
     f"Go compiles for the platform that its stage is on: {_SAME}",
     "set GOOS and GOARCH from TARGETOS and TARGETARCH"),
    ("goarch-by-hand", _E, "GOARCH written by hand", f"it does not follow the platform: {_SAME}",
     "set GOARCH from TARGETARCH"),
    ("goos-by-hand", _N, "GOOS written by hand",
     "it does not follow the platform; a Windows image would hold a program for Linux",
     "set GOOS from TARGETOS"),
    ("arm-without-variant", _W, "a build for arm that does not set GOARM from TARGETVARIANT",
     "Go takes arm v7 for every variant, and the program dies of an illegal instruction on v5 and v6",
     "set GOARM from TARGETVARIANT"),
    # Stages and what they stand on.
    ("build-emulated", _W, "a stage that compiles on the platform that is built for",
     "the compiler runs under emulation for every platform but the builder's: minutes in place of seconds",
     "start the stage with --platform=$BUILDPLATFORM, and let Go cross-compile"),
    ("final-on-build-platform", _E, "the final stage on the builder's platform",
     "every platform gets the base, and all else, of the machine that built it",
     "take --platform off the final stage's FROM"),
    ("platform-pinned", _E, "a stage pinned to one platform",
     "whatever platform is built, the stage has the files of this one",
     "take --platform off, or let it be $BUILDPLATFORM where the stage only compiles"),
    ("base-of-one-architecture", _E, "a base whose name says one architecture",
     "whatever platform is built, the stage has the files of this architecture",
     "name the image of all platforms"),
    ("base-digest", _N, "a base pinned to a digest that may be one architecture's",
     "the digest of one platform's manifest gives every platform that one's files; an index's does not",
     "pin the index's digest, as `docker buildx imagetools inspect` shows it; --online asks the registry"),
    ("base-digest-of-one-platform", _E, "a base pinned to one platform's digest",
     "whatever platform is built, the stage has the files of this one",
     "pin the digest of the index, as `docker buildx imagetools inspect` shows it"),
    ("download-of-one-architecture", _E, "a download with an architecture in its URL",
     "every platform gets the program of this architecture", "write the architecture as ${TARGETARCH}"),
    ("copy-of-one-architecture", _E, "a file copied that has an architecture in its path",
     "every platform gets the program of this architecture", "write the architecture as ${TARGETARCH}"),
    # How Go is built.
    ("modules-not-apart", _W, "modules without a layer of their own",
     "each change of the sources downloads every module again",
     "copy go.mod and go.sum and run `go mod download` above the sources"),
    ("sources-before-modules", _W, "the sources copied before the modules are downloaded",
     "each change of the sources downloads every module again",
     "copy go.mod and go.sum and run `go mod download` above the sources"),
    ("go-build-all", _W, "`go build -a`",
     "every package, those of the standard library too, is compiled again at each build", "leave -a out"),
    ("cgo-for-static-base", _W, "no CGO_ENABLED=0 for a base without a C library",
     "where there is a C compiler the program needs a loader that the image lacks, and does not start",
     "set CGO_ENABLED=0"),
    ("no-cache-mount", _N, "a build without a cache mount",
     "each change compiles every package again", "mount a cache at Go's build cache"),
    # What the image is.
    ("secret-in-arg", _W, "a secret as a build argument",
     "build arguments are kept in the image's history and in its provenance, for everybody to read",
     "mount it: RUN --mount=type=secret"),
    ("secret-in-env", _E, "a secret in the image's environment",
     "everybody who can pull the image can read it",
     "give it when the container starts, or mount it while building: RUN --mount=type=secret"),
    ("latest-tag", _W, "an image by `latest`, or by no tag",
     "tomorrow's build is from another image than today's", "name a version"),
    ("runs-as-root", _W, "an image that runs as root",
     "whoever breaks out of the program is root in the container", "set USER in the final stage"),
    ("shell-form-without-shell", _E, "a command for a shell in an image that has none",
     "the container does not start: `exec: /bin/sh: no such file or directory`",
     'write a list, which needs no shell: ENTRYPOINT ["/app"]'),
    ("user-unknown", _E, "a user by name in an image without /etc/passwd",
     "the container does not start: `unable to find user`", "write numbers, as USER 65532:65532"),
    ("dockerignore-git", _W, "the build's context holds .git",
     "each commit makes the copied sources new, and the history goes into the builder",
     "name .git in .dockerignore"),
    ("dockerignore-dist", _W, "the build's context holds the folder of layouts",
     "each build sends the last one's images to the builder and makes the copied sources new",
     "name the folder in .dockerignore"),
    # The file itself.
    ("syntax", _E, "what BuildKit does not read", "the build fails", "see the Dockerfile reference"),
    ("ignore-without-reason", _W, "an ignore comment without a reason",
     "nobody can tell later whether it still holds, so it has no effect",
     "write the reason behind the code"),
    ("ignore-unknown", _W, "an ignore comment for a code that is not lint's",
     "it has no effect", "see docs/lint.md for the codes"),
    ("ignore-unused", _N, "an ignore comment above nothing that it could be for",
     "it hides the next mistake of its kind", "remove it"),
)  # fmt: skip

CODES: Final[Mapping[str, Code]] = {
    name: Code(name=name, severity=severity, title=title, why=why, remedy=remedy)
    for name, severity, title, why, remedy in _ALL
}
