#!/usr/bin/env python3
"""An order system that speaks to its customers. What it does to an order and what it says about it in the order's room is one
transaction: both happen, or neither.

Needs psycopg 3 (Debian: python3-psycopg), the table of ../orders.sql, and the usual PGHOST, PGDATABASE, PGUSER, ... for a role that
is granted porcupine_backend. It tells what it does.
"""

import secrets
import time
import uuid

import psycopg

SELLER = "shop"

# Some of Porcupine's SQLSTATEs; docs/sql.md has all of them.
NOT_MEMBER = "PC005"
CONFLICT = "PC008"
# PostgreSQL's: somebody else was quicker, try again.
RETRY = {"40001", "40P01"}


def main():
    with psycopg.connect(autocommit=True) as db:
        for name in (SELLER, "ada", "grace"):
            sign_up(db, name)

        order = place_order(db, "ada")
        pay(db, order)
        print(f"order {order} is placed and paid")

        try:
            ship(db, order, carrier=broken_carrier)
        except ConnectionError as error:
            print(f"not shipped ({error}): it is still {state_of(db, order)}, and nobody was told otherwise")

        ship(db, order, carrier=lambda order: None)
        print(f"order {order} is {state_of(db, order)}")

        print(f"ada: {write(db, 'ada', order, 'When will it be here?')}")
        print(f"grace: {write(db, 'grace', order, 'Mine, too?')}")

        print(f"{close_all(db)} orders closed")


def sign_up(db, name):
    """An account for somebody who is known here. Nobody needs its password: the shop acts for its people."""
    try:
        db.execute("SELECT FROM porcupine.register(%s, %s)", [name, secrets.token_urlsafe()])
    except psycopg.Error as error:
        if error.sqlstate != CONFLICT:  # signed up before
            raise


def place_order(db, customer):
    """A new order, and a room in which seller and customer talk about it."""
    with db.transaction():
        order = one(db, "INSERT INTO shop.orders (customer) VALUES (porcupine.find_user(%s)) RETURNING id", customer)
        act_as(db, SELLER)
        room, code = db.execute(
            "SELECT id, code FROM porcupine.create_room(%s, encrypted => false)", [f"Order {order}"]
        ).fetchone()
        db.execute("UPDATE shop.orders SET room_id = %s WHERE id = %s", [room, order])
        say(db, room, order, "placed", f"Thank you for order {order}.")
        act_as(db, customer)
        db.execute("SELECT FROM porcupine.join_room(%s)", [code])
    return order


def pay(db, order):
    db.execute("UPDATE shop.orders SET state = 'paid' WHERE id = %s", [order])


def ship(db, order, carrier):
    """If the carrier cannot be had, the order stays as it is and the message was never sent."""
    with db.transaction():
        room = one(db, "UPDATE shop.orders SET state = 'shipped' WHERE id = %s AND state = 'paid' RETURNING room_id", order)
        act_as(db, SELLER)
        say(db, room, order, "shipped", "Your parcel has left the house.")
        carrier(order)


def close_all(db, tries=5):
    """A long transaction. send_deferred takes each message's place in its room only at the commit, so nobody who writes to
    these rooms meanwhile has to wait; what speaks against a message then is an error of the commit."""
    for attempt in range(tries):
        try:
            with db.transaction():
                act_as(db, SELLER)
                closed = db.execute(
                    "UPDATE shop.orders SET state = 'closed' WHERE state = 'shipped' RETURNING id, room_id"
                ).fetchall()
                for order, room in closed:
                    say(db, room, order, "closed", f"Order {order} is closed.", by="send_deferred")
            return len(closed)
        except psycopg.Error as error:
            if error.sqlstate not in RETRY or attempt == tries - 1:
                raise
            time.sleep(0.05 * 2**attempt)


def write(db, who, order, text):
    """A customer's message. Whether they may is the database's business; we only say it in our words."""
    try:
        with db.transaction():
            room = one(db, "SELECT room_id FROM shop.orders WHERE id = %s", order)
            act_as(db, who)
            seq = one(db, "SELECT seq FROM porcupine.send(%s, gen_random_uuid(), %s)", room, text.encode())
        return f"written, event {seq} of room {room}"
    except psycopg.Error as error:
        if error.sqlstate == NOT_MEMBER:
            return f"order {order} is somebody else's"
        raise


def say(db, room, order, step, text, by="send"):
    """The client id is made of what the message is about. Should the step be done again, because nobody knows whether the commit
    came through, the message is there once all the same."""
    client_id = uuid.uuid5(uuid.NAMESPACE_URL, f"https://shop.example/orders/{order}/{step}")
    db.execute(f"SELECT FROM porcupine.{by}(%s, %s, %s)", [room, client_id, text.encode()])


def act_as(db, name):
    """For the rest of the transaction."""
    db.execute("SELECT porcupine.act_as(porcupine.find_user(%s))", [name])


def state_of(db, order):
    return one(db, "SELECT state FROM shop.orders WHERE id = %s", order)


def one(db, query, *values):
    return db.execute(query, values).fetchone()[0]


def broken_carrier(order):
    raise ConnectionError("the carrier does not answer")


if __name__ == "__main__":
    main()
