"""What is kept: the state that the next epoch hangs on, in files, and what tells fits apart."""
