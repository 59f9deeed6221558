-- SPDX-License-Identifier: Apache-2.0
-- Step 11: not only extensions come to a guard from outside and must be repeated by a replay at the same
-- poll, but orders and alerts too.
PRAGMA user_version = 11;

ALTER TABLE extension RENAME TO input;
ALTER TABLE input ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- enum engine_input_kind
DROP INDEX extension_guard;
CREATE INDEX input_guard ON input (guard, seq);
