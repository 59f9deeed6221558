-- SPDX-License-Identifier: Apache-2.0
-- Step 9: which guard rejected a side; NULL: not known.
PRAGMA user_version = 9;

ALTER TABLE rejection ADD COLUMN guard TEXT;
