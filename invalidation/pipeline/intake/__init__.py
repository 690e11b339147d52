"""First stage: pending events become batches."""
