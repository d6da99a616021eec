"""The flags of `python -m train.run` and the fields of RunConfig that they set, as two tables."""

from __future__ import annotations

from typing import Any

SNAPSHOTS = 10
"""What --keep-trajectory keeps."""

Flag = tuple[str, str, type, str]
FLAGS: tuple[Flag, ...] = (
    # flag, field of RunConfig, type, help
    ("--init", "init", str, "scratch, pretrained, embeddings, shuffled, bottom-K or mlm: how the encoder is filled"),
    ("--checkpoint", "checkpoint", str, "minilm, bert, distilbert, roberta, a folder, a .safetensors file or a hub id"),
    ("--depth", "depth", int, "number of layers, of a checkpoint its lowest (default: all)"),
    ("--mlm", "mlm", str, "for --init mlm: the folder of train.pretrain (default: results/mlm/DATASET-EXAMPLES)"),
    ("--dataset", "data.dataset", str, "controlled (built in), mnli, or own"),
    ("--data", "data.folder", str, "folder or file with pairs, for own and mnli (mnli else from MNLI_DIR or the hub)"),
    ("--columns", "data.columns", str, "names of the file's columns: premise=A,hypothesis=B,label=C,genre=D"),
    ("--label-names", "data.label_names", str, "what labels 0, 1, 2 mean, such as entailment,neutral,contradiction"),
    ("--overlap", "data.overlap", str, "training pairs that another split has, too: drop or keep (default: refused)"),
    ("--train-examples", "data.train_examples", int, "training pairs (default: all)"),
    ("--test-examples", "data.test_examples", int, "test pairs (default: all)"),
    ("--validation-examples", "data.validation_examples", int, "pairs set aside for validation"),
    ("--max-tokens", "data.max_tokens", int, "tokens of a pair; longer ones are cut"),
    ("--hide", "data.hide", str, "premise or hypothesis: train on the other side alone"),
    ("--epochs", "optim.epochs", int, "passes over the training pairs"),
    ("--max-steps", "optim.max_steps", int, "stop after this many updates"),
    ("--batch-size", "optim.batch_size", int, "examples of a batch, over all processes"),
    ("--accumulation", "optim.accumulation", int, "batches of one update"),
    ("--learning-rate", "optim.learning_rate", float, "peak rate (default: the recipe's for this init)"),
    ("--warmup", "optim.warmup", float, "share of the steps in which the rate rises"),
    ("--freeze", "freeze.layers", str, "what is not trained: none, all, or K (embeddings and the lowest K layers)"),
    ("--patience", "stop.patience", int, "stop after this many epochs without improvement (default: never)"),
    ("--head-init", "head_init", str, "normal, or zero: then the first loss is exactly ln 3"),
    ("--seed", "seed", int, "decides the fresh weights, the batches and the dropout"),
    ("--device", "device", str, "auto, cpu, cuda, cuda:1, ..."),
    ("--precision", "precision", str, "auto, float32, bf16 or fp16"),
    ("--threads", "threads", int, "CPU threads (default: one for each core)"),
)

DATA_FLAGS = tuple(flag for flag in FLAGS if flag[1].startswith("data.") and flag[0] not in ("--max-tokens", "--hide"))
"""What decides which pairs there are."""

SWITCHES: tuple[tuple[str, str, Any, str], ...] = (
    # flag without a value, field, what it sets, help
    ("--frozen-dropout", "freeze.dropout", True, "leave dropout on in frozen layers, as the seed report did"),
    ("--keep-trajectory", "trajectory", SNAPSHOTS, f"keep {SNAPSHOTS} snapshots of the weights"),
    ("--no-export", "export", False, "do not keep the best weights"),
)
