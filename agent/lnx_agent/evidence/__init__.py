"""Why the log can be believed: hash tree, signed notes, keys, and the verifier that needs nothing but the files."""
