-- The table of docs/bench.md, from the lines in the temporary table line (j jsonb).

CREATE TEMP VIEW run AS
SELECT j ->> 'workload' AS workload, j ->> 'against' AS against, (j ->> 'round')::int AS round,
       (j ->> 'deliveries_per_s')::numeric AS deliveries, (j ->> 'acks_per_s')::numeric AS acks,
       (j ->> 'cpu_us_per_delivery')::numeric AS cpu_delivery, (j ->> 'cpu_us_per_send')::numeric AS cpu_send,
       (j #>> '{delivery_us,p50}')::numeric AS p50, (j #>> '{delivery_us,p99}')::numeric AS p99,
       (j #>> '{cpu,load}')::numeric AS load_cpu
  FROM line;

\pset format aligned
\pset tuples_only off
SELECT workload, against, count(*) AS rounds,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY deliveries)::numeric) AS "deliveries/s",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY acks)::numeric) AS "acks/s",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p50)::numeric) AS "p50 µs",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p99)::numeric) AS "p99 µs",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_delivery)::numeric, 1) AS "µs CPU/delivery",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_send)::numeric, 1) AS "µs CPU/send",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY load_cpu)::numeric, 2) AS "loader's CPUs"
  FROM run GROUP BY 1, 2 ORDER BY 1, 2;
SELECT workload, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY b.deliveries / l.deliveries)::numeric, 3) AS "of the broadcaster",
       round(min(b.deliveries / l.deliveries), 3) AS lowest, round(max(b.deliveries / l.deliveries), 3) AS highest
  FROM run b JOIN run l USING (workload, round) WHERE b.against = 'bridge' AND l.against = 'broadcaster' GROUP BY 1 ORDER BY 1;
