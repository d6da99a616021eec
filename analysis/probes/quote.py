"""Writes quotes.json into a study folder: the sentences of the few test pairs that its report shows.

Runs record the ids of pairs alone, and without quotes.json the report shows those.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.probes.command import recorded_pairs
from analysis.records.choices import chosen_rates, read_choices
from analysis.records.reading import SCHEMA_VERSION
from analysis.records.runs import load_study
from analysis.records.study import Study, arrange
from analysis.tables.disagreement import shown_disagreements
from analysis.tables.errors import shown_mistakes
from models.errors import UserError, command
from models.files import replaced_file
from train.data.pairs import content_hash
from train.guard import guard


def parser() -> argparse.ArgumentParser:
    """Returns the command line."""
    found = argparse.ArgumentParser(prog="python -m analysis.probes.quote", description=__doc__)
    found.add_argument("study", type=Path, metavar="STUDY", help="a study folder with runs/ in it")
    found.add_argument("--data", metavar="DIR", help="folder of the runs' data, as for train.run")
    return found


def quote(study: Study, folder: str | None) -> dict[str, Any]:
    """Returns the record: the sentences of every pair that the report shows.

    Raises:
        UserError: there is none to show.
        DataError: the pairs cannot be read.
    """
    wanted = {(each.split, each.id) for each in shown_mistakes(study.arms)}
    wanted |= {(each.split, each.id) for each in shown_disagreements(study.arms)}
    if not wanted:
        raise UserError("no pair to quote: the runs have no predictions, or none is wrong")
    run, split = study.arms[0].runs[0], next(iter(wanted))[0]
    pairs = recorded_pairs([run], split, folder)
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": run.config["data"]["dataset"],
        "split": split,
        "sha256": content_hash(pairs),
        "pairs": {pair.id: [pair.premise, pair.hypothesis] for pair in pairs if (split, pair.id) in wanted},
    }


@guard
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes quotes.json."""
    asked = parser().parse_args(arguments)
    path = asked.study / "quotes.json"
    try:
        runs, _ = load_study([asked.study])  # not open_study, which reads what is to be replaced
        record = quote(arrange(runs, chosen_rates(read_choices(asked.study / "choices.json"))), asked.data)
        with replaced_file(path) as fresh:
            fresh.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None
    print(f"quotes: {path}\nNext: {command('analysis.compare', asked.study)}")


if __name__ == "__main__":
    sys.exit(main())
