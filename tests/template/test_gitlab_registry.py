"""GitLab's own registry, which asks for nothing to be set."""

from __future__ import annotations

import yaml

from gopherwhale import settings
from tests.template.conftest import Bake


def test_gitlabs_own_registry_needs_no_secret(bake: Bake) -> None:
    """A job logs in as GitLab lets it, and each image lies below the project's own, where it may push."""
    image = "registry.gitlab.com/acme/hello"
    folder = bake(ci="gitlab", registry="other", image=image, layout="several", weekly="yes")
    document = yaml.safe_load((folder / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    for job in ("push", "weekly"):
        assert document[job]["variables"] == {
            "GOPHERWHALE_REGISTRY": "registry.gitlab.com",
            "GOPHERWHALE_USERNAME": "$CI_REGISTRY_USER",
            "GOPHERWHALE_PASSWORD": "$CI_REGISTRY_PASSWORD",
        }
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "There is nothing to set" in readme
    assert "REGISTRY_TOKEN" not in readme
    found = {one.repository for one in settings.load(folder).images.values()}
    assert found == {image, f"{image}/job"}
    assert f"`{image}/job` is the same" in readme
