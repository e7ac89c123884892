# SPDX-License-Identifier: Apache-2.0
"""hostmap convert --from: what the lists of others hold beside hosts and
backends, and must not become entries: blocks, headers, placeholders,
variables, ports."""

import pytest

# ---- nginx: which block ----------------------------------------------------

BACKENDS = ("map $host $backend {\n"
            "    a.test  http://10.0.0.1;\n"
            "}\n")
ZONES = ("map $host $cache_zone {\n"
         "    default  off;\n"
         "}\n")
LISTED = "a.test http://10.0.0.1\n"


def from_nginx(tool, text, *options):
    tool.write("nginx.conf", text)
    return tool("convert", "--from", "nginx", *options, "nginx.conf", "-")


@pytest.mark.parametrize("text", [
    BACKENDS, BACKENDS + ZONES.replace("$host", "$uri"),
    ZONES.replace("$host", "$scheme") + BACKENDS,
    BACKENDS.replace("$host", "$http_host"),
    "map_hash_bucket_size 128;\n" + BACKENDS])
def test_the_only_block_of_hosts_is_read(tool, text):
    assert from_nginx(tool, text).ok() == LISTED


def test_two_blocks_of_hosts_are_an_error_with_both_lines(tool):
    done = from_nginx(tool, BACKENDS + ZONES).fails()
    assert done.out == ""
    assert done.err == (
        "hostmap: nginx.conf:4: this block sets $cache_zone, the one on line "
        "1 sets $backend: name the variable of the one that is wanted with "
        "--variable\n")
    # leaving wrong lines out is no answer to the question
    done = from_nginx(tool, BACKENDS + ZONES, "--skip-bad").fails()
    assert (done.out, done.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("name", ["backend", "$backend", "BACKEND",
                                  "${backend}"])
def test_the_block_of_a_variable_is_read(tool, name):
    assert from_nginx(tool, BACKENDS + ZONES, "--variable", name).ok() \
        == LISTED
    text = BACKENDS.replace("$host", "$ssl_server_name")
    assert from_nginx(tool, text, "--variable", name).ok() == LISTED


def test_a_variable_that_no_block_sets(tool):
    from_nginx(tool, ZONES, "--variable", "backend").fails(
        "nginx.conf:1: no map block sets the variable of --variable backend, "
        "this one sets $cache_zone")
    from_nginx(tool, "a http://b;\n", "--variable", "backend").fails(
        "nginx.conf: no map block sets the variable of --variable backend")
    from_nginx(tool, BACKENDS + BACKENDS, "--variable", "backend").fails(
        "nginx.conf:4: this block sets $backend, the one on line 1 sets "
        "$backend: expected one block of this variable")


def test_a_block_that_maps_no_hosts_is_an_error(tool):
    from_nginx(tool, ZONES.replace("$host", "$uri")).fails(
        "nginx.conf:1: this block maps $uri, and none maps $host or "
        "$http_host: name the variable of the one that is wanted, as "
        "--variable cache_zone")


def test_lines_outside_of_the_block_are_an_error(tool):
    from_nginx(tool, BACKENDS + "b.test http://10.0.0.2;\n").fails(
        "nginx.conf:4: b.test: outside of the map block on line 1\n")


@pytest.mark.parametrize("before, after", [
    ("user www-data;\nevents { worker_connections 768; }\nhttp {\n", "}\n"),
    ("", "server {\n listen 80;\n location / { proxy_pass $backend; }\n}\n"),
    ("upstream app { server 10.0.0.1; }\n", ""),
    ("geo $addr $x { default 0; }\n", "")])
def test_a_whole_configuration_gives_one_message(tool, before, after):
    for more in [], ["--skip-bad"]:
        done = from_nginx(tool, before + BACKENDS + after, *more).fails(
            ": this is not the map alone, expected map blocks")
        assert (done.out, done.err.count("\n")) == ("", 1)


def test_names_in_messages_disturb_no_terminal(tool):
    done = from_nginx(tool, "\x1b[2J {\n}\n").fails("a block `?[2J`")
    assert "\x1b" not in done.err


# ---- nginx: values ---------------------------------------------------------


@pytest.mark.parametrize("value, stored", [
    ("http://unix:/run/a.sock:", "unix:/run/a.sock|http://localhost"),
    ("http://unix:/run/a.sock:/app/", "unix:/run/a.sock|http://localhost/app/"),
    ("https://unix:/run/a.sock", "unix:/run/a.sock|https://localhost"),
    ("unix:/run/a.sock", "unix:/run/a.sock|http://localhost"),
])
def test_unix_sockets_of_nginx_are_converted(tool, value, stored):
    assert from_nginx(tool, "a.test %s;\n" % value).ok() \
        == "a.test %s\n" % stored


def test_unix_sockets_and_a_value_format(tool):
    assert from_nginx(tool, "a unix:/run/a.sock; b 10.0.0.1;",
                      "--value-format", "http://%s").ok() \
        == "a unix:/run/a.sock|http://localhost\nb http://10.0.0.1\n"
    assert from_nginx(tool, "a unix:/run/php.sock;",
                      "--value-format", "fcgi://%s").ok() \
        == "a unix:/run/php.sock|fcgi://localhost\n"


@pytest.mark.parametrize("options, text", [
    (["--from", "nginx"], "a.test:8443 http://10.0.0.1;\n"),
    (["--from", "haproxy"], "a.test:8443 http://10.0.0.1\n"),
    (["--from", "csv"], "a.test:8443,http://10.0.0.1\n")])
def test_a_port_that_is_dropped_is_noted(tool, options, text):
    done = tool("convert", *options, "-", "-", text=text)
    assert (done.status, done.out) == (0, LISTED)
    assert done.err == ("stdin:1: note: a.test:8443: stored as a.test: it "
                        "answers for all ports\n")
    for port in ":80", ":443":
        assert tool("convert", *options, "-", "-",
                    text=text.replace(":8443", port)).ok() == LISTED


@pytest.mark.parametrize("options, text", [
    (["--from", "nginx"], "a.test http://$1;\n"),
    (["--from", "nginx"], "a.test http://${name}:80;\n"),
    (["--from", "nginx"], 'a.test "http://10.0.0.1/$x";\n'),
    (["--from", "haproxy"], "a.test http://\\1\n"),
    (["--from", "haproxy"], "a.test http://10.0.0.1/%[src]\n"),
    (["--from", "csv"], "a.test,http://10.0.0.1/$1\n"),
    (["--from", "csv"], "a.test,http://{{ip}}\n")])
def test_variables_are_refused(tool, options, text):
    tool("convert", *options, "-", "-", text=text).fails(
        "stdin:1: a.test: a variable cannot be carried over\n")


# ---- placeholders ----------------------------------------------------------


@pytest.mark.parametrize("word", ["NULL", "null", "None", "nil", "undefined",
                                  "N/A", "-", "\\N", "NaN"])
@pytest.mark.parametrize("options", [["--value-format", "http://%s"], []])
def test_placeholders_are_no_backends(tool, word, options):
    value = word if options else "http://" + word
    for done in (tool("convert", "--from", "csv", *options, "-", "-",
                      text="c.com,%s\n" % value),
                 tool("convert", "--from", "haproxy", *options, "-", "-",
                      text="c.com %s\n" % value)):
        done.fails("stdin:1: c.com: a placeholder where a backend is "
                   "expected\n", "1 wrong line")
        assert done.out == ""


def test_names_that_only_look_like_placeholders_are_backends(tool):
    for name in "null:8080", "null.example.com", "nullable", "n-a":
        assert tool("convert", "--from", "csv", "--value-format", "http://%s",
                    "-", "-", text="c.com,%s\n" % name).ok() \
            == "c.com http://%s\n" % name


def test_a_placeholder_is_no_host(tool):
    tool("convert", "--from", "csv", "-", "-",
         text="NULL,http://10.0.0.1\n").fails(
        "stdin:1: NULL: a placeholder where a host is expected")


def test_a_whole_configuration_of_haproxy_gives_one_message(tool):
    done = tool("convert", "--from", "haproxy", "--value-format", "http://%s",
                "--skip-bad", "-", "-",
                text="# x\nglobal\n  maxconn 2000\nfrontend web\n"
                     "  bind :80\n  mode http\n").fails(
        "hostmap: stdin:2: a section of a configuration, expected a map file")
    assert (done.out, done.err.count("\n")) == ("", 1)


# ---- separators and headers ------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(tool, separator):
    text = 'id,"domain","backend, url"\n1,a.test,http://10.0.0.1\n'.replace(
        ",", separator).replace('backend%s url' % separator, 'backend, url')
    options = ["--key", "domain", "--value", "backend, url"]
    assert tool("convert", "--from", "csv", *options, "-", "-",
                text=text).ok() == LISTED
    assert tool("convert", "--from", "csv", *options, "--separator",
                separator, "-", "-", text=text).ok() == LISTED
    plain = "a.test,http://10.0.0.1\n".replace(",", separator)
    assert tool("convert", "--from", "csv", "-", "-", text=plain).ok() \
        == LISTED


@pytest.mark.parametrize("name", [";", "semicolon"])
def test_a_separator_that_is_named(tool, name):
    assert tool("convert", "--from", "csv", "--separator", name, "-", "-",
                text='a.test;http://10.0.0.1;x,y\n').ok() == LISTED


def test_the_line_of_a_spreadsheet_names_the_separator(tool):
    assert tool("convert", "--from", "csv", "-", "-",
                text="sep=;\r\na.test;http://10.0.0.1\r\n").ok() == LISTED


@pytest.mark.parametrize("options, said", [
    (["--from", "csv", "--separator", ""], "expected one character"),
    (["--from", "csv", "--separator", ",,"], "expected one character"),
    (["--from", "csv", "--separator", '"'], "expected one character"),
    (["--from", "tsv", "--separator", ";"], "--separator goes with --from csv"),
    (["--from", "haproxy", "--separator", ";"],
     "--separator goes with --from csv"),
    (["--from", "csv", "--variable", "x"], "--variable goes with --from nginx"),
    (["--variable", "x"], "--separator and --variable go with --from")])
def test_options_that_do_not_go_together(tool, options, said):
    done = tool("convert", *options, "-", "-", text="a !\n").fails(said)
    assert (done.out, done.err.count("\n")) == ("", 1)


def test_a_header_with_a_newline_is_one_record(tool):
    text = '"Customer\ndomain","Backend\r\n(IP)"\na.test,10.0.0.1\n'
    for value in "backend (ip)", "Backend\n(IP)", "2":
        assert tool("convert", "--from", "csv", "--key", "customer domain",
                    "--value", value, "--value-format", "http://%s", "-", "-",
                    text=text).ok() == LISTED
    tool("convert", "--from", "csv", "--key", "customer domain", "-", "-",
         text=text).fails("stdin:4: a.test: 10.0.0.1: ")


@pytest.mark.parametrize("header", ["Domain,Backend", "host,ip",
                                    "hostname;target"])
def test_a_header_that_nobody_named_is_no_entry(tool, header):
    done = tool("convert", "--from", "csv", "--value-format", "http://%s",
                "-", "-", text=header + "\na.test,10.0.0.1\n").fails(
        "looks like the name of a column: name the columns with --key and "
        "--value\n")
    assert done.out == ""


# ---- duplicates ------------------------------------------------------------


def test_duplicates_that_are_skipped_are_counted_by_their_values(tool):
    text = ("a.test http://10.0.0.1\nb.test !\na.test http://10.0.0.2\n"
            "a.test  http://10.0.0.1\nb.test !\nB.test !\n")
    done = tool("build", "--skip-bad", "-", "map", text=text)
    assert (done.status, done.out) == (0, "map: lmdb, 2 entries\n")
    assert done.err.endswith(
        "stdin:5: duplicate key b.test, first on line 2\n"
        "hostmap: stdin: duplicate keys: 1 with another value than the first, "
        "2 with the same\n"
        "hostmap: stdin: 4 wrong lines skipped\n")
    done = tool("build", "--skip-bad", "-", "map", text="A !\na !\n")
    assert "duplicate" not in done.err
