-- SPDX-License-Identifier: Apache-2.0
--
-- Jobs that the configuration names (`links:`) and that a new one carried on: the configuration goes on naming the old
-- one. A row a job that people wrote there; one that is not named any more goes (sqlite_carried.c).

CREATE TABLE carried_on (
	job_id    TEXT NOT NULL PRIMARY KEY, -- as the configuration names it
	successor TEXT NOT NULL,             -- the last one that carries it on and has a name; at first itself
	pending   TEXT,                      -- the provisional name of the next, while that is being started
	named     INTEGER NOT NULL           -- 1: by the configuration that was put in place last
) STRICT, WITHOUT ROWID;

CREATE INDEX carried_on_successor ON carried_on (successor);
CREATE INDEX carried_on_pending ON carried_on (pending) WHERE pending IS NOT NULL;
