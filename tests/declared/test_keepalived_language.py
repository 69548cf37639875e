"""The language of keepalived.conf: comments, quotes, includes, conditions, parameters and sequences."""

import os
from pathlib import Path

import pytest

from tests.declared.configurations import bare, read, told
from vrrpwatch.declared import keepalived_lines, notes
from vrrpwatch.declared.keepalived import read_keepalived
from vrrpwatch.declared.keepalived_tree import Statement, written
from vrrpwatch.declared.keepalived_words import brace, cut, escaped_words, uncommented, words
from vrrpwatch.declared.notes import DeclaredError


def routes(folder: Path, text: str, **given: str) -> list[str]:
    """The lines of a block of values, after everything was replaced."""
    declared = read(folder, f"static_routes {{\n{text}\n}}\n", **given)
    (block,) = declared.tree
    return [line.text for line in block.inner]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("  state MASTER \t", "state MASTER"),
        ("state MASTER # as here", "state MASTER"),
        ("state MASTER!as here", "state MASTER"),
        ('router_id "a # b ! c" # d', 'router_id "a # b ! c"'),
        # A quote behind a backslash neither begins nor ends.
        (r"notify \" # c", r"notify \""),
        (r"router_id a\#b", "router_id a"),
        ("#", ""),
    ],
)
def test_comments_end_lines(line: str, kept: str) -> None:
    assert uncommented(line).text == kept


def test_a_backslash_before_a_comment_is_told() -> None:
    assert uncommented(r"router_id a\#b").escaped
    assert not uncommented(r'router_id "a\#b"').escaped


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a  b\tc", ("a", "b", "c")),
        ('a "b c" d', ("a", "b c", "d")),
        # Only a double quote quotes, and it begins a word of its own.
        ('a"b c"d', ("a", "b c", "d")),
        ("a 'b c'", ("a", "'b", "c'")),
        ('a ""', ("a", "")),
        (r"a\tb", (r"a\tb",)),
    ],
)
def test_words_of_a_line(line: str, found: tuple[str, ...]) -> None:
    assert words(line) == (found, True)


def test_a_quote_without_another_ends_the_words() -> None:
    assert words('a "b c') == (("a",), False)


# The first three are the manual's own, under "Quoted strings".
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('abcd" efg h jkl "mnop', ("abcd efg h jkl mnop",)),
        ('abcd "efg h jkl" mnop', ("abcd", "efg h jkl", "mnop")),
        (r"\\ \"", ("\\", '"')),
        (r"a\tb \x41\x2a\101 \cA \E", ("a\tb", "A*A", "\x01", "\x1b")),
        (r"\x4142", ("A42",)),
        ("'a \"b' \"c 'd\"", ('a "b', "c 'd")),
        ("''", ("",)),
        ("a 'b", None),
        ("a\\", None),
    ],
)
def test_words_of_a_script(line: str, found: tuple[str, ...] | None) -> None:
    assert escaped_words(line) == found


def test_braces_cut_lines_outside_quotes_and_parameters() -> None:
    assert cut("group { a b }") == ("group", "{ a b }")
    assert cut("{ a b }") == ("{", "a b }")
    assert cut('a "{" b') == ('a "{" b', "")
    assert brace("x ${A} {") == 7
    assert brace('x "{') is None


def test_blocks_begin_on_the_next_line_or_in_the_same(tmp_path: Path) -> None:
    one = read(tmp_path, "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n")
    other = read(tmp_path, "vrrp_sync_group G\n{ group { A B } }")
    assert one.sync_groups[0].members == other.sync_groups[0].members == ("A", "B")
    assert one.notes == other.notes == ()


def test_parameters_are_replaced_when_they_are_used(tmp_path: Path) -> None:
    # The manual's own example, under "Parameter substitution".
    text = """
    $ADDRESS_BASE=10.2.${ADDRESS_BASE_SUB}
    $ADDRESS_BASE_SUB=0
    ${ADDRESS_BASE}.100/32
    $ADDRESS_BASE_SUB=10
    ${ADDRESS_BASE}.100/32 dev $DEV
    $EMPTY=
    a${EMPTY}b $ADDRESS_BASE, $ADDRESS_BASE.1
    """
    assert routes(tmp_path, text) == [
        "10.2.0.100/32",
        "10.2.10.100/32 dev $DEV",
        # Without braces a parameter ends at a blank, a comma or a parenthesis.
        "ab 10.2.10, $ADDRESS_BASE.1",
    ]


def test_a_parameter_that_is_not_defined_is_told(tmp_path: Path) -> None:
    declared = read(tmp_path, "static_routes {\n a ${NONE} b\n}\n")
    assert told(declared) == ["2: parameter 'NONE' is not defined: left as it stands"]
    assert declared.tree[0].inner[0].words == ("a", "${NONE}", "b")


def test_predefined_parameters(tmp_path: Path) -> None:
    text = "${_PWD}/x\n$_INSTANCE\n${_RANDOM 3 9}"
    assert routes(tmp_path, text, config_id="main") == [f"{tmp_path}/x", "main", "3"]


def test_definitions_of_several_lines_nest(tmp_path: Path) -> None:
    text = """
    $INNER= \\
    inner ${N} \\
    end
    $OUTER= \\
    outer { \\
    # neither a comment
      # nor a blank one ends it

    $N=1
    $OUTER
    """
    assert routes(tmp_path, text) == ["outer"]
    text = """
    $INNER= \\
    inner ${N} \\
    end
    $OUTER= \\
    outer \\
    $N=1 \\
    $INNER \\
    $N=2 \\
    @main $INNER \\
    @other $INNER \\
    last
    $OUTER
    after
    """
    expected = ["outer", "inner 1", "end", "inner 2", "end", "last", "after"]
    assert routes(tmp_path, text, config_id="main") == expected


# The manual's own examples, under "Sequence blocks" and "List blocks".
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("~SEQ(S, 0, 3) 10.0.${S}.1", ["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1"]),
        ("~SEQ(S, 3) $S.x y$S", ["$S.x y1", "$S.x y2", "$S.x y3"]),
        ("~SEQ(S, 2) x${S}", ["x1", "x2"]),
        ("~SEQ(S,-2) x${S}", ["x-1", "x-2"]),
        ("~SEQ(S,9,-4,0) x${S}", ["x9", "x5", "x1"]),
        ("~SEQx(S, 0x90, 0x10, 0xc0) fe80::${S}", ["fe80::90", "fe80::a0", "fe80::b0", "fe80::c0"]),
        ("~SEQ(A,1,2) ~SEQ(B,1,2) ${A}${B}", ["11", "12", "21", "22"]),
        (
            "~LST({IP, IP1}, {10,1},{20,4},{5,6},{12,8}) 192.168.${IP}.${IP1}",
            ["192.168.10.1", "192.168.20.4", "192.168.5.6", "192.168.12.8"],
        ),
        ("~LST(IP, 1, 2) ~LST(IP1, 5,6) ${IP}.${IP1}", ["1.5", "1.6", "2.5", "2.6"]),
        ("~LST({A,B}, {1}) ${A}-${B}", ["1-"]),
        ("~LST({IP,IP1},{10,1},{20,4}) ~SEQ(Z,8,2,10) ${Z}.${IP}.${IP1}", ["8.10.1", "10.10.1", "8.20.4", "10.20.4"]),
    ],
)
def test_sequences(tmp_path: Path, line: str, found: list[str]) -> None:
    assert routes(tmp_path, line) == found


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("~SEQ(S) x", "~SEQ is no ~SEQ(NAME, [START, [STEP,]] END): left out"),
        ("~SEQ(S,1,0,3) x", "~SEQ steps away from its end: left out"),
        ("~SEQ(S,1,x) x", "~SEQ has something that is no number: left out"),
        ("~SEQ(S,1,3 x", "~SEQ misses its parentheses: left out"),
        ("~SEQx(S,-1,3) x", "~SEQ has negative numbers, which ~SEQx has not: left out"),
        ("~LST(A) x", "~LST is no ~LST(NAME, VALUE, …) or ~LST({NAME, …}, {VALUE, …}, …): left out"),
        ("~LST({A},{1,2}) x", "~LST gives more values than it has names: left out"),
        ("~LST({A},{1 x", "~LST misses its parentheses: left out"),
    ],
)
def test_malformed_sequences_are_told(tmp_path: Path, line: str, why: str) -> None:
    assert told(read(tmp_path, f"static_routes {{\n{line}\n}}")) == [f"2: {why}"]


def test_lines_are_for_configuration_ids(tmp_path: Path) -> None:
    # The manual's own example, under "Conditional configuration".
    text = "@main 1.2.3.4\n@backup 1.2.3.5\n@^main 1.2.3.6\n@^backup\t1.2.3.7\n$IF=@main\n$IF 1.2.3.8\n@main"
    assert routes(tmp_path, text, config_id="main") == ["1.2.3.4", "1.2.3.7", "1.2.3.8"]
    assert routes(tmp_path, text, host="backup") == ["1.2.3.5", "1.2.3.6"]
    declared = read(tmp_path, "@main router_id a\n@main x\n@^b global_defs\n@^b {\n @b x\n}\n")
    assert declared.config_ids == ("main", "b")
    assert [one.keyword for one in declared.tree] == ["global_defs"]
    assert told(declared) == [
        "1: asks for configuration id 'main': say which one is meant",
        "3: asks for configuration id 'b': say which one is meant",
    ]


def test_includes_are_relative_to_their_file(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "b.conf").write_text("static_routes {\n b ${_PWD}\n}\n")
    (folder / "a.conf").write_text("static_routes {\n a\n}\ninclude ../other.conf\n")
    (folder / ".hidden.conf").write_text("wrong\n")
    (tmp_path / "other.conf").write_text("static_routes {\n other\n}\n")
    declared = read(tmp_path, "include conf.d/*.conf\nincludea {other,none}.conf\n")
    found = [(Path(line.place.file).name, line.place.line, line.text) for one in declared.tree for line in one.inner]
    assert found == [
        ("a.conf", 2, "a"),
        ("other.conf", 2, "other"),
        ("b.conf", 2, f"b {folder}"),
        ("other.conf", 2, "other"),
    ]
    assert told(declared) == [f"2: cannot include {tmp_path}/none.conf: No such file or directory"]
    assert len(declared.files) == 5


def test_includes_that_do_not_work_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.conf")
    (tmp_path / "program.conf").write_text("wrong\n")
    (tmp_path / "program.conf").chmod(0o755)
    (tmp_path / "a.conf").write_text("include b.conf\n")
    (tmp_path / "b.conf").write_text("include a.conf\n")
    braces = "{a,b}" * 9
    lines = ("*.none", "fifo.conf", "program.conf", "a.conf", "/dev/zero", braces, "keepalived.conf")
    declared = read(tmp_path, "".join(f"include {line}\n" for line in lines))
    assert declared.tree == ()
    assert told(declared) == [
        "1: include '*.none' finds no file",
        f"2: cannot include {tmp_path}/fifo.conf: is no regular file: give the configuration file itself",
        f"3: {tmp_path}/program.conf is executable: left out, as keepalived does",
        f"1: {tmp_path}/a.conf includes itself: left out",
        "5: cannot include /dev/zero: is no regular file: give the configuration file itself",
        f"6: include '{braces}' names more than 256 files in braces: use a wildcard",
        f"7: {tmp_path}/keepalived.conf includes itself: left out",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("$A= \\\ny \\\n$A \\\nz\n\n$A\n", "6: includes or definitions nested deeper than 64"),
        ("~SEQ(N, 1, 999999999) x\n", "1: more than 200000 lines in all: split the configuration"),
        ("a {\n" * 40, "33: blocks nested deeper than 32"),
    ],
)
def test_what_unfolds_without_end_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DeclaredError) as refused:
        read(tmp_path, text)
    assert refused.value.faults == (f"{tmp_path}/keepalived.conf:{why}",)


@pytest.mark.parametrize(
    "text", ["$A=${A}\n$A\n", "$A=${B}${B}\n$B=${A}\n$A\n", "$A=x${A}\n$A\n", "$A= \\\n$A \\\nx\n\n$A\n"]
)
def test_a_parameter_that_contains_itself_is_told(tmp_path: Path, text: str) -> None:
    (note,) = read(tmp_path, text).notes
    assert note.text in (
        "replaces parameters without end: a definition contains itself: left out",
        "grows beyond 1023 characters with its parameters replaced: left out",
    )


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalived_lines, "MAX_FILES", 3)
    for number in range(3):
        (tmp_path / f"{number}.inc").write_text("\n")
    with pytest.raises(DeclaredError, match=r"keepalived.conf:1: includes more than 3 files"):
        read(tmp_path, "include *.inc\n")


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeclaredError, match=r"^/nowhere/keepalived\.conf: No such file or directory$"):
        read_keepalived(Path("/nowhere/keepalived.conf"))
    with pytest.raises(DeclaredError, match=r"is no regular file: give the configuration file itself$"):
        read_keepalived(tmp_path)
    large = tmp_path / "large.conf"
    large.touch()
    os.truncate(large, (4 << 20) + 1)
    with pytest.raises(DeclaredError, match=r"large\.conf: is larger than 4 MiB, which no configuration is$"):
        read_keepalived(large)


def test_notes_are_capped_and_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_NOTES", 2)
    assert told(read(tmp_path, "a\nb\nc\nd\n")) == [
        "1: unknown statement 'a'",
        "2: unknown statement 'b'",
        "4: and 2 more notes, this one the last",
    ]


def test_what_is_unknown_or_unbalanced_is_kept_and_told(tmp_path: Path) -> None:
    declared = read(
        tmp_path, 'vrrp_instances A {\n x "y\n}\n}\nglobal_defs {\n router_id a \\\n no_such\n state {\n }\n'
    )
    assert told(declared) == [
        "1: unknown statement 'vrrp_instances'",
        '2: a " without another: the rest of the line is not read',
        "4: a } that closes nothing",
        "6: ends in a \\: only definitions go on in the next line",
        "7: unknown statement 'no_such'",
        "8: unknown statement 'state'",
        "5: 'global_defs' is not closed: a } is missing",
        "6: 'router_id' takes one value: the rest is not read",
    ]
    assert [one.keyword for one in declared.tree[1].inner] == ["router_id", "no_such", "state"]


def test_control_characters_do_not_reach_a_terminal(tmp_path: Path) -> None:
    (note,) = read(tmp_path, "\x1b]0;x\x07 1\n").notes
    assert note.text == r"unknown statement '\x1b]0;x\x07'"


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_bytes(b"global_defs {\n router_id \xff\xfe\n}\nx\0y\n")
    declared = read_keepalived(path)
    again = tmp_path / "again.conf"
    again.write_text("\n".join(written(declared.tree)), errors="surrogateescape")
    assert b"\xff\xfe" in again.read_bytes()
    assert bare(read_keepalived(again).tree) == bare(declared.tree)
    assert told(declared) == ["4: holds a NUL character: left out, as keepalived does"]


def test_secrets_show_nowhere(tmp_path: Path) -> None:
    text = """
    $WORD=hunter2
    SSL { password hunter2 }
    vrrp_instance A {
        virtual_router_id 1
        auth_pass hunter2
        authentication {
            auth_type PASS
            auth_pas hunter2
            auth_pass ${WORD}
            auth_pass
            hunter2 and more
        }
        auth_hmac {
            key 1 hunter2
            active_key 1
        }
    }
    vrrp_instance B {
        authentification { auth_pass hunter2 }
        track_script { auth_pass_check }
    }
    """
    declared = read(tmp_path, text)
    assert "hunter2" not in repr(declared)
    assert "hunter2" not in "".join(map(str, declared.notes))
    assert "hunter2" not in "".join(written(declared.tree))
    assert "".join(written(declared.tree, reveal=True)).count("hunter2") == 7
    first, second = declared.instances
    assert second.tracks["track_script"][0].name == "auth_pass_check"
    assert first.authentication is not None
    hidden: list[Statement] = [one for one in first.statement.inner if one.keyword == "auth_pass"]
    assert [one.words for one in hidden] == [("auth_pass", "********")]
