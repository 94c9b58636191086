/*
 * population.h: the users being scored, by id, each with the evidence gathered so far.
 *
 * One open-addressing table of 32-byte members. What most rows need in order to be dropped (is the
 * user one of ours, is the event after their start) lies in a single cache line; the id is compared
 * in full, never by its hash alone.
 */
#ifndef PQL_POPULATION_H
#define PQL_POPULATION_H

#include "arena.h"
#include "evidence.h"

/* Ids up to so many bytes stand in the member itself. */
#define PQL_KEY_BYTES 16

typedef struct PqlKey
{
	uint64 word[2]; /* the id, padded with zeros; when it is longer, its hash */
	uint64 hash;
	const char *id;
	int length;
} PqlKey;

/* One trial of a user who has several. */
typedef struct PqlTrial
{
	int64 started_at;
	int64 converted_at; /* PQL_NEVER: not, or not known */
	PqlEvidence *evidence;
} PqlTrial;

typedef struct PqlTrials
{
	int n;
	PqlTrial trial[FLEXIBLE_ARRAY_MEMBER]; /* ascending by start */
} PqlTrials;

/* What of a member's `held` is no address. */
#define PQL_HELD_MANY 1 /* it is PqlTrials, not PqlEvidence */
#define PQL_HELD_LONG                                                                              \
	2 /* the id is longer than PQL_KEY_BYTES: word[1] is the address of PqlLongId */
#define PQL_HELD_SEEN 4 /* judged already */
#define PQL_HELD_TAGS 7

typedef struct PqlMember
{
	uint64 word[2];
	int64 since;    /* start of the first trial; PQL_ALWAYS: not known; PQL_NEVER: nobody is here */
	uintptr_t held; /* evidence or NULL; see above */
} PqlMember;

typedef struct PqlLongId
{
	int length;
	char bytes[FLEXIBLE_ARRAY_MEMBER];
} PqlLongId;

typedef struct PqlPopulation
{
	PqlMember *members;
	uint64 mask;
	uint64 n;
	PqlArena *arena;
	MemoryContext context;
	const PqlModel *model;
	/* users whose hash (its upper half) is at least low and less than high; of all others nothing
	 * is kept */
	uint64 low;
	uint64 high;
	int64 first_start; /* the earliest and the latest of its members' trials */
	int64 last_start;
} PqlPopulation;

/* One more than the largest upper half of a hash. */
#define PQL_HASH_RANGE (UINT64CONST(1) << 32)

extern PqlPopulation *pql_population_new(const PqlModel *model, PqlArena *arena, uint64 low,
										 uint64 high);

/* Bytes of memory that it takes. */
extern Size pql_population_bytes(const PqlPopulation *population);

/* Users with a hash of `high` or more are forgotten. */
extern void pql_population_narrow(PqlPopulation *population, uint64 high);

/* Does the user of this key belong to the range? */
static inline bool
pql_population_wants(const PqlPopulation *population, const PqlKey *key)
{
	uint64 upper = key->hash >> 32;

	return upper >= population->low && upper < population->high;
}

/* Lets a user in with a trial (or a start, or PQL_ALWAYS). One who is in gets a further trial. */
extern void pql_population_admit(PqlPopulation *population, const PqlKey *key, int64 started_at,
								 int64 converted_at);

/* Lets a user in who is judged as such: the earliest of their starts counts, PQL_ALWAYS is none. */
extern void pql_population_admit_user(PqlPopulation *population, const PqlKey *key,
									  int64 started_at);

/* Makes room for n members more: until they are admitted, no member moves. */
extern void pql_population_reserve(PqlPopulation *population, int n);

/* Lets in a user of whom only events are known. */
extern PqlMember *pql_population_let_in(PqlPopulation *population, const PqlKey *key);

/* The user's member, or NULL. */
extern PqlMember *pql_population_find(const PqlPopulation *population, const PqlKey *key);

/* The trial of a member that started at an instant; NULL: none. Only of those who have several. */
extern PqlTrial *pql_member_trial(const PqlMember *member, int64 started_at);

/* One of a member's subjects, as it is judged. */
typedef struct PqlSubject
{
	PqlEvidence *evidence; /* or NULL */
	int64 next_start;      /* of the user's next trial, or PQL_NEVER */
	bool paid_before;      /* another trial was paid for before this one began */
} PqlSubject;

/* The subject that started at an instant, of a member or (NULL) of nobody. The member counts as
 * seen. */
extern PqlSubject pql_member_subject(PqlMember *member, int64 started_at);

/* The trial of a member of several in which an instant lies; NULL: it is before all of them. */
static inline PqlTrial *
pql_trials_at(PqlTrials *trials, int64 at)
{
	for (int i = trials->n - 1; i >= 0; i--)
		if (trials->trial[i].started_at <= at)
			return &trials->trial[i];
	return NULL;
}

static inline void *
pql_member_held(const PqlMember *member)
{
	return (void *) (member->held & ~(uintptr_t) PQL_HELD_TAGS);
}

static inline bool
pql_member_many(const PqlMember *member)
{
	return (member->held & PQL_HELD_MANY) != 0;
}

static inline bool
pql_member_free(const PqlMember *member)
{
	return member->since == PQL_NEVER;
}

static inline void
pql_member_hold(PqlMember *member, const void *held)
{
	member->held = (uintptr_t) held | (member->held & PQL_HELD_TAGS);
}

/* Where a key's member stands, if anywhere, or would stand next to. */
static inline PqlMember *
pql_population_home(const PqlPopulation *population, const PqlKey *key)
{
	return &population->members[key->hash & population->mask];
}

extern bool pql_member_is_long(const PqlMember *member, const PqlKey *key);

static inline bool
pql_member_is(const PqlMember *member, const PqlKey *key)
{
	return member->word[0] == key->word[0] &&
		   (likely(key->length <= PQL_KEY_BYTES && (member->held & PQL_HELD_LONG) == 0)
				? member->word[1] == key->word[1]
				: pql_member_is_long(member, key));
}

/* The member's id; for short ones written to buffer, which has PQL_KEY_BYTES. */
extern const char *pql_member_id(const PqlMember *member, char *buffer, int *length);

/* ---- aliases ---- */

/* Ids that mean somebody else. */
typedef struct PqlAliases
{
	PqlPopulation *places; /* of each alias in `persons`: the member's `since` */
	int n;
	int size;
	PqlKey *persons;
} PqlAliases;

/* Without any; lives in the current memory context. */
extern PqlAliases *pql_aliases_new(void);

/* Both ids are copied. */
extern void pql_aliases_add(PqlAliases *aliases, const char *alias, int alias_length,
							const char *person, int person_length);

/* Makes the key of an alias that of the person. */
static inline void
pql_aliases_follow(const PqlAliases *aliases, PqlKey *key)
{
	const PqlMember *place = pql_population_find(aliases->places, key);

	if (place != NULL)
		*key = aliases->persons[place->since];
}

/* Adds evidence of a trial that another process has gathered. The contents may lie unaligned. */
extern void pql_population_receive(PqlPopulation *population, const PqlKey *key, int64 started_at,
								   const PqlEvidence *contents);

/* ---- keys ---- */

static inline uint64
pql_key_fold(uint64 a, uint64 b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
}

/* The key of a user's id, as text. `id` must stay while the key is used. */
static inline void
pql_key_make(PqlKey *key, const char *id, int length)
{
	const uint64 k1 = UINT64CONST(0x9E3779B97F4A7C15);
	const uint64 k2 = UINT64CONST(0xC2B2AE3D27D4EB4F);

	key->id = id;
	key->length = length;
	if (likely(length <= PQL_KEY_BYTES))
	{
		key->word[0] = key->word[1] = 0;
		memcpy(key->word, id, length);
		key->hash = pql_key_fold(key->word[0] ^ k1, key->word[1] ^ k2);
		key->hash = pql_key_fold(key->hash ^ length, k1);
	}
	else
	{
		key->hash = pql_hash(id, length);
		key->word[0] = key->hash;
		key->word[1] = 0;
	}
}

#endif
