-- Who wants a subscriber to be told. Nobody's name is empty: that of callers where no keys are asked for, and of all
-- subscribers from before this.
CREATE TABLE subscriptions (
    subscriber_id TEXT NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    owner         TEXT NOT NULL,
    PRIMARY KEY (subscriber_id, owner)
);
INSERT INTO subscriptions (subscriber_id, owner) SELECT id, '' FROM subscribers;
