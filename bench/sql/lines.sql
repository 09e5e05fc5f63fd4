-- The results, a line of JSON each, follow this as COPY's input.

CREATE TEMP TABLE line (j jsonb);
COPY line FROM STDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02');
