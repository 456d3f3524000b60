"""Django settings from the environment: each variable once, safe for production by default."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import broker, keys, postgres

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    return text(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def words(name: str, default: str = "") -> list[str]:
    return [word for word in text(name, default).replace(",", " ").split() if word]


UNDER_TEST = "pytest" in sys.modules

DATA_DIR = Path(text("SIGNALBOX_DATA_DIR", str(BASE_DIR / "data"))).absolute()
APP_ROLE = text("APP_ROLE", "command")
HOST = text("HOST", "127.0.0.1")
PORT = int(text("PORT", "8000"))
LEASE_SECONDS = float(text("SIGNALBOX_LEASE_SECONDS", "30"))
HEARTBEAT_SECONDS = float(text("SIGNALBOX_HEARTBEAT_SECONDS", "10"))
# Minutes of waiting after which a ready task counts as one priority higher; 0: never.
AGEING_MINUTES = float(text("SIGNALBOX_AGEING_MINUTES", "10"))
WORKERS = int(text("SIGNALBOX_WORKERS", "2"))
THREADS = int(text("SIGNALBOX_THREADS", "16"))
# MiB that a worker may hold before it is ended, its work is taken back, and another begins; 0: any.
WORKER_MEMORY_MB = int(text("SIGNALBOX_WORKER_MEMORY_MB", "1024"))
BROKER = text("SIGNALBOX_BROKER")
EGRESS_ALLOW = words("SIGNALBOX_EGRESS_ALLOW")
DEMO = flag("SIGNALBOX_DEMO", UNDER_TEST)
PAYMENT_URL = text("SIGNALBOX_PAYMENT_URL")
# The private key that seals the audit log, a file or the PEM itself, and where seals are repeated.
AUDIT_KEY = text("SIGNALBOX_AUDIT_KEY", str(DATA_DIR / "audit_key.pem"))
AUDIT_ANCHOR = DATA_DIR / "checkpoints.jsonl"

DEBUG = flag("DEBUG")
SECRET_KEY = text("SECRET_KEY") or keys.load(DATA_DIR).secret_key
ALLOWED_HOSTS = words("ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],testserver,{HOST}")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "config.administration.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "workflows",
    "agents",
    "django_q",
    "django_htmx",
    "django_filters",
    "csp",
    *(["config.demo"] if DEMO else []),
    "config.apps.DeskConfig",
]

MIDDLEWARE = [
    "workflows.api.problems.middleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "workflows.live.rendering.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "workflows.entrances.Refusals",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": postgres.database(
        url=text("DATABASE_URL"),
        data=DATA_DIR,
        role=text("SIGNALBOX_DATABASE_ROLE", "owner" if UNDER_TEST else "app"),
        process=APP_ROLE,
    ),
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

Q_CLUSTER = {
    "name": "signalbox",
    "label": "Queue",
    # One more than the work sessions: it is left for canaries and short jobs.
    "workers": WORKERS + 1,
    "orm": "default",
    **broker.cluster_options(BROKER),
    "timeout": None,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,
    "poll": 1,
    "guard_cycle": 0.5,
    "recycle": 10_000,
}

# Time limits are the engine's own, so django-q2 has none.
warnings.filterwarnings("ignore", message="Retry and timeout are misconfigured")

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static" / "dist"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.VersionedStaticFiles"},
}
MEDIA_ROOT = DATA_DIR / "media"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_USE_MANIFEST = False
SERVESTATIC_MAX_AGE = 0 if DEBUG else 3600
SERVESTATIC_ALLOW_ALL_ORIGINS = False

HTTPS = flag("SIGNALBOX_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

EMAIL_BACKEND = text("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = DATA_DIR / "outbox"
EMAIL_HOST = text("EMAIL_HOST", "localhost")
EMAIL_PORT = int(text("EMAIL_PORT", "25"))
EMAIL_HOST_USER = text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = text("EMAIL_FROM", "signalbox@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": text("LOG_LEVEL", "INFO").upper()},
    # It writes several lines for every message that it carries.
    "loggers": {"django-q": {"level": "WARNING"}},
}
