-- People who belong together, and the rooms that are theirs alone.
CREATE TABLE workspaces (
    code        TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    founder     INTEGER NOT NULL REFERENCES people (id),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspace_members (
    workspace   TEXT    NOT NULL REFERENCES workspaces (code),
    person      INTEGER NOT NULL REFERENCES people (id),
    since       INTEGER NOT NULL,
    PRIMARY KEY (workspace, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspaces_of ON workspace_members (person, since);

-- The rooms of kind 2: only members of its workspace may be in it.
CREATE TABLE channels (
    room        TEXT    NOT NULL PRIMARY KEY REFERENCES rooms (code),
    workspace   TEXT    NOT NULL REFERENCES workspaces (code),
    name        TEXT    NOT NULL,
    made_by     INTEGER NOT NULL REFERENCES people (id),
    UNIQUE (workspace, name)
) STRICT, WITHOUT ROWID;
