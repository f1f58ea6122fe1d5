#!/usr/bin/env python3
"""Run Open vSwitch's userspace datapath over the packets of traffic.py.

    openvswitch.py netflow|ipfix|sflow PORT [--clock FILE] [HOST...]

It has two ports, 7 for who begins a conversation and 9 for who answers; each
packet comes in at one and goes out at the other. They are dummies, of which OVS's own tests
make use: no interface of the machine is touched, and its monotonic clock stands
still but when we move it, by as much as lies between two packets. With FILE, the
other clock is libfaketime's, and moves along. With HOSTs, only their packets.

The exporter is set up to see each packet, and sends to 127.0.0.1:PORT.
"""
import atexit
import datetime
import glob
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import traffic

EXPORTERS = {
    "netflow": ("NetFlow", 'active_timeout=60', "engine_type=3", "engine_id=4"),
    "ipfix": ("IPFIX", "sampling=1", "obs_domain_id=12", "obs_point_id=34", "cache_active_timeout=60", "cache_max_flows=200"),
    "sflow": ("sFlow", "agent=127.0.0.6", "sampling=1", "header=64", "polling=20"),
}
PORTS = "p7", "p9"
SETTLE = 0.02  # seconds


class Switch:
    def __init__(self, dir, clock):
        self.dir, self.clock, self.processes = dir, clock, []
        atexit.register(self.stop)
        self.now = traffic.START - 250_000
        self.set_clock()
        self.env = dict(os.environ, OVS_RUNDIR=dir, OVS_LOGDIR=dir, OVS_DBDIR=dir, OVS_SYSCONFDIR=dir)
        self.db = "unix:%s/db" % dir
        schema = "/usr/share/openvswitch/vswitch.ovsschema"
        self.run("ovsdb-tool", "create", dir + "/conf.db", schema)
        self.start(self.env, "ovsdb-server", dir + "/conf.db", "--remote=p%s" % self.db, "--unixctl=%s/db.ctl" % dir,
                   wait="/db")
        self.run("ovs-vsctl", "--db=" + self.db, "--no-wait", "init")
        fake = dict(self.env)
        if clock:
            fake.update(TZ="UTC", LD_PRELOAD=glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0],
                        FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1")
        self.socket = self.start(fake, "ovs-vswitchd", self.db, "--enable-dummy=override", "--disable-system",
                                 "--unixctl=%s/ctl" % dir, wait="/ctl")
        self.control("time/stop")

    def start(self, env, *command, wait):
        """Starts a daemon, and returns a connection to its socket."""
        self.processes.append(subprocess.Popen([*command, "-vconsole:err"], env=env))
        until = time.monotonic() + 10
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.dir + wait)
                return s
            except OSError:
                if time.monotonic() > until:
                    sys.exit(command[0] + " does not start")
                time.sleep(0.01)

    def run(self, *command, **more):
        subprocess.run(command, check=True, env=self.env, stdout=subprocess.DEVNULL, **more)

    def set(self, *commands):
        """ovs-vsctl, which returns when ovs-vswitchd has done it."""
        self.run("ovs-vsctl", "--db=" + self.db, *commands)

    def control(self, method, *params):
        """What ovs-appctl does."""
        self.socket.sendall(json.dumps(dict(id=0, method=method, params=params)).encode())
        got = b""
        while True:
            got += self.socket.recv(1 << 16)
            try:
                answer = json.loads(got)
            except ValueError:
                continue  # there is more
            if answer["error"]:
                sys.exit("%s: %s" % (method, answer["error"]))
            return answer["result"]

    def set_clock(self):
        if self.clock:
            t = datetime.datetime.fromtimestamp(self.now // 10**6, datetime.timezone.utc)
            new = pathlib.Path(self.clock + ".new")
            new.write_text("%s.%06d" % (t.strftime("%Y-%m-%d %H:%M:%S"), self.now % 10**6))
            new.rename(self.clock)  # at once: it is read at any time

    def go(self, at):
        """To the time at, in µs."""
        ms = at // 1000 - self.now // 1000
        self.now = at
        self.set_clock()
        if ms:
            self.control("time/warp", str(ms))
        self.settle()

    def settle(self, times=1):
        """Lets its threads do what a packet, or time, makes them do. One waits for
        time, or for us."""
        for _ in range(times):
            time.sleep(SETTLE)
            self.control("version")

    def stop(self):
        for p in reversed(self.processes):
            p.terminate()
            p.wait()
        shutil.rmtree(self.dir)


def main(kind, port, *rest):
    rest = list(rest)
    clock = None
    if rest[:1] == ["--clock"]:
        clock, rest = rest[1], rest[2:]
    feed(Switch(tempfile.mkdtemp(), clock), kind, port, rest)


def feed(switch, kind, port, hosts):
    switch.set("add-br", "br", "--", "set", "bridge", "br", "datapath_type=dummy", "fail-mode=secure",
               "--", "add-port", "br", "p7", "--", "set", "interface", "p7", "type=dummy", "ofport_request=7",
               "--", "add-port", "br", "p9", "--", "set", "interface", "p9", "type=dummy", "ofport_request=9",
               "--", "set", "Open_vSwitch", ".", "other_config:max-idle=3600000")  # ms: nothing expires meanwhile
    switch.run("ovs-ofctl", "add-flows", "unix:%s/br.mgmt" % switch.dir, "-",
               input=b"in_port=7,actions=output:9\nin_port=9,actions=output:7\n")
    table, *settings = EXPORTERS[kind]
    switch.set("--", "set", "Bridge", "br", kind + "=@x",
               "--", "--id=@x", "create", table, 'targets="127.0.0.1:%s"' % port, *settings)
    for f in traffic.frames(hosts):
        switch.go(f.at)
        switch.control("netdev-dummy/receive", PORTS[f.side], f.octets.hex())
        switch.settle()
    switch.go(traffic.END + 5_000_000)
    switch.control("revalidator/purge")  # the datapath's flows are over: NetFlow tells of them
    switch.settle(20)
    for seconds in range(15, 80, 10):
        switch.go(traffic.END + seconds * 1_000_000)
    time.sleep(0.2)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in EXPORTERS:
        sys.exit(__doc__)
    main(*sys.argv[1:])
