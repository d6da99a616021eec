"""The claims register: what is tested, by which measure, margin and rule, fixed before the runs."""

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.records.reading import CLOCKS, RecordError, is_kind

REGISTER = Path(__file__).parent.parent / "claims.toml"

RULES = ("lower", "higher", "lower by equivalence test", "equal")
"""claims.toml explains them."""

CLAIM_FIELDS: dict[str, type] = {"id": str, "statement": str, "why": str, "test": list}
TEST_FIELDS: dict[str, type] = {
    **dict.fromkeys(("id", "measure", "rule", "why"), str),
    **{"decides": bool, "arms": list, "margin": float, "seeds": int},
}
OPTIONAL_FIELDS: dict[str, type] = {"level": float, "split": str, "clock": str}


@dataclass(frozen=True, kw_only=True)
class ClaimTest:
    """One test of a claim; its effect is the first arm minus the second."""

    id: str
    measure: str
    arms: tuple[str, str]
    rule: str
    """One of `RULES`."""
    margin: float
    """In the measure's unit: a smaller effect counts as none."""
    seeds: int
    """Fewest seeds, in each arm, for a verdict."""
    decides: bool
    """Whether the claim's verdict hangs on it."""
    why: str
    level: float | None = None
    """Loss (nats) or accuracy that a first passage waits for."""
    split: str | None = None
    """Evaluations that are read for a first passage."""
    clock: str | None = None
    """One of `CLOCKS`, in which the passage is timed."""

    @property
    def measured(self) -> str:
        """The measure; where it waits for a level, with that level."""
        return self.measure if self.level is None else self.measure.replace("the level", f"{self.level:g}")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of the seed report."""

    id: str
    statement: str
    why: str
    tests: tuple[ClaimTest, ...]


def register_sha256() -> str:
    """Returns the hexadecimal sha256 of the register's bytes, which every run records."""
    return hashlib.sha256(REGISTER.read_bytes()).hexdigest()


def require(condition: bool, where: str, message: str) -> None:
    if not condition:
        raise RecordError(f"{where}: {message}")


def check_fields(entry: Any, needed: Mapping[str, type], optional: Mapping[str, type], where: str) -> None:
    """Refuses an entry with missing, unknown, empty or wrongly typed fields."""
    require(isinstance(entry, dict), where, "expected a table")
    unknown = sorted(set(entry) - set(needed) - set(optional))
    require(not unknown, where, f"unknown field {', '.join(unknown)}")
    for name in needed:
        require(name in entry, where, f"{name} is missing")
    for name, value in entry.items():
        kind = {**needed, **optional}[name]
        right = isinstance(value, bool) if kind is bool else is_kind(value, kind)
        require(right and value not in ("", []), where, f"{name} is {value!r}, should be a {kind.__name__}, not empty")


def parse_test(entry: Any, claim: str, where: str) -> ClaimTest:
    """Returns one test."""
    check_fields(entry, TEST_FIELDS, OPTIONAL_FIELDS, where)
    where = f"{where} {entry['id']}"
    arms = entry["arms"]
    require(entry["id"][:-1] == claim, where, f"the id should be {claim} and one letter")
    require(entry["rule"] in RULES, where, f"rule {entry['rule']!r} is not one of {', '.join(RULES)}")
    require(math.isfinite(entry["margin"]) and entry["margin"] > 0, where, f"margin {entry['margin']} is not positive")
    require(entry["seeds"] >= 2, where, f"{entry['seeds']} seeds allow no interval")
    names = len(arms) == 2 and all(isinstance(arm, str) and arm for arm in arms)
    require(names and arms[0] != arms[1], where, "arms should name two different arms")
    timed = [name for name in OPTIONAL_FIELDS if name in entry]
    require(len(timed) in (0, 3), where, f"level, split and clock belong together, found {', '.join(timed)} alone")
    require(not timed or entry["clock"] in CLOCKS, where, f"clock should be one of {', '.join(CLOCKS)}")
    return ClaimTest(**entry | {"arms": (arms[0], arms[1])})


def parse_claim(entry: Any, where: str) -> Claim:
    """Returns one claim with its tests."""
    check_fields(entry, CLAIM_FIELDS, {}, where)
    where = f"{where} {entry['id']}"
    tests = tuple(parse_test(test, entry["id"], where) for test in entry["test"])
    require(len({test.id for test in tests}) == len(tests), where, "two tests have the same id")
    require(any(test.decides for test in tests), where, "no test decides")
    return Claim(id=entry["id"], statement=entry["statement"], why=entry["why"], tests=tests)


def load_register(path: Path = REGISTER) -> dict[str, Claim]:
    """Returns claim id -> claim, in the register's order.

    Raises:
        RecordError: unreadable, no TOML, or an entry that is incomplete; the message names it.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecordError(f"{path}: not valid TOML: {error}") from None
    require(tree.get("schema_version") == 1, path.name, "schema_version should be 1")
    entries = tree.get("claim")
    require(isinstance(entries, list) and bool(entries), path.name, "no claim")
    claims = [parse_claim(entry, f"{path.name}: claim") for entry in tree["claim"]]
    require(len({claim.id for claim in claims}) == len(claims), path.name, "two claims have the same id")
    return {claim.id: claim for claim in claims}
