"""What is repeated of a login is not told on, however it was written down."""

import base64
import html
import json
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.credentials import Bearer, Identity, Login
from shale.oci.distribution.mask import LONGEST, Mask
from shale.oci.distribution.spelling import Reading

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


@pytest.mark.parametrize("spelling", ["as it is", "for JSON", "for JSON in JSON", "for a URL", "for a URL, twice"])
@pytest.mark.parametrize(
    "password", ["a?query=of mine", "50%25 &amp; more", r"a\new\\word", r"\u0041\x42&lt;%43", "++abc  def++"]
)
def test_a_password_that_looks_like_an_escape_is_hidden(password, spelling):
    told = mask(Login("ann", password))(f"no such user: <{SPELLINGS[spelling](password)}>, says the proxy")
    assert told == "no such user: <***>, says the proxy"


def test_of_a_secret_that_is_nothing_but_quoting_nothing_is_told():
    assert mask(Login("ann", "++ \\\\ ++"))("a bad password: ++") == "***"


def test_blanks_that_were_run_together_or_broken_are_no_way_around():
    told = mask(Login("ann", "a" + " " * 12 + "bcd"))("<a bcd> <a" + " " * 99 + "bcd> <a\n\tbcd> <a c>")
    assert told == "<***> <***> <***> <a c>"


# --- what is looked at has a bound: who chose the secret may choose the answer


@pytest.mark.parametrize("shown", range(1, len("correct horse")))
def test_of_a_long_text_the_end_is_dropped_with_the_secret_that_it_begins(shown):
    """Wherever the cut falls in it: as it is, or escaped."""
    for spell in (str, lambda text: "".join(f"%{ord(sign):02x}" for sign in text)):
        for secret in ("correct horse", "correct horse" * LONGEST):
            spelled = spell(secret)
            at = LONGEST - 64 - len(spell(secret[:shown]))
            told = mask(Login("ann", secret))("x" * at + spelled + "y" * LONGEST)
            assert set(told.replace("***", "")) == {"x"}
            assert len(told) <= LONGEST


def test_of_a_long_text_the_beginning_is_told():
    told = mask(LOGIN)("denied: " + "too many words " * 999)
    assert told.startswith("denied: too many words too")
    assert len(told) <= LONGEST


HOSTILE = st.text(st.sampled_from('a \\%25u0&amp;#x+\n"?<'), min_size=1, max_size=60).map(lambda text: text * 99)


@settings(max_examples=50, deadline=None)
@given(HOSTILE, HOSTILE)
def test_what_is_looked_at_and_looked_for_is_bounded(secret, text):
    made = mask(Login("ann", secret), Bearer(secret))
    made(text)
    ways = [way for one in made.known for way in one.ways]
    assert len(ways) <= 4 * 28
    assert all(len(way) <= LONGEST for way in ways)
    data = text.encode()[:LONGEST]
    assert len(Reading(data, len(data), escaped=True).said) <= LONGEST


HOURS = """
from shale.oci.distribution.links import following
from shale.oci.distribution.challenge import parse
from shale.oci.distribution.mask import Mask
made = Mask()
made.learn("a" + " " * 12 + "b", "a" + " " * 3000 + "b", "!abc" + chr(92) * 99, "%25" * 999, "&amp;" * 999, "ab" * 9999)
for sign in (" ", chr(92), "%", "%25", "&", "&amp;", "&#0", chr(92) + "u", "?", "+", "ab", "a" + " " * 99):
    made("a" + sign * 20000 + "c")
    parse("a" + sign * 20000 + "c")
    following("<" * 30000 + sign * 20000)
    following("<>;" * 20000)
"""


def test_no_text_and_no_secret_takes_hours():
    """In a process of its own: who falls for this stops every thread, and hears no signal."""
    subprocess.run([sys.executable, "-c", HOURS], check=True, timeout=120)
