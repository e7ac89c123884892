# SPDX-License-Identifier: Apache-2.0
"""mod_switchboard_status counts what clients count: over several children, while
some are killed and httpd restarts gracefully.

A tenth of a million requests, in two tests.  A million for each:

    SWITCHBOARD_REQUESTS=1000000 test/run -- -k exact"""

import os
import random
import signal
import threading

import client
from status import Status
from wait import wait_for

REQUESTS = int(os.environ.get("SWITCHBOARD_REQUESTS", "50000"))
CLIENTS = 8
HOSTS = 400
KILLS = 4
RESTARTS = 3
LONGEST_BODY = 1000


class Counting:
    """A client that asks for hosts by Zipf's law, and what it was answered.  A
    connection that a killed child had breaks: that request may have been
    counted or not, and so may the one before it, which is counted after its
    answer was sent."""

    def __init__(self, port, seed, hosts, requests):
        self.port = port
        self.dice = random.Random(seed)
        self.hosts = hosts
        self.requests = requests
        self.answered = {}
        self.broken = {}
        self.doubted = {}
        self.bytes = 0
        self.errors = []
        self.thread = threading.Thread(target=self.run)

    def ask(self, connection, host):
        response = connection.request("GET", "/", host)
        assert response.status == (200 if host.startswith("h") else 404)
        self.answered[host] = self.answered.get(host, 0) + 1
        assert len(response.body) <= LONGEST_BODY
        self.bytes += len(response.body)

    def run(self):
        weights = [1 / (rank + 1) for rank in range(len(self.hosts))]
        connection = last = None
        for host in self.dice.choices(self.hosts, weights, k=self.requests):
            try:
                if connection is None:
                    connection = client.Connection(self.port)
                self.ask(connection, host)
                last = host
            except (client.Closed, OSError):
                self.broken[host] = self.broken.get(host, 0) + 1
                if last is not None:
                    self.doubted[last] = self.doubted.get(last, 0) + 1
                connection = last = None
            except AssertionError as error:
                self.errors.append(error)
                return


def run_clients(port, hosts, disturb):
    clients = [Counting(port, seed, hosts, REQUESTS // CLIENTS)
               for seed in range(CLIENTS)]
    for one in clients:
        one.thread.start()
    disturb(clients)
    for one in clients:
        one.thread.join()
        assert not one.errors, one.errors
    return clients


def summed(clients, name):
    total = {}
    for one in clients:
        for host, count in getattr(one, name).items():
            total[host] = total.get(host, 0) + count
    return total


def progress(clients):
    return sum(sum(one.answered.values()) + sum(one.broken.values())
               for one in clients)


def settle(server):
    """Wait until what was answered is counted: the children that did it have
    ended."""
    old = set(server.child_pids())
    server.graceful()
    wait_for(lambda: not old & set(server.child_pids()), 60,
             "the children of before end")


def check(status, clients, backends, doubted):
    """Within what broke: each such request was counted once or not at all, each
    of the doubted once or not at all, and no other number may be off."""
    answered, broken = summed(clients, "answered"), summed(clients, "broken")
    told = sum(answered.values())
    lost = sum(broken.values())
    doubt = sum(doubted.values())
    settle(status.httpd)
    seen = status.read()
    outcomes = seen["requests"]["outcomes"]
    counted = outcomes["mapped"] + outcomes["answered"]
    assert told - doubt <= counted <= told + lost
    assert seen["entries"]["untracked_requests"] == 0
    sums = dict.fromkeys(answered, 0)
    for entry in seen["entries"]["by_requests"]:
        sums[entry["key"]] = entry["requests"]
        assert entry["missed_at_most"] == 0
    for host, count in answered.items():
        assert count - doubted.get(host, 0) <= sums[host] \
            <= count + broken.get(host, 0), host
    # a child may be killed between one sum and the next
    assert abs(sum(sums.values()) - counted) <= doubt
    served = sum(backend["requests"] for backend in seen["backends"])
    assert outcomes["mapped"] - doubt <= served <= outcomes["mapped"] + lost
    assert sum(backend["in_flight"] for backend in seen["backends"]) == 0
    sent = sum(one.bytes for one in clients)
    assert seen["requests"]["bytes"] >= sent - doubt * LONGEST_BODY
    return told, lost, counted


def test_sums_are_exact(make_httpd, maps, folder, backends):
    """Nothing is killed: equal, whatever restarts."""
    status, hosts = serve(make_httpd, maps, folder, backends)

    def disturb(clients):
        for number in range(RESTARTS):
            wait_for(lambda: progress(clients)
                     > REQUESTS * (number + 1) // (RESTARTS + 2), 600,
                     "the next restart is due")
            status.httpd.graceful()

    clients = run_clients(status.httpd.port, hosts, disturb)
    told, lost, counted = check(status, clients, backends, {})
    # a kept connection that a restart closes as a request comes is not
    # answered, and not counted: it was never read
    assert counted == told
    assert told + lost == REQUESTS // CLIENTS * CLIENTS


def test_sums_are_exact_but_for_what_was_killed(make_httpd, maps, folder,
                                                backends):
    status, hosts = serve(make_httpd, maps, folder, backends)
    status.httpd.allow_log("AH00052|exit signal|AH00051|AH01102|AH00898")

    def disturb(clients):
        for number in range(KILLS):
            wait_for(lambda: progress(clients)
                     > REQUESTS * (number + 1) // (KILLS + 2), 600,
                     "the next kill is due")
            os.kill(random.Random(number).choice(status.httpd.child_pids()),
                    signal.SIGKILL)
            if number == 1:
                status.httpd.graceful()

    clients = run_clients(status.httpd.port, hosts, disturb)
    told, lost, _ = check(status, clients, backends,
                          summed(clients, "doubted"))
    assert told + lost == REQUESTS // CLIENTS * CLIENTS
    # each kill breaks what the child had in its hands, at most all clients
    assert lost <= (KILLS + 1) * CLIENTS


def serve(make_httpd, maps, folder, backends):
    """Four children, and hosts of which some are answered by their entries."""
    hosts = ["h%d.example.com" % number for number in range(HOSTS)]
    hosts[7::10] = ["n%d.example.com" % number
                    for number in range(7, HOSTS, 10)]
    path = maps.build(folder + "/map", {
        host: backends.url("abcd"[number % 4]) if host[0] == "h" else "404"
        for number, host in enumerate(hosts)})
    status = Status(make_httpd, pool=True, children=4)
    status.start(path, "<VirtualHost 127.0.0.1:%d>" % status.httpd.port,
                 "SwitchboardStatusHosts 1000", "</VirtualHost>",
                 "SwitchboardStatusHosts 1000")
    return status, hosts
