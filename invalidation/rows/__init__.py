"""The rows of the database: each table is written by one module, and asked by the questions that stand there."""
