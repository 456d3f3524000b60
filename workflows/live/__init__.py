"""From a commit to every open page: LISTEN, coalesce, fan out as bare server-sent events."""
