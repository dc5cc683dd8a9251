"""The words of the command line: every command and option, and nothing that takes time to import."""

import argparse
import sys
from typing import Any, NoReturn, Protocol

from shale.cli.exits import HELP, Exit

WAIT_SECONDS = 300.0
MAX_PORT = 65535


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(int(Exit.USAGE), f"{self.prog}: {message}; see `{self.prog} --help`\n")


class _Command(_Parser):
    """Takes its options also between its words: `get mv -n team-a mv-3`."""

    _intermixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401 (its base's) # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the namespace and what is left; the intermixed parsing asks this same method for its two halves."""
        if self._intermixed:
            return super().parse_known_args(args, namespace)
        self._intermixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixed = False


def build() -> argparse.ArgumentParser:
    """Return the parser; what it yields has `command`, the common options, and the command's own by their names."""
    parser = _Parser(
        prog="shale",
        description="Model weights as immutable, deduplicated OCI images.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common()],
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Command)
    for add in (_here, _objects, _permissions, _watching, _images, _moving):
        add(commands)
    return parser


class _Commands(Protocol):
    """What `add_subparsers` returns: argparse has no public name for it."""

    def add_parser(self, name: str, /, **words: Any) -> argparse.ArgumentParser:  # noqa: ANN401 (argparse's own words)
        """Return the parser of a new command."""
        ...


def _common() -> argparse.ArgumentParser:
    """Return the options that may stand before or after the command."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("common options")
    group.add_argument(
        "--home", metavar="DIR", help="where `shale up` keeps its state (default: $SHALE_HOME, ./.shale)"
    )
    group.add_argument("--nats", metavar="URL", help="which NATS; one with credentials belongs into SHALE_NATS_URL")
    group.add_argument(
        "-o", "--output", choices=("table", "wide", "json", "yaml"), help="how to print (default: table)"
    )
    group.add_argument("--debug", action="store_true", help="show logs, and where an error was raised")
    return common


def _command(commands: _Commands, name: str, what: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=what, description=what, parents=[_common()])


def _here(commands: _Commands) -> None:
    demo = _command(commands, "demo", "the whole road on a real model: apply, pack, pull back, prove")
    demo.add_argument("--weights", default="", metavar="DIR", help="another model's folder")
    demo.add_argument("--samples", default="", metavar="DIR", help="other manifests (default: deploy/samples)")
    demo.add_argument("--workers", type=_count, default=2, metavar="N", help="how many builder-sync (default: 2)")
    demo.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="seconds in all (default: 60)")
    demo.add_argument(
        "--registry", choices=("auto", "docker-registry", "layout"), default="auto", help="default: what is to be had"
    )
    demo.add_argument("--keep", action="store_true", help="leave its folder and say where it is")
    up = _command(commands, "up", "NATS and all services on this machine, until interrupted")
    up.add_argument(
        "--port", type=_port, metavar="N", help="NATS's port, 0 for a free one (default: 4222, or a free one)"
    )
    up.add_argument("--workers", type=_count, default=2, metavar="N", help="how many builder-sync (default: 2)")
    up.add_argument(
        "--kubeconfig",
        default="",
        metavar="FILE",
        help="serve the objects of this cluster (default: $SHALE_KUBECONFIG)",
    )
    _models(up)
    init = _command(commands, "init", "create or upgrade streams, buckets and consumers on NATS")
    init.add_argument("--replicas", type=_count, default=1, metavar="N", help="copies of each stream (default: 1)")
    run = _command(commands, "run", "one service in this process, until interrupted")
    run.add_argument("service", metavar="SERVICE")
    _models(run)


def _objects(commands: _Commands) -> None:
    apply = _command(commands, "apply", "create or change objects from manifests")
    apply.add_argument("-f", "--file", action="append", required=True, metavar="FILE|DIR|-", help="repeatable")
    apply.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    _namespace(apply, "for objects that name none (default: default)")
    get = _command(commands, "get", "show objects")
    _targets(get)
    get.add_argument("-A", "--all-namespaces", action="store_true")
    get.add_argument("-w", "--watch", action="store_true", help="go on with what changes")
    get.add_argument("--timeout", type=_seconds, default=0.0, metavar="S", help="end a watch after so many seconds")
    _namespace(get)
    describe = _command(commands, "describe", "all that is known of one object, also of one that is gone")
    _target(describe)
    _namespace(describe)
    delete = _command(commands, "delete", "delete objects, and wait until they are gone")
    _targets(delete, optional=True)
    delete.add_argument("-f", "--file", action="append", default=[], metavar="FILE|DIR|-", help="what it names")
    delete.add_argument(
        "--cascade",
        choices=("background", "foreground", "orphan"),
        default="background",
        help="what becomes of its dependents, a model's versions: they follow a moment after it (background, the "
        "default), go before it does (foreground), or stay (orphan)",
    )
    delete.add_argument("--wait", choices=("true", "false"), default="true", help="default: true")
    _timeout(delete)
    _namespace(delete)
    forget = _command(commands, "forget", "who still holds something of a deleted object; --force waits for none")
    _target(forget)
    forget.add_argument("--force", action="store_true", help="let it go, and name what stays behind")
    _timeout(forget)
    _namespace(forget)
    retry = _command(commands, "retry", "try a version again from the start: raises its attempt, on record")
    _target(retry)
    _namespace(retry)


def _permissions(commands: _Commands) -> None:
    grant = _command(commands, "grant", "print the Role and RoleBinding that let Shale read some Secrets")
    grant.add_argument("namespace", metavar="NAMESPACE")
    grant.add_argument("secrets", nargs="+", metavar="SECRET")
    grant.add_argument(
        "--to", dest="accounts", action="append", default=[], metavar="NAMESPACE/NAME", help="who may, repeatable"
    )


def _watching(commands: _Commands) -> None:
    wait = _command(commands, "wait", "wait for a condition; ends at once when the object stalls")
    _targets(wait)
    wait.add_argument(
        "--for", dest="condition", default="Ready", metavar="CONDITION", help="or `delete`; default: Ready"
    )
    _timeout(wait)
    _namespace(wait)
    events = _command(commands, "events", "what was told, oldest first")
    events.add_argument("-f", "--follow", action="store_true", help="go on with what is told next")
    events.add_argument("--kind", default="", metavar="KIND")
    _namespace(events, "(default: all)")
    dead = _command(commands, "dead", "what was given up and why: list, show, replay or drop it")
    dead.add_argument("action", choices=("list", "show", "replay", "drop"), metavar="list|show|replay|drop")
    dead.add_argument("ids", nargs="*", metavar="ID", help="as `list` shows it, one or several")
    dead.add_argument("--all", action="store_true", help="replay or drop all of them")
    _namespace(dead, "of list and --all (default: all)")


def _images(commands: _Commands) -> None:
    pull = _command(commands, "pull", "an image's files into a folder, each byte checked")
    _image(pull)
    pull.add_argument("directory", metavar="DIR", help="new or empty")
    pull.add_argument("--force", action="store_true", help="write into a folder that holds files, over some of them")
    pull.add_argument(
        "--have", action="append", default=[], metavar="DIR", help="fetch only what is not there, repeatable"
    )
    pull.add_argument("--original", action="store_true", help="the source's own files, of an image cut into tiles")
    verify = _command(commands, "verify", "whether an image is whole; with DIR, whether its files are those there")
    _image(verify)
    verify.add_argument("directory", metavar="DIR", nargs="?", default="")
    _image(_command(commands, "inspect", "what an image is made of: manifests, layers, files, and who shares them"))
    diff = _command(commands, "diff", "what two images share, by layers, files and tensors, and what changed")
    diff.add_argument("a", metavar="A", help="REPO:TAG or REPO@sha256:...")
    diff.add_argument("b", metavar="B", help="what A is compared with")
    diff.add_argument("--all", action="store_true", help="every change, not only the largest")
    _reach(diff)
    login = _command(commands, "login-check", "whether pull and push would work, and as whom")
    _image(login, "IMAGE", "REPO, REPO:TAG or REPO@sha256:...")
    login.add_argument("--for", dest="wanted", choices=("pull", "push", "both"), default="both", help="default: both")


def _moving(commands: _Commands) -> None:
    pack = _command(commands, "pack", "a folder into a registry, without any service")
    pack.add_argument("directory", metavar="DIR", help="the model's folder")
    _image(pack, "IMAGE", "REPO:TAG")
    pack.add_argument("--layout", choices=("files", "tensors"), default="files", help="default: files")
    pack.add_argument("--like", default="", metavar="IMAGE", help="the version before: what is as there is not sent")
    pack.add_argument("--include", action="append", default=[], metavar="GLOBS", help="only these; repeatable")
    pack.add_argument("--exclude", action="append", default=[], metavar="GLOBS", help="but for these; repeatable")
    pack.add_argument("--dry-run", action="store_true", help="list and plan, send nothing")
    copy = _command(commands, "copy", "an image, whole, into another registry")
    copy.add_argument("source", metavar="A", help="REPO:TAG or REPO@sha256:..., read from there")
    _image(copy, "B", "REPO:TAG, written there")
    copy.add_argument(
        "--from-secret",
        default="",
        metavar="NAMESPACE/NAME",
        help="as --secret, for A (default: of the same registry, the same)",
    )
    copy.add_argument("--from-insecure", action="store_true", help="as --insecure, for A")
    _force(copy)
    export = _command(commands, "export", "an image, whole, into a tar: an OCI layout")
    _image(export)
    export.add_argument("file", metavar="FILE.tar", help="new")
    export.add_argument(
        "--lacks",
        default="",
        metavar="IMAGE|FILE",
        help="leave out what the other side has: an image in a registry, or what `shale import --list` printed there",
    )
    export.add_argument("--force", action="store_true", help="write over a file that is there")
    into = _command(commands, "import", "what `shale export` wrote into a registry")
    into.add_argument("file", metavar="FILE.tar", nargs="?", default="")
    into.add_argument("image", metavar="IMAGE", nargs="?", default="", help="REPO:TAG")
    into.add_argument("--list", default="", metavar="IMAGE", help="only print what an image here consists of")
    _reach(into)
    _force(into)


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="move a tag that names other content")


def _image(parser: argparse.ArgumentParser, name: str = "IMAGE", what: str = "REPO:TAG or REPO@sha256:...") -> None:
    parser.add_argument("image", metavar=name, help=what)
    _reach(parser)


def _reach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret",
        default="",
        metavar="NAMESPACE/NAME",
        help="log in with this Secret (default: as `docker login` did)",
    )
    parser.add_argument("--insecure", action="store_true", help="no proof by TLS, and plain http where there is none")


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="+", metavar="KIND/NAME", help="or KIND NAME")


def _targets(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "target", nargs="*" if optional else "+", metavar="KIND/NAME", help="one or several; or KIND NAME [NAME ...]"
    )


def _namespace(parser: argparse.ArgumentParser, what: str = "(default: default)") -> None:
    parser.add_argument("-n", "--namespace", default="", metavar="NAME", help=what)


def _timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=_seconds, default=WAIT_SECONDS, metavar="S", help="seconds (default: 300)")


def _models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", action="append", default=[], metavar="/models=DIR", help="what may be read, repeatable"
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is too few: at least 1")
    return count


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write a number from 0 to {MAX_PORT}")
    return int(text)


def _seconds(text: str) -> float:
    """Read `90`, `90s`, `5m`, `1h`."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    try:
        seconds = float(text[:-1] if unit else text) * (unit or 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90, 90s, 5m or 1h") from None
    if not 0 < seconds < sys.maxsize:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: more than 0")
    return seconds
