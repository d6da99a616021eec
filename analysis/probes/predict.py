"""Asks the classifier that a run exported: does the hypothesis follow from the premise?

Without a pair on the command line, pairs are read from --file or standard input, one a line: premise and hypothesis
with a tab between, or a JSON object with "premise" and "hypothesis". Empty lines are skipped.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from analysis.records.text import clean
from models.errors import DataError, UserError
from train.guard import guard

Pair = tuple[str, str]
"""Premise and hypothesis."""
SIDES = ("premise", "hypothesis")


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    found = argparse.ArgumentParser(prog="python -m analysis.probes.predict", description=__doc__)
    found.add_argument("run", type=Path, metavar="RUN", help="a run directory with an export/ in it")
    found.add_argument("premise", nargs="?", help="what is known")
    found.add_argument("hypothesis", nargs="?", help="what may follow from it")
    found.add_argument("--file", type=Path, metavar="FILE", help="read many pairs from this file")
    found.add_argument("--json", action="store_true", help="print one JSON object a pair")
    return found


def asked_pairs(asked: argparse.Namespace) -> list[Pair]:
    """Returns the pair of the command line, or those of the file or standard input.

    Raises:
        UserError: half a pair, or a pair and a file.
        DataError: a pair that cannot be read, or none.
    """
    if asked.premise is None:
        source = "standard input" if asked.file is None else str(asked.file)
        pairs = list(read_pairs(decode(asked.file, source), source))
        if not pairs:
            raise DataError(f"{source}: no pair in it")
        return pairs
    if asked.hypothesis is None or asked.file is not None:
        raise UserError("give RUN, a premise and a hypothesis, or RUN alone with pairs in --file or standard input")
    return [check([asked.premise, asked.hypothesis], "command line")]


def decode(path: Path | None, source: str) -> str:
    """Returns the text of a file, or of standard input for None.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if path is None else path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{source}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: byte {error.start} is not UTF-8") from None


def read_pairs(text: str, source: str) -> Iterator[Pair]:
    """Yields the pairs of a text, line by line.

    Raises:
        DataError: naming the first line that is no pair.
    """
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            where = f"{source}, row {number}"
            yield check(from_json(line, where) if line.lstrip().startswith("{") else line.split("\t"), where)


def from_json(line: str, where: str) -> list[object]:
    """Returns both sides of one JSON object; a side that is not there is None."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error})") from None
    return [found.get(side) for side in SIDES]


def check(sides: Sequence[object], where: str) -> Pair:
    """Returns a pair of two sentences.

    Raises:
        DataError: there are not two, or one is no text, empty, or not valid Unicode.
    """
    if len(sides) != len(SIDES):
        raise DataError(f"{where}: {len(sides)} fields, expected premise and hypothesis with one tab between")
    for side, sentence in zip(SIDES, sides, strict=True):
        if not isinstance(sentence, str) or not sentence.strip():
            found = json.dumps(sentence)[:40]
            raise DataError(f"{where}, {side}: expected a sentence, found {found}")
        if any("\ud800" <= character <= "\udfff" for character in sentence):
            raise DataError(f"{where}, {side}: holds bytes that are no text (a lone surrogate)")
    premise, hypothesis = (str(side).strip() for side in sides)
    return premise, hypothesis


def as_json(pairs: Sequence[Pair], found: Sequence[dict[str, float]]) -> Iterator[str]:
    """Yields one JSON object a pair: both sides, the likeliest label, and every label's probability."""
    for (premise, hypothesis), each in zip(pairs, found, strict=True):
        shares = {label: round(share, 6) for label, share in each.items()}
        answer = {"label": likeliest(each), "probabilities": shares}
        yield json.dumps({"premise": premise, "hypothesis": hypothesis, **answer})


def as_table(found: Sequence[dict[str, float]]) -> Iterator[str]:
    """Yields a header, then one line a pair in the order asked: the likeliest label, and every label's probability."""
    for row, each in enumerate(found):
        if row == 0:
            yield "\t".join(["label", *map(clean, each)])
        yield "\t".join([clean(likeliest(each)), *(f"{share:.4f}" for share in each.values())])


def as_lines(each: dict[str, float]) -> Iterator[str]:
    """Yields one line a label, the likeliest first."""
    width = max(map(len, map(clean, each)))
    for label, share in sorted(each.items(), key=lambda entry: -entry[1]):
        yield f"{clean(label):{width}}  {share:.4f}"


def likeliest(each: dict[str, float]) -> str:
    """Returns the label of highest probability, the first of them at a tie."""
    return max(each, key=lambda label: each[label])


def show(asked: argparse.Namespace, pairs: Sequence[Pair], found: Sequence[dict[str, float]]) -> Iterable[str]:
    """Returns the lines to print."""
    if asked.json:
        return as_json(pairs, found)
    return as_lines(found[0]) if asked.premise is not None else as_table(found)


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what the run's classifier says of every pair."""
    asked = parser().parse_args(arguments)
    pairs = asked_pairs(asked)
    from analysis.probes.inference import open_predictor  # late: torch takes seconds, --help should not

    for line in show(asked, pairs, open_predictor(asked.run).probabilities(pairs)):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
