"""A head from a catalog's own items: numpy and torch, no Django.

- ``train_head(data, config, progress, checkpoints) -> TrainedHead``: the stages, in ``align``
- ``data``: what a head learns from; ``checkpoints``: what a killed training goes on from
- ``contrastive`` and ``batches``: refinement that has to prove itself; ``details``: what alignment
  forgets; ``fusing``: how much each modality counts
- ``wavenet``: an encoder of spoken words, from scratch
"""

from retrieval.training.align import TrainedHead, TrainingConfig, train_head

__all__ = ["TrainedHead", "TrainingConfig", "train_head"]
