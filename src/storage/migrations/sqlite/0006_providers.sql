-- Several providers of one channel. `window_.provider` is the kind of the one that the window goes through,
-- `exception.provider` that of the one through which the delivery may have been sent: nothing else goes through another.
-- NULL there: it was not sent for sure, or a person let it go, and any may have it.
ALTER TABLE window_ ADD COLUMN provider TEXT;
ALTER TABLE exception ADD COLUMN provider TEXT;

UPDATE window_ SET provider = (SELECT kind FROM broadcast b WHERE b.id = broadcast_id);
UPDATE exception SET provider = (SELECT kind FROM broadcast b WHERE b.id = broadcast_id)
WHERE unsure = 1 AND unknowns > 0;

-- Identifiers are those of one provider: its kind and a `/` come before them.
UPDATE provider_message SET provider_id =
    (SELECT kind FROM broadcast b WHERE b.id = broadcast_id) || '/' || provider_id;
UPDATE parked_receipt SET provider_id =
    (SELECT kind FROM broadcast b WHERE b.channel = parked_receipt.channel ORDER BY id DESC LIMIT 1)
    || '/' || provider_id
WHERE channel IN (SELECT channel FROM broadcast);
