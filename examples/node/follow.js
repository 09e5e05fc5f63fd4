#!/usr/bin/env node
// follow.js USER ROOM [SEQ]: prints what is said in a room, after SEQ, and goes on as it happens. One JSON object a line.
//
// The doorbell, NOTIFY porcupine, only says that there may be something new: {"rooms": {"7": 42}}, room 7 has at least event 42.
// What there is, the table says. So nothing is missed when a wake-up is lost, and after a restart one goes on from the last seq.

import pg from 'pg';

const PATIENCE = 5000; // milliseconds after which we look without having been woken

async function main([user, room, after = '0']) {
  for await (const event of follow(user, room, after)) {
    console.log(JSON.stringify({ ...event, body: event.body.toString() }));
  }
}

async function* follow(user, room, after) {
  const db = new pg.Client();
  let rung = false;
  let wake = () => {};

  await db.connect();
  db.on('notification', () => {
    rung = true;
    wake();
  });
  await db.query('LISTEN porcupine'); // first listen, then read: what comes in between rings
  for (;;) {
    rung = false;
    await db.query('BEGIN');
    await db.query('SELECT porcupine.act_as(porcupine.find_user($1))', [user]);
    const { rows } = await db.query('SELECT seq, kind, sender_id AS sender, body FROM porcupine.since($1, $2)', [room, after]);
    await db.query('COMMIT');
    for (const event of rows) {
      yield event;
      after = event.seq;
    }
    if (rows.length === 0 && !rung) await new Promise((resolve) => ((wake = resolve), setTimeout(resolve, PATIENCE)));
  }
}

await main(process.argv.slice(2));
