"""What registries say of a project that is not there, in the words of each."""

import pytest

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.refusals import denied, missing

MISSING = {
    "Harbor": "UNAUTHORIZED project nowhere not found: project nowhere not found",
    "Harbor 2.8": "NOT_FOUND project nowhere not found, name: nowhere",
    "GHCR": "DENIED not_found: owner not found",
    "ECR": "NAME_UNKNOWN The repository with name 'x' does not exist in the registry with id '012345678901'",
    "Artifact Registry": 'NAME_UNKNOWN Repository "models" not found',
    "Quay": "NAME_INVALID Namespace does not exist",
    "distribution": "NAME_UNKNOWN repository name not known to registry",
}
THERE = {
    "GHCR, no right": "DENIED permission_denied: write_package",
    "GHCR, a wrong token": "DENIED permission_denied: The token provided does not match expected scopes.",
    "Hub": "DENIED requested access to the resource is denied",
    "ECR, no right": "DENIED User: arn:aws:iam::1:user/x is not authorized to perform: ecr:InitiateLayerUpload",
    "Artifact Registry, no right": 'DENIED Permission "artifactregistry.repositories.uploadArtifacts" denied on '
    'resource "projects/p/locations/l/repositories/r" (or it may not exist)',
    "a wrong user": "UNAUTHORIZED user not found",
    "nothing": "",
}


@pytest.mark.parametrize("said", MISSING.values(), ids=MISSING.keys())
def test_a_project_that_is_not_there_is_known(said):
    assert missing(said)


@pytest.mark.parametrize("said", THERE.values(), ids=THERE.keys())
def test_a_right_that_lacks_is_no_project_that_lacks(said):
    assert not missing(said)
    assert "some answer so where the project is missing" in denied("r.example", said).message


@pytest.mark.parametrize(
    ("status", "headers", "data", "is_foreign"),
    [
        pytest.param(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>", True, id="a page"),
        pytest.param(404, {"Content-Type": "text/html"}, b"<html>", True, id="a page for what is not there"),
        pytest.param(404, {}, b"", True, id="nothing at all"),
        pytest.param(405, {}, b"Not Allowed", True, id="a web server's word"),
        pytest.param(404, {"Docker-Distribution-Api-Version": "registry/2.0"}, b"", False, id="a registry's header"),
        pytest.param(404, {}, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', False, id="a registry's words"),
        pytest.param(418, {}, b"", False, id="anything"),
    ],
)
def test_who_is_no_registry_is_known_by_what_it_says(status, headers, data, is_foreign):
    assert Answer(status, headers, data, "https://r.example/v2/").foreign is is_foreign
