# Copyright (c) 2026, the redtrust.certificate_enroll authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the guides and the documentation of plugins and roles follow the rule of tests/tools/wrap.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import wrap


def problems(path: Path, text: str) -> list[str]:
    """Return the lines that break the rule."""
    lines = text.splitlines()
    if path.suffix == ".rst":  # an address or a message may be longer than a line
        return [] if wrap.wrapped(path, text) == text else ["not wrapped by the rule"]
    too_long = [f"longer than {wrap.WIDTH}: {line}" for line in lines if len(line) > wrap.WIDTH]
    new = set(wrap.wrapped(path, text).splitlines())
    return [*too_long, *(f"not wrapped by the rule: {line}" for line in lines if line not in new)]


@pytest.mark.parametrize("path", wrap.files(), ids=lambda path: path.relative_to(wrap.ROOT).as_posix())
def test_the_documentation_is_wrapped(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert problems(path, text) == []
    assert wrap.wrapped(path, text) == text


def test_each_kind_of_file_is_read() -> None:
    names = {path.relative_to(wrap.ROOT).as_posix() for path in wrap.files()}
    assert {
        "docs/docsite/rst/guide_start.rst",
        "plugins/doc_fragments/batch.py",
        "plugins/filter/outcome.py",
        "plugins/lookup/login_url.py",
        "plugins/modules/redtrust_csr.py",
        "roles/login/meta/argument_specs.yml",
    } <= names


WORD = "M(toy.toy.toy_module)"
SOUND = f"""
description: Makes a toy.
options:
  size:
    description:
      - How large it is.
        The size counts when the toy is made and at no other time, since a toy that is made does not grow any more, see
        {WORD}.
      - "A: text in quotes stays as it is, however long it is."
    sample: A long example. It stays. 1. 2. 3. 4. 5. 6. 7. 8. 9. 10. 11. 12. 13. 14. 15. 16. 17. 18. 19. 20. 21. 22.
"""


def in_python(documentation: str) -> str:
    return f'EXAMPLES = r"""\ndescription: A. B.\n"""\nDOCUMENTATION = r"""{documentation}"""\n'


@pytest.mark.parametrize("path", [Path("toy.py"), Path("toy.yml")])
def test_what_is_right_passes(path: Path) -> None:
    text = in_python(SOUND) if path.suffix == ".py" else SOUND
    assert problems(path, text) == []
    assert wrap.wrapped(path, text) == text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("is made does not", "is made\n        does not", "a toy that is made"),
        ("does not grow any more, see\n        ", "does not grow any more, see ", "longer than 120"),
        ("is.\n        The size", "is. The size", "How large it is. The size"),
        ("see\n        M(", "\n        see\n        M(", "see"),
        ("A: text", f"A{'a' * 120}: text", "longer than 120"),
        ("Makes a toy.", "Makes a toy. Paints it.", "description: Makes a toy. Paints it."),
        ("Makes a toy.", "Makes\n  a toy.", "description: Makes"),
    ],
)
@pytest.mark.parametrize("path", [Path("toy.py"), Path("toy.yml")])
def test_a_planted_fault_is_found_and_mended(path: Path, old: str, new: str, expected: str) -> None:
    assert old in SOUND
    planted = SOUND.replace(old, new, 1)
    text = in_python(planted) if path.suffix == ".py" else planted
    found = problems(path, text)
    assert found
    assert any(expected in problem for problem in found)
    once = wrap.wrapped(path, text)
    assert wrap.wrapped(path, once) == once


def test_text_of_two_lines_becomes_an_item() -> None:
    assert wrap.wrapped_yaml("a:\n  description: One. Two.\n  type: str\n") == (
        "a:\n  description:\n    - One.\n      Two.\n  type: str\n"
    )


def test_markup_is_one_word() -> None:
    text = f"description:\n  - {'a' * 100} C(openssl ca -utf8 -subj) and\n"
    assert wrap.wrapped_yaml(text) == f"description:\n  - {'a' * 100}\n    C(openssl ca -utf8 -subj) and\n"


GUIDE = f"""..
  A comment. It stays.

A guide. About toys.
====================

A toy is made.
It is small.

- An item. ``one word. of text`` goes on.
  And another sentence.
- {"a" * 100} ``two words`` and
  more.

.. code-block:: console

   $ a command. It stays

``a message that is longer than a line, {"a" * 100}``
  Its cause.
"""


def test_a_guide_that_is_right_passes() -> None:
    assert wrap.wrapped(Path("toy.rst"), GUIDE) == GUIDE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("made.\nIt is", "made. It is"),
        ("goes on.\n  And", "goes on. And"),
        ("made.\n", "made\nhere.\n"),
        ("`` goes", "``\n  goes"),
        ("and\n  more", "and more"),
    ],
)
def test_a_fault_in_a_guide_is_found_and_mended(old: str, new: str) -> None:
    planted = GUIDE.replace(old, new, 1)
    assert planted != GUIDE
    assert problems(Path("toy.rst"), planted)
    once = wrap.wrapped(Path("toy.rst"), planted)
    assert wrap.wrapped(Path("toy.rst"), once) == once


def test_a_change_of_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrap, "_filled", lambda text, _width: text.split()[:1])
    with pytest.raises(ValueError, match="would change"):
        wrap.wrapped_yaml("description: One two.\n")
