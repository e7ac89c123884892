# SPDX-License-Identifier: Apache-2.0
"""hostmap follow --push: a follower of PostgreSQL that writes what it follows
into Redis, which a fleet follows."""

import os
import random
import subprocess
import threading
import time

from fleet import LOG, NAME, PATIENCE, Client, entries, state, wait_entries
from postgres import fill, insert, table
from wait import wait_for

RELAY = NAME + ":relay"


def relay(tool, database, redis, *options, name="map"):
    return tool("follow", "--once", "--push", redis.url, *options,
                database.url, name)


def pushed(redis):
    return {host.decode(): value.decode()
            for host, value in redis.hosts().items()}


def log_length(redis):
    return redis("XLEN", LOG)


def test_the_first_time_and_each_kind_of_change(tool, database, redis):
    database(insert("a.example") + insert("b.example"))
    done = relay(tool, database, redis)
    assert done.status == 0, done
    assert "made like the map because it has no position: 2 added" in done.err
    assert pushed(redis) == table(database)
    length = log_length(redis)
    for count, change in enumerate((
            insert("c.example", "10.0.0.3"),
            "UPDATE domains SET backend = '10.0.0.9' WHERE hostname = "
            "'a.example'",
            "DELETE FROM domains WHERE hostname = 'b.example'",
            "UPDATE domains SET hostname = 'd.example' WHERE hostname = "
            "'c.example'",
            # the last of each host counts
            "BEGIN; DELETE FROM domains WHERE hostname = 'a.example';"
            + insert("a.example", "10.0.0.4") + "COMMIT",
            "BEGIN;" + insert("e.example") + "DELETE FROM domains WHERE "
            "hostname IN ('e.example', 'd.example'); COMMIT"), 1):
        database(change)
        done = relay(tool, database, redis)
        assert (done.status, done.err) == (0, ""), change
        assert pushed(redis) == table(database), change
        # one entry of the log for a transaction
        assert log_length(redis) == length + count
    assert pushed(redis) == {"a.example": "http://10.0.0.4"}
    assert redis("GET", RELAY).decode() == "postgresql:hosts " \
        + state(tool)["position"]
    # nothing new: nothing is written
    assert relay(tool, database, redis).err == ""
    assert log_length(redis) == length + 6


def test_wrong_rows_are_not_passed_on(tool, database, redis):
    fill(database, 3)
    assert relay(tool, database, redis).status == 0
    database("UPDATE domains SET backend = 'no spaces allowed' WHERE hostname "
             "= 'host1.example';" + insert("UPPER.example")
             + insert("good.example"))
    assert relay(tool, database, redis).err.count("skipped") == 2
    assert pushed(redis) == entries(tool)
    assert pushed(redis)["host1.example"] == "http://10.0.0.1:1"


def test_a_refused_state_is_not_passed_on(tool, database, redis):
    fill(database, 300)
    assert relay(tool, database, redis).status == 0
    before = pushed(redis)
    database("TRUNCATE domains")
    relay(tool, database, redis).fails("would be removed", status=3)
    assert pushed(redis) == before
    assert relay(tool, database, redis, "--max-removed", "100").status == 0
    assert pushed(redis) == {}


def test_a_store_that_holds_others_is_refused(tool, database, redis):
    redis.fill({"old%d.example" % number: "!" for number in range(300)})
    fill(database, 10)
    relay(tool, database, redis).fails("300 of 300 entries would be removed",
                                       status=3)
    assert len(pushed(redis)) == 300
    done = relay(tool, database, redis, "--max-removed", "100")
    assert done.status == 0, done
    assert pushed(redis) == table(database)
    redis("SET", RELAY, "postgresql:shops 1:2:3")
    relay(tool, database, redis).fails("written from `postgresql:shops", "not "
                                       "from postgresql:hosts", status=3)


def test_a_cleaned_log_makes_it_like_the_map(tool, database, redis):
    fill(database, 10)
    assert relay(tool, database, redis).status == 0
    database(insert("a.example"))
    assert tool("follow", "--once", database.url, "map").status == 0
    database(insert("b.example")
             + "DELETE FROM domains WHERE hostname = 'host1.example';"
             "DELETE FROM switchboard.hosts_log WHERE seq < (SELECT seq FROM "
             "switchboard.hosts_counter)")
    done = relay(tool, database, redis)
    assert "its position is no longer in the log: 2 added, 0 changed, 1 " \
        "removed" in done.err, done
    assert pushed(redis) == table(database)
    database(insert("c.example"))
    assert relay(tool, database, redis).err == ""
    assert pushed(redis) == table(database)


def test_an_interrupted_fill_is_made_again(tool, database, redis):
    """As one leaves it that is killed between two transactions."""
    fill(database, 10)
    assert relay(tool, database, redis).status == 0
    redis("SET", RELAY, "postgresql:hosts ")
    redis("HDEL", NAME, "host1.example")
    done = relay(tool, database, redis)
    assert "has no position: 1 added, 0 changed, 0 removed" in done.err
    assert pushed(redis) == table(database)


def test_a_large_transaction_is_written_in_parts(tool, database, redis):
    assert relay(tool, database, redis).status == 0
    length = log_length(redis)
    fill(database, 120000)
    done = relay(tool, database, redis)
    assert (done.status, done.err) == (0, "")
    assert redis("HLEN", NAME) == 120000
    assert log_length(redis) == length + 2
    assert redis("GET", RELAY).decode().split()[1] == state(tool)["position"]


def test_redis_is_down_and_comes_back(tool, database, make_redis, follow):
    redis = make_redis("redis", "--appendonly", "yes", "--appendfsync",
                       "always")
    fill(database, 10)
    follower = follow("--status", "status", "--push", redis.url,
                      database.url, "map")
    wait_for(lambda: pushed(redis) == table(database), PATIENCE, "pushed")
    redis.kill()
    database(insert("new.example"))
    follower.wait_log("redis:hosts is not written")
    # the map is followed on
    wait_entries(tool, table(database))
    wait_for(lambda: "refused" in follower.status("status")["push_error"],
             PATIENCE, "the status tells it")
    redis.start()
    wait_for(lambda: pushed(redis) == table(database), PATIENCE, "pushed")
    assert follower.log().count("is not written") == 1
    assert follower.log().count("made like the map") == 1
    assert follower.stop() == 0


def test_a_redis_that_lost_writes_gets_them_again(tool, database, make_redis):
    redis = make_redis()
    fill(database, 10)
    assert relay(tool, database, redis).status == 0
    older = make_redis("older", "--replicaof", "127.0.0.1 %d" % redis.port)
    wait_for(lambda: len(older.hosts()) == 10 and older("EXISTS", RELAY),
             PATIENCE, "replicated")
    older("REPLICAOF", "NO", "ONE")
    database(insert("late.example"))
    assert relay(tool, database, redis).status == 0
    redis.kill()
    done = relay(tool, database, older)
    assert (done.status, done.err) == (0, "")
    assert pushed(older) == table(database)


def test_two_relays_write_each_change_once(tool, database, redis, follow):
    fill(database, 10)
    assert relay(tool, database, redis).status == 0
    length = log_length(redis)
    running = [follow("--interval", "10ms", "--push", redis.url, database.url,
                      "map%d" % number) for number in range(2)]
    for number in range(60):
        database(insert("more%d.example" % number))
    wait_for(lambda: pushed(redis) == table(database), PATIENCE, "pushed")
    assert log_length(redis) == length + 60
    for one in running:
        assert one.stop() == 0


def transaction(dice, number):
    """Two hosts change or go, another one comes; or none of it."""
    words = ["BEGIN;"]
    for host in dice.sample(range(1, 101), 2):
        name = "host%d.example" % host
        words.append("DELETE FROM domains WHERE hostname = '%s';" % name)
        if dice.random() < 0.7:
            words.append(insert(name, "10.0.1.1:%d" % (number + 1)))
    words.append(insert("new%d.example" % number))
    words.append("ROLLBACK;" if dice.random() < 0.2 else "COMMIT;")
    return "".join(words) + "\n"


class Writer(threading.Thread):
    """Transactions, one after the other, until it is ended."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.process = subprocess.Popen(database.psql(),
                                        stdin=subprocess.PIPE, text=True)
        self.ended = threading.Event()
        self.start()

    def run(self):
        dice = random.Random(3)
        number = 0
        with self.process.stdin as to:
            while not self.ended.wait(0.004):
                to.write(transaction(dice, number))
                to.flush()
                number += 1

    def end(self):
        self.ended.set()
        self.join(PATIENCE)
        assert self.process.wait(PATIENCE) == 0


def test_killed_on_either_side_it_is_exact(tool, database, make_redis,
                                           follow):
    """A relay, the Redis that it writes, and a front end that follows that
    one; the long form is test/fleet."""
    redis = make_redis("redis", "--appendonly", "yes", "--appendfsync",
                       "always")
    fill(database, 100)
    running = follow("--interval", "20ms", "--push", redis.url, database.url,
                     "map")
    wait_for(lambda: pushed(redis) == table(database), PATIENCE, "pushed")
    length = log_length(redis)
    at = state(tool)["position"].split(":")[0]
    edge = follow("--interval", "20ms", redis.url, "edge")
    edge.wait_log("connected")
    dice = random.Random(4)
    writer = Writer(database)
    try:
        for number in range(int(os.environ.get("FLEET_KILLS", "12"))):
            time.sleep(dice.random() / 5)
            if number % 3 == 2:
                redis.kill()
                redis.start()
            else:
                running.kill()
                running.start()
    finally:
        writer.end()
    wanted = table(database)
    wait_for(lambda: pushed(redis) == wanted, PATIENCE, "pushed")
    wait_entries(tool, wanted, "edge")
    wait_entries(tool, wanted)
    assert state(tool)["digest"] == state(tool, "edge")["digest"]
    assert edge.log().count("snapshot of") == 1
    assert running.log().count("made like the map") == 1
    # each transaction once
    assert log_length(redis) - length == int(database(
        "SELECT count(DISTINCT tx) FROM switchboard.hosts_log WHERE seq > "
        + at))


def test_a_password_of_its_own(tool, database, make_redis):
    redis = make_redis("redis", "--requirepass", "right")
    tool.write("password", "right\n")
    fill(database, 3)
    relay(tool, database, redis).fails("NOAUTH")
    done = relay(tool, database, redis, "--push-password-file", "password")
    assert done.status == 0, done
    with Client(redis.port) as admin:
        admin("AUTH", "right")
        assert admin("HLEN", NAME) == 3


def test_the_documented_rights_are_enough(tool, database, redis):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/fleet.md"),
              encoding="utf-8") as page:
        words = next(line.split() for line in page
                     if line.startswith("    ACL SETUSER relay "))
    redis(*[word.replace(">PASSWORD", ">secret") for word in words])
    fill(database, 3)
    url = "redis://relay@127.0.0.1:%d" % redis.port
    env = dict(os.environ, HOSTMAP_PUSH_PASSWORD="secret")
    for change in ("", "DELETE FROM domains WHERE hostname = "
                   "'host1.example';" + insert("a.example")):
        database(change)
        done = tool("follow", "--once", "--push", url, database.url, "map",
                    env=env)
        assert done.status == 0, done
        assert pushed(redis) == table(database)


def test_a_store_that_is_not_written(tool, database):
    tool("follow", "--once", "--push", database.url, database.url,
         "map").fails("--push", "redis://")
    tool("follow", "--once", "--push", "redis://", database.url,
         "map").fails("redis://")
