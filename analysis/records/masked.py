"""The records of the weights that the arm mlm begins with: what was learned from masked words."""

from pathlib import Path

from analysis.records.reading import RecordError, is_kind, lookup, parse_object, read_text
from analysis.records.runs import Run


def masked_folder(run: Run) -> Path:
    """Returns where these records would lie: beside the study, under the name that the run gives or the usual one."""
    data = run.config["data"]
    usual = f"{data['dataset']}-{data.get('train_examples') or 'all'}"
    return run.path.parents[2] / "mlm" / Path(str(run.config.get("mlm") or usual)).name


def masked_figures(run: Run) -> tuple[int, float, float] | None:
    """Returns sentences learned from, and accuracy and loss (nats) on masked words of others; None without records.

    Raises:
        RecordError: they are malformed.
    """
    folder, found = masked_folder(run), []
    if not (folder / "summary.json").is_file():
        return None
    after = "evaluations.after.validation"
    asked = [("data", "splits.train.sentences"), ("summary", f"{after}.accuracy"), ("summary", f"{after}.loss")]
    for name, key in asked:
        path = folder / f"{name}.json"
        value = lookup(parse_object(read_text(path), str(path)), key)
        if not is_kind(value, float):
            raise RecordError(f"{path}: {key} should be a number")
        found.append(value)
    return int(found[0]), float(found[1]), float(found[2])
