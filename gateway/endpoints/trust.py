"""Whose certificates are trusted: the system's authorities, or those of a file."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.errors import EndpointRefused


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A context for TLS 1.2 and later. Raises EndpointRefused (E010) where `ca_file` holds no certificate."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        # OpenSSL words a file without a certificate in its own code; only the system's words are for people
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise EndpointRefused(
            f"`ca_file` {ca_file} cannot be used: {why}",
            code="E010",
            help="name a file with the authority's certificate in PEM form, which begins with BEGIN CERTIFICATE",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
