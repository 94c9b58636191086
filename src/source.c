/*
 * source.c: where events come from, and how their rows are read in place.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "compat.h"
#include "settings.h"
#include "source.h"

static const char *const field_names[PQL_FIELDS] = {"user_id", "occurred_at", "event", "properties",
													"received_at"};

/* What of a mapping takes a query, and why. */
static const struct
{
	const char *key;
	const char *why;
} query_keys[] = {{"only", "only some of its rows count"},
				  {"except", "only some of its rows count"},
				  {"query", "properties of its events are in other tables"}};

/* ---- the mapping ---- */

static char *
mapped_text(const PqlValue *value)
{
	return value->kind == PQL_STRING ? pnstrdup(value->data, value->length) : NULL;
}

/* {"property": "column", …} */
static void
read_property_columns(PqlSource *source, const PqlValue *object)
{
	int n = pql_value_members(object);

	source->properties = palloc(Max(1, n) * sizeof(PqlPropertyColumn));
	for (int i = 0; i < n; i++)
	{
		PqlValue key;
		PqlValue column = pql_value_member(object, i, &key);

		source->properties[source->nproperties].property = pnstrdup(key.data, key.length);
		source->properties[source->nproperties++].column = mapped_text(&column);
	}
}

static void
read_mapping(PqlSource *source, Jsonb *mapping)
{
	PqlValue root = pql_value_root((struct varlena *) mapping);
	PqlValue value;
	char *zone;

	for (int i = 0; i < PQL_FIELDS; i++)
	{
		value = pql_value_get(&root, field_names[i], strlen(field_names[i]));
		if (value.kind == PQL_STRING)
			source->column[i] = mapped_text(&value);
		else if (i == PQL_PROPERTIES && value.kind == PQL_OBJECT)
			read_property_columns(source, &value);
		else if (i == PQL_EVENT && value.kind == PQL_OBJECT)
		{
			value = pql_value_get(&value, "is", 2);
			source->event = mapped_text(&value);
		}
	}
	for (int i = 0; i < lengthof(query_keys); i++)
	{
		value = pql_value_get(&root, query_keys[i].key, strlen(query_keys[i].key));
		if (value.kind != PQL_ABSENT && source->queried == NULL)
			source->queried = query_keys[i].why;
	}
	value = pql_value_get(&root, "source", 6);
	source->marked = value.kind == PQL_OBJECT;
	value = pql_value_get(&root, "timezone", 8);
	zone = mapped_text(&value);
	/* a column may have lost its zone since it was connected */
	source->zone = pql_zone(zone != NULL ? zone : "UTC");
	if (source->zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no timezone", zone),
				 errdetail("The mapping of %s names it.", source->name),
				 errhint("Connect the source again with another one.")));
}

/* ---- may it be read page by page? ---- */

static bool
column_type(Oid type, PqlColumnType *result)
{
	switch (getBaseType(type))
	{
		case TEXTOID:
		case VARCHAROID:
			*result = PQL_COLUMN_TEXT;
			return true;
		case BOOLOID:
			*result = PQL_COLUMN_BOOL;
			return true;
		case INT2OID:
			*result = PQL_COLUMN_INT2;
			return true;
		case INT4OID:
			*result = PQL_COLUMN_INT4;
			return true;
		case INT8OID:
			*result = PQL_COLUMN_INT8;
			return true;
		case FLOAT8OID:
			*result = PQL_COLUMN_FLOAT8;
			return true;
		case NUMERICOID:
			*result = PQL_COLUMN_NUMERIC;
			return true;
		case UUIDOID:
			*result = PQL_COLUMN_UUID;
			return true;
		case JSONOID:
			*result = PQL_COLUMN_JSON;
			return true;
		case JSONBOID:
			*result = PQL_COLUMN_JSONB;
			return true;
		case TIMESTAMPOID:
			*result = PQL_COLUMN_TIMESTAMP;
			return true;
		case TIMESTAMPTZOID:
			*result = PQL_COLUMN_TIMESTAMPTZ;
			return true;
		default:
			return false;
	}
}

/* Can a column of this type mean that? */
static bool
type_fits(int field, PqlColumnType type)
{
	switch (field)
	{
		case PQL_USER_ID:
			return type == PQL_COLUMN_TEXT || type == PQL_COLUMN_UUID || type == PQL_COLUMN_INT2 ||
				   type == PQL_COLUMN_INT4 || type == PQL_COLUMN_INT8;
		case PQL_OCCURRED_AT:
		case PQL_RECEIVED_AT:
			return type == PQL_COLUMN_TIMESTAMP || type == PQL_COLUMN_TIMESTAMPTZ;
		case PQL_EVENT:
			return type == PQL_COLUMN_TEXT;
		case PQL_PROPERTIES:
			return type == PQL_COLUMN_JSON || type == PQL_COLUMN_JSONB;
		default:
			/* as a property: what JSON writes in a way of its own is left to the executor */
			return type != PQL_COLUMN_TIMESTAMP && type != PQL_COLUMN_TIMESTAMPTZ;
	}
}

/* The number of a column; -1: the name is a path into one. */
static AttrNumber
column_or_path(Oid relation, const char *name)
{
	AttrNumber number = get_attnum(relation, name);

	return number > 0 ? number : -1;
}

/* The column of a property that is spelt so; 0: there is none; -1: a path leads to it. */
static AttrNumber
property_column(const PqlSource *source, Oid relation, const PqlName *property)
{
	for (int i = 0; i < source->nproperties; i++)
		if (strcmp(source->properties[i].property, property->name) == 0)
			return column_or_path(relation, source->properties[i].column);
	return InvalidAttrNumber;
}

/* The column whose JSON has the property further inside, where no column spelt so says it. */
static AttrNumber
nesting_column(const PqlSource *source, Oid relation, const PqlName *property, const char **rest)
{
	for (int i = 0; i < source->nproperties; i++)
	{
		int length = strlen(source->properties[i].property);
		const char *dot = property->name + length;

		if (length < property->length && *dot == '.' &&
			strncmp(source->properties[i].property, property->name, length) == 0)
		{
			*rest = dot + 1;
			return column_or_path(relation, source->properties[i].column);
		}
	}
	return InvalidAttrNumber;
}

/* Why a column cannot be read in place; NULL: it can. */
static const char *
column_obstacle(TupleDesc desc, AttrNumber number, int field)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, number - 1);
	PqlColumnType type;

	if (pql_attribute_is_virtual(attribute))
		return psprintf("column %s is computed when it is read", NameStr(attribute->attname));
	if (!column_type(attribute->atttypid, &type) || !type_fits(field, type))
		return psprintf("column %s is of type %s", NameStr(attribute->attname),
						format_type_be(attribute->atttypid));
	if (OidIsValid(attribute->attcollation) &&
		!get_collation_isdeterministic(attribute->attcollation))
		return psprintf("column %s has a nondeterministic collation", NameStr(attribute->attname));
	return NULL;
}

static const char *
columns_obstacle(const PqlSource *source, Relation rel, const PqlModel *model)
{
	const char *found = source->queried;
	const char *rest;

	for (int i = 0; i < model->nproperties && found == NULL; i++)
		if (source->marked && strcmp(model->properties[i].name, "source") == 0)
			found = "its events are marked with their source";
	for (int i = 0; i < PQL_FIELDS && found == NULL; i++)
		if (source->column[i] != NULL)
		{
			AttrNumber number = get_attnum(RelationGetRelid(rel), source->column[i]);

			if (number <= 0)
				found = psprintf("%s is looked up inside a column", field_names[i]);
			else
				found = column_obstacle(RelationGetDescr(rel), number, i);
		}
	for (int i = 0; i < 2 * model->nproperties && found == NULL; i++)
	{
		const PqlName *property = &model->properties[i / 2];
		AttrNumber number = i % 2 == 0
								? property_column(source, RelationGetRelid(rel), property)
								: nesting_column(source, RelationGetRelid(rel), property, &rest);

		if (number < 0)
			found = psprintf("%s is looked up inside a column", property->name);
		else if (number > 0)
			found = column_obstacle(RelationGetDescr(rel), number, PQL_FIELDS);
	}
	if (found == NULL && source->nproperties > PQL_MAX_PROPERTY_COLUMNS)
		found = "it has too many columns of properties";
	return found;
}

static const char *
leaf_obstacle(Relation leaf)
{
	const char *name = RelationGetRelationName(leaf);

	switch (leaf->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_MATVIEW:
			break;
		case RELKIND_PARTITIONED_TABLE:
			return NULL;
		case RELKIND_VIEW:
			return psprintf("%s is a view", name);
		case RELKIND_FOREIGN_TABLE:
			return psprintf("%s is a foreign table", name);
		default:
			return psprintf("%s is no table", name);
	}
	if (leaf->rd_tableam != GetHeapamTableAmRoutine())
		return psprintf("%s has a table access method other than heap", name);
	if (RELATION_IS_OTHER_TEMP(leaf))
		return psprintf("%s is a temporary table of another session", name);
	if (!RelationIsPopulated(leaf))
		return psprintf("%s has not been populated", name);
	return NULL;
}

/* As the executor would: the table's SELECT, or that of every column used; of the schema, USAGE. */
static void
check_privileges(const PqlSource *source, Relation rel, const PqlModel *model)
{
	Oid user = GetUserId();
	Oid relid = RelationGetRelid(rel);
	const char *rest;

	if (!pql_schema_usable(RelationGetNamespace(rel), user))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA,
					   get_namespace_name(RelationGetNamespace(rel)));
	if (pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK)
		return;
	for (int i = 0; i < PQL_FIELDS + 2 * model->nproperties; i++)
	{
		AttrNumber number = InvalidAttrNumber;
		int k = (i - PQL_FIELDS) / 2;

		if (i >= PQL_FIELDS)
			number = i % 2 == 0 ? property_column(source, relid, &model->properties[k])
								: nesting_column(source, relid, &model->properties[k], &rest);
		else if (source->column[i] != NULL)
			number = get_attnum(relid, source->column[i]);
		if (number > 0 && pg_attribute_aclcheck(relid, number, user, ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->rd_rel->relkind),
						   RelationGetRelationName(rel));
	}
}

static const char *
find_obstacle(PqlSource *source, Relation rel, const PqlModel *model)
{
	const char *found;
	List *all;
	ListCell *cell;

	if (!pql_enable_scan)
		return "pql.enable_scan is off";
	if (IsolationIsSerializable())
		return "the transaction is serializable";
	if (pql_snapshots_age())
		return "old_snapshot_threshold is set";
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED)
		return "row-level security applies";
	found = leaf_obstacle(rel);
	if (found == NULL)
		found = columns_obstacle(source, rel, model);
	if (found != NULL)
		return found;

	all = find_all_inheritors(RelationGetRelid(rel), AccessShareLock, NULL);
	foreach (cell, all)
	{
		Relation leaf = table_open(lfirst_oid(cell), NoLock);

		found = leaf_obstacle(leaf);
		if (found == NULL && leaf->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		{
			source->leaves = lappend_oid(source->leaves, lfirst_oid(cell));
			found = columns_obstacle(source, leaf, model);
		}
		table_close(leaf, NoLock);
		if (found != NULL)
			return found;
	}
	return NULL;
}

PqlSource *
pql_source_known(Oid relation, Jsonb *mapping, bool by_load_time)
{
	PqlSource *source = palloc0(sizeof(PqlSource));

	source->relation = relation;
	source->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
											  get_rel_name(relation));
	read_mapping(source, mapping);
	if (!by_load_time)
		source->column[PQL_RECEIVED_AT] = NULL;
	return source;
}

PqlSource *
pql_source_open(Oid relation, Jsonb *mapping, const PqlModel *model, bool by_load_time)
{
	Relation rel = table_open(relation, AccessShareLock);
	PqlSource *source = pql_source_known(relation, mapping, by_load_time);

	source->obstacle = find_obstacle(source, rel, model);
	if (source->obstacle == NULL)
		check_privileges(source, rel, model);
	table_close(rel, NoLock);
	return source;
}

/* ---- shapes ---- */

/* pg_attribute.attalign in bytes. */
static int
align_bytes(char align)
{
	switch (align)
	{
		case TYPALIGN_DOUBLE:
			return ALIGNOF_DOUBLE;
		case TYPALIGN_INT:
			return ALIGNOF_INT;
		case TYPALIGN_SHORT:
			return ALIGNOF_SHORT;
		default:
			return 1;
	}
}

/* What rows hold that were written before the column was added. */
static const char *
missing_value(TupleDesc desc, AttrNumber number)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, number - 1);
	bool isnull;
	Datum value = getmissingattr(desc, number, &isnull);
	char *bytes;

	if (isnull)
		return NULL;
	if (!attribute->attbyval)
		return DatumGetPointer(value);
	bytes = palloc0(sizeof(Datum));
	store_att_byval(bytes, value, attribute->attlen);
	return bytes;
}

static void
add_field(PqlShape *shape, TupleDesc desc, AttrNumber number, int field)
{
	(void) column_type(TupleDescAttr(desc, number - 1)->atttypid, &shape->type[field]);
	shape->missing[field] = missing_value(desc, number);
	if (shape->steps[number - 1].field != PQL_NO_FIELD)
	{
		shape->same[2 * shape->nsame] = field;
		shape->same[2 * shape->nsame++ + 1] = shape->steps[number - 1].field;
		return;
	}
	shape->steps[number - 1].field = field;
	shape->nsteps = Max(shape->nsteps, number);
}

/* A further place where a property may be. */
static void
add_property(PqlShape *shape, TupleDesc desc, int property, AttrNumber number, const char *rest)
{
	PqlPropertyField *p = &shape->properties[shape->nproperties];

	if (number <= 0)
		return;
	p->property = property;
	p->rest = rest;
	if (shape->steps[number - 1].field == PQL_NO_FIELD)
		add_field(shape, desc, number, shape->nfields++);
	p->field = shape->steps[number - 1].field;
	shape->nproperties++;
}

PqlShape *
pql_shape_of(const PqlSource *source, Relation leaf, const PqlModel *model)
{
	PqlShape *shape = palloc0(sizeof(PqlShape));
	TupleDesc desc = RelationGetDescr(leaf);
	int most = PQL_FIELDS + source->nproperties;

	shape->source = source;
	shape->nfields = PQL_FIELDS;
	shape->type = palloc0(most * sizeof(PqlColumnType));
	shape->missing = palloc0(most * sizeof(char *));
	shape->steps = palloc0(desc->natts * sizeof(PqlStep));
	shape->properties = palloc0(Max(1, 2 * model->nproperties) * sizeof(PqlPropertyField));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		shape->steps[i].length = attribute->attlen;
		shape->steps[i].align = align_bytes(attribute->attalign);
		shape->steps[i].field = PQL_NO_FIELD;
	}
	for (int i = 0; i < PQL_FIELDS; i++)
		if (source->column[i] != NULL)
			add_field(shape, desc, get_attnum(RelationGetRelid(leaf), source->column[i]), i);
	for (int i = 0; i < model->nproperties; i++)
	{
		Oid relation = RelationGetRelid(leaf);
		const char *rest = NULL;
		AttrNumber nesting = nesting_column(source, relation, &model->properties[i], &rest);

		add_property(shape, desc, i, property_column(source, relation, &model->properties[i]),
					 NULL);
		add_property(shape, desc, i, nesting, rest);
	}
	shape->time = get_attnum(RelationGetRelid(leaf), source->column[PQL_OCCURRED_AT]);
	shape->properties_need_opening =
		shape->nproperties > 0 || shape->type[PQL_PROPERTIES] == PQL_COLUMN_JSON;
	return shape;
}

bool
pql_row_columns(const PqlSource *source, Relation rel, PqlRowColumns *columns)
{
	memset(columns, 0, sizeof(*columns));
	columns->zone = source->zone;
	for (int i = PQL_USER_ID; i <= PQL_EVENT; i++)
	{
		AttrNumber number;

		if (source->column[i] == NULL)
			continue;
		number = get_attnum(RelationGetRelid(rel), source->column[i]);
		if (number <= 0 || column_obstacle(RelationGetDescr(rel), number, i) != NULL)
			return false;
		columns->number[i] = number;
		columns->last = Max(columns->last, number);
		(void) column_type(TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid,
						   &columns->type[i]);
	}
	return true;
}

/* ---- values ---- */

int64
pql_instant_of_local(PqlZone *zone, int64 local)
{
	/* what is in a year that counts by the clocks may not be so by UTC, and the other way round */
	if (local < PQL_MIN_INSTANT - USECS_PER_DAY || local > PQL_MAX_INSTANT + USECS_PER_DAY)
		return local;
	return pql_from_local(zone, local);
}

int64
pql_field_instant_slow(const PqlShape *shape, const char *field)
{
	int64 at;

	memcpy(&at, field, sizeof(at));
	return pql_instant_of_local(shape->source->zone, at);
}

const char *
pql_field_text_slow(PqlColumnType type, const char *field, int *length)
{
	struct varlena *plain;
	int16 small;
	int32 whole;
	int64 large;
	char *digits;

	switch (type)
	{
		case PQL_COLUMN_INT2:
			memcpy(&small, field, sizeof(small));
			digits = palloc(8);
			*length = pg_itoa(small, digits);
			return digits;
		case PQL_COLUMN_INT4:
			memcpy(&whole, field, sizeof(whole));
			digits = palloc(12);
			*length = pg_ltoa(whole, digits);
			return digits;
		case PQL_COLUMN_INT8:
			memcpy(&large, field, sizeof(large));
			digits = palloc(MAXINT8LEN + 1);
			*length = pg_lltoa(large, digits);
			return digits;
		case PQL_COLUMN_UUID:
			digits = DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(field)));
			*length = 2 * UUID_LEN + 4;
			return digits;
		default:
			plain = detoast_attr((struct varlena *) unconstify(char *, field));
			*length = VARSIZE_ANY_EXHDR(plain);
			return VARDATA_ANY(plain);
	}
}

bool
pql_text_key(PqlColumnType type, const char *id, int length, Datum *key)
{
	char *text = pnstrdup(id, length);
	char again[MAXINT8LEN + 1];
	int64 number;

	if (type == PQL_COLUMN_TEXT)
	{
		*key = PointerGetDatum(cstring_to_text_with_len(id, length));
		return true;
	}
	if (type == PQL_COLUMN_UUID)
	{
		if (length != 2 * UUID_LEN + 4 || strspn(text, "0123456789abcdef-") != length)
			return false;
		for (int i = 0; i < length; i++)
			if ((text[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
				return false;
		*key = DirectFunctionCall1(uuid_in, CStringGetDatum(text));
		return true;
	}
	number = strtoll(text, NULL, 10);
	if (length > MAXINT8LEN || pg_lltoa(number, again) != length || strcmp(again, text) != 0)
		return false;
	if (type == PQL_COLUMN_INT8)
		*key = Int64GetDatum(number);
	else if (type == PQL_COLUMN_INT4 && number == (int32) number)
		*key = Int32GetDatum((int32) number);
	else if (type == PQL_COLUMN_INT2 && number == (int16) number)
		*key = Int16GetDatum((int16) number);
	else
		return false;
	return true;
}

struct varlena *
pql_jsonb_of_json(struct varlena *json)
{
	return (struct varlena *) DatumGetPointer(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring((text *) json))));
}

static PqlValue
number_of_double(double number)
{
	PqlValue value = {PQL_NUMBER};

	if (isfinite(number))
	{
		value.number = number;
		return value;
	}
	/* as to_jsonb writes them */
	value.kind = PQL_STRING;
	value.data = isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
	value.length = strlen(value.data);
	return value;
}

static PqlValue
numeric_property(struct varlena *stored)
{
	Numeric numeric = DatumGetNumeric(PointerGetDatum(stored));
	PqlValue value = {PQL_NUMBER};

	if (numeric_is_nan(numeric) || numeric_is_inf(numeric))
		return number_of_double(
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(numeric))));
	value.data = (const char *) numeric;
	value.length = VARSIZE_ANY(numeric);
	return value;
}

/* A column's value as to_jsonb would give it. */
static PqlValue
property_value(PqlColumnType type, const char *field)
{
	PqlValue value = {PQL_ABSENT};
	struct varlena *stored = (struct varlena *) unconstify(char *, field);
	int16 small;
	int32 whole;
	int64 large;
	double number;

	if (field == NULL)
		return value;
	switch (type)
	{
		case PQL_COLUMN_BOOL:
			value.kind = PQL_BOOL;
			value.truth = *field != 0;
			return value;
		case PQL_COLUMN_INT2:
			memcpy(&small, field, sizeof(small));
			return number_of_double(small);
		case PQL_COLUMN_INT4:
			memcpy(&whole, field, sizeof(whole));
			return number_of_double(whole);
		case PQL_COLUMN_INT8:
			memcpy(&large, field, sizeof(large));
			/* beyond 2^53 a double would not tell all of them apart */
			if (large > -(INT64CONST(1) << 53) && large < (INT64CONST(1) << 53))
				return number_of_double(large);
			return numeric_property((struct varlena *) DatumGetPointer(
				DirectFunctionCall1(int8_numeric, Int64GetDatum(large))));
		case PQL_COLUMN_FLOAT8:
			memcpy(&number, field, sizeof(number));
			if (!isfinite(number))
				return number_of_double(number);
			/* by its shortest digits, as JSON has it */
			return numeric_property((struct varlena *) DatumGetPointer(
				DirectFunctionCall3(numeric_in, CStringGetDatum(float8out_internal(number)),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
		case PQL_COLUMN_NUMERIC:
			return numeric_property(stored);
		case PQL_COLUMN_JSON:
			return pql_value_of_jsonb(pql_jsonb_of_json(stored));
		case PQL_COLUMN_JSONB:
			return pql_value_of_jsonb(stored);
		default:
			value.kind = PQL_STRING;
			value.data = pql_field_text(type, field, &value.length);
			return value;
	}
}

void
pql_row_properties(const PqlShape *shape, const char *const *fields, PqlValue *values)
{
	for (int i = 0; i < shape->nproperties; i++)
	{
		const PqlPropertyField *p = &shape->properties[i];
		PqlValue value;

		/* the places of a property stand together: the first that says it counts */
		if (i > 0 && p->property == p[-1].property && values[p->property].kind != PQL_ABSENT)
			continue;
		value = property_value(shape->type[p->field], fields[p->field]);
		if (p->rest != NULL)
			value = pql_value_path(&value, p->rest, strlen(p->rest));
		values[p->property] = value;
	}
}
