"""A session of kazoo's: `kazoo_peer.py SERVERS TIMEOUT-S`. It does what lines on its standard input say, and tells what came
of each, changes of its state and events of its watches as lines that begin with `> `.

    create|ephemeral|sequence PATH DATA     the path
    protect PATH DATA                       as create, for whom it has said it is
    get PATH, set PATH DATA, delete PATH, exists PATH, children PATH
    watch PATH, watch-children PATH         as get and children; the next change is told
    auth USER:PASSWORD                      says who it is
    id                                      the number of the session
"""

import logging
import sys

from kazoo.client import KazooClient
from kazoo.security import CREATOR_ALL_ACL

logging.getLogger("kazoo").setLevel(logging.CRITICAL)


def tell(*words):
    print(">", *words, flush=True)


def told(event):
    if event.type != "NONE":  # a lost connection is told by the listener
        tell("event", event.type, event.path)


def main(servers, timeout_s):
    client = KazooClient(servers, timeout=float(timeout_s))
    client.add_listener(lambda state: tell("state", state))
    client.start(timeout=30)
    create = lambda path, data, **more: client.create(path, data.encode(), **more)
    verbs = {
        "create": create,
        "ephemeral": lambda path, data: create(path, data, ephemeral=True),
        "sequence": lambda path, data: create(path, data, sequence=True),
        "protect": lambda path, data: create(path, data, acl=CREATOR_ALL_ACL),
        "get": lambda path: client.get(path)[0].decode(),
        "set": lambda path, data: client.set(path, data.encode()).version,
        "delete": lambda path: client.delete(path),
        "exists": lambda path: client.exists(path) is not None,
        "children": lambda path: ",".join(sorted(client.get_children(path))),
        "watch": lambda path: client.get(path, watch=told)[0].decode(),
        "watch-children": lambda path: ",".join(sorted(client.get_children(path, watch=told))),
        "auth": lambda who: client.add_auth("digest", who),
        "id": lambda: client.client_id[0],
    }
    for line in sys.stdin:
        verb, *arguments = line.split()
        try:
            tell(verb, verbs[verb](*arguments))
        except Exception as error:
            tell(verb, type(error).__name__)


main(*sys.argv[1:])
