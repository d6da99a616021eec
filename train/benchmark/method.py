"""What the benchmark's report says of how it was measured, and of what it counts."""

METHOD = """\
Each contender runs in a process of its own, which reads the pairs, tokenizes them, loads the weights and builds what it
needs; contenders alternate, and every other round runs backwards. Ours is the code of `python -m train.run`; the other
is transformers' `Trainer` with its defaults (dynamic padding by `DataCollatorWithPadding`, random batches), or with
`train_sampling_strategy="group_by_length"` where it says so. Same weights, pairs, batch size and longest pair, float32,
dropout as in the checkpoint, AdamW, linear schedule, torch's default threads. Each round of a run has a seed of
its own, and with it other batches. Nothing is saved, and nothing evaluated while training.

Of what makes ours faster a user of the Trainer could have this, too, which its defaults have not: memory that the
process keeps instead of handing it back to the kernel, denormals flushed to zero, passes of a bounded number of tokens,
and attention in plain operations where it has dropout.

- **Training**: one whole epoch, after {warm_up} updates that do not count. The Trainer's default trains on every second
  pair in the order of length, so on half as many of the same lengths. Its grouping sorts by length within pools of 50
  batches, but of no more than a fourth of all that there are, {pool} here: on more pairs it groups better, and is
  faster.
- **Evaluation**: both in batches of {batch_size}; ours sorts by length, as it always does, and asks as many batches at
  once as there are threads, a thread for each. The Trainer takes the pairs as they come, or sorted where it says so.
- **Frozen encoder**: {frozen_epochs} epochs of the head. Ours reads every pair once, without dropout, and trains the
  head on what it read; the Trainer runs the encoder in every epoch, with dropout. Our seconds include building the job;
  the Trainer's start when its first batch is drawn.
- **Peak memory**: largest resident size of the process, up to the end of the epoch.
- **First update**: by the parent's clock, from before the process starts; imports, reading and loading included, but
  not the evaluation before any update with which `train.run` begins.
- **Growth**: ours alone, one measurement a point, made once for a record.
- **Quotients** are made within each round; the table shows their median, least and most. A target is met if the median
  reaches it. Targets were set before anything was measured; on the way to them code, sizes and rounds changed, and
  `git log -p results/benchmark/record.json` has each record that was kept. Another run may fall on the other side of a
  target that the median is close to: how many rounds meet it says how close, and `--more` adds rounds to a record.
"""

EARLIER = """\
**This record is of earlier code**, which did otherwise than what follows says: all its rounds had one seed, ours drew
batches of like length, its last layer made a key and a value of every token, and the products alone were measured
once, after the epoch, with query, key and value apart.
"""

FLOPS = """\
Counted are the matrix products of one epoch on real tokens, two operations for each multiply-add: the linear layers,
and attention's scores and values over each sequence's own length (in the last layer, which makes no keys and values, as
wide as a token for every head); backward counts twice the forward. Pads that attention computes along, what the last
layer leaves out (only the classification token asks), norms, softmax, activations, dropout and the optimizer count as
nothing. Divided by the seconds of the epoch, that is the rate of training. It is compared with the rate of this model's
linear layers alone, x W', g W and g' x at the epoch's mean number of tokens in one pass and with query, key and value
in one product, as the model has them. The same process measures it right before and right after the epoch, each product
for its share of three seconds, and takes the mean.
"""
