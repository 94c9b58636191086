/*
 * gather.h: evidence as values of SQL.
 */
#ifndef PQL_GATHER_H
#define PQL_GATHER_H

#include "evidence.h"

/* Evidence as a datum, in the storage format. */
extern bytea *pql_evidence_pack(const PqlEvidence *evidence);

/* And back, checked. `known` is a layout that may be the right one, or NULL. */
extern PqlEvidence *pql_evidence_unpack(const bytea *packed, const PqlLayout *known);

#endif
