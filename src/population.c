/*
 * population.c: the users being scored.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "population.h"

#define FIRST_SIZE 1024
/* Part of the table in use at most, in sixteenths: a miss then looks at three members or so. */
#define FULLEST 10

static PqlMember *
new_members(MemoryContext context, uint64 size)
{
	PqlMember *members = pql_large_alloc(context, size * sizeof(PqlMember));

	for (uint64 i = 0; i < size; i++)
	{
		members[i].since = PQL_NEVER;
		members[i].held = 0;
	}
	return members;
}

PqlPopulation *
pql_population_new(const PqlModel *model, PqlArena *arena, uint64 low, uint64 high)
{
	PqlPopulation *p = palloc0(sizeof(PqlPopulation));

	p->model = model;
	p->arena = arena;
	p->context = CurrentMemoryContext;
	p->low = low;
	p->high = high;
	p->first_start = PQL_NEVER;
	p->last_start = PQL_ALWAYS;
	p->mask = FIRST_SIZE - 1;
	p->members = new_members(p->context, FIRST_SIZE);
	return p;
}

Size
pql_population_bytes(const PqlPopulation *p)
{
	return (p->mask + 1) * sizeof(PqlMember) + p->arena->in_use;
}

bool
pql_member_is_long(const PqlMember *member, const PqlKey *key)
{
	const PqlLongId *id = (const PqlLongId *) (uintptr_t) member->word[1];

	return key->length > PQL_KEY_BYTES && (member->held & PQL_HELD_LONG) != 0 &&
		   member->word[0] == key->word[0] && id->length == key->length &&
		   memcmp(id->bytes, key->id, key->length) == 0;
}

const char *
pql_member_id(const PqlMember *member, char *buffer, int *length)
{
	if ((member->held & PQL_HELD_LONG) != 0)
	{
		const PqlLongId *id = (const PqlLongId *) (uintptr_t) member->word[1];

		*length = id->length;
		return id->bytes;
	}
	memcpy(buffer, member->word, PQL_KEY_BYTES);
	*length = strnlen(buffer, PQL_KEY_BYTES);
	return buffer;
}

PqlMember *
pql_population_find(const PqlPopulation *p, const PqlKey *key)
{
	for (uint64 i = key->hash & p->mask; !pql_member_free(&p->members[i]); i = (i + 1) & p->mask)
		if (pql_member_is(&p->members[i], key))
			return &p->members[i];
	return NULL;
}

static uint64
member_hash(const PqlMember *member)
{
	char buffer[PQL_KEY_BYTES];
	int length;
	PqlKey key;
	const char *id;

	if ((member->held & PQL_HELD_LONG) != 0)
		return member->word[0];
	id = pql_member_id(member, buffer, &length);
	pql_key_make(&key, id, length);
	return key.hash;
}

/* Moves the members whose hash is less than `high` into a table of another size. */
static void
rebuild(PqlPopulation *p, uint64 size)
{
	PqlMember *old = p->members;
	uint64 old_size = p->mask + 1;

	p->members = new_members(p->context, size);
	p->mask = size - 1;
	for (uint64 k = 0; k < old_size; k++)
	{
		uint64 i;

		if (pql_member_free(&old[k]))
			continue;
		i = member_hash(&old[k]) & p->mask;
		while (!pql_member_free(&p->members[i]))
			i = (i + 1) & p->mask;
		p->members[i] = old[k];
	}
	pfree(old);
}

static void
free_trials(PqlPopulation *p, PqlTrials *trials)
{
	pql_arena_give(p->arena, trials,
				   pql_arena_room(offsetof(PqlTrials, trial) + trials->n * sizeof(PqlTrial)));
}

static Size
long_id_room(int length)
{
	return pql_arena_room(offsetof(PqlLongId, bytes) + length);
}

void
pql_population_narrow(PqlPopulation *p, uint64 high)
{
	uint64 left = 0;
	uint64 size = FIRST_SIZE;

	p->high = high;
	for (uint64 k = 0; k <= p->mask; k++)
	{
		PqlMember *m = &p->members[k];
		void *held = pql_member_held(m);

		if (pql_member_free(m))
			continue;
		if (member_hash(m) >> 32 < high)
		{
			left++;
			continue;
		}
		if (pql_member_many(m))
		{
			PqlTrials *trials = held;

			for (int i = 0; i < trials->n; i++)
				if (trials->trial[i].evidence != NULL)
					pql_evidence_free(trials->trial[i].evidence);
			free_trials(p, trials);
		}
		else if (held != NULL)
			pql_evidence_free(held);
		if ((m->held & PQL_HELD_LONG) != 0)
		{
			PqlLongId *id = (PqlLongId *) (uintptr_t) m->word[1];

			pql_arena_give(p->arena, id, long_id_room(id->length));
		}
		m->since = PQL_NEVER;
	}
	p->n = left;
	while (size * FULLEST < left * 16)
		size *= 2;
	rebuild(p, size);
}

void
pql_population_reserve(PqlPopulation *p, int n)
{
	uint64 size = p->mask + 1;

	while ((p->n + n) * 16 > size * FULLEST)
		size *= 2;
	if (size != p->mask + 1)
		rebuild(p, size);
}

static PqlMember *
insert(PqlPopulation *p, const PqlKey *key)
{
	PqlMember *m;
	uint64 i;

	pql_population_reserve(p, 1);
	for (i = key->hash & p->mask; !pql_member_free(&p->members[i]);)
		i = (i + 1) & p->mask;
	p->n++;
	m = &p->members[i];
	m->word[0] = key->word[0];
	m->word[1] = key->word[1];
	m->held = 0;
	if (key->length > PQL_KEY_BYTES)
	{
		PqlLongId *id = pql_arena_take(p->arena, long_id_room(key->length));

		id->length = key->length;
		memcpy(id->bytes, key->id, key->length);
		m->word[1] = (uintptr_t) id;
		m->held = PQL_HELD_LONG;
	}
	return m;
}

PqlMember *
pql_population_let_in(PqlPopulation *p, const PqlKey *key)
{
	PqlMember *m = insert(p, key);

	m->since = PQL_ALWAYS;
	return m;
}

/* A further trial of a member, in its place by start. */
static void
add_trial(PqlPopulation *p, PqlMember *m, PqlTrial trial)
{
	PqlTrials *old = pql_member_held(m);
	PqlTrials *trials;
	int i = old->n;

	trials = pql_arena_take(
		p->arena, pql_arena_room(offsetof(PqlTrials, trial) + (old->n + 1) * sizeof(PqlTrial)));
	trials->n = old->n + 1;
	memcpy(trials->trial, old->trial, old->n * sizeof(PqlTrial));
	for (; i > 0 && trials->trial[i - 1].started_at > trial.started_at; i--)
		trials->trial[i] = trials->trial[i - 1];
	trials->trial[i] = trial;
	free_trials(p, old);
	pql_member_hold(m, trials);
	m->since = trials->trial[0].started_at;
}

void
pql_population_admit(PqlPopulation *p, const PqlKey *key, int64 started_at, int64 converted_at)
{
	PqlTrial trial = {started_at, converted_at, NULL};
	PqlMember *m = pql_population_find(p, key);

	p->first_start = Min(p->first_start, started_at);
	p->last_start = Max(p->last_start, started_at);

	if (m != NULL &&
		(!pql_member_many(m) ? m->since == started_at : pql_member_trial(m, started_at) != NULL))
		return;
	if (m == NULL)
	{
		m = insert(p, key);
		m->since = started_at;
		/* a conversion may matter to later trials: it is kept with the trial, as for several */
		if (converted_at == PQL_NEVER)
			return;
	}
	if (!pql_member_many(m))
	{
		PqlTrials *trials =
			pql_arena_take(p->arena, pql_arena_room(offsetof(PqlTrials, trial) + sizeof(PqlTrial)));

		trials->n = 1;
		trials->trial[0] = (PqlTrial){m->since, PQL_NEVER, pql_member_held(m)};
		m->held |= PQL_HELD_MANY;
		pql_member_hold(m, trials);
		if (m->since == started_at)
		{
			trials->trial[0].converted_at = converted_at;
			return;
		}
	}
	add_trial(p, m, trial);
}

void
pql_population_admit_user(PqlPopulation *p, const PqlKey *key, int64 started_at)
{
	PqlMember *m = pql_population_find(p, key);

	p->first_start = Min(p->first_start, started_at);
	p->last_start = Max(p->last_start, started_at);
	if (m == NULL)
		pql_population_let_in(p, key)->since = started_at;
	else if (started_at != PQL_ALWAYS && (m->since == PQL_ALWAYS || started_at < m->since))
		m->since = started_at;
}

PqlTrial *
pql_member_trial(const PqlMember *member, int64 started_at)
{
	PqlTrials *trials = pql_member_held(member);

	for (int i = 0; i < trials->n; i++)
		if (trials->trial[i].started_at == started_at)
			return &trials->trial[i];
	return NULL;
}

PqlSubject
pql_member_subject(PqlMember *member, int64 started_at)
{
	PqlSubject subject = {NULL, PQL_NEVER, false};
	const PqlTrials *trials;
	const PqlTrial *trial;

	if (member == NULL)
		return subject;
	member->held |= PQL_HELD_SEEN;
	if (!pql_member_many(member))
	{
		subject.evidence = pql_member_held(member);
		return subject;
	}
	trials = pql_member_held(member);
	trial = pql_member_trial(member, started_at);
	if (trial == NULL)
		return subject;
	subject.evidence = trial->evidence;
	if (trial + 1 < trials->trial + trials->n)
		subject.next_start = trial[1].started_at;
	for (int i = 0; i < trials->n; i++)
		if (&trials->trial[i] != trial && trials->trial[i].converted_at < trial->started_at)
			subject.paid_before = true;
	return subject;
}

void
pql_population_receive(PqlPopulation *p, const PqlKey *key, int64 started_at,
					   const PqlEvidence *contents)
{
	PqlMember *m = pql_population_find(p, key);
	PqlTrial *trial = NULL;
	PqlEvidence *mine;

	if (m == NULL)
	{
		/* somebody of whom only events are known */
		m = insert(p, key);
		m->since = started_at;
	}
	if (contents == NULL)
		return;
	if (pql_member_many(m))
	{
		trial = pql_member_trial(m, started_at);
		if (trial == NULL)
			elog(ERROR, "evidence of a trial that is not known");
		mine = trial->evidence;
	}
	else
		mine = pql_member_held(m);
	if (mine == NULL)
		mine = pql_evidence_adopt(&p->model->layout, contents, pql_evidence_bytes(contents));
	else
		mine = pql_evidence_merge(mine, contents);
	if (trial != NULL)
		trial->evidence = mine;
	else
		pql_member_hold(m, mine);
}

PqlAliases *
pql_aliases_new(void)
{
	PqlAliases *aliases = palloc0(sizeof(PqlAliases));

	aliases->places = pql_population_new(NULL, pql_arena_new(), 0, PQL_HASH_RANGE);
	return aliases;
}

void
pql_aliases_add(PqlAliases *aliases, const char *alias, int alias_length, const char *person,
				int person_length)
{
	MemoryContext context = aliases->places->context;
	char *id = MemoryContextAlloc(context, Max(1, person_length));
	PqlKey key;

	pql_key_make(&key, alias, alias_length);
	if (pql_population_find(aliases->places, &key) != NULL)
		return;
	if (aliases->n == aliases->size)
	{
		aliases->size = Max(64, aliases->size * 2);
		aliases->persons = aliases->persons == NULL
							   ? MemoryContextAlloc(context, aliases->size * sizeof(PqlKey))
							   : repalloc_huge(aliases->persons, aliases->size * sizeof(PqlKey));
	}
	memcpy(id, person, person_length);
	pql_key_make(&aliases->persons[aliases->n], id, person_length);
	pql_population_let_in(aliases->places, &key)->since = aliases->n++;
}

/*
 * pql.user_between(user_id text, low bigint, high bigint) → boolean, strict: does the user belong
 * to that part of the population? 0 to 2^32 is all of it. For splitting work; what part a user
 * belongs to may differ between versions.
 */
PG_FUNCTION_INFO_V1(pql_user_between);
Datum
pql_user_between(PG_FUNCTION_ARGS)
{
	text *id = PG_GETARG_TEXT_PP(0);
	PqlKey key;

	pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	PG_RETURN_BOOL((int64) (key.hash >> 32) >= PG_GETARG_INT64(1) &&
				   (int64) (key.hash >> 32) < PG_GETARG_INT64(2));
}
