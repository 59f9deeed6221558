-- SPDX-License-Identifier: Apache-2.0
-- Step 14: what of the policy that a guard started with says whether haldane would act, for the faces.
PRAGMA user_version = 14;

ALTER TABLE guard_pin ADD COLUMN rules TEXT;
