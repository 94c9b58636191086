/*
 * source.h: where events come from: a table of pql's own or of the customer's, and which of its
 * columns means what.
 */
#ifndef PQL_SOURCE_H
#define PQL_SOURCE_H

#include "access/htup_details.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "day.h"
#include "model.h"

/* What a column may mean. Property columns follow PQL_FIELDS. */
typedef enum PqlField
{
	PQL_USER_ID,
	PQL_OCCURRED_AT,
	PQL_EVENT,
	PQL_PROPERTIES,
	PQL_RECEIVED_AT,
	PQL_FIELDS
} PqlField;

/* A column that is a property by itself. */
typedef struct PqlPropertyColumn
{
	char *property;
	char *column;
} PqlPropertyColumn;

typedef struct PqlSource
{
	Oid relation;
	char *name;               /* as a person would write it */
	char *column[PQL_FIELDS]; /* or NULL */
	char *event;              /* the name of all events, where no column has it; or NULL */
	PqlZone *zone;            /* of times without a zone */
	const char *queried;      /* why the mapping takes a query to read it by; NULL: it does not */
	bool marked;              /* the mapping says what the property source of all events is */
	int nproperties;
	PqlPropertyColumn *properties;
	/* What keeps the table from being read page by page; NULL: nothing. */
	const char *obstacle;
	List *leaves; /* OIDs of the tables to read, when there is no obstacle */
} PqlSource;

/*
 * Reads a mapping as pql.source stores it, and finds out whether the relation can be read page by
 * page by the current user under the current settings. ERROR: a column that is not there (any
 * more), or that the user may not read. Locks the relation and its leaves against change.
 */
extern PqlSource *pql_source_open(Oid relation, Jsonb *mapping, const PqlModel *model,
								  bool by_load_time);

/* The same of a relation that has been opened so in this query, by another process. */
extern PqlSource *pql_source_known(Oid relation, Jsonb *mapping, bool by_load_time);

/* ---- rows of one table ---- */

/* How a stored value becomes what the engine wants. */
typedef enum PqlColumnType
{
	PQL_COLUMN_TEXT,
	PQL_COLUMN_BOOL,
	PQL_COLUMN_INT2,
	PQL_COLUMN_INT4,
	PQL_COLUMN_INT8,
	PQL_COLUMN_FLOAT8,
	PQL_COLUMN_NUMERIC,
	PQL_COLUMN_UUID,
	PQL_COLUMN_JSON,
	PQL_COLUMN_JSONB,
	PQL_COLUMN_TIMESTAMP,
	PQL_COLUMN_TIMESTAMPTZ
} PqlColumnType;

#define PQL_MAX_PROPERTY_COLUMNS 128
#define PQL_NO_FIELD (-1)

/* One attribute on the way to the last one that is needed. */
typedef struct PqlStep
{
	int16 length; /* pg_attribute.attlen */
	uint8 align;  /* in bytes */
	int16 field;  /* or PQL_NO_FIELD */
} PqlStep;

/* A property that the model asks for, and the column that has it. */
typedef struct PqlPropertyField
{
	int property; /* of the model */
	int field;
	const char *rest; /* path within the column, which is JSON; NULL: the column itself */
} PqlPropertyField;

/* Where the fields stand in the rows of one table. */
typedef struct PqlShape
{
	int nsteps;
	PqlStep *steps;
	int nsame; /* fields whose column has another field already: pairs of field and that one */
	int16 same[2 * PQL_FIELDS];
	int nfields;
	PqlColumnType *type;  /* by field */
	const char **missing; /* by field: what rows hold that are older than the column; or NULL */
	int nproperties;
	PqlPropertyField *properties;
	AttrNumber time;              /* the column occurred_at */
	bool properties_need_opening; /* they are columns, or json rather than jsonb */
	const PqlSource *source;
} PqlShape;

extern PqlShape *pql_shape_of(const PqlSource *source, Relation leaf, const PqlModel *model);

/*
 * Finds the fields of a row: where each begins, or NULL. Nothing is copied: what is found lies in
 * the page (or in the shape).
 */
static inline void
pql_row_fields(const PqlShape *shape, HeapTupleHeader tuple, const char **fields)
{
	const char *base = (const char *) tuple + tuple->t_hoff;
	const char *p = base;
	int there = HeapTupleHeaderGetNatts(tuple);
	int n = Min(shape->nsteps, there);
	const bits8 *present = (tuple->t_infomask & HEAP_HASNULL) != 0 ? tuple->t_bits : NULL;

	for (int i = 0; i < n; i++)
	{
		const PqlStep *step = &shape->steps[i];

		if (present != NULL && (present[i >> 3] & (1 << (i & 7))) == 0)
		{
			if (step->field != PQL_NO_FIELD)
				fields[step->field] = NULL;
			continue;
		}
		if (step->length == -1)
		{
			/* a short varlena is not aligned, and no padding byte is other than zero */
			if (*p == 0)
				p = base + TYPEALIGN(step->align, p - base);
			if (step->field != PQL_NO_FIELD)
				fields[step->field] = p;
			p += VARSIZE_ANY(p);
			continue;
		}
		p = base + TYPEALIGN(step->align, p - base);
		if (step->field != PQL_NO_FIELD)
			fields[step->field] = p;
		p += step->length > 0 ? step->length : (int) strlen(p) + 1;
	}
	for (int i = n; i < shape->nsteps; i++)
		if (shape->steps[i].field != PQL_NO_FIELD)
			fields[shape->steps[i].field] = shape->missing[shape->steps[i].field];
	for (int i = 0; i < shape->nsame; i++)
		fields[shape->same[2 * i]] = fields[shape->same[2 * i + 1]];
}

/* What of rows as the executor has them says whose they are, when, and what. */
typedef struct PqlRowColumns
{
	AttrNumber number[PQL_PROPERTIES]; /* user, time, event; 0: all rows are one event */
	PqlColumnType type[PQL_PROPERTIES];
	AttrNumber last; /* of them */
	PqlZone *zone;
} PqlRowColumns;

/* false: it takes a query to read them (paths into JSON, other types, a column that is gone). */
extern bool pql_row_columns(const PqlSource *source, Relation rel, PqlRowColumns *columns);

/* The instant at which the clocks of a zone show so much; what is no time of use stays as it is. */
extern int64 pql_instant_of_local(PqlZone *zone, int64 local);

/* An instant; PQL_NEVER where there is none or no finite one. */
extern int64 pql_field_instant_slow(const PqlShape *shape, const char *field);

static inline int64
pql_field_instant(const PqlShape *shape, int index, const char *field)
{
	int64 at;

	if (field == NULL)
		return PQL_NEVER;
	memcpy(&at, field, sizeof(at));
	if (likely(shape->type[index] == PQL_COLUMN_TIMESTAMPTZ))
		return at;
	return pql_field_instant_slow(shape, field);
}

/* Text (of any of the types an id may have); short-lived memory is from the current context. */
extern const char *pql_field_text_slow(PqlColumnType type, const char *field, int *length);

static inline const char *
pql_field_text(PqlColumnType type, const char *field, int *length)
{
	if (likely(type == PQL_COLUMN_TEXT && !VARATT_IS_COMPRESSED(field) &&
			   !VARATT_IS_EXTERNAL(field)))
	{
		*length = VARSIZE_ANY_EXHDR(field);
		return VARDATA_ANY(field);
	}
	return pql_field_text_slow(type, field, length);
}

/* An id as a value of the column's type; false: no value of it reads so. */
extern bool pql_text_key(PqlColumnType type, const char *id, int length, Datum *key);

/* json as jsonb. Memory as above. */
extern struct varlena *pql_jsonb_of_json(struct varlena *json);

/* The properties of a row, where columns have them: by the model's numbers. */
extern void pql_row_properties(const PqlShape *shape, const char *const *fields, PqlValue *values);

#endif
