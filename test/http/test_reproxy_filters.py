# SPDX-License-Identifier: Apache-2.0
"""Other modules see the final response: caches, filters, logs."""

import gzip

import pytest

import client
import reproxy
from backend import content
from reproxy import (ATTEMPT_LOG, HOST, asks, assert_failed, assert_serves,
                     counted, logged, new_name, url)

SIZE = 30000


# ---- mod_cache --------------------------------------------------------------

@pytest.fixture(scope="module", params=["normal", "quick"])
def cached(request, make_module_httpd, storages):
    """mod_cache as a filter among others, and before all."""
    httpd = make_module_httpd(modules=["cache", "cache_socache",
                                       "socache_shmcb"], reproxy=True)
    quick = "On" if request.param == "quick" else "Off"
    return reproxy.start(
        httpd, storages, outside=[
            "CacheEnable socache /", "CacheSocache shmcb",
            "CacheQuickHandler " + quick, "CacheIgnoreNoLastMod On",
            "CacheSocacheMaxSize 200000", "CacheIgnoreCacheControl Off",
            "<Location /app/kept/>", "PreserveHeaders Cache-Control",
            "</Location>"])


def times_asked(httpd, storages, path, app, storage):
    """How often the app is asked by three clients; each gets its own."""
    asked = "/" + new_name()
    for number in range(3):
        response = httpd.get(HOST, path, [asks(
            [url(storages, "s", asked, count=True, content=SIZE,
                 headers=storage)],
            app + [["X-Number", str(number)]], count=True)])
        assert_serves(response, "s", SIZE)
    return counted(storages, "app", path.replace("/app", "", 1))


FRESH = [["Cache-Control", "max-age=60"], ["ETag", '"e"']]


@pytest.mark.parametrize("folder", ["", "kept/"])
@pytest.mark.parametrize("app", [
    [["Cache-Control", "private, no-store"]], [["Cache-Control", "private"]],
    [["Cache-Control", "no-store"]], [["Cache-Control", "no-cache"]],
    [["Cache-Control", "private=\"x\", max-age=60"]],
    [["Cache-Control", "max-age=0"]], [["Cache-Control", "s-maxage=0"]],
    [["Cache-Control", "max-age=60"], ["Cache-Control", "private"]],
    [["Cache-Control", "Private, MAX-AGE=60"]], []], ids=str)
@pytest.mark.parametrize("storage", [
    FRESH, [["Cache-Control", "public, s-maxage=600"], ["ETag", '"e"']],
    [["Expires", "Fri, 01 Jan 2100 00:00:00 GMT"], ["ETag", '"e"']]], ids=str)
def test_storage_never_overrides_the_app(cached, storages, folder, app,
                                         storage):
    """What is for one client is not given to the next."""
    path = "/app/%s%s" % (folder, new_name())
    assert times_asked(cached, storages, path, app, storage) == 3


def test_app_may_let_a_cache_store(cached, storages):
    path = "/app/kept/" + new_name()
    # A response may be there before it is stored.
    assert times_asked(cached, storages, path, FRESH, FRESH) < 3


def test_storage_may_forbid_what_the_app_allows(cached, storages):
    path = "/app/" + new_name()
    assert times_asked(cached, storages, path, FRESH,
                       [["Cache-Control", "no-store"]]) == 3


def test_failure_is_not_stored(cached, storages):
    cached.allow_log(ATTEMPT_LOG)
    path = "/app/" + new_name()
    headers = [["Cache-Control", "max-age=60"]]
    assert_failed(cached.get(HOST, path, [asks(
        [url(storages, "s", status=404, headers=headers)], headers)]))
    assert_serves(cached.get(HOST, path, [asks(
        [url(storages, "s", content=SIZE)], headers)]), "s", SIZE)


def test_body_that_breaks_off_is_not_stored(cached, storages):
    cached.allow_log(ATTEMPT_LOG + "|cache")
    path = "/app/kept/" + new_name()
    with pytest.raises(client.Closed):
        cached.get(HOST, path, [asks(
            [url(storages, "s", content=SIZE, cut=SIZE - 5, headers=FRESH)],
            FRESH)])
    assert_serves(cached.get(HOST, path, [asks(
        [url(storages, "s", content=SIZE, headers=FRESH)], FRESH)]),
        "s", SIZE)


# ---- filters ----------------------------------------------------------------

@pytest.fixture(scope="module")
def filtered(make_module_httpd, storages):
    return reproxy.start(
        make_module_httpd(modules=["deflate", "filter", "headers",
                                   "substitute"], reproxy=True), storages,
        outside=["<Location /app/deflate/>", "SetOutputFilter DEFLATE",
                 "</Location>",
                 "<Location /app/substitute/>", "SetOutputFilter SUBSTITUTE",
                 'Substitute "s|needle|thread|"', "</Location>",
                 "<Location /app/headers/>",
                 "Header set X-Final yes",
                 "Header unset X-Storage", "Header always set X-Always yes",
                 'Header edit X-Edit "storage" "edited"', "</Location>"])


def test_deflate(filtered, storages):
    """Of storage's body; the app's is never packed."""
    text = url(storages, "s", content=SIZE,
               headers=[["Content-Type", "text/plain"]])
    with client.Connection(filtered.port) as kept:
        for _ in range(2):
            response = kept.request("GET", "/app/deflate/x", HOST, [
                ("Accept-Encoding", "gzip"), asks([text], content=100000)])
            assert response.header("Content-Encoding") == "gzip"
            assert gzip.decompress(response.body) == content("s", SIZE)


def test_deflate_after_failed_attempts(filtered, storages):
    filtered.allow_log(ATTEMPT_LOG)
    urls = [url(storages, "t", status=404, content=SIZE),
            url(storages, "t", status=500, content=SIZE, chunked=True),
            url(storages, "refused"),
            url(storages, "s", content=SIZE,
                headers=[["Content-Type", "text/plain"]])]
    response = filtered.get(HOST, "/app/deflate/x", [
        ("Accept-Encoding", "gzip"), asks(urls)])
    assert gzip.decompress(response.body) == content("s", SIZE)


@pytest.mark.parametrize("lines,preserved", [
    ([], False), (["PreserveHeaders Content-Type"], True)],
    ids=["storage", "preserved"])
@pytest.mark.parametrize("app,storage", [
    ("text/x-other", "text/x-packed"), ("text/x-packed", "text/x-other")])
def test_filters_by_type_see_the_final_type(lines, preserved, app, storage,
                                            make_httpd, storages):
    """The storage's, or the app's where it is preserved."""
    httpd = reproxy.start(
        make_httpd(modules=["deflate", "filter"], reproxy=True), storages,
        *lines, outside=["AddOutputFilterByType DEFLATE text/x-packed"])
    text = url(storages, "s", content=SIZE,
               headers=[["Content-Type", storage]])
    response = httpd.get(HOST, "/app/x", [
        ("Accept-Encoding", "gzip"), asks([text], [["Content-Type", app]])])
    final = app if preserved else storage
    assert response.header("Content-Type") == final
    assert (response.header("Content-Encoding") == "gzip") \
        == (final == "text/x-packed")


def test_substitute(filtered, storages):
    text = url(storages, "s", body="a needle here\n",
               headers=[["Content-Type", "text/plain"]])
    urls = [url(storages, "t", status=404, body="a needle\n"), text]
    response = filtered.get(HOST, "/app/substitute/x", [
        asks(urls, body="a needle of the app\n")])
    assert response.body == b"a thread here\n"


def test_headers(filtered, storages):
    text = url(storages, "s", content=SIZE, headers=[
        ["X-Storage", "yes"], ["X-Edit", "storage"]])
    response = filtered.get(HOST, "/app/headers/x", [
        asks([text], [["X-Edit", "app"]])])
    assert_serves(response, "s", SIZE)
    assert response.all("X-Storage") == []
    assert response.header("X-Edit") == "edited"
    assert response.header("X-Always") == "yes"
    assert len(response.all("X-Final")) == 1


# ---- the access log ---------------------------------------------------------

@pytest.fixture(scope="module")
def plain(make_module_httpd, storages):
    return reproxy.start(make_module_httpd(reproxy=True), storages,
                         outside=[reproxy.brief(storages)])


def lines_of(httpd, path):
    logged(httpd, path)
    with open(httpd.path("access.log"), encoding="latin-1") as file:
        return [line for line in file if line.split()[-1] == path]


def test_one_line_for_a_request(plain, storages):
    plain.allow_log(ATTEMPT_LOG)
    path = "/app/" + new_name()
    urls = [url(storages, "t", status=404), url(storages, "refused"),
            url(storages, "s", content=SIZE)]
    assert_serves(plain.get(HOST, path, [asks(urls)]), "s", SIZE)
    assert lines_of(plain, path) == ["127.0.0.1 3 ok 200 %s\n" % path]


@pytest.mark.parametrize("name,result,status", [
    ("404", "status", 502), ("closed", "broken", 502),
    ("refused", "unreachable", 502), ("slow", "timeout", 504),
    ("refused-url", "bad-url", 502), ("not-allowed", "denied", 502)])
def test_notes_say_what_failed(plain, storages, name, result, status):
    plain.allow_log(ATTEMPT_LOG)
    text = {"404": url(storages, "s", status=404),
            "closed": url(storages, "s", close="before"),
            "refused": url(storages, "refused"),
            "slow": url(storages, "s", delay=30),
            "refused-url": "ftp://127.0.0.1/",
            "not-allowed": "http://127.0.0.1:1/"}[name]
    path = ("/brief/" if name == "slow" else "/app/") + new_name()
    assert_failed(plain.get(HOST, path, [asks([text])]), status)
    assert logged(plain, path)[2:] == [result, str(status)]


def test_note_says_that_a_body_broke_off(plain, storages):
    plain.allow_log(ATTEMPT_LOG)
    path = "/app/" + new_name()
    with pytest.raises(client.Closed):
        plain.get(HOST, path, [asks([
            url(storages, "s", content=SIZE, cut=SIZE - 9)])])
    assert logged(plain, path)[2] == "aborted"


def test_notes_never_hold_a_signature(plain, storages):
    path = "/app/" + new_name()
    text = url(storages, "s", "/path?signature=s3cret", content=SIZE)
    assert_serves(plain.get(HOST, path, [asks([text])]), "s", SIZE)
    assert logged(plain, path)[0] == "127.0.0.1"


def test_no_notes_for_other_answers(plain):
    path = "/app/" + new_name()
    assert plain.get(HOST, path, [asks(None)]).status == 200
    assert logged(plain, path) == ["-", "-", "-", "200"]


def test_nothing_of_a_success_is_in_the_error_log(make_httpd, storages):
    httpd = reproxy.start(make_httpd(reproxy=True), storages)
    before = len(httpd.log())
    for _ in range(3):
        assert_serves(httpd.get(HOST, "/app/x", [
            asks([url(storages, "s", content=SIZE)])]), "s", SIZE)
    assert httpd.log()[before:] == ""
