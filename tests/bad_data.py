"""The catalogue "Bad data": files that a run refuses, with what has to be said, and files that it takes and counts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow
import pyarrow.parquet

from train.data.pairs import LABELS
from train.data.readers import LONGEST

GOOD = [(f"a dog {i} .", f"a cat {i} .", LABELS[i % 3]) for i in range(9)]
ONE_OF = "expected entailment, contradiction or neutral"


def tsv(*first: str, header: str = "sentence1\tsentence2\tlabel", good: Iterable = GOOD) -> bytes:
    """A tab-separated file with these rows ahead of good ones."""
    return "".join(f"{line}\n" for line in (header, *first, *map("\t".join, good))).encode()


def comma(*first: str, header: str = "premise,hypothesis,label") -> bytes:
    return "".join(f"{line}\n" for line in (header, *first, *map(",".join, GOOD))).encode()


def jsonl(*first: object, last: str = "") -> bytes:
    """JSON lines: texts as they stand, other values as JSON, then good rows."""
    rows = [dict(zip(("premise", "hypothesis", "label"), pair, strict=True)) for pair in GOOD]
    lines = [line if isinstance(line, str) else json.dumps(line) for line in (*first, *rows)]
    return ("\n".join(lines) + "\n" + last).encode()


def parquet(**columns: object) -> bytes:
    """A parquet file of two rows with these columns in place of good ones."""
    good = {"premise": ["a", "b"], "hypothesis": ["c", "d"], "label": ["neutral", "entailment"]}
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(good | columns), sink)
    return sink.getvalue()


def pair(label: object = "neutral", premise: object = "a", hypothesis: object = "b") -> dict[str, object]:
    return {"premise": premise, "hypothesis": hypothesis, "label": label}


@dataclass(frozen=True)
class Refused:
    """Files that no run may start on, and what has to be said of them."""

    files: dict[str, bytes]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Taken:
    """Files that a run takes, what it counts, and sentences that it has to have as they are here."""

    files: dict[str, bytes]
    counts: dict[str, int] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of the catalogue."""

    name: str
    cases: tuple[Refused | Taken, ...]


def refused(file: str, content: bytes, *told: str) -> Refused:
    return Refused({file: content}, told)


def taken(file: str, content: bytes, *sentences: str, without: tuple[str, ...] = (), **counts: int) -> Taken:
    named = {f"{file}: {what.replace('_', ' ')}": n for what, n in counts.items()}
    return Taken({file: content}, named, sentences, without)


SHARED = {"train.tsv": tsv(good=GOOD), "test.tsv": tsv("a dog 1 .\ta cat 1 .\tneutral", good=[("x", "y", "neutral")])}
PREMISE = {"train.tsv": tsv(good=GOOD), "test.tsv": tsv("a dog 1 .\tnew\tneutral", good=[("x", "y", "neutral")])}
UTF16 = "premise,hypothesis,label\na,b,neutral\n"

ROWS = [
    Row("wrong columns", (
        refused("p.csv", b"text,claim,verdict\na,b,neutral\n",
                "p.csv, row 1: found 'text', 'claim', 'verdict', expected a column premise or sentence1"),
        refused("p.jsonl", b'{"premise": "a", "label": "neutral"}\n',
                "p.jsonl, row 1: found 'premise', 'label', expected a column hypothesis or sentence2"),
    )),
    Row("duplicate header", (
        refused("p.tsv", tsv(header="label\tsentence1\tsentence2\tlabel"), "p.tsv, row 1: found column 'label' twice"),
        refused("p.jsonl", jsonl('{"premise": "a", "premise": "b"}'), "p.jsonl, row 1: found", "a key occurs twice"),
    )),
    Row("padded header (strip, warn)", (
        taken("p.csv", comma(header=" premise ,hypothesis,label "), column_names_stripped_of_spaces=2),
    )),
    Row("wrong delimiter", (
        refused("p.csv", b"premise;hypothesis;label\na;b;neutral\n",
                "p.csv, row 1: found columns separated by semicolons, expected columns separated by commas"),
        refused("p.tsv", comma(),
                "p.tsv, row 1: found columns separated by commas, expected columns separated by tabs"),
        refused("p.csv", b'"premise";"hypothesis";"label"\n"a, b";"c";"neutral"\n', "columns separated by semicolons"),
    )),
    Row("empty columns and rows of a spreadsheet (drop)", (
        taken("p.csv", comma().replace(b"\n", b",,\n") + b",,,,\n", blank_lines_dropped=1),
    )),
    Row("sentence None, N/A, null (stays text)", tuple(
        taken(file, make(line(word)), word)
        for word in ("None", "N/A", "null", "nan")
        for file, make, line in (
            ("p.tsv", tsv, lambda w: f"{w}\tb\tneutral"),
            ("p.csv", comma, lambda w: f"{w},b,neutral"),
            ("p.jsonl", jsonl, lambda w: pair(premise=w)),
        )
    )),
    Row("sentence 007 (stays text)", (
        taken("p.tsv", tsv("007\tb\tneutral"), "007"),
        taken("p.csv", comma("007,b,neutral"), "007"),
    )),
    Row("unquoted comma that shifts columns (reject)", (
        refused("p.csv", comma("Yes, she did,b,neutral"), "p.csv, row 2, column 4: found 4 fields, expected 3"),
    )),
    Row("extra field", (
        refused("p.tsv", tsv("a\tb\tneutral\tx\ty"), "p.tsv, row 2, column 4: found 5 fields, expected 3"),
    )),
    Row("short row", (
        refused("p.tsv", tsv("a\tb"), "p.tsv, row 2, column 3: found 2 fields, expected 3"),
        refused("p.csv", comma("a"), "p.csv, row 2, column 2: found 1 fields, expected 3"),
    )),
    Row("stray quote", (
        refused("p.csv", comma('"a" b,c,neutral'), "p.csv, row 2: found a quote out of place"),
        refused("p.csv", comma(*["a,b,neutral"] * 3, '"a,b,neutral'), "p.csv, row 5: found a quote out of place"),
        taken("p.tsv", tsv('"a\tb\tneutral'), '"a'),
        taken("p.csv", comma('"she said ""no"", then\nleft",b,neutral'), 'she said "no", then\nleft'),
    )),
    Row("BOM (accept)", (
        taken("p.csv", b"\xef\xbb\xbf" + comma("a,b,neutral"), "a"),
        taken("p.jsonl", b"\xef\xbb\xbf" + jsonl(pair()), "a"),
    )),
    Row("CRLF, CR (accept)", tuple(
        taken(file, content.replace(b"\n", newline), "a")
        for newline in (b"\r\n", b"\r")
        for file, content in (
            ("p.tsv", tsv("a\tb\tneutral")),
            ("p.csv", comma("a,b,neutral")),
            ("p.jsonl", jsonl(pair())),
        )
    )),
    Row("NUL byte (strip, count)", (
        taken("p.tsv", tsv("x\0y\0z\tb\tneutral"), "xyz", NUL_characters_removed=2),
        taken("p.jsonl", jsonl(pair(premise="x\0y")), "xy", NUL_characters_removed=1),
    )),
    Row("invalid UTF-8, Latin-1, UTF-16 (byte offset)", (
        refused("p.csv", comma()[:-1] + b"\xff\n", "p.csv, row 10: found 0xff at byte 303, expected UTF-8"),
        refused("p.csv", comma("café,b,neutral").decode().encode("latin-1"), "p.csv, row 2: found 0xe9 at byte 28, "),
        refused("p.parquet", parquet(premise=pyarrow.array([b"a", b"\xff"]).view(pyarrow.string())),
                "p.parquet: found no usable parquet (", "UTF8 sequence at string index 1"),
        refused("p.csv", UTF16.encode("utf-16"), "p.csv: found a UTF-16 byte-order mark at byte 0, expected UTF-8"),
        refused("p.csv", UTF16.encode("utf-16-le"), "p.csv: found 37 NUL bytes, the first at byte 1, as in UTF-16"),
    )),
    Row("empty file, header only", (
        *(refused(f"p.{kind}", b"", f"p.{kind}, row 1: found nothing, expected a column premise or sentence1")
          for kind in ("tsv", "csv", "jsonl")),
        refused("p.parquet", b"", "p.parquet: found no usable parquet"),
        refused("p.csv", b"premise,hypothesis,label\n", "p.csv: found no usable pair (no rows), expected pairs"),
    )),
    Row("label - or -1 (drop, count; refuse if all)", (
        taken("p.tsv", tsv("x\tb\t-", "y\tb\t-1"), without=("x", "y"), unlabelled_pairs_dropped=2),
        taken("p.jsonl", jsonl(pair(-1, premise="x")), without=("x",), unlabelled_pairs_dropped=1),
        refused("p.csv", b"premise,hypothesis,label\na,b,-\nc,d,-1\n",
                "p.csv: found no usable pair (unlabelled pairs dropped: 2)"),
    )),
    Row("unknown label", (
        refused("p.tsv", tsv("a\tb\tmaybe"), f"p.tsv, row 2, column label: found 'maybe', {ONE_OF}"),
        refused("p.csv", comma("a,b,Neutral"), f"p.csv, row 2, column label: found 'Neutral', {ONE_OF}"),
        refused("p.csv", comma("a,b,1"), f"p.csv, row 2, column label: found '1', {ONE_OF}", "--label-names"),
    )),
    Row("label 1.5, NaN, true", (
        refused("p.csv", comma("a,b,1.5", "a,b,NaN", "a,b,true"), "row 2, column label: found '1.5'",
                "row 3, column label: found 'NaN'", "row 4, column label: found 'true'", "unknown label: 3"),
        refused("p.jsonl", jsonl(pair(1.5), pair(float("nan")), pair(True), pair(1.0)),
                "row 1, column label: found 1.5", "row 2, column label: found nan",
                "row 3, column label: found True", "row 4, column label: found 1.0"),
    )),
    Row("missing label", (
        refused("p.csv", comma("a,b,"), f"p.csv, row 2, column label: found no label, {ONE_OF}"),
        refused("p.jsonl", jsonl({"premise": "a", "hypothesis": "b"}, pair(None)),
                "row 1, column label: found no label", "row 2, column label: found no label", "missing label: 2"),
    )),
    Row("empty sentence (drop, count)", (
        taken("p.tsv", tsv("\tb\tneutral", "x\t  \tneutral"), without=("x",), pairs_with_an_empty_sentence_dropped=2),
        taken("p.jsonl", jsonl(pair(premise="")), pairs_with_an_empty_sentence_dropped=1),
    )),
    Row("1,000,000 characters (truncate, count)", (
        Taken({"p.tsv": tsv(f"{'dog ' * 250_000}\tb\tneutral")},
              {f"p.tsv: sentences cut at {LONGEST:,} characters": 1}, (("dog " * 250_000)[:LONGEST],)),
    )),
    Row("lone surrogate", (
        refused("p.jsonl", jsonl(r'{"premise": "a \ud800 c", "hypothesis": "b", "label": "neutral"}'),
                r"p.jsonl, row 1, column premise: found 'a \ud800 c', expected text that UTF-8 can hold"),
        refused("p.jsonl", jsonl(r'{"premise": "a", "hypothesis": "b", "label": "\udfff"}'),
                r"p.jsonl, row 1, column label: found '\udfff'"),
        refused("p.csv", comma() + b"\xed\xa0\x80,b,neutral\n",
                "p.csv, row 11: found 0xed at byte 304, expected UTF-8"),
    )),
    Row("JSON lines of mixed types, null, list, truncated", (
        refused("p.jsonl", jsonl(pair(premise=7), pair(hypothesis=None), pair(premise=["a"])),
                "row 1, column premise: found 7 (int), expected text", "row 2, column hypothesis: found nothing",
                "row 3, column premise: found ['a'] (list)", "not text: 3"),
        refused("p.parquet", parquet(premise=[7, 8], label=[None, 1.5]),
                "p.parquet, row 1, column premise: found 7 (int), expected text", "row 1, column label: found no label",
                "row 2, column label: found 1.5", "not text: 2"),
        refused("p.jsonl", jsonl(["a", "b", "neutral"], "null", "3"), "p.jsonl, row 1: found ['a', 'b', 'neutral']",
                "row 2: found None", "row 3: found 3, expected one JSON object a line"),
        refused("p.jsonl", jsonl(last='{"premise": "a", "hyp'),
                "p.jsonl, row 10, column 18: found", "Unterminated string"),
        refused("p.jsonl", jsonl("[" * 100_000), "p.jsonl, row 1: found", "recursion"),
    )),
    Row("duplicate pairs and conflicting labels (count)", (
        Taken({"p.tsv": tsv(*["x\tb\tneutral"] * 3, "x\tb\tentailment")},
              {"p.tsv: pairs that repeat an earlier one": 3,
               "p.tsv: pairs that repeat an earlier one with another label": 1}),
    )),
    Row("train / test overlap (pairs: refuse unless allowed; premises: count)", (
        Refused(SHARED, ("test.tsv, row 2: found the pair of train-3, expected a pair that is not learned from",)),
        Taken(SHARED, {"test.tsv: pairs that are training pairs, too": 1,
                       "test.tsv: premises that are training premises, too": 1}, flags=("--overlap", "keep")),
        Taken(SHARED, {"train.tsv: pairs left out, being validation or test pairs": 1}, flags=("--overlap", "drop")),
        Taken(PREMISE, {"test.tsv: premises that are training premises, too": 1}),
    )),
]  # fmt: skip
