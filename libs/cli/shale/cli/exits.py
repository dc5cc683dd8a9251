"""How a command ends: its exit codes, and the one error that ends it with a line."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; `shale --help` documents them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 3
    STALLED = 4
    INTERRUPTED = 130
    UNREAD = 141
    TERMINATED = 143


HELP = """\
exit codes:
  0    done
  1    failed, not found, refused, or not as it should be
  2    asked wrongly
  3    not within the time allowed
  4    stalled: somebody must act; the message says who and how
  130  interrupted (143: terminated; 141: whoever read the output left)

environment:
  SHALE_HOME           where `shale up` keeps its state (./.shale)
  SHALE_NATS_URL       which NATS to speak to (the one of `shale up`)
  SHALE_LAYOUT_DIR     the folder of images whose names begin with no host (the one of `shale up`)
  SHALE_HOME_REGISTRY  or the registry where they lie
  SHALE_SECRETS_DIR    the folder of Secrets for --secret and `shale up`: NAMESPACE/NAME.yaml, mode 600
  SHALE_ROOTS          what may be read: /models=/home/me/models,/data
  DOCKER_CONFIG        the folder of what `docker login` left (~/.docker)
"""


class CliError(Exception):
    """What ends a command: one line that says what, why and the cure."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def usage(message: str) -> CliError:
    """Return the error of a caller's mistake."""
    return CliError(message, Exit.USAGE)
