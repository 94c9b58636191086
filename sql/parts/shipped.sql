-- The models that come with pql: sql/models.
-- @models
SELECT pql.ship_model(pql.canonical_model(pql.members_document(v.document)), false) FROM pql.model_version v WHERE v.document ->> 'unit' = 'account' ORDER BY v.model;
