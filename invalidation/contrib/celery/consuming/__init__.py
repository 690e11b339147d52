"""Messages become work: what is none of ours is dropped, and slow nodes leave slots free."""
