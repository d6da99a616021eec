"""Named configurations. Each opens with its command."""

from __future__ import annotations

from train.config import EvaluationConfig, OptimConfig, RunConfig

RECIPES: dict[str, RunConfig] = {
    # python -m train.run --recipe minilm
    "minilm": RunConfig(
        optim=OptimConfig(
            learning_rates={
                "scratch": 3e-4,
                "pretrained": 1e-4,
                "embeddings": 3e-4,
                "shuffled": 3e-4,
                "bottom": 1e-4,
                "mlm": 1e-4,
            }
        )
    ),
}

MASKED_LM = RunConfig(
    # python -m train.pretrain
    init="scratch",
    recipe="masked-lm",
    optim=OptimConfig(learning_rates={"scratch": 5e-4}, batch_size=128, epochs=20),
    evaluation=EvaluationConfig(probes=0),
)
"""Of a masked language model's own training."""
