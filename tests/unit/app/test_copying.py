from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from gopherwhale.app.copying import copy
from gopherwhale.app.request import Request
from gopherwhale.console import Console
from gopherwhale.errors import VerificationError
from tests.faults.registry import MemoryRegistry, serving
from tests.unit.oci.images import make_layout
from tests.unit.verify.judged import code, program

AMD, ARM = "linux/amd64", "linux/arm64"
POLICY = """
repository = "acme/hello"
[[verify.policy]]
code = "wrong-machine"
severity = "allowed"
reason = "the tool of another machine is meant"
"""


def copied(folder: Path, registry: MemoryRegistry) -> dict[str, object]:
    """Copy a layout whose arm64 image holds another machine's program."""
    layout = make_layout(folder / "image", {AMD: program(AMD), ARM: code("s390x")})
    out = io.StringIO()
    console = Console(out=out, err=io.StringIO(), format="json")
    copy(
        Request(start=folder, environment={}, console=console),
        [f"oci:{layout}", f"{registry.address}/acme/hello:1"],
    )
    found: dict[str, object] = json.loads(out.getvalue())["copies"][0]
    return found


def test_what_a_policy_allows_is_promoted_too(tmp_path: Path) -> None:
    """An image that was verified and pushed under the settings' policy is copied under it; others are not."""
    with serving() as registry:
        with pytest.raises(VerificationError, match="wrong-machine"):
            copied(tmp_path, registry)
        assert registry.blobs == {}
        (tmp_path / "go.mod").write_text("module example.invalid/hello\n")
        (tmp_path / "gopherwhale.toml").write_text(POLICY)
        assert copied(tmp_path, registry)["blobs_sent"] == 4
        assert ("acme/hello", "1") in registry.tags
