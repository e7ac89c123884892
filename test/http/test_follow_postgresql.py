# SPDX-License-Identifier: Apache-2.0
"""hostmap follow of tables in a real PostgreSQL."""

import os
import random
import shutil
import subprocess
import time

import pytest

from fleet import bound, entries, state, wait_entries
from postgres import TABLE, fill, insert, table
from wait import wait_for


def once(tool, database, *options):
    return tool("follow", "--once", *options, database.url, "map")


def test_the_first_map_and_each_kind_of_change(tool, database):
    database(insert("a.example") + insert("b.example"))
    done = once(tool, database)
    assert done.status == 0 and "snapshot of 2 entries" in done.err, done
    for change in (
            insert("c.example", "10.0.0.3"),
            "UPDATE domains SET backend = '10.0.0.9' WHERE hostname = "
            "'a.example'",
            "DELETE FROM domains WHERE hostname = 'b.example'",
            "UPDATE domains SET hostname = 'd.example' WHERE hostname = "
            "'c.example'",
            "UPDATE domains SET active = false WHERE hostname = 'd.example'",
            "UPDATE domains SET active = true",
            "BEGIN;" + insert("rolled.example") + "ROLLBACK",
            "BEGIN;" + insert("kept.example") + "SAVEPOINT s;"
            + insert("undone.example") + "ROLLBACK TO s; COMMIT",
            "BEGIN;" + insert("twice.example") + "UPDATE domains SET backend "
            "= '10.0.0.7' WHERE hostname = 'twice.example'; COMMIT",
            "INSERT INTO domains (hostname) VALUES ('null.example')",
            "INSERT INTO domains (backend) VALUES ('null')",
            "UPDATE domains SET backend = NULL WHERE hostname = "
            "'kept.example'"):
        database(change)
        done = once(tool, database)
        assert (done.status, done.err) == (0, ""), change
        assert entries(tool) == table(database), change
    assert entries(tool) == {"a.example": "http://10.0.0.9",
                             "d.example": "http://10.0.0.3",
                             "twice.example": "http://10.0.0.7"}
    assert state(tool)["follows"] == "postgresql:hosts"
    assert tool("verify", database.url, "map").status == 0
    # an update that changes nothing of a host is no change
    before = state(tool)["position"]
    database("UPDATE domains SET id = id + 1000")
    once(tool, database)
    assert state(tool)["position"] == before


def test_changes_arrive(tool, database, follow):
    fill(database, 10)
    follower = follow(database.url, "map")
    wait_entries(tool, table(database))
    database(insert("new.example"))
    wait_entries(tool, table(database))
    assert "new.example" in entries(tool)
    assert follower.stop() == 0


def test_none_is_lost_when_commits_are_in_another_order(tool, database):
    """The one that began first and has written first commits last."""
    assert once(tool, database).status == 0
    with subprocess.Popen(database.psql(), stdin=subprocess.PIPE,
                          text=True) as slow:
        slow.stdin.write("BEGIN;" + insert("slow.example") + "SELECT 1;\n")
        slow.stdin.flush()
        wait_for(lambda: database(
            "SELECT count(*) FROM pg_stat_activity WHERE state = "
            "'idle in transaction'") == "1", 30, "the slow one has written")
        # not held up by it
        database(insert("fast.example"))
        once(tool, database)
        assert list(entries(tool)) == ["fast.example"]
        slow.stdin.write("COMMIT;\n")
        slow.stdin.close()
        assert slow.wait(30) == 0
    once(tool, database)
    assert sorted(entries(tool)) == ["fast.example", "slow.example"]


def test_random_interleavings_of_writers(tool, database, follow):
    """The long form, 10,000 transactions of 8 writers, is test/fleet."""
    writers = int(os.environ.get("FLEET_WRITERS", "4"))
    count = int(os.environ.get("FLEET_TRANSACTIONS", "200")) // writers
    fill(database, 50)
    follower = follow("--interval", "20ms", database.url, "map")
    follower.wait_log("connected")
    running = []
    for number in range(writers):
        dice = random.Random(number)
        script = []
        for at in range(count):
            hosts = sorted(dice.sample(range(1, 51), 2))
            script.append("BEGIN;")
            for host in hosts:
                script.append(
                    "UPDATE domains SET backend = '10.%d.0.1:%d' WHERE "
                    "hostname = 'host%d.example';" % (number, at + 1, host))
            script.append("INSERT INTO domains (hostname, backend) VALUES "
                          "('w%d-%d.example', '10.0.0.2');" % (number, at))
            if dice.random() < 0.3:
                script.append("SELECT pg_sleep(%f);" % (dice.random() / 100))
            script.append("ROLLBACK;" if dice.random() < 0.2 else "COMMIT;")
        writer = subprocess.Popen(database.psql(), stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, text=True)
        writer.stdin.write("\n".join(script))
        writer.stdin.close()
        running.append(writer)
    assert [writer.wait(600) for writer in running] == [0] * writers
    wait_entries(tool, table(database))
    assert follower.log().count("snapshot of") == 1
    assert database("SELECT count(*) = max(seq) - min(seq) + 1 FROM "
                    "switchboard.hosts_log") == "t"
    assert database("SELECT count(*) FROM switchboard.hosts_pending") == "0"
    assert tool("verify", database.url, "map").status == 0


def test_a_copy_of_many_rows_is_one_transaction(tool, database):
    assert once(tool, database).status == 0
    database("CREATE TEMP TABLE t AS SELECT 'host' || n || '.example' AS h, "
             "'10.0.0.1' AS b FROM generate_series(1, 100000) n;\n"
             "INSERT INTO domains (hostname, backend) SELECT h, b FROM t;")
    before = state(tool)["position"].split(":")[0]
    assert once(tool, database).status == 0
    assert state(tool)["entries"] == 100000
    assert int(state(tool)["position"].split(":")[0]) == int(before) + 1


def test_a_transaction_of_many_statements_is_read_whole(tool, database):
    fill(database, 10)
    assert once(tool, database).status == 0
    database("BEGIN;" + "".join(insert("s%d.example" % number)
                                for number in range(250)) + "COMMIT;"
             + insert("after.example"))
    assert once(tool, database).status == 0
    assert entries(tool) == table(database)


def test_a_map_of_many(tool, database):
    """The long form, a million, is test/fleet."""
    count = int(os.environ.get("FLEET_HOSTS", "20000"))
    fill(database, count)
    began = time.monotonic()
    done = once(tool, database)
    bound("a map of %d from PostgreSQL" % count, time.monotonic() - began, 6)
    assert done.status == 0, done
    assert state(tool)["entries"] == count
    assert tool("verify", database.url, "map").status == 0


def test_many_poll(tool, database, follow):
    """The long form, 100 of them, is test/fleet."""
    count = int(os.environ.get("FLEET_POLLERS", "4"))
    fill(database, 100)
    assert once(tool, database).status == 0
    for number in range(count):
        shutil.copy(tool.path("map"), tool.path("map%d" % number))
    running = [follow(database.url, "map%d" % number)
               for number in range(count)]
    for one in running:
        one.wait_log("connected")
    began = time.monotonic()
    database(insert("new.example"))
    for number in range(count):
        wait_for(lambda name="map%d" % number:
                 state(tool, name)["entries"] == 101, 60, "the change arrives")
    bound("a change at %d followers, read one by one" % count,
          time.monotonic() - began, 5)


def test_truncate_is_refused(tool, database):
    fill(database, 300)
    assert once(tool, database).status == 0
    before = entries(tool)
    database("TRUNCATE domains")
    once(tool, database).fails("300 of 300 entries would be removed",
                               status=3)
    assert entries(tool) == before
    assert once(tool, database, "--max-removed", "100").status == 0
    assert entries(tool) == {}


def test_restart_and_kill(tool, database, follow):
    fill(database, 10)
    follower = follow(database.url, "map")
    wait_entries(tool, table(database))
    database.kill()
    follower.wait_log("cannot be reached")
    assert len(entries(tool)) == 10
    database.start()
    database(insert("new.example"))
    wait_entries(tool, table(database))
    follower.kill()
    database(insert("later.example"))
    follower.start()
    wait_entries(tool, table(database))
    assert follower.log().count("snapshot of") == 1


def test_a_standby_is_followed_and_promoted(tool, database):
    fill(database, 200)
    standby = database.standby()
    try:
        done = tool("follow", "--once", standby.url, "map")
        assert done.status == 0, done
        assert entries(tool) == table(database)
        database(insert("seen.example"))
        wait_for(lambda: "seen.example" in table(standby), 30, "replicated")
        assert tool("follow", "--once", standby.url, "map").err == ""
        # the standby loses the tail, and then has rows of the same number
        standby("SELECT pg_wal_replay_pause()")
        database(insert("lost.example"))
        once(tool, database)
        assert "lost.example" in entries(tool)
        standby("SELECT pg_wal_replay_resume()")
    finally:
        standby.remove()


def test_another_history_is_noticed(tool, database):
    """A copy from before the last change, on which others are made."""
    fill(database, 200)
    standby = database.standby()
    try:
        standby.promote()
        wait_for(lambda: standby("SELECT pg_is_in_recovery()") == "f", 30,
                 "promoted")
        database(insert("lost.example"))
        assert once(tool, database).status == 0
        assert "lost.example" in entries(tool)
        done = tool("follow", "--once", "--behind", "1s", standby.url, "map")
        assert "the log ends at" in done.err and done.status == 0, done
        assert "lost.example" not in entries(tool)
        database(insert("more.example"))
        assert once(tool, database).status == 0
        standby(insert("new.example"))
        standby(insert("newer.example"))
        standby(insert("newest.example"))
        done = tool("follow", "--once", standby.url, "map")
        assert "another history" in done.err, done
        assert entries(tool) == table(standby)
    finally:
        standby.remove()


def test_a_cleaned_log_takes_a_snapshot(tool, database):
    fill(database, 10)
    assert once(tool, database).status == 0
    database(insert("a.example") + insert("b.example"))
    database("DELETE FROM switchboard.hosts_log WHERE seq < (SELECT seq FROM "
             "switchboard.hosts_counter)")
    done = once(tool, database)
    assert "because the log was cleaned" in done.err
    assert entries(tool) == table(database)


def test_rights_and_wrong_rows(tool, database):
    fill(database, 10)
    database(insert("bad.example", "no spaces allowed")
             + insert("UPPER.example"))
    url = database.url.replace("postgres@", "switchboard_follow@")
    done = tool("follow", "--once", url, "map")
    assert done.status == 0 and done.err.count("skipped") == 2, done
    assert len(entries(tool)) == 10
    database("REVOKE SELECT ON switchboard.hosts_log FROM switchboard_follow")
    tool("follow", "--once", url, "map").fails("permission denied")
    assert len(entries(tool)) == 10
    tool("follow", "--once", database.url.replace("postgres@", "nobody@"),
         "map").fails("nobody")
    database("DROP SCHEMA switchboard CASCADE")
    once(tool, database).fails("--print-sql")


def test_several_tables_of_one_name(tool, database):
    database("DROP TABLE IF EXISTS shops; CREATE TABLE shops (fqdn text)")
    database(insert("a.example") + "INSERT INTO shops VALUES ('b.example')")
    assert once(tool, database).status == 0
    database(tool("follow", "--print-sql", "public.shops(lower(fqdn), "
                  "'https://10.0.0.5')").ok())
    done = once(tool, database)
    assert (done.status, done.err) == (0, "")
    database("INSERT INTO shops VALUES ('C.example')")
    assert once(tool, database).status == 0
    assert entries(tool) == table(database)
    assert sorted(entries(tool)) == ["a.example", "b.example", "c.example"]
    database("DROP TABLE shops CASCADE")


def test_it_can_be_taken_away(tool, database):
    fill(database, 3)
    database(tool("follow", "--print-sql", TABLE, "--remove").ok())
    fill(database, 3)
    assert database("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON "
                    "n.oid = relnamespace WHERE nspname = 'switchboard'") \
        == "0"
    assert database("SELECT count(*) FROM pg_trigger WHERE NOT "
                    "tgisinternal") == "0"


def test_push_says_why_it_does_not(tool, database):
    tool("push", "-", database.url, text="a.example !\n").fails("trigger")
    tool("fleet", database.url).fails("--status")


@pytest.mark.parametrize("words", [
    ("domains",), ("domains(a)",), ("domains(a, b); DROP TABLE x",),
    ("Domains(a, b)",), ("domains(a, b$)",), ("domains(a, 'b)",),
    ("domains(a, b)", "--name", "x y"), ("domains(a, b)", "--where", "a;b"),
    ("domains(a, b)", "redis://h", "map")], ids=str)
def test_wrong_words_for_the_sql(tool, words):
    done = tool("follow", "--print-sql", *words)
    assert done.status == 1 and done.out == "", done
