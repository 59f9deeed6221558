-- SPDX-License-Identifier: Apache-2.0
-- Step 13: guards of what was released together; NULL: of nothing more than itself.
PRAGMA user_version = 13;

ALTER TABLE guard ADD COLUMN "group" TEXT;
CREATE INDEX guard_of_group ON guard ("group", id) WHERE "group" IS NOT NULL;
