"""What is answered: documents, problems, pages of a list, and the description of all of them."""
