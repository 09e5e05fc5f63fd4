-- The same send with nobody's identity to set first, and :doorbell to say whether it wakes anybody.
\set n random(0, :rooms - 1)
SELECT condition FROM porcupine.send_many(ARRAY[(:first)::bigint + (:n)::bigint], ARRAY[1 + (:n)::bigint % 5000], ARRAY[1 + (:n)::bigint % 5000], ARRAY[gen_random_uuid()], ARRAY[0], ARRAY['message'], ARRAY[NULL::bigint], ARRAY[decode(repeat('ab', 300), 'hex')], :doorbell);
