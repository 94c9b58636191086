/*
 * verdict.h: what a model says of one subject at one instant.
 *
 * A verdict is a pure function of (model, evidence, profile, as_of).
 */
#ifndef PQL_VERDICT_H
#define PQL_VERDICT_H

#include "evidence.h"
#include "model.h"

typedef enum PqlStatus
{
	PQL_CONVERTED,
	PQL_QUALIFIED,
	PQL_EXPIRED,
	PQL_EXCLUDED,
	PQL_HOLD,
	PQL_MONITOR,
	PQL_GATED,
	PQL_BELOW
} PqlStatus;

extern const char *const pql_status_names[];

/* A value of a fact, and since when it is known. PQL_ALWAYS: from the beginning. */
typedef struct PqlKnown
{
	int64 at;
	PqlValue value;
} PqlKnown;

typedef struct PqlHistory
{
	int n;
	PqlKnown *known; /* ascending */
} PqlHistory;

typedef struct PqlProfile
{
	int64 started_at;   /* PQL_ALWAYS: not known */
	int64 ends_at;      /* PQL_NEVER: not known */
	int64 converted_at; /* PQL_NEVER: not */
	PqlHistory *facts;  /* per fact of the model */
	PqlLists lists;
	/*
	 * Where the model does not keep what releases a hold (pql_model_lean): the first event at an
	 * instant or after, as far as it counts; PQL_NEVER: none.
	 */
	int64 (*first_event)(void *state, int64 from);
	void *state;
} PqlProfile;

/* Signals and exclusions at one instant. */
typedef struct PqlStanding
{
	PqlTruth signal[PQL_MAX_SIGNALS];
	int32 points[PQL_MAX_SIGNALS]; /* earned while met */
	bool exclusion[PQL_MAX_EXCLUSIONS];
	int score;
	int potential;
	int tier;        /* index, or -1 */
	int signals_met; /* that score */
	int counted_days;
	bool gates;
	bool qualifies;    /* gates, and the whole of qualify */
	bool missing_only; /* the same, were there days enough */
	bool excluded;
} PqlStanding;

typedef struct PqlVerdict
{
	PqlStatus status;
	PqlStanding now;
	int64 qualified_at;   /* PQL_NEVER: not, or not known */
	int64 next_change_at; /* PQL_NEVER: none without a new event */
	int64 hold_until;     /* while status is hold */
	int64 ends_at;        /* PQL_NEVER: not known */
	int64 *first_met;     /* per signal, PQL_NEVER: unknown; only when asked for */
} PqlVerdict;

/*
 * Judges. evidence may be NULL: no events. as_of earlier than the evidence's horizon is an ERROR.
 * detail: also find out when each signal was first met.
 */
extern void pql_judge_subject(const PqlModel *model, const PqlEvidence *evidence,
							  const PqlProfile *profile, int64 as_of, bool detail,
							  PqlVerdict *verdict);

/*
 * Can the subject's gates have held, at any time so far, by what is known of them? Gates that ask
 * for more than facts are left open.
 */
extern bool pql_gates_possible(const PqlModel *model, const PqlProfile *profile, int64 as_of);

/* Has the model such gates at all? */
extern bool pql_gates_on_facts(const PqlModel *model);

/* A fact as of t. */
extern PqlValue pql_fact_value(const PqlModel *model, const PqlProfile *profile, int fact,
							   int64 ends_at, int64 t);

#endif
