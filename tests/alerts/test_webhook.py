"""Webhooks over the wire: TLS, tokens, what an answer means, and what never leaves in a header."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.news import at, finding
from tests.alerts.receiver import Receiver, listening
from vrrpwatch.alerts.alert import Alert, of_finding
from vrrpwatch.alerts.settings import AlertSettings, Webhook
from vrrpwatch.alerts.sinks.base import Refused, Retry, SinkError
from vrrpwatch.alerts.sinks.webhook import WebhookSender


def alert(**more: Any) -> Alert:
    found = finding(**more)
    return of_finding(found, found.id, "sensor-1", at(0))


def settings(secret: bytes = b"s3cret\n", **more: Any) -> Webhook:
    sink = {"name": "w", "type": "webhook", **more}
    document = {"version": 1, "sink": [sink]}
    (parsed,) = AlertSettings.model_validate(document, context={"read": lambda _: secret}).sink
    assert isinstance(parsed, Webhook)
    return parsed


def deliver(sender: WebhookSender, told: Alert) -> None:
    try:
        sender.deliver(told)
    finally:
        sender.close()


def test_a_token_from_a_file_is_sent_and_text_off_the_wire_is_in_no_header() -> None:
    with listening() as receiver:
        hostile = "x\r\nX-Evil: 1\r\n\r\n\u202e"
        sender = WebhookSender(settings(url=receiver.url, token_file="token"))  # noqa: S106  # a file's name
        deliver(sender, alert(summary=hostile, subject=hostile, segment=hostile))
        (headers,), (body,) = receiver.headers, receiver.bodies
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Content-Type"] == "application/json"
    assert "X-Evil" not in str(headers)
    assert (body["summary"], body["segment"]) == (hostile, hostile)


def test_a_secret_url_shows_in_no_complaint() -> None:
    with listening(answer=lambda _: 500) as receiver:
        sender = WebhookSender(settings(f"{receiver.url}/T0K3N".encode(), url_file="url"))
        with pytest.raises(Retry, match=r"^127\.0\.0\.1: answered 500 Internal Server Error$"):
            deliver(sender, alert())
        assert receiver.paths == ["/hook/T0K3N"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, None), (204, None), (302, Retry), (400, Refused), (404, Refused), (408, Retry), (429, Retry), (503, Retry)],
)
def test_what_an_answer_means(status: int, outcome: type[Exception] | None) -> None:
    with listening(answer=lambda _: status) as receiver:
        sender = WebhookSender(settings(url=receiver.url))
        if outcome is None:
            deliver(sender, alert())
        else:
            with pytest.raises(outcome, match=f"answered {status}"):
                deliver(sender, alert())
        assert len(receiver.bodies) == 1


def test_the_environment_sends_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9/")
    with listening() as receiver, listening() as proxy:
        deliver(WebhookSender(settings(url=receiver.url)), alert())
        assert len(receiver.bodies) == 1
        deliver(WebhookSender(settings(url=receiver.url, proxy=f"http://127.0.0.1:{proxy.server_port}")), alert())
        assert proxy.paths == [receiver.url]


@pytest.mark.parametrize(
    ("invocation", "said"),
    [
        (None, "no answer within 0.2 s"),
        ("f00d", "no answer within 0.2 s (is its address in the unit's IPAddressAllow=?)"),
    ],
)
def test_a_service_says_what_may_keep_a_receiver_from_answering(
    invocation: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    if invocation is not None:
        monkeypatch.setenv("INVOCATION_ID", invocation)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Retry) as failure:
            deliver(WebhookSender(settings(url=f"http://127.0.0.1:{port}/", timeout=0.2)), alert())
    assert str(failure.value) == f"http://127.0.0.1:{port}/: {said}"


def certificate(folder: Path) -> Path:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(folder / "key.pem")]
    subprocess.run(
        [program, "req", "-x509", *subject, *key, "-days", "2", "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem"


def secure(receiver: Receiver, path: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, path.with_name("key.pem"))
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True, do_handshake_on_connect=False)
    return receiver.url.replace("http://", "https://")


def test_certificates_are_verified_against_the_given_authority(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    receiver = Receiver()
    url = secure(receiver, path)
    with listening(receiver=receiver):
        deliver(WebhookSender(settings(url=url, ca_file=str(path))), alert())
        assert len(receiver.bodies) == 1
        with pytest.raises(Retry, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(WebhookSender(settings(url=url)), alert())
        other = url.replace("127.0.0.1", "localhost")
        with pytest.raises(Retry, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(WebhookSender(settings(url=other, ca_file=str(path))), alert())
        assert len(receiver.bodies) == 1


def test_an_unusable_authority_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SinkError, match=f"sink w: {tmp_path}/{name}: cannot be used as ca_file"):
            WebhookSender(settings(url="https://127.0.0.1/", ca_file=str(tmp_path / name)))
