"""Every code that a finding can have: what it means, how bad it is, why it matters and how to mend it.

A leaf. The settings read it to refuse a policy for a code that does not exist, `docs/findings.md` is written
from it, and SARIF's rules are these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is, the worst first: an error fails the verification."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    ALLOWED = "allowed"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a finding's code stands for.

    Attributes:
        name: Stable between releases.
        severity: Unless a policy says otherwise.
        title: What is wrong, in a few words.
        why: What happens to a user of such an image.
        remedy: How to mend it.
        fixed: Whether no policy may change it: what could not be read could not be judged either.
    """

    name: str
    severity: Severity
    title: str
    why: str
    remedy: str
    fixed: bool = False


MEND_BUILD: Final = (
    "build with GOOS, GOARCH and GOARM from TARGETOS, TARGETARCH and TARGETVARIANT,"
    " declared without defaults in the stage that compiles"
)
_MEND_PROGRAM: Final = "copy the program that the compiler wrote, whole, and name it as the entrypoint"
_MEND_ENTRY: Final = "see ENTRYPOINT, CMD and the COPY of the final stage"
_MEND_BASE: Final = (
    "let the final stage's FROM name an image of several platforms by its tag or its index's digest,"
    " without --platform"
)
_MEND_LIBRARY: Final = (
    "build with CGO_ENABLED=0 for a static program, or take a final stage that has the libraries"
)
_MEND_DOCUMENT: Final = "build and push the image again with a current tool; do not run this one"
_WHY_NOT_PERMITTED: Final = (
    "a script, and what a shell or a launcher starts, end with `permission denied`; another program does so"
    " where capabilities are dropped, as Kubernetes' restricted profile asks"
)
_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTICE

_ALL: Final = (
    # The program and the platform it is declared for.
    ("wrong-machine", _E, "a program for another machine",
     "it ends with `exec format error`, or runs slowly under emulation", MEND_BUILD),
    ("wrong-class", _E, "a program of the wrong word size, 32 or 64 bits",
     "it ends with `exec format error` where the kernel runs only the other", MEND_BUILD),
    ("wrong-byte-order", _E, "a program of the wrong byte order",
     "it ends with `exec format error`; ppc64 and ppc64le are easily swapped", MEND_BUILD),
    ("wrong-os", _E, "a program for another operating system",
     "it ends with `exec format error`", MEND_BUILD),
    ("variant-too-new", _E, "a program for a newer CPU than the platform promises",
     "it dies of an illegal instruction on the machines that the platform stands for", MEND_BUILD),
    ("variant-older", _W, "a program for an older CPU than the platform promises",
     "it runs, and gains nothing from the variant that was asked for", MEND_BUILD),
    ("build-info-disagrees", _E, "Go's build information names another platform than the file's header",
     "the file was altered after the build, or two builds were mixed", MEND_BUILD),
    ("not-a-program", _E, "the file to be run is no program",
     "it ends with `exec format error`", _MEND_PROGRAM),
    ("malformed", _E, "the program breaks its own format",
     "the kernel refuses it", _MEND_PROGRAM),
    ("cut-short", _W, "the program ends before its headers say",
     "it may crash when it comes to what is missing", _MEND_PROGRAM),
    ("cannot-tell", _N, "a program that does not tell all that counts",
     "it is packed, obfuscated, stripped of Go's build information or no Go program; its header fits",
     "keep Go's build information in the program to have its CPU level proven"),
    # What starts in a container.
    ("entrypoint-missing", _E, "what the container shall start is not in the image",
     "the container does not start: `no such file or directory`", _MEND_ENTRY),
    ("entrypoint-folder", _E, "what the container shall start is a folder",
     "the container does not start: `permission denied`", _MEND_ENTRY),
    ("entrypoint-not-executable", _E, "what the container shall start has no execute bit",
     "the container does not start: `permission denied`",
     "set the execute bit: COPY --chmod=0755"),
    ("entrypoint-loop", _E, "links or scripts that lead back to themselves",
     "the container does not start: `too many levels of symbolic links`", _MEND_ENTRY),
    ("user-unknown", _E, "a user or group that the image does not know",
     "the container does not start: `unable to find user`",
     "write numbers, as USER 65532:65532, or COPY --from=build /etc/passwd /etc/group /etc/"),
    ("user-not-permitted", _W, "the image's user may not run what the container shall start",
     _WHY_NOT_PERMITTED,
     "COPY --chmod=0755, into a folder that everybody may enter, or COPY --chown to the user"),
    ("health-missing", _W, "what the image's health check runs is not in the image",
     "Docker calls every container of it unhealthy, and Swarm and Compose restart it or wait for it in vain",
     'copy a program that checks, and name it as HEALTHCHECK CMD ["/healthcheck"], which needs no shell'),
    ("interpreter-missing", _E, "what must load the program is not in the image",
     "the container does not start: `no such file or directory`, though the program is there", _MEND_LIBRARY),
    ("interpreter-wrong", _E, "what must load the program is for another machine",
     "the container does not start", _MEND_BASE),
    ("library-missing", _E, "a library that the program names is not in the image",
     "the program ends at once: `error while loading shared libraries`", _MEND_LIBRARY),
    ("library-wrong", _E, "a library that the program names is there for another machine alone",
     "the program ends at once: `wrong ELF class` or `cannot open shared object file`", _MEND_BASE),
    ("library-too-old", _E, "a library that is older than the one that the program was linked with",
     "the program ends at once: ``version `GLIBC_2.34' not found``",
     "compile on the release that the final stage is of, or build with CGO_ENABLED=0"),
    ("library-elsewhere", _W, "a library that the program names stands where the loader does not look",
     "the program ends at once, unless LD_LIBRARY_PATH is set when it is started",
     "name its folder in LD_LIBRARY_PATH, /etc/ld.so.conf or the program's run path"),
    ("wrong-base", _E, "the base (shell, C library) is for another machine",
     "whatever the program starts beside itself ends with `exec format error`", _MEND_BASE),
    # The index, its manifests and configs.
    ("platform-missing", _E, "a platform that must be there is not",
     "its users get `no matching manifest`", "build this platform, or do not ask for it"),
    ("platform-unexpected", _E, "a platform that nobody asked for",
     "an image is published that nobody meant to",
     "add it to the platforms that are asked for, or do not build it"),
    ("platform-duplicated", _E, "several images for one platform",
     "runtimes take any one of them", "remove the entries that are too many"),
    ("platform-unknown", _E, "an image for unknown/unknown that is no attestation",
     "nothing can run it, and tools that do not know attestations stumble over it",
     "build it with its platform, or remove the entry"),
    ("platform-undeclared", _W, "an index's entry without a platform",
     "runtimes choose by the platform and cannot find it",
     "let the tool that joins the images write the platforms"),
    ("platform-disagrees", _E, "index and config name different platforms",
     "runtimes take the one or the other, and most warn or refuse",
     "let one build make both, and do not pin the final stage to a platform"),
    ("config-without-variant", _N, "the config leaves out the variant that the index declares",
     "once pulled, nothing tells for which variant the image is", "build it with a current BuildKit"),
    ("same-binary", _E, "two platforms hold the same program",
     "it can be right for one of them alone", MEND_BUILD),
    ("same-binary-variant", _W, "two variants of one architecture hold the same program",
     "it runs on both, and the newer one gains nothing", MEND_BUILD),
    ("same-build-id", _E, "two platforms hold programs of one and the same build",
     "it can be right for one of them alone, though it was stripped or packed anew", MEND_BUILD),
    ("same-layers", _E, "two platforms hold the same layers, with programs in them",
     "only the config tells them apart: the final stage was made for the builder's platform",
     "take --platform=$BUILDPLATFORM off the final stage's FROM, and defaults off the platform's ARGs"),
    ("same-layer", _W, "two platforms share a layer that holds programs",
     "those can be right for one of them alone", _MEND_BASE),
    ("not-an-image", _E, "a config that is not an image's",
     "runtimes cannot run it", "name an image, or remove the entry from the index"),
    ("revision", _E, "built from another commit than expected",
     "what is published is not what was meant", "build this commit, then verify again"),
    ("revision-modified", _N, "built from a working tree with changes",
     "the commit does not tell what is in the program", "build from a clean checkout"),
    # How it runs.
    ("root-user", _N, "the container runs as root",
     "whoever breaks out of the program is root in the container",
     "set USER in the final stage, as 65532:65532"),
    ("no-ca-certificates", _N, "the image has no CA certificates",
     "every TLS connection that the program opens fails: `certificate signed by unknown authority`",
     "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/, if the program speaks TLS"),
    ("entrypoint-world-writable", _N, "everybody in the container may replace the program",
     "whoever gets in as any user decides what runs next", "COPY --chmod=0755"),
)  # fmt: skip
_UNREAD: Final = (
    ("ambiguous", "a document that two readers take for two things (CVE-2021-41190)",
     "what was checked is not what another runtime runs"),
    ("media-type-differs", "a media type on which descriptor and document do not agree (CVE-2021-41190)",
     "what was checked is not what another runtime runs"),
    ("digest-differs", "bytes that do not have the digest which names them",
     "runtimes refuse the image, or somebody put other bytes there"),
    ("size-differs", "more or fewer bytes than the descriptor says", "runtimes refuse the image"),
    ("blob-missing", "a blob that is named and not there", "runtimes cannot pull the image"),
    ("schema-1", "a Docker schema 1 manifest", "current runtimes refuse it"),
    ("nested-index", "an index within the index", "runtimes look one index deep and find no image"),
    ("beyond-bounds", "more bytes, entries or levels than we read",
     "whatever reads the image to its end may run out of memory, disk or time"),
    ("damaged", "a document or layer that cannot be read", "runtimes refuse the image"),
)  # fmt: skip

CODES: Final[Mapping[str, Code]] = {
    **{
        name: Code(name=name, severity=severity, title=title, why=why, remedy=remedy)
        for name, severity, title, why, remedy in _ALL
    },
    **{
        name: Code(name=name, severity=_E, title=title, why=why, remedy=_MEND_DOCUMENT, fixed=True)
        for name, title, why in _UNREAD
    },
}
