"""The built-in corpus: right labels, no help from one side alone, truly unseen words, the same bytes everywhere."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from tests.controlled_facts import facts
from tests.controlled_oracle import Knowledge, solve
from tests.controlled_reader import Reader
from train.data.controlled import load_controlled, main
from train.data.lexicon import SEEN, UNSEEN
from train.data.pairs import LABELS, Example

SIZES = {"train": 6000, "validation": 1002, "test": 1512, "test_unseen": 1512}
SET_SIZES = {"taxonomy": 9, "conjunction": 9}
SHA256 = "cfbb5070cd3060bd072589639eb18fa7c5f47a9e2ad2498159e159c660dd1105"
FUNCTION_WORDS = set(re.findall(r"\w+", """
    a an the is are was were did there not no every at least one most more fewer than both and but by before after in on
    near behind across two three four five six seven eight nine ten eleven twelve
"""))  # fmt: skip
SIDES = ("premise", "hypothesis")
CORPUS = load_controlled()
HELD_OUT = CORPUS["test"] + CORPUS["test_unseen"]


def words(examples: list[Example]) -> set[str]:
    return {word for e in examples for word in re.findall(r"[a-z]+", f"{e.premise} {e.hypothesis}".lower())}


def digest(corpus: dict[str, list[Example]]) -> str:
    rows = [f"{e.id}\t{e.premise}\t{e.hypothesis}\t{e.label}\t{e.group}" for split in corpus.values() for e in split]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def labels_by_sentence(examples: list[Example], side: str) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        counts[getattr(example, side)][example.label] += 1
    return counts


def ngram_accuracy(text: Callable[[Example], str]) -> float:
    """Of a logistic regression on uni- and bigrams, trained on train and tried on both tests."""
    vectors = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+")
    model = LogisticRegression(max_iter=200)
    model.fit(vectors.fit_transform(map(text, CORPUS["train"])), [e.label for e in CORPUS["train"]])
    return float(model.score(vectors.transform(map(text, HELD_OUT)), [e.label for e in HELD_OUT]))


def test_splits_have_their_sizes() -> None:
    assert {split: len(examples) for split, examples in CORPUS.items()} == SIZES
    assert [e.id for e in CORPUS["test"][:2]] == ["controlled-test-0", "controlled-test-1"]


@pytest.mark.parametrize("split", SIZES)
def test_every_sentence_occurs_equally_often_under_each_label(split: str) -> None:
    for side in SIDES:
        for sentence, counts in labels_by_sentence(CORPUS[split], side).items():
            assert len({counts[label] for label in LABELS}) == 1, (sentence, counts)


@pytest.mark.parametrize("split", SIZES)
def test_matched_sets_stand_together(split: str) -> None:
    start, examples = 0, CORPUS[split]
    while start < len(examples):
        matched = examples[start : start + SET_SIZES.get(examples[start].group, 12)]
        assert len({e.group for e in matched}) == 1
        for side in SIDES:
            counts = labels_by_sentence(matched, side).values()
            assert all(count == dict.fromkeys(LABELS, 1) for count in counts)
        start += len(matched)


@pytest.mark.parametrize("side", SIDES)
def test_one_side_alone_is_at_chance(side: str) -> None:
    assert len(HELD_OUT) >= 3000
    assert ngram_accuracy(lambda e: getattr(e, side)) < 0.38


def test_the_ngram_model_would_notice_a_giveaway() -> None:
    assert ngram_accuracy(lambda e: e.hypothesis + " indeed" * (e.label == "entailment")) > 0.6


@pytest.mark.parametrize("split", SIZES)
def test_a_reader_with_the_lexicon_recovers_every_label(split: str) -> None:
    reader, knowledge = Reader(SEEN, UNSEEN), Knowledge(facts(SEEN) + facts(UNSEEN))
    wrong = [e for e in CORPUS[split] if solve(reader, knowledge, e.premise, e.hypothesis) != e.label]
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("split", ["test", "test_unseen"])
def test_without_lexical_relations_a_reader_recovers_clearly_fewer(split: str) -> None:
    reader, nothing = Reader(SEEN, UNSEEN), Knowledge([])
    right: dict[str, list[bool]] = defaultdict(list)
    for e in CORPUS[split]:
        right[e.group].append(solve(reader, nothing, e.premise, e.hypothesis) == e.label)
    assert sum(map(sum, right.values())) / len(CORPUS[split]) < 0.65
    assert all(sum(hits) / len(hits) < 0.8 for hits in right.values())


@pytest.mark.parametrize(
    ("premise", "hypothesis", "label"),
    [
        ("The animal in the yard is a small poodle.", "The animal in the yard is a dog.", "entailment"),
        ("The animal in the yard is a dog.", "The animal in the yard is a poodle.", "neutral"),
        ("The animal in the yard is a poodle.", "The animal in the yard is an owl.", "contradiction"),
        ("The animal in the yard is not a dog.", "The animal in the yard is not a poodle.", "entailment"),
        ("Every dog in the yard is huge.", "Every animal in the yard is large.", "neutral"),
        ("Every animal in the yard is huge.", "Every dog in the yard is large.", "entailment"),
        ("No dog in the yard is small.", "At least one poodle in the yard is tiny.", "contradiction"),
        ("Tom is taller than Anna.", "Anna is not shorter than Tom.", "contradiction"),
        ("Tom is not taller than Anna.", "Anna is taller than Tom.", "neutral"),
        ("Tom giggled before Anna fell.", "Anna fell after Tom laughed.", "entailment"),
        ("Tom chased Anna.", "Tom was pursued by Anna.", "neutral"),
        ("There are more than two owls in the yard.", "There are at least three birds in the yard.", "entailment"),
        ("There are at most two owls in the yard.", "There are at most two birds in the yard.", "neutral"),
    ],
)
def test_the_reader_agrees_with_people(premise: str, hypothesis: str, label: str) -> None:
    """Pairs labelled by hand, so that generator and reader cannot be wrong together."""
    assert solve(Reader(SEEN), Knowledge(facts(SEEN)), premise, hypothesis) == label


def test_unseen_words_never_occur_elsewhere() -> None:
    others = words(CORPUS["train"] + CORPUS["validation"] + CORPUS["test"])
    assert words(CORPUS["test_unseen"]) & others <= FUNCTION_WORDS


def test_seen_test_words_all_occur_in_training() -> None:
    assert words(CORPUS["test"]) <= words(CORPUS["train"])


def test_the_lexicon_has_some_600_content_words_in_use() -> None:
    taught = {word for _, a, b in facts(SEEN) + facts(UNSEEN) for word in (a, b)}
    assert len(taught) > 450
    assert len(words(CORPUS["train"] + CORPUS["test_unseen"]) - FUNCTION_WORDS) > 600


@pytest.mark.parametrize("lexicon", [SEEN, UNSEEN], ids=["seen", "unseen"])
def test_no_word_both_implies_and_excludes_another(lexicon) -> None:
    knowledge = Knowledge(facts(lexicon))
    taught = sorted({word for _, a, b in facts(lexicon) for word in (a, b)})
    assert not [(a, b) for a in taught for b in knowledge.above(a) if knowledge.excludes(a, b)]


def test_no_pair_repeats_and_no_sentence_is_in_two_splits() -> None:
    pairs = Counter((e.premise, e.hypothesis) for examples in CORPUS.values() for e in examples)
    assert max(pairs.values()) == 1
    homes: dict[str, set[str]] = defaultdict(set)
    for split, examples in CORPUS.items():
        for e in examples:
            homes[e.premise].add(split)
            homes[e.hypothesis].add(split)
    assert all(len(splits) == 1 for splits in homes.values())


@pytest.mark.parametrize("split", SIZES)
def test_every_phenomenon_has_all_labels_equally_often(split: str) -> None:
    counts = Counter((e.group, e.label) for e in CORPUS[split])
    groups = {group for group, _ in counts}
    assert len(groups) == 10
    assert all(len({counts[group, label] for label in LABELS}) == 1 for group in groups)


def test_sentences_are_written_properly() -> None:
    for e in (e for examples in CORPUS.values() for e in examples):
        for text in (e.premise, e.hypothesis):
            assert re.fullmatch(r"[A-Z][a-z]*(,? [A-Za-z]+)+\.", text), text
            assert not re.search(r"\b(a [aeiou]|an [^aeiou])", text.lower()), text
        assert e.premise != e.hypothesis


def test_the_corpus_is_pinned() -> None:
    assert digest(CORPUS) == SHA256
    assert digest(load_controlled(1)) != SHA256


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_bytes_do_not_depend_on_the_hash_seed_and_need_no_torch(hash_seed: str) -> None:
    script = """if True:
        import hashlib, sys
        from train.data.controlled import load_controlled
        fields = "id premise hypothesis label group".split()
        rows = ["\\t".join(getattr(e, f) for f in fields) for split in load_controlled().values() for e in split]
        print(hashlib.sha256("\\n".join(rows).encode()).hexdigest(), "torch" in sys.modules)
    """
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [SHA256, "False"]


def test_show_prints_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--show", "7", "--split", "test_unseen", "--seed", "0"])
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows == [[e.label, e.group, e.premise, e.hypothesis] for e in CORPUS["test_unseen"][:7]]


@pytest.mark.parametrize("arguments", [["--show", "-3"], ["--show", "many"], ["--split", "dev"]])
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as failure:
        main(arguments)
    assert failure.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
