/*
 * verdict.c: judging.
 *
 * A verdict at as_of is found by walking through the instants at which anything could have changed:
 * crossings kept in evidence, facts becoming known, edges of time. What happens without an event
 * after as_of is found by walking on.
 */
#include "postgres.h"

#include <math.h>

#include "reading.h"
#include "verdict.h"

const char *const pql_status_names[] = {"converted", "qualified", "expired", "excluded",
										"hold",      "monitor",   "gated",   "below"};

#define NOT_YET_KNOWN 3
#define TRIAL_LENGTH 14
/* tag of an instant at which everything is looked at */
#define ANYTHING (-1)

typedef struct Judge
{
	const PqlModel *model;
	const PqlProfile *profile;
	PqlEyes eyes;
	int64 ends_at;
	int64 window_end; /* first instant after the window; PQL_NEVER: it has no end */
	int64 t;
	bool enough_days; /* take counted_days conditions for met */
	PqlStanding *s;

	/* what the walk has found so far */
	int64 qualified_at;
	bool released;    /* a hold was released: the days are enough for good */
	bool hold_live;   /* a hold is running, or was when the window ended */
	int64 hold_until; /* of the hold at t */
	/* where the model does not keep what releases a hold: what was asked for last, and found */
	int64 later_from;
	int64 later;
	int64 *first_met;
} Judge;

/* ---- conditions ---- */

PqlValue
pql_fact_value(const PqlModel *model, const PqlProfile *profile, int fact, int64 ends_at, int64 t)
{
	const PqlHistory *h = &profile->facts[fact];
	PqlValue value = {PQL_ABSENT};

	if (model->facts[fact].is_days_left)
	{
		if (ends_at != PQL_NEVER)
		{
			value.kind = PQL_NUMBER;
			value.number = (double) (ends_at - t) / USECS_PER_DAY;
		}
		return value;
	}
	for (int i = h->n - 1; i >= 0; i--)
		if (h->known[i].at <= t)
			return h->known[i].value;
	return value;
}

static PqlTruth signal_truth(Judge *j, int index);

static PqlTruth
numbers_hold(const PqlCond *cond, double value)
{
	for (int i = 0; i < cond->ntests; i++)
		if (pql_test_number(&cond->tests[i], value) != PQL_TRUE)
			return PQL_FALSE;
	return PQL_TRUE;
}

static PqlTruth
fact_holds(Judge *j, const PqlCond *cond, int ntests, const PqlTest *tests)
{
	PqlValue value = pql_fact_value(j->model, j->profile, cond->index, j->ends_at, j->t);
	PqlTruth result = PQL_TRUE;

	for (int i = 0; i < ntests; i++)
	{
		PqlTruth one = pql_test(&tests[i], &value, &j->profile->lists);

		if (one == PQL_FALSE)
			return PQL_FALSE;
		if (one == PQL_UNKNOWN)
			result = PQL_UNKNOWN;
	}
	return result;
}

static PqlTruth
holds(Judge *j, const PqlCond *cond)
{
	PqlTruth result;

	switch (cond->kind)
	{
		case PQL_C_ALL:
			result = PQL_TRUE;
			for (int i = 0; i < cond->n; i++)
			{
				PqlTruth part = holds(j, cond->parts[i]);

				if (part == PQL_FALSE)
					return PQL_FALSE;
				if (part == PQL_UNKNOWN)
					result = PQL_UNKNOWN;
			}
			return result;
		case PQL_C_ANY:
			result = PQL_FALSE;
			for (int i = 0; i < cond->n; i++)
			{
				PqlTruth part = holds(j, cond->parts[i]);

				if (part == PQL_TRUE)
					return PQL_TRUE;
				if (part == PQL_UNKNOWN)
					result = PQL_UNKNOWN;
			}
			return result;
		case PQL_C_NOT:
			return pql_not(holds(j, cond->parts[0]));
		case PQL_C_SIGNAL:
			return signal_truth(j, cond->index);
		case PQL_C_FACT:
			return fact_holds(j, cond, cond->ntests, cond->tests);
		case PQL_C_MEASURE:
			return pql_read_leaf(&j->eyes, cond, j->t);
		case PQL_C_SCORE:
			return numbers_hold(cond, j->s->score);
		case PQL_C_TIER:
			if (j->s->tier < 0)
				return PQL_FALSE;
			return cond->ntests > 0 ? j->s->tier == cond->index : j->s->tier <= cond->index;
		case PQL_C_SIGNALS_MET:
			return numbers_hold(cond, j->s->signals_met);
		case PQL_C_COUNTED_DAYS:
			return j->enough_days ? PQL_TRUE : numbers_hold(cond, j->s->counted_days);
	}
	return PQL_UNKNOWN;
}

/* The highest band met, or -1. *truth says unknown when the number is. */
static int
band_met(Judge *j, const PqlSignal *s, PqlTruth *truth)
{
	const PqlCond *leaf = s->when;

	*truth = PQL_FALSE;
	for (int i = s->nbands - 1; i >= 0; i--)
	{
		const PqlBand *band = &s->bands[i];
		PqlTruth one;

		if (leaf->kind == PQL_C_FACT)
			one = fact_holds(j, leaf, band->ntests, band->tests);
		else
			one = pql_read_holds(&j->eyes, &j->model->measures[leaf->index], band->ntests,
								 band->tests, j->t);
		if (one == PQL_TRUE)
		{
			*truth = PQL_TRUE;
			return i;
		}
		if (one == PQL_UNKNOWN)
			*truth = PQL_UNKNOWN;
	}
	return -1;
}

/* The value of a fact, as points. */
static int
value_points(Judge *j, const PqlSignal *s)
{
	PqlValue value = pql_fact_value(j->model, j->profile, s->when->index, j->ends_at, j->t);
	double number;

	if (!pql_value_number(&value, &number))
		return 0;
	return (int) rint(Max(-PQL_MAX_VALUE_POINTS, Min(PQL_MAX_VALUE_POINTS, number)));
}

static PqlTruth
signal_truth(Judge *j, int index)
{
	const PqlSignal *s = &j->model->signals[index];
	PqlTruth truth;
	int band;

	if (j->s->signal[index] != NOT_YET_KNOWN)
		return j->s->signal[index];
	if (s->nbands > 0)
	{
		band = band_met(j, s, &truth);
		j->s->points[index] = band >= 0 ? s->bands[band].points : 0;
	}
	else
	{
		truth = holds(j, s->when);
		j->s->points[index] = truth != PQL_TRUE ? 0 : s->by_value ? value_points(j, s) : s->points;
	}
	j->s->signal[index] = truth;
	return truth;
}

/* ---- counted days ---- */

/* Days on which counted events lie, up to as many as matter, and the last counted event. */
typedef struct CountedDays
{
	int n;
	int32 day[64];
	int64 last;
} CountedDays;

static void
count_days_of(Judge *j, const PqlCond *cond, CountedDays *c)
{
	int slot;
	const PqlDays *d;

	for (int i = 0; i < cond->n; i++)
		count_days_of(j, cond->parts[i], c);
	if (cond->kind != PQL_C_MEASURE)
		return;
	slot = j->model->measures[cond->index].days_slot;
	d = slot < 0 ? NULL : pql_evidence_slot(j->eyes.evidence, slot);
	if (d == NULL || j->model->layout.slots[slot].kind != PQL_DAYS)
		return;
	for (int i = 0; i < d->entries.n && d->entry[i].first <= j->t; i++)
	{
		int k = 0;

		c->last = Max(c->last, Min(pql_span_last(&d->entry[i]), j->t));
		while (k < c->n && c->day[k] != pql_span_day(&d->entry[i]))
			k++;
		if (k == c->n && c->n < lengthof(c->day))
			c->day[c->n++] = pql_span_day(&d->entry[i]);
	}
}

static void
count_days(Judge *j, CountedDays *c)
{
	c->n = 0;
	c->last = PQL_ALWAYS;
	for (int i = 0; i < j->model->nsignals; i++)
	{
		const PqlSignal *s = &j->model->signals[i];

		if (s->counted || (s->effect == PQL_SCORING && j->s->signal[i] == PQL_TRUE))
			count_days_of(j, s->when, c);
	}
}

/* ---- one instant ---- */

static void
stand(Judge *j, int64 t, PqlStanding *s, CountedDays *counted)
{
	const PqlModel *m = j->model;

	for (int i = 0; i < m->nsignals; i++)
		s->signal[i] = NOT_YET_KNOWN;
	j->t = t;
	j->s = s;
	s->gates = true;
	s->potential = 0;
	s->signals_met = 0;
	for (int i = 0; i < m->nsignals; i++)
	{
		PqlTruth truth = signal_truth(j, i);

		if (m->signals[i].effect == PQL_GATE)
			s->gates &= truth == PQL_TRUE;
		else if (m->signals[i].effect == PQL_SCORING && truth == PQL_TRUE)
		{
			s->signals_met++;
			s->potential += s->points[i];
		}
	}
	s->score = s->gates ? s->potential : 0;
	counted->n = 0;
	if (m->counted_days > 0)
		count_days(j, counted);
	s->counted_days = counted->n;
	s->tier = -1;
	for (int i = 0; i < m->ntiers && s->tier < 0; i++)
		if (holds(j, m->tiers[i].when) == PQL_TRUE)
			s->tier = i;
	s->qualifies = s->gates && holds(j, m->qualify) == PQL_TRUE;
	j->enough_days = true;
	s->missing_only = s->gates && holds(j, m->qualify) == PQL_TRUE;
	j->enough_days = false;
	s->excluded = false;
	for (int i = 0; i < m->nexclusions; i++)
	{
		s->exclusion[i] = holds(j, m->exclusions[i].when) == PQL_TRUE;
		s->excluded |= s->exclusion[i];
	}
}

/*
 * What releases a hold whose counted events all lie on one day: the first event on a later day
 * before the hold ends. PQL_NEVER when there was none.
 */
static int64
release_of(Judge *j, int32 day, int64 until)
{
	const PqlDayFirsts *firsts;
	int64 first = PQL_NEVER;
	int32 start_day;

	if (j->model->hold.slot < 0)
	{
		int64 from = pql_day_start(j->model->zone, day + 1);

		/* asked again and again while the hold runs */
		if (from != j->later_from)
		{
			j->later_from = from;
			j->later = j->profile->first_event(j->profile->state, from);
		}
		return j->later < until ? j->later : PQL_NEVER;
	}
	firsts = pql_evidence_slot(j->eyes.evidence, j->model->hold.slot);
	if (firsts == NULL)
		return PQL_NEVER;
	start_day = pql_day(j->model->zone, j->eyes.started_at);
	for (int i = 0; i < firsts->entries.n; i++)
		if (pql_first_day(firsts->first[i]) > day - start_day + 1)
			first = Min(first, pql_first_at(firsts->first[i], j->eyes.started_at));
	return first < until ? first : PQL_NEVER;
}

/* Moves the walk to t: the standing there, the hold, and whether the rule holds for the first time.
 */
static void
step(Judge *j, int64 t, PqlStanding *s)
{
	const PqlModel *m = j->model;
	CountedDays counted;
	bool in_window = t < j->window_end;
	bool may;
	int64 release = PQL_NEVER;

	stand(j, t, s, &counted);
	for (int i = 0; i < m->nsignals && j->first_met != NULL; i++)
		if (s->signal[i] == PQL_TRUE && m->signals[i].past && j->first_met[i] == PQL_NEVER)
			j->first_met[i] = t;
	if (j->qualified_at != PQL_NEVER || t >= j->profile->converted_at)
		return;

	if (m->hold.defined && s->missing_only && !s->qualifies && counted.n == 1)
	{
		j->hold_until = counted.last + m->hold.span;
		release = release_of(j, counted.day[0], j->hold_until);
		if (release <= t && (in_window || j->hold_live))
		{
			j->released = true;
			j->hold_live &= !in_window;
		}
		else if (in_window)
			j->hold_live = t < j->hold_until;
		else
			j->hold_live &= t < j->hold_until;
	}
	else if (in_window || !s->missing_only)
		j->hold_live = false;

	may = s->qualifies || (s->missing_only && j->released);
	if (may && !s->excluded && (in_window || (j->hold_live && release == t)))
		j->qualified_at = t;
}

static PqlStatus
status_at(const Judge *j, int64 t, const PqlStanding *s)
{
	const PqlModel *m = j->model;
	bool in_window = t < j->window_end;
	bool hold = m->hold.defined && j->hold_live && !j->released && t < j->hold_until;

	if (j->profile->converted_at <= t)
		return PQL_CONVERTED;
	if (m->exact ? j->qualified_at <= t
				 : (s->qualifies || (s->missing_only && j->released)) && !s->excluded && in_window)
		return PQL_QUALIFIED;
	if (!in_window && !hold)
		return PQL_EXPIRED;
	if (s->excluded)
		return PQL_EXCLUDED;
	if (hold)
		return PQL_HOLD;
	if (m->hold.defined && s->missing_only && !s->qualifies)
		return PQL_MONITOR;
	if (!s->gates)
		return PQL_GATED;
	return PQL_BELOW;
}

/* ---- the walk ---- */

/* Instants after t at which a share of days left passes the bounds of the tests. */
static void
days_left_edges(const Judge *j, int ntests, const PqlTest *tests, int64 t, int tag,
				PqlInstants *out)
{
	if (j->ends_at == PQL_NEVER)
		return;
	for (int i = 0; i < ntests; i++)
	{
		double bounds[] = {tests[i].low, tests[i].high};

		for (int k = 0; k < lengthof(bounds); k++)
		{
			int64 at;

			if (!(fabs(bounds[k]) < 1e7))
				continue;
			at = j->ends_at - (int64) rint(bounds[k] * USECS_PER_DAY);
			if (at > t)
				pql_instants_add(out, at, tag);
			if (at + 1 > t)
				pql_instants_add(out, at + 1, tag);
		}
	}
}

static void
atom_edges(const Judge *j, int atom, int64 t, PqlInstants *out)
{
	const PqlCond *cond = j->model->atoms[atom];
	const PqlSignal *s = cond->banded;

	for (int i = 0; i < (s != NULL ? s->nbands : 1); i++)
	{
		int ntests = s != NULL ? s->bands[i].ntests : cond->ntests;
		const PqlTest *tests = s != NULL ? s->bands[i].tests : cond->tests;

		if (cond->kind == PQL_C_FACT)
			days_left_edges(j, ntests, tests, t, atom, out);
		else
			pql_read_edges(&j->eyes, cond, ntests, tests, t, atom, out);
		/* bands of events leave their window together */
		if (cond->kind == PQL_C_MEASURE && j->model->measures[cond->index].kind != PQL_M_DAYS_SINCE)
			break;
	}
}

/* The state of one atom, as a number that differs when it does. */
static int
atom_state(Judge *j, int atom, int64 t)
{
	const PqlCond *cond = j->model->atoms[atom];
	PqlTruth truth;

	j->t = t;
	if (cond->banded != NULL)
	{
		int band = band_met(j, cond->banded, &truth);

		return band >= 0 ? 10 + band : truth;
	}
	return holds(j, cond);
}

/* Instants up to as_of at which something may have changed. */
static void
past_instants(const Judge *j, int64 as_of, PqlInstants *out)
{
	const PqlModel *m = j->model;
	int64 start = j->eyes.started_at;
	const PqlDayFirsts *firsts;

	if (start != PQL_ALWAYS)
		pql_instants_add(out, start, ANYTHING);
	if (j->eyes.evidence != NULL)
		for (int i = 0; i < m->nmeasures; i++)
			if (m->measures[i].past)
				pql_read_crossings(&j->eyes, &m->measures[i], out);
	for (int i = 0; i < m->nfacts; i++)
		for (int k = 0; k < j->profile->facts[i].n; k++)
			if (j->profile->facts[i].known[k].at > start)
				pql_instants_add(out, j->profile->facts[i].known[k].at, ANYTHING);
	for (int i = 0; i < m->natoms; i++)
		if (m->exact && start != PQL_ALWAYS)
			atom_edges(j, i, start, out);
	if (m->hold.defined && m->hold.slot >= 0 &&
		(firsts = pql_evidence_slot(j->eyes.evidence, m->hold.slot)) != NULL)
		for (int i = 0; i < firsts->entries.n; i++)
			pql_instants_add(out, pql_first_at(firsts->first[i], start), ANYTHING);
	/* the last instant of the window decides whether a hold outlives it */
	if (j->window_end != PQL_NEVER)
		pql_instants_add(out, j->window_end - 1, ANYTHING);
	pql_instants_add(out, as_of, ANYTHING);
	pql_instants_sort(out);
}

static bool
same_verdict(const Judge *j, const PqlVerdict *v, PqlStatus status, int64 qualified_at,
			 const PqlStanding *s)
{
	if (status != v->status || s->score != v->now.score || s->potential != v->now.potential ||
		s->tier != v->now.tier || qualified_at != v->qualified_at)
		return false;
	for (int i = 0; i < j->model->nsignals; i++)
		if ((s->signal[i] == PQL_TRUE) != (v->now.signal[i] == PQL_TRUE))
			return false;
	return memcmp(s->exclusion, v->now.exclusion, j->model->nexclusions * sizeof(bool)) == 0;
}

/* The first instant after as_of at which the verdict differs though nothing happens. */
static int64
next_change(Judge *j, int64 as_of, const PqlVerdict *v)
{
	const PqlModel *m = j->model;
	PqlInstants edges = {0};
	int *before;
	PqlStanding s;
	int64 found = PQL_NEVER;

	for (int i = 0; i < m->natoms; i++)
		atom_edges(j, i, as_of, &edges);
	if (j->window_end != PQL_NEVER && j->window_end > as_of)
	{
		/* a hold of a conversion or an exclusion beneath may matter at the window's last instant */
		if (j->window_end - 1 > as_of)
			pql_instants_add(&edges, j->window_end - 1, ANYTHING);
		pql_instants_add(&edges, j->window_end, ANYTHING);
	}
	if (j->hold_live && !j->released && j->hold_until > as_of)
		pql_instants_add(&edges, j->hold_until, ANYTHING);
	if (edges.n == 0)
		return PQL_NEVER;
	pql_instants_sort(&edges);
	before = palloc(Max(1, m->natoms) * sizeof(int));
	for (int i = 0; i < m->natoms; i++)
		before[i] = atom_state(j, i, as_of);
	for (int i = 0; i < edges.n && found == PQL_NEVER; i++)
	{
		int64 at = edges.list[i].at;
		int tag = edges.list[i].tag;

		if (tag != ANYTHING && atom_state(j, tag, at) == before[tag])
			continue;
		step(j, at, &s);
		if (!m->exact)
			j->qualified_at = PQL_NEVER;
		if (!same_verdict(j, v, status_at(j, at, &s), j->qualified_at, &s))
			found = at;
	}
	return found;
}

/* Is all that is known of the subject known since before they started? */
static bool
facts_stayed(const Judge *j)
{
	for (int i = 0; i < j->model->nfacts; i++)
	{
		const PqlHistory *h = &j->profile->facts[i];

		if (h->n > 1 || (h->n == 1 && h->known[0].at > j->eyes.started_at))
			return false;
	}
	return true;
}

static void
set_up(Judge *j, const PqlModel *model, const PqlEvidence *evidence, const PqlProfile *profile)
{
	memset(j, 0, sizeof(*j));
	j->model = model;
	j->profile = profile;
	j->eyes.model = model;
	j->eyes.evidence = evidence;
	j->eyes.started_at = profile->started_at;
	j->ends_at = profile->ends_at;
	j->window_end = PQL_NEVER;
	j->qualified_at = PQL_NEVER;
	j->hold_until = PQL_ALWAYS;
	j->later_from = j->later = PQL_NEVER;
	if (profile->started_at == PQL_ALWAYS)
		return;
	if (j->ends_at == PQL_NEVER && model->per_trial)
		j->ends_at = pql_add_days(model->zone, profile->started_at, TRIAL_LENGTH);
	if (model->window.kind == PQL_WINDOW_TRIAL)
		j->window_end = pql_day_start(model->zone,
									  pql_day(model->zone, profile->started_at) + model->window.to);
}

void
pql_judge_subject(const PqlModel *model, const PqlEvidence *evidence, const PqlProfile *profile,
				  int64 as_of, bool detail, PqlVerdict *v)
{
	Judge j;
	PqlInstants instants = {0};
	bool walk = model->exact || detail;

	if (evidence != NULL && as_of < evidence->horizon)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("as_of is earlier than the evidence"),
			 errdetail("Evidence holds events after as_of, and they cannot be taken out again."),
			 errhint("Gather only events with occurred_at <= as_of.")));

	set_up(&j, model, evidence, profile);
	if (detail)
	{
		v->first_met = palloc(model->nsignals * sizeof(int64));
		for (int i = 0; i < model->nsignals; i++)
			v->first_met[i] = PQL_NEVER;
		j.first_met = v->first_met;
	}
	else
		v->first_met = NULL;

	/*
	 * Where what qualify asks stays met once it is, whoever does not meet it now, were there days
	 * enough, never has, and nothing else of the past shows in the verdict.
	 */
	if (model->grows && !detail && facts_stayed(&j))
	{
		CountedDays counted;

		stand(&j, as_of, &v->now, &counted);
		walk = v->now.missing_only;
	}
	if (walk)
	{
		int64 before = PQL_ALWAYS;

		past_instants(&j, as_of, &instants);
		for (int i = 0; i < instants.n && instants.list[i].at < as_of; i++)
			if (instants.list[i].at >= profile->started_at && instants.list[i].at != before)
			{
				int64 later = j.later;

				before = instants.list[i].at;
				step(&j, before, &v->now);
				/* an instant that was not known to matter, still to come */
				if (j.later != later && j.later > before && j.later < as_of)
				{
					pql_instants_add(&instants, j.later, ANYTHING);
					pql_instants_sort(&instants);
				}
			}
		if (!model->exact)
		{
			j.qualified_at = PQL_NEVER;
			j.released = j.hold_live = false;
		}
	}
	if (walk || !model->grows)
		step(&j, as_of, &v->now);
	if (!model->exact)
		j.qualified_at = PQL_NEVER;
	j.first_met = NULL;
	v->qualified_at = j.qualified_at;
	v->ends_at = j.ends_at;
	v->status = status_at(&j, as_of, &v->now);
	v->hold_until = v->status == PQL_HOLD ? j.hold_until : PQL_NEVER;
	v->next_change_at = next_change(&j, as_of, v);
}

/* Does it ask for facts of person, account and trial alone, which hold whichever trial is looked
 * at? */
static bool
facts_only(const PqlModel *model, const PqlCond *cond)
{
	switch (cond->kind)
	{
		case PQL_C_ALL:
		case PQL_C_ANY:
		case PQL_C_NOT:
			for (int i = 0; i < cond->n; i++)
				if (!facts_only(model, cond->parts[i]))
					return false;
			return true;
		case PQL_C_SIGNAL:
			return facts_only(model, model->signals[cond->index].when);
		case PQL_C_FACT:
		{
			const PqlFact *fact = &model->facts[cond->index];

			return !fact->is_days_left && strcmp(fact->section.name, "lead") != 0 &&
				   strcmp(fact->dotted, "person.paid_before_trial") != 0;
		}
		default:
			return false;
	}
}

bool
pql_gates_on_facts(const PqlModel *model)
{
	for (int i = 0; i < model->nsignals; i++)
		if (model->signals[i].effect == PQL_GATE && facts_only(model, model->signals[i].when))
			return true;
	return false;
}

bool
pql_gates_possible(const PqlModel *model, const PqlProfile *profile, int64 as_of)
{
	Judge j;
	PqlStanding s;
	PqlInstants instants = {0};

	set_up(&j, model, NULL, profile);
	j.s = &s;
	pql_instants_add(&instants, as_of, ANYTHING);
	for (int i = 0; i < model->nfacts; i++)
		for (int k = 0; k < profile->facts[i].n; k++)
			if (profile->facts[i].known[k].at < as_of)
				pql_instants_add(&instants, Max(profile->facts[i].known[k].at, profile->started_at),
								 ANYTHING);
	/* before anything replaced the first values */
	pql_instants_add(&instants, profile->started_at, ANYTHING);
	for (int k = 0; k < instants.n; k++)
	{
		bool open = true;

		for (int i = 0; i < model->nsignals; i++)
			s.signal[i] = NOT_YET_KNOWN;
		j.t = instants.list[k].at;
		for (int i = 0; i < model->nsignals && open; i++)
			if (model->signals[i].effect == PQL_GATE && facts_only(model, model->signals[i].when))
				open = signal_truth(&j, i) == PQL_TRUE;
		if (open)
			return true;
	}
	return false;
}
