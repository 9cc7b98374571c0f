"""Whom RingCentral is asked as: credentials as they are given, and who speaks for whom."""

import json
from pathlib import Path

import pytest

from orchestrator.domain.credentials import (
    Credential,
    Directory,
    UnusableCredential,
)
from orchestrator.settings import (
    ConfigurationError,
    configured_credentials,
    from_document,
    load,
    require_credentials,
)

ROW = {
    "name": "desk",
    "account": "400",
    "extension": "101",
    "clientId": "app",
    "clientSecret": "hush-secret",
    "jwt": "hush-jwt",
}
JWT_FLOW = {"RC_APP_CLIENT_ID": "i", "RC_APP_CLIENT_SECRET": "s", "RC_USER_JWT": "j"}


def row(**fields: object) -> dict[str, object]:
    return {**ROW, **fields}


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in ROW.items() if name not in names}


def one(name: str, account: str = "400", extension: str = "~") -> Credential:
    return Credential(name, account, extension, "app", client_secret="s", jwt="j")


# The document


def test_a_document_comes_out_as_it_was_written() -> None:
    found = from_document(json.dumps([ROW, without("account", "extension") | {"name": "own"}]))
    assert [(each.name, each.account, each.extension) for each in found] == [
        ("desk", "400", "101"),
        ("own", "~", "~"),
    ]
    first = found[0]
    assert (first.client_id, first.client_secret, first.jwt) == ("app", "hush-secret", "hush-jwt")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (row(name=""), "name"),
        (without("name"), "name"),
        (row(name="a b"), "name"),
        (row(name="x" * 41), "name"),
        (row(name="-desk"), "name"),
        (row(name="16505550100"), "name"),
        (row(name="desk-650-555-0100"), "name"),
        (row(name="1-6-5-0-5-5-5"), "name"),
        (row(account=""), "account"),
        (row(account="4/0"), "account"),
        (row(extension="1 1"), "extension"),
        (row(extension="1" * 65), "extension"),
        (row(clientId=""), "client"),
        (row(clientSecret=" "), "client"),
        (without("jwt"), "jwt"),
        (row(jwt=17), "string"),
        (row(jwt=None), "string"),
        (row(password="x"), "password"),
        (row(apiKey="x"), "apiKey"),
    ],
)
def test_what_is_wrong_with_a_row_names_it_and_the_field(
    bad: dict[str, object], field: str
) -> None:
    with pytest.raises(UnusableCredential, match=rf"^entry 2: .*{field}") as unusable:
        from_document(json.dumps([row(name="first", extension="9"), bad]))
    assert "hush" not in str(unusable.value)


@pytest.mark.parametrize("field", ["clientId", "clientSecret"])
def test_a_field_is_named_as_the_document_calls_it(field: str) -> None:
    with pytest.raises(UnusableCredential, match=f"^entry 1: {field}: "):
        from_document(json.dumps([row(**{field: ""})]))


@pytest.mark.parametrize("text", ["", "{", "{}", "null", '"x"', "[1]", '[["name"]]', "[null]"])
def test_a_document_that_is_none_says_what_it_should_be(text: str) -> None:
    with pytest.raises(UnusableCredential, match=r"^(not JSON|should be a JSON array)"):
        from_document(text)


@pytest.mark.parametrize(
    ("second", "what"),
    [(row(extension="102"), "name"), (row(name="other"), "owner")],
)
def test_two_of_one_name_or_one_owner_are_refused(second: dict[str, object], what: str) -> None:
    with pytest.raises(UnusableCredential, match=f"^entry 2: there is another one of this {what}"):
        from_document(json.dumps([ROW, second]))


@pytest.mark.parametrize("name", ["16505550100", "desk-650-555-0100"])
def test_a_name_that_is_a_phone_number_is_not_repeated(name: str) -> None:
    with pytest.raises(UnusableCredential, match=r"^entry 1: name: .*phone number") as unusable:
        from_document(json.dumps([row(name=name)]))
    assert name not in str(unusable.value)


@pytest.mark.parametrize("name", ["desk-7", "ext_101-2", "a1b2c3d4e5f6", "2025-11"])
def test_a_name_may_have_digits(name: str) -> None:
    assert from_document(json.dumps([row(name=name)]))[0].name == name


def test_a_credential_shows_no_secret_when_printed() -> None:
    shown = repr(from_document(json.dumps([ROW]))) + repr(Credential("k", api_key="hush-key"))
    assert "hush" not in shown
    assert "desk" in shown


# Who speaks for whom


def test_an_extension_s_own_credential_speaks_for_it() -> None:
    own, default = one("own", "400", "101"), one("default", "~", "~")
    directory = Directory((default, own))
    assert directory.speaking_for("400", "101") is own
    assert directory.speaking_for("~", "101") is own, "the account may be left out"
    assert directory.speaking_for("500", "101") is default
    assert directory.speaking_for("400", "102") is default
    assert directory.speaking_for("~", "~") is default


def test_a_credential_whose_account_was_left_out_speaks_in_any() -> None:
    own = one("own", "~", "101")
    assert Directory((own,)).speaking_for("400", "101") is own


def test_where_two_accounts_have_the_extension_nobody_is_guessed() -> None:
    both = Directory((one("a", "400", "101"), one("b", "500", "101")))
    assert both.speaking_for("~", "101") is None
    found = both.speaking_for("500", "101")
    assert found is not None
    assert found.name == "b"


def test_nobody_speaks_for_an_extension_without_a_credential_or_a_default() -> None:
    directory = Directory((one("own", "400", "101"),))
    assert directory.speaking_for("400", "102") is None
    assert Directory(()).speaking_for("~", "~") is None


def test_the_only_credential_there_is_speaks_for_the_tilde() -> None:
    only = one("only", "400", "101")
    assert Directory((only,)).speaking_for("400", "~") is only
    assert Directory((only,)).speaking_for("~", "~") is only
    assert Directory((only, one("other", "400", "102"))).speaking_for("~", "~") is None


def test_they_are_listed_by_name() -> None:
    directory = Directory((one("b"), one("a", "500")))
    assert [each.name for each in directory.all] == ["a", "b"]
    assert directory.named("b") == one("b")
    assert directory.named("c") is None


# From the environment


def given(tmp_path: Path, text: str | bytes) -> dict[str, str]:
    path = tmp_path / "credentials.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {"RINGOUT_CREDENTIALS_FILE": str(path)}


def test_the_default_comes_first_and_then_the_file_s(tmp_path: Path) -> None:
    settings = load(JWT_FLOW | given(tmp_path, json.dumps([ROW])))
    require_credentials(settings)
    assert [each.name for each in configured_credentials(settings)] == ["default", "desk"]


def test_a_file_alone_will_do(tmp_path: Path) -> None:
    require_credentials(load(given(tmp_path, json.dumps([ROW]))))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps([row(jwt="")]), "entry 1: jwt: should not be empty"),
        ("[", "not JSON"),
        (b"\xff\xfe", "codec"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    environment = given(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        require_credentials(load(environment))
    assert str(refused.value).startswith("RINGOUT_CREDENTIALS_FILE: ")
    assert environment["RINGOUT_CREDENTIALS_FILE"] in str(refused.value)
    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none.json")
    with pytest.raises(ConfigurationError, match=r"^RINGOUT_CREDENTIALS_FILE: .*No such file"):
        configured_credentials(load({"RINGOUT_CREDENTIALS_FILE": path}))


@pytest.mark.parametrize(
    ("accounts", "counts_for"),
    [(("~", "400"), "400"), (("~", "~"), "~"), (("~", "400", "500"), "~"), (("500", "400"), "500")],
    ids=["the only one there is", "nobody names one", "it may be either", "its own"],
)
def test_an_account_is_one_however_its_credentials_name_it(
    accounts: tuple[str, ...], counts_for: str
) -> None:
    found = tuple(one(f"n{at}", account, str(at)) for at, account in enumerate(accounts))
    assert Directory(found).account_of(found[0]) == counts_for
