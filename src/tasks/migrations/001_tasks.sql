-- One row per task. A task without `finished` holds the slot of its key: the index lets nobody else in, and the write that ends a
-- task frees the slot. `updated_at` is renewed by the owner as long as it lives.
CREATE TABLE tasks (
  id TEXT NOT NULL PRIMARY KEY,
  key TEXT NOT NULL,
  operation TEXT NOT NULL CHECK (operation IN ('download', 'delete', 'verify')),
  status TEXT NOT NULL CHECK (
    status IN ('pending', 'running', 'completed', 'not_installed', 'failed', 'cancelled', 'interrupted')),
  finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
  payload TEXT NOT NULL,
  progress TEXT NOT NULL,
  error TEXT,
  attempt INTEGER NOT NULL,
  next_attempt_at REAL,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  epoch INTEGER NOT NULL,
  owner TEXT NOT NULL,
  cancel_asked INTEGER NOT NULL DEFAULT 0 CHECK (cancel_asked IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX tasks_active ON tasks (key) WHERE finished = 0;
CREATE INDEX tasks_by_age ON tasks (created_at);
CREATE INDEX tasks_finished ON tasks (updated_at) WHERE finished = 1;
