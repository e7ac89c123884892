# SPDX-License-Identifier: Apache-2.0
"""A Debian machine for the commands of the documentation, below a folder: its
/etc/apache2 with the packages installed, an httpd that reads it, and the
scripts that change it.  What is elsewhere on a real one, paths and ports, is
put in the place of what the page says, and back in what is printed."""

import contextlib
import glob
import os
import re
import shlex
import sys

from doc_commands import PORT
from httpd import Httpd, STOCK_MODULES, user_lines
from process import thread_states
from tree import TOP
from wait import wait_for

OUR_FOLDER = "/usr/lib/apache2/modules/switchboard"

MOVED = re.compile(
    r"(?<![\w/.-])(?=/(?:etc/(?:apache2|haproxy|nginx|switchboard)|srv"
    r"|var/(?:lib/switchboard|log/apache2|www))\b)")
"""Where a path begins that is below the folder here."""

ENABLED = ("access_compat", "alias", "auth_basic", "authn_core", "authn_file",
           "authz_core", "authz_host", "authz_user", "autoindex", "dir", "env",
           "filter", "setenvif")
"""What Debian enables, as far as it needs no file of its own."""

DEPENDS = {"proxy_balancer": "proxy alias slotmem_shm",
           "ssl": "setenvif socache_shmcb",
           "lbmethod_bybusyness": "proxy_balancer",
           "lbmethod_byrequests": "proxy_balancer",
           "lbmethod_bytraffic": "proxy_balancer"}

SITE = """<VirtualHost *:80>
    DocumentRoot /var/www/html
    CustomLog ${APACHE_LOG_DIR}/access.log combined
</VirtualHost>
"""

A2_SCRIPT = r"""#!/bin/sh
# What Debian's script of this name does, as far as the pages need it.
set -eu
cd "$APACHE_CONFDIR"
case ${0##*/} in
a2*mod) kind=mods ;;
a2*conf) kind=conf ;;
a2*site) kind=sites ;;
esac

enable()
{
    set -- "$1" "$kind-available/$1"
    if ! test -e "$2.load" && ! test -e "$2.conf"; then
        echo "ERROR: $1 does not exist!" >&2
        exit 1
    fi
    for other in $(sed -n 's/^# Conflicts: //p' "$2".*); do
        if test -e "$kind-enabled/$other.load"; then
            echo "ERROR: $other is enabled: it conflicts with $1" >&2
            exit 1
        fi
    done
    for other in $(sed -n 's/^# Depends: //p' "$2".*); do
        (enable "$other")
    done
    for file in "$2".*; do
        ln -sf "../$file" "$kind-enabled"
    done
    echo "Enabling $1."
}

for name in "$@"; do
    case ${0##*/}:$name in
    *:-*) ;;
    a2en*) enable "$name" ;;
    *) rm -f "$kind-enabled/$name.load" "$kind-enabled/$name.conf" ;;
    esac
done
"""


class DebianHttpd(Httpd):
    """An httpd that is configured as Debian's is."""

    def __init__(self, settings):
        super().__init__(settings)
        self.log_path = self.write("var/log/apache2/error.log", "")
        for folder in ("mods", "conf", "sites"):
            os.makedirs(self.path("etc/apache2/%s-available" % folder))
            os.makedirs(self.path("etc/apache2/%s-enabled" % folder))
        self.write("var/www/html/index.html", "It works!\n")
        self.put_in("sites", "000-default.conf", SITE, True)
        self._put_modules()

    def put_in(self, kind, name, text, enabled):
        """Write a file of mods-available, conf- or sites-."""
        self.write("etc/apache2/%s-available/%s" % (kind, name),
                   self.given(text))
        if enabled:
            os.symlink("../%s-available/%s" % (kind, name),
                       self.path("etc/apache2/%s-enabled/%s" % (kind, name)))

    def _put_modules(self):
        for path in glob.glob(STOCK_MODULES + "/mod_*.so"):
            name = os.path.basename(path)[len("mod_"):-len(".so")]
            needs = DEPENDS.get(
                name, "proxy" if name.startswith("proxy_") else "")
            self.put_in("mods", name + ".load",
                        "# Depends: %s\nLoadModule %s_module %s\n"
                        % (needs, name, path),
                        name in (*ENABLED, "mpm_" + self.settings.mpm))
        for path in glob.glob(TOP + "/support/*.load.in"):
            with open(path, encoding="utf-8") as file:
                self.put_in("mods", os.path.basename(path)[:-len(".in")],
                            file.read().replace("@modulesdir@", OUR_FOLDER),
                            False)
        name = "switchboard_express.conf"
        with open(TOP + "/support/" + name, encoding="utf-8") as file:
            self.put_in("mods", name, file.read(), False)

    def _base(self):
        lines = [
            "ServerRoot %s" % self.path("etc/apache2"),
            "ServerName localhost",
            "Define APACHE_LOG_DIR %s" % self.path("var/log/apache2"),
            "PidFile %s" % self.path("httpd.pid"),
            "DefaultRuntimeDir %s" % self.root,
            "Mutex file:%s default" % self.root,
            *user_lines(),
            "ErrorLog %s" % self.log_path,
            "LogLevel warn",
            "AcceptFilter http none",
            "GracefulShutdownTimeout 5",
            "IncludeOptional mods-enabled/*.load",
            "IncludeOptional mods-enabled/*.conf",
            *self._mpm_lines(),
            "Listen 127.0.0.1:%d" % self.port,
            "<Directory />", "Require all denied", "</Directory>",
            "<Directory %s>" % self.path("var/www"),
            "Require all granted", "</Directory>",
            'LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\"'
            ' \\"%{User-Agent}i\\"" combined',
            "IncludeOptional conf-enabled/*.conf",
            "IncludeOptional sites-enabled/*.conf",
        ]
        return "\n".join(lines) + "\n"

    def given(self, text):
        """What a page says, as it has to be said here."""
        text = MOVED.sub(self.root, text)
        text = text.replace(OUR_FOLDER, self.settings.modules)
        return text.replace("<VirtualHost *:80>",
                            "<VirtualHost *:%d>" % self.port)

    def command_line(self):
        """What runs it, for a script."""
        words = ["env", *("%s=%s" % pair
                          for pair in self._environment().items()),
                 *self._arguments()]
        return " ".join(map(shlex.quote, words))


class Sandbox:
    """The place that doc_commands.run wants: httpd and a folder to work in."""

    LEFT = re.compile(
        r"^(apt|apt-get|dpkg-buildpackage|make|\./autogen\.sh|\./configure"
        r"|support/\S+|test/(run|packages))\b|/usr/local/")
    """What is for test/packages: it needs root, the network or the source tree,
    or is a test itself."""

    TIMEOUT = 60

    def __init__(self, httpd):
        self.httpd = httpd
        self.ports = {"%d" % number: "%d" % httpd.listen()
                      for number in range(8081, 8090)}
        self.folder = httpd.path("work")
        os.makedirs(self.folder)
        self._put_scripts()
        # a client that asks port 80 is led to the port of this httpd
        httpd.write("home/.curlrc",
                    'connect-to = ":80:127.0.0.1:%d"\n' % httpd.port)
        self.environment = {
            "PATH": ":".join([httpd.path("bin"), httpd.settings.bin,
                              os.environ["PATH"], "/usr/sbin"]),
            "HOME": httpd.path("home"), "LC_ALL": "C.UTF-8",
            "APACHE_CONFDIR": httpd.path("etc/apache2")}
        os.makedirs(httpd.path("var/lib/switchboard"))

    def _put_scripts(self):
        scripts = {"a2%s%s" % (verb, kind): A2_SCRIPT
                   for verb in ("en", "dis")
                   for kind in ("mod", "conf", "site")}
        control = ('#!/bin/sh\nif test "$1" = configtest; then set -- -t; fi\n'
                   'exec %s "$@"\n' % self.httpd.command_line())
        # the tests' own Python: others may hang on the user's HOME
        scripts.update(apachectl=control, apache2ctl=control,
                       python3='#!/bin/sh\nexec %s "$@"\n' % sys.executable)
        for name, text in scripts.items():
            os.chmod(self.httpd.write("bin/" + name, text), 0o755)

    def settle(self):
        """Until httpd has written what it has to write."""
        def idle():
            if self.httpd.process is None:
                return True
            with contextlib.suppress(OSError):      # a child that ends
                return all(set(thread_states(pid)) <= {"S"}
                           for pid in self.httpd.child_pids())
            return False
        wait_for(idle, 30, "httpd's threads wait for requests")

    def given(self, text):
        return PORT.sub(lambda port: self.ports[port[0]],
                        self.httpd.given(text))

    def shown(self, text):
        """What the reader's machine would print."""
        for documented, port in self.ports.items():
            text = re.sub(r"\b%s\b" % port, documented, text)
        text = re.sub(r":%d\b" % self.httpd.port, "", text)
        text = text.replace(self.httpd.settings.modules, OUR_FOLDER)
        return text.replace(self.httpd.root, "")

    def service(self, verb):
        if verb == "reload":
            self.httpd.graceful()
            return
        if verb != "start":
            self.httpd.stop()
        if verb != "stop" and self.httpd.process is None:
            self.httpd.start()

    def begin(self):
        self.httpd.start()

    def end(self):
        self.httpd.stop()
