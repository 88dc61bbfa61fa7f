"""Django settings; Triad's own are in config/triad.py. Values that differ between machines come from
config/env.py.
"""

from pathlib import Path
from typing import Any

import structlog
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from config import embedded, env
from config.navigation import UNFOLD  # noqa: F401 - the admin reads it here
from config.triad import CATALOG, LLM, RECOMMENDER, RETRIEVAL, TASK_TIME_LIMIT_S  # noqa: F401

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
    "config.addresses.AdminAddressMiddleware",
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
# uses after which a statement of ``retrieval.prepared`` stays planned; Django's own statements never do.
# A pooler that gives each transaction another connection needs max_prepared_statements, as PgBouncer calls it
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 5)

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
CELERY_TASK_TIME_LIMIT = TASK_TIME_LIMIT_S
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
    "MAX_JSON_BYTES": env.mebibytes("MAX_JSON_MIB", 2),
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

for _folder in (VAR, STATIC_ROOT):
    Path(_folder).mkdir(parents=True, exist_ok=True)
