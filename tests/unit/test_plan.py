from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gopherwhale import plan, tags
from gopherwhale.errors import UsageError
from gopherwhale.git import Revision
from gopherwhale.platforms import parse
from gopherwhale.references import is_tag
from gopherwhale.settings import load

REVISION = Revision(
    commit="0123456789abcdef0123456789abcdef01234567",
    dirty=(),
    branch="main",
    default_branch="main",
    tags=(),
    known_tags=(),
    source_date=1706933106,
    source="https://host.example/acme/hello",
)


def at(*tags: str, known: tuple[str, ...] = (), branch: str = "") -> Revision:
    return replace(REVISION, tags=tags, known_tags=(*tags, *known), branch=branch)


def made(revision: Revision | None = REVISION, **flags: Any) -> plan.ImagePlan:
    resolved = load(Path("/r/hello"), flags={"repository": "acme/hello", **flags})
    return plan.make(resolved, revision, source_date=1706933106).images[0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), ""),
        (("v1.2",), "v1.2"),
        (("1.2.3",), "1.2.3"),
        (("V2.0.0",), "V2.0.0"),
        (("v01.2.3",), "v01.2.3"),
        (("v1", "v1.2.3"), ""),
        (("nightly", "cmd/x/v1.2.3"), ""),
    ],
)
def test_a_tag_that_is_nearly_a_version_is_named(given: tuple[str, ...], told: str) -> None:
    """Where it gives the image no tag: a word, or one beside a sound version, is what somebody meant."""
    assert tags.no_version(at(*given)) == told


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (REVISION, ["latest", "sha-0123456789ab"]),
        (at("v1.2.3"), ["1.2.3", "1.2", "1", "latest"]),
        (at("v0.2.3"), ["0.2.3", "0.2", "latest"]),
        (at("v1.2.3-rc.1"), ["1.2.3-rc.1"]),
        (at("v1.2.3+build.5"), ["1.2.3", "1.2", "1", "latest"]),
        (at("v1.2.3", branch="main"), ["1.2.3", "1.2", "1", "latest", "sha-0123456789ab"]),
        (at("v1.1.9", known=("v1.2.0",)), ["1.1.9", "1.1", "1.1.9"][:2]),
        (at("v1.2.3", known=("v2.0.0",)), ["1.2.3", "1.2", "1"]),
        (at("v1.2.3", known=("v2.0.0-rc.1",)), ["1.2.3", "1.2", "1", "latest"]),
        (at("release-5", "v1", "v01.2.3", "v1.2"), ["sha-0123456789ab"]),
        (at(branch="feature/Größe!"), ["feature-gr-e"]),
        (at(branch="latest"), ["branch-latest"]),
        (at(branch="1.2"), ["branch-1.2"]),
        (at(branch="sha-x"), ["branch-sha-x"]),
        (at(), ["sha-0123456789ab"]),
    ],
)
def test_tags_follow_from_git(revision: Revision, expected: list[str]) -> None:
    """Branch, release, pre-release and detached commit each give their tags, and none goes backwards."""
    assert list(tags.automatic_tags(revision, "main")) == expected


@example("0..0")
@given(st.text(max_size=300))
def test_any_branch_name_gives_a_legal_tag_that_is_no_other_kind(branch: str) -> None:
    """A hostile branch name is inert, and can never move `latest` or a version."""
    tag = tags.slug(branch)
    assert is_tag(tag)
    assert tag != "latest"
    assert not tag[0].isdigit() or not tag.replace(".", "").isdigit()


@given(st.lists(st.from_regex(r"v[0-9.a-z+-]{0,30}", fullmatch=True), max_size=6))
@example([f"v1.2.{'9' * 5000}", f"v1.2.3-{'9' * 5000}"])
def test_any_set_of_git_tags_gives_legal_tags(names: list[str]) -> None:
    """Odd version tags are left out or made legal."""
    for tag in tags.automatic_tags(at(*names), "main"):
        assert is_tag(tag)


def test_templates_are_filled_and_left_out_where_nothing_fills_them() -> None:
    """A template of a release gives no tag at a commit that is none."""
    image = made(tags=["nightly-{date}", "v{version}", "auto", "{branch}-{short}"])
    assert image.tags == ("nightly-20240203", "latest", "sha-0123456789ab", "main-0123456789ab")
    assert made(at("v1.2.3"), tags=["v{version}", "{minor}-{major}"]).tags == ("v1.2.3", "1.2-1")


@pytest.mark.parametrize("template", ["{nope}", "{commit.__class__}", "a b", ".x", "x" * 129])
def test_a_wrong_template_is_refused(template: str) -> None:
    """An unknown field or an illegal tag is an error before anything is built."""
    with pytest.raises(UsageError):
        made(tags=[template])


def test_labels_annotations_and_arguments_say_where_the_image_comes_from() -> None:
    """Revision, version, source and date are in the config, the index and the binary alike."""
    image = made(
        at("v1.2.3"), labels=["a=b", "org.opencontainers.image.title=Hello"], build_args=["GO_VERSION=1.26.8"]
    )
    prefix = "org.opencontainers.image."
    assert image.labels == {
        f"{prefix}title": "Hello",
        f"{prefix}created": "2024-02-03T04:05:06Z",
        f"{prefix}revision": REVISION.commit,
        f"{prefix}version": "1.2.3",
        f"{prefix}source": REVISION.source,
        "a": "b",
    }
    assert image.annotations == {key: text for key, text in image.labels.items() if key.startswith(prefix)}
    assert image.build_args == {
        "COMMIT": REVISION.commit,
        "VERSION": "1.2.3",
        "SOURCE_DATE_EPOCH": "1706933106",
        "GO_VERSION": "1.26.8",
    }


def test_a_dirty_tree_says_so_in_its_version() -> None:
    """The program and the label tell that the commit is not the whole truth."""
    assert tags.version_of(replace(REVISION, dirty=("main.go",))) == "sha-0123456789ab-dirty"
    assert tags.version_of(at("v1.0.0", "v1.1.0-rc.1")) == "1.1.0-rc.1"
    assert tags.version_of(None) == "unknown"


def test_without_a_revision_there_is_a_plan_without_tags() -> None:
    """A folder that is not under git can be built."""
    image = made(None)
    assert image.tags == ()
    assert image.revision == ""
    assert image.build_args["COMMIT"] == "unknown"


def test_two_images_never_share_a_tag() -> None:
    """The last of two pushes would win in silence (LibreChat#15444 and its kin)."""
    resolved = load(
        Path("/r/x"), configuration={"images": {"a": {}, "b": {}}}, flags={"repository": "acme/x"}
    )
    with pytest.raises(UsageError, match="would both be docker.io/acme/x:latest"):
        plan.make(resolved, REVISION, source_date=1)


def test_images_are_chosen_by_name() -> None:
    """A name that is not there is refused, naming those that are."""
    resolved = load(Path("/r/x"), configuration={"images": {"a": {}, "b": {}}})
    assert [image.name for image in plan.make(resolved, None, source_date=1, only=("b",)).images] == ["b"]
    with pytest.raises(UsageError, match="no image 'c'"):
        plan.make(resolved, None, source_date=1, only=("c",))


def test_the_source_date_is_the_variable_else_the_commit_else_now() -> None:
    """SOURCE_DATE_EPOCH wins, and nonsense in it is refused."""
    assert plan.source_date_of(REVISION, {"SOURCE_DATE_EPOCH": "5"}, lambda: 9.0) == 5
    assert plan.source_date_of(REVISION, {}, lambda: 9.0) == REVISION.source_date
    assert plan.source_date_of(None, {}, lambda: 9.5) == 9
    for wrong in ("yesterday", "-5", "1.5", "9" * 12):
        with pytest.raises(UsageError):
            plan.source_date_of(None, {"SOURCE_DATE_EPOCH": wrong}, lambda: 0.0)


def test_a_local_plan_is_the_same_image_for_one_platform() -> None:
    """docker.build leaves the multi-platform layout alone."""
    image = made()
    local = image.for_local_use(parse("linux/arm/v7"))
    assert local.platforms == (parse("linux/arm/v7"),)
    assert local.layout == Path("/r/hello/dist/.local/hello-linux-arm-v7")
    assert (local.labels, local.build_args, local.tags) == (image.labels, image.build_args, image.tags)


def test_a_plan_is_json() -> None:
    """What docker.plan prints has strings for everything."""
    resolved = load(Path("/r/hello"), flags={"repository": "acme/hello"})
    document = plan.make(resolved, REVISION, source_date=1).to_document()
    assert document["images"][0]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert document["revision"] == REVISION.commit
