"""Small random checkpoints made by transformers, and the same weights in our classifier."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from torch import Tensor, nn

from models.batch import TokenBatch
from models.build import copy_tensors_
from models.classifier import SequenceClassifier
from models.config import EncoderConfig
from models.pretrained import read_tensors
from models.sources import find_checkpoint

ARCHITECTURES: dict[str, EncoderConfig] = {
    # Wang et al. 2020 (MiniLM), 6 layers of 384: 22.7 million parameters
    "minilm": EncoderConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1_536),
    # Devlin et al. 2018, BERT-base uncased: 109.5 million
    "bert": EncoderConfig(),
    # Sanh et al. 2019, DistilBERT-base uncased: 66.4 million
    "distilbert": EncoderConfig(family="distilbert", num_hidden_layers=6, type_vocab_size=0, classifier_dropout=0.2),
    # Liu et al. 2019, RoBERTa-base: 124.6 million
    "roberta": EncoderConfig(
        family="roberta",
        vocab_size=50_265,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
    ),
}
"""What the checkpoints of the recipes are."""

FAMILIES = ("bert", "distilbert", "roberta")
THEIR_NAMES = {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta"}
LENGTHS = (7, 3, 11, 1)
VOCABULARY = 60
_BERT_FIELDS = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "hidden_dropout_prob": 0.13,
    "attention_probs_dropout_prob": 0.07,
    "classifier_dropout": 0.21,
    "layer_norm_eps": 3e-3,  # unlike any default, so that an assumed one shows
}
FIELDS = {
    "bert": _BERT_FIELDS,
    "roberta": {**_BERT_FIELDS, "type_vocab_size": 1},
    "distilbert": {
        "dim": 24,
        "n_layers": 3,
        "n_heads": 4,
        "hidden_dim": 40,
        "dropout": 0.13,
        "attention_dropout": 0.07,
        "seq_classif_dropout": 0.21,
    },
}


def their_model(family: str, task: str = "ForSequenceClassification") -> transformers.PreTrainedModel:
    """transformers' model with every parameter random, biases and norms included."""
    name = THEIR_NAMES[family]
    config = getattr(transformers, f"{name}Config")(
        vocab_size=VOCABULARY, max_position_embeddings=20, num_labels=3, **FIELDS[family]
    )
    config._attn_implementation = "eager"
    model = getattr(transformers, name + task)(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    return model


def saved(model: transformers.PreTrainedModel, folder: Path) -> Path:
    """The folder, with the model in it as transformers writes it."""
    model.save_pretrained(folder)
    return folder


def our_model(folder: Path, theirs: transformers.PreTrainedModel | None = None) -> SequenceClassifier:
    """Our classifier in float64, filled from the folder, with `theirs`' head copied part by part if given."""
    checkpoint = find_checkpoint(str(folder))
    tensors, _ = read_tensors(checkpoint)
    model = SequenceClassifier(checkpoint.config, 3)
    copy_tensors_(model, tensors)
    if theirs is not None:
        for ours, part in head_parts(theirs).items():
            model.head.get_submodule(ours).load_state_dict(part.state_dict())
    return model.double().eval()


def head_parts(theirs: transformers.PreTrainedModel) -> dict[str, nn.Module]:
    """Our name of each linear layer in the head -> transformers' module."""
    if theirs.config.model_type == "bert":
        return {"output": theirs.classifier}
    if theirs.config.model_type == "distilbert":
        return {"dense": theirs.pre_classifier, "output": theirs.classifier}
    return {"dense": theirs.classifier.dense, "output": theirs.classifier.out_proj}


def ragged_inputs(family: str) -> dict[str, Tensor]:
    """Padded inputs of four lengths, one of them 1; token types for BERT alone. Ids 0 and 1 stand in pads only."""
    generator = torch.Generator().manual_seed(1)
    shape = (len(LENGTHS), max(LENGTHS))
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    pad = 1 if family == "roberta" else 0
    ids = torch.randint(2, VOCABULARY, shape, generator=generator).where(mask, pad)
    inputs = {"input_ids": ids, "attention_mask": mask.long()}
    if family == "bert":
        inputs["token_type_ids"] = torch.randint(0, 2, shape, generator=generator) * mask
    return inputs


def packed(inputs: dict[str, Tensor]) -> TokenBatch:
    """The same inputs as our batch without padding."""
    return TokenBatch.from_padded(inputs["input_ids"], inputs["attention_mask"], inputs.get("token_type_ids"))


def gradients(model: nn.Module, loss: Tensor) -> dict[bytes, Tensor]:
    """Gradient of every parameter, keyed by its bytes: a table of names could be wrong, values cannot."""
    model.zero_grad()
    loss.backward()
    found = {}
    for parameter in model.parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[parameter.detach().numpy().tobytes()] = gradient.to_dense() if gradient.is_sparse else gradient
    assert len(found) == len(list(model.parameters()))
    return found
