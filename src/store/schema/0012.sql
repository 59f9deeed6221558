-- SPDX-License-Identifier: Apache-2.0
-- Step 12: analyses are few among many guards, and have a page of their own.
PRAGMA user_version = 12;

CREATE INDEX guard_analysis ON guard (id) WHERE analysis = 1;
