-- SPDX-License-Identifier: Apache-2.0
-- Step 10: the memory of series in a packed form. What a live guard has in the text form of before is
-- read from there until its next poll.
PRAGMA user_version = 10;

ALTER TABLE guard_memory ADD COLUMN series BLOB;
