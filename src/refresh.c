/*
 * refresh.c: judging some users anew, for pql.refresh.
 *
 * What is known of each user's events stands in pql.state, as evidence of each of their subjects,
 * with the instant up to which events have been read. Events that are all later than that are read
 * alone, and merged into it. Otherwise, and when the subjects are not the same any more or the
 * model keeps something else, all events of the user are read again:
 *
 *     users → their starts → evidence kept → events since → profiles → verdicts
 *
 * Where only events came, the evidence is what it was, and no verdict's time has come, all verdicts
 * are what they were: profiles are not looked up, and nothing is told of the user.
 *
 * All queries run in the snapshot of the calling statement, so that what is read, what is written
 * and which changes are taken for done belong together.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "gather.h"
#include "population.h"
#include "profile.h"
#include "query.h"
#include "verdict_row.h"

/* Columns of pql.judge_users before those of the verdict, and after them. */
#define ROW_USER_ID 0
#define ROW_ACCOUNT_ID 1
#define ROW_STARTED_AT 2
#define ROW_VERDICT 3
#define ROW_EVIDENCE (ROW_VERDICT + PQL_VERDICT_COLUMNS)
#define ROW_SEEN_UNTIL (ROW_EVIDENCE + 1)
#define ROW_REV (ROW_EVIDENCE + 2)
#define ROW_NEW_STATE (ROW_EVIDENCE + 3)
#define ROW_NEW_VERDICT (ROW_EVIDENCE + 4)
#define ROW_NEW_SCORE (ROW_EVIDENCE + 5)
#define ROW_CHANGED_AT (ROW_EVIDENCE + 6)
#define ROW_STATUS_BEFORE (ROW_EVIDENCE + 7)
#define ROW_REREAD (ROW_EVIDENCE + 8)
#define ROW_GONE (ROW_EVIDENCE + 9)
#define ROW_WAITS_FOR (ROW_EVIDENCE + 10)
#define ROW_COURSE (ROW_EVIDENCE + 11)
#define ROW_NEW_CONTACT (ROW_COURSE + COURSE_COLUMNS)
#define ROW_COLUMNS (ROW_NEW_CONTACT + 1)

/* The course of a subject: started_on, ends_at, converted_at, and when each stage was reached. */
#define COURSE_STAGE 3
#define COURSE_COLUMNS (COURSE_STAGE + PQL_STAGES)

/* Where the users stand among the queries' parameters, and the arrays that `signups` gives. */
#define USERS_ARG 2
#define FIRST_SIGNUP_ARG 6
#define SIGNUP_ARGS 3

/* No event came; none is read. */
#define NONE PQL_NEVER

/* Sources are bits; the last one stands for all from there on. */
#define LAST_BIT 63
#define ALL_SOURCES UINT64_MAX

/* So many events are rather read again than noted as seen where they changed nothing. */
#define FEW_EVENTS 50

/* How queries about the users are planned. */
#define PLAN (PQL_PLAN_FEW | PQL_PLAN_ALONE)

/* What is kept of one subject: its rows of pql.state and of pql.score. */
typedef struct Kept
{
	struct Kept *next; /* of the same user */
	int64 started_at;
	int rev;               /* 0: there is no state */
	PqlEvidence *evidence; /* NULL: no events */
	bytea *packed;
	int64 seen_until;
	bool usable; /* the model keeps the same */
	bool scored; /* there is a score: */
	Datum account_id;
	bool no_account;
	Datum verdict[PQL_VERDICT_EXPLANATION];
	bool null[PQL_VERDICT_EXPLANATION];
	Datum course[COURSE_COLUMNS]; /* by value */
	bool no_course[COURSE_COLUMNS];
	int64 changed_at;
	bool judged; /* the subject is there still */
} Kept;

/* A user to be judged. */
typedef struct Asked
{
	PqlKey key;
	Datum id;
	int64 since;    /* the earliest of the events that came, PQL_ALWAYS: any; NONE: none did */
	uint64 sources; /* where from */
	bool otherwise; /* something else may have changed */
	Kept *kept;
	int64 read_from; /* events from here on are read; NONE: none are */
	bool reread;     /* all of them */
	int64 nread;
	int64 seen_until;
	bool as_before;        /* no verdict differs from what is kept */
	const char *waits_for; /* a source that has to be read, and cannot; NULL: none */
	struct Asked
		*person; /* of an alias: who is judged in their stead, or NULL when not asked for */
	bool is_alias;
	List *aliases; /* other ids under which events of theirs are, as Datums of text */
} Asked;

/* Where events are. */
typedef struct Source
{
	char *name;
	bool unreadable;
} Source;

typedef struct Refresh
{
	Jsonb *document;
	PqlModel *model;
	int64 as_of;
	MemoryContext context; /* of this call */
	PqlArgs args;
	PqlPopulation *population; /* the users' starts and evidence */
	int nasked;
	Asked *asked;
	PqlPopulation *places; /* of each user in `asked`: the member's `since` */
	/* of pql.population_queries */
	char *signups;
	char *keys;
	char *profiles;
	char *lists;
	char *aliases;
	int nsources;
	Source *sources;
	PqlListEntries *list_entries;
	PqlProfileRows *rows;
	PqlVerdictWords *words;
	ReturnSetInfo *result;
} Refresh;

static void
key_of(PqlKey *key, const text *id)
{
	pql_key_make(key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
}

static Asked *
find_asked(const Refresh *r, const PqlKey *key)
{
	const PqlMember *place = pql_population_find(r->places, key);

	return place == NULL ? NULL : &r->asked[place->since];
}

static Asked *
asked_for(const Refresh *r, Datum id)
{
	PqlKey key;

	key_of(&key, DatumGetTextPP(id));
	return find_asked(r, &key);
}

/* ---- the queries ---- */

static void
take_queries(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	char **queries[] = {&r->signups, &r->keys, &r->profiles, &r->lists, &r->aliases};
	MemoryContext old = MemoryContextSwitchTo(r->context);

	for (int i = 0; i < lengthof(queries); i++)
		*queries[i] = slot->tts_isnull[i] ? NULL : TextDatumGetCString(slot->tts_values[i]);
	MemoryContextSwitchTo(old);
}

static void
take_source(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	r->sources = r->sources == NULL ? palloc(sizeof(Source))
									: repalloc(r->sources, (r->nsources + 1) * sizeof(Source));
	r->sources[r->nsources++] =
		(Source){TextDatumGetCString(slot->tts_values[0]), DatumGetBool(slot->tts_values[1])};
	MemoryContextSwitchTo(old);
}

/* The queries over the users; and the sources, in order of name. */
static void
read_queries(Refresh *r, ArrayType *users, Datum unreadable)
{
	PqlArgs args = {0};

	pql_arg(&args, JSONBOID, JsonbPGetDatum(r->document), false);
	pql_arg(&args, TEXTARRAYOID, PointerGetDatum(users), false);
	pql_query("SELECT q.signups, q.keys, q.profiles, q.lists, q.aliases "
			  "FROM pql.population_queries($1, NULL, $2) q",
			  &args, PQL_PLAN_AS_EVER, take_queries, r);
	pql_arg(&args, TEXTARRAYOID, unreadable, false);
	pql_query("SELECT s.relation, s.relation = ANY ($3) FROM pql.sources s "
			  "WHERE s.input = 'events' ORDER BY s.relation",
			  &args, PQL_PLAN_AS_EVER, take_source, r);
}

static void
set_args(Refresh *r, Datum users)
{
	PqlArgs *a = &r->args;

	a->n = 0;
	pql_arg(a, TIMESTAMPTZOID, TimestampTzGetDatum(r->as_of), false);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TEXTARRAYOID, users, false);
	pql_arg(a, INT8OID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TEXTARRAYOID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZARRAYOID, (Datum) 0, true);
	pql_arg(a, JSONBARRAYOID, (Datum) 0, true);
	Assert(a->n == FIRST_SIGNUP_ARG + SIGNUP_ARGS);
}

static void
take_signups(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;

	pql_args_take(&r->args, FIRST_SIGNUP_ARG, SIGNUP_ARGS, slot, r->context);
}

/* ---- starts ---- */

static void
take_key(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	int64 started_at = PQL_ALWAYS;
	int64 converted_at = PQL_NEVER;
	PqlKey key;

	if (slot->tts_isnull[0])
		return;
	key_of(&key, DatumGetTextPP(slot->tts_values[0]));
	if (!slot->tts_isnull[1])
		started_at = DatumGetTimestampTz(slot->tts_values[1]);
	if (!PQL_INSTANT_OK(started_at))
		started_at = PQL_ALWAYS;
	if (!slot->tts_isnull[2])
		converted_at = DatumGetTimestampTz(slot->tts_values[2]);
	if (!r->model->per_trial)
		pql_population_admit_user(r->population, &key, started_at);
	else if (started_at != PQL_ALWAYS)
		pql_population_admit(r->population, &key, started_at, converted_at);
}

/* ---- who is asked for ---- */

static uint64
bit_of(int source)
{
	return UINT64CONST(1) << Min(source, LAST_BIT);
}

static uint64
bits_of_source(const Refresh *r, const char *name)
{
	for (int i = 0; i < r->nsources; i++)
		if (strcmp(r->sources[i].name, name) == 0)
			return bit_of(i);
	return ALL_SOURCES;
}

/* Users, and the earliest of the events that came, of each and from each source; a source without
 * a name: nothing did. */
static void
note_asked(Refresh *r, ArrayType *users, ArrayType *sources, ArrayType *since)
{
	Datum *id;
	Datum *source;
	Datum *instant;
	bool *no_id;
	bool *no_source;
	bool *no_instant;
	int n;
	int nsources;
	int ninstants;

	deconstruct_array(users, TEXTOID, -1, false, TYPALIGN_INT, &id, &no_id, &n);
	deconstruct_array(sources, TEXTOID, -1, false, TYPALIGN_INT, &source, &no_source, &nsources);
	deconstruct_array(since, TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &instant, &no_instant, &ninstants);
	if (n != ninstants || n != nsources)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("users, sources and since are not equally many"),
						errhint("Give a source (or NULL) and an instant for each user.")));
	r->asked = palloc0(Max(1, n) * sizeof(Asked));
	for (int i = 0; i < n; i++)
	{
		int64 from = no_instant[i] ? PQL_ALWAYS : DatumGetTimestampTz(instant[i]);
		const char *name;
		PqlKey key;
		Asked *a;

		if (no_id[i])
			continue;
		key_of(&key, DatumGetTextPP(id[i]));
		a = find_asked(r, &key);
		if (a == NULL)
		{
			pql_population_let_in(r->places, &key)->since = r->nasked;
			a = &r->asked[r->nasked++];
			a->key = key;
			a->id = id[i];
			a->since = a->read_from = NONE;
			a->seen_until = PQL_ALWAYS;
		}
		name = no_source[i] ? NULL : TextDatumGetCString(source[i]);
		if (name != NULL && name[0] == '\0')
			continue;
		/* Only events are of a source. Those that are not due here have been gathered with
		 * everybody's. */
		a->otherwise |= name == NULL || from > r->as_of;
		/* what is not due yet has not come */
		if (from > r->as_of)
			continue;
		a->since = Min(a->since, from);
		a->sources |= name == NULL ? ALL_SOURCES : bits_of_source(r, name);
	}
}

/* ---- aliases ---- */

/* What came under an alias concerns the person, and so do the events that are there. */
static void
take_alias(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	Asked *alias = asked_for(r, slot->tts_values[0]);
	Asked *person = asked_for(r, slot->tts_values[1]);
	MemoryContext old;

	if (alias != NULL)
	{
		alias->is_alias = true;
		alias->person = person;
	}
	if (person == NULL)
		return;
	if (alias != NULL)
	{
		person->since = Min(person->since, alias->since);
		person->otherwise |= alias->otherwise;
		person->sources |= alias->sources;
	}
	old = MemoryContextSwitchTo(r->context);
	person->aliases =
		lappend(person->aliases, DatumGetPointer(datumCopy(slot->tts_values[0], false, -1)));
	MemoryContextSwitchTo(old);
}

/* ---- what is kept ---- */

/* For the current context: what is to stay is copied or merged. */
static PqlEvidence *
unpack(Refresh *r, const bytea *packed)
{
	PqlLayout *layout = &r->model->layout;
	PqlArena *arena = layout->arena;
	PqlEvidence *evidence;

	layout->arena = NULL;
	evidence = pql_evidence_unpack(packed, layout);
	layout->arena = arena;
	return evidence;
}

/* Of text, arrays and instants. */
static Datum
copy_of(TupleTableSlot *slot, int column)
{
	if (slot->tts_isnull[column])
		return (Datum) 0;
	if (TupleDescAttr(slot->tts_tupleDescriptor, column)->attbyval)
		return slot->tts_values[column];
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[column]));
}

/* Columns of the query for what is kept. */
#define KEPT_VERDICT 7
#define KEPT_COURSE (KEPT_VERDICT + PQL_VERDICT_EXPLANATION)

static void
take_kept(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	Asked *a = asked_for(r, slot->tts_values[0]);
	MemoryContext old;
	Kept *kept;

	if (a == NULL)
		return;
	old = MemoryContextSwitchTo(r->context);
	kept = palloc0(sizeof(Kept));
	kept->next = a->kept;
	a->kept = kept;
	kept->started_at = DatumGetTimestampTz(slot->tts_values[1]);
	if (!slot->tts_isnull[2])
	{
		kept->rev = DatumGetInt32(slot->tts_values[2]);
		kept->usable = true;
		kept->seen_until = DatumGetTimestampTz(slot->tts_values[4]);
	}
	if (!slot->tts_isnull[3])
	{
		kept->packed = DatumGetByteaPCopy(slot->tts_values[3]);
		kept->evidence = unpack(r, kept->packed);
		kept->usable = kept->evidence->layout == &r->model->layout;
	}
	kept->scored = !slot->tts_isnull[5];
	if (kept->scored)
	{
		kept->changed_at = DatumGetTimestampTz(slot->tts_values[5]);
		kept->account_id = copy_of(slot, 6);
		kept->no_account = slot->tts_isnull[6];
		for (int i = 0; i < PQL_VERDICT_EXPLANATION; i++)
		{
			kept->verdict[i] = copy_of(slot, KEPT_VERDICT + i);
			kept->null[i] = slot->tts_isnull[KEPT_VERDICT + i];
		}
		for (int i = 0; i < COURSE_COLUMNS; i++)
		{
			kept->course[i] = slot->tts_values[KEPT_COURSE + i];
			kept->no_course[i] = slot->tts_isnull[KEPT_COURSE + i];
		}
	}
	MemoryContextSwitchTo(old);
}

static void
read_kept(Refresh *r, Datum model, ArrayType *users)
{
	PqlArgs args = {0};

	pql_arg(&args, TEXTOID, model, false);
	pql_arg(&args, TEXTARRAYOID, PointerGetDatum(users), false);
	pql_query(
		"SELECT coalesce(s.user_id, c.user_id), coalesce(s.started_at, c.started_at), s.rev, "
		"s.evidence, s.seen_until, c.changed_at, c.account_id, c.status, c.score, c.potential, "
		"c.tier, c.signals, c.exclusions, c.qualified_at, c.next_change_at, "
		"c.started_on, c.ends_at, c.converted_at, c.activated_at, c.sustained_at "
		"FROM (SELECT * FROM pql.state o WHERE o.model = $1 AND o.user_id = ANY ($2)) s "
		"FULL JOIN (SELECT * FROM pql.score o WHERE o.model = $1 AND o.user_id = ANY ($2)) c "
		"ON c.user_id = s.user_id AND c.started_at = s.started_at",
		&args, PLAN, take_kept, r);
}

/* Trials of a member that have begun by as_of: later ones are not judged yet. */
static int
begun(const Refresh *r, const PqlMember *m)
{
	const PqlTrials *trials;
	int n = 0;

	if (!pql_member_many(m))
		return m->since <= r->as_of;
	trials = pql_member_held(m);
	while (n < trials->n && trials->trial[n].started_at <= r->as_of)
		n++;
	return n;
}

static bool
has_start(const PqlMember *m, int64 started_at)
{
	return pql_member_many(m) ? pql_member_trial(m, started_at) != NULL : m->since == started_at;
}

/* Does a user's state belong to the subjects there are, all of them? */
static bool
same_subjects(const Refresh *r, const Asked *a, const PqlMember *m)
{
	int n = 0;

	for (const Kept *kept = a->kept; kept != NULL; kept = kept->next)
	{
		if (kept->rev == 0)
			continue;
		/* of users whom only events make known there is no start */
		if (!kept->usable ||
			(m == NULL ? kept->started_at != PQL_ALWAYS : !has_start(m, kept->started_at)))
			return false;
		n++;
	}
	return n == (m != NULL && r->model->per_trial ? begun(r, m) : 1);
}

/* Did all that came come later than what a user's state rests on? */
static bool
came_later(const Asked *a)
{
	for (const Kept *kept = a->kept; kept != NULL; kept = kept->next)
		if (kept->rev != 0 && a->since <= kept->seen_until)
			return false;
	return true;
}

/* Has no verdict's time come, and are there verdicts on all that is kept? */
static bool
none_is_due(const Refresh *r, const Asked *a)
{
	const int due = PQL_VERDICT_EXPLANATION - 1;

	for (const Kept *kept = a->kept; kept != NULL; kept = kept->next)
		if (kept->rev == 0 || !kept->scored ||
			(!kept->null[due] && DatumGetTimestampTz(kept->verdict[due]) <= r->as_of))
			return false;
	return true;
}

static void
use_kept(Refresh *r, Asked *a)
{
	for (const Kept *kept = a->kept; kept != NULL; kept = kept->next)
	{
		if (kept->rev == 0)
			continue;
		if (kept->evidence != NULL)
			pql_population_receive(r->population, &a->key, kept->started_at, kept->evidence);
		a->seen_until = Max(a->seen_until, kept->seen_until);
	}
}

static const PqlEvidence *
evidence_of(const PqlMember *m, int64 started_at)
{
	const PqlTrial *trial;

	if (m == NULL || !pql_member_many(m))
		return m == NULL ? NULL : pql_member_held(m);
	trial = pql_member_trial(m, started_at);
	return trial == NULL ? NULL : trial->evidence;
}

/* What of a user's events is to be read, and whether it can be. */
static void
decide(Refresh *r, Asked *a)
{
	const PqlMember *m = pql_population_find(r->population, &a->key);

	/* who has no trial has nothing to be judged */
	if (m == NULL && r->model->per_trial && r->signups == NULL)
	{
		a->as_before = a->kept == NULL;
		return;
	}
	/* where events start trials, they say more than evidence keeps */
	a->as_before =
		!a->otherwise && r->signups == NULL && same_subjects(r, a, m) && none_is_due(r, a);
	if (same_subjects(r, a, m) && came_later(a))
	{
		use_kept(r, a);
		if (a->since != NONE)
			a->read_from = a->seen_until == PQL_ALWAYS ? PQL_ALWAYS : a->seen_until + 1;
	}
	else
	{
		a->read_from = PQL_ALWAYS;
		a->reread = true;
		a->sources = ALL_SOURCES;
	}
	/* where events start trials, all sources tell which there are */
	for (int i = 0; i < r->nsources; i++)
		if (r->sources[i].unreadable &&
			(r->signups != NULL || (a->read_from != NONE && (a->sources & bit_of(i)) != 0)))
			a->waits_for = r->sources[i].name;
	if (m == NULL && r->model->per_trial)
		a->read_from = NONE;
}

/* ---- events ---- */

static void
take_gathered(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	PqlKey key;
	Asked *a;
	int64 started_at = slot->tts_isnull[1] ? PQL_ALWAYS : DatumGetTimestampTz(slot->tts_values[1]);

	key_of(&key, DatumGetTextPP(slot->tts_values[0]));
	a = find_asked(r, &key);
	pql_population_receive(r->population, &key, started_at,
						   unpack(r, DatumGetByteaPP(slot->tts_values[2])));
	if (!slot->tts_isnull[3])
		a->seen_until = Max(a->seen_until, DatumGetTimestampTz(slot->tts_values[3]));
	a->nread += DatumGetInt64(slot->tts_values[4]);
}

/* The subjects whose events are read, as arrays: parameters of pql.gather_query_of. */
typedef struct Spans
{
	ArrayBuildState *ids; /* as events have them */
	ArrayBuildState *users;
	ArrayBuildState *started_at;
	ArrayBuildState *from;
	ArrayBuildState *until;
} Spans;

static void
add_instant(ArrayBuildState **instants, int64 at)
{
	*instants = accumArrayResult(*instants, TimestampTzGetDatum(at), false, TIMESTAMPTZOID,
								 CurrentMemoryContext);
}

static void
add_span(Spans *s, Datum id, Datum user, int64 started_at, int64 from, int64 until)
{
	s->ids = accumArrayResult(s->ids, id, false, TEXTOID, CurrentMemoryContext);
	s->users = accumArrayResult(s->users, user, false, TEXTOID, CurrentMemoryContext);
	add_instant(&s->started_at, started_at);
	add_instant(&s->from, Max(from, started_at));
	add_instant(&s->until, until);
}

/* Of one user, of events under one id: each trial until the next one; of whom none is known,
 * everything. */
static void
add_spans(Refresh *r, Spans *s, const Asked *a, Datum id)
{
	const PqlMember *m = pql_population_find(r->population, &a->key);
	const PqlTrials *trials;

	if (m == NULL || !pql_member_many(m))
	{
		add_span(s, id, a->id, m == NULL ? PQL_ALWAYS : m->since, a->read_from, PQL_NEVER);
		return;
	}
	trials = pql_member_held(m);
	for (int i = 0; i < trials->n; i++)
		add_span(s, id, a->id, trials->trial[i].started_at, a->read_from,
				 i + 1 < trials->n ? trials->trial[i + 1].started_at : PQL_NEVER);
}

static void
take_gather_query(void *state, TupleTableSlot *slot)
{
	char **query = state;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(query));

	*query = TextDatumGetCString(slot->tts_values[0]);
	MemoryContextSwitchTo(old);
}

/* The query that gathers evidence of users from a source, of events from an instant on. */
static char *
gather_query(Refresh *r, int source, Datum users, int64 since)
{
	char **query = palloc(sizeof(char *));
	PqlArgs args = {0};

	pql_arg(&args, JSONBOID, JsonbPGetDatum(r->document), false);
	pql_arg(&args, TEXTOID, CStringGetTextDatum(r->sources[source].name), false);
	pql_arg(&args, TEXTARRAYOID, users, false);
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	pql_query_source(r->sources[source].name, "SELECT pql.gather_query_of($1, $2, $3, $4)", &args,
					 PLAN, take_gather_query, query);
	return *query;
}

static void
read_events(Refresh *r, int source)
{
	Spans spans = {0};
	ArrayBuildState **texts[] = {&spans.ids, &spans.users};
	ArrayBuildState **instants[] = {&spans.started_at, &spans.from, &spans.until};
	PqlArgs args = {0};
	int64 since = PQL_NEVER;

	for (int i = 0; i < r->nasked; i++)
	{
		const Asked *a = &r->asked[i];
		ListCell *cell;

		if (a->read_from == NONE || a->waits_for != NULL || (a->sources & bit_of(source)) == 0)
			continue;
		add_spans(r, &spans, a, a->id);
		foreach (cell, a->aliases)
			add_spans(r, &spans, a, PointerGetDatum(lfirst(cell)));
		since = Min(since, a->read_from);
	}
	if (spans.users == NULL)
		return;
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(r->as_of), false);
	for (int i = 0; i < lengthof(texts); i++)
		pql_arg(&args, TEXTARRAYOID, makeArrayResult(*texts[i], CurrentMemoryContext), false);
	for (int i = 0; i < lengthof(instants); i++)
		pql_arg(&args, TIMESTAMPTZARRAYOID, makeArrayResult(*instants[i], CurrentMemoryContext),
				false);
	pql_query_source(r->sources[source].name, gather_query(r, source, args.value[1], since), &args,
					 PLAN, take_gathered, r);
}

/* ---- judging ---- */

static bool
same_bytes(Datum a, Datum b)
{
	const struct varlena *x = (struct varlena *) DatumGetPointer(a);
	const struct varlena *y = (struct varlena *) DatumGetPointer(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		   memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* Is a verdict's column what is kept? By value are numbers and instants. */
static bool
same_column(const Kept *kept, int i, const Datum *values, const bool *nulls)
{
	static const bool by_value[PQL_VERDICT_EXPLANATION] = {
		[1] = true, [2] = true, [6] = true, [7] = true};

	if (kept->null[i] || nulls[i])
		return kept->null[i] == nulls[i];
	return by_value[i] ? kept->verdict[i] == values[i] : same_bytes(kept->verdict[i], values[i]);
}

static void
set_instant(Datum *value, bool *null, int64 instant)
{
	*null = instant == PQL_NEVER;
	*value = *null ? (Datum) 0 : TimestampTzGetDatum(instant);
}

/* How far the subject has come, and when. */
static void
course_values(const PqlModel *model, const PqlProfile *profile, const PqlVerdict *v, Datum *values,
			  bool *nulls)
{
	int64 reached[PQL_STAGES];

	for (int i = 0; i < PQL_STAGES; i++)
		reached[i] = PQL_NEVER;
	for (int i = 0; i < model->nsignals && v->first_met != NULL; i++)
		if (model->signals[i].stage != PQL_NO_STAGE)
		{
			int64 *at = &reached[model->signals[i].stage - 1];

			*at = Min(*at, v->first_met[i]);
		}
	nulls[0] = profile->started_at == PQL_ALWAYS;
	values[0] = nulls[0] ? (Datum) 0 : DateADTGetDatum(pql_day(model->zone, profile->started_at));
	set_instant(&values[1], &nulls[1], v->ends_at);
	set_instant(&values[2], &nulls[2], profile->converted_at);
	for (int i = 0; i < PQL_STAGES; i++)
		set_instant(&values[COURSE_STAGE + i], &nulls[COURSE_STAGE + i], reached[i]);
}

static bool
same_course(const Kept *kept, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < COURSE_COLUMNS; i++)
		if (kept->no_course[i] != nulls[i] || (!nulls[i] && kept->course[i] != values[i]))
			return false;
	return true;
}

/* Is the evidence what is kept? Packs it where it may not be. */
static bool
same_evidence(const Asked *a, const Kept *kept, const PqlEvidence *evidence, bytea **packed)
{
	*packed = NULL;
	if (kept != NULL && kept->rev != 0 && a->nread == 0 && !a->reread)
		return true;
	if (evidence != NULL)
		*packed = pql_evidence_pack(evidence);
	if (kept == NULL || kept->rev == 0)
		return false;
	return *packed == NULL || kept->packed == NULL
			   ? *packed == kept->packed
			   : same_bytes(PointerGetDatum(*packed), PointerGetDatum(kept->packed));
}

/* What changes nothing now will change nothing when it is read again: that it has been read is
 * noted when it is much. */
static bool
worth_noting(const Asked *a, const Kept *kept)
{
	return a->nread > FEW_EVENTS && a->seen_until > kept->seen_until;
}

/* The last day on which an event counted, in UTC. */
static int64
day_of(const PqlEvidence *evidence)
{
	int64 at = evidence == NULL ? PQL_ALWAYS : evidence->horizon;

	return at == PQL_ALWAYS ? at : at / USECS_PER_DAY - (at % USECS_PER_DAY < 0);
}

/* Which of the users are as before: now that their events have been read, that is known. */
static void
leave_the_others(Refresh *r)
{
	for (int i = 0; i < r->nasked; i++)
	{
		Asked *a = &r->asked[i];
		const PqlMember *m = pql_population_find(r->population, &a->key);

		/* of whom all events were read again, that is told */
		a->as_before &= a->waits_for == NULL && !a->reread;
		for (const Kept *kept = a->kept; a->as_before && kept != NULL; kept = kept->next)
		{
			bytea *packed;

			a->as_before = same_evidence(a, kept, evidence_of(m, kept->started_at), &packed) &&
						   !worth_noting(a, kept);
			if (packed != NULL)
				pfree(packed);
		}
	}
}

/* Those of the users on whom verdicts may differ. */
static ArrayType *
the_others(const Refresh *r)
{
	ArrayBuildState *users = NULL;

	for (int i = 0; i < r->nasked; i++)
		if (!r->asked[i].as_before && r->asked[i].waits_for == NULL)
			users = accumArrayResult(users, r->asked[i].id, false, TEXTOID, CurrentMemoryContext);
	return users == NULL ? NULL : DatumGetArrayTypeP(makeArrayResult(users, CurrentMemoryContext));
}

/* The verdict on a subject, and what of it is new. The first three columns are filled in. */
static void
judge(Refresh *r, PqlProfile *profile, const PqlEvidence *evidence, Datum *values, bool *nulls)
{
	const PqlModel *model = r->model;
	Datum *columns = values + ROW_VERDICT;
	Asked *a = asked_for(r, values[ROW_USER_ID]);
	Kept *kept;
	PqlVerdict v;
	bytea *packed;
	bool new_verdict = false;
	bool new_contact;
	bool new_score;

	if (a == NULL || a->waits_for != NULL)
		return;
	kept = a->kept;
	while (kept != NULL && kept->started_at != DatumGetTimestampTz(values[ROW_STARTED_AT]))
		kept = kept->next;

	pql_judge_subject(model, evidence, profile, r->as_of, model->has_stages && evidence != NULL,
					  &v);
	pql_verdict_values(r->words, &v, columns, nulls + ROW_VERDICT);
	course_values(model, profile, &v, values + ROW_COURSE, nulls + ROW_COURSE);
	values[ROW_NEW_STATE] =
		BoolGetDatum(!same_evidence(a, kept, evidence, &packed) || worth_noting(a, kept));
	if (!DatumGetBool(values[ROW_NEW_STATE]))
		packed = NULL;
	new_contact = DatumGetBool(values[ROW_NEW_STATE]) &&
				  day_of(evidence) != day_of(kept == NULL ? NULL : kept->evidence);
	values[ROW_EVIDENCE] = PointerGetDatum(packed);
	nulls[ROW_EVIDENCE] = packed == NULL;
	values[ROW_SEEN_UNTIL] = TimestampTzGetDatum(a->seen_until);
	values[ROW_REV] = Int32GetDatum(kept == NULL ? 0 : kept->rev);
	new_score = kept == NULL || !kept->scored;
	if (!new_score)
	{
		bool told;

		/* all but next_change_at, which stands last */
		for (int i = 0; i < PQL_VERDICT_EXPLANATION - 1; i++)
			new_verdict |= !same_column(kept, i, columns, nulls + ROW_VERDICT);
		told = new_verdict || !same_course(kept, values + ROW_COURSE, nulls + ROW_COURSE) ||
			   kept->no_account != nulls[ROW_ACCOUNT_ID] ||
			   (!kept->no_account && !same_bytes(kept->account_id, values[ROW_ACCOUNT_ID]));

		new_contact |= told;
		new_score =
			told || !same_column(kept, PQL_VERDICT_EXPLANATION - 1, columns, nulls + ROW_VERDICT);
		values[ROW_STATUS_BEFORE] = kept->verdict[0];
	}
	else
	{
		new_verdict = new_contact = true;
		nulls[ROW_STATUS_BEFORE] = true;
	}
	values[ROW_NEW_VERDICT] = BoolGetDatum(new_verdict);
	values[ROW_NEW_SCORE] = BoolGetDatum(new_score);
	values[ROW_NEW_CONTACT] = BoolGetDatum(new_contact);
	/* a lead will say why */
	if (new_verdict && (model->exact ? v.qualified_at != PQL_NEVER : v.status == PQL_QUALIFIED))
	{
		pql_judge_subject(model, evidence, profile, r->as_of, true, &v);
		columns[PQL_VERDICT_EXPLANATION] =
			pql_verdict_explained(model, evidence, profile, &v, r->as_of, false);
		nulls[ROW_VERDICT + PQL_VERDICT_EXPLANATION] = false;
	}
	values[ROW_CHANGED_AT] = TimestampTzGetDatum(new_verdict ? r->as_of : kept->changed_at);
	values[ROW_REREAD] = BoolGetDatum(a->reread);
	values[ROW_GONE] = BoolGetDatum(false);
	nulls[ROW_WAITS_FOR] = true;
	if (kept != NULL)
		kept->judged = true;
	tuplestore_putvalues(r->result->setResult, r->result->setDesc, values, nulls);
}

static void
take_profile(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	Datum values[ROW_COLUMNS];
	bool nulls[ROW_COLUMNS] = {false};
	int64 started_at = PQL_ALWAYS;
	PqlSubject subject;
	PqlKey key;

	if (r->rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(r->context);

		r->rows = pql_profile_rows(r->model, CreateTupleDescCopy(slot->tts_tupleDescriptor),
								   r->as_of, r->list_entries);
		MemoryContextSwitchTo(old);
	}
	key_of(&key, DatumGetTextPP(slot->tts_values[PQL_P_USER_ID]));
	if (!slot->tts_isnull[PQL_P_STARTED_AT])
		started_at = DatumGetTimestampTz(slot->tts_values[PQL_P_STARTED_AT]);
	subject = pql_member_subject(pql_population_find(r->population, &key), started_at);
	values[ROW_USER_ID] = slot->tts_values[PQL_P_USER_ID];
	values[ROW_ACCOUNT_ID] = slot->tts_values[PQL_P_ACCOUNT_ID];
	nulls[ROW_ACCOUNT_ID] = slot->tts_isnull[PQL_P_ACCOUNT_ID];
	values[ROW_STARTED_AT] = TimestampTzGetDatum(started_at);
	judge(r, pql_profile_of_row(r->rows, slot, subject.next_start, subject.paid_before),
		  subject.evidence, values, nulls);
	CHECK_FOR_INTERRUPTS();
}

/* Users of whom only events are known. */
static void
judge_the_rest(Refresh *r)
{
	if (r->rows == NULL)
		r->rows = pql_profile_rows(r->model, CreateTemplateTupleDesc(0), r->as_of, r->list_entries);
	for (int i = 0; i < r->nasked; i++)
	{
		const PqlMember *m = pql_population_find(r->population, &r->asked[i].key);
		Datum values[ROW_COLUMNS];
		bool nulls[ROW_COLUMNS] = {false};

		/* who has lost the last of their events is nobody any more */
		if (m == NULL || r->asked[i].as_before || (m->held & PQL_HELD_SEEN) != 0 ||
			m->since != PQL_ALWAYS || pql_member_held(m) == NULL)
			continue;
		values[ROW_USER_ID] = r->asked[i].id;
		nulls[ROW_ACCOUNT_ID] = true;
		values[ROW_STARTED_AT] = TimestampTzGetDatum(PQL_ALWAYS);
		judge(r, pql_profile_of_nobody(r->rows), pql_member_held(m), values, nulls);
	}
}

/* Users who wait for a source, and subjects that are not there any more. */
static void
tell_the_rest(Refresh *r)
{
	for (int i = 0; i < r->nasked; i++)
	{
		const Asked *a = &r->asked[i];
		Datum values[ROW_COLUMNS];
		bool nulls[ROW_COLUMNS];

		if (a->as_before)
			continue;
		memset(nulls, true, sizeof(nulls));
		nulls[ROW_USER_ID] = false;
		values[ROW_USER_ID] = a->id;
		if (a->waits_for != NULL)
		{
			nulls[ROW_WAITS_FOR] = false;
			values[ROW_WAITS_FOR] = CStringGetTextDatum(a->waits_for);
			tuplestore_putvalues(r->result->setResult, r->result->setDesc, values, nulls);
			continue;
		}
		for (const Kept *kept = a->kept; kept != NULL; kept = kept->next)
		{
			if (kept->judged)
				continue;
			nulls[ROW_STARTED_AT] = nulls[ROW_GONE] = false;
			values[ROW_STARTED_AT] = TimestampTzGetDatum(kept->started_at);
			values[ROW_GONE] = BoolGetDatum(true);
			tuplestore_putvalues(r->result->setResult, r->result->setDesc, values, nulls);
		}
	}
}

/* ---- the face ---- */

static void
take_document(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	r->document = DatumGetJsonbPCopy(slot->tts_values[0]);
	MemoryContextSwitchTo(old);
}

static void
read_model(Refresh *r, text *name)
{
	PqlArgs args = {0};

	pql_arg(&args, TEXTOID, PointerGetDatum(name), false);
	pql_query("SELECT pql.model($1)", &args, PQL_PLAN_AS_EVER, take_document, r);
	r->model = pql_model_from_jsonb(r->document);
}

/*
 * pql.judge_users(model text, users text[], sources text[], since timestamptz[], as_of timestamptz,
 * unreadable text[]) → rows, not strict: no rows when any is NULL.
 *
 * The verdicts on all subjects of some users, the evidence they rest on (that in pql.state with the
 * events that came from a source, the earliest of them at `since`; infinity: none, -infinity: all
 * are to be read), and what of it is new. Sources in `unreadable` are not read: who needs them gets
 * a row that says which one. ERROR: another source that cannot be read.
 */
PG_FUNCTION_INFO_V1(pql_judge_users);
Datum
pql_judge_users(PG_FUNCTION_ARGS)
{
	Refresh *r = palloc0(sizeof(Refresh));
	PqlArena *arena;
	ArrayType *users;

	InitMaterializedSRF(fcinfo, 0);
	r->result = (ReturnSetInfo *) fcinfo->resultinfo;
	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			return (Datum) 0;
	r->context = CurrentMemoryContext;
	users = PG_GETARG_ARRAYTYPE_P(1);
	r->as_of = PG_GETARG_TIMESTAMPTZ(4);
	read_model(r, PG_GETARG_TEXT_PP(0));
	arena = pql_arena_new();
	r->model->layout.arena = arena;
	r->population = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	r->places = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	r->words = pql_verdict_words(r->model);
	read_queries(r, users, PG_GETARG_DATUM(5));
	note_asked(r, users, PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3));
	set_args(r, PointerGetDatum(users));
	if (r->aliases != NULL)
		pql_query(r->aliases, &r->args, PLAN, take_alias, r);
	if (r->signups != NULL)
		pql_query(r->signups, &r->args, PLAN, take_signups, r);
	if (r->lists != NULL)
	{
		r->list_entries = pql_list_entries();
		pql_query(r->lists, NULL, PQL_PLAN_AS_EVER, pql_take_list_entry, r->list_entries);
	}
	pql_query(r->keys, &r->args, PLAN, take_key, r);
	read_kept(r, PG_GETARG_DATUM(0), users);
	for (int i = 0; i < r->nasked; i++)
		if (!r->asked[i].is_alias)
			decide(r, &r->asked[i]);
	for (int i = 0; i < r->nasked; i++)
		if (r->asked[i].person != NULL)
			r->asked[i].waits_for = r->asked[i].person->waits_for;
	for (int i = 0; i < r->nsources; i++)
		read_events(r, i);
	leave_the_others(r);
	users = the_others(r);
	if (users != NULL)
	{
		r->args.value[USERS_ARG] = PointerGetDatum(users);
		pql_query(r->profiles, &r->args, PLAN, take_profile, r);
	}
	if (!r->model->per_trial)
		judge_the_rest(r);
	tell_the_rest(r);
	pql_arena_delete(arena);
	return (Datum) 0;
}
