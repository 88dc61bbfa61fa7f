"""Django settings. Values that differ between machines come from config/env.py."""

from pathlib import Path
from typing import Any

import structlog
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

from config import embedded, env

BASE_DIR = env.BASE_DIR
PRODUCTION = env.choice("TRIAD_ENV", "development", ("development", "production")) == "production"
DEBUG = env.boolean("DEBUG", default=False)
VAR = env.folder("VAR", BASE_DIR / "var")

SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS")
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.text("REDIS_URL")

if PRODUCTION:
    _required = {
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": ALLOWED_HOSTS,
        "DATABASE_URL": DATABASE_URL,
        "REDIS_URL": REDIS_URL,
    }
    _missing = [name for name, value in _required.items() if not value]
    if _missing:
        raise ImproperlyConfigured(
            f"TRIAD_ENV=production needs {', '.join(_missing)}: set them in the environment or in "
            ".env (see .env.example)."
        )
    if DEBUG:
        raise ImproperlyConfigured("DEBUG must be off when TRIAD_ENV=production.")
else:
    SECRET_KEY = SECRET_KEY or env.kept_secret(VAR / "secret_key")
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]", "testserver"]

# --- applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework_api_key",
    "django_celery_beat",
    "axes",
    "config",
    "catalog",
    "retrieval",
    "recommender",
    "workers",
]

MIDDLEWARE = [
    "config.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- storage ------------------------------------------------------------------------------------

EMBEDDED_SERVERS = [
    name for name, url in (("postgres", DATABASE_URL), ("redis", REDIS_URL)) if not url
]

if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": env.database("DATABASE_URL")}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": embedded.DATABASE,
            "USER": "postgres",
            "HOST": embedded.Places.of(VAR).database_host,
        }
    }

# a host that swallows packets must not hold a request for minutes
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)

# of the web processes' threads, each of which keeps its connection, and of the workers
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
WEB_THREADS = env.integer("WEB_THREADS", 32, minimum=1)

if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
else:
    _socket = embedded.Places.of(VAR).redis_socket
    REDIS_URL = f"unix://{_socket}?db=0"
    CELERY_BROKER_URL = f"redis+socket://{_socket}?virtual_host=0"

CACHES = {
    "default": {
        "BACKEND": "config.cache.SharedRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "triad",
    }
}

MEDIA_ROOT = env.folder("MEDIA_ROOT", VAR / "media")
# uploads of the import page, web and workers share it; nobody is served anything from there
IMPORT_ROOT = env.folder("IMPORT_ROOT", VAR / "imports")
# what the demo fetched; several data folders may share one
DEMO_CACHE = env.folder("DEMO_CACHE", VAR / "cache")
MEDIA_URL = "media/"
STATIC_URL = "static/"
STATIC_ROOT = env.folder("STATIC_ROOT", VAR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
FILE_UPLOAD_PERMISSIONS = 0o644

# --- workers ------------------------------------------------------------------------------------

CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "workers.tasks.encode_query": {"queue": "query"},
    "workers.tasks.update_profiles": {"queue": "profiles"},
    "workers.tasks.embed_items": {"queue": "embed"},
    "workers.tasks.answer_llm": {"queue": "llm"},
    "workers.tasks.space_train": {"queue": "train"},
    "workers.tasks.audit_catalog": {"queue": "train"},
    "workers.tasks.review_catalog": {"queue": "train"},
    "workers.tasks.recommender_train": {"queue": "train"},
    "workers.tasks.recommender_train_due": {"queue": "train"},
    # they wait for a model themselves, so not where it answers; nobody waits for them
    "workers.tasks.explain_items": {"queue": "train"},
    "workers.tasks.draft_suggestions": {"queue": "train"},
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = env.integer("TASK_TIME_LIMIT_S", 300, minimum=10)
_LONG_TASK: dict[str, Any] = {
    # its own limit, and no second delivery: a row says what became of it
    "time_limit": env.integer("TRAIN_TIME_LIMIT_S", 14_400, minimum=60),
    "acks_late": False,
}
CELERY_TASK_ANNOTATIONS = {
    "workers.tasks.space_train": _LONG_TASK,
    "workers.tasks.audit_catalog": _LONG_TASK,
    "workers.tasks.review_catalog": _LONG_TASK,
    "workers.tasks.recommender_train": _LONG_TASK,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 120  # a child loads its models before it reports
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 2 * CELERY_TASK_TIME_LIMIT,
    # kombu looks for lost messages every ~100 s otherwise, whatever visibility_timeout says
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "queue_order_strategy": "priority",
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "retry_on_timeout": True,
}
# a web request that cannot reach the broker goes on: the rows say what is due
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {
        "task": "workers.tasks.sweep",
        "schedule": float(env.integer("SWEEP_INTERVAL_S", 15, minimum=1)),
        # a sweep that waited longer than its period is one too many
        "options": {"expires": 30},
    },
}
RECOMMENDER_TRAIN_HOUR = env.choice(
    "RECOMMENDER_TRAIN_HOUR", "3", ("never", *(str(hour) for hour in range(24)))
)
if RECOMMENDER_TRAIN_HOUR != "never":
    CELERY_BEAT_SCHEDULE["train the recommender"] = {
        "task": "workers.tasks.recommender_train_due",
        "schedule": crontab(minute="0", hour=RECOMMENDER_TRAIN_HOUR),
        "options": {"expires": 3_600},
    }
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# --- Triad --------------------------------------------------------------------------------------

_MIB = 1024 * 1024

CATALOG: dict[str, Any] = {
    "MAX_IMAGE_BYTES": env.integer("MAX_IMAGE_MIB", 20, minimum=1) * _MIB,
    "MAX_AUDIO_BYTES": env.integer("MAX_AUDIO_MIB", 50, minimum=1) * _MIB,
    "MAX_VIDEO_BYTES": env.integer("MAX_VIDEO_MIB", 200, minimum=1) * _MIB,
    "MAX_IMAGE_PIXELS": env.integer("MAX_IMAGE_MEGAPIXELS", 50, minimum=1) * 1_000_000,
    "MAX_AUDIO_S": env.integer("MAX_AUDIO_S", 3600, minimum=1),
    "MAX_VIDEO_S": env.integer("MAX_VIDEO_S", 3600, minimum=1),
    # of a file to import, and of the zip of media beside it; one request carries both
    "MAX_IMPORT_BYTES": env.integer("MAX_IMPORT_MIB", 200, minimum=1) * _MIB,
    # what a zip of media may become when it is unpacked
    "MAX_UNPACKED_BYTES": env.integer("MAX_UNPACKED_MIB", 2048, minimum=1) * _MIB,
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
    "LEASE_S": env.integer("EMBED_LEASE_S", CELERY_TASK_TIME_LIMIT, minimum=1),
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

# --- API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "catalog.access.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["catalog.access.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["catalog.access.RateLimit"],
    "DEFAULT_PARSER_CLASSES": [
        "catalog.parsers.StrictJSONParser",
        "catalog.parsers.BoundedMultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.exception_handler",
    "DEFAULT_PAGINATION_CLASS": "catalog.pagination.ItemPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API = {
    "ANONYMOUS_READ": env.boolean("API_ANONYMOUS_READ", default=not PRODUCTION),
    "ANONYMOUS_EVENTS": env.boolean("API_ANONYMOUS_EVENTS", default=not PRODUCTION),
    # requests a minute
    "RATE_LIMIT_ANONYMOUS": env.integer("RATE_LIMIT_ANONYMOUS", 300, minimum=1),
    "RATE_LIMIT_KEY": env.integer("RATE_LIMIT_KEY", 6000, minimum=1),
    "MAX_JSON_BYTES": env.integer("MAX_JSON_MIB", 2, minimum=1) * _MIB,
    # the client's address is then what our proxy wrote into X-Forwarded-For
    "BEHIND_PROXY": env.boolean("BEHIND_PROXY", default=False),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Triad API",
    "DESCRIPTION": "Search and recommendations over words, pictures and sounds.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.document_problems",
    ],
}
# larger bodies are refused before they are read; media are checked against CATALOG
DATA_UPLOAD_MAX_MEMORY_SIZE = API["MAX_JSON_BYTES"]
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# --- security -----------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
SILENCED_SYSTEM_CHECKS: list[str] = []
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CSRF_FAILURE_VIEW = "config.problems.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
    if API["BEHIND_PROXY"]:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- language, time, logs -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# django-structlog's lines, with their request id, go through LOGGING like all others
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django_structlog": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # django_structlog says the same, and who asked
        "axes": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}


def _admin_link(title: str, icon: str, name: str) -> dict[str, Any]:
    """A sidebar entry; ``name`` is ``app.model``."""
    app, model = name.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


UNFOLD = {
    "SITE_TITLE": "Triad",
    "SITE_HEADER": "Triad",
    "SITE_SUBHEADER": "What things are, and what people do",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("storefront/logo.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "workers.admin.dashboard.context",
    "STYLES": [
        lambda request: static("catalog/admin.css"),
        lambda request: static("catalog/charts.css"),
        lambda request: static("workers/admin.css"),
    ],
    "SCRIPTS": [lambda request: static("catalog/select_labels.js")],
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Catalog",
                "items": [
                    _admin_link("Items", "category", "catalog.item"),
                    _admin_link("Categories", "account_tree", "catalog.category"),
                    _admin_link("Media", "perm_media", "catalog.media"),
                    _admin_link("Texts", "translate", "catalog.itemtext"),
                    _admin_link("Imports", "upload_file", "catalog.importrun"),
                    _admin_link("Suggestions", "lightbulb", "recommender.suggestion"),
                ],
            },
            {
                "title": "Retrieval",
                "separator": True,
                "items": [
                    _admin_link("Embedding spaces", "hub", "retrieval.embeddingspace"),
                    {
                        **_admin_link("Playground", "tune", "retrieval.embeddingspace"),
                        "link": reverse_lazy("admin:catalog_item_playground"),
                    },
                    _admin_link("Quality", "fact_check", "retrieval.auditfinding"),
                ],
            },
            {
                "title": "Review",
                "separator": True,
                "items": [
                    _admin_link("Cases", "gavel", "retrieval.case"),
                    _admin_link("Policies", "policy", "retrieval.policy"),
                    _admin_link("Near duplicates", "difference", "retrieval.duplicatepair"),
                ],
            },
            {
                "title": "Recommender",
                "separator": True,
                "items": [
                    _admin_link("Placements", "dashboard", "recommender.placement"),
                    _admin_link("Rules", "push_pin", "recommender.rule"),
                    _admin_link("Experiments", "science", "recommender.experiment"),
                    _admin_link("Changes", "history", "recommender.change"),
                    _admin_link("Events", "bolt", "recommender.event"),
                    _admin_link("Visitors", "groups", "recommender.visitor"),
                    _admin_link("Models", "model_training", "recommender.recommendermodel"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _admin_link("API keys", "key", "catalog.apikey"),
                    _admin_link("Users", "person", "auth.user"),
                    _admin_link("Groups", "group", "auth.group"),
                    _admin_link("Failed logins", "shield_lock", "axes.accessattempt"),
                ],
            },
            {
                "title": "Schedules",
                "separator": True,
                "items": [
                    _admin_link("Jobs", "deployed_code_history", "catalog.queuepause"),
                    _admin_link("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
                    _admin_link("Intervals", "timer", "django_celery_beat.intervalschedule"),
                    _admin_link("Crontabs", "event_repeat", "django_celery_beat.crontabschedule"),
                ],
            },
        ],
    },
}

for _folder in (VAR, STATIC_ROOT):
    Path(_folder).mkdir(parents=True, exist_ok=True)
