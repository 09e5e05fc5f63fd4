-- veto.sql: rules of one's own about messages. A BEFORE INSERT trigger on porcupine.events sees every message in the transaction
-- that is to store it, by whichever way it comes: SQL, REST or WebSocket. What it raises, the sender gets.
-- As superuser, after orders.sql:   psql -f examples/veto.sql
--
-- The bridge sends in batches; when one is refused it sends each message by itself, so that nobody else's is lost. Every event
-- now goes by this function: keep it short, and let WHEN sort out what it has nothing to say about. Keep this file, too: pg_dump
-- carries the functions, but no trigger that stands on a table of an extension; after a restore it is to be made again.

-- 1. A customer does not write to the room of an order that is closed.
CREATE FUNCTION shop.closed_orders_are_closed() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER                      -- runs as shop, which may read its own table
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM shop.orders o WHERE o.room_id = NEW.room_id AND o.customer = NEW.sender_id AND o.state = 'closed') THEN
    RAISE EXCEPTION 'this order is closed' USING ERRCODE = 'PS001', HINT = 'Write to support@example.org.';
  END IF;
  RETURN NEW;
END
$$;
ALTER FUNCTION shop.closed_orders_are_closed() OWNER TO shop;

CREATE TRIGGER closed_orders_are_closed BEFORE INSERT ON porcupine.events
  FOR EACH ROW WHEN (NEW.kind IN ('message', 'edit', 'reaction')) EXECUTE FUNCTION shop.closed_orders_are_closed();

-- 2. After hours the shop keeps quiet; customers may write at any time. Off until somebody enables it:
--    ALTER TABLE porcupine.events ENABLE TRIGGER quiet_after_hours
CREATE FUNCTION shop.quiet_after_hours() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM shop.orders o WHERE o.room_id = NEW.room_id AND o.customer <> NEW.sender_id)
     AND extract(hour FROM NEW.created_at AT TIME ZONE 'Europe/Berlin') NOT BETWEEN 8 AND 19 THEN
    RAISE EXCEPTION 'the shop sends nothing between 20:00 and 8:00' USING ERRCODE = 'PS002';
  END IF;
  RETURN NEW;
END
$$;
ALTER FUNCTION shop.quiet_after_hours() OWNER TO shop;

CREATE TRIGGER quiet_after_hours BEFORE INSERT ON porcupine.events
  FOR EACH ROW WHEN (NEW.kind = 'message') EXECUTE FUNCTION shop.quiet_after_hours();
ALTER TABLE porcupine.events DISABLE TRIGGER quiet_after_hours;
