"""What a language model adds, and the only ways to it: ``calls.complete`` and ``calls.stream``.

Nothing needs one. Whatever asks a model has an answer without it, bounds what the model's answer can
change, checks it, and says ``degraded`` where there should have been one and was none.
"""
