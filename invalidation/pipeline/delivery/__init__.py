"""Third stage: calls are made to every node, until each copy is proved gone."""
