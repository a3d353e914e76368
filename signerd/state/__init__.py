"""What signerd must remember: keys, versions, answers to changes. SQL only, authenticated; nothing here decides."""
