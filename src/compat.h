/*
 * compat.h: what differs between the PostgreSQL versions pql builds on. Every test of
 * PG_VERSION_NUM stands here and nowhere else.
 */
#ifndef PQL_COMPAT_H
#define PQL_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pql needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "catalog/pg_attribute.h"
#include "catalog/pg_namespace.h"
#include "common/jsonapi.h"
#include "utils/acl.h"
#if PG_VERSION_NUM < 170000
#include "utils/snapmgr.h"
#endif

/* Callbacks of the JSON parser return nothing before 16, a result code from then on. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType PqlJsonResult;
#define PQL_JSON_OK return JSON_SUCCESS
#else
typedef void PqlJsonResult;
#define PQL_JSON_OK return
#endif

/* The lexer's constructor: 17 lets the caller own the memory. */
static inline JsonLexContext *
pql_json_lexer(char *text, int length, int encoding)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, text, length, encoding, true);
#else
	return makeJsonLexContextCstringLen(text, length, encoding, true);
#endif
}

/* Has the role USAGE on the schema? */
static inline bool
pql_schema_usable(Oid schema, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* Can a snapshot become too old to read with? Until 16. */
static inline bool
pql_snapshots_age(void)
{
#if PG_VERSION_NUM >= 170000
	return false;
#else
	return OldSnapshotThresholdActive();
#endif
}

/* A generated column without storage: from 18 on. */
static inline bool
pql_attribute_is_virtual(const FormData_pg_attribute *attribute)
{
#if PG_VERSION_NUM >= 180000
	return attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

#endif
