/*
 * reading.c: measures as numbers.
 */
#include "postgres.h"

#include <math.h>

#include "reading.h"

/* trend: this period at least so many times the one before */
#define GROWING 1.2
#define DECLINING 0.8

void
pql_instants_add(PqlInstants *instants, int64 at, int tag)
{
	if (!PQL_INSTANT_OK(at))
		return;
	if (instants->n == instants->size)
	{
		instants->size = Max(32, instants->size * 2);
		instants->list = instants->list == NULL
							 ? palloc(instants->size * sizeof(PqlInstant))
							 : repalloc(instants->list, instants->size * sizeof(PqlInstant));
	}
	instants->list[instants->n].at = at;
	instants->list[instants->n++].tag = tag;
}

static int
by_instant(const void *a, const void *b)
{
	int64 x = ((const PqlInstant *) a)->at;
	int64 y = ((const PqlInstant *) b)->at;

	return x < y ? -1 : x > y;
}

void
pql_instants_sort(PqlInstants *instants)
{
	if (instants->n > 1)
		qsort(instants->list, instants->n, sizeof(PqlInstant), by_instant);
}

/* ---- buckets ---- */

/* Events on local days (or weeks) low to high. */
static uint64
count_between(const PqlCounts *c, int n, int64 low, int64 high)
{
	uint64 sum = 0;

	for (int i = 0; i < n; i++)
	{
		int64 day = (int64) c->last - i;

		if (day < low)
			break;
		if (day <= high)
			sum += c->count[i];
	}
	return sum;
}

static int
days_between(const PqlCounts *c, int n, int64 low, int64 high)
{
	int days = 0;

	for (int i = 0; i < n; i++)
	{
		int64 day = (int64) c->last - i;

		days += day >= low && day <= high && c->count[i] > 0;
	}
	return days;
}

static int
bits_after(const PqlDayBits *d, int64 low)
{
	uint64 bits = d->bits;
	int64 keep = d->last - low; /* days low + 1 to last */

	if (keep <= 0)
		return 0;
	if (keep < 64)
		bits &= (UINT64CONST(1) << keep) - 1;
	return __builtin_popcountll(bits);
}

/* ---- one measure ---- */

static int
count_until(const int64 *at, int n, int64 t)
{
	int count = 0;

	while (count < n && at[count] <= t)
		count++;
	return count;
}

static bool
read_count(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const void *data, int64 t,
		   double *value)
{
	*value = 0;
	if (data == NULL)
		return true;
	if (slot->kind == PQL_DAY_COUNTS)
	{
		int32 day = pql_day(eyes->model->zone, t);

		*value = count_between(data, slot->days, (int64) day - m->window.to + 1, day);
	}
	else
	{
		const PqlFirsts *f = data;

		*value = t >= eyes->evidence->horizon ? f->count : count_until(f->at, f->entries.n, t);
	}
	return true;
}

static bool
read_distinct(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const PqlValues *v,
			  int64 t, double *value)
{
	PqlZone *zone = eyes->model->zone;

	*value = 0;
	if (v == NULL)
		return true;
	for (int i = 0; i < v->entries.n; i++)
		if (slot->kind == PQL_RECENT
				? pql_day(zone, -v->entry[i].at) > pql_day(zone, t) - m->window.to
				: v->entry[i].at <= t)
			(*value)++;
	return true;
}

/* Distinct days of one slot as of t; k: trailing days, or 0. */
static int
slot_days(const PqlEyes *eyes, int index, int k, int64 t)
{
	const PqlSlot *slot = &eyes->model->layout.slots[index];
	const void *data = pql_evidence_slot(eyes->evidence, index);
	int n = 0;

	if (data == NULL)
		return 0;
	if (slot->kind == PQL_DAY_BITS)
		return bits_after(data, (int64) pql_day(eyes->model->zone, t) - k);
	if (slot->kind == PQL_DAY_COUNTS)
	{
		int32 day = pql_day(eyes->model->zone, t);

		return days_between(data, slot->days, (int64) day - k + 1, day);
	}
	for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
		n += ((const PqlDays *) data)->entry[i].first <= t;
	return n;
}

int
pql_read_days(const PqlEyes *eyes, const PqlMeasure *m, int64 t)
{
	return m->days_slot < 0 ? 0 : slot_days(eyes, m->days_slot, m->window.to, t);
}

/* How often in a row the count of complete weeks rose (or fell), up to the last complete one. */
static int
weeks_in_a_row(const PqlEyes *eyes, const PqlSlot *slot, const PqlCounts *c, int64 t, int sign)
{
	int64 week;
	int64 first = PG_INT32_MIN;
	int n = 0;

	if (c == NULL)
		return 0;
	week = pql_week(pql_day(eyes->model->zone, t)) - 1;
	if (eyes->started_at != PQL_ALWAYS)
	{
		int32 day = pql_day(eyes->model->zone, eyes->started_at);

		/* the subject's first complete week */
		first = pql_week(day) + (pql_week_start(pql_week(day)) != day);
	}
	for (; n < slot->days - 2; n++)
	{
		int64 now = count_between(c, slot->days, week - n, week - n);
		int64 before = count_between(c, slot->days, week - n - 1, week - n - 1);

		if (week - n - 1 < first || sign * (now - before) <= 0)
			break;
	}
	return n;
}

int
pql_read_weeks(const PqlEyes *eyes, const PqlMeasure *m, int64 t, double *counts)
{
	const PqlSlot *slot;
	const PqlCounts *c;
	int64 week;
	int n;

	if ((m->kind != PQL_M_WEEKS_RISING && m->kind != PQL_M_WEEKS_FALLING) || eyes->evidence == NULL)
		return 0;
	slot = &eyes->model->layout.slots[m->slot];
	c = pql_evidence_slot(eyes->evidence, m->slot);
	if (c == NULL)
		return 0;
	week = pql_week(pql_day(eyes->model->zone, t)) - 1;
	n = Min(slot->days - 1, PQL_MAX_WEEKS);
	for (int i = 0; i < n; i++)
		counts[i] = count_between(c, slot->days, week - i, week - i);
	return n;
}

static bool
read_trend(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const PqlCounts *c,
		   int64 t, double *value)
{
	int64 day = pql_day(eyes->model->zone, t);
	double now;
	double before;

	if (c == NULL)
		return false;
	now = count_between(c, slot->days, day - m->days + 1, day);
	before = count_between(c, slot->days, day - 2 * m->days + 1, day - m->days);
	if (now == 0 && before == 0)
		return false;
	if (now >= GROWING * before)
		*value = PQL_GROWING;
	else
		*value = now <= DECLINING * before ? PQL_DECLINING : PQL_FLAT;
	return true;
}

/*
 * (mean of the last days - mean of the days before) / sample standard deviation of the days before.
 * Where those never varied, one event stands for the deviation.
 */
static bool
read_spike(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const PqlCounts *c,
		   int64 t, double *value)
{
	int64 day = pql_day(eyes->model->zone, t);
	double n = m->against;
	double sum = 0;
	double squares = 0;
	double deviation;

	if (c == NULL)
		return false;
	for (int i = 0; i < slot->days; i++)
	{
		int64 ago = day - ((int64) c->last - i);
		double x = c->count[i];

		if (ago >= m->days && ago < m->days + m->against)
		{
			sum += x;
			squares += x * x;
		}
	}
	deviation = sqrt(Max(0, (squares - sum * sum / n) / (n - 1)));
	if (deviation == 0)
		deviation = 1;
	*value = (count_between(c, slot->days, day - m->days + 1, day) / (double) m->days - sum / n) /
			 deviation;
	return true;
}

static bool
read_started(const PqlEyes *eyes, const PqlMeasure *m, int64 t)
{
	const int64 *started = pql_evidence_slot(eyes->evidence, m->slot);
	const int64 *finished = pql_evidence_slot(eyes->evidence, m->other_slot);

	return started != NULL && (finished == NULL || *started > *finished) && t >= *started + m->span;
}

/* The latest reading within the period, and the first one, for the rate. */
static const PqlReading *
latest_reading(const PqlEyes *eyes, const PqlMeasure *m, int64 t, const PqlReading **first)
{
	const PqlSlot *slot = &eyes->model->layout.slots[m->slot];
	const PqlReadings *r = pql_evidence_slot(eyes->evidence, m->slot);
	int64 day = pql_day(eyes->model->zone, t);
	const PqlReading *latest = NULL;

	*first = NULL;
	for (int i = 0; r != NULL && i < slot->days; i++)
		if (r->day[i].at != PQL_ALWAYS && (int64) r->last - i > day - m->days)
		{
			if (latest == NULL)
				latest = &r->day[i];
			*first = &r->day[i];
		}
	return latest;
}

static bool
read_quota(const PqlEyes *eyes, const PqlMeasure *m, int64 t, double *value)
{
	const PqlReading *first;
	const PqlReading *latest = latest_reading(eyes, m, t, &first);

	if (latest == NULL || latest->limit <= 0)
		return false;
	*value = latest->usage / latest->limit;
	return true;
}

/* Days from the latest reading until the limit, at the rate since the first one kept. */
static bool
days_until_full(const PqlEyes *eyes, const PqlMeasure *m, int64 t, double *days)
{
	const PqlReading *first;
	const PqlReading *latest = latest_reading(eyes, m, t, &first);
	double rate;

	if (latest == NULL || latest->limit <= 0)
		return false;
	if (latest->usage >= latest->limit)
	{
		*days = 0;
		return true;
	}
	if (first->at >= latest->at)
		return false;
	rate = (latest->usage - first->usage) / ((double) (latest->at - first->at) / USECS_PER_DAY);
	*days = rate > 0 ? (latest->limit - latest->usage) / rate : INFINITY;
	return true;
}

static bool
read_sum(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const PqlSums *s, int64 t,
		 double *value)
{
	int n = slot->kind == PQL_SUM ? 1 : slot->days;
	int32 day = pql_day(eyes->model->zone, t);
	__int128 sum = 0;

	*value = 0;
	if (s == NULL)
		return true;
	for (int i = 0; i < n; i++)
		if (slot->kind == PQL_SUM || (int64) s->last - i > (int64) day - m->window.to)
			sum = pql_wide_sum(sum, pql_wide(&s->sum[i]));
	*value = (double) sum / 1e6;
	return true;
}

static bool
read_largest(const PqlEyes *eyes, const PqlMeasure *m, const PqlSlot *slot, const void *data,
			 int64 t, double *value)
{
	int32 day;

	if (data == NULL)
		return false;
	*value = -INFINITY;
	if (slot->kind == PQL_DAY_LARGEST)
	{
		const PqlDayLargest *d = data;

		day = pql_day(eyes->model->zone, t);
		for (int i = 0; i < slot->days; i++)
			if ((int64) d->last - i > (int64) day - m->window.to)
				*value = Max(*value, d->value[i]);
	}
	else if (t >= eyes->evidence->horizon)
		*value = ((const PqlLargest *) data)->value;
	else
		/* a number that stands where the largest one stood among the levels asked for */
		for (int i = 0; i < slot->capacity; i++)
			if (((const PqlLargest *) data)->reached[i] <= t)
				*value = slot->strict[i] ? nextafter(slot->levels[i], INFINITY) : slot->levels[i];
	return *value > -INFINITY;
}

bool
pql_read_value(const PqlEyes *eyes, const PqlMeasure *m, int64 t, double *value)
{
	const PqlSlot *slot = &eyes->model->layout.slots[m->slot];
	const void *data = pql_evidence_slot(eyes->evidence, m->slot);
	int64 last;

	switch (m->kind)
	{
		case PQL_M_COUNT:
			return read_count(eyes, m, slot, data, t, value);
		case PQL_M_DISTINCT:
			return read_distinct(eyes, m, slot, data, t, value);
		case PQL_M_DAYS:
			*value = slot_days(eyes, m->slot, m->window.to, t);
			return true;
		case PQL_M_TIME_TO:
			if (data == NULL || eyes->started_at == PQL_ALWAYS ||
				((const PqlFirsts *) data)->at[0] > t)
				return false;
			*value =
				(double) (((const PqlFirsts *) data)->at[0] - eyes->started_at) / USECS_PER_SEC;
			return true;
		case PQL_M_DAU_MAU:
			*value = data == NULL ? 0 : slot_days(eyes, m->slot, 30, t) / 30.0;
			return true;
		case PQL_M_WEEKS_RISING:
			*value = weeks_in_a_row(eyes, slot, data, t, 1);
			return true;
		case PQL_M_WEEKS_FALLING:
			*value = weeks_in_a_row(eyes, slot, data, t, -1);
			return true;
		case PQL_M_TREND:
			return read_trend(eyes, m, slot, data, t, value);
		case PQL_M_SPIKE:
			return read_spike(eyes, m, slot, data, t, value);
		case PQL_M_DAYS_SINCE:
			/* silence begins with the subject */
			last = data != NULL ? *(const int64 *) data : eyes->started_at;
			if (last == PQL_ALWAYS)
				return false;
			*value = (double) (t - last) / USECS_PER_DAY;
			return true;
		case PQL_M_ABSENT:
			*value = data == NULL || ((const PqlFirsts *) data)->at[0] > t;
			if (*value == 0 || m->span == 0)
				return true;
			if (eyes->started_at == PQL_ALWAYS)
				return false;
			*value = t >= eyes->started_at + m->span;
			return true;
		case PQL_M_STARTED:
			*value = read_started(eyes, m, t);
			return true;
		case PQL_M_QUOTA:
			return read_quota(eyes, m, t, value);
		case PQL_M_SUM:
			return read_sum(eyes, m, slot, data, t, value);
		case PQL_M_MAX:
			return read_largest(eyes, m, slot, data, t, value);
		case PQL_M_LATEST:
			if (data == NULL || (m->window.kind == PQL_WINDOW_LAST &&
								 pql_day(eyes->model->zone, ((const PqlLatest *) data)->at) <=
									 pql_day(eyes->model->zone, t) - m->window.to))
				return false;
			*value = ((const PqlLatest *) data)->value;
			return true;
	}
	return false;
}

PqlTruth
pql_read_holds(const PqlEyes *eyes, const PqlMeasure *m, int ntests, const PqlTest *tests, int64 t)
{
	double value;

	if (!pql_read_value(eyes, m, t, &value))
		return PQL_UNKNOWN;
	if (m->kind == PQL_M_ABSENT || m->kind == PQL_M_STARTED)
		return value != 0;
	for (int i = 0; i < ntests; i++)
		if (pql_test_number(&tests[i], value) != PQL_TRUE)
			return PQL_FALSE;
	return PQL_TRUE;
}

PqlTruth
pql_read_leaf(const PqlEyes *eyes, const PqlCond *cond, int64 t)
{
	const PqlMeasure *m = &eyes->model->measures[cond->index];
	PqlTruth result = pql_read_holds(eyes, m, cond->ntests, cond->tests, t);
	double days;

	if (result == PQL_TRUE && cond->on_days != NULL)
		result = pql_test_number(cond->on_days, pql_read_days(eyes, m, t));
	if (result == PQL_TRUE && cond->full_within != NULL)
		result = days_until_full(eyes, m, t, &days) ? pql_test_number(cond->full_within, days)
													: PQL_UNKNOWN;
	return result;
}

/* ---- when measures change ---- */

void
pql_read_crossings(const PqlEyes *eyes, const PqlMeasure *m, PqlInstants *out)
{
	int slots[] = {m->slot, m->days_slot};

	for (int j = 0; j < lengthof(slots); j++)
	{
		const void *data = slots[j] < 0 ? NULL : pql_evidence_slot(eyes->evidence, slots[j]);
		const PqlSlot *slot = data == NULL ? NULL : &eyes->model->layout.slots[slots[j]];

		if (data == NULL)
			continue;
		switch (slot->kind)
		{
			case PQL_FIRSTS:
				for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
					pql_instants_add(out, ((const PqlFirsts *) data)->at[i], 0);
				break;
			case PQL_VALUES:
				for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
					pql_instants_add(out, ((const PqlValues *) data)->entry[i].at, 0);
				break;
			case PQL_DAYS:
				for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
					pql_instants_add(out, ((const PqlDays *) data)->entry[i].first, 0);
				break;
			case PQL_LARGEST:
				for (int i = 0; i < slot->capacity; i++)
					pql_instants_add(out, ((const PqlLargest *) data)->reached[i], 0);
				break;
			default:
				break;
		}
	}
}

/* Midnight after a bucket's day has been in the last k days, if that is after t. */
static void
leaves_window(const PqlEyes *eyes, int64 day, int k, int64 t, int tag, PqlInstants *out)
{
	int64 at;

	if (day + k > 3000000)
		return;
	at = pql_day_start(eyes->model->zone, (int32) (day + k));
	if (at > t)
		pql_instants_add(out, at, tag);
}

/* Every day of the slot that has events leaves the window once. */
static void
trailing_edges(const PqlEyes *eyes, int index, int k, int64 t, int tag, PqlInstants *out)
{
	const PqlSlot *slot = &eyes->model->layout.slots[index];
	const void *data = pql_evidence_slot(eyes->evidence, index);
	int64 today = pql_day(eyes->model->zone, t);
	int64 last;

	if (data == NULL)
		return;
	switch (slot->kind)
	{
		case PQL_RECENT:
			for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
				leaves_window(eyes,
							  pql_day(eyes->model->zone, -((const PqlValues *) data)->entry[i].at),
							  k, t, tag, out);
			return;
		case PQL_LATEST:
			leaves_window(eyes, pql_day(eyes->model->zone, ((const PqlLatest *) data)->at), k, t,
						  tag, out);
			return;
		case PQL_DAY_BITS:
		case PQL_DAY_COUNTS:
		case PQL_DAY_SUMS:
		case PQL_DAY_LARGEST:
		case PQL_READINGS:
			last = *(const int32 *) data;
			break;
		default:
			return;
	}
	for (int i = 0; i < slot->days; i++)
	{
		bool any = true;

		if (last - i + k <= today)
			break;
		if (slot->kind == PQL_DAY_BITS)
			any = (((const PqlDayBits *) data)->bits >> i) & 1;
		else if (slot->kind == PQL_DAY_COUNTS)
			any = ((const PqlCounts *) data)->count[i] > 0;
		else if (slot->kind == PQL_READINGS)
			any = ((const PqlReadings *) data)->day[i].at != PQL_ALWAYS;
		else if (slot->kind == PQL_DAY_LARGEST)
			any = ((const PqlDayLargest *) data)->value[i] > -INFINITY;
		if (any)
			leaves_window(eyes, last - i, k, t, tag, out);
	}
}

/* Every midnight until nothing of the slot can matter any more. */
static void
daily_edges(const PqlEyes *eyes, const PqlSlot *slot, const PqlCounts *c, int64 t, int tag,
			PqlInstants *out)
{
	int64 today = pql_day(eyes->model->zone, t);

	if (c != NULL)
		for (int64 day = today + 1; day <= (int64) c->last + slot->days; day++)
			leaves_window(eyes, day, 0, t, tag, out);
}

static void
weekly_edges(const PqlEyes *eyes, const PqlSlot *slot, const PqlCounts *c, int64 t, int tag,
			 PqlInstants *out)
{
	int64 week = pql_week(pql_day(eyes->model->zone, t));

	if (c != NULL)
		for (int64 w = week + 1; w <= (int64) c->last + slot->days; w++)
			leaves_window(eyes, pql_week_start((int32) w), 0, t, tag, out);
}

/* The first instants at which a growing number of days passes the bounds of the tests. */
static void
bound_edges(int64 since, int ntests, const PqlTest *tests, double unit, int64 t, int tag,
			PqlInstants *out)
{
	for (int i = 0; i < ntests; i++)
	{
		double bounds[] = {tests[i].low, tests[i].high};

		for (int j = 0; j < lengthof(bounds); j++)
		{
			int64 at;

			if (!(fabs(bounds[j]) < 1e7))
				continue;
			at = since + (int64) rint(bounds[j] * unit);
			/* at the bound, and just after it: which of the two turns depends on the comparison */
			if (at > t)
				pql_instants_add(out, at, tag);
			if (at + 1 > t)
				pql_instants_add(out, at + 1, tag);
		}
	}
}

void
pql_read_edges(const PqlEyes *eyes, const PqlCond *cond, int ntests, const PqlTest *tests, int64 t,
			   int tag, PqlInstants *out)
{
	const PqlMeasure *m = &eyes->model->measures[cond->index];
	const PqlSlot *slot = &eyes->model->layout.slots[m->slot];
	const void *data = pql_evidence_slot(eyes->evidence, m->slot);
	int64 last;

	switch (m->kind)
	{
		case PQL_M_COUNT:
		case PQL_M_DISTINCT:
		case PQL_M_DAYS:
		case PQL_M_SUM:
		case PQL_M_MAX:
		case PQL_M_LATEST:
			if (m->window.kind != PQL_WINDOW_LAST)
				break;
			trailing_edges(eyes, m->slot, m->window.to, t, tag, out);
			if (m->days_slot >= 0 && m->days_slot != m->slot)
				trailing_edges(eyes, m->days_slot, m->window.to, t, tag, out);
			break;
		case PQL_M_DAU_MAU:
			trailing_edges(eyes, m->slot, 30, t, tag, out);
			break;
		case PQL_M_WEEKS_RISING:
		case PQL_M_WEEKS_FALLING:
			weekly_edges(eyes, slot, data, t, tag, out);
			break;
		case PQL_M_TREND:
			trailing_edges(eyes, m->slot, m->days, t, tag, out);
			trailing_edges(eyes, m->slot, 2 * m->days, t, tag, out);
			break;
		case PQL_M_SPIKE:
			daily_edges(eyes, slot, data, t, tag, out);
			break;
		case PQL_M_DAYS_SINCE:
			last = data != NULL ? *(const int64 *) data : eyes->started_at;
			if (last != PQL_ALWAYS)
				bound_edges(last, ntests, tests, USECS_PER_DAY, t, tag, out);
			break;
		case PQL_M_ABSENT:
			if (eyes->started_at != PQL_ALWAYS && eyes->started_at + m->span > t)
				pql_instants_add(out, eyes->started_at + m->span, tag);
			break;
		case PQL_M_STARTED:
			if (data != NULL && *(const int64 *) data + m->span > t)
				pql_instants_add(out, *(const int64 *) data + m->span, tag);
			break;
		case PQL_M_QUOTA:
			trailing_edges(eyes, m->slot, m->days, t, tag, out);
			break;
		case PQL_M_TIME_TO:
			break;
	}
}
