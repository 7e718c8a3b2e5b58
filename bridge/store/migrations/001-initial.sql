-- SPDX-License-Identifier: Apache-2.0
--
-- What the layout is for: a delivery must cost the same with a million stored ones as with none. What costs is
-- not the row but the page that it dirties (each goes into the WAL whole), so every tree here is written at
-- its right-hand edge, or is small:
--   * ids are UUIDv7 and sequence numbers ascend, so rows keyed by them are appended;
--   * what is looked up by a random key (dedupe keys, objects, threads) is keyed by a run number first: a run
--     is the last thousand deliveries or so, and only its few pages are written. Which runs may hold a key is
--     answered by a filter in memory (sqlite_runs.h), so that a look-up touches one run, or none.
--   * prompts stand apart from their messages, because a message is rewritten with every move.
-- States are numbers here, see sqlite_states.c: below 10 not final, below 20 wants attention, 20 and above done.

CREATE TABLE deliveries (
	id          TEXT NOT NULL PRIMARY KEY,
	source      TEXT NOT NULL,
	sender_id   TEXT,
	event       TEXT,
	thread      TEXT,
	author      TEXT,
	url         TEXT,
	reason      TEXT,
	received_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE seen (
	run         INTEGER NOT NULL,
	source      TEXT NOT NULL,
	key         TEXT NOT NULL,
	delivery_id TEXT NOT NULL,
	seen_ms     INTEGER NOT NULL,
	PRIMARY KEY (run, source, key)
) STRICT, WITHOUT ROWID;

-- Runs that are complete. The one that is being filled is the next number.
CREATE TABLE runs (
	run      INTEGER NOT NULL PRIMARY KEY,
	ended_ms INTEGER NOT NULL
) STRICT;

-- The filters of 64 complete runs each: a copy, made anew from the rows when it is missing.
CREATE TABLE run_planes (
	plane INTEGER NOT NULL PRIMARY KEY,
	bits  BLOB NOT NULL
) STRICT;

CREATE TABLE links (
	thread     TEXT NOT NULL PRIMARY KEY,
	job_id     TEXT NOT NULL,
	origin     INTEGER NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
	seq             INTEGER NOT NULL PRIMARY KEY,
	id              TEXT NOT NULL,
	delivery_id     TEXT NOT NULL,
	run             INTEGER NOT NULL,
	thread_rank     INTEGER, -- the how-manieth of its thread that names a job
	source          TEXT NOT NULL,
	thread          TEXT,
	job_id          TEXT,
	object          TEXT,
	event           TEXT,
	author          TEXT,
	author_id       TEXT,
	url             TEXT,
	place           TEXT,
	state           INTEGER NOT NULL,
	attempts        INTEGER NOT NULL,
	due_ms          INTEGER NOT NULL,
	created_ms      INTEGER NOT NULL,
	updated_ms      INTEGER NOT NULL,
	message_id      TEXT,
	upstream_status INTEGER NOT NULL,
	error           TEXT,
	reason          TEXT
) STRICT;

CREATE INDEX messages_delivery ON messages (delivery_id);
CREATE INDEX messages_object ON messages (run, source, object) WHERE object IS NOT NULL;
CREATE INDEX messages_thread ON messages (run, thread, thread_rank, created_ms) WHERE thread_rank IS NOT NULL;
CREATE INDEX messages_attention ON messages (state) WHERE state < 20;

CREATE TABLE prompts (
	message_seq INTEGER NOT NULL PRIMARY KEY,
	prompt      TEXT NOT NULL
) STRICT;

CREATE TABLE attempts (
	message_seq     INTEGER NOT NULL,
	started_ms      INTEGER NOT NULL,
	number          INTEGER NOT NULL,
	call            TEXT NOT NULL,
	duration_ms     INTEGER NOT NULL,
	upstream_status INTEGER NOT NULL,
	outcome         TEXT,
	PRIMARY KEY (message_seq, started_ms, number, call)
) STRICT, WITHOUT ROWID;

CREATE TABLE replies (
	seq         INTEGER NOT NULL PRIMARY KEY,
	id          TEXT NOT NULL,
	message_seq INTEGER NOT NULL,
	source      TEXT NOT NULL,
	kind        TEXT NOT NULL,
	place       TEXT,
	text        TEXT,
	state       INTEGER NOT NULL,
	attempts    INTEGER NOT NULL,
	due_ms      INTEGER NOT NULL,
	created_ms  INTEGER NOT NULL,
	updated_ms  INTEGER NOT NULL,
	remote_id   TEXT,
	error       TEXT
) STRICT;

CREATE INDEX replies_message ON replies (message_seq);
CREATE INDEX replies_remote ON replies (source, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX replies_attention ON replies (state) WHERE state < 20;

CREATE TABLE notes (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts by name, so that nobody has to count rows, and the next sequence numbers, which must not be given
-- out again after the newest rows were removed.
CREATE TABLE totals (
	name  TEXT NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
