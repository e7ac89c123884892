# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page of the documentation, as its reader would.

A page is one script, from top to bottom, in one folder and one shell:

* ```console is a block of commands and what they print.  Its first two
  characters are the prompt of the block, `$ ` (any user) or `# ` (root): lines
  that begin with it are commands, `> ` continues one, all others are output.
  Output has to come as shown, and nothing else; `...` within a line is any
  text, a line of `...` any lines.  A command that shows no output may print
  what it likes.  Each has to succeed; one that fails on purpose is written
  `$ command; echo $?`.
* ```console needs=haproxy is a block that is left out where there is no such
  program.
* ```text file=hosts.txt, with any word for text, is a file to write.
* A command that ends with `&` goes on until the page ends.  The next one waits
  until somebody listens at the ports 8081 to 8089 that it names.
* `systemctl start|stop|restart|reload apache2` stands alone; httpd is started
  before the page begins.

`run` does this in a place: `debian.Sandbox` is one made by a test, below a
folder and with other ports.  `Machine` is the machine itself: for
test/packages, which starts this file as a program in a root that is thrown
away.

usage: doc_commands.py PAGE FOLDER
"""

import collections
import functools
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from wait import wait_for

FENCE = re.compile(r"^```(?P<language>\w*)(?: +file=(?P<file>\S+))?"
                   r"(?: +needs=(?P<needs>\S+))?\n"
                   r"(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)

PORT = re.compile(r"\b808[1-9]\b")
"""What backends of the pages listen on."""

SERVICE = re.compile(r"systemctl (start|stop|restart|reload) apache2")

PAUSE = 0.25
"""Seconds before each command.  No reader is faster; a new map is served after
0.1 s, and the access log is written when the client has its answer."""

START_TIMEOUT = 30
RESUMED = "resuming normal operations"

Command = collections.namedtuple("Command", "line text output needs")
"""output: the lines that are shown; needs: a program, or None."""

File = collections.namedtuple("File", "line path text")


class Wrong(AssertionError):
    """Line, and what is wrong there."""

    def __init__(self, line, what):
        super().__init__("line %d: %s" % (line, what))


def commands(body, line, needs):
    """The commands of a block that begins behind this line of its page."""
    prompt = body[:2]
    if prompt not in ("$ ", "# "):
        raise Wrong(line + 1, "no prompt, '$ ' or '# ', at its beginning")
    found = []
    for number, text in enumerate(body.splitlines(), line + 1):
        if text.startswith(prompt):
            found.append(Command(number, [text[2:]], [], needs))
        elif text.startswith(">") and not found[-1].output:
            found[-1].text.append(text[2:])
        else:
            found[-1].output.append(text)
    return [Command(one.line, "\n".join(one.text), one.output, needs)
            for one in found]


def steps(page):
    """Files and commands of a page's text, in their order."""
    for block in FENCE.finditer(page):
        line = page.count("\n", 0, block.start()) + 1
        if block["file"]:
            yield File(line, block["file"], block["body"])
        elif block["language"] == "console":
            yield from commands(block["body"], line, block["needs"])


def matches(expected, output):
    """Is the output (a text) what these lines show?  Blank lines at the end of
    either do not count."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else
        ".*".join(map(re.escape, line.rstrip().split("..."))) + r"[ \t]*\n"
        for line in "\n".join(expected).rstrip().splitlines())
    return re.fullmatch(pattern, output.rstrip() + "\n") is not None


class Shell:
    """One bash, that is given a command at a time."""

    def __init__(self, folder, environment):
        self.scratch = os.path.join(environment["HOME"], "shell")
        os.makedirs(self.scratch)
        # its own process group: what it leaves behind can be ended
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True, text=True)
        self.said = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.count = 0

    def _read(self):
        for line in self.process.stdout:
            self.said.put(line)
        self.said.put("it ended the shell")

    def run(self, command, timeout):
        """Exit status and output of a command."""
        self.count += 1
        source = os.path.join(self.scratch, "%d.sh" % self.count)
        output = os.path.join(self.scratch, "%d.out" % self.count)
        with open(source, "w", encoding="utf-8") as file:
            file.write(command + "\n")
        self.process.stdin.write(". '%s' > '%s' 2>&1 < /dev/null; echo $?\n"
                                 % (source, output))
        self.process.stdin.flush()
        try:
            status = self.said.get(timeout=timeout).strip()
        except queue.Empty:
            status = "it did not end within %d s" % timeout
        with open(output, encoding="utf-8", errors="replace") as file:
            return status, file.read()

    def end(self):
        """End it, and what runs in it still."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            # bash itself goes with its input
            if not self.process.stdin.closed:
                self.process.stdin.close()
            time.sleep(0.1)
        self.process.wait()


class Machine:
    """The machine itself, changed for good."""

    LEFT = re.compile(r"test/(run|packages)\b")
    TIMEOUT = 900
    LOG = "/var/log/apache2/error.log"
    PID = "/var/run/apache2/apache2.pid"

    def __init__(self, folder):
        self.folder = folder
        self.home = os.path.join(folder, ".home")
        os.makedirs(self.home)
        self.environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
                    ":/sbin:/bin",
            "HOME": self.home, "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive"}

    def settle(self):
        """As much longer as no reader minds."""
        time.sleep(PAUSE)

    @staticmethod
    def given(text):
        return text

    @staticmethod
    def shown(text):
        return text

    def _resumed(self):
        """How often httpd says that it has begun."""
        try:
            with open(self.LOG, encoding="utf-8", errors="replace") as file:
                return file.read().count(RESUMED)
        except FileNotFoundError:
            return 0

    def service(self, verb):
        # there is no systemd in a root of a test's
        up = os.path.exists(self.PID)
        if verb in ("stop", "restart") and up:
            with open(self.PID, encoding="ascii") as file:
                process = "/proc/" + file.read().strip()
            subprocess.run(["apache2ctl", "stop"], check=True)
            # it has its ports for a moment longer than its file
            wait_for(lambda: not os.path.exists(process), START_TIMEOUT,
                     "httpd stops")
            up = False
        if verb != "stop":
            before = self._resumed()
            subprocess.run(["apache2ctl", "graceful" if up else "start"],
                           check=True)
            wait_for(lambda: self._resumed() > before, START_TIMEOUT,
                     "httpd serves")

    def begin(self):
        if os.path.exists("/usr/sbin/apache2ctl"):
            self.service("start")

    def end(self):
        self.service("stop")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def write(place, step):
    path = os.path.join(place.folder, place.given(step.path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(place.given(step.text))


def is_left(place, step):
    """Is it none that this place runs?"""
    return place.LEFT.search(step.text) or (
        step.needs and not shutil.which(step.needs,
                                        path=place.environment["PATH"]))


def run_command(place, shell, step):
    """Run a command, and compare what it prints with what is shown."""
    time.sleep(PAUSE)
    place.settle()
    service = SERVICE.fullmatch(step.text)
    if service:
        place.service(service[1])
        return
    if "systemctl" in step.text:
        raise Wrong(step.line, "not alone on its line: " + step.text)
    status, output = shell.run(place.given(step.text), place.TIMEOUT)
    output = place.shown(output)
    if status != "0":
        raise Wrong(step.line, "%s: status %s\n%s"
                    % (step.text, status, output))
    if any(step.output) and not matches(step.output, output):
        raise Wrong(step.line, "%s: shown is\n%s\nand it printed\n%s" % (
            step.text, "\n".join(step.output), output))
    if step.text.endswith("&"):
        for port in PORT.findall(step.text):
            wait_for(lambda: listens(int(place.given(port))), START_TIMEOUT,
                     "%s: port %s" % (step.text, port))


def run(page, place, say=lambda *words: None):
    """Run a page's text in a place: how many commands ran, and those that were
    left out."""
    count = 0
    left = []
    place.begin()
    shell = Shell(place.folder, place.environment)
    try:
        for step in steps(page):
            if isinstance(step, File):
                write(place, step)
            elif is_left(place, step):
                left.append(step.text)
                say("line %d: left out:" % step.line, step.text)
            else:
                say("line %d:" % step.line, step.text)
                run_command(place, shell, step)
                count += 1
    finally:
        shell.end()
        place.end()
    return count, left


def main(page, folder):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    try:
        count, left = run(text, Machine(os.path.abspath(folder)),
                          functools.partial(print, flush=True))
        assert count, "no command of it runs"
    except AssertionError as error:
        sys.exit("%s: %s" % (page, error))
    print("%s: %d commands ran, %d left out" % (page, count, len(left)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: doc_commands.py PAGE FOLDER")
    main(*sys.argv[1:])
