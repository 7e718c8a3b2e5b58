-- SPDX-License-Identifier: Apache-2.0
--
-- What an ordinary message does not have costs it nothing but its name in the row: the columns are NULL or 0 (no
-- bytes), and the index has no entry for it.

ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- see sqlite_states.c
ALTER TABLE messages ADD COLUMN pace INTEGER NOT NULL DEFAULT 0; -- 1: joins its neighbours, 2: holds
ALTER TABLE messages ADD COLUMN agent TEXT;
ALTER TABLE messages ADD COLUMN ask INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN spot TEXT;
ALTER TABLE messages ADD COLUMN lookup TEXT;
ALTER TABLE messages ADD COLUMN lead INTEGER;

CREATE INDEX messages_lead ON messages (lead) WHERE lead IS NOT NULL;

ALTER TABLE replies ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- Few, and written seldom. A link that was taken away by hand stays, with no job.
CREATE INDEX links_job ON links (job_id);

-- The prompts that are being followed: small, and new ones come at its right-hand edge.
CREATE TABLE turns (
	seq        INTEGER NOT NULL PRIMARY KEY,
	job_id     TEXT NOT NULL,
	message_id TEXT NOT NULL,
	started_ms INTEGER NOT NULL,
	ended_ms   INTEGER NOT NULL
) STRICT;
