"""Registries that speak the OCI distribution API over HTTP. Import the modules: `distribution.registry.Distribution`.

On urllib3: pooled connections, verified TLS, proxies and bounded waits, with no retries or redirects of its own.
"""
