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

/* Beginning an index scan: from 18 on it takes a place for statistics. */
#if PG_VERSION_NUM >= 180000
#define pql_index_beginscan(rel, index, snapshot, nkeys)                                           \
	index_beginscan(rel, index, snapshot, NULL, nkeys, 0)
#define pql_index_beginscan_bitmap(index, snapshot, nkeys)                                         \
	index_beginscan_bitmap(index, snapshot, NULL, nkeys)
#else
#define pql_index_beginscan(rel, index, snapshot, nkeys)                                           \
	index_beginscan(rel, index, snapshot, nkeys, 0)
#define pql_index_beginscan_bitmap(index, snapshot, nkeys)                                         \
	index_beginscan_bitmap(index, snapshot, nkeys)
#endif

/* Walking through a bitmap of rows, page by page: named anew in 18. */
#if PG_VERSION_NUM >= 180000
#define PqlTidIterator TBMPrivateIterator
#define pql_tid_iterate tbm_begin_private_iterate
#define pql_tid_end tbm_end_private_iterate
#define pql_tid_next(iterator, block)                                                              \
	({                                                                                             \
		TBMIterateResult result_;                                                                  \
		bool more_ = tbm_private_iterate(iterator, &result_);                                      \
		*(block) = result_.blockno;                                                                \
		more_;                                                                                     \
	})
#else
#define PqlTidIterator TBMIterator
#define pql_tid_iterate tbm_begin_iterate
#define pql_tid_end tbm_end_iterate
#define pql_tid_next(iterator, block)                                                              \
	({                                                                                             \
		TBMIterateResult *result_ = tbm_iterate(iterator);                                         \
		if (result_ != NULL)                                                                       \
			*(block) = result_->blockno;                                                           \
		result_ != NULL;                                                                           \
	})
#endif

#endif
