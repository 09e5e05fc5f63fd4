-- What a login costs the database: one of :rooms users, whose names and passwords bench/sql/logins.sql has.
\set n random(1, :rooms)
SELECT (porcupine.login('login-' || (:n)::text, 'a password of ' || (:n)::text)).access_token IS NOT NULL;
