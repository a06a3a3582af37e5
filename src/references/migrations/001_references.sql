-- Who would miss a model. What one (holder, kind, name) refers to is one model.
CREATE TABLE model_references (
  holder TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('collection', 'preference', 'llm_config')),
  name TEXT NOT NULL,
  model_id TEXT NOT NULL,
  PRIMARY KEY (holder, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_references_by_model ON model_references (model_id);
