"""Who the caller is, and what policy lets that caller do. Decisions only: nothing here signs or stores."""
