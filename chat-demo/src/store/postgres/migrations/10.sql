-- People who belong together, and the rooms that are theirs alone.
CREATE TABLE workspaces (
    code        TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    founder     BIGINT  NOT NULL REFERENCES people (id),
    created_at  BIGINT  NOT NULL
);

CREATE TABLE workspace_members (
    workspace   TEXT    NOT NULL REFERENCES workspaces (code),
    person      BIGINT  NOT NULL REFERENCES people (id),
    since       BIGINT  NOT NULL,
    PRIMARY KEY (workspace, person)
);
CREATE INDEX workspaces_of ON workspace_members (person, since);

-- The rooms of kind 2: only members of its workspace may be in it.
CREATE TABLE channels (
    room        TEXT    NOT NULL PRIMARY KEY REFERENCES rooms (code),
    workspace   TEXT    NOT NULL REFERENCES workspaces (code),
    name        TEXT    NOT NULL,
    made_by     BIGINT  NOT NULL REFERENCES people (id),
    UNIQUE (workspace, name)
);
