-- :users users who sign in with a password.

SELECT count(r) FROM generate_series(1, :users) g, LATERAL porcupine.register('login-' || g, 'a password of ' || g) r;
