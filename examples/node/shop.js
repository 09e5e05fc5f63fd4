#!/usr/bin/env node
// An order system that speaks to its customers. What it does to an order and what it says about it in the order's room is one
// transaction: both happen, or neither.
//
// Needs `npm ci` here, the table of ../orders.sql, and the usual PGHOST, PGDATABASE, PGUSER, ... for a role that is granted
// porcupine_backend. It tells what it does.

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const SELLER = 'shop';

// Some of Porcupine's SQLSTATEs; docs/sql.md has all of them.
const NOT_MEMBER = 'PC005';
const CONFLICT = 'PC008';
// PostgreSQL's: somebody else was quicker, try again.
const RETRY = ['40001', '40P01'];

const pool = new pg.Pool();

async function main() {
  for (const name of [SELLER, 'ada', 'grace']) await signUp(name);

  const order = await placeOrder('ada');
  await pay(order);
  console.log(`order ${order} is placed and paid`);

  try {
    await ship(order, brokenCarrier);
  } catch (error) {
    console.log(`not shipped (${error.message}): it is still ${await stateOf(order)}, and nobody was told otherwise`);
  }

  await ship(order, async () => {});
  console.log(`order ${order} is ${await stateOf(order)}`);

  console.log(`ada: ${await write('ada', order, 'When will it be here?')}`);
  console.log(`grace: ${await write('grace', order, 'Mine, too?')}`);

  console.log(`${await closeAll()} orders closed`);
}

// An account for somebody who is known here. Nobody needs its password: the shop acts for its people.
async function signUp(name) {
  try {
    await pool.query('SELECT FROM porcupine.register($1, $2)', [name, randomBytes(32).toString('base64url')]);
  } catch (error) {
    if (error.code !== CONFLICT) throw error; // signed up before
  }
}

// A new order, and a room in which seller and customer talk about it.
function placeOrder(customer) {
  return transaction(async (db) => {
    const { id: order } = await one(
      db,
      'INSERT INTO shop.orders (customer) VALUES (porcupine.find_user($1)) RETURNING id',
      customer,
    );
    await actAs(db, SELLER);
    const room = await one(db, 'SELECT id, code FROM porcupine.create_room($1, encrypted => false)', `Order ${order}`);
    await db.query('UPDATE shop.orders SET room_id = $1 WHERE id = $2', [room.id, order]);
    await say(db, room.id, order, 'placed', `Thank you for order ${order}.`);
    await actAs(db, customer);
    await db.query('SELECT FROM porcupine.join_room($1)', [room.code]);
    return order;
  });
}

function pay(order) {
  return pool.query("UPDATE shop.orders SET state = 'paid' WHERE id = $1", [order]);
}

// If the carrier cannot be had, the order stays as it is and the message was never sent.
function ship(order, carrier) {
  return transaction(async (db) => {
    const { room_id: room } = await one(
      db,
      "UPDATE shop.orders SET state = 'shipped' WHERE id = $1 AND state = 'paid' RETURNING room_id",
      order,
    );
    await actAs(db, SELLER);
    await say(db, room, order, 'shipped', 'Your parcel has left the house.');
    await carrier(order);
  });
}

// A long transaction. send_deferred takes each message's place in its room only at the commit, so nobody who writes to these rooms
// meanwhile has to wait; what speaks against a message then is an error of the commit.
async function closeAll(tries = 5) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction(async (db) => {
        await actAs(db, SELLER);
        const { rows } = await db.query(
          "UPDATE shop.orders SET state = 'closed' WHERE state = 'shipped' RETURNING id, room_id",
        );
        for (const { id, room_id: room } of rows) {
          await say(db, room, id, 'closed', `Order ${id} is closed.`, 'send_deferred');
        }
        return rows.length;
      });
    } catch (error) {
      if (!RETRY.includes(error.code) || attempt === tries) throw error;
      await sleep(50 * 2 ** attempt);
    }
  }
}

// A customer's message. Whether they may is the database's business; we only say it in our words.
async function write(who, order, text) {
  try {
    return await transaction(async (db) => {
      const { room_id: room } = await one(db, 'SELECT room_id FROM shop.orders WHERE id = $1', order);
      await actAs(db, who);
      const { seq } = await one(db, 'SELECT seq FROM porcupine.send($1, gen_random_uuid(), $2)', room, Buffer.from(text));
      return `written, event ${seq} of room ${room}`;
    });
  } catch (error) {
    if (error.code === NOT_MEMBER) return `order ${order} is somebody else's`;
    throw error;
  }
}

// The client id is made of what the message is about. Should the step be done again, because nobody knows whether the commit came
// through, the message is there once all the same.
function say(db, room, order, step, text, by = 'send') {
  const clientId = createHash('sha256').update(`https://shop.example/orders/${order}/${step}`).digest('hex').slice(0, 32);
  return db.query(`SELECT FROM porcupine.${by}($1, $2, $3)`, [room, clientId, Buffer.from(text)]);
}

// For the rest of the transaction.
function actAs(db, name) {
  return db.query('SELECT porcupine.act_as(porcupine.find_user($1))', [name]);
}

async function stateOf(order) {
  return (await one(pool, 'SELECT state FROM shop.orders WHERE id = $1', order)).state;
}

async function one(db, query, ...values) {
  return (await db.query(query, values)).rows[0];
}

async function transaction(work) {
  const db = await pool.connect();
  try {
    await db.query('BEGIN');
    const result = await work(db);
    await db.query('COMMIT');
    db.release();
    return result;
  } catch (error) {
    await db.query('ROLLBACK').then(() => db.release(), (lost) => db.release(lost));
    throw error;
  }
}

async function brokenCarrier() {
  throw new Error('the carrier does not answer');
}

await main();
await pool.end();
