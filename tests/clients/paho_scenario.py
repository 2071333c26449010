"""Twenty paho clients over mutual TLS: every QoS, retained messages, wills, shared subscriptions, persistence.

usage: paho_scenario.py HOST PORT 311|5             (in a folder with ca.crt, client.crt, client.key)
       paho_scenario.py HOST PORT 311|5 CA NAME...   (in a folder with the bundles NAME-files of these devices)

With names, each client id has a device of its own, as far as they reach, and the broker's name is verified.
With PAHO_TRANSPORT=ws or =wss in the environment, all of it over WebSockets, without TLS or in it.
"""
import os
import ssl
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT, VERSION, *FLEET = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
V5 = VERSION == "5"
TRANSPORT = os.environ.get("PAHO_TRANSPORT", "tls")
PATIENCE = 60
DEVICE_OF = {}


def certificates(client_id):
    """CA, certificate and key of a client; the same ones whenever it comes again, since its session is bound to them."""
    if not FLEET:
        return "ca.crt", "client.crt", "client.key"
    ca, *names = FLEET
    name = DEVICE_OF.setdefault(client_id, names[len(DEVICE_OF) % len(names)])
    return ca, f"{name}-files/{name}.crt", f"{name}-files/{name}.key"


class Client:
    """A paho client whose events can be waited for."""

    def __init__(self, client_id, clean=True, will=None, expiry=None):
        self.messages, self.changed = [], threading.Condition()
        self.connected, self.subscribed, self.flags = False, 0, None
        options = {} if V5 else {"clean_session": clean}
        options["transport"] = "tcp" if TRANSPORT == "tls" else "websockets"
        self.paho = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id,
                                protocol=mqtt.MQTTv5 if V5 else mqtt.MQTTv311, **options)
        if TRANSPORT != "ws":
            self.paho.tls_set(*certificates(client_id), tls_version=ssl.PROTOCOL_TLS_CLIENT)
            # The guide's server certificate names nobody as Python wants it named.
            self.paho.tls_insecure_set(not FLEET)
        self.paho.on_connect = self._on_connect
        self.paho.on_message = self._on_message
        self.paho.on_subscribe = self._on_subscribe
        if will:
            self.paho.will_set(*will)
        arguments = {}
        if V5:
            properties = Properties(PacketTypes.CONNECT)
            if expiry is not None:
                properties.SessionExpiryInterval = expiry
            arguments = {"clean_start": clean, "properties": properties}
        self.paho.connect(HOST, PORT, keepalive=15, **arguments)
        self.paho.loop_start()
        self.wait(lambda: self.connected, "connect")

    def _notify(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def _on_connect(self, _client, _data, flags, reason, _properties):
        assert reason == 0, f"refused: {reason}"

        def change():
            self.connected, self.flags = True, flags
        self._notify(change)

    def _on_message(self, _client, _data, message):
        self._notify(lambda: self.messages.append(message))

    def _on_subscribe(self, *_):
        def change():
            self.subscribed += 1
        self._notify(change)

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), f"waited in vain for {what}: {self.payloads()}"

    def subscribe(self, *arguments, **keywords):
        before = self.subscribed
        self.paho.subscribe(*arguments, **keywords)
        self.wait(lambda: self.subscribed > before, "SUBACK")
        return self

    def payloads(self):
        return [message.payload.decode() for message in self.messages]

    def wait_for(self, count):
        self.wait(lambda: len(self.messages) >= count, f"{count} messages")
        return self

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def drop(self):
        """Loses the connection without a DISCONNECT."""
        sock = self.paho.socket()
        self.paho.loop_stop()
        sock.close()


def every_qos_among_twenty():
    clients = [Client(f"c{number}") for number in range(20)]
    for client in clients:
        client.subscribe("all/+", 2)
    for qos in (0, 1, 2):
        for number, client in enumerate(clients):
            client.paho.publish(f"all/{qos}", f"{qos}-{number}", qos)
    expected = sorted(f"{qos}-{number}" for qos in (0, 1, 2) for number in range(20))
    for client in clients:
        client.wait_for(60)
        assert sorted(client.payloads()) == expected, client.payloads()
        for message in client.messages:
            assert message.qos == int(message.payload.decode()[0])
    for client in clients:
        client.close()


def order_is_kept():
    receiver = Client("order-in").subscribe("order", 2)
    sender = Client("order-out")
    for number in range(500):
        sender.paho.publish("order", str(number), number % 3)
    receiver.wait_for(500)
    for qos in (0, 1, 2):
        mine = [int(m.payload) for m in receiver.messages if m.qos == qos]
        assert mine == sorted(mine), mine
    sender.close()
    receiver.close()


def retained():
    sender = Client("retainer")
    sender.paho.publish("kept/a", "first", 1, retain=True).wait_for_publish(PATIENCE)
    sender.paho.publish("kept/a", "last", 1, retain=True).wait_for_publish(PATIENCE)
    reader = Client("reader").subscribe("kept/#", 1).wait_for(1)
    assert reader.payloads() == ["last"] and reader.messages[0].retain
    sender.paho.publish("kept/a", "", 1, retain=True).wait_for_publish(PATIENCE)
    late = Client("late").subscribe("kept/#", 1)
    sender.paho.publish("kept/b", "live", 1).wait_for_publish(PATIENCE)
    late.wait_for(1)
    assert late.payloads() == ["live"] and not late.messages[0].retain
    for client in (sender, reader, late):
        client.close()


def wills():
    watcher = Client("watcher").subscribe("will/#", 1)
    Client("dies", will=("will/dies", "gone", 1, False)).drop()
    watcher.wait_for(1)
    assert watcher.payloads() == ["gone"]
    Client("leaves", will=("will/leaves", "gone", 1, False)).close()
    Client("dies2", will=("will/dies2", "gone2", 1, False)).drop()
    watcher.wait_for(2)
    assert watcher.payloads() == ["gone", "gone2"]
    watcher.close()


def sessions_wait():
    first = Client("sleeper", clean=False, expiry=300).subscribe("queue", 1)
    first.close()
    sender = Client("to-sleeper")
    for number in range(10):
        sender.paho.publish("queue", str(number), 1).wait_for_publish(PATIENCE)
    second = Client("sleeper", clean=False, expiry=0)
    second.wait_for(10)
    assert second.flags.session_present
    assert second.payloads() == [str(number) for number in range(10)]
    second.close()
    sender.close()


def groups():
    members = [Client(f"member{number}").subscribe("$share/g/work", 1) for number in range(4)]
    sender = Client("boss")
    for number in range(40):
        sender.paho.publish("work", str(number), 1).wait_for_publish(PATIENCE)
    for member in members:
        member.wait_for(10)
    everything = sorted(int(p) for member in members for p in member.payloads())
    assert everything == list(range(40)), everything
    assert [len(member.messages) for member in members] == [10] * 4
    for client in [*members, sender]:
        client.close()


def properties_pass_through():
    receiver = Client("props-in")
    receiver.subscribe("props", options=SubscribeOptions(qos=1, noLocal=True))
    sender = Client("props-out")
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "text/plain"
    properties.ResponseTopic = "answer/here"
    properties.CorrelationData = b"\x00\x01"
    properties.UserProperty = [("a", "1"), ("a", "2")]
    properties.MessageExpiryInterval = 100
    sender.paho.publish("props", "x", 1, properties=properties).wait_for_publish(PATIENCE)
    got = receiver.wait_for(1).messages[0].properties
    assert got.ContentType == "text/plain" and got.ResponseTopic == "answer/here"
    assert got.CorrelationData == b"\x00\x01" and got.UserProperty == [("a", "1"), ("a", "2")]
    assert 0 < got.MessageExpiryInterval <= 100
    sender.close()
    receiver.close()


for check in [every_qos_among_twenty, order_is_kept, retained, wills, sessions_wait, groups]:
    check()
    print(check.__name__, "passed", flush=True)
if V5:
    properties_pass_through()
print("all passed")
