-- orders.sql: what the programs in python/ and node/ work with: the role of an application and its table of orders.
-- As superuser, in the database that has the extension:   psql -f examples/orders.sql

CREATE ROLE shop LOGIN IN ROLE porcupine_backend;        -- may act for any user of the chat, and owns nothing of it

CREATE SCHEMA shop AUTHORIZATION shop;
SET ROLE shop;

CREATE TABLE shop.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer bigint NOT NULL,                              -- a user of the chat
  room_id bigint UNIQUE,                                 -- where seller and customer talk about this order
  state text NOT NULL DEFAULT 'placed' CHECK (state IN ('placed', 'paid', 'shipped', 'closed'))
);

RESET ROLE;
