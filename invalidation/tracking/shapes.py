"""What the result of a statement depends on, whatever values it is given: worked out once for each text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import ForeignKey, Model
from django.db.models.expressions import Col, RawSQL
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.where import ExtraWhere

from invalidation.emission import registry
from invalidation.tracking import clock, naming, tables
from invalidation.tracking.conditions import Column

#: Statements that a site has.
MOST_SHAPES = 4096
#: A statement with one of these inside is known by its tables alone.
COMPOUND = re.compile(r"\bSELECT\b.*\bSELECT\b|\bOVER \(|\bDISTINCT ON \(| GROUP BY ", re.DOTALL)
#: Where the part of a statement begins that decides which rows there are; the first of them counts.
CONDITION = re.compile(r" (?:WHERE|HAVING) ")
ORDER, AFTER_ORDER = " ORDER BY ", re.compile(r" (?:LIMIT|OFFSET|FETCH|FOR) ")
#: What rows are ordered by, as long as it names its table.
QUALIFIED = re.compile(r"[^().,]+\.[^().,]+")
#: Names that Django gives to what it adds to a statement that prefetches a relation.
PREFETCHED = "_prefetch_related_val_"
#: Of the database that takes texts for equal which differ in case: a row may have another key than the one asked for.
LOOSE = "mysql"

ModelType = type[Model]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the result depends on, beside the values that are asked for."""

    lists: tuple[ModelType, ...] = ()
    """Any row of these may change it."""

    rows: tuple[tuple[ModelType, int], ...] = ()
    """Where keys of rows stand in each row of the result."""

    asked: tuple[tuple[ModelType, Column], ...] = ()
    """Columns whose values, as they are asked for, are keys of these models' rows."""

    unique: tuple[tuple[ModelType, int, Column], ...] = ()
    """Rows that are found by a value that no other can have: a list where one isn't found."""

    parts: tuple[tuple[ModelType, Column], ...] = ()
    """Columns of models that are listed by their values, as they are asked for."""

    unknown: tuple[str, ...] = ()
    """What no tag stands for."""

    is_timed: bool = False
    """Do rules say when a row that it reads changes by itself?"""


@dataclass
class _Statement:
    """One that is looked at for the first time."""

    compiler: SQLCompiler
    sql: str
    columns: Iterable[Column]
    """Those that it binds to values."""

    @cached_property
    def aliases(self) -> Mapping[str, ModelType]:
        """The model of each table that it reads."""
        by_table = tables.by_table()
        named = {alias: by_table.get(join.table_name.strip('"')) for alias, join in self.joins.items()}
        return {alias: model for alias, model in named.items() if model is not None}

    @cached_property
    def joins(self) -> Mapping[str, Any]:
        """Those that are in the text: a query keeps others that it could do without."""
        joins: Mapping[str, Any] = self.compiler.query.alias_map
        return {
            alias: join for alias, join in joins.items() if re.search(rf"(?<!\w){re.escape(alias)}(?!\w)", self.sql)
        }

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Where the key of each table's row stands in a row of the result."""
        selected = enumerate(getattr(self.compiler, "select", None) or ())
        return {
            one.alias: place
            for place, (one, _, _) in selected
            if type(one) is Col and one.target.primary_key and naming.row_models(self.aliases.get(one.alias, Model))
        }

    @cached_property
    def is_compound(self) -> bool:
        """May a table occur in it where nobody looks for it?"""
        query = self.compiler.query
        unclear = query.combinator or (query.is_sliced and (query.distinct or self._is_ordered_unclearly))
        return bool(COMPOUND.search(self.sql) or unclear or self.is_raw)

    @cached_property
    def is_raw(self) -> bool:
        """Is a part of it somebody's own SQL?"""
        query = self.compiler.query
        selected = any(not name.startswith(PREFETCHED) for name in query.extra)
        own = selected or query.extra_tables or query.extra_order_by
        return bool(own) or any(isinstance(part, ExtraWhere | RawSQL) for part in _parts_of(query))

    @property
    def _is_ordered_unclearly(self) -> bool:
        """Is it ordered by something that does not name its table: a position, a name of its own, a function?"""
        order = AFTER_ORDER.split(self.sql.rpartition(ORDER)[2])[0] if ORDER in self.sql else ""
        return not all(QUALIFIED.fullmatch(term) for term in order.split(", ") if term)

    def is_decisive(self, alias: str) -> bool:
        """Do columns of the table decide which rows there are, and not only what is shown of them?"""
        begin = CONDITION.search(self.sql)
        condition = self.sql[begin.start() :] if begin else ""
        before, _, order = (condition or self.sql).partition(ORDER)
        decisive = (before if condition else "") + (order if self.compiler.query.is_sliced else "")
        return bool(re.search(rf"(?<!\w){re.escape(alias)}[\"`\]]?\.", decisive))

    @cached_property
    def links(self) -> list[tuple[str, str]]:
        """Pairs of aliases: a row of the first names, by a foreign key, the row of the second that stands beside it."""
        pairs: list[tuple[str, str]] = []
        for alias, join in self.joins.items():
            parent: Any = getattr(join, "parent_alias", None)
            if parent in self.aliases and alias in self.aliases and _is_plain(join, alias):
                [(column, other)] = join.join_cols
                if _names(self.aliases[parent], column, self.aliases[alias]):
                    pairs.append((parent, alias))
                if _names(self.aliases[alias], other, self.aliases[parent]):
                    pairs.append((alias, parent))
        return pairs


def _parts_of(query: Any) -> Iterator[Any]:
    """Every expression and condition in it."""
    waiting = [query.where, *query.annotations.values(), *query.order_by]
    while waiting:
        part = waiting.pop()
        yield part
        inner = getattr(part, "children", None) or getattr(part, "get_source_expressions", tuple)()
        waiting += [one for one in inner if hasattr(one, "as_sql")]


def _is_plain(join: Any, alias: str) -> bool:
    """Does it join by one pair of columns and nothing else?"""
    further = join.join_field.get_extra_restriction(alias, join.parent_alias)
    return len(join.join_cols) == 1 and join.filtered_relation is None and further is None


def _names(model: ModelType, column: str, other: ModelType) -> bool:
    """Is the column a foreign key by which the database vouches for a row of the other model?"""
    key = naming.field_of(model, column)
    if not isinstance(key, ForeignKey) or not getattr(key, "db_constraint", False):
        return False
    target = key.target_field
    return target.primary_key and target.model._meta.concrete_model is other._meta.concrete_model


_shapes: dict[tuple[Any, ...], Shape] = {}


def shape_of(compiler: SQLCompiler, sql: str, columns: Iterable[Column]) -> Shape:
    """That of a statement which binds these columns to values."""
    bound = tuple(columns)
    key = (sql, bound)
    known = _shapes.get(key)
    if known is None:
        if len(_shapes) >= MOST_SHAPES:
            _shapes.clear()
        known = _shapes[key] = _worked_out(_Statement(compiler, sql, bound))
    return known


def _worked_out(statement: _Statement) -> Shape:
    named = tables.named(statement.sql) | frozenset(statement.aliases.values())
    rows = tuple((statement.aliases[alias], place) for alias, place in statement.positions.items())
    unknown = (*_unknown_parts(statement), *clock.named(statement.sql, named))
    is_timed = any(map(registry.timed, named))
    if statement.is_compound:
        return Shape(lists=tuple(named), rows=rows, unknown=unknown, is_timed=is_timed)
    asked, unique = _asked(statement), _unique(statement)
    unique = [one for one in unique if one[1] not in {column for _, _, column in asked}]
    known = {alias for alias, _, _ in asked} | {alias for alias, _ in unique}
    parts = [(alias, column) for alias, column in _parts(statement) if alias not in known]
    known.update(alias for alias, _ in parts)
    lists = [statement.aliases[alias] for alias in _listed(statement, known)]
    return Shape(
        tuple(dict.fromkeys([*lists, *(named - frozenset(statement.aliases.values()))])),
        rows,
        tuple((model, column) for _, model, column in asked),
        tuple((statement.aliases[alias], statement.positions[alias], column) for alias, column in unique),
        tuple((statement.aliases[alias], column) for alias, column in parts),
        unknown,
        is_timed,
    )


def _asked(statement: _Statement) -> list[tuple[str, ModelType, Column]]:
    """Tables whose rows are asked for by their key, or by the key of what they join to others."""
    found = []
    for alias, column in statement.columns:
        if (model := statement.aliases.get(alias)) is None:
            continue
        end = model if model._meta.pk.column == column and naming.row_models(model) else naming.end_of(model, column)
        if end is not None and (naming.is_exact(end) or statement.compiler.connection.vendor != LOOSE):
            found.append((alias, end, (alias, column)))
    return found


def _unique(statement: _Statement) -> list[tuple[str, Column]]:
    """Tables whose rows are asked for by what no two of them share, and are in the result with their key."""
    found = []
    for alias, column in statement.columns:
        model = statement.aliases.get(alias)
        unique = getattr(model and naming.field_of(model, column), "unique", False)
        if unique and alias in statement.positions:
            found.append((alias, (alias, column)))
    return found


def _parts(statement: _Statement) -> Iterator[tuple[str, Column]]:
    """Tables of which the rows with given values are asked for, by a column that rules list them by; once for each."""
    seen: set[str] = set()
    for alias, column in statement.columns:
        model = statement.aliases.get(alias)
        if alias not in seen and model is not None and naming.part_models(model, column):
            seen.add(alias)
            yield alias, (alias, column)


def _listed(statement: _Statement, known: set[str]) -> list[str]:
    """Tables of which any row may change the result: all but those that are `known`, or named by a row that is."""
    listed: list[str] = []
    while len(known) < len(statement.aliases):
        reached = {
            there
            for here, there in statement.links
            if here in known
            and there not in known
            and there in statement.positions
            and not statement.is_decisive(there)
        }
        if not reached:
            reached = {next(alias for alias in statement.aliases if alias not in known)}
            listed += [alias for alias in reached if not _is_told_by_a_child(statement, alias)]
        known |= reached
    return listed


def _is_told_by_a_child(statement: _Statement, alias: str) -> bool:
    """Is it the parent's part of rows of a child, whose rules are told of writes to the parent too?"""
    children = (here for here, there in statement.links if there == alias)
    return not naming.list_tags(statement.aliases[alias]) and any(
        naming.list_tags(statement.aliases[child])
        and statement.aliases[alias] in statement.aliases[child]._meta.get_parent_list()
        for child in children
    )


def _unknown_parts(statement: _Statement) -> Iterator[str]:
    if statement.is_raw:
        yield "raw SQL in a query of the ORM"
    for alias, join in statement.joins.items():
        if alias not in statement.aliases:
            yield f"the table {join.table_name}, which belongs to no model"


registry.forget_with(_shapes.clear)
