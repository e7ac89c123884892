# SPDX-License-Identifier: Apache-2.0
"""Other servers with a certificate for each of many names, as their manuals say
it is done for many: what their configuration files are, how long they take to
serve, and what memory they take then (Debian: support/install-packages bench).

nginx is there twice: with a block for each name, which reads all certificates
when it starts, and with a variable, which reads one for each handshake."""

import json
import os
import shutil
import subprocess
import sys
import time

import common

START_TIMEOUT = 20 * common.START_TIMEOUT

NGINX = """
daemon off;
worker_processes 1;
error_log %(root)s/nginx.log crit;
pid %(root)s/nginx.pid;
events { worker_connections 512; }
http {
    access_log off;
    server_names_hash_max_size %(hash)d;
    server_names_hash_bucket_size 128;
    ssl_session_cache off;
    ssl_session_tickets off;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_temp_path %(root)s;
    proxy_temp_path %(root)s;
    fastcgi_temp_path %(root)s;
    uwsgi_temp_path %(root)s;
    scgi_temp_path %(root)s;
%(servers)s
}
"""
NGINX_BLOCK = """    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name %(name)s;
        ssl_certificate %(file)s;
        ssl_certificate_key %(file)s;
        return 204;
    }
"""
# the certificates of a folder; without ssl-load-extra-files each is looked for
# under five more names
HAPROXY = """
global
    maxconn 500
    ssl-load-extra-files none
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    tune.ssl.cachesize 0
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend f
    bind 127.0.0.1:%d ssl crt %s
    http-request return status 204
"""


def nginx_conf(root, port, names, blocks):
    return NGINX % {"root": root, "servers": "".join(
        NGINX_BLOCK % dict(block, port=port) for block in blocks),
                    "hash": 4 * names}


def write_nginx_blocks(root, port, pems, names):
    """The command that serves."""
    all_names = ["host%d.example.net" % number for number in range(names)]
    return write(root, "nginx.conf", nginx_conf(
        root, port, names, [{"name": name, "file": "%s/%s.pem" % (pems, name)}
                            for name in all_names]), ["nginx", "-c"])


def write_nginx_variable(root, port, pems, names):
    return write(root, "nginx.conf", nginx_conf(root, port, names, [{
        "name": "_", "file": pems + "/$ssl_server_name.pem"}]),
                 ["nginx", "-c"])


def write_haproxy(root, port, pems, _):
    return write(root, "haproxy.cfg", HAPROXY % (port, pems),
                 ["haproxy", "-db", "-f"])


def write_caddy(root, port, pems, names):
    """Its cache of certificates holds 10,000 unless it is told."""
    server = {"listen": ["127.0.0.1:%d" % port],
              "automatic_https": {"disable": True},
              "tls_connection_policies": [{}],
              "routes": [{"handle": [{"handler": "static_response",
                                      "status_code": 204}]}]}
    return write(root, "caddy.json", json.dumps({
        "admin": {"disabled": True},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "storage": {"module": "file_system", "root": root},
        "apps": {
            "http": {"servers": {"s": server}},
            "tls": {"cache": {"capacity": names + 1000},
                    "session_tickets": {"disabled": True},
                    "certificates": {"load_folders": [pems]}}}}),
                 ["caddy", "run", "--config"])


PEERS = {
    "nginx, a block each": write_nginx_blocks,
    "nginx, a variable": write_nginx_variable,
    "HAProxy, a folder": write_haproxy,
    "Caddy, a folder": write_caddy,
}


def write(root, name, text, command):
    path = os.path.join(root, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(root, 0o777)
    program = shutil.which(command[0]) or shutil.which(command[0],
                                                       path="/usr/sbin")
    return program and [program, *command[1:], path]


def tree(pid):
    """A process and all below it."""
    pids = [pid]
    for task in os.scandir("/proc/%d/task" % pid):
        with open(task.path + "/children", encoding="ascii") as file:
            for child in file.read().split():
                pids += tree(int(child))
    return pids


def own_memory(pid):
    """Bytes of memory of a server: what its processes share counts once, what is
    a file's (mapped, and dropped when memory is short) not at all."""
    return sum(common.memory(one, "Pss_Anon") for one in tree(pid)) * 1024


class Peer:
    """One of PEERS that serves.  load: a function of port, first name, names
    and handshakes; how many of these failed or were wrong."""

    def __init__(self, kind, folder, pems, names, load):
        self.port = common.free_port()
        self.root = os.path.join(folder, "peer")
        os.makedirs(self.root)
        command = PEERS[kind](self.root, self.port, pems, names)
        self.process = None
        if not command:
            self.stop()
            return
        began = time.monotonic()
        self.process = subprocess.Popen(command, cwd=self.root,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env=dict(os.environ, HOME=self.root))
        while load(self.port, names - 1, 1, 1):
            if (self.process.poll() is not None
                    or time.monotonic() - began > START_TIMEOUT):
                sys.exit("%s does not serve" % kind)
            time.sleep(0.01)
        self.start = time.monotonic() - began

    def cpu_ns(self):
        return sum(common.cpu_ns(pid) for pid in tree(self.process.pid))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.root)
