"""The tables of retrieval: spaces and vectors, words, what audits and reviews found."""

from retrieval.models.embeddings import (
    AuditFinding,
    AuditRun,
    Embedding,
    EmbeddingSpace,
    EncoderOutput,
    LexicalDocument,
    LexicalEntry,
    TrainingJob,
)
from retrieval.models.review import (
    Case,
    ContentPrint,
    DuplicatePair,
    Policy,
    PolicyExample,
    ReviewRun,
    Screening,
)
from retrieval.models.runs import Run

__all__ = [
    "AuditFinding",
    "AuditRun",
    "Case",
    "ContentPrint",
    "DuplicatePair",
    "Embedding",
    "EmbeddingSpace",
    "EncoderOutput",
    "LexicalDocument",
    "LexicalEntry",
    "Policy",
    "PolicyExample",
    "ReviewRun",
    "Run",
    "Screening",
    "TrainingJob",
]
