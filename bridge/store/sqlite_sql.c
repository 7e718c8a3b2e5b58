/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_sql.h"

/* The order in which sqlite_deliveries_read, sqlite_messages_read and sqlite_replies_read take them. */
#define DELIVERY_COLUMNS \
	"d.id, d.source, d.sender_id, d.event, d.thread, d.author, d.url, d.reason, d.received_ms"
#define MESSAGE_COLUMNS                                                                                \
	"m.seq, m.id, m.delivery_id, m.source, m.thread, m.job_id, m.object, m.event, m.author, "      \
	"m.author_id, m.url, m.state, m.attempts, m.due_ms, m.created_ms, m.updated_ms, m.message_id, " \
	"m.upstream_status, m.error, m.reason, m.kind, m.pace, m.agent, m.ask, m.spot, m.lookup, m.lead"
#define MESSAGE_WHOLE MESSAGE_COLUMNS ", m.place, p.prompt"
#define REPLY_COLUMNS                                                                                \
	"seq, id, message_seq, source, kind, place, text, state, attempts, due_ms, created_ms, updated_ms, " \
	"remote_id, error, revision, (SELECT m.delivery_id FROM messages m WHERE m.seq = message_seq), "       \
	"(SELECT m.thread FROM messages m WHERE m.seq = message_seq)"

/* Empty texts and a zero mean "any"; $6 is the state whose deliveries may have no message at all. */
#define LEDGER                                                                                           \
	"SELECT " DELIVERY_COLUMNS ", " MESSAGE_COLUMNS " FROM deliveries d LEFT JOIN messages m ON m.seq = " \
	"(SELECT max(n.seq) FROM messages n WHERE n.delivery_id = d.id) "                                \
	"WHERE d.id > $1 AND d.id < $2 AND ($3 = '' OR d.source = $3) AND ($4 = '' OR d.thread = $4) "   \
	"AND ($5 = '' OR m.job_id = $5) AND ($6 = 0 OR m.state = $6 OR (m.seq IS NULL AND $6 = $7)) "

/* The same for states that few messages are in, which have an index. */
#define LEDGER_ATTENTION                                                                                 \
	"SELECT " DELIVERY_COLUMNS ", " MESSAGE_COLUMNS " FROM messages m JOIN deliveries d ON d.id = m.delivery_id " \
	"WHERE d.id > $1 AND d.id < $2 AND ($3 = '' OR d.source = $3) AND ($4 = '' OR d.thread = $4) "   \
	"AND ($5 = '' OR m.job_id = $5) AND m.state = $6 AND m.state <> $7 AND m.state < 20 "            \
	"AND NOT EXISTS (SELECT 1 FROM messages n WHERE n.delivery_id = m.delivery_id AND n.seq > m.seq) "

static const char *const texts[] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_PING] = "SELECT value FROM totals LIMIT 1",
	[SQL_NOTE_PUT] = "INSERT INTO notes (name, value) VALUES ($1, $2) "
			 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[SQL_NOTE_GET] = "SELECT value FROM notes WHERE name = $1",
	[SQL_TOTALS_LOAD] = "SELECT name, value FROM totals",
	[SQL_TOTALS_PUT] = "INSERT INTO totals (name, value) VALUES ($1, $2) "
			   "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[SQL_RECOVER_MESSAGES] = "UPDATE messages SET state = $1 WHERE state = $2 AND state < 20",
	[SQL_RECOVER_REPLIES] = "UPDATE replies SET state = $1 WHERE state = $2 AND state < 20",

	[SQL_RUNS_LOAD] = "SELECT run, ended_ms FROM runs ORDER BY run",
	[SQL_RUN_PUT] = "INSERT INTO runs (run, ended_ms) VALUES ($1, $2)",
	[SQL_RUN_DELETE] = "DELETE FROM runs WHERE run = $1",
	[SQL_PLANE_LOAD] = "SELECT bits FROM run_planes WHERE plane = $1",
	[SQL_PLANE_PUT] = "INSERT INTO run_planes (plane, bits) VALUES ($1, $2) "
			  "ON CONFLICT (plane) DO UPDATE SET bits = excluded.bits",
	[SQL_PLANES_DELETE] = "DELETE FROM run_planes WHERE plane < $1",
	[SQL_RUN_SEEN] = "SELECT run, seen_ms, source, key FROM seen WHERE run >= $1 AND run <= $2",
	[SQL_RUN_OBJECTS] = "SELECT run, 0, source, object FROM messages WHERE run >= $1 AND run <= $2 "
			    "AND object IS NOT NULL",
	[SQL_RUN_THREADS] = "SELECT run, created_ms, '', thread FROM messages WHERE run >= $1 AND run <= $2 "
			    "AND thread_rank IS NOT NULL",

	[SQL_DELIVERY_PUT] = "INSERT INTO deliveries (id, source, sender_id, event, thread, author, url, reason, "
			     "received_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	[SQL_DELIVERY_GET] = "SELECT " DELIVERY_COLUMNS " FROM deliveries d WHERE d.id = $1",
	[SQL_SEEN_FIND] = "SELECT delivery_id FROM seen WHERE run = $1 AND source = $2 AND key = $3",
	[SQL_SEEN_FIND_ANY] = "SELECT delivery_id FROM seen WHERE source = $1 AND key = $2 LIMIT 1",
	[SQL_SEEN_PUT] = "INSERT INTO seen (run, source, key, delivery_id, seen_ms) VALUES ($1, $2, $3, $4, $5)",

	[SQL_LINK_FIND] = "SELECT job_id, origin FROM links WHERE thread = $1 AND origin <> $2",
	[SQL_LINK_PUT] = "INSERT INTO links (thread, job_id, origin, created_ms) VALUES ($1, $2, $3, $4) "
			 "ON CONFLICT (thread) DO UPDATE SET job_id = excluded.job_id, origin = excluded.origin, "
			 "created_ms = excluded.created_ms",
	[SQL_LINK_OFFER] = "INSERT INTO links (thread, job_id, origin, created_ms) VALUES ($1, $2, $3, $4) "
			   "ON CONFLICT (thread) DO UPDATE SET job_id = excluded.job_id, "
			   "created_ms = excluded.created_ms "
			   "WHERE links.origin = excluded.origin AND links.job_id <> excluded.job_id "
			   "AND excluded.created_ms >= links.created_ms",
	[SQL_LINK_DELETE] = "UPDATE links SET job_id = '', origin = $1, created_ms = $2 "
			    "WHERE thread = $3 AND origin <> $1",
	[SQL_LINKS_FORGET] = "DELETE FROM links WHERE origin = $1",
	[SQL_LINKS_EACH] = "SELECT thread, job_id, origin, created_ms FROM links WHERE thread > $1 "
			   "AND origin <> $2 ORDER BY thread LIMIT $3",
	[SQL_LINKS_COUNT] = "SELECT count(*) FROM links WHERE origin <> $1",
	[SQL_LINKS_RENAME] = "UPDATE links SET job_id = $1 WHERE job_id = $2",
	[SQL_LINKS_FORGET_JOB] = "DELETE FROM links WHERE job_id = $1",

	[SQL_CARRIED_PUT] = "INSERT INTO carried_on (job_id, successor, named) VALUES ($1, $1, 1) "
			    "ON CONFLICT (job_id) DO UPDATE SET named = 1",
	[SQL_CARRIED_PENDING] = "UPDATE carried_on SET pending = $1 WHERE successor = $2",
	[SQL_CARRIED_RENAME] = "UPDATE carried_on SET successor = $1, pending = NULL WHERE pending = $2",
	[SQL_CARRIED_LINKS_BACK] = "UPDATE links SET job_id = c.successor FROM carried_on c "
				   "WHERE c.pending = $1 AND links.job_id = $1 AND links.origin = $2",
	[SQL_CARRIED_BACK] = "UPDATE carried_on SET pending = NULL WHERE pending = $1",
	[SQL_CARRIED_FIND] = "UPDATE carried_on SET named = 1 WHERE job_id = $1 "
			     "RETURNING coalesce(pending, successor)",
	[SQL_CARRIED_FORGET] = "DELETE FROM carried_on WHERE job_id = $1",
	[SQL_CARRIED_SWEEP] = "DELETE FROM carried_on WHERE named = 0",
	[SQL_CARRIED_UNNAME] = "UPDATE carried_on SET named = 0",

	[SQL_MESSAGE_PUT] = "INSERT INTO messages (seq, id, delivery_id, run, thread_rank, source, thread, job_id, "
			    "object, event, author, author_id, url, place, state, attempts, due_ms, created_ms, "
			    "updated_ms, message_id, upstream_status, error, reason, kind, pace, agent, ask, spot, "
			    "lookup, lead) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
			    "$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)",
	[SQL_PROMPT_PUT] = "INSERT INTO prompts (message_seq, prompt) VALUES ($1, $2)",
	[SQL_PROMPT_SET] = "UPDATE prompts SET prompt = $1 WHERE message_seq = $2",
	[SQL_MESSAGE_TOUCH] = "UPDATE messages SET updated_ms = $1 WHERE seq = $2",
	[SQL_MESSAGE_MOVE] = "UPDATE messages SET state = $1, attempts = CASE WHEN $2 < 0 THEN attempts ELSE $2 END, "
			     "due_ms = CASE WHEN $3 < 0 THEN due_ms ELSE $3 END, "
			     "updated_ms = CASE WHEN state = $1 THEN updated_ms ELSE $4 END, "
			     "message_id = coalesce($5, message_id), "
			     "upstream_status = CASE WHEN $6 < 0 THEN upstream_status ELSE $6 END, "
			     "error = coalesce($7, error), reason = coalesce($8, reason) "
			     "WHERE seq = $9 AND state = $10",
	/* Apart from the move: a column that has an index makes every update look at it. */
	[SQL_MESSAGE_LEAD] = "UPDATE messages SET lead = CASE WHEN $1 < 0 THEN NULL ELSE nullif($1, seq) END "
			     "WHERE seq = $2",
	[SQL_MESSAGES_RENAME] = "UPDATE messages SET job_id = $1, updated_ms = $2 WHERE job_id = $3 "
				"AND state < 20 AND state < 10",
	[SQL_MESSAGES_LEAD_BY] = "UPDATE messages SET lead = $1 WHERE job_id = $2 AND seq <> $1 "
				 "AND state < 20 AND state < 10",
	[SQL_MESSAGE_PLACE] = "SELECT state, run, thread_rank, thread, job_id FROM messages WHERE seq = $1",
	[SQL_MESSAGE_LEARN] = "UPDATE messages SET thread = coalesce($1, thread), job_id = coalesce($2, job_id), "
			      "place = coalesce($3, place), thread_rank = $4, updated_ms = $5 WHERE seq = $6",
	[SQL_MESSAGES_OF_TURN] = "SELECT " MESSAGE_WHOLE " FROM messages m LEFT JOIN prompts p ON "
				 "p.message_seq = m.seq WHERE m.seq = $1 OR m.lead = $1 ORDER BY m.seq + 0 "
				 "LIMIT $2",
	[SQL_MESSAGES_OF_THREAD] = "SELECT " MESSAGE_COLUMNS ", m.place FROM messages m WHERE m.state < 20 "
				   "AND m.state < 10 AND m.thread = $1 ORDER BY m.seq + 0",
	[SQL_MESSAGE_STATE] = "SELECT state FROM messages WHERE seq = $1",
	[SQL_MESSAGE_LOAD] = "SELECT " MESSAGE_WHOLE " FROM messages m LEFT JOIN prompts p ON p.message_seq = m.seq "
			     "WHERE m.seq = $1",
	[SQL_MESSAGE_OF_OBJECT] = "SELECT seq, state FROM messages WHERE run = $1 AND source = $2 AND object = $3 "
				  "ORDER BY seq DESC LIMIT 1",
	[SQL_MESSAGE_OF_OBJECT_ANY] = "SELECT seq, state FROM messages WHERE source = $1 AND object = $2 "
				      "ORDER BY seq DESC LIMIT 1",
	[SQL_THREAD_LAST] = "SELECT thread_rank FROM messages WHERE run = $1 AND thread = $2 "
			    "AND thread_rank IS NOT NULL ORDER BY thread_rank DESC LIMIT 1",
	[SQL_THREAD_FIRST] = "SELECT thread_rank FROM messages WHERE run = $1 AND thread = $2 "
			     "AND thread_rank IS NOT NULL AND created_ms >= $3 ORDER BY thread_rank LIMIT 1",
	[SQL_THREAD_COUNT_ANY] = "SELECT count(*) FROM messages WHERE thread = $1 AND thread_rank IS NOT NULL "
				 "AND created_ms >= $2",
	[SQL_THREAD_BEFORE] = "SELECT thread_rank FROM messages WHERE run = $1 AND thread = $2 "
			      "AND thread_rank IS NOT NULL AND seq < $3 ORDER BY thread_rank DESC LIMIT 1",
	[SQL_THREAD_SHIFT] = "UPDATE messages SET thread_rank = thread_rank + $1 WHERE run = $2 AND thread = $3 "
			     "AND thread_rank IS NOT NULL AND thread_rank > $4",
	[SQL_THREAD_NEWEST] = "SELECT seq FROM messages WHERE run = $1 AND thread = $2 "
			      "AND thread_rank IS NOT NULL ORDER BY thread_rank DESC LIMIT 1",
	[SQL_THREAD_NEWEST_ANY] = "SELECT seq FROM messages WHERE seq > (SELECT max(seq) FROM messages) - 5000 "
				  "AND thread = $1 AND thread_rank IS NOT NULL ORDER BY seq DESC LIMIT 1",
	/* seq + 0: sorts the few, where SQLite would rather walk the whole table in order. */
	[SQL_MESSAGES_PENDING] = "SELECT seq, id, job_id, state, attempts, due_ms, created_ms, kind, pace "
				 "FROM messages WHERE state < 20 AND state < 10 ORDER BY seq + 0",
	[SQL_MESSAGES_OLDEST] = "SELECT min(created_ms) FROM messages WHERE state < 20 AND state < 10",
	[SQL_ATTEMPT_PUT] = "INSERT INTO attempts (message_seq, started_ms, number, call, duration_ms, "
			    "upstream_status, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7) "
			    "ON CONFLICT (message_seq, started_ms, number, call) DO UPDATE SET "
			    "duration_ms = excluded.duration_ms, upstream_status = excluded.upstream_status, "
			    "outcome = excluded.outcome",

	[SQL_TURN_PUT] = "INSERT INTO turns (seq, job_id, message_id, started_ms, ended_ms) "
			 "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (seq) DO UPDATE SET job_id = excluded.job_id, "
			 "message_id = excluded.message_id, started_ms = excluded.started_ms, "
			 "ended_ms = excluded.ended_ms",
	[SQL_TURN_END] = "UPDATE turns SET ended_ms = $1 WHERE seq = $2",
	[SQL_TURN_DELETE] = "DELETE FROM turns WHERE seq = $1",
	[SQL_TURNS_EACH] = "SELECT seq, job_id, message_id, started_ms, ended_ms FROM turns ORDER BY seq",
	[SQL_TURNS_COUNT] = "SELECT count(*) FROM turns",

	[SQL_REPLY_PUT] = "INSERT INTO replies (seq, id, message_seq, source, kind, place, text, state, attempts, "
			  "due_ms, created_ms, updated_ms, remote_id, error, revision) VALUES ($1, $2, $3, $4, $5, "
			  "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
	[SQL_REPLY_MOVE] = "UPDATE replies SET state = $1, attempts = CASE WHEN $2 < 0 THEN attempts ELSE $2 END, "
			   "due_ms = CASE WHEN $3 < 0 THEN due_ms ELSE $3 END, updated_ms = $4, "
			   "remote_id = nullif(coalesce($5, remote_id), ''), error = coalesce($6, error) "
			   "WHERE seq = $7 AND state = $8",
	[SQL_REPLY_STATE] = "SELECT state FROM replies WHERE seq = $1",
	[SQL_REPLY_LOAD] = "SELECT " REPLY_COLUMNS " FROM replies WHERE seq = $1",
	[SQL_REPLY_REVISE] = "UPDATE replies SET text = $1, revision = revision + 1, updated_ms = $2, state = $3, "
			     "attempts = CASE WHEN $4 THEN 0 ELSE attempts END, "
			     "due_ms = CASE WHEN $4 THEN 0 ELSE due_ms END WHERE seq = $5",
	[SQL_REPLY_STATUS_OF] = "SELECT seq FROM replies WHERE message_seq = $1 AND kind = 'status' "
				"ORDER BY seq DESC LIMIT 1",
	[SQL_REPLIES_PENDING] = "SELECT " REPLY_COLUMNS " FROM replies WHERE state < 20 AND state < 10 "
				"ORDER BY seq + 0",
	[SQL_REPLY_IS_OURS] = "SELECT 1 FROM replies WHERE source = $1 AND remote_id = $2 LIMIT 1",

	[SQL_LEDGER_DOWN] = LEDGER "ORDER BY d.id DESC LIMIT $8",
	[SQL_LEDGER_UP] = LEDGER "ORDER BY d.id LIMIT $8",
	[SQL_LEDGER_ATTENTION_DOWN] = LEDGER_ATTENTION "ORDER BY d.id DESC LIMIT $8",
	[SQL_LEDGER_ATTENTION_UP] = LEDGER_ATTENTION "ORDER BY d.id LIMIT $8",
	[SQL_VISIT_MESSAGES] = "SELECT " MESSAGE_WHOLE " FROM messages m LEFT JOIN prompts p ON p.message_seq = m.seq "
			       "WHERE m.delivery_id = $1 ORDER BY m.seq",
	[SQL_VISIT_ATTEMPTS] = "SELECT message_seq, number, call, started_ms, duration_ms, upstream_status, outcome "
			       "FROM attempts WHERE message_seq = $1 ORDER BY started_ms, number",
	[SQL_VISIT_REPLIES] = "SELECT " REPLY_COLUMNS " FROM replies WHERE message_seq = $1 ORDER BY seq",

	[SQL_PRUNE_FIND] = "SELECT d.id, d.received_ms, EXISTS (SELECT 1 FROM messages m WHERE m.delivery_id = d.id "
			   "AND (m.state < 10 OR EXISTS (SELECT 1 FROM replies r WHERE r.message_seq = m.seq "
			   "AND r.state < 10) OR EXISTS (SELECT 1 FROM turns t WHERE t.seq = m.seq) "
			   "OR EXISTS (SELECT 1 FROM turns t WHERE t.seq = m.lead))) FROM deliveries d ORDER BY d.id",
	[SQL_PRUNE_MESSAGES] = "SELECT seq, state FROM messages WHERE delivery_id = $1 LIMIT 1",
	[SQL_PRUNE_REPLIES] = "SELECT seq, state FROM replies WHERE message_seq = $1 LIMIT 1",
	[SQL_PRUNE_DELIVERY] = "DELETE FROM deliveries WHERE id = $1",
	[SQL_PRUNE_MESSAGE] = "DELETE FROM messages WHERE seq = $1",
	[SQL_PRUNE_PROMPT] = "DELETE FROM prompts WHERE message_seq = $1",
	[SQL_PRUNE_ATTEMPTS] = "DELETE FROM attempts WHERE message_seq = $1",
	[SQL_PRUNE_REPLY] = "DELETE FROM replies WHERE seq = $1",
	[SQL_PRUNE_SEEN] = "DELETE FROM seen WHERE run = $1 AND seen_ms < $2",
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) == SQL_STATEMENTS_, "a text for every name");

const char *sqlite_sql_text(enum sqlite_sql name)
{
	return texts[name];
}
