"""Builds LOGGING: every logger, structlog's and the standard library's, writes the same kind of line."""

from __future__ import annotations

from typing import Any

import structlog

#: Run on every line, whoever logs it.
SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def plain_lines() -> structlog.dev.ConsoleRenderer:
    """For people. structlog's default prints the variables of every frame, secrets included, and takes seconds."""
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)


def logging(*, json: bool, level: str) -> dict[str, Any]:
    """LOGGING, and structlog's own configuration beside it; JSON for machines, a plain line for people."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()] if json else [plain_lines()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "filters": {"one_line": {"()": "project.redis.OneLinePerFailure"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            # Django's own handler would print every line twice while DEBUG is on.
            "django": {"handlers": []},
            "django_redis.cache": {"filters": ["one_line"]},
        },
        "root": {"handlers": ["console"], "level": level},
    }
