"""What Triad does here: the catalog's limits, encoders, filters, placements, events, models, the LLM.

A deployment's own choices; Django's settings are in config/settings.py.
"""

from typing import Any

from config import env

TASK_TIME_LIMIT_S = env.integer("TASK_TIME_LIMIT_S", 300, minimum=10)
"""Of ordinary work; training and other long tasks have limits of their own."""

CATALOG: dict[str, Any] = {
    "MAX_IMAGE_BYTES": env.mebibytes("MAX_IMAGE_MIB", 20),
    "MAX_AUDIO_BYTES": env.mebibytes("MAX_AUDIO_MIB", 50),
    "MAX_VIDEO_BYTES": env.mebibytes("MAX_VIDEO_MIB", 200),
    "MAX_IMAGE_PIXELS": env.integer("MAX_IMAGE_MEGAPIXELS", 50, minimum=1) * 1_000_000,
    "MAX_AUDIO_S": env.integer("MAX_AUDIO_S", 3600, minimum=1),
    "MAX_VIDEO_S": env.integer("MAX_VIDEO_S", 3600, minimum=1),
    # of a file to import, and of the zip of media beside it; one request carries both
    "MAX_IMPORT_BYTES": env.mebibytes("MAX_IMPORT_MIB", 200),
    # what a zip of media may become when it is unpacked
    "MAX_UNPACKED_BYTES": env.mebibytes("MAX_UNPACKED_MIB", 2048),
    "MAX_MEDIA_PER_ITEM": env.integer("MAX_MEDIA_PER_ITEM", 20, minimum=1),
}

# weights come inside packages: no network, no GPU, no key
_STARTER = {
    "text": {
        "BACKEND": "retrieval.encoders.ensemble.EnsembleEncoder",
        # E5's cosines are compressed: with these shares both spread equally around their means
        "members": [
            {"BACKEND": "retrieval.encoders.e5.E5Encoder", "share": 0.83},
            {"BACKEND": "retrieval.encoders.use.UseEncoder", "share": 0.17},
        ],
    },
    "image": {"BACKEND": "retrieval.encoders.efficientnet.EfficientNetEncoder"},
    "audio": {"BACKEND": "retrieval.encoders.audio_statistics.AudioStatisticsEncoder"},
}
_HUB = {
    "device": env.text("ENCODER_DEVICE", "auto"),
    "precision": env.choice("ENCODER_PRECISION", "float32", ("float32", "bfloat16")),
}
# one encoder for words and pictures, so that they share a space before anything is trained
_SIGLIP = {
    "BACKEND": "retrieval.encoders.clip.SiglipEncoder",
    "model": "google/siglip2-base-patch16-224",
    "revision": "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
    **_HUB,
}
_PROFILES: dict[str, dict[str, Any]] = {
    "starter": _STARTER,
    "standard": {
        "text": _SIGLIP,
        "image": _SIGLIP,
        "audio": {
            "BACKEND": "retrieval.encoders.sound.ClapEncoder",
            "model": "laion/clap-htsat-unfused",
            # the commit that adds safetensors; main has a pickle only
            "revision": "79b58ed25fc00386262a2bea4b19fd21dc4310a0",
            **_HUB,
        },
    },
    "remote": {
        **_STARTER,
        "text": {
            "BACKEND": {
                "openai": "retrieval.encoders.remote.OpenAIEmbeddings",
                "tei": "retrieval.encoders.remote.TextEmbeddingsInference",
            }[env.choice("EMBEDDINGS_PROTOCOL", "openai", ("openai", "tei"))],
            "base_url": env.text("EMBEDDINGS_URL"),
            "model": env.text("EMBEDDINGS_MODEL"),
            "dim": env.integer("EMBEDDINGS_DIM", 0),
            "api_key": env.text("EMBEDDINGS_KEY"),
        },
    },
}
RETRIEVAL: dict[str, Any] = {
    "PROFILE": env.choice("RETRIEVAL_PROFILE", "starter", tuple(_PROFILES)),
    "PROFILES": _PROFILES,
    "DIM": env.integer("RETRIEVAL_DIM", 256, minimum=8),
    "MAX_ATTEMPTS": env.integer("EMBED_MAX_ATTEMPTS", 3, minimum=1),
    "HEARD_S": env.integer("EMBED_HEARD_S", 60, minimum=1),
    # how long a worker may hold a claimed item before another may take it
    "LEASE_S": env.integer("EMBED_LEASE_S", TASK_TIME_LIMIT_S, minimum=1),
    # a training worker that is silent for longer was killed
    "TRAIN_LEASE_S": env.integer("TRAIN_LEASE_S", 60, minimum=1),
    "QUERY_TIMEOUT_S": env.integer("QUERY_TIMEOUT_S", 20, minimum=1),
    # of a hybrid search's score, what a request may say otherwise: 0 is by meaning alone, 1 by words
    "LEXICAL_SHARE": env.share("SEARCH_LEXICAL_SHARE", 0.5),
    # attributes of items that a search can be filtered by: number, date, text or boolean; after a
    # change run `manage.py index_filters`
    "FILTERS": {
        "source": "text",
        "emoji": "text",
        "hexcode": "text",
        "price": "number",
        "released": "date",
        "brand": "text",
        "in_stock": "boolean",
    },
}

RECOMMENDER: dict[str, Any] = {
    "EVENTS": {
        # what one event counts, and after how many days it counts half; a type that is not named here
        # is refused. Starting values by judgement: how much each costs who does it.
        "TYPES": {
            "view": {"weight": 1.0, "half_life_days": 30},
            "click": {"weight": 1.0, "half_life_days": 30},
            "like": {"weight": 4.0, "half_life_days": 180},
            "dislike": {"weight": -4.0, "half_life_days": 365},
            "cart": {"weight": 3.0, "half_life_days": 60},
            "purchase": {"weight": 5.0, "half_life_days": 180},
            "play": {"weight": 2.0, "half_life_days": 60, "with_share": True},
            "custom": {"weight": 1.0, "half_life_days": 30},
            # a like or a dislike is taken back; what was done with the item afterwards counts
            "withdraw": {"weight": 0.0, "half_life_days": 30, "takes_back": True},
        },
        "MAX_AGE_DAYS": env.integer("EVENT_MAX_AGE_DAYS", 730, minimum=1),
        "MAX_AHEAD_S": env.integer("EVENT_MAX_AHEAD_S", 300, minimum=0),
    },
    # where recommendations are shown; what each option means is in recommender/types.py. Starting
    # values by judgement; single options can be overridden in the admin, and compared in experiments.
    "PLACEMENTS": {
        "home": {
            "sources": {
                "taste": 0.35,
                "collaborative": 0.2,
                "factors": 0.1,
                "session": 0.15,
                "trending": 0.1,
                "new": 0.1,
            },
            "diversity": 0.4,
            "caps": {"categories": 6},
            "hide": ["like", "dislike", "purchase"],
            "rotation": 0.3,
            "exploration": 0.05,
            "fallback": ["trending", "popular", "new"],
        },
        # what goes with the item that is looked at
        "item": {
            "sources": {"session": 0.5, "covisited": 0.3, "collaborative": 0.2},
            "diversity": 0.2,
            "hide": ["dislike"],
            "limit": 12,
            "fallback": ["popular", "new"],
        },
        # what goes with several
        "basket": {
            "sources": {"covisited": 0.5, "collaborative": 0.3, "session": 0.2},
            "diversity": 0.3,
            "hide": ["dislike", "cart", "purchase"],
            "limit": 8,
            "fallback": ["popular", "new"],
        },
        # seen once, long after it was made
        "email": {
            "sources": {"taste": 0.5, "collaborative": 0.3, "new": 0.2},
            "diversity": 0.5,
            "caps": {"categories": 2},
            "hide": ["like", "dislike", "purchase", "cart", "view", "click"],
            "rotation": 0.8,
            "limit": 6,
            "fallback": ["trending", "popular", "new"],
        },
    },
    "IMPRESSIONS": {
        "KEEP_DAYS": env.integer("IMPRESSION_KEEP_DAYS", 180, minimum=1),
        # an event without a request_id counts for the last answer that showed the visitor its item
        # within so many hours
        "TOUCH_HOURS": env.integer("IMPRESSION_TOUCH_HOURS", 24, minimum=0),
        # types of events: what is a click, what converts (their value is the reports' value), and what
        # an experiment must not make more frequent, with the relative rise that is tolerated
        "CLICKS": ["click"],
        "CONVERSIONS": ["purchase"],
        "GUARDRAILS": {"dislike": 0.1},
    },
    "STOREFRONT": {
        # what its searches can be filtered by, in this order: fields of an item and attributes of
        # RETRIEVAL["FILTERS"]; one without any value among the results is not shown
        "FILTERS": [
            "categories",
            "price",
            "kind",
            "brand",
            "tags",
            "in_stock",
            "released",
            "language",
        ],
    },
    # invented visitors' identifiers begin so: no model learns from them, no metric counts them
    "DEMO_VISITORS": "demo:",
    # what is trained every night, by kind; the options are those of recommender/collaborative
    "MODELS": {
        "item-item": {"ALGORITHM": "ease"},
        "two-tower": {"ALGORITHM": "two-tower"},
        # in place of the weighted formula, from the impressions; not before there are enough of them
        "ranker": {"ALGORITHM": "logistic"},
    },
    "TRAINING": {
        "MIN_NEW_EVENTS": env.integer("RECOMMENDER_TRAIN_MIN_EVENTS", 1_000, minimum=1),
        # whether what was trained by night takes over: never, better (if it is not worse) or always
        "ACTIVATION": env.choice(
            "RECOMMENDER_TRAIN_ACTIVATION", "better", ("never", "better", "always")
        ),
        # ready versions of a kind that are kept beside the active one
        "KEEP": env.integer("RECOMMENDER_KEEP_MODELS", 3, minimum=1),
    },
}

# no answer depends on it: without one, or when it fails, the rest answers
_LLM = env.choice("LLM", "none", ("none", "local", "openai"))
LLM: dict[str, Any] = {
    "PROVIDER": _LLM,
    # what it is asked for. Not by default of a small model on a CPU: people would wait for what the rules
    # and the ranker do better (docs/evaluation.md)
    "PURPOSES": env.words(
        "LLM_PURPOSES",
        "ask,explain,catalog" if _LLM == "local" else "understand,rerank,explain,ask,catalog",
    ),
    # which declared attribute says what people ask for in words; a role that is missing is not asked for
    "FIELDS": {
        "price": "price",
        "released": "released",
        "brand": "brand",
        "in_stock": "in_stock",
    },
    # of openai: any endpoint that speaks its protocol
    "BASE_URL": env.text("LLM_BASE_URL", "https://api.openai.com/v1"),
    "API_KEY": env.text("LLM_API_KEY"),
    # of local: a folder in the hub's layout or a .gguf file; without, the small one that comes in a wheel
    "MODEL": env.text("LLM_MODEL"),
    "DEVICE": env.text("LLM_DEVICE", "auto"),
    # how the endpoint is told to answer in JSON; its answers are validated in any case
    "JSON": env.choice("LLM_JSON", "schema", ("schema", "object", "prompt")),
    "RETRIES": env.integer("LLM_RETRIES", 1),
    # of one call, whatever it is for: the longest wait and the largest answer
    "TIMEOUT_S": env.number("LLM_TIMEOUT_S", 60, minimum=0.1),
    "MAX_ANSWER_BYTES": env.integer("LLM_MAX_ANSWER_KIB", 64, minimum=1) * 1024,
    # of all processes together, by the UTC day; 0: no limit
    "TOKENS_A_DAY": env.integer("LLM_TOKENS_A_DAY", 2_000_000),
    "MONEY_A_DAY": env.number("LLM_MONEY_A_DAY", 0),
    "PRICE_IN": env.number("LLM_PRICE_IN", 0),
    "PRICE_OUT": env.number("LLM_PRICE_OUT", 0),
}
