"""JUnit's XML, which every CI shows: what was held to be right, a case each, and what was not.

https://github.com/testmoapp/junitxml describes what the readers of it agree on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from gopherwhale.console import printable


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A case that failed.

    Attributes:
        name: What was held against it.
        code: The finding's.
        told: What is wrong.
        remedy: What mends it.
        file: The file that is at fault, where it is one of the repository.
    """

    name: str
    code: str
    told: str
    remedy: str
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What was judged together.

    Attributes:
        name: Of the image or the file.
        failures: The cases that failed.
        passed: The names of those that did not.
        notes: What else there is to say, a line each.
    """

    name: str
    failures: Sequence[Failure]
    passed: Sequence[str]
    notes: Sequence[str]


def document(title: str, suites: Sequence[Suite]) -> str:
    """Write suites as XML; strings of strangers become plain text."""
    root = ET.Element("testsuites", name=title)
    root.extend([_element(suite) for suite in suites])
    for name in ("tests", "failures"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _element(suite: Suite) -> ET.Element:
    element = ET.Element("testsuite", name=printable(suite.name))
    for failure in suite.failures:
        case = _case(element, suite, failure.name)
        if failure.file:
            case.set("file", printable(failure.file))
        told = ET.SubElement(case, "failure", type=failure.code, message=printable(failure.told))
        told.text = printable(f"to mend it: {failure.remedy}")
    for name in suite.passed:
        _case(element, suite, name)
    element.set("tests", str(len(element)))
    element.set("failures", str(len(suite.failures)))
    ET.SubElement(element, "system-out").text = "\n".join(map(printable, suite.notes))
    return element


def _case(element: ET.Element, suite: Suite, name: str) -> ET.Element:
    return ET.SubElement(element, "testcase", classname=printable(suite.name), name=printable(name))
