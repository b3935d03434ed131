"""How an image runs: its user, its certificates, who may write its program. Notices, as all may be meant."""

from __future__ import annotations

from typing import Final

from gopherwhale.oci.documents import ImageConfig
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.filesystem import FileSystem, NotRunnable
from gopherwhale.verify.findings import Finding, finding
from gopherwhale.verify.scope import Scope
from gopherwhale.verify.users import identify

# Where Go's crypto/x509 looks on Linux (root_linux.go, root_unix.go).
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_BUNDLE_FOLDERS: Final = ("/etc/ssl/certs/", "/etc/pki/tls/certs/")
_WRITABLE: Final = 0o002


def judge_running(scope: Scope) -> list[Finding]:
    """Notices about a Linux image whose program could be found."""
    if scope.declared.os != "linux" or not scope.entrypoint:
        return []
    findings = []
    if is_root(scope.config.user, scope.system):
        found = f"USER {scope.config.user}" if scope.config.user else "no USER, which is root"
        findings.append(finding("root-user", scope.declared, expected="a user other than root", found=found))
    program = scope.program
    if program and _may_be_go(program.facts) and not _has_certificates(scope.config, scope.system):
        wanted, found = "a bundle where Go looks for it", f"none, as {_BUNDLES[0]}"
        findings.append(finding("no-ca-certificates", scope.declared, expected=wanted, found=found))
    node = scope.system.node(scope.entrypoint)
    if node and node.mode & _WRITABLE:
        findings.append(
            finding(
                "entrypoint-world-writable",
                scope.declared,
                scope.entrypoint,
                expected="a mode as 0755",
                found=f"mode {node.mode:04o}",
            )
        )
    return findings


def is_root(user: str, system: FileSystem) -> bool:
    """Whether a config's `User` is root: by number, or by the number that /etc/passwd gives its name."""
    if user.partition(":")[0] in ("", "root"):
        return True
    try:
        who = identify(user, system)
    except NotRunnable:
        return False
    return who is not None and who.user == 0


def _may_be_go(facts: BinaryFacts) -> bool:
    return bool(facts.go_version or facts.go_build_id or facts.packer)


def _has_certificates(config: ImageConfig, system: FileSystem) -> bool:
    if any(entry.startswith(("SSL_CERT_FILE=", "SSL_CERT_DIR=")) for entry in config.environment):
        return True
    if any(system.has(path) for path in _BUNDLES):
        return True
    return any(path.startswith(_BUNDLE_FOLDERS) and node.kind != "folder" for path, node in system.items())
