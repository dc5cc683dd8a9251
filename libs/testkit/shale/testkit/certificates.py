"""Keys and certificates for servers on the loopback, made with the openssl program."""

import subprocess
from pathlib import Path

import msgspec

_SECONDS = 30


class Certificate(msgspec.Struct, frozen=True):
    """A key and its certificate (PEM), which is its own authority."""

    key: Path
    certificate: Path

    @property
    def pem(self) -> str:
        """The certificate's text, as a CA's Secret holds it."""
        return self.certificate.read_text()

    def der(self) -> bytes:
        """Return the certificate in DER."""
        return openssl("x509", "-in", str(self.certificate), "-outform", "DER")

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`: RSA with SHA-256 (PKCS #1 1.5), the RS256 of a JWT."""
        return openssl("dgst", "-sha256", "-sign", str(self.key), data=data)


def make(folder: Path, name: str = "registry") -> Certificate:
    """Make a certificate for the loopback and for names of no machine, good for two days."""
    made = Certificate(folder / f"{name}.key", folder / f"{name}.pem")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.example,DNS:api.ecr.eu-west-1.amazonaws.com"
    new = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", names)
    openssl("req", *new, "-keyout", str(made.key), "-out", str(made.certificate))
    return made


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    """Call openssl and return what it wrote. Raises CalledProcessError."""
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True, timeout=_SECONDS).stdout
