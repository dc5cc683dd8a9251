#!/bin/sh
# What stands in an image. Run in the repository, with uv on the PATH:
#   install.sh wheels WHEELS                        builds Shale's own parts
#   install.sh pins NAME FOLDER                     a Python with the pinned, hashed requirements of requirements/NAME.txt
#   install.sh ours DISTRIBUTION FOLDER WHEELS      adds Shale's own parts to it, and nothing from any index
set -eu
here=$(dirname "$0")
what=$1
case $what in
wheels)
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    uv venv --quiet --python "${PYTHON:-python3}" "$tools/venv"
    uv pip install --quiet --python "$tools/venv/bin/python" --require-hashes --requirement "$here/requirements/build.txt"
    for member in libs/* services/*; do
        (cd "$member" && "$tools/venv/bin/python" -m hatchling build --target wheel --directory "$2" >"$tools/log" 2>&1) || {
            cat "$tools/log" >&2
            exit 1
        }
    done
    ;;
pins)
    uv venv --quiet --python "${PYTHON:-python3}" "$3"
    uv pip install --quiet --python "$3/bin/python" --require-hashes --requirement "$here/requirements/$2.txt"
    ;;
ours)
    uv pip install --quiet --python "$3/bin/python" --no-index --find-links "$4" "$2"
    ;;
*)
    echo "$0: wheels, pins or ours" >&2
    exit 2
    ;;
esac
