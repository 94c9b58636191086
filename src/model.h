/*
 * model.h: a model, compiled.
 *
 * A document in the model language becomes classes of events (which rows count), slots (what is
 * kept of them, layout.h), measures (numbers read from slots), conditions, and signals with their
 * effects. Nothing about a particular product is in C: all names come from the document.
 */
#ifndef PQL_MODEL_H
#define PQL_MODEL_H

#include "day.h"
#include "document.h"
#include "layout.h"
#include "value.h"

#define PQL_MAX_SIGNALS 200
#define PQL_MAX_EXCLUSIONS 64
#define PQL_MAX_TIERS 16
#define PQL_MAX_BANDS 16
#define PQL_MAX_POINTS 1000
#define PQL_MAX_VALUE_POINTS 1000000 /* of a signal whose points are its value */

/* ---- which rows count ---- */

typedef enum PqlNodeKind
{
	PQL_ALL,
	PQL_ANY,
	PQL_NOT,
	PQL_LEAF
} PqlNodeKind;

/* A condition on the properties of an event. */
typedef struct PqlWhere
{
	PqlNodeKind kind;
	int n; /* all, any, not: parts */
	struct PqlWhere **parts;
	int property; /* leaf */
	PqlTest test;
} PqlWhere;

typedef struct PqlName
{
	char *name;
	int length;
} PqlName;

typedef struct PqlClass
{
	char *identity; /* canonical text, part of the layout's id */
	bool any_event;
	int nnames;
	PqlName *names;
	PqlWhere *where; /* or NULL */
	int first_slot;  /* list by PqlSlot.next, or -1 */
} PqlClass;

/* An event name and the classes it may belong to. */
typedef struct PqlDispatch
{
	PqlName name;
	uint32 hash;
	int nclasses;
	int *classes;
	bool conditional; /* all classes have conditions on properties */
	int64 span; /* after the subject's start, from when on nothing takes it; PQL_NEVER: always */
} PqlDispatch;

/* ---- numbers ---- */

typedef enum PqlMeasureKind
{
	PQL_M_COUNT,
	PQL_M_DISTINCT,
	PQL_M_DAYS,
	PQL_M_TIME_TO,
	PQL_M_DAU_MAU,
	PQL_M_WEEKS_RISING,
	PQL_M_WEEKS_FALLING,
	PQL_M_TREND,
	PQL_M_SPIKE,
	PQL_M_DAYS_SINCE,
	PQL_M_ABSENT,
	PQL_M_STARTED,
	PQL_M_QUOTA,
	PQL_M_SUM,
	PQL_M_MAX,
	PQL_M_LATEST
} PqlMeasureKind;

typedef struct PqlMeasure
{
	PqlMeasureKind kind;
	char *event; /* the glossary's word, or * */
	int event_class;
	int property; /* or -1 */
	PqlWindow window;
	int slot;
	int other_slot; /* started: the finishing event; else -1 */
	int days_slot;  /* PQL_DAYS of the same events, or -1 */
	int days;       /* trend, spike, quota: length of the period */
	int against;    /* spike: days compared with */
	int64 span;     /* absent: age; started: time to finish; microseconds */
	bool past;      /* can be read as of any past instant */
} PqlMeasure;

/* trend's categories, as numbers that a test can compare */
#define PQL_DECLINING (-1)
#define PQL_FLAT 0
#define PQL_GROWING 1

/* ---- conditions ---- */

typedef enum PqlCondKind
{
	PQL_C_ALL,
	PQL_C_ANY,
	PQL_C_NOT,
	PQL_C_SIGNAL,
	PQL_C_FACT,
	PQL_C_MEASURE,
	PQL_C_SCORE,
	PQL_C_TIER,
	PQL_C_SIGNALS_MET,
	PQL_C_COUNTED_DAYS
} PqlCondKind;

typedef struct PqlCond
{
	PqlCondKind kind;
	int n;
	struct PqlCond **parts;
	int index; /* signal, fact, measure, or the least tier that will do */
	int ntests;
	PqlTest *tests;       /* all must hold */
	PqlTest *on_days;     /* measure: days as well, or NULL */
	PqlTest *full_within; /* quota: projected days until the limit, or NULL */
	int atom;             /* number of this leaf among those that time alone can change, or -1 */
	struct PqlSignal *banded; /* the signal whose bands stand in for tests, or NULL */
} PqlCond;

/* A fact of the profile. */
typedef struct PqlFact
{
	char *dotted; /* account.employees */
	PqlName section;
	PqlName key;
	bool is_days_left; /* trial.days_left, which comes from the clock */
} PqlFact;

typedef enum PqlEffect
{
	PQL_GATE,
	PQL_SCORING,
	PQL_INFO
} PqlEffect;

/* Where a signal stands on the way from sign-up to payment, for funnels. */
typedef enum PqlStage
{
	PQL_NO_STAGE,
	PQL_ACTIVATED,
	PQL_SUSTAINED
} PqlStage;

#define PQL_STAGES 2

typedef struct PqlBand
{
	int points;
	int ntests;
	PqlTest *tests;
} PqlBand;

typedef struct PqlSignal
{
	char *name;
	char *category; /* or NULL, as all texts here */
	char *why;
	char *beware;
	char *says;
	char *if_unknown;
	PqlEffect effect;
	PqlStage stage;
	bool may_mention;
	bool counted;  /* its events count for the qualification's days */
	bool past;     /* can be read as of any past instant */
	PqlCond *when; /* with bands: a leaf without tests */
	int points;
	bool by_value; /* as many points as its value */
	int nbands;
	PqlBand *bands; /* ascending */
	int text_slot;  /* PQL_TEXT that `says` names, or -1 */
	char *text_name;
} PqlSignal;

typedef struct PqlExclusion
{
	char *reason;
	PqlCond *when;
} PqlExclusion;

typedef struct PqlTier
{
	char *name;
	char *first_touch;
	char *route;
	PqlCond *when;
} PqlTier;

typedef struct PqlHold
{
	bool defined;
	int64 span; /* microseconds after the last counted event */
	int slot;   /* PQL_DAY_FIRSTS of the releasing events; -1: they are not kept */
} PqlHold;

typedef struct PqlModel
{
	char *name;
	char *about;
	char *unit;
	PqlZone *zone;
	PqlWindow window;
	bool per_trial; /* subjects are trials, not users */

	int nsignals;
	PqlSignal *signals;
	PqlCond *qualify;
	bool only_scores; /* nobody qualifies */
	int counted_days; /* most days that a condition asks for; 0: none */
	PqlHold hold;
	int nexclusions;
	PqlExclusion *exclusions;
	int ntiers;
	PqlTier *tiers; /* highest first */
	int nrollups;   /* account models: names of members.* */
	char **rollups;

	int nmeasures;
	PqlMeasure *measures;
	int nfacts;
	PqlFact *facts;
	int natoms;
	PqlCond **atoms;
	bool exact; /* qualified_at can be told from evidence, whenever it is judged */
	bool has_stages;
	bool grows; /* while facts stay, what qualify asks stays met once it is */
	int max_score;
	int min_score;

	int nclasses;
	PqlClass *classes;
	int nproperties;
	PqlName *properties;
	int dispatch_mask;
	PqlDispatch **dispatch; /* open addressing */
	int nany;               /* classes of any event */
	int *any;
	int64 any_span; /* as PqlDispatch.span, of events of other names */
	int64 span;     /* of all events */
	PqlLayout layout;
} PqlModel;

/* Compiles a document. NULL when it has problems. Memory comes from the current context. */
extern PqlModel *pql_model_compile(PqlJson *document, PqlProblems *problems);

/* The same from jsonb, raising the first problem. */
extern PqlModel *pql_model_from_jsonb(Jsonb *document);

/*
 * The same, with a layout that keeps nothing that only explanations tell. Verdicts are the same;
 * evidence is smaller, and does not fit together with that of the whole model.
 */
extern PqlModel *pql_model_brief(Jsonb *document);

/*
 * The brief model that does not keep what releases a hold, when any event does: verdicts, of which
 * few need it, ask for it (PqlProfile.first_event).
 */
extern PqlModel *pql_model_lean(Jsonb *document);

/* Puts keys into the language's order, for canonical text. */
extern void pql_model_order_keys(PqlJson *document);

extern bool pql_is_account_model(const PqlModel *model);
extern int pql_model_signal(const PqlModel *model, const char *name);

/* Equal names of the same length. Most are short, and a call of memcmp would cost more than they.
 */
static inline bool
pql_name_is(const PqlName *name, const char *other)
{
	uint64 a;
	uint64 b;

	if (name->length < 8 || name->length > 16)
		return memcmp(name->name, other, name->length) == 0;
	memcpy(&a, name->name, 8);
	memcpy(&b, other, 8);
	if (a != b)
		return false;
	memcpy(&a, name->name + name->length - 8, 8);
	memcpy(&b, other + name->length - 8, 8);
	return a == b;
}

/* Of an event's name: its ends and its length tell most apart. */
static inline uint32
pql_name_hash(const char *name, int length)
{
	uint64 a = 0;
	uint64 b = 0;

	if (length >= 8)
	{
		memcpy(&a, name, 8);
		memcpy(&b, name + length - 8, 8);
	}
	else
		memcpy(&a, name, length);
	a = (a ^ (b << 7 | b >> 57)) * UINT64CONST(0x9E3779B97F4A7C15) + length;
	return (uint32) (a >> 32) ^ (uint32) (a >> 52);
}

/* The classes of an event name; NULL when only those of any event apply. */
static inline const PqlDispatch *
pql_model_dispatch(const PqlModel *model, const char *name, int length)
{
	uint32 hash = pql_name_hash(name, length);
	int i = (int) hash & model->dispatch_mask;

	while (model->dispatch[i] != NULL)
	{
		const PqlDispatch *d = model->dispatch[i];

		if (d->hash == hash && d->name.length == length && pql_name_is(&d->name, name))
			return d;
		i = (i + 1) & model->dispatch_mask;
	}
	return NULL;
}

#endif
