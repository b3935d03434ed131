from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gopherwhale.errors import UsageError
from gopherwhale.settings import KEYS, GoSettings, ImageSettings, Settings, find_root, load, plain
from gopherwhale.settings_reading import keys


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


def test_a_table_is_laid_over_the_one_before_key_by_key(tmp_path: Path) -> None:
    """One build argument more drops none of the file's, which a weekly rebuild would publish without."""
    root = write(
        tmp_path,
        '[build_args]\nGO_VERSION = "1.27.3"\nEDITION = "free"\n[labels]\na = "1"\n'
        '[go.env]\nA = "1"\n[go.platform_env.arm64]\nX = "1"\n'
        '[images.one]\n[images.two]\n[images.two.labels]\nb = "2"\n[images.two.go.env]\nB = "2"\n'
        '[images.two.go.platform_env."linux/arm64"]\nY = "2"\n',
    )
    resolved = load(
        root,
        configuration={"build_args": {"EXTRA": "invoke"}, "annotations": {"i": "1"}},
        environment={"GOPHERWHALE_BUILD_ARGS": "EXTRA=environment\nMORE=x=y", "GOPHERWHALE_GO_ENV": "C=3"},
        flags={"build_args": ["GO_VERSION=1.27"]},
    )
    one, two = resolved.images.values()
    expected = {"GO_VERSION": "1.27", "EDITION": "free", "EXTRA": "environment", "MORE": "x=y"}
    assert one.build_args == two.build_args == expected
    assert (one.labels, two.labels) == ({"a": "1"}, {"a": "1", "b": "2"})
    assert (one.go.env, two.go.env) == ({"A": "1", "C": "3"}, {"A": "1", "B": "2", "C": "3"})
    assert two.go.platform_env == {"linux/arm64": {"X": "1", "Y": "2"}}
    assert one.annotations == {"i": "1"}


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
        ('context = "a\\u0000b"', "gopherwhale.toml: context", "no text"),
        ("timeout = 0", "gopherwhale.toml: timeout", "write a whole number >= 1"),
        (f"timeout = {'9' * 40}", "gopherwhale.toml: timeout", "write a whole number <= 86400"),
        ("push_jobs = 1.5", "gopherwhale.toml: push_jobs", "write a whole number, not a number with"),
        ("push_jobs = nan", "gopherwhale.toml: push_jobs", "write a whole number"),
        ("push_jobs = true", "gopherwhale.toml: push_jobs", "write a whole number, not true or false"),
        ('push_jobs = "eight"', "gopherwhale.toml: push_jobs", "'eight' is no whole number"),
        ("provenance = 3", "gopherwhale.toml: provenance", "write true or false, not a whole number"),
        ('provenance = "perhaps"', "gopherwhale.toml: provenance", "'perhaps' is neither true nor false"),
        ("engine = ['go']", "gopherwhale.toml: engine", "write a string, not a list"),
        ("tags = 2026-11-26", "gopherwhale.toml: tags", "write a list, not a date"),
        ("target = 07:00:00", "gopherwhale.toml: target", "write a string, not a time"),
        ("labels = [['a']]", "gopherwhale.toml: labels", "KEY=VALUE"),
        ("labels = true", "gopherwhale.toml: labels", "write a table, not true or false"),
        ("[build_args]\nDEBUG = true", "gopherwhale.toml: build_args: DEBUG", "in quotes"),
        ("[build_args.DEBUG]\nx = 1", "gopherwhale.toml: build_args: DEBUG", "in quotes"),
        ("go = 'x'", "gopherwhale.toml: go", "write a table, as [go]"),
        ("[[go]]", "gopherwhale.toml: go", "write a table, as [go]"),
        ("[go.files]\nsource = 'a'", "gopherwhale.toml: go.files", "write tables, as [[go.files]]"),
        ("[go]\nfiles = ['a']", "gopherwhale.toml: go.files", "write tables, as [[go.files]]"),
        ("[[go.files]]\nsource = 'a'", "gopherwhale.toml: go.files[0].path", "missing"),
        ("[[go.files]]\nsorce = 'a'", "go.files[0]: unknown setting 'sorce'", "did you mean 'source'?"),
        ("verify = []", "gopherwhale.toml: verify", "write a table, as [verify]"),
        ("[verify]\npolicy = 3", "gopherwhale.toml: verify.policy", "write tables, as [[verify.policy]]"),
        ("[[lint.policy]]\ncod = 'x'", "lint.policy[0]: unknown setting 'cod'", "did you mean 'code'?"),
        ("[lint]\nall = true", "[lint]: unknown setting 'all'", "known: policy"),
        ('[go.platform_env."linux/arm64"]\nX = 1.5', "go.platform_env: linux/arm64: X", "quotes"),
        ('[go.platform_env]\n"linux/arm64" = 3', "go.platform_env: linux/arm64", "write a table"),
        ("[go.platform_env.solaris-x]\nA = '1'", "gopherwhale.toml: go.platform_env", "solaris-x"),
        ('platforms = [{os = "linux", architecture = "x"}]', "gopherwhale.toml: platforms", "linux/arm64"),
        ("a = " + "[" * 5000, "not sound TOML", "too deeply"),
        ('[go]\ngiven = ["user"]', "[go]: unknown setting 'given'", "known"),
        ("[go]\nexpose = ['65536']", "gopherwhale.toml: go.expose", "write a port"),
        ("[go]\nexpose = ['0/tcp']", "gopherwhale.toml: go.expose", "write a port"),
        ("[go]\nargs = 'serve --port 80'", "go.args", 'write a list, as ["serve", "--port", "80"]'),
        ("[go]\nentrypoint = '/x serve'", "go.entrypoint", 'write a list, as ["/x", "serve"]'),
        ("[go]\nstop_signal = 'term'", "gopherwhale.toml: go.stop_signal", "as SIGINT or 2"),
        ("[go]\nexpose = [80]", "gopherwhale.toml: go.expose[0]", "write a string, not a whole number"),
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


@pytest.mark.parametrize(
    ("text", "variables", "told"),
    [
        ("[go]\nuser = 'x'", {"GO_BASE": "alpine:3"}, "gopherwhale.toml: go.user"),
        ("[go]\nbase = 'a:1'", {"GO_USER": "x"}, "the environment: go.user"),
        ("[images.a]\n[images.b]\nengine = 'x'", {}, "gopherwhale.toml, [images.b]: engine"),
        ("[labels]\na = 1.5", {"LABELS": "b=2"}, "gopherwhale.toml: labels: a: 1.5 is a number"),
        ("[labels]\na = '1'", {"LABELS": "b"}, "the environment: labels: write KEY=VALUE"),
        ("[go.env]\na = 1.5", {"GO_ENV": "b=2"}, "gopherwhale.toml: go.env: a: 1.5 is a number"),
        ("[images.a]\nengine = 'go'", {"ENGINE": "x"}, "the environment: engine"),
        ("[images.a.go]\nuser = 'x'", {"ENGINE": "go"}, "gopherwhale.toml, [images.a]: go.user"),
        ("[images.a.verify]\nall = 3", {"VERIFY_ALL": "x"}, "the environment: verify.all"),
        ("timeout = 3", {"TIMEOUT": "-1"}, "the environment: timeout: write a whole number >= 1"),
        ("", {"GO_FILES": "a=/a"}, "the environment: go.files: write tables, as [[go.files]]"),
        ("", {"VERIFY_POLICY": "x"}, "the environment: verify.policy: write tables, as [[verify.policy]]"),
        ("", {"GO_USR": "1"}, "the environment, [go]: unknown setting 'usr'"),
        ("", {"GO": "x"}, "the environment: go: write a table"),
        ("", {"GO_PLATFORM_ENV": "A=1"}, "the environment: go.platform_env: write a table for each"),
        ("", {"IMAGES": "x"}, "the environment: `images` must hold"),
        ("", {"TARGET": "\udcff"}, r"the environment: target: '\udcff' holds what is no text"),
        ("", {"SBOM": " "}, "the environment: sbom: ' ' is neither true nor false"),
        ("", {"PUSH_JOBS": "9" * 5000}, "is no whole number"),
    ],
)
def test_each_key_of_a_table_has_its_own_source(
    tmp_path: Path, text: str, variables: dict[str, str], told: str
) -> None:
    """The source is where a value was last given, key by key; an image's own table is named."""
    environment = {f"GOPHERWHALE_{name}": value for name, value in variables.items()}
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        load(write(tmp_path, f"{text}\n"), environment=environment)
    assert len(caught.value.problem) < 300


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        (3, "`gopherwhale` must be a table"),
        ({1: 2}, "unknown setting 1"),
        ({"go": {1: 2}}, "[go]: unknown setting 1"),
        ({"go": {"files": [{1: 2}]}}, "go.files[0]: unknown setting 1"),
        ({"images": {1: {}}}, "1 cannot name an image"),
        ({"images": {"a": {1: 2}}}, "[images.a]: unknown setting 1"),
        ({"images": None}, "one table for each image"),
        ({"dist": Path("x")}, "dist: write a string, not PosixPath"),
        ({"dist": None}, "dist: write a string, not nothing"),
        ({"tags": [None]}, "tags[0]: write a string, not nothing"),
        ({"labels": {"a": None}}, "labels: a: write a string"),
    ],
)
def test_what_only_invoke_s_configuration_can_hold_is_refused_too(
    tmp_path: Path, configuration: Any, told: str
) -> None:
    """YAML has other kinds of keys, and a file in Python anything at all."""
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        load(tmp_path, configuration=configuration)
    assert caught.value.problem.startswith("invoke's configuration")


def test_ports_and_signals_are_taken_to_their_bounds(tmp_path: Path) -> None:
    """Every port that there is, and signals by name or number."""
    text = "[go]\nexpose = ['1', '9999', '59999', '65535/udp', '60000/sctp']\nstop_signal = '%s'"
    for signal in ("SIGTERM", "SIGRTMIN+3", "SIGUSR1", "15", ""):
        go = only_image(load(write(tmp_path, text % signal))).go
        assert (len(go.expose), go.stop_signal) == (5, signal)


def test_an_image_may_be_called_as_a_setting_is(tmp_path: Path) -> None:
    """A name of an image is no key."""
    names = ("platforms", "go", "labels", "tags")
    images = load(write(tmp_path, "".join(f"[images.{name}]\ntarget = '{name}'\n" for name in names))).images
    assert {name: image.target for name, image in images.items()} == {name: name for name in names}


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
    truths = {
        True: ("yes", "ON", "True", "t", "y", "1", " true "),
        False: ("no", "Off", "FALSE", "f", "n", "0"),
    }
    for text, truth in ((text, truth) for truth, texts in truths.items() for text in texts):
        assert only_image(load(tmp_path, environment={"GOPHERWHALE_SBOM": text})).sbom is truth
    for text in ("8", " 8 ", "08", "+8"):
        assert load(tmp_path, environment={"GOPHERWHALE_PUSH_JOBS": text}).push_jobs == 8
    assert image.tags == ("a", "b")


def test_variables_of_our_own_tests_are_no_settings(tmp_path: Path) -> None:
    """GOPHERWHALE_REQUIRE_ENGINE steers the tests of this project alone."""
    settings = load(tmp_path, environment={"GOPHERWHALE_REQUIRE_ENGINE": "1", "GOPHERWHALE_DIST": ""})
    assert settings == load(tmp_path)


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
    with pytest.raises(UsageError, match=r"not in a Go repository(.|\n)*gopherwhale new"):
        find_root(tmp_path)
    (tmp_path / "go.work").write_text("use ./app\n")
    with pytest.raises(UsageError, match="`gopherwhale init` gives a workspace its settings"):
        find_root(tmp_path)


def test_settings_become_plain_json_values(tmp_path: Path) -> None:
    """Platforms and paths are strings in what `docker.plan --format json` prints."""
    document = plain(load(tmp_path))
    assert document["root"] == str(tmp_path)
    assert next(iter(document["images"].values()))["platforms"] == ["linux/amd64", "linux/arm64"]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.binary(max_size=3)
    | st.text(st.characters(codec=None), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
    ),
    max_leaves=6,
)  # fmt: skip
# The tables by their names, so that what is in them is looked at.
_TABLES = {
    "go": (*keys(GoSettings), "x"),
    "verify": ("all", "policy", "x"),
    "lint": ("policy", "x"),
    "images": ("a", "b"),
}
_ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["code", "severity", "reason", "source", "path", "mode", "x"]),
        st.sampled_from(["variant-older", "allowed", "a", "/a", "0644", 3, None]),
        max_size=4,
    ),
    max_size=2,
)
_SETTINGS = st.fixed_dictionaries(
    {},
    optional={key: _ANYTHING for key in (*KEYS, "x") if key not in _TABLES}
    | {
        name: _ANYTHING | st.dictionaries(st.sampled_from(known), _ANYTHING | _ROWS, max_size=2)
        for name, known in _TABLES.items()
    },
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
    deadline=None,
)
@given(_SETTINGS | st.fixed_dictionaries({}, optional=dict.fromkeys(("timeout", "dist", "go"), _ANYTHING)))
def test_no_configuration_fails_but_with_our_error(tmp_path: Path, configuration: dict[str, Any]) -> None:
    """Whatever a configuration holds, it is used or refused in a line that says whose it is."""
    said = refused(tmp_path, configuration)
    assert not said or said.startswith("invoke's configuration")
    assert not re.search(r"(?i)expected `|field `|enum value", said), "these are msgspec's words"


def refused(folder: Path, configuration: dict[str, Any]) -> str:
    """What is said of a configuration, one line that any terminal can show; nothing where it is taken."""
    try:
        load(folder, configuration=configuration)
    except UsageError as error:
        assert "\n" not in error.problem, error  # noqa: PT017 -- both outcomes are right
        str(error).encode()
        return error.problem
    return ""


_VALUES: tuple[Any, ...] = (
    *(None, 3, -1, 10**30, 1.5, float("nan"), "zz zz", "", "a\0b", "\udc80", b"x"),
    *([], [None], [["a"]], [3], {}, {"a": 3}, {"a": {"b": "c"}}, {"a": None}, {"a": ["b"]}, {1: 2}),
)


@pytest.mark.parametrize("key", [*KEYS, *(f"go.{key}" for key in keys(GoSettings)), "verify.all"])
def test_each_setting_takes_or_refuses_each_kind_of_value(tmp_path: Path, key: str) -> None:
    """The source, the key and what is wrong: a line, whatever is given for whatever setting."""
    table, _, name = key.rpartition(".")
    said = [refused(tmp_path, {table: {name: value}} if table else {key: value}) for value in _VALUES]
    place = re.compile(rf"invoke's configuration(: {re.escape(key)}|, \[{key}\])\S*: \S")
    assert [one for one in said if one and not place.match(one)] == []
    assert len(list(filter(None, said))) >= 10
    assert all(said[_VALUES.index(text)] for text in ("a\0b", "\udc80"))


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


def test_one_word_or_a_line_each_are_a_command_too(tmp_path: Path) -> None:
    """A string of one word is one argument, and in a variable each line is one, blanks and all."""
    (tmp_path / "gopherwhale.toml").write_text("[go]\nargs = 'serve'\nentrypoint = ['/a b']\n")
    (image,) = load(tmp_path, environment={}).images.values()
    assert (image.go.args, image.go.entrypoint) == (("serve",), ("/a b",))
    (image,) = load(tmp_path, environment={"GOPHERWHALE_GO_ARGS": "one two\nthree"}).images.values()
    assert image.go.args == ("one two", "three")
