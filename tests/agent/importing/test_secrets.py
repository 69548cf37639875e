"""Passwords and keys as secret files, and never anywhere else."""

from pathlib import Path

import pytest

from tests.agent.importing.making import NEEDS, converted, lines, one

SIMPLE = "authentication {\nauth_type PASS\nauth_pass s3cret\n}"


@pytest.mark.parametrize(
    ("text", "kind", "key_id", "content"),
    [
        (SIMPLE, "simple", 0, b"s3cret"),
        ("authentication {\nauth_type AH\nauth_pass 'a\"b#c d e f\n}", "ah", 0, b"'a"),
        ('authentication {\nauth_type PASS\nauth_pass "a b\\c\xe9defg"\n}', "simple", 0, b"a b\\c\xc3\xa9d"),
        ("auth_hmac {\nkey 7 hex:00ff\nactive_key 7\n}", "hmac", 7, b"\x00\xff"),
        ("version 3\nauth_hmac {\nkey 1 plain-text\nactive_key 1\n}", "hmac", 1, b"plain-text"),
    ],
)
def test_secrets(tmp_path: Path, text: str, kind: str, key_id: int, content: bytes) -> None:
    found = one(tmp_path, text)
    auth = found.router.auth
    assert auth is not None
    assert (auth.type, auth.key_id, auth.secret_file) == (kind, key_id, content)
    (secret,) = found.imported.secrets
    assert (secret.name, secret.content) == ("V.secret", content)
    assert found.lines == []
    assert "s3cret" not in found.imported.text
    assert "s3cret" not in repr(secret)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auth_hmac {\nkey 7 hex:00\nactive_key 8\n}", "7: 'auth_hmac': active_key is the id of no key: left out"),
        (
            "auth_hmac {\nkey 7 hex:0x\nactive_key 7\n}",
            "7: 'auth_hmac': the active key is no hexadecimal number: left out",
        ),
        ("auth_hmac {\nkey 7 hex:\nactive_key 7\n}", "7: 'auth_hmac': the active key is empty: left out"),
        (
            'authentication {\nauth_type PASS\nauth_pass "end\r"\n}',
            "7: 'auth_pass': a secret cannot end with the end of a line: choose another on all hosts",
        ),
    ],
)
def test_a_router_that_could_not_be_signed_for_is_left_out(tmp_path: Path, text: str, said: str) -> None:
    done = converted(tmp_path, f"vrrp_instance V {{\n{NEEDS}{text}\n}}\n")
    assert done.routers == 0
    assert done.secrets == ()
    first, second = lines(done)
    assert first == "1: 'V': its adverts could not be signed: left out"
    assert second.startswith(said)


def test_other_keys_and_modes_of_hmac_are_told(tmp_path: Path) -> None:
    modes = "mode permissive\nanti_replay monotonic\ntime_window 9\n"
    text = f"auth_hmac {{\nkey 1 file:/etc/key\nkey 2 hex:00\nactive_key 1\n{modes}}}"
    done = converted(tmp_path, f"vrrp_instance V {{\n{NEEDS}{text}\n}}\n")
    assert 'secret_file = "/etc/key"' in done.text
    assert [line.partition(": ")[2] for line in lines(done)] == [
        "'auth_hmac': the key's file must hold the key itself, without hex: before it",
        "'key': the agent knows one key: it refuses what is signed with this one",
        "'mode': adverts without a signature are refused here: finish with enforce",
        "'anti_replay': the clock counts here: keep the hosts' clocks in step",
        "'time_window': the window is three intervals, at least 5 s: leave it out",
    ]
