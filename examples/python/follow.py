#!/usr/bin/env python3
"""follow.py USER ROOM [SEQ]: prints what is said in a room, after SEQ, and goes on as it happens. One JSON object a line.

The doorbell, NOTIFY porcupine, only says that there may be something new: {"rooms": {"7": 42}}, room 7 has at least event 42.
What there is, the table says. So nothing is missed when a wake-up is lost, and after a restart one goes on from the last seq.
"""

import json
import select
import sys

import psycopg

PATIENCE = 5  # seconds after which we look without having been woken


def main():
    user, room, after = sys.argv[1], int(sys.argv[2]), int((sys.argv + [0])[3])
    for seq, kind, sender, body in follow(user, room, after):
        print(json.dumps({"seq": seq, "kind": kind, "sender": sender, "body": body.decode()}), flush=True)


def follow(user, room, after):
    with psycopg.connect(autocommit=True) as db:
        bells = []
        db.add_notify_handler(lambda bell: bells.append(bell.payload))
        db.execute("LISTEN porcupine")  # first listen, then read: what comes in between rings
        while True:
            bells.clear()
            with db.transaction():
                db.execute("SELECT porcupine.act_as(porcupine.find_user(%s))", [user])
                events = db.execute("SELECT seq, kind, sender_id, body FROM porcupine.since(%s, %s)", [room, after]).fetchall()
            for event in events:
                yield event
                after = event[0]
            while not events and not bells and select.select([db], [], [], PATIENCE)[0]:
                db.execute("SELECT")  # takes in what has come


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
