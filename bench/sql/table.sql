-- The tables of docs/bench.md, in Markdown, from the lines in the temporary table line (j jsonb).

SELECT 'failed: ' || (j ->> 'workload') FROM line WHERE j ? 'failed';
DELETE FROM line WHERE j ->> 'workload' IN (SELECT f.j ->> 'workload' FROM line f WHERE f.j ? 'failed');

CREATE TEMP VIEW run AS
SELECT j ->> 'workload' AS workload, j ->> 'against' AS against, (j ->> 'round')::int AS round,
       coalesce((j ->> 'servers')::int, 1) AS servers, (j ->> 'senders')::int * (j ->> 'in_flight')::int AS in_flight,
       (j ->> 'deliveries_per_s')::numeric AS deliveries, (j ->> 'acks_per_s')::numeric AS acks,
       (j ->> 'cpu_us_per_delivery')::numeric AS cpu_delivery, (j ->> 'cpu_us_per_send')::numeric AS cpu_send,
       (j #>> '{delivery_us,p50}')::numeric AS p50, (j #>> '{delivery_us,p99}')::numeric AS p99,
       (j #>> '{commit_us,p50}')::numeric AS commit_p50, (j #>> '{commit_us,p99}')::numeric AS commit_p99,
       (j #>> '{cpu,load}')::numeric AS load, (j #>> '{cpu,others}')::numeric AS others, (j #>> '{cpu,stolen}')::numeric AS stolen,
       (j ->> 'connections_per_s')::numeric AS connections, (j ->> 'bytes_per_socket')::numeric AS bytes_per_socket,
       (j ->> 'rooms')::int AS rooms, (j ->> 'clients')::int AS clients, (j ->> 'per_s')::numeric AS per_s,
       (j ->> 'flush_us')::numeric AS flush_us, (j ->> 'events')::int AS events, (j ->> 'answers_per_s')::numeric AS answers,
       (j #>> '{answer_us,p50}')::numeric AS answer_p50, (j #>> '{answer_us,p99}')::numeric AS answer_p99
  FROM line;

CREATE TEMP VIEW pair AS
SELECT workload, round, b.deliveries / l.deliveries AS part
  FROM run b JOIN run l USING (workload, round)
 WHERE b.against = 'bridge' AND l.against = 'broadcaster' AND l.deliveries > 0 AND workload <> 'paced';

-- What is to be reached: of every round a value, and whether more or less of it is better.
CREATE TEMP VIEW goal AS
SELECT 1 AS nr, 'rooms: of the broadcaster''s deliveries' AS what, '≥ 0.60' AS goal, part AS value, part - 0.6 AS good FROM pair WHERE workload = 'rooms'
UNION ALL SELECT 2, 'rooms: server CPU a delivery, µs', '≤ 10', cpu_delivery, 10 - cpu_delivery FROM run WHERE workload = 'rooms' AND against = 'bridge'
UNION ALL SELECT 3, 'pairs: acknowledged sends a second', '≥ 20,000', acks, acks - 20000 FROM run WHERE workload = 'pairs' AND against = 'bridge'
UNION ALL SELECT 4, 'hot: acknowledged sends a second', '≥ 5,000', acks, acks - 5000 FROM run WHERE workload = 'hot' AND against = 'bridge'
UNION ALL SELECT 5, 'broadcast to 1,000: of the broadcaster', '≥ 0.80', part, part - 0.8 FROM pair WHERE workload = 'broadcast_1000'
UNION ALL SELECT 6, 'paced: median to a recipient, of 1.5 commits + 1 ms', '≤ 1', b.p50 / (1.5 * c.commit_p50 + 1000), 1 - b.p50 / (1.5 * c.commit_p50 + 1000)
  FROM run b JOIN run c USING (workload, round) WHERE workload = 'paced' AND b.against = 'bridge' AND c.against = 'commit'
UNION ALL SELECT 7, 'paced: 99th percentile to a recipient, ms', '< 10', p99 / 1000, 10 - p99 / 1000 FROM run WHERE workload = 'paced' AND against = 'bridge'
UNION ALL SELECT 8, 'idle: bytes of the bridge a socket', '≤ 8192', bytes_per_socket, 8192 - bytes_per_socket FROM run WHERE workload = 'idle' AND against = 'bridge'
UNION ALL SELECT 9, 'idle: connections a second', '≥ 3,000', connections, connections - 3000 FROM run WHERE workload = 'idle' AND against = 'bridge'
UNION ALL SELECT 10, 'history: latest page, time at the large table by time at the small', '≤ 1.3', s.answers / b.answers, 1.3 - s.answers / b.answers
  FROM run b JOIN run s USING (workload, against, round) WHERE workload = 'history' AND against = 'latest' AND b.events > s.events
UNION ALL SELECT 11, 'history: latest pages a second, large table', '≥ 5,000', b.answers, b.answers - 5000
  FROM run b JOIN run s USING (workload, against, round) WHERE workload = 'history' AND against = 'latest' AND b.events > s.events
UNION ALL SELECT 12, 'sql, 10,000 rooms: of the same without a wake-up', '≥ 0.75', s.per_s / nullif(q.per_s, 0), s.per_s / nullif(q.per_s, 0) - 0.75
  FROM run s JOIN run q USING (workload, round, rooms) WHERE workload = 'sql' AND rooms = 10000 AND s.against = 'ring' AND q.against = 'quiet'
UNION ALL SELECT 13, 'sql, 10,000 rooms, 2 ms added to each flush: the same', '≥ 0.95', s.per_s / nullif(q.per_s, 0), s.per_s / nullif(q.per_s, 0) - 0.95
  FROM run s JOIN run q USING (workload, round, rooms) WHERE workload = 'slow_flush' AND s.against = 'ring' AND q.against = 'quiet'
UNION ALL SELECT 14, 'slow: 99th percentile to a recipient among 2,000 slow connections, of that without', '≤ 2', s.p99 / w.p99, 2 - s.p99 / w.p99
  FROM run s JOIN run w USING (workload, round) WHERE workload = 'slow' AND s.against LIKE 'bridge among %' AND w.against = 'bridge';

CREATE FUNCTION pg_temp.shown(number numeric) RETURNS text LANGUAGE sql
RETURN CASE WHEN number IS NULL THEN '' WHEN abs(number) >= 100 THEN trim(to_char(number, '999,999,990')) WHEN abs(number) >= 10 THEN trim(to_char(number, '990.0')) ELSE trim(to_char(number, '990.00')) END;

CREATE FUNCTION pg_temp.median(number numeric[]) RETURNS text LANGUAGE sql
RETURN (SELECT pg_temp.shown(percentile_cont(0.5) WITHIN GROUP (ORDER BY n)::numeric) FROM unnest(number) n);

SELECT count(deliveries) > 0 AS sockets, count(*) FILTER (WHERE workload = 'idle') > 0 AS idle, count(per_s) > 0 AS database,
       count(commit_p50) > 0 AS commits, count(answers) > 0 AS answers, (SELECT count(*) FROM goal) > 0 AS goals FROM run \gset
\pset tuples_only on
\pset format unaligned
\pset fieldsep ' | '
\if :goals
\qecho '| to reach | goal | median | lowest–highest of the rounds | rounds | |'
\qecho '|---|---|---|---|---|---|'
SELECT '| ' || what, goal, pg_temp.median(array_agg(value)), pg_temp.shown(min(value)) || '–' || pg_temp.shown(max(value)), count(*),
       CASE WHEN percentile_cont(0.5) WITHIN GROUP (ORDER BY good) >= 0 THEN 'met |' ELSE 'not met |' END
  FROM goal GROUP BY nr, what, goal ORDER BY nr;
\endif

\if :sockets
\qecho
\qecho '| over sockets | served by | in flight | deliveries/s | of the broadcaster | acks/s | to a member, ms: median | p99 | server CPU a delivery, µs | a send, µs | CPUs of the loader | of others |'
\qecho '|---|---|---|---|---|---|---|---|---|---|---|---|'
SELECT '| ' || workload, against || CASE WHEN servers > 1 THEN ' ×' || servers ELSE '' END, max(in_flight),
       pg_temp.median(array_agg(deliveries)),
       CASE WHEN against = 'bridge' THEN coalesce((SELECT pg_temp.median(array_agg(part)) FROM pair p WHERE p.workload = run.workload AND servers = 1), '') ELSE '' END,
       pg_temp.median(array_agg(acks)), pg_temp.median(array_agg(p50 / 1000)), pg_temp.median(array_agg(p99 / 1000)),
       pg_temp.median(array_agg(cpu_delivery)), pg_temp.median(array_agg(cpu_send)), pg_temp.median(array_agg(load)),
       pg_temp.median(array_agg(others)) || ' |'
  FROM run WHERE deliveries IS NOT NULL GROUP BY workload, against, servers ORDER BY min(round), workload, servers, against;
\endif

\if :idle
\qecho
\qecho '| idle | connections/s | bytes a socket |'
\qecho '|---|---|---|'
SELECT '| ' || against, pg_temp.median(array_agg(connections)), pg_temp.median(array_agg(bytes_per_socket)) || ' |'
  FROM run WHERE workload = 'idle' GROUP BY against ORDER BY against;
\endif

\if :database
\qecho
\qecho '| in the database | sessions | rooms | rows a second | of the limit |'
\qecho '|---|---|---|---|---|'
SELECT '| ' || r.workload || ': ' || r.against, r.clients, r.rooms, pg_temp.median(array_agg(r.per_s)),
       coalesce(pg_temp.median(array_agg(r.per_s / nullif(l.per_s, 0))), '') || ' |'
  FROM run r LEFT JOIN run l ON l.workload = r.workload AND l.round = r.round AND l.rooms = r.rooms
                            AND l.against = CASE r.against WHEN 'ring' THEN 'quiet' WHEN 'send' THEN 'quiet' WHEN 'send_50' THEN 'insert_50' END
 WHERE r.per_s IS NOT NULL GROUP BY r.workload, r.against, r.clients, r.rooms ORDER BY r.workload, r.rooms, r.against;
\endif

\if :commits
\qecho
\qecho '| the commit alone, 500/s | ms: median | p99 |'
\qecho '|---|---|---|'
SELECT '| one client', pg_temp.median(array_agg(commit_p50 / 1000)), pg_temp.median(array_agg(commit_p99 / 1000)) || ' |'
  FROM run WHERE commit_p50 IS NOT NULL;
\endif

\if :answers
\qecho
\qecho '| over HTTP | events | answers/s | ms: median | p99 |'
\qecho '|---|---|---|---|---|'
SELECT '| ' || workload || CASE WHEN workload = 'history' THEN ': ' || against ELSE '' END, pg_temp.shown(events), pg_temp.median(array_agg(answers)),
       pg_temp.median(array_agg(answer_p50 / 1000)), pg_temp.median(array_agg(answer_p99 / 1000)) || ' |'
  FROM run WHERE answers IS NOT NULL GROUP BY workload, against, events ORDER BY workload, against DESC, events;
\endif

-- How far to trust it: what else the machine did, and how far apart the rounds of one thing are that never changes.
\qecho
\qecho '| noise | median | least–most |'
\qecho '|---|---|---|'
SELECT '| ' || what, pg_temp.median(array_agg(value)), pg_temp.shown(min(value)) || '–' || pg_temp.shown(max(value)) || ' |'
  FROM (SELECT 1 AS nr, 'CPUs that others used' AS what, others AS value FROM run WHERE others IS NOT NULL
        UNION ALL SELECT 2, 'CPUs that the host took away', stolen FROM run WHERE stolen IS NOT NULL
        UNION ALL SELECT 3, 'a flush of 8 KiB, ms', flush_us / 1000 FROM run WHERE flush_us IS NOT NULL
        UNION ALL SELECT 4, 'the broadcaster in `rooms`, of its own median',
                         deliveries / (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY m.deliveries) FROM run m WHERE m.workload = 'rooms' AND m.against = 'broadcaster')::numeric
                    FROM run WHERE workload = 'rooms' AND against = 'broadcaster') noise
 GROUP BY nr, what ORDER BY nr, what;
