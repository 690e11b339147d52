"""Mutants as mutmut makes them: each module holds all of its own, and one of them is chosen while a test runs.

The modules are never written anywhere: whoever imports one is given its mutated source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

#: By these the code itself runs, and tells of each function that is called, or is silent.
MEASURING, UNCHANGED = "stats", ""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Mutated:
    """A module with its mutants."""

    path: str
    """Of its source, from the root of the repository."""
    code: str
    mutants: tuple[str, ...]
    """Full names, that of the module before them."""

    @classmethod
    def of(cls, path: str, functions: Collection[str]) -> Mutated:
        """Read it, and make them: those of these functions, of all for none."""
        made = mutate_file_contents(path, Path(path).read_text())
        wanted = [name for name in made.mutant_names if not functions or _plain(name) in functions]
        return cls(path, made.code, tuple(f"{module(path)}.{name}" for name in wanted))

    def changes(self, wanted: Iterable[str]) -> Iterator[str]:
        """What each of these mutants changes, as a diff."""
        texts, tree = self.code.splitlines(), ast.parse(self.code)
        found = {node.name: node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
        for mutant in wanted:
            name = mutant.rpartition(".")[2]
            names = (f"{name.partition('__mutmut_')[0]}__mutmut_orig", name)
            before, after = (
                "\n".join(texts[found[one].lineno - 1 : found[one].end_lineno]).replace(one, "…").splitlines()
                for one in names
            )
            yield "\n".join((f"# {mutant}", *list(unified_diff(before, after, n=1, lineterm=""))[2:], ""))


def module(path: str) -> str:
    """The name under which a source is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _plain(mutant: str) -> str:
    """Name of the function in its module: `x_due__mutmut_1` is one of `due`."""
    return mutant.partition("__mutmut_")[0].removeprefix("x_")


def function(mutant: str) -> str:
    """The function of which it is a mutant, by the name under which calls are told."""
    return str(mangled_name_from_mutant_name(mutant))


def choose(mutant: str) -> None:
    """Let this one run from now on."""
    set_mutant_under_test(mutant)


def called() -> frozenset[str]:
    """Functions called since this was asked the last time, as far as it was measured."""
    told: set[str] = state()._stats
    functions = frozenset(told)
    told.clear()
    return functions


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, mutated: Mutated) -> None:
        super().__init__(name, path)
        self._mutated = mutated

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew each time: nothing of it may end beside the real module."""
        return compile(self._mutated.code, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, mutated: Mapping[str, Mutated]) -> None:
        self._mutated = mutated

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of a module that is mutated; the usual finders see to the others."""
        one = self._mutated.get(fullname)
        if one is None:
            return None
        file = str(Path(one.path).resolve())
        return spec_from_file_location(fullname, file, loader=_Loader(fullname, file, one))


def install(paths: Iterable[str], functions: Collection[str]) -> list[Mutated]:
    """Mutate these functions of these sources, for whoever imports them from now on.

    Raises:
        RuntimeError: one was imported before.
    """
    mutated = [Mutated.of(path, functions) for path in paths]
    by_name = {module(one.path): one for one in mutated}
    if early := by_name.keys() & sys.modules.keys():
        raise RuntimeError(f"{', '.join(sorted(early))}: imported before it could be mutated.")
    choose(UNCHANGED)
    sys.meta_path.insert(0, _Finder(by_name))
    return mutated
