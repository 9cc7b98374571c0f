"""A wrong configuration refuses to start and names the variable."""

import pytest

from orchestrator.settings import ConfigurationError, Settings, load, require_credentials
from orchestrator.storage.connection import FRONT_END, connect

KEY = {"RINGCENTRAL_API_KEY": "k"}
JWT = {"RC_APP_CLIENT_ID": "i", "RC_APP_CLIENT_SECRET": "s", "RC_USER_JWT": "j"}


def test_the_defaults_are_the_contract_s() -> None:
    settings = load({})
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.server_url == "https://platform.ringcentral.com"
    assert (settings.rest_host, settings.rest_port) == ("127.0.0.1", 8080)
    assert (settings.mcp_host, settings.mcp_port) == ("127.0.0.1", 9090)
    assert settings.simulator_port == 9301
    assert settings.base_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://x"),
        ("RC_SERVER_URL", "platform.ringcentral.com"),
        ("RC_SERVER_URL", "ftp://x"),
        ("RINGOUT_REST_PORT", "http"),
        ("RINGOUT_REST_PORT", "65536"),
        ("RINGOUT_MCP_PORT", "-1"),
        ("RINGOUT_REDIS_SENTINELS", "here"),
        ("RINGOUT_LOG_LEVEL", "loud"),
        ("RINGOUT_ALLOWED_HOSTS", "*"),
        ("RINGOUT_ALLOWED_HOSTS", "*.example.com"),
        ("RINGOUT_ALLOWED_HOSTS", "a.example.com,,b.example.com"),
        ("RINGOUT_ALLOWED_HOSTS", "a.example.com:65536"),
        ("RINGOUT_ALLOWED_HOSTS", "[fe80::1::2]"),
        ("RINGOUT_MCP_ALLOWED_HOSTS", "http://x"),
        ("RINGOUT_MCP_ALLOWED_HOSTS", "*"),
        ("RINGOUT_ALLOWED_ORIGINS", "https://*.example.com"),
        ("RINGOUT_ALLOWED_ORIGINS", "https://a@b"),
        ("RINGOUT_ALLOWED_ORIGINS", "ftp://x"),
        ("RINGOUT_RETENTION", "60"),
        ("RINGOUT_WORKER_JOBS", "0"),
        ("RINGOUT_CADENCE_FACTOR", "0"),
        ("RINGOUT_MCP_STATE_KEYS", "short"),
        ("RINGOUT_PUBLIC_URL", "x"),
        ("RINGOUT_CREDENTIALS_KEY", "x" * 31),
        ("RINGOUT_LOGINS_A_MINUTE", "0"),
        ("RINGOUT_HEAVY_RESERVE", "-1"),
        ("RINGOUT_ACCOUNT_CALLS", "-1"),
        ("RINGOUT_ONE_CALL_PER_CALLEE", "perhaps"),
        ("RINGOUT_TYPO", "1"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value)


def test_an_empty_variable_is_one_not_given() -> None:
    assert load({"RINGOUT_REST_PORT": "", "RINGCENTRAL_API_KEY": ""}) == load({})


def test_the_simulator_s_variables_are_its_own() -> None:
    load({"RINGOUT_SIMULATOR_SPEED": "10", "RINGOUT_SIMULATOR_LIMITS": "off"})


@pytest.mark.parametrize("given", [KEY, JWT, KEY | JWT, {"RINGOUT_CREDENTIALS_KEY": "k" * 32}])
def test_either_credential_will_do(given: dict[str, str]) -> None:
    require_credentials(load(given))


def test_none_is_refused_naming_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"^RINGCENTRAL_API_KEY: .*RC_USER_JWT"):
        require_credentials(load({}))


@pytest.mark.parametrize("missing", sorted(JWT))
def test_half_a_jwt_flow_names_the_missing_half(missing: str) -> None:
    given = {name: value for name, value in JWT.items() if name != missing}
    with pytest.raises(ConfigurationError, match=f"^{missing}: "):
        require_credentials(load(given))


def test_no_secret_is_shown() -> None:
    more = {"RC_APP_CLIENT_SECRET": "hush-1", "RC_USER_JWT": "hush-2"}
    shown = repr(load(KEY | more | {"RINGOUT_CREDENTIALS_KEY": "hush" * 8}))
    assert "hush" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hush/word@127.0.0.1:6379/0",
        "redis://:1/hush@127.0.0.1:6379/0",
        "redis://:hush#word@127.0.0.1:6379/0",
        "redis://:hush?word@127.0.0.1:6379/0",
        "redis://:hush[word@127.0.0.1:6379/0",
        "redis://:hush\u2100@127.0.0.1:6379/0",
        "unix://:hush/word@/run/redis.sock",
        "redis://hush:70000",
        "redis://hush:port",
        "redis://127.0.0.1/hush",
        "redis://127.0.0.1/0?db=hush",
        "redis://127.0.0.1/0?db=-1",
        "redis://127.0.0.1/0?max_connections=0",
        "redis://127.0.0.1/0?protocol=hush",
        "redis://127.0.0.1/0?hush=1",
        "redis://127.0.0.1/0?ssl_cert_reqs=none",
        "rediss://127.0.0.1/0?ssl_cert_reqs=hush",
        "unix://",
    ],
)
def test_a_redis_url_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^REDIS_URL: must ") as refused:
        load({"REDIS_URL": url})
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://h:6379/",
        "redis://app:p%2Fw%40@[::1]:6379/12",
        "redis://h/0?db=3&socket_timeout=0.5&socket_connect_timeout=2&health_check_interval=30",
        "redis://h?protocol=3&client_name=ringout&max_connections=8&username=a&password=b",
        "rediss://h:6380/0?ssl_cert_reqs=none&ssl_check_hostname=false&ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
        "unix://app:secret@/run/redis.sock",
    ],
)
def test_a_redis_url_that_is_taken_makes_connections(url: str) -> None:
    assert load({"REDIS_URL": url}).redis_url == url
    connect(url, FRONT_END).connection_pool.make_connection()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("url", ["redis:///0", "unix:///run/redis.sock"])
def test_sentinels_need_a_master_s_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^REDIS_URL: RINGOUT_REDIS_SENTINELS needs"):
        load({"REDIS_URL": url, "RINGOUT_REDIS_SENTINELS": "a:1"})


def test_sentinels_are_addresses() -> None:
    assert load({"RINGOUT_REDIS_SENTINELS": "a:1,b:2"}).sentinels == [("a", 1), ("b", 2)]


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    "url",
    ["https://calls.example.com", "http://127.0.0.1:8080", "http://localhost", "http://[::1]"],
)
def test_webhooks_of_ringcentral_s_come_to_a_public_address(url: str) -> None:
    given = {"RINGOUT_NOTIFICATIONS": "webhook", "RINGOUT_PUBLIC_URL": url}
    assert load(given).notifications == "webhook"


@pytest.mark.parametrize("url", ["", "http://calls.example.com", "http://10.0.0.1"])
def test_where_there_is_none_that_will_do_it_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^RINGOUT_PUBLIC_URL: "):
        load({"RINGOUT_NOTIFICATIONS": "webhook", "RINGOUT_PUBLIC_URL": url})


def test_hosts_and_origins_as_clients_send_them_are_taken() -> None:
    hosts = "Calls.Example.com,calls.example.com:8443,10.0.0.7,[2001:db8::1]:443,rest"
    origins = "https://crm.example.com,http://localhost:3000"
    given = {"RINGOUT_ALLOWED_HOSTS": hosts, "RINGOUT_ALLOWED_ORIGINS": origins}
    settings = load(given | {"RINGOUT_MCP_ALLOWED_HOSTS": hosts})
    assert (settings.allowed_hosts, settings.allowed_origins) == (hosts, origins)
