"""What is repeated of a login is not told on, however it was written down."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.credentials import Bearer, Identity, Login
from shale.oci.distribution.mask import Mask

PASSWORD = 'pä ss/"w0rd&<é>+=%'
LOGIN = Login("ann", PASSWORD)
TOKEN = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3MiOltdfQ.c2lnbmF0dXJl-_x"

SPELLINGS = {
    "as it is": lambda text: text,
    "in capitals": str.upper,
    "for a URL": lambda text: quote(text, safe=""),
    "for a URL, in small letters": lambda text: quote(text, safe="").lower(),
    "for a form": quote_plus,
    "for a URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "for JSON": lambda text: json.dumps(text)[1:-1],
    "for JSON in JSON": lambda text: json.dumps(json.dumps(text))[3:-3],
    "for JSON, as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "for JSON, with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "for a page": html.escape,
    "for a page, in numbers": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "as a repr": lambda text: repr(text)[1:-1],
    "read as latin-1": lambda text: text.encode().decode("latin-1"),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in base64, after a word": lambda text: base64.b64encode(f"x{text}".encode()).decode(),
    "in base64, between others": lambda text: base64.b64encode(f"user:{text} and more".encode()).decode(),
}


def mask(*credentials):
    made = Mask()
    for one in credentials:
        made.learn(*one.secrets)
    return made


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("secret", [PASSWORD, TOKEN], ids=["a password", "a token"])
def test_a_secret_is_hidden_in_each_of_its_spellings(secret, spell):
    credential = Login("ann", secret) if secret == PASSWORD else Bearer(secret)
    told = mask(credential)(f"no such user: <{spell(secret)}>, says the proxy")
    assert "***" in told
    beside = 22 if spell("").startswith("dXNlcj") else 8  # what stands beside it, and what base64 mixes with it
    assert len(told.replace("***", "")) <= len("no such user: <>, says the proxy") + beside, told


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=4).filter(str.strip),
    st.sampled_from(sorted(set(SPELLINGS) - {"in capitals", "in base64, after a word", "in base64, between others"})),
)
def test_no_password_gets_through(password, spelling):
    spelled = SPELLINGS[spelling](password)
    told = mask(Login("ann", password))(f">{spelled}<")
    assert spelled not in told.replace("***", "")


@pytest.mark.parametrize("credential", [LOGIN, Identity(TOKEN), Bearer(TOKEN)], ids=["login", "identity", "bearer"])
def test_a_whole_header_is_hidden(credential):
    header = LOGIN.header() if credential is LOGIN else f"Bearer {TOKEN}"
    told = mask(credential)(f"Authorization: {header}")
    assert told in {"Authorization: Basic ***", "Authorization: Bearer ***"}


def test_the_beginning_of_a_token_is_hidden_too():
    assert mask(Bearer(TOKEN))(f"bad token {TOKEN[:20]}...") == "bad token ***"


def test_of_a_secret_that_stands_in_many_words_nothing_can_be_guessed():
    assert mask(Login("ann", "a"))("a bad password: a") == "***"
    assert mask(Login("ann", "xyz"))("a bad password") == "a bad password"


def test_who_has_no_password_has_a_token_for_a_name():
    told = mask(Login("ghp_secret_token", ""))("no such user ghp_secret_token")
    assert told == "no such user ***"
    assert "ghp_secret" not in repr(Login("ghp_secret_token", ""))


def test_what_opens_an_upload_or_a_download_is_hidden():
    told = Mask()("unknown: https://r.example/v2/x/blobs/uploads/1?_state=abc&sig=def, sorry")
    assert told == "unknown: https://r.example/v2/x/blobs/uploads/1?***, sorry"


def test_the_newest_secrets_are_known():
    made = Mask()
    for number in range(40):
        made.learn(f"secret-number-{number:03}-of-many")
    assert made("secret-number-039-of-many") == "***"


def test_an_answer_is_hidden_before_it_is_cut():
    """A cut in the middle of a secret would leave a part of it."""
    body = json.dumps({"errors": [{"code": "DENIED", "message": "x" * 185 + f" {PASSWORD}  {PASSWORD}"}]}).encode()
    told = Answer(403, {}, body, "https://r.example/v2/?a=b", mask(LOGIN)).reason()
    assert PASSWORD[:3] not in told
    assert "***" in told


def test_an_answer_does_not_show_what_it_holds():
    held = Answer(200, {"Set-Cookie": "secret"}, b"secret", "https://r.example/?secret")
    assert "secret" not in repr(held)
    assert (
        Answer(200, {"Docker-Content-Digest": PASSWORD}, b"", "", mask(LOGIN)).header("Docker-Content-Digest") == "***"
    )


def test_what_is_no_secret_is_told():
    text = "denied: requested access to the resource is denied; 10% more at https://registry.example/path"
    assert mask(LOGIN, Bearer(TOKEN))(text) == text
