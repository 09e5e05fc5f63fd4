-- porcupine.send() for one of a room's members, as an application's backend calls it. :first is the first of :rooms rooms.
\set n random(0, :rooms - 1)
SELECT s.seq FROM (SELECT porcupine.act_as(1 + (:n)::bigint % 5000) AS me) a, LATERAL porcupine.send((:first)::bigint + (:n)::bigint + 0 * a.me, gen_random_uuid(), decode(repeat('ab', 300), 'hex')) s;
