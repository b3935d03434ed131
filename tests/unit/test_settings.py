from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gopherwhale.errors import UsageError
from gopherwhale.settings import ImageSettings, Settings, find_root, load, plain


def write(folder: Path, text: str) -> Path:
    (folder / "gopherwhale.toml").write_text(text)
    return folder


def only_image(settings: Settings) -> ImageSettings:
    assert len(settings.images) == 1
    return next(iter(settings.images.values()))


def test_an_empty_repository_has_defaults(tmp_path: Path) -> None:
    """Without a file, the image is named after its folder and made for the two usual platforms."""
    folder = tmp_path / "hello"
    folder.mkdir()
    resolved = load(folder)
    assert list(resolved.images) == ["hello"]
    assert [str(platform) for platform in only_image(resolved).platforms] == ["linux/amd64", "linux/arm64"]
    assert only_image(resolved).engine == "auto"


def test_the_later_source_wins_key_by_key(tmp_path: Path) -> None:
    """File, invoke's configuration, environment and flags override each other in that order."""
    root = write(tmp_path, 'repository = "acme/file"\ndockerfile = "A"\ntarget = "file"\nbuilder = "file"\n')
    resolved = load(
        root,
        configuration={"dockerfile": "B", "target": "invoke", "builder": "invoke"},
        environment={
            "GOPHERWHALE_TARGET": "environment",
            "GOPHERWHALE_BUILDER": "environment",
            "PATH": "/bin",
        },
        flags={"builder": "flag", "target": None, "repository": ""},
    )
    image = only_image(resolved)
    assert (image.repository, image.dockerfile, image.target, image.builder) == (
        "acme/file", "B", "environment", "flag",
    )  # fmt: skip


def test_several_images_take_what_they_do_not_say_from_the_top(tmp_path: Path) -> None:
    """`[images.NAME]` tables override the top level, and a flag overrides them all."""
    root = write(
        tmp_path,
        'platforms = ["linux/amd64"]\n[images.server]\nrepository = "acme/server"\n'
        '[images.worker]\nrepository = "acme/worker"\nplatforms = ["linux/arm64"]\n',
    )
    images = load(root).images
    assert {name: image.repository for name, image in images.items()} == {
        "server": "acme/server",
        "worker": "acme/worker",
    }
    assert [str(p) for p in images["server"].platforms] == ["linux/amd64"]
    assert [str(p) for p in images["worker"].platforms] == ["linux/arm64"]
    flagged = load(root, flags={"platforms": ["linux/s390x"]}).images
    assert {str(image.platforms[0]) for image in flagged.values()} == {"linux/s390x"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('platfroms = ["linux/amd64"]', "gopherwhale.toml: unknown setting 'platfroms'", "platforms"),
        ('[images.x]\nrepo = "acme/x"', "[images.x]: unknown setting 'repo'", "repository"),
        ("[build_args]\nGO_VERSION = 1.20", "gopherwhale.toml: build_args", "quotes"),
        ('platforms = ["linux/arm65"]', "gopherwhale.toml: platforms", "linux/arm64"),
        ("platforms = []", "gopherwhale.toml: platforms", "preset"),
        ('repository = "acme/x:1"', "gopherwhale.toml: repository", "tags"),
        ('repository = "Acme/x/../y"', "gopherwhale.toml: repository", "image reference"),
        ('engine = "podman"', "gopherwhale.toml: engine", "buildx"),
        ('dockerfile = "/etc/passwd"', "gopherwhale.toml: dockerfile", "inside"),
        ('context = "../other"', "gopherwhale.toml: context", "inside"),
        ("timeout = 0", "gopherwhale.toml: timeout", ">= 1"),
        ("provenance = 3", "gopherwhale.toml: provenance", "bool"),
        ('provenance = "perhaps"', "gopherwhale.toml: provenance", "bool"),
        ('platforms = [{os = "linux", architecture = "x"}]', "gopherwhale.toml: platforms", "linux/arm64"),
        ('[go]\ngiven = ["user"]', "[go]: unknown setting 'given'", "known"),
        ("[go]\nexpose = [80]", "gopherwhale.toml: go.expose[0]", "str"),
        ('[go.platform_env."linux/arm64"]\nGOARCH = "amd64"', "gopherwhale.toml: go.platform_env", "decide"),
        ("images = 3", "images", "[images.NAME]"),
        ('[images."../x"]', "cannot name an image", "letters"),
        ("a = = 3", "not sound TOML", "line 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_where_and_what(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    """The error says which file and key it is, and what would be right."""
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)
    assert hint in str(caught.value)


def test_an_error_names_the_source_that_won(tmp_path: Path) -> None:
    """A bad variable is not blamed on the file."""
    with pytest.raises(UsageError, match="the environment: platforms"):
        load(write(tmp_path, 'platforms = ["linux/amd64"]'), environment={"GOPHERWHALE_PLATFORMS": "linux/x"})
    with pytest.raises(UsageError, match="the environment: unknown setting 'platform'"):
        load(tmp_path, environment={"GOPHERWHALE_PLATFORM": "linux/amd64"})
    with pytest.raises(UsageError, match="the command line: build_args"):
        load(tmp_path, flags={"build_args": ["NOVALUE"]})


def test_lists_and_tables_can_be_given_as_text(tmp_path: Path) -> None:
    """Variables and flags spell lists with commas or lines, and tables with KEY=VALUE."""
    image = only_image(
        load(
            tmp_path,
            environment={
                "GOPHERWHALE_PLATFORMS": "linux/amd64,linux/riscv64",
                "GOPHERWHALE_CACHE_FROM": "type=gha,scope=a\ntype=registry,ref=acme/cache",
                "GOPHERWHALE_BUILD_ARGS": "A=1\nB=x=y,z",
                "GOPHERWHALE_PROVENANCE": "true",
            },
            flags={"tags": ["a", "b"]},
        )
    )
    assert [str(platform) for platform in image.platforms] == ["linux/amd64", "linux/riscv64"]
    assert image.cache_from == ("type=gha,scope=a", "type=registry,ref=acme/cache")
    assert image.build_args == {"A": "1", "B": "x=y,z"}
    assert image.provenance is True
    for text, truth in (("yes", True), ("Off", False), ("0", False), ("1", True)):
        assert only_image(load(tmp_path, environment={"GOPHERWHALE_SBOM": text})).sbom is truth
    assert image.tags == ("a", "b")


def test_variables_of_our_own_tests_are_no_settings(tmp_path: Path) -> None:
    """GOPHERWHALE_REQUIRE_ENGINE steers the tests of this project alone."""
    load(tmp_path, environment={"GOPHERWHALE_REQUIRE_ENGINE": "1", "GOPHERWHALE_DIST": ""})


def test_the_root_is_where_the_settings_or_go_mod_are(tmp_path: Path) -> None:
    """A command may be called from any folder below the repository."""
    below = tmp_path / "cmd" / "x"
    below.mkdir(parents=True)
    (tmp_path / "go.mod").write_text("module x\n")
    assert find_root(below) == tmp_path
    (tmp_path / "cmd" / "gopherwhale.toml").write_text("")
    assert find_root(below) == tmp_path / "cmd"


def test_no_repository_is_an_error_that_says_so(tmp_path: Path) -> None:
    """Outside of any Go repository there is nothing to build."""
    with pytest.raises(UsageError, match="not in a Go repository"):
        find_root(tmp_path)


def test_settings_become_plain_json_values(tmp_path: Path) -> None:
    """Platforms and paths are strings in what `docker.plan --format json` prints."""
    document = plain(load(tmp_path))
    assert document["root"] == str(tmp_path)
    assert next(iter(document["images"].values()))["platforms"] == ["linux/amd64", "linux/arm64"]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["platforms", "repository", "labels", "tags", "images", "timeout", "dist", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_no_configuration_fails_but_with_our_error(tmp_path: Path, configuration: dict[str, Any]) -> None:
    """Whatever a configuration holds, it is used or refused, never a traceback."""
    try:
        load(tmp_path, configuration=configuration)
    except UsageError as error:
        assert error.problem  # noqa: PT017 -- both outcomes are right, and only one can be looked at


POLICY = """
[verify]
all = true
[[verify.policy]]
code = "variant-older"
severity = "allowed"
platform = "arm/v7"
reason = "serves both"
"""


def test_a_policy_is_read_with_its_platform_in_normal_form(tmp_path: Path) -> None:
    """`[[verify.policy]]` holds for every image; one with a table of its own has its own."""
    text = f"{POLICY}[images.a]\n[images.b.verify]\npolicy = []\n".replace("arm/v7", "linux/armhf")
    images = load(write(tmp_path, text)).images
    (rule,) = images["a"].verify.policy
    assert (rule.code, rule.severity, rule.platform) == ("variant-older", "allowed", "linux/arm/v7")
    assert images["b"].verify.policy == ()
    assert images["b"].verify.all
    assert only_image(load(tmp_path / "x", environment={"GOPHERWHALE_VERIFY_ALL": "true"})).verify.all


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("variant-older", "variant-oldr", "did you mean 'variant-older'?"),
        ("variant-older", "qqq", "known: ambiguous"),
        ("variant-older", "ambiguous", "cannot be weighed otherwise"),
        ("allowed", "ignore", "severity"),
        ("arm/v7", "arm/v9", "platform"),
        ('reason = "serves both"', 'reason = ""', "reason"),
        ('reason = "serves both"', "", "verify.policy[0].reason: it is missing"),
        ("code =", "cod =", "cod"),
        ("all =", "al =", "did you mean 'all'?"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A code that does not exist is named with the likely one, and every rule has its reason."""
    write(tmp_path, POLICY.replace("arm/v7", "linux/arm/v7").replace(old, new))
    with pytest.raises(UsageError, match=re.escape(told)):
        load(tmp_path)
