"""Second stage: a batch's targets become calls within what each product can do."""
