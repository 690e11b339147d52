"""The configurations of Nginx and Varnish that the tests run, and how a project gets its own of them."""
